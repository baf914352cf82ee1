"""The record of `make bench`: rows of what ran are replaced and no others, and a page says what they say."""

import pandas as pd
import pytest

from lib.study import ratios

ROW = {"measure": "a", "label": "A step; plainly, all.", "value": 2.5, "low": 2.0, "high": 14.0, "floor": 2,
       "plain_threads": "1", "lib_threads": "2", "device": "cpu: Zen, 2 threads", "date": "2026-01-02",
       "versions": "python 3", "code": "abc clean"}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    """Two measures, the second one number alone."""
    path = tmp_path / "bench" / "ratios.csv"
    ratios.keep(ROW, path)
    ratios.keep({"measure": "b", "label": "B", "value": 9, "device": "cpu: Zen, 2 threads", "date": "2026-01-02"}, path)
    return path


def test_what_is_kept_is_read(path):
    kept = ratios.read(path)
    assert kept["measure"].tolist() == ["a", "b"]
    first, second = (row.to_dict() for _, row in kept.iterrows())
    assert {name: first[name] for name in ROW} == ROW
    assert second["code"] == second["note"] == second["lib_threads"] == ""
    assert pd.isna([second["low"], second["floor"]]).all()


def test_a_measure_replaces_its_own_row_alone_and_in_its_place(path):
    header, _, second = path.read_text().splitlines()
    ratios.keep(ROW | {"value": 3.0, "date": "2026-02-03"}, path)
    lines = path.read_text().splitlines()
    assert (lines[0], lines[2]) == (header, second)
    assert ratios.read(path)["value"].tolist() == [3.0, 9.0]
    assert ratios.read(path)["date"].tolist() == ["2026-02-03", "2026-01-02"]
    assert [file.name for file in path.parent.iterdir()] == ["ratios.csv"]


def test_what_a_gpu_gave_stands_beside_what_a_cpu_gave(path):
    ratios.keep(ROW | {"value": 70.0, "device": "cuda: Hopper"}, path)
    assert ratios.read(path)["value"].tolist() == [2.5, 9.0]
    assert ratios.read(path, "cuda")["value"].tolist() == [70.0]


def test_a_column_that_there_is_not_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(ValueError, match=r"row must have columns among measure, label, .*, got speed"):
        ratios.keep(ROW | {"speed": 1}, tmp_path / "a.csv")
    assert not [*tmp_path.iterdir()]


def test_a_table_has_three_digits_quartiles_and_what_was_asked_for(path):
    table = ratios.table(ratios.read(path), ["b", "absent", "a"])
    assert table.index.tolist() == ["b", "a"]
    assert table["what is compared"].tolist() == ["B", "A step; plainly, all."]
    assert table["times as fast"].tolist() == ["9.00", "2.50 [2.00, 14.0]"]
    assert table["asked for"].tolist() == ["–", "at least 2"]


def test_how_they_were_made_is_told_once_or_by_name(path):
    kept = ratios.read(path)
    once = "on 2026-01-02, processor Zen, the plain form with 1 thread, the library with 2, code abc clean"
    assert ratios.made(kept[:1]) == once
    assert ratios.made(kept) == f"a {once}; b on 2026-01-02, processor Zen, code not noted"
    ratios.keep(ROW | {"measure": "c", "note": "a quiet machine"}, path)
    assert ratios.made(ratios.read(path)).endswith(f"c {once} (a quiet machine)")
    ratios.keep(ROW | {"measure": "c"}, path)
    assert ratios.made(ratios.read(path)).startswith(f"a and c {once}; b on")
    assert ratios.made(kept[:0]) == "nothing is measured yet"


def test_the_committed_file_can_be_read():
    kept = ratios.read()
    assert set(kept.columns) == set(ratios.COLUMNS)
    assert not kept["measure"].duplicated().any()
    paired = kept.dropna(subset="low")
    assert (paired["low"] <= paired["value"]).all()
    assert (paired["value"] <= paired["high"]).all()
