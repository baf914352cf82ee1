"""Files that hold a training: written whole or not at all, and read only if nothing of them has changed since.

A file is one line (the format's name and a checksum) and what torch.save writes. Its fingerprint says which training it
belongs to: the configuration, the data, and for a checkpoint the code that was running, comments aside.
"""

import ast
import hashlib
import io
import os
import warnings
from functools import cache
from pathlib import Path

import torch

FORMAT = b"lib.training 2 "
LIB = Path(__file__).parents[1]
PARTS = ("*.py", "explainers/*.py", "nets/*.py", "training/*.py")  # of lib: what decides how a training goes on


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
    remedy = "give another path or delete it"
    try:
        line, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise ValueError(f"checkpoint {path} cannot be read ({error.strerror or error}): {remedy}") from error
    if line != FORMAT + hashlib.sha256(content).hexdigest().encode():
        what = "its checksum is wrong" if line.startswith(FORMAT) else "it is no checkpoint of this library"
        raise ValueError(f"checkpoint {path} cannot be read ({what}): {remedy}")
    try:
        saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a different one for each kind of content
        raise ValueError(f"checkpoint {path} cannot be read ({error}): {remedy}") from error
    if missing := [name for name in ("fingerprint", *needs) if name not in saved]:
        raise ValueError(f"checkpoint {path} cannot be read (it lacks {', '.join(missing)}): {remedy}")
    if fingerprint is not None and saved["fingerprint"] != fingerprint:
        raise ValueError(
            f"checkpoint {path} belongs to another configuration (method, runs, settings, start, data or the library's "
            f"version differ): {remedy}"
        )
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
