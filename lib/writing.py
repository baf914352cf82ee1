"""Files that appear whole or not at all, files that one process holds alone, and changes that wait for each other."""

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO


def check_home(name: str, path: str | Path) -> None:
    """ValueError if a path begins with ~, which a shell alone replaces: a folder of that name would be made."""
    if re.match("~$|~[^/]*/", str(path)):
        raise ValueError(f"{name} must be a whole path, got {str(path)!r}: write your folder's name for ~")


def takes_files(folder: Path) -> bool:
    """Whether a file can be made there, tried with one that is gone at once: rights alone do not tell, as in /proc."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place beside the path, with its ending, for a file that takes the path's place once it is written.

    An older file stays where writing fails, and nothing is left beside it. The folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def held(path: Path, busy: str) -> IO:
    """The file, made where there is none, locked until it is closed or this process ends, however it does.

    ValueError: `busy`, where another process holds it; naming it, where it cannot be written to or locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _at(path, file):
            raise BlockingIOError  # who held it until now has renamed it
    except BlockingIOError:
        raise ValueError(busy) from None
    except OSError as error:
        raise ValueError(f"{path} must be a file that can be written and locked, got: {error.strerror}") from error
    return file


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Waits while another process changes this file, by a lock beside it that is gone afterwards."""
    lock = path.with_name(f".{path.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _at(lock, file):
                continue  # who held it until now has removed it
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _at(path: Path, file: IO) -> bool:
    """Whether an open file is still what lies at the path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
