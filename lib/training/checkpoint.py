"""Files that hold a training: written whole or not at all, and read only if nothing of them has changed since.

A file is one line (the format's name and a checksum) and what torch.save writes. Its fingerprint says which training it
belongs to: the configuration, the data, and for a checkpoint the code that was running, comments aside.
"""

import ast
import hashlib
import io
import os
import warnings
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch

from lib.options import is_number

FORMAT = b"lib.training 2 "
LIB = Path(__file__).parents[1]
PARTS = ("*.py", "data/images.py", "explainers/*.py", "nets/*.py", "training/*.py")  # what decides how one goes on
REMEDY = "give another path or delete it"


def write(path: Path, payload: dict) -> bool:
    """Write it, whole or not at all. A disk that is full is warned of, and False returned: training can go on."""
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    content, temporary = buffer.getvalue(), path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(FORMAT + hashlib.sha256(content).hexdigest().encode() + b"\n")
            file.write(content)
        temporary.replace(path)
    except OSError as error:
        warnings.warn(f"{path} could not be written ({error.strerror or error}): training goes on", stacklevel=2)
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def read(path: Path, fingerprint: str | None = None, needs: tuple[str, ...] = ()) -> dict:
    """What was written. ValueError if it is damaged, lacks what is needed, or has another fingerprint."""
    try:
        line, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise ValueError(f"checkpoint {path} cannot be read ({error.strerror or error}): {REMEDY}") from error
    if line != FORMAT + hashlib.sha256(content).hexdigest().encode():
        what = "its checksum is wrong" if line.startswith(FORMAT) else "it is no checkpoint of this library"
        raise ValueError(f"checkpoint {path} cannot be read ({what}): {REMEDY}")
    try:
        saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a different one for each kind of content
        raise ValueError(f"checkpoint {path} cannot be read ({error}): {REMEDY}") from error
    whole(saved, ("fingerprint", *needs), path)
    if fingerprint is not None and saved["fingerprint"] != fingerprint:
        raise ValueError(
            f"checkpoint {path} belongs to another configuration (method, runs, settings, start, data or the library's "
            f"version differ): {REMEDY}"
        )
    return saved


def whole(saved: dict, names: Iterable[str], path: Path) -> dict:
    """What was saved; ValueError unless it is a dictionary that has these names."""
    if not isinstance(saved, dict):
        raise ValueError(f"checkpoint {path} cannot be read (it holds a {type(saved).__name__}, no state): {REMEDY}")
    if missing := sorted(set(names) - saved.keys()):
        raise ValueError(f"checkpoint {path} cannot be read (it lacks {', '.join(missing)}): {REMEDY}")
    return saved


@cache
def code() -> str:
    """A digest of the library's code as far as trainings depend on it, without comments and docstrings."""
    digest = hashlib.sha256(torch.__version__.encode())
    for path in sorted(path for part in PARTS for path in LIB.glob(part)):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
                node.body[0] = ast.Pass()
        digest.update(f"{path.relative_to(LIB)} {ast.dump(tree)}".encode())
    return digest.hexdigest()


def check_folder(weights: str | os.PathLike | None) -> Path | None:
    """The folder, if any, there or not yet; ValueError unless it can be written."""
    if not weights:
        return None
    path = Path(weights).absolute()
    there = next(place for place in (path, *path.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise ValueError(f"weights must be a folder that can be written, got {weights}")
    return path


def check_path(checkpoint: str | os.PathLike | None) -> Path | None:
    """The path, if any; ValueError unless it is a file in a folder that can be written."""
    path = Path(checkpoint) if checkpoint else None
    if path and path.is_dir():
        raise ValueError(f"checkpoint must be a file, got the folder {path}")
    if path and not os.access(path.parent, os.W_OK):
        raise ValueError(f"checkpoint must lie in a folder that can be written, got {path}")
    return path


def check_every(seconds: float) -> float:
    """The seconds between two checkpoints; ValueError unless they are a number of at least 0."""
    if not is_number(seconds) or seconds < 0:
        raise ValueError(f"save_every must be a number of seconds of at least 0, got {seconds!r}")
    return seconds
