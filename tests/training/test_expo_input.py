"""ID's trainings refuse what they cannot train, by name and before anything is written."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from lib.explainers import LIME, Attribution
from lib.nets import Classifier, Network
from lib.training import Runs, fewer, fit
from lib.training.images import Tuning
from tests.training.fe import toy
from tests.training.id import SMALL, TEN, module, pretrain, table, train

ONE = toy((0,), D=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "Mine"}, "method must be one of .*ID-ExpO, ExpO-S, ExpO-F, CE-only.*, got 'Mine'"),
        ({"method": "pretrained", "runs": Runs.grid(2)}, "pretrained is kept by its accuracy and starts anew"),
        (
            {"method": "ExpO-S", "runs": Runs.grid(2, lam3=(0.01,))},
            "ExpO-S has no axis lam3: it takes 0.0 alone",
        ),
        ({"method": "CE-only", "runs": Runs.grid(2, lam=(0.1,))}, "CE-only has no axis lam: it takes 0.0 alone"),
        ({"runs": Runs.grid(2, eta=(0.1,))}, "ID-ExpO has no axis eta: it has lr, lam3, lam"),
        ({"criteria": [(TEN, 0.5), (LIME(M=10), 0.5)]}, "criteria must differ"),
        ({"criteria": [(TEN, "0.5")]}, "S must be a share of the cells .*got '0.5'"),
        (
            {"method": "ExpO-S", "settings": replace(SMALL, deletion="B")},
            "deletion is a form of ID-ExpO's regulariser: ExpO-S takes A alone, got 'B'",
        ),
        (
            {"settings": replace(SMALL, explainer=Attribution())},
            "explainer must be one .* got Integrated Gradients, which",
        ),
        ({"settings": fewer.Settings()}, "settings of ID-ExpO must be lib.training.expo.Settings"),
        ({"settings": Tuning()}, "settings of ID-ExpO must be lib.training.expo.Settings, got Tuning"),
        ({"f": nn.Linear(5, 3)}, r"f must be a Classifier or a Network\(module\), got Linear"),
        ({"criteria": [("LIME", 0.3)]}, r"explainer must be an Explainer, as LIME\(\), got 'LIME'"),
        ({"criteria": [(TEN, 1.3)]}, r"S must be a share of the cells in \(0, 1\], got 1.3"),
        ({"background": torch.zeros(4)}, r"background must have the shape of one input, \(5,\), got \(4,\)"),
        ({"background": torch.zeros(1, 5)}, r"background must have .*got \(1, 5\)"),
        ({"background": torch.full((5,), math.nan)}, "background must be finite, got 5 NaN or infinite"),
        ({"device": "cuda"}, r"device 'cuda' is not there.*use 'cpu'"),
        ({"device": "abacus"}, r"device must be .*got 'abacus'"),
        ({"start": None}, "start must be predictors fitted as .*got None"),
        ({"start": None, "f": Classifier((5, 6, 3))}, "start must be predictors fitted as .*got None"),
        ({"runs": Runs.grid(3)}, "fold must lie between 0 and 1, got 2"),
        ({"start": None, "f": module()}, "an nn.Module trains one run at a time, got 4 runs"),
        (
            {"runs": Runs.grid(1), "start": None, "f": module(), "settings": replace(SMALL, mixed=True)},
            "mixed is for a Classifier's layers, got a Network: use autocast in your module's forward",
        ),
        (
            {"settings": replace(SMALL, explainer=LIME(M=3, eps=0.0))},
            "eps must be positive: 3 masks do not determine 5 contributions",
        ),
        (
            {"method": "CE-only", "settings": replace(SMALL, draws=2)},
            "CE-only has no values of s, so its draws must be None, got 2",
        ),
        ({"folds": toy((0,), D=5, task="regression"), "start": None}, "a class's probability: toy is a regression"),
        (
            {"settings": replace(SMALL, draws=3)},
            r"draws must be at most 2, the number of values of s up to S = 0.5 on inputs \(5,\), got 3",
        ),
        (
            {"settings": replace(SMALL, hidden=16, layers=5)},
            r"start must have the network of f or of the settings, Classifier\(\(5, 16, 16, 16, 16, 16, 3\)\), "
            r"got Classifier\(\(5, 6, 3\)\)",
        ),
        ({"f": Classifier((5, 7, 3))}, r"start must have .*Classifier\(\(5, 7, 3\)\), got Classifier\(\(5, 6, 3\)\)"),
        ({"folds": ONE, "start": None}, "toy has a single feature, so that there is nothing to rank"),
    ],
    ids=lambda value: value if isinstance(value, str) else ", ".join(value),
)
def test_bad_arguments_are_named_before_anything_is_written(change, message, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match=message):
        train(**change, checkpoint=tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_lacks_a_split_or_a_seed_is_refused():
    folds = table()
    start = pretrain(table((0,)), settings=SMALL)
    with pytest.raises(ValueError, match=r"start lacks the \(fold, seed\) pairs \[\(1, 0\)\]"):
        train(folds=folds, start=start)
    with pytest.raises(ValueError, match=r"start lacks the \(fold, seed\) pairs \[\(0, 7\)\]"):
        train(folds=folds, runs=Runs.grid(1, seed=(7,)), start=start)


def test_a_start_of_the_other_paper_is_refused():
    start = fit("Predictor", table(), Runs.grid(2), settings=fewer.Settings(epochs=1, hidden=4), progress=False)
    with pytest.raises(ValueError, match='start of ID-ExpO must be predictors fitted as "pretrained", got a fitted Pr'):
        train(start=start)


def test_a_start_is_one_pretrained_predictor_of_each_run():
    folds = table()
    tuned = train(folds=folds, settings=replace(SMALL, epochs=1))
    with pytest.raises(ValueError, match=r'start of ID-ExpO must be .* "pretrained", got a fitted ID-ExpO'):
        train(folds=folds, start=tuned)
    two = fit("pretrained", folds, Runs.grid(2, lr=(0.05, 0.01)), settings=replace(SMALL, epochs=1), progress=False)
    with pytest.raises(ValueError, match=r"start must hold one run of each .*, got several of \[\(0, 0\), \(1, 0\)\]"):
        train(folds=folds, start=two)


def test_a_network_must_fit_the_rows_and_the_classes():
    for sizes, message in (((6, 6, 3), "f must take the 5 numbers"), ((5, 6, 4), "f must give 3 logits")):
        with pytest.raises(ValueError, match=message):
            fit("pretrained", table(), Runs.grid(2), settings=SMALL, f=Classifier(sizes), progress=False)


def test_a_background_must_be_a_tensor():
    with pytest.raises(ValueError, match="background must be a tensor, got list"):
        train(background=[0.0] * 5)


def test_a_module_must_give_a_logit_for_each_class():
    for layers, message in (
        ([nn.Linear(5, 3), nn.Softmax(-1)], "f must give logits, got probabilities: leave out the softmax"),
        ([nn.Linear(5, 2)], r"f must give 3 logits, one for each class, got outputs \(8, 2\)"),
    ):
        f = Network(nn.Sequential(*layers).double())
        with pytest.raises(ValueError, match=message):
            train("CE-only", runs=Runs.grid(1), start=None, f=f)


def test_one_feature_or_no_class_cannot_be_pretrained():
    for folds, message in ((ONE, "single feature"), (toy((0,), task="regression"), "is a regression task")):
        with pytest.raises(ValueError, match=message):
            pretrain(folds)
