"""A GPU computes what a CPU computes. Where there is none, one is emulated: what is checked then is where tensors are,
and what the library does on a GPU alone.
"""

import copy
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from lib import explainers, metrics
from lib.explainers import LIME, GradCAM, KernelSHAP, squares
from lib.explainers.changed import Shuffled
from lib.methods import FE
from lib.methods import ID as METHODS
from lib.nets import Classifier
from lib.training import expo, fewer
from lib.training.draws import Draws
from lib.training.images import Tuner, Tuning, draws_of, explainer_for, predictor_of, tune
from lib.training.measuring import in_single_precision, report
from lib.training.pretraining import Pretraining, accuracy, pretrain
from tests import emulated
from tests.explainers.toy import generators
from tests.training import fe, pictures
from tests.training import id as id_

DEVICE = "cuda"


@pytest.fixture(autouse=True)
def device(monkeypatch):
    """The GPU that there is, or else an emulated one."""
    with nullcontext() if torch.cuda.is_available() else emulated.gpu(monkeypatch):
        yield


MIXED = {
    "a sum": lambda: torch.ones(3, device="cuda") + torch.ones(3),
    "a number on the GPU": lambda: torch.ones(3) + torch.ones((), device="cuda"),
    "a number that is no operand": lambda: torch.stack([torch.ones((), device="cuda"), torch.ones(())]),
    "rows of a CPU": lambda: torch.ones(3)[torch.tensor([0], device="cuda")],
    "rows to gather": lambda: torch.ones(3, device="cuda").gather(0, torch.tensor([0])),
    "a view": lambda: torch.ones(3).cuda()[1:].mul_(torch.ones(2)),
    "a backward pass": lambda: Doubled.apply(torch.ones(3, device="cuda", requires_grad=True)).sum().backward(),
    "a CPU's generator": lambda: torch.rand(3, device="cuda", generator=torch.Generator()),
    "a GPU's generator": lambda: torch.empty(3).normal_(generator=torch.Generator("cuda")),
    "an array": lambda: torch.ones(3, device="cuda").numpy(),
}


class Doubled(torch.autograd.Function):
    """With a gradient that is on the wrong device."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return grad * torch.full(grad.shape, 2.0)


@pytest.mark.parametrize("mixed", MIXED.values(), ids=MIXED)
def test_devices_do_not_mix(mixed):
    """By which a fault in the library is found, on an emulated GPU too."""
    with pytest.raises((RuntimeError, TypeError), match="device"):
        mixed()


def test_what_may_be_on_a_cpu_is_taken():
    x = torch.ones(3, device="cuda")
    x[torch.tensor([0])] = 2 * torch.ones(())
    assert (x + torch.ones(()))[torch.tensor([0, 1])].tolist() == [3, 2]
    assert torch.ones(3).copy_(x).device.type == "cpu"
    assert copy.deepcopy(x).is_cuda
    assert x.to(torch.float64).is_cuda


WAITING = {
    "a number": lambda x: x.sum().item(),
    "a copy": lambda x: x.cpu(),
    "a CPU's number": lambda x: torch.tensor(1.0, device=x.device),
}


@pytest.mark.skipif(torch.cuda.is_available(), reason="a recording that failed may spoil what comes after it")
@pytest.mark.parametrize("wait", WAITING.values(), ids=WAITING)
def test_nothing_waits_for_the_gpu_while_its_steps_are_recorded(wait):
    x = torch.ones(3, device="cuda")
    with pytest.raises(RuntimeError, match="not permitted"), torch.cuda.graph(torch.cuda.CUDAGraph()):
        wait(x)


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


def test_tuned_predictors_explain_and_are_measured(tmp_path):
    """Trained in bfloat16 with drawn values of s; rows and labels may come from a CPU, as may what they start from."""
    folds, settings = id_.table(), replace(id_.SMALL, mixed=True, draws=1, T="batch")
    options = {"settings": settings, "start": id_.pretrain(folds), "device": "cuda", "weights": tmp_path}
    tuned, again = (id_.train(folds=folds, **options) for _ in range(2))
    fe.same(again.bank, tuned.bank)
    for y in (None, folds.y_test[0]):
        phi = tuned.run().explain(folds.x_test[0], KernelSHAP(), y=y)
        assert phi.is_cuda
        assert phi.shape == folds.x_test[0].shape
    measured = tuned.measured([(LIME(), 0.5), (KernelSHAP(), 1.0)])
    assert all(values.isfinite().all() for values in measured.scores.values())


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


@pytest.mark.parametrize("method", FE)
def test_few_examples_are_trained_resumed_kept_and_explained(method, monkeypatch, tmp_path):
    """FE. Rows may come from a CPU."""
    options = {"runs": fe.grid(method, 1, eta=(0.01, 0.1)), "device": "cuda"}
    whole = fe.train(method, weights=tmp_path, **options)
    with monkeypatch.context() as patch:
        fe.interrupt(patch, 1)
        with pytest.raises(fe.Interrupted):
            fe.train(method, checkpoint=tmp_path / "c", save_every=0, **options)
    for more in ({"checkpoint": tmp_path / "c"}, {"weights": tmp_path}):
        again = fe.train(method, **more, **options)
        fe.same(again.bank, whole.bank)
        fe.same(again.scores, whole.scores)
    model, x = whole.run(), fe.toy().x_test[0]
    assert model.predict(x).is_cuda
    assert model.explain(x[0], U=2).rows.is_cuda


def test_anybodys_module_is_trained_where_its_data_are():
    tuned = id_.train(folds=id_.table([0]), runs=id_.one_run(fold=0, lam=0.3, lam3=0.01, lr=0.05), start=None,
                      f=id_.module(), device="cuda", background=torch.ones(5))  # fmt: skip
    fitted = fe.train("RPSR", fe.toy(task="regression"), f=fe.module_net(), device="cuda")
    for one in (tuned, fitted):
        assert all(t.is_cuda for t in one.bank.values())
        assert all(values.isfinite().all() for values in one.scores.values())


CELLS = squares(32, 32, 4)
STEPS = [
    *((case, {}) for case in pictures.CASES),
    ("Grad-CAM", {"norm": "batch", "background": "released"}),
    ("Grad-CAM", {"explainer": Shuffled(GradCAM()), "memory": 8}),
    ("LIME", {"explainer": LIME(12, segments=CELLS, keep=0.5, fresh=True), "memory": 8}),
]


@pytest.mark.parametrize(("case", "options"), STEPS)
def test_a_step_on_images_is_that_of_a_cpu(case, options):
    """Gradients of the network in single precision, from the same random numbers (ID-11)."""
    sides = []
    for device in ("cpu", DEVICE):
        own = pictures.tuner(case, **options)
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
    others = () if options else ("KernelSHAP", "Integrated Gradients", "Occlusion")
    for name in ("Grad-CAM", "LIME", *others):
        explainer = explainer_for(name, done.net, images, **({"M": 12} if name in ("LIME", "KernelSHAP") else {}))
        if name in ("Grad-CAM", "LIME"):
            settings = Tuning(explainer=explainer, batch=4, epochs=1, **pictures.LAM, mixed=options.get("mixed", False))
            tuned, again = (
                tune(copy.deepcopy(done.net), images, settings, checkpoint=tmp_path / "c", progress=False)
                for _ in range(2)
            )  # the second takes up what the first has left
            assert all(p.isfinite().all() for p in tuned.best(0).parameters())
            fe.same(again.best(0).state_dict(), tuned.best(0).state_dict())
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
