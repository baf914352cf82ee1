"""Where data files lie, and whether they are what the catalogue says."""

import hashlib
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lib import writing
from lib.data.catalogue import DataSet

ROOT = Path(__file__).parents[2]
SHIPPED = Path(__file__).parent / "shipped"
CACHE = ROOT / "_build" / "cache"


def data_dir(folder: str | Path | None = None) -> Path:
    """The folder given, or DATA_DIR, which is relative to the repository; `data` without either.

    ValueError if DATA_DIR is no folder: what fetches data would make one of a mistyped name.
    """
    if folder:
        return Path(folder)
    place = ROOT / (named := os.environ.get("DATA_DIR", "data"))
    if "DATA_DIR" in os.environ and not place.is_dir():
        raise ValueError(f"DATA_DIR must be a folder that is there, got {named!r}: make it, or mend its name")
    return place


def digest(path: Path) -> str:
    """SHA-256 of a file. A table's line ends count as \\n: git may have changed them at a checkout."""
    with path.open("rb") as file:
        if path.suffix != ".csv":
            return hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(file.read().replace(b"\r\n", b"\n")).hexdigest()


def checked(path: Path, sha256: str, remedy: str) -> Path:
    """The path itself; ValueError with the remedy if its file is missing or has another digest."""
    if not path.is_file():
        raise ValueError(f"no data file at {path}, expected SHA-256 {sha256[:12]}...; {remedy}")
    if (found := digest(path)) != sha256:
        wrong = f"SHA-256 {found[:12]}..., expected {sha256[:12]}..."
        raise ValueError(f"the data file at {path} is damaged or another version: {wrong}; {remedy}")
    return path


def hashed(*arrays: np.ndarray) -> str:
    """SHA-256 of arrays, one after the other."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def keep(path: Path, save: Callable, **arrays: np.ndarray) -> None:
    """Put arrays into a cache by numpy's `save`; a disk that is full is warned of, as they can be made again."""
    try:
        with writing.whole(path) as partial:
            save(partial, **arrays, sha256=np.array(_checksum(arrays)))
    except OSError as error:
        warnings.warn(f"{path} could not be written ({error.strerror or error}): it will be made again", stacklevel=2)


def kept(path: Path) -> dict[str, np.ndarray] | None:
    """What `keep` put there; None if it is absent, damaged or changed, and so is to be made again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return arrays if str(arrays.pop("sha256", "")) == _checksum(arrays) else None


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    """Of names and numbers."""
    named = ((np.frombuffer(name.encode(), np.uint8), arrays[name]) for name in sorted(arrays))
    return hashed(*(part for both in named for part in both))


def fetched(make: Callable, title: str, folder: Path):
    """A data set of torchvision's, which is fetched into the folder if it is not there. ValueError where that fails."""
    try:
        return make()
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"{title} in {folder} is missing or damaged, and fetching it failed ({error}): "
            "delete what is there and run once with a network, or set DATA_DIR to a folder that holds it"
        ) from error


def place(entry: DataSet, folder: str | Path | None = None) -> Path:
    """Where a data set's file is looked for: beside the library if it ships, else in `data_dir`."""
    return (Path(folder or SHIPPED) if entry.shipped else data_dir(folder)) / entry.file
