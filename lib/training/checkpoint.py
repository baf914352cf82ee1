"""Files that hold a training: written whole or not at all, and read only if nothing of them has changed since.

A file is one line (the format's name and a checksum) and what torch.save writes. Its fingerprint says which training it
belongs to: the configuration, the data, and the code that was running, comments aside.
"""

import ast
import hashlib
import inspect
import io
import os
import warnings
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from lib import writing
from lib.options import is_number

FORMAT = b"lib.training 2 "
LIB = Path(__file__).parents[1]
PARTS = ("*.py", "data/images.py", "explainers/*.py", "nets/*.py", "training/*.py")  # what decides how one goes on
BESIDE = ("check.py", "parameters.py", "progress.py", "run.py", "writing.py")  # and what does not
REMEDY = "give another path or delete it"


def write(path: Path, payload: dict) -> bool:
    """Write it, whole or not at all. A disk that is full is warned of, and False returned: training can go on."""
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    content = buffer.getvalue()
    try:
        with writing.whole(path) as partial:
            partial.write_bytes(FORMAT + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    except OSError as error:
        warnings.warn(f"{path} could not be written ({error.strerror or error}): training goes on", stacklevel=2)
        return False
    return True


def read(path: Path, fingerprint: str | None = None, *, like: dict | None = None) -> dict:
    """What was written. ValueError if it is damaged, has another fingerprint, or lacks what is in `like`."""
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
    whole(saved, {"fingerprint": None}, path)
    if fingerprint is not None and saved["fingerprint"] != fingerprint:
        raise ValueError(
            f"checkpoint {path} belongs to another configuration (method, runs, settings, start, data, your code or "
            f"the library's version differ): {REMEDY}"
        )
    return whole(saved, like or {}, path)


def whole(saved, like, path: Path, *, name: str = "state"):
    """What was saved; ValueError unless it has what is in `like`: names, as many items, tensors of the same shapes.

    What is empty in `like`, or None, may have become anything.
    """
    kind = next((kind for kind in (dict, list, Tensor) if isinstance(like, kind)), None)
    if kind and not isinstance(saved, kind):
        wrong = f"it holds a {type(saved).__name__}, no {name}"
    elif kind is dict and (missing := like.keys() - saved.keys()):
        wrong = f"it lacks {', '.join(sorted(map(str, missing)))}"
    elif kind is list and like and len(saved) != len(like):
        wrong = f"it holds {len(saved)} of {len(like)} {name}"
    elif kind is Tensor and like.numel() and saved.shape != like.shape:
        wrong = f"{name} must be {tuple(like.shape)}, got {tuple(saved.shape)}"
    else:
        inner = like.items() if kind is dict else enumerate(like) if kind is list else ()
        for key, own in inner:
            whole(saved[key], own, path, name=key if isinstance(key, str) else name)
        return saved
    raise ValueError(f"checkpoint {path} cannot be read ({wrong}): {REMEDY}")


@cache
def code() -> str:
    """A digest of the library's code as far as trainings depend on it, without comments and docstrings."""
    digest = hashlib.sha256(torch.__version__.encode())
    for path in sorted(path for part in PARTS for path in LIB.glob(part) if path.name not in BESIDE):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
                node.body[0] = ast.Pass()
        digest.update(f"{path.relative_to(LIB)} {ast.dump(tree)}".encode())
    return digest.hexdigest()


def running(*things) -> str:
    """A digest of `code`, torch's precision of products, and the source of what of these things is not the library's.

    things: modules, with all that they are made of, and options, with the options within them. Of a class in a notebook
    it knows the functions, and of one whose source is nowhere to be read the name alone.
    """
    kinds = {kind for thing in things for part in _parts(thing) for kind in type(part).__mro__}
    foreign = [kind for kind in kinds if kind.__module__.partition(".")[0] not in ("lib", "torch", "builtins")]
    precision = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    words = repr((code(), precision, sorted(map(_source, foreign))))
    return hashlib.sha256(words.encode()).hexdigest()


def _parts(thing) -> Iterable:
    if isinstance(thing, nn.Module):
        return thing.modules()
    inner = [getattr(thing, f.name) for f in fields(thing)] if is_dataclass(thing) else []
    return [thing, *(part for own in inner for part in _parts(own))]


def _source(kind) -> str:
    """Of a class, or of a function in it."""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # there is no file, or it is a cell, which is found by its functions alone
        own = [getattr(kind, name) for name in vars(kind)] if inspect.isclass(kind) else []
        return "\n".join([kind.__qualname__, *(_source(function) for function in own if inspect.isfunction(function))])


def check_folder(weights: str | os.PathLike | None) -> Path | None:
    """The folder, if any, there or not yet; ValueError unless it can be written."""
    if not _named("weights", weights):
        return None
    path = Path(weights).absolute()
    if not writing.takes_files(writing.nearest(path)):
        raise ValueError(f"weights must be a folder that can be written, got {weights}")
    return path


def check_path(checkpoint: str | os.PathLike | None) -> Path | None:
    """The path, if any; ValueError unless it is a file in a folder that can be written."""
    path = Path(checkpoint) if _named("checkpoint", checkpoint) else None
    if path and path.is_dir():
        raise ValueError(f"checkpoint must be a file, got the folder {path}")
    if path and not writing.takes_files(path.parent):
        raise ValueError(f"checkpoint must lie in a folder that can be written, got {path}")
    return path


def _named(name: str, path: str | os.PathLike | None) -> bool:
    """Whether there is a path; ValueError unless it is one, or none ("", None)."""
    if not isinstance(path, str | os.PathLike | None):
        raise ValueError(f"{name} must be a path or None, got {path!r}")
    return path is not None and path != ""


def check_every(seconds: float) -> float:
    """The seconds between two checkpoints; ValueError unless they are a number of at least 0."""
    if not is_number(seconds) or seconds < 0:
        raise ValueError(f"save_every must be a number of seconds of at least 0, got {seconds!r}")
    return seconds
