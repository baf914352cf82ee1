"""The page of claims, on made-up records with a known answer."""

import re

import numpy as np
import pandas as pd
import pytest

from lib.study import claims, claims_fe, numbers, pages_claims, runs_id
from tests.study import id
from tests.study.fe import compared, frame


@pytest.fixture(scope="module")
def told():
    return frame(datasets=["glass", "vehicle"])


@pytest.fixture(scope="module")
def tests_fe(told):
    return compared(told)


@pytest.fixture(scope="module")
def tests_id():
    return id.compared(id.frame(tables=runs_id.TABLES[:2]))


# --- Words and numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "marks"),
    [((2, 1, 1), "●●○×"), ((0, 0, 0), ""), ((28, 20, 0), "●●●●●○○○"), ((47, 1, 1), "●●●●●●○×"), ((0, 24, 0), "○" * 8)],
)
def test_a_bar_shows_what_there_is_of_each(counts, marks):
    assert pages_claims.bar(*counts) == marks


def test_a_claim_is_told_effect_first(tests_fe):
    verdicts = claims_fe.verdicts(tests_fe)
    text = pages_claims.sentences(verdicts.loc["FE-C4b"])
    assert text.startswith("Faithfulness, Ours − Joint: 0.35 in the mean over 2 data sets (95% interval ")
    assert f"Claimed is more than 0: {pages_claims.sided(verdicts.loc['FE-C4b'])}. Comparisons" in text
    assert "2 hold, 0 undecided, 0 against" in text
    assert pages_claims.sentences(verdicts.loc["FE-C6"]) == "No data set has all the records that this claim needs."
    counts = pages_claims.told("fe", verdicts)
    assert sum(counts[f"count-fe-{word.replace(' ', '-')}"] for word in claims.VERDICTS) == len(verdicts)
    glance = pages_claims.at_a_glance(verdicts)
    assert glance.loc["FE\u2011C4b", "verdict"] == "reproduced"
    assert glance.loc["FE\u2011C4b", "effect, in the mean"].startswith("faithfulness, Ours − Joint: 0.35")
    assert glance.loc["FE\u2011C8", "effect, in the mean"] == "–"


def test_verdicts_are_shown_with_their_interval_and_how_their_comparisons_came_out(tests_fe):
    verdicts = claims_fe.verdicts(tests_fe)
    row, shown = verdicts.loc["FE-C4b"], pages_claims.in_full(verdicts)
    interval = [numbers.two(row[name]) for name in ("effect", "low", "high")]
    told = "{} ({} to {}), {}".format(*interval, pages_claims.sided(row)).replace(" ", "\u00a0")
    assert shown.loc["FE\u2011C4b", "effect, in the mean"].replace(" ", "\u00a0").endswith(f":\u00a0{told}")
    assert shown.loc["FE\u2011C4b", "comparisons"] == "●● 2,\u00a00,\u00a00"
    assert shown.loc["FE\u2011C6", ["effect, in the mean", "comparisons"]].tolist() == ["–", "–"]


@pytest.mark.parametrize(
    ("p", "units", "side", "shown"),
    [(0.0042, 6, claims.AGAINST, "p < 0.01 against it"), (0.0251, 6, claims.AGAINST, "p = 0.025 against it"),
     (0.0002, 1, claims.HOLDS, "p < 0.001 on the claimed side"),
     (0.3, 4, claims.HOLDS, "p = 0.300, which leaves its side open")],
)  # fmt: skip
def test_p_of_a_claim_says_its_side_where_it_is_small_and_no_more_than_few_data_sets_support(p, units, side, shown):
    row = pd.Series({"p": p, "units": units, "side": side})
    assert pages_claims.sided(row).replace("\u00a0", " ") == shown


@pytest.mark.parametrize("gain", [0.3, -0.3])
def test_a_mean_on_the_other_side_is_said_to_be_against(gain):
    groups = [claims.compare(d, "x", pd.Series([0.9, 1.0, 1.1]) * gain, claimed=">") for d in ("glass", "vehicle")]
    tests = claims.tests({"A": claims.Claim("it does", lambda: groups)})
    verdicts = claims.verdicts(tests, {"A": claims.Claim("it does", lambda: (), "gain")})
    words = "on the claimed side" if gain > 0 else "against it"
    assert f"{words}. Comparisons" in pages_claims.sentences(verdicts.loc["A"])
    assert pages_claims.in_full(verdicts).loc["A", "effect, in the mean"].endswith(words)


def test_a_verdict_that_few_comparisons_turn_says_how_many():
    row = pd.Series({"verdict": "contradicted", "holds": 0, "undecided": 8, "against": 1})
    assert pages_claims.shown(row) == "contradicted, by 1 of 9"
    assert pages_claims.shown(row.replace({8: 1})) == "contradicted, by 1 of 2"
    assert pages_claims.shown(row.replace({8: 0})) == "contradicted"
    assert pages_claims.shown(row.replace({"contradicted": "mixed"})) == "mixed"


def test_a_claims_label_leads_to_its_section():
    table = pd.DataFrame({"verdict": ["mixed", "mostly", "mixed"]}, index=["FE\u2011C3a", "ID\u2011C6", "FE\u2011C7d"])
    html = pages_claims.linked(table, "01_claims").data
    assert '<a href="01_claims.html#fe-c3-rps-and-rpsr-predict-by-their-explanation">FE\u2011C3a</a>' in html
    assert '<a href="01_claims.html#id-c6-which-deletion-regulariser">ID\u2011C6</a>' in html
    assert html.count("<a href") == 3


# --- Numbers of the text ---------------------------------------------------------------------------------------------


def test_the_margin_is_held_against_what_was_learned():
    front = pd.DataFrame(
        [{"dataset": d, "method": "CE-only", "eta": 3.0, "measure": "accuracy", "split": s, "value": 0.88}
         for d in ("collins", "qsar-biodeg") for s in range(2)]
    )  # fmt: skip
    known = pd.DataFrame([{"dataset": d, "split": s, "majority": m, "repeated": 0.0}
                          for d, m in (("collins", 0.84), ("qsar-biodeg", 0.66)) for s in range(2)])  # fmt: skip
    found = pages_claims.gain_over_majority(front, known)
    assert found["gains-below"] == "collins"
    assert "0.040 on collins" in found["gains"]
    assert "0.220 on qsar-biodeg" in found["gains"]


def test_leads_are_counted_where_there_are_records(tests_id):
    assert pages_claims.leads(tests_id) == {"leads": "all 16 leads"}  # two scores, explainers, S and tables
    fewer = tests_id.assign(value=tests_id["value"].where(tests_id["dataset"] != "collins", -1))
    assert pages_claims.leads(fewer) == {"leads": "8 of 16 leads"}


def test_expo_gains_where_its_interval_lies_above_0_though_within_the_margin(tests_id):
    """Two methods, three scores, two explainers, two S and two tables: 48."""
    asked = tests_id["claim"].isin(["ID-C4b", "ID-C4c", "ID-C4d"])
    level = tests_id.assign(low=tests_id["low"].mask(asked, -0.01))
    assert pages_claims.expo_gains(level) == {"expo-gains": "none of 48"}
    one = asked & (tests_id["dataset"] == "collins") & (tests_id["claim"] == "ID-C4b")
    assert pages_claims.expo_gains(level.assign(low=level["low"].mask(one, 0.01))) == {"expo-gains": "8 of 48"}


def test_the_lead_over_a_rival_is_a_mean_over_data_sets_at_each_number_of_entries(told):
    """Ours 0.9 and RPSR 0.6 with ten entries; RPSR as accurate with thirty."""
    thirty = told[told["U"] == 10].assign(U=30)
    thirty = thirty.assign(value=thirty["value"].where(thirty["measure"] != "accuracy", 0.9))
    found = pages_claims.rival(pd.concat([told, thirty]))
    shown = [float(number.replace("−", "-")) for number in re.findall(r"−?[\d.]+", found["rival-10"])]
    assert shown == pytest.approx([0.3, 0.28, 0.32], abs=0.011)
    assert found["rival-30"].startswith("0.00 (")
    without = told[told["method"] != "RPSR"]
    assert pages_claims.rival(pd.concat([without, without.assign(U=30)])) == {"rival-10": "–", "rival-30": "–"}


def test_comparisons_are_alike_each_by_itself():
    """Uncorrected: the second is outside the margin, the third too wide."""
    gaps = [pd.Series([0.0, 0.01, 0.02]), pd.Series([0.1, 0.11, 0.12]), pd.Series([-0.4, 0.0, 0.4])]
    tests = pd.DataFrame({"claim": ["A", "A", "A", "B"], "differences": [*gaps, gaps[0]]})
    assert pages_claims.alike(tests, "A") == "1 of 3"
    assert pages_claims.alike(tests, "C") == "0 of 0"


def test_the_sentences_of_claims_stand_beside_their_labels(tests_fe):
    verdicts = claims_fe.verdicts(tests_fe)
    table = pages_claims.spoken(verdicts)
    assert list(table.index) == list(pages_claims.at_a_glance(verdicts).index)
    assert table.loc["FE\u2011C4b", ""] == pages_claims.sentences(verdicts.loc["FE-C4b"])


def test_what_a_claim_without_an_effect_could_have_seen_is_told():
    row = pd.Series({"verdict": "mixed", "holds": 1, "undecided": 1, "against": 0, "effect": np.nan, "ratio": False,
                     "detectable": 0.1, "alone": 0.2})  # fmt: skip
    assert pages_claims.sentences(row) == (
        "Comparisons: 1 hold, 1 undecided, 0 against. A comparison nearer to the edge than 0.10 (0.20 if no other is "
        "decided) would mostly stay undecided."
    )
    assert pages_claims.sentences(row.replace({0.1: np.nan})) == "Comparisons: 1 hold, 1 undecided, 0 against."


def test_verdicts_that_a_stricter_correction_changes_are_named():
    usual = pd.DataFrame({"verdict": ["mostly", "mixed"]}, index=["A", "B"])
    strict = pd.DataFrame({"verdict": ["mixed", "mixed"]}, index=["B", "A"])
    assert pages_claims.stricter(usual, strict) == "1 of 2, A (mixed, now mostly)"
    assert pages_claims.stricter(usual, usual) == "none of 2"


def test_the_claims_own_p_are_also_looked_at_together():
    """Of five p one stays below 0.05 when corrected for being five; claims without p do not count."""
    verdicts = pd.DataFrame({"p": [0.004, 0.03, np.nan, 0.2, 0.5, 0.9]}, index=list("ABCDEF"))
    told = pages_claims.over_claims(verdicts)
    assert "Of 5 on this page before the images 2 are below 0.05" in told
    assert told.endswith("1 of them still are; those of B are not.")
