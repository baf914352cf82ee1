"""A GPU computes what a CPU computes; skipped where there is none."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from lib import explainers, metrics
from lib.explainers import LIME, KernelSHAP
from lib.methods import FE
from lib.methods import ID as METHODS
from lib.nets import Classifier
from lib.training import expo, fewer
from lib.training.draws import Draws
from lib.training.images import Tuner, Tuning, draws_of, explainer_for, predictor_of, tune
from lib.training.measuring import in_single_precision, report
from lib.training.pretraining import Pretraining, accuracy, pretrain
from tests.explainers.toy import generators
from tests.training import fe, pictures
from tests.training import id as id_

DEVICE = "cuda"  # the tests of images alone run on a CPU as well
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")


def moved(t):
    """The same ingredients of a step on the GPU, parameters as leaves of their own."""
    on = {name: value.cuda() for name, value in vars(t).items() if isinstance(value, torch.Tensor)}
    theta = {name: value.detach().cuda().requires_grad_() for name, value in t.theta.items()}
    return type(t)(**vars(t) | on | {"theta": theta})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("options", [{}, {"explainer": KernelSHAP(), "deletion": "C"}, {"masks": 5, "deletion": "B"}])
def test_the_objective_and_its_gradient_are_those_of_a_cpu(method, options):
    t, sides = id_.step(), []
    for own in (t, moved(t)):
        loss = id_.objective(own, method, **options)
        sides.append([loss, *torch.autograd.grad(loss.sum(), list(own.theta.values()))])
    for ours, theirs in zip(*sides):
        torch.testing.assert_close(theirs.cpu(), ours, **fe.EXACT)


def test_mixed_precision_is_that_of_a_cpu():
    """Up to the roundings of hidden layers, which move some units across their threshold."""
    f, x = Classifier((11, 64, 64, 6)), torch.randn(2, 50, 11, generator=torch.Generator().manual_seed(0))
    theta, sides = f.init(generators(2)), []
    for device in ("cpu", "cuda"):
        own = {n: t.to(device).requires_grad_() for n, t in theta.items()}
        logits = f.mixed()(own, x.to(device))
        sides.append([logits, *torch.autograd.grad(logits.square().sum(), list(own.values()))])
    for ours, theirs in zip(*sides):
        assert theirs.dtype == torch.float32
        assert (theirs.cpu() - ours).norm() < 2**-4 * ours.norm()


def test_curves_and_masked_accuracy_are_those_of_a_cpu():
    sides = []
    for t in (id_.step(B=20), moved(id_.step(B=20))):
        phi = LIME().explain(t.predictor, t.x, t.y, Z=t.Z).phi.detach()
        curves = metrics.curves(t.predictor, t.x, t.y, phi=phi, s=[1, 2, 5])
        sides.append((phi, *curves[1:], metrics.masked_accuracy(t.predictor, t.x, t.y, r=t.Z[:, 0])))
    for ours, theirs in zip(*sides):
        torch.testing.assert_close(theirs.cpu(), ours, **fe.EXACT)


@pytest.mark.parametrize("method", ["ID-ExpO", "ExpO-S", "CE-only"])
def test_an_interrupted_fine_tuning_is_resumed_bit_for_bit(method, monkeypatch, tmp_path):
    folds, path = id_.table(), tmp_path / "checkpoint.pt"
    start = id_.pretrain(folds, device="cuda")
    whole = id_.train(method, folds, start=start, device="cuda")
    with monkeypatch.context() as patch:
        fe.interrupt(patch, 2, expo.ExpoProgram)
        with pytest.raises(fe.Interrupted):
            id_.train(method, folds, start=start, device="cuda", checkpoint=path, save_every=0)
    again = id_.train(method, folds, start=start, device="cuda", checkpoint=path)
    fe.same(again.bank, whole.bank)
    fe.same(again.scores, whole.scores)


@pytest.mark.parametrize("method", ["ID-ExpO", "ExpO-F"])
def test_a_run_does_not_depend_on_its_company(method):
    folds = id_.table()
    start = id_.pretrain(folds, device="cuda")
    together = id_.train(method, folds, start=start, device="cuda")
    at = list(zip(together.runs.fold, together.runs.lam)).index((1, 0.05))
    alone = id_.train(method, folds, together.runs.only(at), start, device="cuda")
    for name in alone.bank:
        torch.testing.assert_close(alone.bank[name][0], together.bank[name][at], **fe.EXACT)


def test_tuned_predictors_explain_rows():
    tuned = id_.train(start=id_.pretrain(id_.table(), device="cuda"), folds=id_.table(), device="cuda")
    phi = tuned.run().explain(tuned.folds.x_test[0], KernelSHAP())
    assert phi.is_cuda
    assert phi.shape == tuned.folds.x_test[0].shape


@pytest.mark.parametrize("method", ["Ours", "Joint", "RPSR", "PretrainR"])
def test_steps_replayed_as_a_graph_are_the_plain_ones(method, monkeypatch):
    """FE. One epoch, as a graph's steps draw their noise ahead of the next epoch's order; 21 rows, 11 steps."""
    quiet = replace(fe.SMALL, epochs=1, check=1, batch=2, dropout=0.0, sigma=1e-12)
    taken = fe.train(method, settings=quiet, device="cuda")
    monkeypatch.setattr(fewer, "steps_for", lambda update, *_, **__: update)
    plain = fe.train(method, settings=quiet, device="cuda")
    for name in plain.bank:
        torch.testing.assert_close(taken.bank[name], plain.bank[name], rtol=1e-7, atol=1e-7)


class Elsewhere(Draws):
    """A CPU's random numbers, used on another device."""

    def __init__(self, seeds, device):
        super().__init__([torch.Generator().manual_seed(seed) for seed in seeds], torch.float64)
        self.place = device

    def noise(self, shape):
        return super().noise(shape).to(self.place)

    def bits(self, *shape):
        return super().bits(*shape).to(self.place)


@pytest.mark.parametrize("method", FE)
def test_a_step_on_few_examples_is_that_of_a_cpu(method):
    """FE. Value and gradients with dropout and noise, from the same random numbers."""
    sides = []
    for device in ("cpu", "cuda"):
        s = fe.step(method, J=2)
        s.bank = {name: value.detach().to(device).requires_grad_() for name, value in s.bank.items()}
        for name in ("folds", "fold", "batch", "lam", "eta"):
            setattr(s, name, getattr(s, name).to(device))
        value = fe.loss(s, draws=Elsewhere(s.seeds, device))
        sides.append([value, *fe.gradients(value, s).values()])
    for ours, theirs in zip(*sides):
        torch.testing.assert_close(theirs.cpu(), ours, **fe.EXACT)


@pytest.mark.parametrize("case", pictures.CASES)
def test_a_step_on_images_is_that_of_a_cpu(case):
    """Gradients of the network in single precision, from the same random numbers (ID-11)."""
    sides = []
    for device in ("cpu", DEVICE):
        own = pictures.tuner(case)
        own = Tuner(own.net.to(device), pictures.IMAGES.to(device), own.settings)
        own.generator.manual_seed(3)
        own.net.zero_grad()
        with in_single_precision():
            own.gradients(torch.arange(4))
        sides.append({n: p.grad.cpu() for n, p in own.net.named_parameters() if p.grad is not None})
    ours, theirs = sides
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert (theirs[name] - value).norm() <= 1e-3 * value.norm() + 1e-6, name


@pytest.mark.parametrize("options", [{}, {"radius": 8.0}, {"mixed": True}], ids=["plain", "attacked", "mixed"])
def test_pretraining_fine_tuning_and_measuring_run_to_their_end(options, tmp_path):
    images = pictures.IMAGES.to(DEVICE)
    done = pretrain(images, Pretraining(width=4, epochs=2, batch=4, **options), progress=False)
    on_cpu = copy.deepcopy(done.net).cpu()
    assert accuracy(done.net, images, "val") == pytest.approx(accuracy(on_cpu, pictures.IMAGES, "val"), abs=0.1)
    for name in ("Grad-CAM", "LIME", "KernelSHAP", "Integrated Gradients", "Occlusion"):
        explainer = explainer_for(name, done.net, images, **({"M": 12} if name in ("LIME", "KernelSHAP") else {}))
        if name in ("Grad-CAM", "LIME"):
            settings = Tuning(explainer=explainer, batch=4, epochs=1, **pictures.LAM, mixed=options.get("mixed", False))
            tuned = tune(copy.deepcopy(done.net), images, settings, checkpoint=tmp_path / "c", progress=False)
            assert all(p.isfinite().all() for p in tuned.best(0).parameters())
            (tmp_path / "c").unlink()
        predictor, drawn = predictor_of(done.net, images), draws_of([(explainer, 0.5)], images.background)
        rows = report(predictor, images, "test", explainer=explainer, S=[0.5], drawn=drawn[explainer])
        assert np.isfinite([row["value"] for row in rows]).all()


def test_masks_come_from_the_gpus_own_generators():
    Z = torch.stack([explainers.draw_masks(2000, 6, torch.Generator("cuda").manual_seed(s)) for s in (0, 0, 1)])
    assert Z.is_cuda
    assert torch.equal(Z[0], Z[1])
    assert not torch.equal(Z[0], Z[2])
    torch.testing.assert_close(Z.mean((0, 1)).cpu(), torch.full((6,), 0.5), atol=0.04, rtol=0)
