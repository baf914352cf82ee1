"""Folders of images of your own, CLASS/file, and how any image file is read: whole, in colour, and not too large."""

import hashlib
import io
import mimetypes
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lib.data import files

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")
FORMATS = ("JPEG", "PNG", "BMP")  # whatever a file is called
LARGEST = 2**26  # pixels of one image: 200 MB, where a file of a few kilobytes could ask for any memory


def read_own(folder: Path, cache: Path, *, size: int | None = None):
    """Pixels (N, H, W, 3), labels (N,), the classes in the order of their names, and a digest of the first two.

    size: pixels to a side, to which every image is scaled and cropped; None where all have one shape already.
    ValueError names the file that does not fit.
    """
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if loose := [path.name for path in inside if path.is_file() and _is_image(path)]:
        raise ValueError(f"{folder} must hold a folder for each class, got the image {loose[0]} beside them")
    classes = {path.name: _images(path) for path in inside if path.is_dir()}
    if broken := [path.name for path in inside if not path.exists()]:
        raise ValueError(f"{folder}/{broken[0]} is a link to nothing: mend or remove it")
    if empty := [name for name, own in classes.items() if not own]:
        raise ValueError(f"{folder}/{empty[0]} holds no image ({', '.join(SUFFIXES)}), and so is no class")
    if len(classes) < 2:
        raise ValueError(f"{folder} must hold at least two classes' folders, got {list(classes) or 'none'}")

    def decode():
        x, shape = [], None
        for path in (f for own in classes.values() for f in own):
            x.append(decoded(path.read_bytes(), str(path), shape, size=size))
            shape = x[0].shape[:2]
        return np.stack(x), np.repeat(np.arange(len(classes)), [len(own) for own in classes.values()])

    found = [(str(f.relative_to(folder)), f.stat()) for own in classes.values() for f in own]
    at = size, str(folder.resolve())  # others of its name may hold files of the same sizes and dates
    words = *at, [(name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for name, stat in found]
    key = hashlib.sha256(repr(words).encode()).hexdigest()
    x, y, digest = cached(cache / f"images-{folder.name}.npz", key, decode)
    return x, y, tuple(classes), digest


def _is_image(path: Path) -> bool:
    """By its name, of whatever kind: also one that could not be read."""
    return (mimetypes.guess_type(path)[0] or "").startswith("image/")


def _images(folder: Path) -> list[Path]:
    """The image files of a class; ValueError names anything else there, so that no image is left out unsaid."""
    found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if other := [path for path in found if path.suffix.lower() not in SUFFIXES or not path.is_file()]:
        raise ValueError(f"{other[0]} is no image file ({', '.join(SUFFIXES)}): convert it, or move it elsewhere")
    return found


def check_parts(y: np.ndarray, index: tuple[np.ndarray, ...], classes: tuple[str, ...]) -> None:
    """ValueError unless training, validation and test have an image each, and training one of each class."""
    if not all(len(rows) for rows in index):
        sizes = ", ".join(str(len(rows)) for rows in index)
        raise ValueError(f"your folder must hold images for training, validation and test, got {sizes}: add some")
    if absent := sorted(set(range(len(classes))) - set(y[index[0]].tolist())):
        raise ValueError(f"training must see each class, got no image of {classes[absent[0]]}: add some, or split anew "
                         "with another seed")  # fmt: skip


def decoded(file: bytes, name: str, shape: tuple[int, int] | None = None, *, size: int | None = None) -> np.ndarray:
    """The pixels (H, W, 3) in an image file, scaled and cropped to a square of `size` if that is given.

    ValueError with its name if it is damaged, too large, grey or of another shape.
    """
    from PIL import Image, ImageOps

    too_large = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            image = Image.open(io.BytesIO(file), formats=FORMATS)  # reads its head alone
        pixels = image.width * image.height
        if pixels <= LARGEST:
            image = ImageOps.exif_transpose(image)  # a camera notes how it was held; reads all of it
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise ValueError(f"{name} is no image that can be read ({error})") from error
    except too_large:
        pixels = LARGEST + 1
    if pixels > LARGEST:
        raise ValueError(f"{name} says that it has more than {LARGEST:,} pixels, so it was not read: make it smaller")
    if image.mode != "RGB":
        raise ValueError(f"{name} must be a colour image (RGB), got mode {image.mode}: convert it")
    if size:
        image = ImageOps.fit(image, (size, size))
    if shape and (image.height, image.width) != shape:
        raise ValueError(f"{name} must have {shape[0]} x {shape[1]} pixels, got {image.height} x {image.width}")
    return np.asarray(image)


def hashed(*arrays: np.ndarray) -> str:
    """SHA-256 of arrays, one after the other."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def cached(path: Path, key: str, make: Callable) -> tuple[np.ndarray, np.ndarray, str]:
    """Pixels, labels and their digest: stored under this key, or made and stored; a damaged file is made again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            x, y, found, digest = file["x"], file["y"], str(file["key"]), str(file["digest"])
        if found == key and hashed(x, y) == digest:
            return x, y, digest
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        pass
    x, y = make()
    digest = hashed(x, y)
    files.keep(path, np.savez, x=x, y=y, key=np.array(key), digest=np.array(digest))
    return x, y, digest
