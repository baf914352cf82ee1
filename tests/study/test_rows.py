"""What the rows of each split say before any model: against the tables themselves, and against a plain loop."""

import numpy as np
import pandas as pd
import pytest

from lib import data
from lib.study import rows


@pytest.mark.parametrize("name", ["glass", "vehicle"])
def test_the_committed_file_is_what_the_tables_say(name):
    known = rows.read().query("dataset == @name").reset_index(drop=True)
    pd.testing.assert_frame_equal(known, rows.described(name, 10).round(6), check_dtype=False)


def test_the_majority_and_repeated_rows_are_those_of_a_plain_loop(monkeypatch):
    """On a table of few different rows and six classes that are nearly as frequent."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(3, size=(60, 3)).astype(float), np.repeat(range(6), [9, 10, 11, 10, 9, 11])
    monkeypatch.setattr(
        data, "load", lambda name: data.Table(name, x, y, "classification", tuple("abc"), tuple("uvwxyz"), "")
    )
    found = rows.described("made-up", 4)
    assert found[["dataset", "split"]].to_numpy().tolist() == [["made-up", split] for split in range(4)]
    for split, row in enumerate(found.itertuples()):
        train, _, test = data.split(y, split)
        assert (row.train, row.test) == (len(train), len(test)) == (42, 12)
        assert row.majority == pytest.approx(np.mean(y[test] == np.bincount(y[train]).argmax()))
        seen = {tuple(values) for values in x[train]}
        assert row.repeated == pytest.approx(np.mean([tuple(values) in seen for values in x[test]]))
    assert 0 < found["repeated"].mean() < 1
    most = [np.bincount(y[data.split(y, split)[2]]).max() / 12 for split in range(4)]
    assert (found["majority"] < most).any()  # the most frequent class is that of training rows


def test_what_is_written_is_read_and_what_is_not_known_is_empty(monkeypatch, tmp_path):
    monkeypatch.setattr(rows, "FILE", tmp_path / "rows" / "splits.csv")
    monkeypatch.setattr(rows, "SPLITS", {"glass": 2, "vehicle": 3})
    rows.main()
    known = rows.read(rows.FILE)
    assert known.groupby("dataset")["split"].agg(list).to_dict() == {"glass": [0, 1], "vehicle": [0, 1, 2]}
    committed = rows.read()
    for name in rows.SPLITS:
        values = rows.majority(known, name)
        pd.testing.assert_series_equal(values, rows.majority(committed, name)[values.index])
    assert rows.majority(known, "segment").empty
    by_hand = pd.DataFrame({"dataset": "a", "split": [3, 1], "majority": [0.5, 0.25], "repeated": 0.0})
    assert rows.majority(by_hand, "a").to_dict() == {3: 0.5, 1: 0.25}
