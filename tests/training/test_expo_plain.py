"""lib agrees with the chapters' plain forms of ID: curves, LIME, and fine-tuning over a few steps."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from lib import data, explainers, metrics
from lib.explainers import LIME, KernelSHAP
from lib.predictor import Predictor
from lib.training import Runs, fit
from lib.training.expo import Settings
from tests import plain

S, STEPS = 0.3, 5  # of 18 features
QUICK = Settings(LIME(M=12), S=S, hidden=16, epochs=2, batch=16)


@pytest.fixture(scope="module")
def folds():
    """40 training rows of vehicle, so that an epoch is three steps, the last of them short."""
    folds = data.folds(data.load("vehicle"), [0], dtype=torch.float64)
    return replace(folds, x_train=folds.x_train[:, :40], y_train=folds.y_train[:, :40])


@pytest.fixture(scope="module")
def start(folds):
    settings = replace(QUICK, epochs=20, patience=20)
    return fit("pretrained", folds, Runs.grid(1, lr=[0.05]), settings=settings, progress=False)


def network(theta):
    """The library's parameters of one run in an nn.Sequential."""
    layers = [nn.Linear(*theta[name].shape, dtype=torch.float64) for name in ("W1", "W2", "W")]
    for layer, name in zip(layers, ("1", "2", "")):
        layer.weight.data, layer.bias.data = theta[f"W{name}"].T.clone(), theta[f"b{name}"][0].clone()
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


def lime(f, x, y, b, Z):
    return plain.functions().plain_lime(f, x, y, b, Z, explainers.lime_kernel(Z), 0.01)


def test_curves_are_the_loops_over_samples_and_steps(folds, start):
    f, x, random = network(start.run().theta), folds.x_test[0, :7], torch.Generator().manual_seed(0)
    phi, b = torch.randn(7, 18, generator=random).double(), torch.randn(18, generator=random).double()
    y, steps = torch.arange(7) % folds.C, [1, 3, 4, 18]
    phi[0, :6] = phi[0, 6]  # a tie
    path = metrics.curves(Predictor.of(f, b), x, y, phi=phi, s=steps)
    inserted, deleted = plain.functions().plain_curves(f, x, y, b, phi, steps)
    assert torch.allclose(path.inserted, inserted, atol=1e-12)
    assert torch.allclose(path.deleted, deleted, atol=1e-12)


@pytest.mark.parametrize("explainer", [LIME(), KernelSHAP()])
def test_lime_of_a_batch_is_lime_of_each_sample(folds, start, explainer):
    f, x = network(start.run().theta), folds.x_test[0, :4]
    y, b = torch.tensor([0, 1, 2, 3]), torch.full((18,), 0.1, dtype=torch.float64)
    Z = explainers.draw_masks(40, 18, torch.Generator().manual_seed(0), dtype=torch.float64)
    phi = explainer.explain(Predictor.of(f, b), x, y, Z=Z).phi
    k = explainer.weights(Z)
    one_by_one = [plain.functions().plain_lime(f, x[n], y[n], b, Z, k, 0.01) for n in range(4)]
    assert torch.allclose(phi, torch.stack(one_by_one), atol=1e-12)


@pytest.mark.parametrize("lam3", [0.0, 0.1])
def test_fine_tuning_takes_the_steps_of_the_plain_loop(folds, start, lam3):
    """Momentum, weight decay, shuffling, masks and all terms: six steps lead to the same parameters (ID-11)."""
    runs = Runs.grid(1, lam=[0.3], lam3=[lam3], lr=[0.02])
    settings = replace(QUICK, eta=0)  # insertion and deletion alone choose the epoch: here the last
    tuned = fit("ID-ExpO", folds, runs, start=start, settings=settings, progress=False)
    assert tuned.best_epoch == [[2]]
    f, x, y, b = network(start.run().theta), folds.x_train[0], folds.y_train[0], torch.zeros(18, dtype=torch.float64)
    options = {"lam3": lam3, "lr": 0.02, "epochs": 2, "M": 12, "batch": 16}
    plain.functions().train_plain_id(f, x, y, b, lime, STEPS, 0.3, **options)
    before, after = (list(network(tuned_by).parameters()) for tuned_by in (start.run().theta, tuned.run().theta))
    for p, q, old in zip(f.parameters(), after, before):
        assert torch.allclose(p, q, atol=1e-11)
        assert not torch.allclose(p, old, atol=1e-4)
