"""The rules of the house that can be counted: short files, few positional parameters."""

import ast
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
