"""The sentences beneath FE's figures, and the page of claims, on made-up records with a known answer."""

import numpy as np
import pandas as pd
import pytest

from lib.study import numbers, pages_fe, runs_fe, statistics, timing, words_fe
from lib.study.runs import at
from tests.study.fe import TOLD, frame, timed


@pytest.fixture(scope="module")
def told():
    return frame(datasets=["glass", "vehicle"])


def test_scores_are_told_with_the_lead_and_whoever_is_ahead(told):
    ten = runs_fe.chosen(told[told["lam"] == 1])
    text = words_fe.scores(ten, "accuracy")
    assert text.startswith("With 10 entries and in the mean over 2 data sets, Ours minus Pretrain is 0.00 (95% interv")
    assert "The paper finds the accuracy of Ours comparable with Pretrain's." in text
    board = pages_fe.scoreboard(told, "accuracy")
    assert board["mean"].astype(float)[["Joint", "RPSR"]].tolist() == pytest.approx([0.8, 0.6], abs=0.01)
    assert text.endswith("No rival is surely more accurate than Ours on any data set.")
    text = words_fe.scores(ten, "faithfulness")  # RPS and RPSR are always faithful
    assert text.endswith("No rival that does not predict by h is surely more faithful than Ours on any data set.")
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
    every = pd.concat([told.assign(dataset=d) for d in runs_fe.datasets(told)])
    assert words_fe.protocols(every) == "the first for all 4 data sets"


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
    start = "Of the test rows 15.0% on Glass equal a training row, in the mean over splits, and none on Vehicle"
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
    votes = base[base["method"].isin(["Pretrain", "Ours"])].assign(measure="neighbours", value=0.75)
    ties = base[base["method"] == "Ours"].assign(measure="ties", value=0.25)
    table, text = words_fe.further(pd.concat([told, votes, ties]), ten)
    assert table.loc[("Glass", "Ours")].tolist() == ["0.25", "0.75"]
    own = runs_fe.by_split(ten, "glass", "Ours", measure="faithfulness")
    gap = numbers.spanned(statistics.resampled(own - 0.75))
    assert f"predicted, with neighbours in Pretrain's network: Glass {gap}, Vehicle" in text
    assert f"on Glass and Vehicle; with neighbours in its own: Glass {gap}, Vehicle" in text  # 0.95 and 0.75
    assert text.endswith("surely above 0 on Glass and Vehicle.")
    alone = words_fe.further(pd.concat([told, votes[votes["method"] == "Pretrain"], ties]), ten)[1]
    assert "its own" not in alone
    high = votes.assign(value=0.9 - 0.8 * (votes["split"] == 0))  # behind Ours in the mean, not surely
    assert words_fe.further(pd.concat([told, high, ties]), ten)[1].endswith("surely above 0 on none.")


def test_what_is_left_of_learning_at_the_largest_lambda_is_told():
    """Accuracy beside the majority class's, the runs that are kept as they began, and what ties take."""
    own = frame(datasets=["glass", runs_fe.CIFAR10], methods=["Ours"]).assign(settings='{"check": 10}', best_epoch=20)
    own.loc[(own["lam"] == 100) & (own["dataset"] == "glass") & (own["split"] < 2), "best_epoch"] = 10
    ten = runs_fe.chosen(own)
    known = pd.DataFrame({"dataset": "glass", "split": range(6), "majority": 0.35})
    glass, images = (
        runs_fe.by_split(ten, d, "Ours", measure="accuracy", lam=100.0).mean() for d in own["dataset"].unique()
    )
    assert words_fe.learned(own, known) == (
        f"At the largest λ accuracy is {glass:.2f} on Glass (majority class 0.35) and {images:.2f} on CIFAR10. Runs of "
        "which validation keeps the first epoch that it looks at: 2 of 6 at λ = 100 on Glass, at no other λ."
    )
    assert "looks at: none." in words_fe.learned(own.assign(best_epoch=20), known)
    assert words_fe.learned(own[own["lam"] <= 1], known) == "No data set has a λ above 1 yet."
    faithful = own[(own["measure"] == "faithfulness") & (own["part"] == "test")]
    ties = faithful.assign(measure="ties", value=0.01 * faithful["lam"].clip(upper=25))
    means = [
        runs_fe.by_split(ten, runs_fe.CIFAR10, "Ours", measure="faithfulness", lam=lam).mean() for lam in (1.0, 100.0)
    ]
    text = words_fe.tied(pd.concat([own, ties]))
    assert f"of h tie: {means[0]:.2f} at λ = 1 (ties on 1%)" in text
    assert f"and {means[1]:.2f} at λ = 100 (ties on 25%)." in text
    assert text.endswith(f"counted as agreement, the last would be {means[1] + 0.25:.2f}.")
    assert words_fe.tied(own) == "CIFAR10 has no records of ties at several λ yet."


def test_classes_of_the_ten_images_are_told_over_splits():
    ten = runs_fe.chosen(frame(datasets=[runs_fe.CIFAR10], methods=["Ours", "Joint"], lams=(1.0,)))
    assert words_fe.classes(ten) == (
        "Over 6 splits the ten images are of 10 classes in the median under Ours (10 to 10), "
        "and of 1 under Joint (1 to 1). The paper's show every class under Ours and fewer under Joint, as here."
    )
    assert words_fe.classes(ten[ten["method"] == "Ours"]) == "No records of both methods yet."
    swapped = words_fe.classes(ten.assign(method=ten["method"].replace({"Ours": "Joint", "Joint": "Ours"})))
    assert swapped.endswith("under Joint, which none of this bears out.")
    last = ten["measure"].eq("influence") & ten["method"].eq("Ours") & ten["U"].gt(8)
    fewer = ten.assign(example=ten["example"].where(~last, ten.loc[ten["measure"].eq("influence"), "example"].iloc[0]))
    assert words_fe.classes(fewer).endswith("of which the first is not so here.")
    alike = pd.concat([at(ten, method="Ours"), at(ten, method="Ours").assign(method="Joint")])
    assert words_fe.classes(alike).endswith("of which the second is not so here.")


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


def test_what_gates_cost_is_told_with_the_bound_from_which_all_would_hold():
    """Ours takes 1.25 times the seconds of Joint, the other two pairs are level."""
    assert words_fe.gates_cost(timing.NONE) == "No epoch has been timed yet."
    level = dict.fromkeys(runs_fe.METHODS, 1.0)
    text = words_fe.gates_cost(timed(level | {"Ours": 1.25}))
    assert text.startswith("The ratios are 1.00 to 1.25 here and 0.92 to 1.08 in the paper's Table 1.")
    assert text.endswith("from a bound of 1.3 on all would hold.")
    assert words_fe.gates_cost(timed(level | {"Ours": 9.0})).endswith("at 2 not all would hold either.")
