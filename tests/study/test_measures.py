"""The rows of measures: those that records hold, and functions that exist."""

from importlib import import_module

import pytest

from lib.study import records, runs_id
from lib.study.measures import MEASURES, labels

OF_RUNS = {"open", "influence"}  # not scores: the share of open gates, and an example's influence


@pytest.mark.parametrize("key", MEASURES)
def test_a_measure_names_the_function_or_file_that_computes_it(key):
    name = MEASURES[key].where
    try:
        import_module(name)
    except ModuleNotFoundError:
        module, function = name.rsplit(".", 1)
        assert callable(getattr(import_module(module), function))


def test_every_measure_of_the_records_has_its_row_and_its_direction():
    for frame in (records.read(records.ROOT / "results" / "fe"), runs_id.load()):
        found = frame.drop_duplicates(["measure", "direction"]).set_index("measure")["direction"]
        assert set(found.index) <= set(MEASURES) | OF_RUNS
        for key, side in found.items():
            if key not in OF_RUNS and key not in ("1 − deletion", "contributions"):  # deletion itself is lower
                assert MEASURES[key].direction == side
    assert labels("masked") == {"masked": "accuracy, masked"}
    assert set(labels()) == set(MEASURES)
