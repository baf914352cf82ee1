"""Every experiment: its records carry its version, and lists may come as text, as plain papermill gives them."""

import ast
from pathlib import Path

import jupytext
import pytest

from lib.run import ROOT, defaults
from lib.study.grid import experiment

EXPERIMENTS = sorted((ROOT / "notebooks" / "experiments").glob("*.py"))


def calls(path: Path, name: str) -> list[dict[str, str]]:
    """The keyword arguments of each call of a function, as text."""
    found = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    found = [node for node in found if ast.unparse(node.func) == name]
    return [{keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords} for node in found]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_its_records_carry_its_version(path):
    """`make experiments` compares it with the notebook's, and makes again what is older."""
    assert f"\nVERSION = {experiment(str(path.relative_to(ROOT))).version}  # raised when" in path.read_text()
    assert calls(path, "provenance")
    assert all(given.get("version") == "VERSION" for given in calls(path, "provenance"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_its_lists_may_be_text(path):
    given = {name: default for name, default in defaults(jupytext.read(path)).items() if isinstance(default, list)}
    assert {name: name for name in given} == {n: v for own in calls(path, "lists") for n, v in own.items()}
