"""One step of FE against plain autograd and the chapter, and Adam against torch's."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from lib import gates
from lib.methods import FE as METHODS
from lib.nets import MLP
from lib.training import fewer_step
from lib.training.draws import Draws
from lib.training.fewer_fitted import Subject
from tests import plain
from tests.nets.in_torch import double, generators
from tests.training.fe import (
    EXACT,
    Kept,
    chapter_gradients,
    chapter_model,
    gradients,
    loss,
    plain_loss,
    same,
    step,
    toy,
)  # fmt: skip


@pytest.mark.parametrize("method", [*METHODS, "Predictor"])
@pytest.mark.parametrize(
    "reading", [{}, {"J": 3}, {"open_rows": False}, {"drop_examples": False}, {"J": 2, "drop_examples": False}], ids=str
)
def test_a_step_is_the_plain_one(method, reading):
    """Value and every gradient against the paper's formula in torch's functions, dropout on (FE-10 to FE-17)."""
    s = step(method, **reading)
    draws = Kept([torch.Generator().manual_seed(seed) for seed in s.seeds], torch.float64)
    ours = loss(s, draws=draws)
    plainly = torch.stack([plain_loss(s, r, draws) for r in range(2)])
    torch.testing.assert_close(ours, plainly, **EXACT)
    same(gradients(ours, s), gradients(plainly, s), **EXACT)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_of_a_step_are_right(method):
    """To all parameters, against finite differences in float64, with J = 2 draws and dropout (FE-11)."""
    s = step(method, J=2, hidden=3, batch=3, folds=toy(range(2), rows=14, C=2))
    names = list(s.bank)

    def objective(*tensors):
        return loss(SimpleNamespace(**vars(s) | {"bank": dict(zip(names, tensors))}))

    assert torch.autograd.gradcheck(objective, list(s.bank.values()))


@pytest.mark.parametrize("J", [1, 3])
@pytest.mark.parametrize("method", ["Ours", "RPSR", "PretrainR"])
def test_open_rows_alone_give_the_dense_step(method, J):
    """Leaving out examples whose gates are shut changes neither value nor gradient (FE-11)."""
    s = step(method, J=J, dropout=0)
    sparse, dense = loss(s, open_rows=True), loss(s, open_rows=False)
    torch.testing.assert_close(sparse, dense, **EXACT)
    same(gradients(sparse, s), gradients(dense, s), **EXACT)


def test_open_rows_are_evaluated_and_no_others():
    """The network sees the batch and the open examples alone: that is where the time goes (FE-11)."""
    s, seen = step(dropout=0), []

    class Counting(MLP):
        def __call__(self, theta, x, bits=None):
            seen.append(x.shape[1])
            return super().__call__(theta, x, bits)

    s.f = Counting(s.f.sizes, dropout=0)
    draws = Kept([torch.Generator().manual_seed(seed) for seed in s.seeds], torch.float64)
    loss(s, draws=draws)
    Z = gates.sample(s.bank["mu"][:, :, None], s.settings.sigma * draws.eps)
    most = int((Z > 0).flatten(2).any(2).sum(1).max())
    assert seen == [s.settings.batch + most]
    assert most < s.folds.x_train.shape[1]


def test_each_row_that_a_run_evaluates_has_bits_of_its_own():
    """Its batch and its open examples: rows whose bits are not drawn would all drop the same units (FE-11)."""
    s, asked = step(), []

    class Asked(Kept):
        def bits(self, rows, own_rows, n_draws):
            asked.append((rows, [*own_rows]))
            return super().bits(rows, own_rows, n_draws)

    draws = Asked([torch.Generator().manual_seed(seed) for seed in s.seeds], torch.float64)
    loss(s, draws=draws)
    Z = gates.sample(s.bank["mu"][:, :, None], s.settings.sigma * draws.eps)
    own = [s.settings.batch + n for n in (Z > 0).flatten(2).any(2).sum(1).tolist()]
    assert asked == [(max(own), own)]


def test_with_every_gate_shut_h_is_uniform():
    """No example is left: h says nothing, and l(g, h) is log C (FE-10)."""
    s = step()
    s.bank["mu"] = torch.full_like(s.bank["mu"], -1e6)
    with_lambda, lam = loss(s), s.lam
    s.lam = torch.zeros_like(lam)
    assert torch.allclose(with_lambda - loss(s), lam * math.log(3))


@pytest.mark.parametrize("method", METHODS)
def test_runs_of_a_stack_take_the_steps_they_take_alone(method):
    """Value and gradient of each run, with its own random numbers, whoever stands beside it (FE-11)."""
    s = step(method, R=3, J=2)
    together = loss(s)
    apart = torch.cat([loss(s, [r]) for r in range(3)])
    torch.testing.assert_close(together, apart, **EXACT)
    same(gradients(together, s), gradients(apart, s), **EXACT)


def test_minibatches_average_to_the_whole():
    """With gates fully open, minibatches of equal size average to the objective of all rows (FE-10, FE-11)."""
    s = step(dropout=0)
    s.bank["mu"] = torch.full_like(s.bank["mu"], 1e6)
    order, whole = torch.arange(20).repeat(2, 1), []
    for size in (20, 5):
        batches = order.split(size, 1)
        parts = [loss(SimpleNamespace(**vars(s) | {"batch": batch})) for batch in batches]
        whole.append(torch.stack(parts).mean(0))
    torch.testing.assert_close(*whole)


def test_the_drawn_objective_averages_to_its_expectation():
    """Many draws of Z: J = 200 in one step is the mean of 200 steps of J = 1, to Monte Carlo error (FE-10, FE-11)."""
    s = step(R=1, dropout=0)
    with torch.no_grad():
        many = loss(s, J=400).item()
        draws = Kept([torch.Generator().manual_seed(7)], torch.float64)
        singles = torch.cat([loss(s, draws=draws) for _ in range(400)])
    error = (2 * singles.var().item() / 400) ** 0.5
    assert abs(singles.mean().item() - many) < 5 * error


def test_a_step_reads_g_as_settings_say():
    s = step()
    through, constant = (gradients(loss(s, through_g=flag), s) for flag in (True, False))
    assert torch.equal(through["S"], constant["S"])
    assert not torch.allclose(through["W"], constant["W"])


@pytest.mark.parametrize("J", [1, 3])
def test_lib_and_the_chapter_agree_on_a_step(J):
    """Objective and gradients of Ours for the same draws, the chapter's code against lib's (FE-11)."""
    s, chapter = step(J=J, dropout=0), plain.functions()
    draws = Kept([torch.Generator().manual_seed(seed) for seed in s.seeds], torch.float64)
    total = loss(s, draws=draws)
    ours = gradients(total, s)
    for r in range(2):
        f, W, S, mu = chapter_model(s.bank, r, 3, 6, 2)
        x, y = s.folds.x_train[r], s.folds.y_train[r]
        Z = (mu[:, None] + s.settings.sigma * draws.eps[r]).clamp(0, 1).transpose(0, 1)  # (J, N, C)
        g, h = chapter.outputs(f, W, S, Z, x[s.batch[r]], x)
        E = chapter.minibatch_objective(y[s.batch[r]], g, h, mu, s.lam[r], s.eta[r])
        E.backward()
        torch.testing.assert_close(total[r], E, **EXACT)
        same({n: t[r] for n, t in ours.items()}, chapter_gradients(f, W, S, mu), **EXACT)


@pytest.mark.parametrize("turned", [False, True])
def test_adam_is_torchs(turned):
    """Four steps on two tensors, whichever way the gradients lie in memory."""
    ours, theirs = ([double(seed, 3, 4).requires_grad_() for seed in (0, 1)] for _ in range(2))
    torchs, step = torch.optim.Adam(theirs, lr=0.1), torch.tensor(0.0)
    first, second = ([torch.zeros(3, 4, dtype=torch.float64) for _ in ours] for _ in range(2))
    for number in range(4):
        slopes = [double(10 * number + seed, 3, 4) for seed in (2, 3)]
        for tensor, slope in zip(theirs, slopes):
            tensor.grad = slope.clone()
        torchs.step()
        slopes = [slope.T.contiguous().T if turned else slope for slope in slopes]
        with torch.no_grad():
            fewer_step.adam(ours, slopes, (first, second), step=step.add_(1), lr=0.1)
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b)


def test_the_gates_cost_can_be_left_out():
    """A step adds its slope by itself, and needs no value of it (FE-9, FE-11)."""
    s = step()
    what = Subject(s.f, s.method, s.folds, s.fold, s.lam, s.eta)
    whole, rest = (
        fewer_step.minibatch_loss(
            replace(what, eta=eta), s.bank, s.batch, draws=Draws(generators(2), torch.float64), settings=s.settings
        )
        for eta in (s.eta, None)
    )
    torch.testing.assert_close(whole - rest, s.eta * gates.expected_open(s.bank["mu"], s.settings.sigma))


def test_steps_are_counted_in_epochs():
    """Rounded up, the last batch of an epoch being a smaller one."""
    assert [fewer_step.in_epochs(33, patience_steps=n) for n in (1, 2, 3, 5)] == [1, 1, 2, 3]
    assert fewer_step.in_epochs(32, patience_steps=5) == 5


@pytest.mark.parametrize("value", [-5, 0, 2.5, "5", None, True])
def test_steps_are_named_as_they_are_typed(value):
    with pytest.raises(ValueError, match=f"patience_steps must be a whole number of at least 1, got {value!r}"):
        fewer_step.in_epochs(33, patience_steps=value)
