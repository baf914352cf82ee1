"""What does the work in ID's results: on made-up records with a known answer."""

import pandas as pd
import pytest

from lib.study import figures, runs_id, work_id
from tests.study.id import KNOWN, SURE, TOLD, frame


@pytest.fixture(scope="module")
def front():
    return runs_id.fronts(frame())


def test_confidence_is_where_the_insertion_curve_ends_and_half_of_it_before(front):
    rows = runs_id.at(front, dataset="collins", method="CE-only", explainer="LIME", S=0.5, eta=2)
    assert runs_id.confidence(rows).tolist() == [SURE] * 5
    assert runs_id.kept_by_half(rows).to_numpy() == pytest.approx([TOLD["CE-only"][6]] * 5, abs=0.01)


def test_a_table_where_nothing_was_learned_is_named(front):
    table, told = work_id.trivial(front, KNOWN)
    assert told["trivial-at"].startswith("collins (+0.01 (0.0")
    assert told["trivial-seen"] == "20% of collins's"
    assert table.loc["collins", "majority class"] == "0.840"
    assert table.loc["collins", "ID-ExpO"].startswith("0.85")
    assert table.loc["collins", "pretrained"] == "–"  # not recorded


def test_sureness_is_confidence_minus_accuracy(front):
    _, told = work_id.calibration(front)
    assert told["sure-CE-only"] == pytest.approx(SURE - 0.86, abs=0.002)
    assert told["sure-ID-ExpO"] == pytest.approx(SURE - 0.8416, abs=0.01)  # of 24 cells two lose 0.2 of accuracy


def start_of(rows):
    """Predictors before fine-tuning: 0.05 below CE-only in every measure."""
    own = runs_id.at(rows, method="CE-only", lam=0.1) if "part" in rows else runs_id.at(rows, method="CE-only")
    return own.assign(method="pretrained", value=own["value"] - 0.05)


def test_a_lead_that_is_all_sureness_vanishes_when_divided(front):
    """ID-ExpO's insertion higher by the very factor of its f(x): no lead is left; in deletion it is still ahead."""
    sure = front.copy()
    own = sure["method"].eq("ID-ExpO") & sure["measure"].eq("insertion")
    factor = 0.95 / 0.85
    sure.loc[own, "curve"] = sure.loc[own, "curve"].map(lambda c: [*c[:-1], SURE * factor * 1.01])
    table, told = work_id.relative(pd.concat([sure, start_of(sure)]))
    insertion, deletion = (table.loc[(measure, "best rival")] for measure in ("insertion", "1 − deletion"))
    assert insertion["leads, plain"] == "24 of 24"
    assert insertion["leads, divided by f(x)"] == "0 of 24"
    assert float(insertion["plain"]) == pytest.approx(0.1, abs=0.01)
    assert deletion["leads, divided by f(x)"] == "24 of 24"
    assert told["relative"].startswith("In the mean over tables ID-ExpO leads by +0.10 (0.")
    assert ") in insertion and −0.0" in told["relative"]  # once it is divided
    assert "not sure" not in told["relative"]
    swing = 0.5 * sure["split"].map({0: 1, 1: -1}).fillna(0) * (sure["method"].eq("ID-ExpO"))
    wide = work_id.relative_told(sure.assign(value=sure["value"] + swing))
    assert wide.count("once it is divided by f(x), which is not sure") == 1
    assert work_id.relative_told(sure[sure["eta"] != 2]) == "No records yet."
    start = table.loc[("insertion", "pretrained")]
    assert float(start["plain"]) == pytest.approx(0.15, abs=0.01)
    fig = work_id.leads_figure(sure)
    title = "ID-ExpO still leads in 1 − deletion in all of the cells and in insertion in none of them"
    assert fig.get_suptitle().replace("\n", " ") == f"Once divided by f(x), {title}"
    assert len(figures.csv(fig).splitlines()) == 1 + 48
    assert [[len(line.get_xdata()) for line in ax.lines[:2]] for ax in fig.axes] == [[24, 24]] * 2


def test_any_of_the_rivals_may_be_the_best(front):
    """One rival's insertion is 0.1 above ID-ExpO's, those of the others as far below, and all are equally sure."""
    one = runs_id.at(front, dataset="collins", eta=2)
    for rival in runs_id.RIVALS:
        best = one["method"].eq(rival) & one["measure"].eq("insertion")
        found = work_id.leads(one.assign(value=one["value"] + 0.2 * best)).xs("insertion", level=3)
        assert found["plain"].to_numpy() == pytest.approx([-0.1] * 4, abs=0.01)
        assert found["divided by f(x)"].to_numpy() == pytest.approx([-0.1 / SURE] * 4, abs=0.01)


def test_choice_among_fewer_settings_is_told_by_their_number():
    every = frame().assign(lam3=0.001)
    table, told = work_id.selection(pd.concat([every, start_of(every)]))
    assert work_id.selection(every)[0].equals(table.iloc[:-1])
    assert table["settings"].tolist() == [1, 1, 2, 2, 1]
    assert told["selection-most"] == 2
    assert "with all. Which" in told["selection-told"]
    leads = table["insertion"].str.replace("−", "-").astype(float)
    assert leads.to_numpy() == pytest.approx([0.1, -0.1, 0.1, 0.1, -0.05], abs=0.01)  # at lambda 0.01 all is 0.2 worse


def test_the_range_over_single_lambdas_is_told_and_not_the_best_alone():
    columns = {"insertion": [0.07, 0.09, 0.01], "1 − deletion": [0.2, 0.1, -0.02], "accuracy": [-0.05, -0.01, 0.0]}
    one = pd.DataFrame(columns, index=[0.1, 0.01, 0.001])
    told = work_id.selection_told(one, pd.Series({"insertion": 0.08, "1 − deletion": 0.19, "accuracy": -0.03}))
    assert "lead is between 0.010 (λ = 0.001) and 0.090 (λ = 0.01) in insertion, where all settings give 0.080" in told
    assert "between −0.020 (λ = 0.001) and 0.200 (λ = 0.1) in 1 − deletion, where all settings give 0.190" in told
    assert "is then −0.050 at λ = 0.1, −0.010 at λ = 0.01 and 0.000 at λ = 0.001, and −0.030 with all" in told


def test_what_a_front_shows_is_told_with_its_interval(front):
    text = work_id.front_told(front, KNOWN, "wine-quality-red")
    assert "insertion 0.10 (0.0" in text or "insertion 0.10 (0.1" in text
    assert "1 − deletion 0.30" in text
    assert "Against the paper" not in text
    assert text.endswith("naming the majority class gives 0.300.")
    others = front.assign(value=front["value"].mask(front["eta"] != 3, 0.5))
    assert work_id.front_told(others, KNOWN, "wine-quality-red") == text
    worse = front.assign(
        value=front["value"] - 0.4 * (front["method"].eq("ID-ExpO") & front["measure"].eq("insertion"))
    )
    assert "Against the paper, it does not lead in insertion." in work_id.front_told(worse, KNOWN, "wine-quality-red")
    assert "It pays in accuracy: the whole interval lies below 0." in text
    own = front["method"].eq("ID-ExpO") & front["measure"].eq("accuracy")
    high = work_id.table_leads(front, "wine-quality-red")["accuracy"].high
    nearly = front.assign(value=front["value"] - (high + 0.001) * own)
    assert "the whole interval lies below 0, if only just." in work_id.front_told(nearly, KNOWN, "wine-quality-red")
    swing = front["split"].map({0: 0.5, 1: -0.5}).fillna(0)  # the mean stays, its interval holds 0
    may = front.assign(value=front["value"] + swing * (front["method"].eq("ID-ExpO") & front["measure"].eq("accuracy")))
    assert "It pays" not in work_id.front_told(may, KNOWN, "wine-quality-red")
    assert work_id.untrained(front).get_suptitle().replace("\n", " ") == (
        "At η = 2 ID-ExpO is surely above CE-only in sensitivity-4 and accuracy on masked inputs"
    )
    wild = front.assign(value=front["value"] + swing * front["method"].eq("ID-ExpO"))
    assert "not surely apart from CE-only in sensitivity-4" in work_id.untrained(wild).get_suptitle().replace("\n", " ")
    assert work_id.over_ce_only(front, "masked").startswith("+0.20 (0.")
    assert work_id.over_ce_only(front, "sensitivity").count(" to ") == 1
