"""The page of ID's results on tables: what it says of forms, differences and sensitivity, on made-up records."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from lib.study import pages_id, runs_id
from tests.study.id import KNOWN, TOLD, frame


@pytest.fixture(scope="module")
def front():
    return runs_id.fronts(frame(tables=["collins", "qsar-biodeg"]))


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


def test_differences_stand_beside_the_majority_class(front):
    table = pages_id.differences(front, KNOWN, "collins")
    rows = [name for explainer, name in table.index if explainer == "LIME, 0.5"]
    assert rows[-1] == "majority class"
    accuracy = table.loc[("LIME, 0.5", "majority class"), "accuracy"]
    assert accuracy.endswith("\u00a0*")
    assert float(accuracy.split("\u00a0")[0]) == pytest.approx(TOLD["ID-ExpO"][0] - 0.84, abs=0.01)
    assert table.loc[("LIME, 0.5", "majority class"), "insertion"] == "–"
    swing = pd.Series({0: 0.05, 1: 0.03, 2: 0.0, 3: 0.06, 4: 0.04})  # p is 0.02, and 0.06 as splits share rows
    own = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion")
    level = front.assign(value=np.where(front["measure"].eq("insertion"), 0.5, front["value"]))
    level = level.assign(value=level["value"] + own * level["split"].map(swing))
    table = pages_id.differences(level, KNOWN, "collins")
    assert table.loc[("LIME, 0.5", "CE‑only"), "insertion"] == "+0.036\u00a0∘"
    assert pages_id.differences(front[front["dataset"] != "collins"], KNOWN, "collins").empty


def test_another_method_stands_beside_at_eta_3(front):
    moved = front.assign(value=front["value"] + 0.1 * (front["eta"].ne(3.0) & front["method"].eq("CE-only")))
    assert pages_id.beside(moved, "CE-only") == (
        "accuracy 0.01 lower, insertion 0.10 higher and 1 − deletion 0.30 higher"
    )
    assert pages_id.beside(front, "pretrained") == "none"


def test_sensitivity_is_told_beside_the_start_too():
    values = {"ID-ExpO": 0.5, "CE-only": 0.3, "pretrained": 0.4}
    rows = pd.DataFrame([
        {"dataset": d, "explainer": e, "S": S, "method": m, "value": value - 0.2 * (e == "LIME" and m == "ID-ExpO")}
        for d, e, S in product(runs_id.TABLES, runs_id.EXPLAINERS, runs_id.S_VALUES)
        for m, value in values.items()
    ])  # fmt: skip
    told = pages_id.over_start(rows.assign(eta=2, measure="sensitivity", split=0, deletion="A"))
    assert "under LIME by −0.10 with ID-ExpO (it rises in 0 of 12 pairs of a table and an S) and by −0.10 with" in told
    assert "under KernelSHAP by +0.10 with ID-ExpO (it rises in 12 of 12 pairs" in told


def test_sensitivity_is_counted_on_the_papers_tables_alone(front):
    variant = front[front["dataset"] == "collins"].assign(dataset="collins-23")
    start = front[front["method"] == "CE-only"].assign(method="pretrained")
    every = pd.concat([front, variant, start, start.assign(dataset="collins-23")], ignore_index=True)
    table, told = pages_id.sensitivity(every)
    assert "collins-23" in table.index.get_level_values(0)
    assert told["sensitivity-above-LIME"] == told["sensitivity-rose-KernelSHAP"] == "4 of 4"


def test_the_contributions_to_one_sample_are_told():
    phi = {"ID-ExpO": np.array([0.1, -0.5, 0.0]), "CE-only": np.array([0.3, 0.0, 0.0])}
    told = pages_id.contributions_told(phi, ["a", "b", "c"])
    assert told.startswith("The mean size is 0.200 with ID-ExpO and 0.100 with CE-only, 2.0 times as much.")
    assert "The largest contribution is b's with ID-ExpO and a's with CE-only." in told
    alike = pages_id.contributions_told(phi | {"CE-only": phi["ID-ExpO"]}, ["a", "b", "c"])
    assert "contribution is b's with both. The paper" in alike
