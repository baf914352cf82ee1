"""Statistics: the textbook's, against scipy and by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from lib.data.splits import FRACTIONS
from lib.study.statistics import RATIO, Paired, alike, clustered, holm, mean_sem, plus_minus, resampled, standard_error


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
    assert plus_minus(-0.734, 0.018) == "−0.73\u00a0±\u00a00.02"
    assert plus_minus(float("nan"), float("nan")) == "–"


@settings(max_examples=50)
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


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6), st.floats(-1, 1))
def test_over_data_sets_that_differ_it_is_students_t_of_their_means(means, edge):
    means = np.array(means) + 0.1 * np.arange(len(means)) ** 2
    assume(means.std() > 0.01)
    known = stats.ttest_1samp(means, edge)
    interval = known.confidence_interval(0.95)
    found = clustered([mean + 1e-5 * np.array([-1, 3, -2]) for mean in means], edge)
    assert found == pytest.approx((means.mean(), interval.low, interval.high, known.pvalue, len(means)), abs=1e-3)


def test_over_data_sets_that_are_alike_it_is_the_t_of_their_splits_noise():
    """Two of five splits and one of three, of one mean: 4 + 4 + 2 degrees of freedom."""
    groups = [
        np.array(values) + 0.1 for values in ([-0.2, -0.1, 0, 0.1, 0.2], [0.1, 0.2, 0, -0.2, -0.1], [-0.3, 0, 0.3])
    ]
    errors = [stats.sem(values) * np.sqrt(1 + len(values) * RATIO) for values in groups]
    error, t = np.sqrt(np.sum(np.square(errors))) / 3, stats.t(10)
    low, high = 0.1 + error * t.ppf(0.025), 0.1 + error * t.ppf(0.975)
    assert clustered(groups, 0.05) == pytest.approx((0.1, low, high, 2 * t.sf(0.05 / error), 3))


@pytest.mark.parametrize(("between", "least", "most"), [(0.0, 0.0, 0.05), (3.0, 0.025, 0.065)])
@pytest.mark.parametrize("units", [2, 4, 6])
def test_a_test_over_data_sets_is_wrong_in_no_more_than_one_of_twenty(units, between, least, most):
    """Data sets without an effect, whose ten splits share what RATIO stands for: alike but for that, or far apart."""
    rng = np.random.default_rng(units)
    noise = np.sqrt(1 / 10 + RATIO)
    center = rng.normal(0, between * noise, (2_000, units, 1)) + np.sqrt(RATIO) * rng.normal(size=(2_000, units, 1))
    trials = center + rng.normal(size=(2_000, units, 10))
    assert least <= np.mean([clustered(list(trial)).p < 0.05 for trial in trials]) <= most


def test_the_share_of_test_rows_is_that_of_every_split():
    assert RATIO == pytest.approx(FRACTIONS[2] / FRACTIONS[0])


def test_comparisons_that_err_alike_are_no_surer_in_the_mean():
    """Their errors are averaged, not their squares, and degrees of freedom are those of the shortest."""
    each = [np.array([1.0, 2.0, 3.0]), np.array([5.0, 5.5, 6.5, 6.0])]
    found = alike(each, 1.0, ratio=0.1)
    error = np.mean([standard_error(values, 0.1) for values in each])
    assert found.difference == pytest.approx((2 + 5.75) / 2)
    assert found.high - found.difference == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert found.p == pytest.approx(2 * stats.t.sf((found.difference - 1) / error, 2))
    assert alike(each[:1]) == resampled(each[0])


def test_equal_means_print_alike_however_they_were_summed():
    for mean in (0.6355, 0.6355 - 1e-16, 0.6355 + 1e-16):
        assert plus_minus(mean, 0.1, ".3f").startswith("0.636")
