"""The rules of the house that can be counted: short files, few positional parameters, layers in order."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

LIB = Path(__file__).parents[1] / "lib"
FILES = sorted(LIB.rglob("*.py"))
OWN = {"self", "cls", "ctx"}  # of methods
TORCHS = {"forward"}  # autograd's own call of a Function


def public(node, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions, methods and constructors whose names do not begin with an underscore."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from public(child, f"{child.name}.")
        elif isinstance(child, ast.FunctionDef) and (child.name == "__init__" or not child.name.startswith("_")):
            yield prefix + child.name, child


def positional(function: ast.FunctionDef) -> list[str]:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return names[1:] if names and names[0] in OWN else names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(LIB).as_posix())
def test_public_functions_take_at_most_three_positional_parameters(path):
    found = {name: positional(function) for name, function in public(ast.parse(path.read_text()))}
    long = {name: taken for name, taken in found.items() if len(taken) > 3 and name.split(".")[-1] not in TORCHS}
    assert not long, f"put the rest after *: {long}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(LIB).as_posix())
def test_no_file_is_above_300_lines(path):
    assert len(path.read_text().splitlines()) <= 300


def layer(path: str) -> int:
    """The row of a file of lib in the list of layers of the page on architecture."""
    lines = (LIB.parent / "book" / "architecture.md").read_text().splitlines()
    rows = [re.findall("`(lib/[^`]+)`", line) for line in lines if line.startswith("| ")]
    (at,) = [n for n, places in enumerate(rows) if any(path == own or path.startswith(own) for own in places)]
    return at


def imported(path: Path) -> Iterator[str]:
    """The files and packages of lib that a file imports, as paths from the root."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lib":
            names = [f"lib.{alias.name}" for alias in node.names] if node.module == "lib" else [node.module]
            for place in (name.replace(".", "/") for name in names):
                yield f"{place}/" if (LIB.parent / place).is_dir() else f"{place}.py"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(LIB).as_posix())
def test_a_file_imports_from_its_own_layer_and_those_above(path):
    own = path.relative_to(LIB.parent).as_posix()
    assert not [other for other in imported(path) if layer(other) > layer(own)]
