"""The opening page's findings, on made-up records with a known answer."""

import numpy as np
import pandas as pd
import pytest

from lib.study import pages_findings, runs_fe, runs_id
from tests.study import fe, id


@pytest.fixture(scope="module")
def told():
    return fe.frame(datasets=["glass", "vehicle"])


@pytest.fixture(scope="module")
def front():
    return runs_id.fronts(id.frame(tables=runs_id.TABLES[:2], steel=0))


@pytest.fixture(scope="module")
def forms():
    return runs_id.front_of_forms(id.frame(tables=runs_id.TABLES[:2], steel=0))


def ten(frame):
    return runs_fe.chosen(frame[frame["lam"] == 1])


def test_who_beats_ours_at_both_is_named(told):
    fig, words = pages_findings.six(ten(told))
    assert fig.get_suptitle().startswith("In the mean no method is both more accurate")
    text = words.replace("\u00a0", " ")
    assert "on 95% of test rows under Ours, on 60% under PretrainR, which has gates too, and on 30% under" in text
    assert "Ours minus PretrainR is +0.35 (0.3" in text
    assert "right on 90% under each (mean over 2 data sets)." in text
    better = fe.frame(
        datasets=["glass"], lams=(1.0,), scores=fe.TOLD | {"Joint": (0.95, 0.99), "Pretrain": (0.99, 0.99)}
    )
    assert pages_findings.six(ten(better))[0].get_suptitle().startswith("In the mean Joint and Pretrain are both more")
    assert pages_findings.six(ten(told[told["method"] != "RPS"]))[1] == "No data set has them yet."


def test_the_path_of_lambda_is_told_from_end_to_end(told):
    fig, words = pages_findings.along_lambda(told)
    title = fig.get_suptitle().replace("\n", " ")
    assert title == "Beyond λ = 1 more weight for the explanation costs accuracy but buys faithfulness"
    assert words == (
        "From λ = 0.01 to 1 accuracy changes by −0.04 (−0.08 to −0.01) and faithfulness changes by +0.04 "
        "(0.02 to 0.05), mean over 2 data sets. From λ = 1 to 100 accuracy changes by −0.03 (−0.05 to −0.01) and "
        "faithfulness changes by +0.04 (0.02 to 0.06), mean over 2 data sets."
    )
    noisy = told.assign(value=told["value"].where(told["measure"] != "faithfulness", told["split"] % 2 * told["lam"]))
    title = pages_findings.along_lambda(noisy)[0].get_suptitle().replace("\n", " ")
    assert title == "Beyond λ = 1 more weight for the explanation costs accuracy and does not surely buy faithfulness"
    late = (told["lam"] == 100) & (told["measure"] == "faithfulness") & (told["dataset"] == "glass")
    words = pages_findings.along_lambda(told.assign(value=told["value"] - 0.2 * late))[1]
    assert "In the mean the most faithful λ is below the largest on Glass (λ = 1, accuracy 0.90). A predictor" in words
    means = pd.DataFrame(
        {"faithfulness": [0.9, 0.8, 0.9 - 1e-12], "accuracy": [0.7, 0.6, 0.5]}, index=[0.1, 1.0, 100.0]
    )
    assert pages_findings.most_faithful(means).to_dict() == {0.1: 0.7, 100.0: 0.5}
    assert pages_findings.along_lambda(told[told["lam"] == 1])[1] == "No data set has three values of λ yet."


def test_tables_lead_with_what_accuracy_costs(front):
    rows = pages_findings.lead_rows(front)
    assert rows.groupby("panel")["row"].nunique().to_dict() == dict.fromkeys(pages_findings.LEADS, 2)
    gains = rows.groupby("panel")["value"].mean()
    assert gains["accuracy"] == pytest.approx(-0.01, abs=0.005)
    assert gains["insertion"] == pytest.approx(0.10, abs=0.01)
    assert gains["1 − deletion"] == pytest.approx(0.30, abs=0.01)
    assert len(pages_findings.lead_rows(front, cells=True)) == 2 * 4 * 3
    fig, told = pages_findings.tables_lead(front)
    assert told.startswith("Beside its best rival ID-ExpO has, in the mean, accuracy 0.01 lower, insertion 0.10 higher")
    assert told.endswith("The direction is the paper's, which finds it ahead in both scores.")
    worse = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion") & front["dataset"].eq("collins")
    _, told = pages_findings.tables_lead(front.assign(value=front["value"] - 0.5 * worse))
    assert told.endswith("here that is so for mfeat-fourier alone.")
    assert "surely leads in insertion on 2 and in 1 − deletion on 2 of 2 tables" in fig.get_suptitle().replace(
        "\n", " "
    )
    paid = rows[(rows["panel"] == "accuracy")].sort_values("value", ascending=False)["row"]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == list(paid)


def test_surprises_are_told_as_they_come(front, forms):
    keys = [(reading, split) for reading in ("as chosen", "S starts at 0.1") for split in range(3)]
    readings = pd.DataFrame(
        {"dataset": "glass", "part": "test", "measure": "accuracy", "reading": r, "split": s, "value": v}
        for (r, s), v in zip(keys, (0.5, 0.51, 0.52, 0.8, 0.82, 0.81))
    )
    fig, words = pages_findings.surprises(front, forms, readings)
    assert "in insertion" in words
    assert "masked at random ID-ExpO predicts better than CE-only" in words  # 0.7 and 0.5 in the made-up records
    unsure = forms.assign(value=np.where(forms["deletion"] == "C", forms["value"].mean() + forms["split"] - 2, 0.0))
    assert "Del-C" not in pages_findings.surprises(front, unsure, readings)[1]
    elsewhere = forms.assign(device=np.where(forms["deletion"] == "C", "cpu: EPYC", "cuda: H200"))
    assert "Del-C" not in pages_findings.surprises(front, elsewhere, readings)[1]
    assert "first protocol's 1: 0.30 (" in words
    assert len(fig.axes[0].get_yticks()) == 5
    title = fig.get_suptitle().replace("\n", " ")
    assert "On tables ID-ExpO predicts masked inputs better than CE-only" in title
    assert "the start of S seems to move accuracy on Glass" in title
    worse = id.frame(told=id.TOLD | {"ID-ExpO": (0.85, 0.95, 0.8, 0.3, 0.2, 0.9, 0.9)}, tables=runs_id.TABLES[:2])
    assert "worse than CE-only" in pages_findings.surprises(runs_id.fronts(worse), forms, readings)[1]


def test_records_are_listed_with_where_they_come_from():
    table = pages_findings.versions({"one": "results/single"})
    assert int(table.loc["one", "rows"].replace(",", "")) > 0
    assert table.loc["one", "schema"] == "1"
