"""The page of ID's results on tables: what it says of choices and forms, on made-up records with a known answer."""

import pytest

from lib.study import pages_id, runs_id
from tests.study.id import frame


@pytest.fixture(scope="module")
def front():
    return runs_id.fronts(frame(tables=["collins", "qsar-biodeg"]))


def test_what_is_chosen_most_often_is_told(front):
    assert pages_id.choices_told(front) == (
        "The larger learning rate is chosen in 100% of them. The λ chosen most often is 0.1 on collins, qsar-biodeg."
    )
    some = front["dataset"].eq("collins") & front["split"].lt(3)
    moved = front.assign(lam=front["lam"].mask(some, 0.01), lr=front["lr"].mask(front["split"].eq(0), 0.001))
    assert pages_id.choices_told(moved) == (
        "The larger learning rate is chosen in 80% of them. The λ chosen most often is 0.1 on qsar-biodeg; "
        "0.01 on collins."
    )


def test_the_form_that_keeps_most_accuracy_is_named(front):
    more = front["deletion"].eq("C") & front["measure"].eq("accuracy") & front["eta"].eq(2)
    told = pages_id.forms_told(front.assign(value=front["value"] + 0.05 * more))
    assert told["forms-accurate"] == "Del-C"
    table = told["forms-table"].astype(float)
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


def test_runs_made_twice_are_compared_run_by_run():
    one = frame(tables=["collins"]).assign(device="cuda: NVIDIA H200", best_epoch=3)
    test = one["measure"].eq("accuracy") & one["part"].eq("test")
    later = 3 + one["split"].eq(0)
    moved = one.assign(value=one["value"] + 0.01 * test, best_epoch=later, device="cpu: EPYC, 1 threads")
    means, told = pages_id.twice(one, moved[moved["split"] < 4], ("GPU", "CPU"))
    assert means.loc[("collins", "accuracy"), "difference"].startswith("+0.0100")
    assert means.loc[("collins", "insertion"), "difference"].startswith("+0.0000")
    assert told["same"] * 4 == told["runs"] * 3
    assert told["apart"] == pytest.approx(0)
    assert told["on"] == ["NVIDIA H200", "EPYC"]
