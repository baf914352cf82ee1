"""The page of ID's results on tables: what it says of forms, differences and sensitivity, on made-up records."""

import pandas as pd
import pytest

from lib.study import pages_id, runs_id
from lib.study.words import listed
from tests.study.id import KNOWN, TOLD, frame


@pytest.fixture(scope="module")
def front():
    return runs_id.fronts(frame(tables=["collins", "qsar-biodeg"]))


def test_the_form_that_keeps_most_accuracy_is_named():
    rows = frame(tables=["collins", "qsar-biodeg"])
    more = rows["deletion"].eq("C") & rows["measure"].eq("accuracy")
    told = pages_id.forms_told(rows.assign(value=rows["value"] + 0.05 * more), KNOWN)
    assert told["forms-accurate"] == "Del-C"
    assert told["forms-table"].loc["majority class"].tolist() == ["0.570", "–", "–", "–"]  # of collins and qsar-biodeg
    lacking = [d for d in runs_id.TABLES if d not in ("collins", "qsar-biodeg")]
    assert told["forms-lack"] == f"not at every S on {listed(lacking)}"
    table = told["forms-table"].drop("majority class").astype(float)
    assert table.loc["Del-C", "accuracy"] - table.loc["Del-A", "accuracy"] == pytest.approx(0.05, abs=0.01)
    assert table["balance"].tolist() == pytest.approx((table @ [2, 1, 1, 0]).tolist(), abs=0.003)
    assert told["forms-figure"].get_suptitle().startswith("In the mean Del-C has the best balance")


def test_a_front_says_what_is_surely_won_and_paid(front):
    def told(**change):
        own = front["method"].eq("ID-ExpO")
        more = sum(by * (own & front["measure"].eq(measure)) for measure, by in change.items())
        return pages_id.lead(front.assign(value=front["value"] + more), "collins")

    both = "ID-ExpO surely leads in insertion and 1 − deletion, "
    assert told(accuracy=-0.3) == both + "and surely pays in accuracy"
    assert told(accuracy=0.3) == both + "without a sure loss of accuracy"
    assert told(accuracy=-0.3, insertion=-0.3).startswith("ID-ExpO surely leads in 1 − deletion, ")
    swing = front["split"].map({0: 0.5, 1: -0.5}).fillna(0)  # the mean lead is as it was, but not sure any more
    assert (
        told(insertion=swing, accuracy=swing) == "ID-ExpO surely leads in 1 − deletion, without a sure loss of accuracy"
    )
    assert pages_id.lead(front[front["method"] != "ExpO-F"], "collins") == "not every rival has records"


def test_all_forms_on_all_tables_lack_nothing():
    told = pages_id.forms_told(frame(), KNOWN)
    assert told["forms-lack"] == "at every S on all 6 tables"


def test_differences_stand_beside_the_majority_class(front):
    table = pages_id.differences(front, KNOWN, "collins")
    rows = [name for explainer, name in table.index if explainer == "LIME, 0.5"]
    assert rows[-1] == "majority class"
    accuracy = table.loc[("LIME, 0.5", "majority class"), "accuracy"]
    assert float(accuracy.split("\u00a0")[0]) == pytest.approx(TOLD["ID-ExpO"][0] - 0.84, abs=0.01)
    assert table.loc[("LIME, 0.5", "majority class"), "insertion"] == "–"


def test_sensitivity_is_counted_on_the_papers_tables_alone(front):
    variant = front[front["dataset"] == "collins"].assign(dataset="collins-23")
    start = front[front["method"] == "CE-only"].assign(method="pretrained")
    every = pd.concat([front, variant, start, start.assign(dataset="collins-23")], ignore_index=True)
    table, told = pages_id.sensitivity(every)
    assert "collins-23" in table.index.get_level_values(0)
    assert told["sensitivity-above-LIME"] == told["sensitivity-rose-KernelSHAP"] == "4 of 4"
