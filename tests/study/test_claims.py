"""What verdicts are made of: intervals, margins, corrected p, the rule."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lib.study import claims
from lib.study.statistics import RATIO, clustered, holm, resampled

# --- The parts -------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=10), st.sampled_from("<>"), st.floats(-0.5, 0.5))
def test_a_side_is_shown_only_if_the_interval_lies_on_it(values, side, bound):
    values = pd.Series(values) + 1e-3 * np.arange(len(values))  # not all the same
    found = claims.compare("glass", "x", values, claimed=side, bound=bound)
    outcome = claims.outcome_of(found.splits, found.gap, found.p)
    assert (outcome == claims.HOLDS) == ((found.low > bound) if side == ">" else (found.high < bound))
    assert (outcome == claims.AGAINST) == ((found.high < bound) if side == ">" else (found.low > bound))


@given(st.lists(st.floats(-0.1, 0.1), min_size=3, max_size=10))
def test_equivalence_is_shown_only_if_the_interval_lies_within_the_margin(values):
    values = pd.Series(values) + 1e-3 * np.arange(len(values))
    found = claims.compare("glass", "x", values, claimed="within", bound=0.05)
    outcome = claims.outcome_of(found.splits, found.gap, found.p)
    assert (outcome == claims.HOLDS) == (found.low > -0.05 and found.high < 0.05)
    assert (outcome == claims.AGAINST) == (found.low > 0.05 or found.high < -0.05)


def test_repeats_that_share_no_rows_have_students_interval_p_and_reach():
    values = [pd.Series([0.1, 0.3, 0.2, 0.25]), pd.Series([0.2, 0.05, 0.35, 0.25])]  # of one mean: noise alone counts
    both = [claims.compare(d, "x", v, claimed=">", shared=0.0) for d, v in zip(("glass", "vehicle"), values)]
    known = [resampled(v, ratio=0) for v in values]
    for found, of in zip(both, known):
        assert (found.low, found.high, found.p) == pytest.approx((of.low, of.high, of.p))
    table = pd.DataFrame([vars(found) for found in both])
    whole = claims.omnibus(table)
    assert whole["detectable"] == pytest.approx(np.mean([of.high - of.difference for of in known]))
    assert whole["low"] == clustered([v.to_numpy() for v in values], ratio=0.0).low
    split = claims.omnibus(pd.DataFrame([vars(claims.compare("glass", "x", v, claimed=">")) for v in values]))
    assert split["detectable"] > whole["detectable"]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("", "not tested"),
        ("hh", "reproduced"),
        ("hhu", "mostly"),
        ("hu", "mixed"),  # no more than half
        ("huu", "mixed"),
        ("hhhha", "mixed"),
        ("ha", "mixed"),
        ("hhaau", "mixed"),
        ("uu", "undecided"),
        ("a", "contradicted"),
        ("au", "contradicted"),
        ("haauuuuu", "contradicted"),
    ],
)
def test_the_rule_of_verdicts(outcomes, expected):
    words = {"h": claims.HOLDS, "u": claims.UNDECIDED, "a": claims.AGAINST}
    assert claims.verdict([words[letter] for letter in outcomes]) == expected
    assert expected in claims.VERDICTS


@pytest.mark.parametrize(
    ("claimed", "mean", "side"),
    [(">", 0.2, "holds"), (">", 0.0, "against"), ("<", 0.2, "against"), ("<", 0.0, "holds"),
     ("within", -0.09, "holds"), ("within", -0.2, "against")],
)  # fmt: skip
def test_the_side_of_a_claim_as_a_whole_is_that_of_its_mean(claimed, mean, side):
    values = pd.Series([-0.01, 0.0, 0.01]) + mean
    both = [vars(claims.compare(d, "x", values, claimed=claimed, bound=0.1)) for d in ("glass", "vehicle")]
    assert claims.omnibus(pd.DataFrame(both))["side"] == side


# --- Claims made of them ---------------------------------------------------------------------------------------------


def gain(dataset, *values, what="x"):
    """A comparison of paired differences, claimed to be above 0."""
    return claims.compare(dataset, what, pd.Series(values, dtype=float), claimed=">")


def certain(dataset, value):
    """What is 1 by construction."""
    return claims.fact(dataset, "y", pd.Series([value]), summary=min, claimed="=", bound=1, given=True)


def evaluated(*comparisons):
    return claims.tests({"A": claims.Claim("it does", lambda: comparisons)})


def test_p_is_corrected_among_the_comparisons_of_a_claim_alone():
    several = [gain("glass", 0.1, 0.3, 0.2), gain("vehicle", 0.1, 0.2, 0.9), certain("segment", 1)]
    found = claims.tests({"A": claims.Claim("", lambda: several), "B": claims.Claim("", lambda: several[1:2])})
    assert found["claim"].tolist() == ["A", "A", "A", "B"]
    p = [comparison.p for comparison in several[:2]]
    assert found["p"][:2].tolist() == pytest.approx(stats.false_discovery_control(p).tolist())
    assert found["p"][0] > p[0]
    assert np.isnan(found["p"][2])
    assert found["p"][3] == pytest.approx(p[1])


def test_half_a_claim_on_a_data_set_does_not_count():
    """One of its comparisons has no records there."""
    found = claims.counted(evaluated(gain("glass", 1.0, 1.1, 1.2), gain("glass"), gain("vehicle", 1.0, 1.1, 1.2)))
    assert found["dataset"].tolist() == ["vehicle"]


def test_what_cannot_fail_counts_only_if_it_fails():
    holds = evaluated(certain("glass", 1), gain("glass", -1.0, -1.1, -1.2))
    assert claims.counted(holds)["what"].tolist() == ["x"]
    verdicts = claims.verdicts(holds, {"A": claims.Claim("it does", lambda: ())})
    assert verdicts.loc["A", "verdict"] == "contradicted"
    assert claims.counted(evaluated(certain("glass", 0.5), gain("glass", 1.0, 1.1, 1.2)))["what"].tolist() == ["y", "x"]


def test_a_whole_claim_is_a_mean_over_data_sets_and_its_comparisons_have_a_reach():
    """Two comparisons on one data set are no two units. One that is decided alone among three must reach further."""
    several = gain("glass", 1, 2, 3), gain("glass", 3, 4, 5, what="y"), gain("vehicle", 0, 1, 2)
    whole = claims.omnibus(evaluated(*several))
    assert whole["side"] == claims.HOLDS
    assert whole["units"] == 2
    assert whole["effect"] == pytest.approx((3 + 1) / 2)
    error = np.sqrt(1 / 3 + RATIO)  # of each, whose differences have a variance of 1
    assert whole["detectable"] == pytest.approx(stats.t.isf(0.05 / 2, 2) * error)
    assert whole["alone"] == pytest.approx(stats.t.isf(0.05 / 2 / 3, 2) * error)


def test_a_claim_that_names_no_effect_has_none_as_a_whole():
    rows = evaluated(gain("glass", 1, 2, 3), gain("vehicle", 3, 4, 5))
    named, unnamed = (claims.verdicts(rows, {"A": claims.Claim("", lambda: (), effect)}) for effect in ("x", ""))
    assert (named["effect"].item(), np.isnan(unnamed["effect"].item())) == (3.0, True)
    assert named["holds"].equals(unnamed["holds"])


def test_a_comparison_that_is_made_twice_makes_a_claim_no_surer():
    """On one data set they are a mean for each split, not more splits."""
    once = gain("glass", 1, 2, 3), gain("vehicle", 0, 1, 2)
    twice = *once, gain("glass", 1, 2, 3, what="y"), gain("vehicle", 0, 1, 2, what="y")
    assert claims.together(evaluated(*twice)) == claims.together(evaluated(*once))


def test_on_one_data_set_comparisons_do_not_cancel_each_others_errors_by_luck():
    """Two that move opposite ways over three repeats: their mean is as unsure as they are."""
    several = gain("glass", 1, 2, 3), gain("glass", 3, 2, 1, what="y")
    whole, each = claims.omnibus(evaluated(*several)), resampled([1, 2, 3])
    assert whole["units"] == 1
    assert (whole["effect"], whole["low"], whole["high"]) == pytest.approx(each[:3])
    assert whole["p"] == pytest.approx(each.p)
    twice = [claims.compare("glass", what, pd.Series([1.0, 2.0, 3.0]), claimed=">", bound=0.5) for what in "xy"]
    assert claims.omnibus(evaluated(*twice))["p"] == pytest.approx(resampled([1, 2, 3], 0.5).p)
    wide = claims.omnibus(evaluated(gain("glass", 1, 2, 3), gain("glass", 2, 2.5, 3, what="y")))
    halves = [one.high - one.difference for one in (resampled([1, 2, 3]), resampled([2, 2.5, 3]))]
    assert wide["high"] - wide["effect"] == pytest.approx(np.mean(halves))


def test_holm_decides_no_more_than_the_usual_correction_and_some_less():
    several = [gain("glass", 1.0, 1.1, 1.2), gain("vehicle", 1.0, 1.3, 1.7), gain("segment", 1.0, 1.3, 1.7)]
    usual = evaluated(*several, certain("glass", 1))
    strict = claims.by_holm(usual)
    assert strict["plain"].equals(usual["plain"])
    assert strict["p"][:3].tolist() == pytest.approx(holm(usual["plain"][:3]).tolist())
    assert np.isnan(strict["p"][3])
    assert (usual["outcome"][:3] == claims.HOLDS).all()
    assert strict["outcome"].tolist() == [claims.HOLDS, *[claims.UNDECIDED] * 2, claims.HOLDS]


def test_a_claim_without_an_effect_still_says_what_its_comparisons_could_have_seen():
    rows = evaluated(gain("glass", 1, 2, 3), gain("vehicle", 3, 4, 5))
    found = claims.verdicts(rows, {"A": claims.Claim("", lambda: ())}).loc["A"]
    assert found["detectable"] == pytest.approx(claims.omnibus(rows)["detectable"])
    assert found[list(claims.WHOLE)].isna().all()
