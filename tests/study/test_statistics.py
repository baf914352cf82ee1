"""Statistics: the textbook's, against scipy and by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lib.data.splits import FRACTIONS
from lib.study.statistics import RATIO, Paired, clustered, holm, mean_sem, plus_minus, resampled


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
    found, known = resampled(a - b, ratio=0), stats.ttest_rel(a, b)
    interval = known.confidence_interval(0.95)
    assert found == pytest.approx(((a - b).mean(), interval.low, interval.high, known.pvalue, n))


def test_paired_without_spread():
    assert resampled([0, 0, 0], ratio=0) == (0, 0, 0, 1, 3)
    assert resampled([1, 1, 1], ratio=0) == (1, 1, 1, 0, 3)


def test_a_difference_is_sure_where_its_whole_interval_lies_on_one_side():
    ends = ((0.1, 0.3), (-0.3, -0.1), (-0.1, 0.5), (0.0, 0.2))
    assert [Paired(0.1, low, high, 0.5, 3).side for low, high in ends] == [1, -1, 0, 0]


def test_holm_gives_the_values_known_for_it():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]).tolist() == [1.0, 1.0]  # never above 1
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


# --- Splits that share rows, and data sets ---------------------------------------------------------------------------


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=12), st.floats(-1, 1))
def test_resampled_widens_the_t_interval_by_the_share_of_test_rows(values, edge):
    values = np.array(values) + 1e-3 * np.arange(len(values))
    found, plain = resampled(values, edge), resampled(values, ratio=0)
    wider = np.sqrt(1 + len(values) * RATIO)
    assert found.difference == pytest.approx(plain.difference)
    assert found.high - found.low == pytest.approx(wider * (plain.high - plain.low))
    t = (values.mean() - edge) / (stats.sem(values) * wider)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), len(values) - 1))


def test_resampled_takes_no_fewer_than_two_and_nothing_infinite():
    for values in ([1.0], [1.0, np.nan], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match="at least two finite numbers"):
            resampled(values)


def test_one_data_set_is_the_corrected_t_test_itself():
    values = [0.1, 0.2, 0.15, 0.3]
    assert clustered([values], 0.05) == resampled(values, 0.05)._replace(n=1)


def test_data_sets_count_alike_however_many_splits_they_have():
    few, many = [0.1, 0.11], [0.3, 0.31] * 10
    assert clustered([few, many]).difference == pytest.approx((0.105 + 0.305) / 2)


def test_the_interval_over_data_sets_knows_both_how_they_and_how_their_splits_differ():
    rng = np.random.default_rng(0)
    apart = [mean + 1e-6 * rng.standard_normal(5) for mean in rng.normal(0.1, 0.2, 40)]  # data sets differ, splits not
    means = np.array([values.mean() for values in apart])
    found = clustered(apart)
    t = stats.t.ppf(0.975, 39)
    assert (found.high - found.low) / 2 == pytest.approx(t * means.std(ddof=1) / np.sqrt(40), rel=0.03)
    noisy = [0.1 + 0.2 * rng.standard_normal(10) for _ in range(40)]  # splits differ, data sets do not
    errors = [resampled(values) for values in noisy]
    within = np.sqrt(np.mean([((one.high - one.difference) / stats.t.ppf(0.975, 9)) ** 2 for one in errors]) * 9 / 7)
    between = np.std([one.difference for one in errors], ddof=1)
    found = clustered(noisy)
    known = np.hypot(1.96 * within, t * between) / np.sqrt(40)
    assert (found.high - found.low) / 2 == pytest.approx(known, rel=0.03)


def test_two_equal_data_sets_of_two_splits_have_the_interval_of_one():
    """Their t distributions have one degree of freedom, and the mean of two such (Cauchy) variables is one again."""
    values = [0.1, 0.3]
    found, one = clustered([values, values]), resampled(values)
    assert (found.low, found.high) == pytest.approx((one.low, one.high), rel=0.15)  # three standard errors


def test_p_over_data_sets_is_small_where_the_edge_lies_outside_the_interval():
    groups = [np.array([0.2, 0.25, 0.3]) + shift for shift in (0, 0.1, -0.05, 0.2)]
    found = clustered(groups)
    for edge in (found.low, found.high):
        assert clustered(groups, edge).p == pytest.approx(0.05, abs=0.002)
    assert clustered(groups, found.difference).p > 0.9
    assert clustered(groups, found.low - 1).p < 0.01
    assert clustered(groups) == clustered(groups)  # the same draws each time


def test_the_share_of_test_rows_is_that_of_every_split():
    assert RATIO == pytest.approx(FRACTIONS[2] / FRACTIONS[0])
