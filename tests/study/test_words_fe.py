"""The sentences beneath FE's figures, and the page of claims, on made-up records with a known answer."""

import numpy as np
import pandas as pd
import pytest

from lib.study import pages_fe, runs_fe, words_fe
from tests.study.fe import TOLD, frame


@pytest.fixture(scope="module")
def told():
    return frame(datasets=["glass", "vehicle"])


def test_scores_are_told_with_the_lead_and_whoever_is_ahead(told):
    ten = runs_fe.chosen(told[told["lam"] == 1])
    text = words_fe.scores(ten, "accuracy")
    assert text.startswith("With 10 entries and in the mean over 2 data sets, Ours minus Pretrain is 0.00 (95 % interv")
    assert "The paper finds its accuracy comparable with Pretrain's." in text
    board = pages_fe.scoreboard(told, "accuracy")
    assert board["mean"].astype(float)[["Joint", "RPSR"]].tolist() == pytest.approx([0.8, 0.6], abs=0.01)
    assert text.endswith("No rival is surely more accurate than Ours on any of them.")
    text = words_fe.scores(ten, "faithfulness")  # RPS and RPSR are always faithful
    assert text.endswith("No rival that does not predict by h is surely more faithful than Ours on any of them.")
    ahead = frame(datasets=["glass"], lams=(1.0,), scores=TOLD | {"Joint": (0.99, 0.6)})
    assert "Joint on Glass (0.09)" in words_fe.scores(runs_fe.chosen(ahead), "accuracy")
    assert "No data set has records" in words_fe.scores(ten[ten["method"] != "RPS"], "accuracy")


def test_changes_with_lambda_are_told_on_both_sides_of_one(told):
    table = words_fe.changes_table(told)
    assert [cell[:5] for cell in table.loc[("accuracy", "Glass")]] == ["−0.04"] * 2
    assert list(table.columns) == ["up to λ = 1", "from there to 100"]
    text = words_fe.moves(told, "accuracy")
    assert text.startswith("Up to λ = 1 accuracy is flat, the interval within ±0.05, on none. ")
    assert "Beyond 1 it surely falls on Glass and Vehicle. From 1 to" in text
    assert text.endswith("The paper sees it fall with λ in general.")
    trade = 0.02 * np.log10(told["lam"].clip(upper=1)) * (told["measure"] == "accuracy")
    flat = words_fe.moves(told.assign(value=told["value"] + trade), "accuracy")
    assert flat.startswith("Up to λ = 1 accuracy is flat, the interval within ±0.05, on Glass and Vehicle. Beyond 1 ")
    assert words_fe.moves(told[told["lam"] == 1], "accuracy") == "No data set has three values of λ yet."


def test_data_sets_are_named_by_the_protocol_of_their_records(told):
    new = told.assign(settings=told["settings"].where(told["dataset"] != "glass", '{"keep": 10}'))
    assert words_fe.protocols(new) == "the second for Glass; the first for Vehicle"
    assert words_fe.protocols(told) == "the first for Glass, Vehicle"


def test_a_curve_over_lambda_tells_its_runs_and_whether_it_is_of_the_first_protocol(told):
    ours = told[told["method"] == "Ours"]
    new = ours.assign(settings=ours["settings"].where(ours["dataset"] != "glass", '{"keep": 10}'))
    sizes = "All λ of a data set are compared on the same runs: {} on Glass and {} on Vehicle."
    sizes = sizes.format(*["6 splits and 3 η"] * 2)
    assert words_fe.kept_lambdas(new, ours) == f"{sizes} The curve of Glass is of the first protocol still."
    for both in (new, ours):
        assert words_fe.kept_lambdas(both, both) == sizes
    fewer = ours[(ours["dataset"] == "glass") & (ours["split"] < 3) & (ours["eta"] < 0.1)]
    assert words_fe.kept_lambdas(ours, fewer).endswith("same runs: 3 splits and 2 η on Glass.")
    one = ours[ours["lam"] == 1]
    assert words_fe.kept_lambdas(new, one) == "No data set has several λ yet."


def test_the_best_eta_is_told_and_whether_it_is_the_same(told):
    assert "That is 2 different η on 2 data sets." in words_fe.best_eta(told, "faithfulness")
    lucky = told["eta"].eq(0.1) & told["part"].eq("test") & told["dataset"].eq("glass")
    text = words_fe.best_eta(told.assign(value=told["value"] + 0.5 * lucky), "faithfulness")  # test rows are told
    assert "Glass 0.1 (" in text
    assert "That is the same η everywhere. The paper finds that the best η depends on the data." in text
    assert "No data set has several" in words_fe.best_eta(told[told["eta"] == 0.01], "faithfulness")


def test_etas_that_are_not_surely_below_the_best_are_named(told):
    """0.001 is as good in the mean over splits as 0.01 but for noise, 0.1 is surely below; then that is so on one."""
    test = told["part"].eq("test") & told["measure"].eq("faithfulness") & told["method"].eq("Ours")
    fixed = {0.001: 0.89, 0.01: 0.90, 0.1: 0.70}
    even = 0.05 * (2 * (told["split"] % 2) - 1) * told["eta"].eq(0.001)
    made = told.assign(value=told["value"].where(~test, told["eta"].map(fixed).fillna(0) + even))
    text = words_fe.best_eta(made, "faithfulness")
    assert text.startswith(
        "Highest mean faithfulness: Glass 0.01 (0.90; not surely above 0.001), Vehicle 0.01 (0.90; not"
    )
    other = made.assign(value=made["value"] + 0.03 * (test & made["eta"].eq(0.001) & made["dataset"].eq("vehicle")))
    other["value"] -= 0.2 * (test & other["eta"].eq(0.001) & other["dataset"].eq("glass"))
    text = words_fe.best_eta(other, "faithfulness")
    assert "Vehicle 0.001 (0.92; not surely above 0.01). That is 2 different η on 2 data sets. Not surely" in text
    assert "Not surely below the best on any of them: 0.01. The paper" in text
    one = words_fe.level_etas(made[test & (made["dataset"] == "glass") & (made["split"] == 1)])
    assert one == [0.01, 0.1]  # of one split nothing is sure


def test_scores_without_repeated_rows_stand_beside_those_with_them(told):
    ten = runs_fe.chosen(told[told["lam"] == 1])
    known = pd.DataFrame({"dataset": ["glass", "glass", "vehicle"], "repeated": [0.1, 0.2, 0.0]})
    start = "Of the test rows 15.0\u00a0% on Glass equal a training row, in the mean over splits, and none on Vehicle"
    assert words_fe.repeated(told, ten, known) == f"{start}; what scores are without them is not recorded yet."
    base = told[(told["part"] == "test") & told["measure"].isin(runs_fe.SCORES) & (told["U"] == 10)]
    less = base["value"] - np.where(base["method"] == "Joint", 0.03, 0.01) * (base["measure"] == "accuracy")
    new = base.assign(measure=base["measure"] + "_new", value=less)
    text = words_fe.repeated(pd.concat([told, new]), ten, known)
    own = ten[(ten["dataset"] == "glass") & (ten["method"] == "Ours") & (ten["part"] == "test")]
    mean = own.groupby("measure")["value"].mean()
    a, f = mean["accuracy"], mean["faithfulness"]
    assert text.startswith(
        f"{start}. Without them Ours has accuracy {a - 0.01:.3f} for {a:.3f} and faithfulness {f:.3f} for {f:.3f} on "
        "Glass; the largest changes of any method are −0.030 of accuracy (Joint on "
    )


def test_neighbours_are_told_where_they_are_recorded(told):
    ten = runs_fe.chosen(told[told["lam"] == 1])
    assert words_fe.further(told, ten)[1] == "No data set has them yet."
    base = told[(told["measure"] == "faithfulness") & (told["part"] == "test")]
    votes = base[base["method"] == "Pretrain"].assign(measure="neighbours", value=0.75)
    ties = base[base["method"] == "Ours"].assign(measure="ties", value=0.25)
    table, text = words_fe.further(pd.concat([told, votes, ties]), ten)
    assert table.loc[("Glass", "Ours")].tolist() == ["0.25", "–"]
    assert "On Glass the ten nearest examples vote for what Pretrain predicts on 0.75 of the test rows, less" in text
    more = words_fe.further(pd.concat([told, votes.assign(value=0.99), ties]), ten)[1]
    assert ", more often than Ours agrees with its own explanation (0.9" in more


def test_classes_of_the_ten_images_are_told_over_splits():
    ten = runs_fe.chosen(frame(datasets=[runs_fe.CIFAR10], methods=["Ours", "Joint"], lams=(1.0,)))
    assert words_fe.classes(ten) == (
        "Over 6 splits the ten images are of 10 classes in the median under Ours (10 to 10), "
        "and of 1 under Joint (1 to 1)."
    )
    assert words_fe.classes(ten[ten["method"] == "Ours"]) == "No records of both methods yet."


def test_the_ten_images_are_told_by_whose_class_they_speak_for():
    """Ten images of the first ten classes; four speak for their own, three against their output."""
    ten = runs_fe.chosen(frame(datasets=[runs_fe.CIFAR10], methods=["Ours"], lams=(1.0,)))
    place = ten["U"].where(ten["measure"] == "influence", 1).astype(float)
    ten = ten.assign(output=np.where(place <= 4, place - 1, 0), value=np.where(place <= 3, -2.0, 0.5 * place))
    assert words_fe.pictured(ten, "Ours") == (
        "4 of the ten speak for or against their own class, and 7 have a positive influence. "
        "The largest is 2.5 times the least."
    )
    assert words_fe.pictured(ten, "Joint") == "No records of Joint yet."
