"""How any image file is read: whole, in colour and not too large; archives of such files; a cache of decoded ones."""

import io
import struct
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from lib.data import files

FORMATS = ("JPEG", "PNG", "BMP")  # whatever a file is called
LARGEST = 2**26  # pixels of one image: 200 MB, where a file of a few kilobytes could ask for any memory


def decoded(file: bytes, name: str, shape: tuple[int, int] | None = None, *, size: int | None = None) -> np.ndarray:
    """The pixels (H, W, 3) in an image file, scaled and cropped to a square of `size` if that is given.

    ValueError with its name if it is damaged, too large, grey or of another shape.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    too_large = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            image = Image.open(io.BytesIO(file), formats=FORMATS)  # reads its head alone
        pixels = image.width * image.height
        if pixels <= LARGEST:
            image = ImageOps.exif_transpose(image)  # a camera notes how it was held; reads all of it
    except UnidentifiedImageError as error:  # whose own words name a place in memory
        raise ValueError(f"{name} is no image that can be read: no {', '.join(FORMATS)}") from error
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


def archived(path: Path, rows: Sequence[int] | None = None) -> list[tuple[str, bytes]]:
    """Names and content of a zip file's files, sorted by name: of these rows, None for all.

    ValueError if it is no whole zip file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if not name.endswith("/"))
            return [(name, archive.read(name)) for name in (names if rows is None else [names[i] for i in rows])]
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} is no whole zip file ({error}): delete it and fetch it again") from error


def read_archive(
    path: Path, classes: tuple[str, ...], shape: tuple[int, int], *, rows: Sequence[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, H, W, 3) and labels (n,) of the images CLASS/file in a zip file, sorted by name: of these rows.

    ValueError names the file that lies elsewhere, or is no image in colour of this shape.
    """
    found = archived(path, rows)
    x = [decoded(file, f"{name} in {path.name}", shape) for name, file in found]
    return np.stack(x), np.array([_label(name, classes, path.name) for name, _ in found])


def _label(name: str, classes: tuple[str, ...], where: str) -> int:
    folder = name.rpartition("/")[0]
    if folder not in classes:
        raise ValueError(f"{name} in {where} must lie in a class's folder, one of {', '.join(classes)}")
    return classes.index(folder)


def cached(path: Path, key: str, make: Callable) -> tuple[np.ndarray, np.ndarray, str]:
    """Pixels, labels and their digest: stored under this key, or made and stored; a damaged file is made again."""
    stored = files.kept(path)
    if stored is None or str(stored.get("key")) != key:
        x, y = make()
        stored = {"x": x, "y": y, "key": np.array(key), "digest": np.array(files.hashed(x, y))}
        files.keep(path, np.savez, **stored)
    return stored["x"], stored["y"], str(stored["digest"])
