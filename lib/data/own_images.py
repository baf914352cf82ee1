"""Folders of images of your own, CLASS/file."""

import hashlib
import mimetypes
from pathlib import Path

import numpy as np

from lib.data.image_files import cached, decoded

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


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
