"""The page of claims, on made-up records with a known answer."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lib.study import claims, claims_fe, claims_id, figures, pages_claims, runs_id
from lib.study.statistics import resampled
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
    return claims_id.tests(id.frame(tables=runs_id.TABLES[:2]))


# --- Words and numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (pages_claims.two(-0.004), "0.00"),
        (pages_claims.two(-0.126), "−0.13"),
        (pages_claims.three(-0.0126), "−0.013"),
        (pages_claims.three(-0.0004), "0.000"),
        (pages_claims.three(np.nan), "–"),
        (pages_claims.chance(0.0004), "<\u00a00.001"),
        (pages_claims.chance(0.0004, True), "<\u00a00.001"),
        (pages_claims.chance(0.0416), "0.042"),
        (pages_claims.chance(0.0416, True), "= 0.042"),
        (pages_claims.chance(np.nan), "–"),
        (pages_claims.several("glass"), "Glass"),
        (pages_claims.several("glass, vehicle"), "2 tables"),
    ],
)
def test_numbers_are_shown_without_a_minus_before_zero(shown, text):
    assert shown == text


@pytest.mark.parametrize(
    ("counts", "marks"),
    [((2, 1, 1), "●●○×"), ((0, 0, 0), ""), ((28, 20, 0), "●●●●●○○○"), ((47, 1, 1), "●●●●●●○×"), ((0, 24, 0), "○" * 8)],
)
def test_a_bar_shows_what_there_is_of_each(counts, marks):
    assert pages_claims.bar(*counts) == marks


def test_a_claim_is_told_effect_first(tests_fe):
    verdicts = claims_fe.verdicts(tests_fe)
    text = pages_claims.sentences(verdicts.loc["FE-C4b"])
    assert text.startswith("Faithfulness, Ours − Joint: 0.35 in the mean over 2 data sets (95 % interval ")
    assert "Claimed is more than 0 (p " in text
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
    interval = [pages_claims.two(row[name]) for name in ("effect", "low", "high")]
    told = "{} ({} to {}), p {}".format(*interval, pages_claims.chance(row["p"], True)).replace(" ", "\u00a0")
    assert shown.loc["FE\u2011C4b", "effect, in the mean"].replace(" ", "\u00a0").endswith(f":\u00a0{told}")
    assert shown.loc["FE\u2011C4b", "comparisons"] == "●● 2,\u00a00,\u00a00"
    assert shown.loc["FE\u2011C6", ["effect, in the mean", "comparisons"]].tolist() == ["–", "–"]


def test_a_claims_label_leads_to_its_section():
    table = pd.DataFrame({"verdict": ["mixed", "mostly", "mixed"]}, index=["FE\u2011C3a", "ID\u2011C6", "FE\u2011C7d"])
    html = pages_claims.linked(table, "01_claims").data
    assert '<a href="01_claims.html#fe-c3-rps-and-rpsr-predict-by-their-explanation">FE\u2011C3a</a>' in html
    assert '<a href="01_claims.html#id-c6-which-deletion-regulariser">ID\u2011C6</a>' in html
    assert html.count("<a href") == 3


# --- The comparisons of a claim --------------------------------------------------------------------------------------


def test_comparisons_are_listed_for_data_sets_with_any_records(tests_fe):
    table = pages_claims.comparisons(tests_fe, "FE-C4a", "FE-C4b")
    assert list(table.index) == [
        (f"{what}, Ours − Joint: > 0", d) for what in ("accuracy", "faithfulness") for d in ("Glass", "Vehicle")
    ]
    row = tests_fe.query("claim == 'FE-C4b' and dataset == 'vehicle'").iloc[0]
    shown = table.loc[("faithfulness, Ours − Joint: > 0", "Vehicle")]
    ends = "\u00a0to\u00a0".join(pages_claims.three(row[end]) for end in ("low", "high"))
    assert shown.tolist() == [claims.HOLDS, pages_claims.three(row["value"]), ends, pages_claims.chance(row["p"]), 6]
    assert pages_claims.comparisons(tests_fe, "FE-C6") == "No records yet."


def test_a_forest_has_an_interval_for_each_comparison(tests_fe):
    fig = pages_claims.forest(tests_fe)
    shown = tests_fe[tests_fe["claim"].str.match(r"FE-C[1-5]") & tests_fe["low"].notna()]
    held = (shown["outcome"] == claims.HOLDS).sum()
    assert fig.get_suptitle() == f"{held} of {len(shown)} comparisons of C1 to C5 hold"
    bars = [np.vstack(found) for c in fig.axes[0].collections if (found := c.get_segments())]  # the legend's are empty
    ends = np.concatenate(bars)[:, 0]
    assert np.isin(shown[["low", "high"]].to_numpy().round(9), ends.round(9)).all()
    assert len(figures.csv(fig).splitlines()) == len(shown) + 1
    plt.close(fig)


def test_the_forest_of_tables_is_a_mean_over_explainers_and_S(tests_id):
    unsure = pd.Series([1, -0.9, 1, -0.9, 0.1])  # in place of one claim's differences
    each = [unsure if claim == "ID-C4a" else own for claim, own in zip(tests_id["claim"], tests_id["differences"])]
    fig = pages_claims.forest_id(tests_id.assign(differences=each))
    rows = pd.read_csv(pd.io.common.StringIO(figures.csv(fig)))
    assert set(rows["claim"]) == set(pages_claims.FOREST_ID)
    assert not rows.duplicated(["claim", "what", "dataset"]).any()
    cells = tests_id.query("claim == 'ID-C8a' and dataset == 'collins'")
    cells = cells[cells["what"].str.startswith("insertion")]
    assert len(cells) == 4  # two explainers, two S
    known = resampled(sum(cells["differences"]) / 4)
    (row,) = rows[
        (rows["claim"] == "ID-C8a") & (rows["dataset"] == "collins") & rows["what"].str.startswith("inse")
    ].itertuples()
    assert (row.value, row.low, row.high) == pytest.approx(known[:3], rel=1e-3)
    up, down = (rows["low"] > 0).sum(), (rows["high"] < 0).sum()
    assert up < (rows["value"] > 0).sum()
    assert fig.get_suptitle() == f"{up} of {len(rows)} means are surely above 0, {down} surely below"
    assert any("yet" in text.get_text() for text in pages_claims.forest_id(tests_id[:0]).findobj(plt.Text))
    plt.close("all")


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
    assert "0.04 on collins" in found["gains"]
    assert "0.22 on qsar-biodeg" in found["gains"]


def test_leads_are_counted_where_there_are_records(tests_id):
    assert pages_claims.leads(tests_id) == {"leads": 16, "leads-up": 16}  # two scores, explainers, S and tables
    fewer = tests_id.assign(value=tests_id["value"].where(tests_id["dataset"] != "collins", -1))
    assert pages_claims.leads(fewer) == {"leads": 16, "leads-up": 8}


def test_the_lead_over_a_rival_is_a_mean_over_data_sets_at_each_number_of_entries(told):
    """Ours 0.9 and RPSR 0.6 with ten entries; RPSR as accurate with thirty."""
    thirty = told[told["U"] == 10].assign(U=30)
    thirty = thirty.assign(value=thirty["value"].where(thirty["measure"] != "accuracy", 0.9))
    found = pages_claims.rival(pd.concat([told, thirty]))
    assert float(found["rival-10"]) == pytest.approx(0.3, abs=0.02)
    assert found["rival-30"] == "0.00"
    without = told[told["method"] != "RPSR"]
    assert pages_claims.rival(pd.concat([without, without.assign(U=30)])) == {"rival-10": "–", "rival-30": "–"}


def test_what_a_fixed_network_leaves_open_and_with_how_many_entries_it_agrees(told):
    rows = told.assign(dataset=told["dataset"].replace({"glass": "segment"}))
    one = rows[(rows["measure"] == "faithfulness") & (rows["U"] == 10)]
    rows = pd.concat([rows, one.assign(U=100, value=0.7), one.assign(U=200, value=0.8)])
    shut = one[one["part"] == "test"].assign(measure="open", U=pd.NA)
    rows = pd.concat([rows, shut.assign(value=np.where(shut["method"] == "Ours", 0.5, 0.1))])
    found = pages_claims.fixed_network(rows)
    assert found["Ours-few"] == "0.95"
    assert (found["PretrainR-more"], found["PretrainR-all"]) == ("0.70", "0.80")
    assert (found["PretrainR-open"], found["Ours-open"]) == ("20", "100")
    assert float(found["PretrainR-few"]) < 0.95
