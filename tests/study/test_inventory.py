"""What there is of each grid: runs made and missing, hours, machines and versions."""

import pandas as pd
import pytest

from lib.study import grid
from lib.study.inventory import inventory, spent


def run(out, minutes=60, closed=""):
    return grid.Run("small", "a figure", "notebooks/experiments/small.py", out, {}, minutes, None, closed)


@pytest.fixture
def root(tmp_path):
    """One file of two runs, each noted in two rows."""
    (tmp_path / "notebooks" / "experiments").mkdir(parents=True)
    (tmp_path / "notebooks" / "experiments" / "small.py").write_text('# %% tags=["parameters"]\nout = ""\n')
    rows = [{"method": "Ours", "split": split, "config": "c", "seconds": 1800.0, "device": f"cpu: A{split}, 1 threads",
             "versions": "python 3.11, torch 2.15.0+cpu, numpy 2"} for split in (0, 0, 1, 1)]  # fmt: skip
    rows[1]["config"] = "measured otherwise"
    pd.DataFrame(rows).to_parquet(tmp_path / "made.parquet")
    return tmp_path


def test_seconds_count_once_for_each_run(root):
    assert spent(root / "made.parquet") == (3600.0, {"cpu: A0", "cpu: A1"}, {"2.15.0+cpu"})
    (root / "cut.parquet").write_bytes((root / "made.parquet").read_bytes()[:-50])
    assert spent(root / "cut.parquet") == (0.0, set(), set())


def test_runs_made_and_missing_are_counted_by_what_they_are_for(root):
    (row,) = inventory([run("made.parquet"), run("missing.parquet", 90)], root).to_dict("records")
    assert row == {"grid": "small", "for": "a figure", "runs": 2, "made": 1, "spent": 1.0, "to come": 1.5,
                   "machines": "cpu: A0; cpu: A1", "torch": "2.15.0+cpu"}  # fmt: skip


def test_closed_runs_count_where_they_were_made(root):
    """Of an older version of the experiment, too: nobody makes them again."""
    notebook = root / "notebooks" / "experiments" / "small.py"
    notebook.write_text(notebook.read_text() + "\n# %%\nVERSION = 2\n")
    (row,) = inventory([run("made.parquet", closed="older"), run("missing.parquet", closed="older")], root).to_dict(
        "records"
    )
    assert (row["runs"], row["made"], row["to come"]) == (1, 1, 0)


def test_every_run_of_the_grid_is_counted_or_closed():
    found = inventory()
    assert (found["made"] <= found["runs"]).all()
    assert found["runs"].sum() >= sum(not run.closed for run in grid.read())
