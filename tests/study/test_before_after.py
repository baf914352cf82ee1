"""Before and after: the best run of each split by validation, what it scores on test rows, side by side."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lib.explainers import LIME
from lib.study import before_after
from lib.training import Runs, expo, fewer, fit
from tests.training.fe import toy

BEFORE = {"accuracy": [0.5, 0.7], "insertion": [0.2, 0.2], "calibration_error": [0.1, 0.3]}
AFTER = {"accuracy": [0.6, 0.6], "insertion": [0.4, 0.8], "calibration_error": [0.0, 0.2]}


def fitted(measure, fold):
    return SimpleNamespace(history={"measure": np.array(measure)}, runs=SimpleNamespace(fold=fold))


def test_the_best_run_of_a_split_is_the_one_that_validation_reached_highest_with():
    """Folds come in their order, whatever that of the runs; a run that diverged is never best."""
    nan = np.nan
    assert before_after.best(fitted([[0.1, 0.9, 0.2, 0.3], [0.8, 0.1, 0.2, nan]], (1, 1, 0, 0))) == [3, 1]
    assert before_after.best(fitted([[nan, 0.1]], (0, 0))) == [1]
    both = np.array([[[0.1, 0.9], [0.2, 0.1]]])  # of two criteria the first counts
    assert before_after.best(fitted(both, (0, 0))) == [1]


def plain_calibration(p, right, bins=15):
    """The gap between confidence and share of right predictions in each bin, weighed by the rows in it."""
    total = 0.0
    for i in range(bins):
        own = [k for k, value in enumerate(p) if i / bins <= value < (i + 1) / bins or (value == 1 and i == bins - 1)]
        if own:
            total += abs(sum(p[k] for k in own) - sum(right[k] for k in own))
    return total / len(p)


def test_scores_are_those_of_the_best_runs_on_test_rows():
    folds = toy(range(2))
    ours = fit("Ours", folds, Runs.grid(2, eta=[0.0, 0.1]), progress=False,
               settings=fewer.Settings(epochs=3, check=1, U=(5, 10), hidden=4))  # fmt: skip
    for name in ("accuracy", "faithfulness"):
        ours.scores[f"test_{name}"][:, 0] = -1  # at U = 5, by which no epoch was kept
    start = fit("pretrained", folds, Runs.grid(2, lr=[0.05]), progress=False,
                settings=expo.Settings(epochs=3, hidden=4))  # fmt: skip
    tuned = fit("ID-ExpO", folds, Runs.grid(2, lam=[0.1, 1.0]), start=start, progress=False,
                settings=expo.Settings(LIME(M=20), epochs=2, hidden=4))  # fmt: skip
    for found, of, at in ((before_after.of_examples(ours), ours, 1), (before_after.of_features(tuned), tuned, 0)):
        for split, run in enumerate(before_after.best(of)):
            assert of.runs.fold[run] == split
            assert found["accuracy"][split] == of.scores["test_accuracy"][run, at]
            p, predicted = torch.softmax(of.run(run).predict(folds.x_test[split]), -1).max(-1)
            right = (predicted == folds.y_test[split]).tolist()
            assert found["calibration_error"][split] == pytest.approx(plain_calibration(p.tolist(), right), abs=1e-6)
    run = before_after.best(ours)[1]
    assert before_after.of_examples(ours)["faithfulness"][1] == ours.scores["test_faithfulness"][run, 1]
    run = before_after.best(tuned)[0]
    assert before_after.of_features(tuned)["1 − deletion"][0] == 1 - tuned.scores["test_deletion"][run, 0]
    assert before_after.of_features(tuned)["insertion"][0] == tuned.scores["test_insertion"][run, 0]


def test_the_U_that_epochs_are_kept_by_must_be_there():
    settings = fewer.Settings(epochs=1, U=(5, "all"), keep=10)
    with pytest.raises(ValueError, match=r"U must have 10, by which epochs are kept"):
        before_after.of_examples(fit("Ours", toy((0,)), Runs.grid(1), settings=settings, progress=False))


def test_a_network_trained_before_its_explanation_sees_the_rows_themselves():
    folds = toy(range(2))
    settings = fewer.Settings(epochs=3, check=1, U=(10,), hidden=4)
    pretrain = fit("Pretrain", folds, Runs.grid(2), progress=False, settings=settings)
    p, predicted = torch.softmax(pretrain.run(1).predict(folds.x_test[1]), -1).max(-1)
    expected = plain_calibration(p.tolist(), (predicted == folds.y_test[1]).tolist())
    assert before_after.of_examples(pretrain)["calibration_error"][1] == pytest.approx(expected, abs=1e-6)


def test_images_have_the_same_measures():
    values = {"accuracy": 0.9, "deletion": 0.3, "insertion": 0.5, "calibration_error": 0.1, "gap": 7}
    report = [{"measure": name, "value": value} for name, value in values.items()]
    found = before_after.of_images(report)
    assert found == {"accuracy": [0.9], "insertion": [0.5], "1 − deletion": [0.7], "calibration_error": [0.1]}


def test_a_comparison_holds_means_standard_errors_and_the_better_side():
    frame = before_after.compared({"before": BEFORE, "after": AFTER})
    assert list(zip(frame["measure"], frame["who"])) == [(m, who) for m in BEFORE for who in ("before", "after")]
    assert frame["mean"].tolist() == pytest.approx([0.6, 0.6, 0.2, 0.6, 0.2, 0.1])
    assert frame["sem"].tolist() == pytest.approx([0.1, 0, 0, 0.2, 0.1, 0.1])
    assert frame["direction"].tolist() == ["higher"] * 4 + ["lower"] * 2
    table = before_after.shown(frame)
    assert list(table.columns) == ["before", "after"]
    assert table.loc["calibration error, lower is better", "after"] == "0.10\u00a0±\u00a00.10"
    one = before_after.compared({"before": {"accuracy": [0.5]}, "after": {"accuracy": [0.75]}})
    assert before_after.shown(one).to_numpy().tolist() == [["0.50", "0.75"]]


def test_a_sentence_tells_how_far_the_last_lies_from_the_one_before_it():
    other = {name: [5.0, 5.0] for name in BEFORE}
    frame = before_after.compared({"before": other, "trained on": BEFORE, "after": AFTER})
    assert before_after.told(frame).split("\n") == [
        "After, beside trained on: accuracy the same, insertion 0.40 higher and", "calibration error 0.10 lower.",
    ]  # fmt: skip


def test_models_with_other_measures_are_not_compared():
    with pytest.raises(ValueError, match=r"all must have the measures accuracy, .*, got accuracy of after"):
        before_after.compared({"before": BEFORE, "after": {"accuracy": [0.5]}})
