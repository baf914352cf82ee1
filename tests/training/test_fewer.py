"""FE in training: a step against plain autograd and the chapter, what programs start from and keep."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lib import examples, gates
from lib.methods import FE as METHODS
from lib.nets import MLP
from lib.training import Runs, fewer
from lib.training.draws import Draws
from tests import plain
from tests.training.fe import EXACT, SMALL, Kept, gradients, last_bank, loss, plain_loss, same, step, toy, train

# --- One step --------------------------------------------------------------------------------------------------------


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


# --- The chapter's plain loop ----------------------------------------------------------------------------------------


def chapter_model(bank, r, D, K, layers):
    """One run's parameters in the chapter's own network."""
    f = plain.functions().network(D, K, layers, dropout=0).double()
    linear = [m for m in f if isinstance(m, nn.Linear)]
    for layer, m in enumerate(linear, 1):
        m.weight.data = bank[f"f.W{layer}"][r].detach().T.clone()
        m.bias.data = bank[f"f.b{layer}"][r, 0].detach().clone()
    return f, *(nn.Parameter(bank[n][r].detach().clone()) for n in ("W", "S", "mu"))


def chapter_gradients(f, W, S, mu):
    linear = [m for m in f if isinstance(m, nn.Linear)]
    named = {f"f.W{i}": m.weight.grad.T for i, m in enumerate(linear, 1)}
    named |= {f"f.b{i}": m.bias.grad[None] for i, m in enumerate(linear, 1)}
    return named | {"W": W.grad, "S": S.grad, "mu": mu.grad}


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


def test_lib_trains_as_the_chapter_does(tmp_path):
    """Three checks of two epochs: the chapter's objective, torch's Adam, lib's random numbers (FE-11)."""
    folds, chapter = toy(range(2)), plain.functions()
    setting = replace(SMALL, epochs=6, dropout=0, lr=0.01)
    runs = Runs(fold=(0, 1), eta=(0.01, 0.1), lam=(1.0, 0.5), seed=(0, 3))
    train(folds=folds, runs=runs, settings=setting, checkpoint=tmp_path / "c")
    lib = last_bank(tmp_path / "c")
    starting = replace(setting, lr=1e-30, epochs=1)
    train(folds=folds, runs=runs, settings=starting, checkpoint=tmp_path / "start")
    start, N, C = last_bank(tmp_path / "start"), folds.x_train.shape[1], 3
    for r in range(2):
        draws = Draws([torch.Generator().manual_seed(1_000_003 * runs.seed[r] + r)], torch.float64)
        MLP((3, 6, 6)).init(draws.generators, torch.float64)  # start values come first from a run's generator
        torch.empty(6, C, dtype=torch.float64).uniform_(generator=draws.generators[0])
        assert torch.equal(draws.noise((N, C))[0], start["S"][r])
        f, W, S, mu = chapter_model(start, r, 3, 6, 2)
        x, y = folds.x_train[r], folds.y_train[r]
        adam = torch.optim.Adam([*f.parameters(), W, S, mu], lr=0.01)
        for _ in range(6):
            for batch in draws.orders(N)[0].split(setting.batch):
                Z = (mu + setting.sigma * draws.noise((N, 1, C))[0, :, 0]).clamp(0, 1)
                g, h = chapter.outputs(f, W, S, Z[None], x[batch], x)
                adam.zero_grad()
                chapter.minibatch_objective(y[batch], g, h, mu, runs.lam[r], runs.eta[r]).backward()
                adam.step()
        for name, tensor in (("W", W), ("S", S), ("mu", mu), ("f.W2", f[3].weight.T), ("f.b1", f[0].bias[None])):
            torch.testing.assert_close(lib[name][r], tensor.data, rtol=1e-7, atol=1e-7)


def test_start_values_are_the_settings(tmp_path):
    setting = replace(SMALL, epochs=1, lr=1e-30, S_start=3.0, mu_start=0.25, hidden=400)
    runs = Runs(fold=(0, 0, 1), eta=(0.0, 1.0, 0.0))
    train(folds=toy(range(2), rows=300), runs=runs, settings=setting, checkpoint=tmp_path / "c")
    bank = last_bank(tmp_path / "c")
    assert torch.all(bank["mu"] == 0.25)
    assert abs(bank["S"].std() - 3) < 0.2
    assert 0.95 < bank["W"].abs().max() * 400**0.5 <= 1
    for tensor in (bank["S"], bank["W"], bank["f.W1"]):
        assert torch.equal(tensor[0], tensor[1])  # runs that differ in eta alone start alike,
        assert not torch.equal(tensor[0], tensor[2])  # other splits do not


def test_a_gate_counts_as_open_where_its_centre_is_above_zero():
    got = train(settings=replace(SMALL, mu_start=0.25, lr=1e-30))
    assert (got.history["open"] == 1).all()
    got = train(settings=replace(SMALL, mu_start=-0.25, lr=1e-30))
    assert (got.history["open"] == 0).all()


@pytest.mark.parametrize(("keep", "column"), [(1, 0), (3, 1), (10, 2), (10_000, 3)])
def test_the_epoch_is_chosen_at_one_u(keep, column):
    """The measure is sqrt(accuracy x faithfulness) on validation rows at U = keep, or at all entries if fewer."""
    got = train(settings=replace(SMALL, epochs=2, U=(1, 3, 10, "all"), keep=keep))
    by_hand = (got.scores["val_accuracy"] * got.scores["val_faithfulness"]).sqrt()[:, column]
    assert got.history["measure"][0].tolist() == pytest.approx(by_hand.tolist())


@pytest.mark.parametrize("method", METHODS)
def test_s_can_start_where_h_has_unit_spread(method):
    """Before r, over training rows and outputs, with all entries; the same draws otherwise."""
    folds, f = toy(range(2)), MLP((3, 6, 6), dropout=0.3)
    settings = replace(SMALL, epochs=1)
    fixed = {}
    if METHODS[method].pretrained:
        f, fixed = MLP((3,), dropout=0), {"W": torch.ones(2, 3, 3, dtype=torch.float64)}
    banks = [
        fewer._Program(
            METHODS[method], folds, Runs.grid(2).of(method), settings=replace(settings, S_start=start), f=f, fixed=fixed
        ).state["bank"]
        for start in (1.0, "unit")
    ]  # fmt: skip
    scale = banks[1]["S"] / banks[0]["S"]
    A = examples.expected_influence(banks[1]["S"], banks[1].get("mu"))
    for r in range(2):
        F = f({n[2:]: t[[r]] for n, t in banks[1].items() if n.startswith("f.")}, folds.x_train[[r]])[0]
        h = F @ (A[r].T @ F).T
        assert h.std().item() == pytest.approx(1)
        assert torch.allclose(scale[r], scale[r].mean())
