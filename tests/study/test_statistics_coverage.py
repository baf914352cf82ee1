"""Of a true null the test of a claim as a whole rejects about one in twenty, however few the data sets are."""

import numpy as np
import pytest

from lib.study import coverage
from lib.study.statistics import clustered


@pytest.mark.parametrize("units", coverage.UNITS)
def test_a_true_null_is_rejected_one_time_in_twenty_where_data_sets_differ(units):
    found = coverage.rate(units, coverage.FAR, trials=300)
    assert found == pytest.approx(0.05, abs=2.5 * np.sqrt(0.05 * 0.95 / 300))


@pytest.mark.parametrize("units", coverage.UNITS)
def test_and_less_often_where_they_hardly_do(units):
    assert coverage.rate(units, coverage.NEAR, trials=150) <= 0.03


@pytest.mark.parametrize("units", [3, 6])
def test_what_is_there_is_found(units):
    """Ten times a data set's noise away from 0, and the same on all."""
    rng = np.random.default_rng(0)
    groups = 10 * coverage.NOISE + rng.normal(size=(50, units, coverage.SPLITS))
    assert np.mean([clustered(list(each), draws=1_000).p < 0.05 for each in groups]) > 0.9
