"""Every experiment: its records carry its version, and lists may come as text, as plain papermill gives them."""

import ast
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

from lib import run
from lib.parameters import defaults
from lib.run import ROOT
from lib.study import records
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


IMPORTS = """import ast, sys
sys.modules |= dict.fromkeys(["papermill", "jupytext", "nbclient", "nbformat", "jupyter_client", "snakemake"])
for path in sys.argv[1:]:
    tree = ast.parse(open(path).read())
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(tree, path, "exec"))"""


def test_none_needs_papermill_or_jupyter():
    """workflow/scale_b.py executes them as plain scripts, and the page on grids promises it of that."""
    words = [sys.executable, "-c", IMPORTS, *EXPERIMENTS, ROOT / "workflow" / "scale_b.py"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_its_lists_may_be_text(path):
    given = {name: default for name, default in defaults(jupytext.read(path)).items() if isinstance(default, list)}
    read = [*calls(path, "lists"), *calls(path, "vectors")]
    assert {name: name for name in given} == {n: v for own in read for n, v in own.items()}


def test_a_second_seed_does_not_replace_the_first_one(tmp_path, capsys):
    """Said before anything is trained; the first one may be made again."""
    words = [str(ROOT / "notebooks/experiments/fewer_examples.py"), str(tmp_path / "a.ipynb")]
    given = {
        "method": "Joint",
        "etas": "0",
        "splits": "0",
        "epochs": "2",
        "U_values": "5",
        "out": tmp_path / "a.parquet",
    }
    words += [word for name, value in given.items() for word in ("-p", name, str(value))]
    assert run.main([*words, "-p", "seed", "3"]) == 0
    held = (tmp_path / "a.parquet").read_bytes()
    assert run.main(words) == 1
    assert "out must not replace records of another seed" in capsys.readouterr().err
    assert (tmp_path / "a.parquet").read_bytes() == held
    assert run.main([*words, "-p", "seed", "3"]) == 0


def test_runs_that_all_diverge_are_recorded_as_such(tmp_path):
    """None of them has an explanation."""
    given = {"method": "Joint", "etas": "0", "lambdas": "[1e38]", "splits": "0", "epochs": "20", "U_values": "5",
             "out": str(tmp_path / "a.parquet")}  # fmt: skip
    words = [word for pair in given.items() for word in ("-p", *pair)]
    assert run.main([str(ROOT / "notebooks/experiments/fewer_examples.py"), str(tmp_path / "a.ipynb"), *words]) == 0
    assert records.read(tmp_path / "a.parquet")["diverged"].all()


def test_a_misspelt_number_of_entries_is_refused_before_stage_1(tmp_path, capsys):
    given = {"method": "Pretrain", "etas": "0", "splits": "0", "U_values": "[5, ten]",
             "stage1": tmp_path / "stage1.pt", "out": tmp_path / "a.parquet"}  # fmt: skip
    words = [word for name, value in given.items() for word in ("-p", name, str(value))]
    assert run.main([str(ROOT / "notebooks/experiments/fewer_examples.py"), str(tmp_path / "a.ipynb"), *words]) == 1
    assert "cell 4: ValueError: U must be a whole number" in capsys.readouterr().err
    assert not (tmp_path / "stage1.pt").exists()


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_it_replaces_no_records_of_another_paper_split_or_seed(path):
    known = {name.removesuffix("s") for name in defaults(jupytext.read(path))} & {"split", "seed"}
    if path.stem == "insertion_deletion_images":  # whose runs are added to those in the file
        known = set()
    assert all({"paper", *known} <= given.keys() for given in calls(path, "records.check_replaced"))
    assert len(calls(path, "records.check_replaced")) == len(calls(path, "records.check_out")) == 1
