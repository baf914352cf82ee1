"""Files that appear whole or not at all."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path


def check_home(name: str, path: str | Path) -> None:
    """ValueError if a path begins with ~, which a shell alone replaces: a folder of that name would be made."""
    if re.match("~$|~[^/]*/", str(path)):
        raise ValueError(f"{name} must be a whole path, got {str(path)!r}: write your folder's name for ~")


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
