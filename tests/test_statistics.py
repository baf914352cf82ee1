"""Statistics: the textbook's, against scipy and by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lib.study.statistics import holm, mean_sem, paired, plus_minus


def test_mean_and_standard_error_count_splits_not_seeds():
    value = pd.Series([1.0, 3.0, 2.0, 4.0, 6.0, 8.0])
    frame = pd.DataFrame(
        {"method": "Ours", "U": pd.NA, "split": [0, 0, 1, 1, 2, 2], "seed": [0, 1] * 3, "value": value}
    )
    (row,) = mean_sem(frame, ["method", "U"]).to_dict("records")
    assert row["mean"] == 4.0
    assert row["sem"] == pytest.approx(stats.sem([2.0, 3.0, 7.0]))
    assert row["count"] == 3


def test_plus_minus_stays_on_one_line():
    assert plus_minus(0.734, 0.018) == "0.73\u00a0±\u00a00.02"
    assert plus_minus(0.734, 0.018, "+.3f") == "+0.734\u00a0±\u00a00.018"  # a sign for the mean alone
    assert plus_minus(float("nan"), float("nan")) == "–"


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 12), st.integers(0, 1000))
def test_paired_is_the_paired_t_test(n, seed):
    a, b = np.random.default_rng(seed).normal(0.5, 1, (2, n))
    found, known = paired(a, b), stats.ttest_rel(a, b)
    interval = known.confidence_interval(0.95)
    assert found == pytest.approx(((a - b).mean(), interval.low, interval.high, known.pvalue, n))


def test_paired_matches_series_by_split():
    a, b = pd.Series([1.0, 2.0, 4.0], [0, 1, 2]), pd.Series([0.5, 3.0, 0.0], [1, 2, 0])
    assert paired(a, b) == pytest.approx(paired([1, 2, 4], [0, 0.5, 3]))
    with pytest.raises(ValueError, match="a and b must cover the same splits"):
        paired(a, b.iloc[:2])
    with pytest.raises(ValueError, match="at least two"):
        paired([1.0], [2.0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_paired_takes_finite_values(value):
    with pytest.raises(ValueError, match="a and b must be finite"):
        paired([1, value, 2], [0, 0, 0])


def test_paired_without_spread():
    assert paired([1, 1, 1], [1, 1, 1]) == (0, 0, 0, 1, 3)
    assert paired([2, 2, 2], [1, 1, 1]) == (1, 1, 1, 0, 3)


def test_holm_gives_the_values_known_for_it():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.5]).tolist() == [1.0, 1.0]  # never above 1
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_rejects_as_its_step_down_rule_says(p):
    corrected, m = holm(p), len(p)
    for level in (0.01, 0.05, 0.2):
        rejected = []
        for step, i in enumerate(np.argsort(p, kind="stable")):
            if p[i] * (m - step) > level:
                break
            rejected.append(i)
        assert set(np.flatnonzero(corrected <= level)) == set(rejected)
