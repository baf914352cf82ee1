"""What happens to what runs of the grid leave: networks that others start from, records, and a disk that is full."""

import os
import time

import pandas as pd
import pytest
import yaml

from lib.study import records
from lib.study.provenance import provenance
from tests.faults import disk, ended, engine, project, read, starts, until


def after(folder, fault, **more):
    """Two more runs: `first`, which meets that fault and leaves first.pt, and `second`, which starts from it."""
    path = folder / "workflow" / "grid.yaml"
    (small,) = yaml.safe_load(path.read_text())
    first = small | {"name": "first", "set": {"weights": "first.pt"}, "minutes": {"first": {fault: 3}}}
    second = small | {"name": "second", "set": {"start": "first.pt"}, "minutes": {"second": {"none": 3}}} | more
    path.write_text(yaml.safe_dump([small, second, first]))


def test_a_run_that_starts_from_what_another_leaves(tmp_path):
    """Two runs, the second from the network of the first, which waits. Later the second's records are lost, then the
    network, too, whose file is in no repository.

    Seen: the second waits for the first, and comes with it where it alone was asked for. Alone it is made again without
    the first. Without its network it is not started, and a line names the command that makes the network.
    """
    folder = project(tmp_path / "grid", a="")
    after(folder, "waits")
    both = engine(folder, "--only", "second")
    until(lambda: starts(folder, "first"))
    time.sleep(3)
    assert starts(folder, "second") == 0
    (folder / "go").touch()
    assert "2 runs made" in ended(both)
    (folder / "results" / "second.parquet").unlink()
    os.utime(folder / "results" / "first.parquet", (4102444800, 4102444800))
    assert "1 runs made" in ended(engine(folder, "--only", "second", "--config", "threads=2"))
    assert (starts(folder, "first"), starts(folder, "second"), starts(folder, "a")) == (1, 2, 0)
    (folder / "results" / "second.parquet").unlink()
    (folder / "first.pt").unlink()
    out = ended(engine(folder))
    assert "first.pt is not there, from which 1 of the missing runs start: make it again by python -m lib.run" in out
    assert "1 runs made, 1 missing" in out
    assert read(folder) == ["a", "first"]


def test_a_run_that_starts_from_one_that_fails(tmp_path):
    """The first of two such runs raises an error; the grid says that the second is not to be started by itself.

    Seen: the second is not started, CLOSED=yes or not, and a third is made.
    """
    folder = project(tmp_path / "grid", a="")
    after(folder, "raises", closed="it takes a day")
    assert "1 runs are started by CLOSED=yes alone: it takes a day" in ended(engine(folder, "--dry"))
    assert "1 runs made, 2 missing" in ended(engine(folder, "--closed", "yes"))
    assert (starts(folder, "first"), starts(folder, "second"), starts(folder, "a")) == (1, 0, 1)


def test_a_run_made_anew_that_fails(tmp_path):
    """A run whose experiment has a higher version, and which fails when it is made again.

    Seen: its older records are as they were, and the next call makes the new ones.
    """
    folder = project(tmp_path / "grid", a="memory")
    (folder / "go").touch()
    assert "1 runs made" in ended(engine(folder, "--config", "threads=3"))
    before = (folder / "results" / "a.parquet").read_bytes()
    assert set(records.read(folder / "results")["epochs"]) == {3}
    small = folder / "notebooks" / "experiments" / "small.py"
    small.write_text(small.read_text().replace("VERSION = 1", "VERSION = 2"))
    (folder / "go").unlink()
    assert "0 runs made, 1 missing" in ended(engine(folder))
    assert (folder / "results" / "a.parquet").read_bytes() == before
    (folder / "go").touch()
    assert "1 runs made" in ended(engine(folder))
    assert set(records.read(folder / "results")["experiment_version"]) == {2}


def test_a_budget_that_ends_and_a_clock_that_goes_back(tmp_path):
    """A budget shorter than the run, so that it is stopped; then files whose times lie in the future or in 1980.

    Seen: the run is stopped and made at the next call. What is missing does not depend on the time of any file, so that
    nothing is made again.
    """
    folder = project(tmp_path / "grid", a="waits")
    stopped = engine(folder, "--budget", "10s")
    assert "stopped, as the time is over" in ended(stopped)
    assert not (folder / "results" / "a.parquet").exists()
    (folder / "go").touch()
    assert "1 runs made" in ended(engine(folder))
    made = starts(folder, "a")
    for file, at in (("results/a.parquet", 315532800), ("notebooks/experiments/small.py", 4102444800)):
        os.utime(folder / file, (at, at))
    assert "0 runs to make" in ended(engine(folder))
    assert starts(folder, "a") == made


def test_a_truncated_file_of_records(tmp_path):
    """A file of records cut short by something outside.

    Seen: it is not read. The next call says so, keeps it as `.damaged`, and makes the run again.
    """
    folder = project(tmp_path / "grid", a="", b="")
    assert "2 runs made" in ended(engine(folder))
    path = folder / "results" / "a.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"a.parquet is not a readable parquet file"):
        read(folder)
    out = ended(engine(folder))
    assert "results/a.parquet cannot be read: kept as a.parquet.damaged, and made again" in out
    assert read(folder) == ["a", "b"]
    assert (folder / "results" / "a.parquet.damaged").exists()
    assert (starts(folder, "a"), starts(folder, "b")) == (2, 1)


def test_a_full_disk_where_records_are_to_be_written(tmp_path):
    """A disk of 600 kB that is full, and one that may only be read, as the folder of records.

    Seen: refused before anything is trained, in one line that names the place and the reason.
    """
    for options, reason in (("size=600k", "No space left on device"), ("ro,size=600k", "Read-only file system")):
        name = options.split(",")[0]
        with disk(tmp_path / name, options) as place, pytest.raises(ValueError, match=f"out must be .*{reason}"):
            records.check_out(place / "a.parquet")
        assert not list((tmp_path / name).iterdir())


def test_a_disk_that_fills_while_records_are_written(tmp_path):
    """A disk that is full by the time that the records are written over older ones.

    Seen: an error that says so, the older records whole, and no half file beside them.
    """
    row = {"paper": "FE", "dataset": "glass", "method": "a", "split": 0, "seed": 0, "part": "test", "value": 0.5,
           "measure": "accuracy", "direction": "higher", "epochs": 1, "best_epoch": 1, "seconds": 0.0, "eta": 0.0,
           "lam": 1.0, "U": 10}  # fmt: skip
    frame = pd.DataFrame([row]).assign(**provenance({}, "cpu"))
    with disk(tmp_path / "disk", "size=2m") as place:
        path = records.write(frame, place / "a.parquet")
        before = path.read_bytes()
        with pytest.raises(OSError, match="No space left"):
            (place / "fills").write_bytes(bytes(2**21))
        with pytest.raises(ValueError, match="No space left on device"):
            records.write(frame, path)
        assert path.read_bytes() == before
        assert sorted(file.name for file in place.iterdir()) == ["a.parquet", "fills"]
        (place / "fills").unlink()
        assert records.read(records.write(frame, path)).shape[0] == 1
