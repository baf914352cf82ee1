"""What a training gave back, and whether another may start from it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training import fe, id
from tests.training.fe import SMALL, train


def test_nothing_starts_from_a_run_that_diverged():
    """Its parameters are those of before the first step, and the next training would look like any other."""
    start = train("Predictor", settings=replace(SMALL, lr=1e300, epochs=20))
    assert start.diverged[0]
    with pytest.raises(ValueError, match=r"start has diverged for the \(fold, seed\) pairs \[\(0, 0\)\]"):
        train("Pretrain", start=start)
    start.diverged[0] = 0
    train("Pretrain", start=start)


@pytest.mark.parametrize(
    ("before", "method", "train"),
    [("Predictor", "Pretrain", fe.train), ("pretrained", "ID-ExpO", id.train)],
    ids=["FE", "ID"],
)
def test_a_start_from_other_training_rows_is_refused(before, method, train):
    """It has seen rows that these splits test on."""
    folds = id.table()
    start = id.pretrain(id.table((7, 8))) if before == "pretrained" else train(before, id.table((7, 8)))
    with pytest.raises(ValueError, match=r"same rows, toy, splits \[0, 1\], got toy, splits \[7, 8\]"):
        train(method, folds, start=start)
    with pytest.raises(ValueError, match=r"same rows, toy, splits .*, got other, splits"):
        train(method, folds, start=replace(start, folds=replace(folds, name="other")))
    train(method, folds, start=replace(start, folds=folds))


@pytest.mark.parametrize("part", ["x_train", "y_train"])
@pytest.mark.parametrize("paper", ["FE", "ID"])
def test_a_start_from_another_file_of_the_same_name_is_refused(part, paper):
    """As many rows, split alike, with other values: another table, or the same one not standardised."""
    folds, own = id.table(), {"FE": fe, "ID": id}[paper]
    other = replace(folds, **{part: getattr(folds, part).flip(1)})
    start = id.pretrain(other) if paper == "ID" else train("Predictor", other)
    with pytest.raises(ValueError, match=f"start must be trained on the {part} of these folds, .* same name, toy"):
        own.train({"FE": "Pretrain", "ID": "ID-ExpO"}[paper], folds, start=start)


def test_the_first_rows_alone_may_be_trained_on():
    folds = id.table()
    few = replace(folds, x_train=folds.x_train[:, :8], y_train=folds.y_train[:, :8])
    assert id.train(folds=few, start=id.pretrain(folds)).diverged == [0] * 4


@pytest.mark.parametrize("change", [{"hidden": 7}, {"layers": 1}, {"dropout": 0.1}])
def test_a_start_of_another_network_is_refused(change):
    """The settings that are recorded would be of a network that is not there."""
    start = train("Predictor", settings=replace(SMALL, **change))
    with pytest.raises(
        ValueError, match=r"start must have the network of .*, MLP\(\(3, 6, 6\), dropout=0.3\), got MLP"
    ):
        train("Pretrain", start=start)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_start_of_another_precision_is_converted(dtype):
    """Numbers are of the type of the folds, whatever the start's."""
    other = {torch.float32: torch.float64, torch.float64: torch.float32}[dtype]
    start = fe.train("Predictor", id.table(dtype=other))
    got = fe.train("Pretrain", id.table(dtype=dtype), start=start)
    assert got.run().predict(got.start.folds.x_test[0]).isfinite().all()
    tuned = id.train(folds=id.table(dtype=dtype), start=id.pretrain(id.table(dtype=other)))
    assert {tensor.dtype for bank in (got.bank, tuned.bank) for tensor in bank.values()} == {dtype}


@pytest.fixture(scope="module", params=["FE", "ID"])
def asked(request):
    """What is asked of rows of five features: FE explains one at a time, see below."""
    if request.param == "FE":
        return [fe.train(folds=id.table(), settings=replace(SMALL, epochs=1)).run().predict]
    model = id.pretrain(id.table()).run()
    return [model.predict, model.explain]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.full((2, 5), math.nan), "x must be finite, got 10 NaN or infinite values"),
        (torch.zeros(2, 4), r"x must be \(rows, 5\), got \(2, 4\)"),
        (torch.zeros(2, 1, 5), r"x must be \(rows, 5\), got \(2, 1, 5\)"),
        (torch.zeros(0, 5), r"x must be \(rows, 5\), got \(0, 5\)"),
        (torch.zeros(5), r"x must be \(rows, 5\), got \(5,\)"),
        (torch.zeros(2, 5, dtype=torch.int64), "x must be a tensor of floating point numbers, got torch.int64"),
        (np.zeros((2, 5)), "x must be a tensor of floating point numbers, got ndarray"),
        ([[0.0] * 5], "x must be a tensor of floating point numbers, got list"),
    ],
)
def test_rows_that_cannot_be_predicted_or_explained_are_named(x, message, asked):
    for ask in asked:
        with pytest.raises(ValueError, match=message):
            ask(x)


def test_a_row_that_cannot_be_explained_by_examples_is_named():
    model = fe.train(folds=id.table(), settings=replace(SMALL, epochs=1)).run()
    for x, message in (
        (torch.zeros(4), r"x must be one row \(5,\), got \(4,\)"),
        (torch.zeros(2, 5), r"x must be one row \(5,\), got \(2, 5\)"),
        (torch.full((5,), math.nan), "x must be finite, got 5"),
        (np.zeros(5), "x must be a tensor"),
    ):
        with pytest.raises(ValueError, match=message):
            model.explain(x)


@pytest.mark.parametrize("run", [-1, 1, 0.0, "0", True])
def test_a_run_that_is_not_there_is_named(run):
    with pytest.raises(ValueError, match=f"run must lie between 0 and 0, got {run!r}"):
        train(settings=replace(SMALL, epochs=1)).run(run)


def test_a_run_kept_before_it_diverged_says_so():
    got = train(settings=replace(SMALL, epochs=2))
    got.diverged = [9]
    with pytest.warns(UserWarning, match=r"run 0 \(seed 0, .*\) of Ours has diverged, .* at epoch 9: its model is"):
        model = got.run()
    assert model.predict(got.folds.x_test[0]).isfinite().all()


@pytest.mark.parametrize("paper", ["FE", "ID"])
def test_a_run_that_diverged_at_once_has_nothing_to_say(paper):
    """Its parameters are finite and those of the start, which nobody asked for."""
    if paper == "FE":
        got = train(settings=replace(SMALL, lr=1e300, epochs=2))
    else:
        got = id.train(runs=id.grid("ID-ExpO", 2, lam=(0.1,), lr=(1e200,)))
    assert got.diverged[0]
    model, x = got.run(), got.folds.x_test[0]
    for ask, rows in ((model.predict, x), (model.explain, x[0] if paper == "FE" else x)):
        with pytest.raises(ValueError, match=r"run 0 .* has diverged, .* before any epoch could be kept: train it"):
            ask(rows)
