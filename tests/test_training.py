"""Training: one step against plain autograd, then whole programs: alone or stacked, stopped, interrupted, resumed."""

import errno
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from lib import data, examples, gates, metrics
from lib.methods import FE as METHODS
from lib.methods import STARTS
from lib.nets import MLP, Network
from lib.training import Runs, checkpoint, engine, expo, fewer, fit, use_threads
from lib.training.draws import Draws, RecordedSteps, open_rows
from lib.training.fewer import Settings
from lib.training.fewer_fitted import Subject
from tests import plain
from tests.test_nets import plain_dropout

few = settings(deadline=None, max_examples=25, derandomize=True)
SMALL = Settings(epochs=4, check=2, patience=100, batch=8, hidden=6, layers=2, U=(2, "all"))
EXACT = {"rtol": 1e-9, "atol": 1e-9}


def toy(splits=(0,), rows=30, D=3, C=3, task="classification", dtype=torch.float64):
    """Small folds with something to learn."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(rows, D)), np.arange(rows) % C
    if task == "regression":
        y = x @ rng.normal(size=(D, C)) + 0.1 * rng.normal(size=(rows, C))
    else:
        x[:, 0] += 2 * y
    table = data.Table("toy", x, y, task, tuple("abcdefgh"[:D]), tuple("uvwxyz"[:C]), "")
    return data.folds(table, splits, dtype)


def train(method="Ours", folds=None, runs=None, settings=SMALL, **options):
    folds = folds or toy()
    runs = runs or grid(method, len(folds.split), eta=(0.01,))
    return fit(method, folds, runs, settings=settings, progress=False, **options)


def grid(method, folds, **axes):
    """A grid with those of the axes that the method has."""
    row = METHODS.get(method, STARTS["Predictor"])
    return Runs.grid(folds, **{name: values for name, values in axes.items() if name in (*row.axes, "seed")})


def one_run(fold=0, eta=0.01, lam=1.0, seed=0):
    return Runs(fold=(fold,), eta=(eta,), lam=(lam,), seed=(seed,))


def stage1(folds, runs, settings=SMALL):
    fold, seed = zip(*sorted(set(zip(runs.fold, runs.seed))))
    return fit("Predictor", folds, Runs(fold=fold, seed=seed), settings=settings, progress=False)


def last_bank(path):
    """All parameters as they were at the last step, from a checkpoint."""
    return checkpoint.read(path)["state"]["bank"]


def same(a, b, **tolerance):
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], **tolerance or {"rtol": 0, "atol": 0}, equal_nan=True)


class Kept(Draws):
    """Draws that remember the last noise and bits."""

    def noise(self, shape):
        self.eps = super().noise(shape)
        return self.eps

    def bits(self, *shape):
        bits = super().bits(*shape)
        self.last_bits = bits.clone()  # dropout overwrites them
        return bits


def step(method="Ours", R=2, seed=0, dropout=0.3, folds=None, **change):
    """One step's ingredients for R runs, with gates about half open; `loss()` is lib's."""
    folds = folds or toy(range(R))
    setting = replace(SMALL, **change)
    f = MLP((folds.x_train.shape[2], *[setting.hidden] * setting.layers), dropout)
    N, C, K = folds.x_train.shape[1], folds.C, f.sizes[-1]
    draw = Draws([torch.Generator().manual_seed(seed + 10 * r) for r in range(R)], torch.float64)
    bank = {f"f.{n}": t for n, t in f.init(draw.generators, torch.float64).items()}
    terms = METHODS.get(method, STARTS["Predictor"])
    if terms.predictor == "g":
        bank["W"] = draw.noise((K, C))
    if terms.h_fits:
        bank["S"] = draw.noise((N, C))
    if terms.gates:
        bank["mu"] = 0.5 * draw.noise((N, C)) - 0.5
    s = SimpleNamespace(method=terms, f=f, bank={n: t.requires_grad_() for n, t in bank.items()}, folds=folds)
    s.fold, s.batch = torch.arange(R), draw.orders(N)[:, : setting.batch]
    s.lam, s.eta = (torch.linspace(a, 2 * a, R, dtype=torch.float64) for a in (0.7, 0.03))
    s.settings, s.seeds = setting, [100 + r for r in range(R)]
    return s


def loss(s, runs=None, draws=None, **change):
    """lib's objective for all runs of a step, or for some alone, always from the same random numbers."""
    runs = list(range(len(s.seeds))) if runs is None else runs
    draws = draws or Kept([torch.Generator().manual_seed(s.seeds[r]) for r in runs], torch.float64)
    bank = {n: t[runs] for n, t in s.bank.items()}
    what = Subject(s.f, s.method, s.folds, s.fold[runs], s.lam[runs], s.eta[runs])
    return fewer.minibatch_loss(what, bank, s.batch[runs], draws=draws, settings=replace(s.settings, **change))


def gradients(total, s):
    return dict(zip(s.bank, torch.autograd.grad(total.sum(), list(s.bank.values()), materialize_grads=True)))


def plain_loss(s, r, draws):
    """One run's objective as the paper writes it: every similarity, every example, torch's own losses."""
    theta, p = {n[2:]: t[r] for n, t in s.bank.items() if n.startswith("f.")}, s.f.dropout
    x, y = s.folds.x_train[s.fold[r]], s.folds.y_train[s.fold[r]]
    N, B = len(x), s.batch.shape[1]
    Z = torch.ones(N, 1, s.folds.C, dtype=x.dtype)
    if s.method.gates:
        Z = (s.bank["mu"][r][:, None] + s.settings.sigma * draws.eps[r]).clamp(0, 1)
    bits = torch.full((B + N, s.f.n_draws), 2**15 - 1, dtype=torch.int16)  # shut examples: nothing dropped
    bits[:B] = draws.last_bits[r, :B]
    if s.settings.drop_examples and s.method.h_fits:
        used = Z.flatten(1).any(1) if s.method.gates and s.settings.open_rows else torch.ones(N, dtype=torch.bool)
        bits[B:][used] = draws.last_bits[r, B : B + int(used.sum())]
    F = plain_dropout(theta, x[s.batch[r]], bits[:B], s.f.sizes, p)
    F_n = plain_dropout(theta, x, bits[B:], s.f.sizes, p if s.settings.drop_examples else 0)
    target, total = y[s.batch[r]], 0
    if s.method.predictor == "g":
        g = F @ s.bank["W"][r]
        total = cross_entropy(g, target) if s.method.g_fits_y else 0
        target = g.softmax(1)
    if s.method.h_fits:
        k = F @ F_n.T
        h = [k @ (Z[:, j] * s.bank["S"][r]) for j in range(Z.shape[1])]
        weight = s.lam[r] if s.method.h_fits == "g" else 1
        total = total + weight * sum(cross_entropy(h_j, target) for h_j in h) / len(h)
    if s.method.gates:
        total = total + s.eta[r] * torch.special.ndtr(s.bank["mu"][r] / s.settings.sigma).sum()
    return total


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


@few
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3), st.floats(0, 1), st.integers(0, 99))
def test_open_rows_are_found(R, N, J, C, share, seed):
    """Each run's rows with any gate above 0, in order, the rest not valid (FE-8)."""
    generator = torch.Generator().manual_seed(seed)
    Z = torch.rand(R, N, J, C, generator=generator) * (torch.rand(R, N, J, C, generator=generator) < share)
    rows, valid, counts = open_rows(Z)
    for r in range(R):
        expected = [n for n in range(N) if (Z[r, n] > 0).any()]
        assert rows[r][valid[r]].tolist() == expected
        assert counts[r] == len(expected)
    assert rows.shape == valid.shape == (R, max(counts))


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


# --- Random numbers --------------------------------------------------------------------------------------------------


def test_each_run_draws_from_its_own_generator():
    def draws(*seeds):
        return Draws([torch.Generator().manual_seed(s) for s in seeds], torch.float32)

    together, alone = draws(1, 2, 3), draws(2)
    for get in (lambda d: d.orders(9), lambda d: d.noise((4, 2)), lambda d: d.bits(5, [5] * len(d.generators), 3)):
        several, one = get(together), get(alone)
        assert torch.equal(several[1], one[0])
        assert not torch.equal(several[0], several[1])
    assert all(sorted(order) == list(range(9)) for order in together.orders(9).tolist())


def test_bits_are_drawn_for_a_runs_own_rows_and_look_uniform():
    draws = Draws([torch.Generator().manual_seed(s) for s in (0, 1)], torch.float32)
    bits = draws.bits(1000, [1000, 3], 64)
    assert bits.shape == (2, 1000, 64)
    assert bits.dtype == torch.int16
    assert (bits[1, :3] != 0).float().mean() > 0.99
    assert (bits[1, 4:] == 0).all()
    first = bits[0].double() / 2**15
    assert abs(first.mean()) < 0.02
    assert abs(first.std() * 3**0.5 - 1) < 0.02
    assert first.min() < -0.99
    assert first.max() > 0.99


def test_standard_normal_noise():
    noise = Draws([torch.Generator().manual_seed(0)], torch.float64).noise((300, 300))
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02


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


def test_recorded_steps_take_the_steps_of_their_draws():
    """What a GPU records: random numbers come in blocks, one share a step, and every example is evaluated (FE-11)."""
    s, block, used, totals = step(), 3, [], []
    N, C = s.folds.x_train.shape[1], s.folds.C
    rows = s.settings.batch + N

    def update(batch, draws, settings):
        assert not settings.open_rows
        used.append(draws.noise(()).clone())
        s.batch = batch.clone()
        totals.append(loss(s, draws=draws, open_rows=False).detach())

    def draws():
        return Draws([torch.Generator().manual_seed(seed) for seed in s.seeds], torch.float64)

    own, again = draws(), draws()
    recorded = RecordedSteps(update, N, C, f=s.f, settings=s.settings, block=block)
    batches = [batch for _ in range(2) for batch in own.orders(N).split(8, 1)]  # 8, 8 and 5 rows, twice
    assert len([again.orders(N) for _ in range(2)]) * block == len(batches)
    for batch in batches:
        recorded(batch, own)
    for first in (0, block):
        eps = again.noise((block, N, 1, C))
        bits = again.bits(block * rows, [block * rows] * 2, s.f.n_draws).unflatten(1, (block, rows))
        for i, share in enumerate((2, 1, 0), first):  # a block is used from its end
            s.batch = batches[i]
            fixed = SimpleNamespace(noise=lambda _: eps[:, share], bits=lambda n, *_: bits[:, share, :n].clone())  # noqa: B023
            torch.testing.assert_close(totals[i], loss(s, draws=fixed, open_rows=False))
            assert torch.equal(used[i], eps[:, share])


# --- Whole programs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_any_run_of_a_grid_can_be_reproduced_alone(method, tmp_path):
    """Its numbers come from its split's number and its seed: not from its place, its neighbours, or the stacks."""
    folds, pairs = toy((0, 5, 2)), replace(SMALL, epochs=6, stack_rows=60)
    runs = grid(method, 3, eta=(0.0, 0.3), lam=(0.5, 2.0), seed=(0, 1))
    whole = train(method, folds, runs, pairs, checkpoint=tmp_path / "grid")
    bank = last_bank(tmp_path / "grid")
    for r in (1, len(runs) - 2):
        one = replace(runs.only(r), fold=(0,))
        split = int(folds.split[runs.fold[r]])
        alone = train(method, toy((split,)), one, replace(pairs, stack_rows=6000), checkpoint=tmp_path / f"{r}")
        same({n: t[r] for n, t in bank.items()}, {n: t[0] for n, t in last_bank(tmp_path / f"{r}").items()}, **EXACT)
        for name, values in alone.scores.items():
            assert torch.equal(whole.scores[name][r], values[0])
        assert whole.best_epoch[r] == alone.best_epoch[0]


def test_training_is_a_function_of_its_seed():
    """Bit for bit on one device, in single precision, while torch's own generator is not touched."""
    folds, runs = toy(range(2), dtype=torch.float32), Runs.grid(2, eta=(0.0, 0.1))
    state = torch.random.get_rng_state()
    one, two = train(folds=folds, runs=runs), train(folds=folds, runs=runs)
    assert torch.equal(torch.random.get_rng_state(), state)
    same(one.bank, two.bank)
    same(one.scores, two.scores)
    assert np.array_equal(one.history["measure"], two.history["measure"], equal_nan=True)
    other = train(folds=folds, runs=replace(runs, seed=(1,) * 4))
    assert not torch.equal(one.bank["W"], other.bank["W"])


SCRIPT = {0: [0.1, 0.5, 0.4, 0.5, 0.3, 0.9, 0.9], 1: [0.2] * 7, 2: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]}


@pytest.fixture
def scripted(monkeypatch):
    """Validation that follows SCRIPT, one list of measures a fold, one entry a check."""
    checks = dict.fromkeys(SCRIPT, 0)

    def evaluate(what, bank, part, *, settings, U=None):
        fold = what.fold.tolist()
        values = [SCRIPT[k][checks[k]] for k in fold]
        checks.update({k: checks[k] + 1 for k in fold if checks[k] < 6})
        measures = torch.tensor(values, dtype=torch.float64)[:, None].expand(-1, len(U or settings.U))
        return measures**2, torch.ones_like(measures), torch.zeros_like(measures)

    monkeypatch.setattr(fewer, "evaluate", evaluate)


def test_a_run_stops_patiently_and_is_returned_at_its_best(scripted, tmp_path):
    """At best + patience; an equal measure is not better; stopped runs are left alone and change no other."""
    folds = toy(range(3))
    setting = replace(SMALL, epochs=7, check=1, patience=3)
    got = train(folds=folds, settings=setting, checkpoint=tmp_path / "c")
    assert got.best_epoch == [2, 1, 7]
    assert got.stopped_epoch == [5, 4, 7]
    assert got.history["epoch"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert np.isnan(got.history["measure"]).sum(0).tolist() == [2, 3, 0]
    assert got.history["measure"][1].tolist() == pytest.approx([0.5, 0.2, 0.2])
    for r, best, stopped in zip(range(3), got.best_epoch, got.stopped_epoch):
        for epochs, bank in ((best, got.bank), (stopped, last_bank(tmp_path / "c"))):
            path = tmp_path / f"{r}-{epochs}"
            train(folds=folds, runs=one_run(r), settings=replace(setting, epochs=epochs, patience=99), checkpoint=path)
            same({n: t[r] for n, t in bank.items()}, {n: t[0] for n, t in last_bank(path).items()}, **EXACT)


def test_a_gate_counts_as_open_where_its_centre_is_above_zero():
    got = train(settings=replace(SMALL, mu_start=0.25, lr=1e-30))
    assert (got.history["open"] == 1).all()
    got = train(settings=replace(SMALL, mu_start=-0.25, lr=1e-30))
    assert (got.history["open"] == 0).all()


def test_epochs_need_not_be_a_multiple_of_the_check():
    got = train(settings=replace(SMALL, epochs=5, check=2))
    assert got.history["epoch"].tolist() == [2, 4, 5]
    assert got.stopped_epoch == [5]


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


def test_scores_of_some_rows_alone():
    """A mask of rows leaves the others out of accuracy, faithfulness and ties."""
    got = train(settings=replace(SMALL, epochs=2))
    B = got.folds.x_test.shape[1]
    halves = torch.arange(B)[None] < B // 2
    whole, first, rest = (got.evaluate("test", rows=rows) for rows in (None, halves, ~halves))
    for all_rows, a, b in zip(whole, first, rest):
        assert torch.allclose(B * all_rows, (B // 2) * a + (B - B // 2) * b)


def test_a_diverged_model_is_never_faithful_or_right():
    got = train(settings=replace(SMALL, epochs=2))
    bank = got.bank | {"S": got.bank["S"] * torch.nan}
    _, agree, ties = got.evaluate("val", bank=bank)
    assert (agree == 0).all()
    assert (ties == 1).all()
    bank = got.bank | {"W": got.bank["W"] * torch.nan}
    right, agree, _ = got.evaluate("val", bank=bank)
    assert (right == 0).all()
    assert (agree == 0).all()


# --- Checkpoints -----------------------------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


def interrupt(monkeypatch, after, program=fewer._Program):
    """Make the program die in its check number `after` + 1."""
    real, checks = program.validate, []

    def validate(self, stack):
        checks.append(stack)
        if len(checks) > after:
            raise Interrupted
        return real(self, stack)

    monkeypatch.setattr(program, "validate", validate)


def module_net():
    torch.manual_seed(0)
    return Network(nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.2)))


@pytest.mark.parametrize(("method", "f"), [("Ours", None), ("RPS", None), ("PretrainR", None), ("Ours", module_net)])
def test_an_interrupted_training_is_resumed_bit_for_bit(method, f, monkeypatch, tmp_path):
    """Parameters, moments, random numbers, best epochs and history; with dropout, batch norm and both stages."""
    folds = toy(range(2) if f is None else (0,), dtype=torch.float32)
    setting = replace(SMALL, epochs=8)
    options = {"settings": setting, "save_every": 0, "f": f and f()}
    whole = train(method, folds, checkpoint=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        interrupt(patch, after=6 if method == "PretrainR" else 2)  # 4 checks of each stage
        with pytest.raises(Interrupted):
            train(method, folds, checkpoint=tmp_path / "cut", **options)
    assert checkpoint.read(tmp_path / "cut")["state"]["epoch"] == 4
    resumed = train(method, folds, checkpoint=tmp_path / "cut", **options)
    same(last_bank(tmp_path / "cut"), last_bank(tmp_path / "whole"))
    same(resumed.bank, whole.bank)
    same(resumed.scores, whole.scores)
    assert resumed.best_epoch == whole.best_epoch
    for name, values in whole.history.items():
        assert np.array_equal(resumed.history[name], values, equal_nan=True)


def test_a_finished_checkpoint_trains_no_further(monkeypatch, tmp_path):
    first = train(checkpoint=tmp_path / "c")
    monkeypatch.setattr(fewer._Program, "advance", lambda *_: pytest.fail("trained on"))
    again = train(checkpoint=tmp_path / "c")
    same(first.bank, again.bank)
    assert again.seconds == first.seconds


OTHERS = {
    "method": {"method": "Joint"},
    "eta": {"runs": one_run(eta=0.02)},
    "lambda": {"runs": one_run(lam=2.0)},
    "seed": {"runs": one_run(seed=1)},
    "settings": {"settings": replace(SMALL, sigma=0.4)},
    "data": {"folds": toy((1,))},
    "validation": {"folds": replace(toy(), x_val=toy().x_val + 1)},
    "labels": {"folds": replace(toy(), y_train=toy().y_train.flip(1))},
    "precision": {"folds": toy(dtype=torch.float32)},
    "network": {"f": MLP((3, 7))},
    "dropout": {"f": MLP((3, 6, 6), dropout=0.1)},
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_checkpoint_of_another_configuration_is_refused(other, tmp_path):
    path = tmp_path / "c"
    train(checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"checkpoint .*c belongs to another configuration.*another path or delete"):
        train(**OTHERS[other], checkpoint=path)
    assert path.read_bytes() == before


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "c"
    path.write_bytes(b"half of someth")
    with pytest.raises(ValueError, match=r"checkpoint .*c cannot be read.*delete it"):
        train(checkpoint=path)


def test_a_full_disk_does_not_end_a_training(monkeypatch, tmp_path):
    """It is warned of; the earlier checkpoint stays, whole, and nothing is left beside it."""
    path = tmp_path / "c"
    train(checkpoint=path, settings=replace(SMALL, epochs=2))
    before = path.read_bytes()

    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match="c could not be written .No space left on device.: training goes on"):
        assert not checkpoint.write(path, {"fingerprint": "x"})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.warns(UserWarning, match="training goes on"):
        assert train(checkpoint=tmp_path / "d").stopped_epoch == [4]


def test_any_changed_byte_of_a_checkpoint_is_noticed(tmp_path):
    path = tmp_path / "c"
    train(checkpoint=path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for at in [0, 20, 60, *rng.integers(100, len(whole), 20)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"checkpoint .*c cannot be read.*delete it"):
            train(checkpoint=path)


@pytest.mark.parametrize("name", ["state", "generators", "fingerprint"])
def test_a_checkpoint_that_lacks_something_is_named(name, tmp_path):
    path = tmp_path / "c"
    train(checkpoint=path)
    saved = checkpoint.read(path)
    checkpoint.write(path, {key: value for key, value in saved.items() if key != name})
    with pytest.raises(ValueError, match=f"it lacks {name}"):
        train(checkpoint=path)
    saved["state"].pop("moments")
    checkpoint.write(path, saved)
    with pytest.raises(ValueError, match="lacks moments"):
        train(checkpoint=path)


def test_a_checkpoint_of_other_code_is_refused_and_one_of_another_speed_is_not(monkeypatch, tmp_path):
    path = tmp_path / "c"
    first = train(checkpoint=path)
    again = train(checkpoint=path, settings=replace(SMALL, stack_rows=7, open_rows=False))
    same(again.bank, first.bank)
    monkeypatch.setattr(checkpoint, "code", lambda: "another")
    with pytest.raises(ValueError, match=r"belongs to another configuration .*the library's version"):
        train(checkpoint=path)


def test_a_checkpoint_may_not_be_a_folder(tmp_path):
    with pytest.raises(ValueError, match="checkpoint must be a file, got the folder"):
        train(checkpoint=tmp_path)


# --- Kept weights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["Ours", "PretrainR"])
def test_weights_are_kept_under_their_configuration_and_not_trained_again(method, monkeypatch, tmp_path):
    first = train(method, weights=tmp_path)
    assert f"{first.config[:20]}.pt" in {path.name for path in tmp_path.iterdir()}
    other = train(method, weights=tmp_path, settings=replace(SMALL, epochs=3))
    assert other.config != first.config
    monkeypatch.setattr(fewer._Program, "advance", lambda *_: pytest.fail("trained again"))
    again = train(method, weights=tmp_path, settings=replace(SMALL, stack_rows=5))
    same(again.bank, first.bank)
    same(again.scores, first.scores)
    assert again.best_epoch == first.best_epoch
    assert again.seconds == first.seconds


@pytest.mark.parametrize("inside", ["", "weights"])
def test_a_folder_of_weights_that_is_a_file_is_refused_before_training(inside, monkeypatch, tmp_path):
    monkeypatch.setattr(fewer._Program, "advance", lambda *_: pytest.fail("trained"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"weights must be a folder that can be written, got .*file"):
        train(weights=tmp_path / "file" / inside)


# --- Divergence ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_diverged_run_is_stopped_and_never_kept(method):
    """Its parameters are those of before; `predict` and `explain` work on them (FE-19)."""
    folds = toy(dtype=torch.float32)
    got = train(method, folds, settings=replace(SMALL, lr=1e30, epochs=20))
    first = (got.start or got).diverged[0]
    assert first == (got.start or got).stopped_epoch[0] == 2
    assert (got.start or got).best_epoch == [0]
    assert all(t.isfinite().all() for t in got.bank.values())
    model = got.run(0)
    assert model.explain(folds.x_test[0, 0], U=2).influence.isfinite().all()
    broken = replace(model, influence=model.influence * math.nan)
    for ask in (lambda m: m.explain(toy().x_test[0, 0], U=2), lambda m: m.predict(toy().x_test[0])):
        with pytest.raises(ValueError, match="this model has diverged: influence hold"):
            ask(broken)


def test_nothing_starts_from_a_run_that_diverged():
    """Its parameters are those of before the first step, and the next training would look like any other."""
    start = train("Predictor", settings=replace(SMALL, lr=1e300, epochs=20))
    assert start.diverged[0]
    with pytest.raises(ValueError, match=r"start has diverged for the \(fold, seed\) pairs \[\(0, 0\)\]"):
        train("Pretrain", start=start)
    start.diverged[0] = 0
    train("Pretrain", start=start)


@pytest.mark.parametrize(("what", "value"), [("folds", None), ("runs", 2), ("start", "pretrained")])
def test_what_training_is_given_must_be_of_its_kind(what, value):
    options = {"folds": toy(), "runs": Runs.grid(1), "start": None} | {what: value}
    with pytest.raises(ValueError, match=f"{what} must be .*, got {type(value).__name__}"):
        fit("Pretrain", settings=SMALL, **options)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
def test_threads_are_a_whole_number(threads):
    with pytest.raises(ValueError, match=f"threads must be a whole number of at least 1, got {threads!r}"):
        use_threads(threads)


def test_a_diverged_run_leaves_the_others_as_they_are_alone():
    """One NaN in one run's gates, and its neighbours train as they do without it."""
    folds, runs = toy(range(3)), Runs.grid(3, eta=(0.01,))
    alone = train(folds=folds, runs=runs.only(0, 2))
    real, poisoned = fewer._Program.start, []

    def start(self):
        bank = real(self)
        poisoned.append(True)
        bank["mu"][1, 0, 0] = math.nan
        return bank

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fewer._Program, "start", start)
        got = train(folds=folds, runs=runs)
    assert poisoned
    assert got.diverged == [0, 2, 0]
    assert got.stopped_epoch == [4, 2, 4]
    same({n: t[[0, 2]] for n, t in got.bank.items()}, alone.bank, **EXACT)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.full((3,), math.nan), "x must be finite, got 3 NaN or infinite values"),
        (torch.zeros(4), r"x must be rows of \(3,\), got \(1, 4\)"),
        (torch.zeros(2, 3), r"x must be rows of \(3,\), got \(1, 2, 3\)"),
        (torch.zeros(3, dtype=torch.int64), "x must be a tensor of floating point numbers, got torch.int64"),
        (np.zeros(3), "x must be a tensor of floating point numbers, got ndarray"),
        ([0.0, 0.0, 0.0], "x must be a tensor of floating point numbers, got list"),
    ],
)
def test_rows_that_cannot_be_explained_are_named(x, message):
    model = train(settings=replace(SMALL, epochs=1)).run()
    with pytest.raises(ValueError, match=message):
        model.explain(x)
    with pytest.raises(ValueError, match=message):
        model.predict(x[None] if isinstance(x, torch.Tensor) else x)


@pytest.mark.parametrize("run", [-1, 1, 0.0, "0", True])
def test_a_run_that_is_not_there_is_named(run):
    with pytest.raises(ValueError, match=f"run must lie between 0 and 0, got {run!r}"):
        train(settings=replace(SMALL, epochs=1)).run(run)


def test_rows_of_another_precision_are_converted():
    model = train(settings=replace(SMALL, epochs=1)).run()
    x = toy().x_test[0]
    assert torch.allclose(model.predict(x.float()), model.predict(x.float().double()))


# --- Pretrain --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["Pretrain", "PretrainR"])
def test_stage_two_leaves_f_and_w_as_they_were(method, tmp_path):
    """A alone is trained, on the frozen features of stage 1 (FE-15, FE-16, FE-17)."""
    folds, runs = toy(range(2)), grid(method, 2, eta=(0.0, 0.1), seed=(0,))
    first = stage1(folds, runs)
    before = {n: t.clone() for n, t in first.bank.items()}
    got = train(method, folds, runs, start=first, checkpoint=tmp_path / "c")
    same(first.bank, before)
    assert len(first.runs) == 2  # once a split, whatever the etas
    for bank in (got.bank, last_bank(tmp_path / "c")):
        assert not any(n.startswith("f.") for n in bank)
        for r in range(len(runs)):
            assert torch.equal(bank["W"][r], first.bank["W"][runs.fold[r]])
    with torch.no_grad():
        features = first.f(first.theta, folds.x_test)
    assert torch.equal(got.folds.x_test, features)  # evaluation mode: no dropout in stage 2
    for r in range(len(runs)):
        assert torch.equal(got.scores["test_accuracy"][r], first.scores["test_accuracy"][runs.fold[r]].expand(2))
    assert all(s > first.seconds[f] for s, f in zip(got.seconds, runs.fold))


def test_stage_one_is_made_once_and_the_same_for_both():
    """Pretrain makes its own stage 1 if none is given, and PretrainR's is identical (FE-15)."""
    folds, runs = toy(range(2)), Runs.grid(2, eta=(0.0, 0.1), seed=(0, 1))
    one, two = train("Pretrain", folds, Runs.grid(2, seed=(0, 1))), train("PretrainR", folds, runs)
    assert list(zip(one.start.runs.fold, one.start.runs.seed)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    same(one.start.bank, two.start.bank)
    assert torch.equal(two.bank["W"][2], two.start.bank["W"][0])
    assert torch.equal(two.bank["W"][5], two.start.bank["W"][3])


def test_stage_one_is_the_predictor_alone():
    """E[l(y, g)]: no A, no gates; its accuracy has one column and nothing to be unfaithful to (FE-15)."""
    got = train("Predictor")
    assert set(got.bank) == {"f.W1", "f.b1", "f.W2", "f.b2", "W"}
    assert got.scores["test_accuracy"].shape == (1, 1)
    assert got.scores["test_faithfulness"].tolist() == [[1]]


def test_a_stage_one_that_lacks_a_split_is_refused():
    folds = toy(range(2))
    first = stage1(folds, Runs.grid(1))
    with pytest.raises(ValueError, match=r"start lacks the \(fold, seed\) pairs \[\(1, 0\)\]"):
        train("Pretrain", folds, start=first)
    with pytest.raises(ValueError, match="start of Ours must be None, got a fitted Predictor"):
        train("Ours", folds, start=first)


# --- Scores and explanations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("reading", [{}, {"exact_mean": True, "rank": "gate", "sigma": 0.8}], ids=["printed", "other"])
def test_scores_are_those_of_each_row_explained_alone(method, reading):
    """Accuracy of what predicts, faithfulness of h with U entries, on test rows (FE-18, FE-19, FE-21, FE-22)."""
    folds, setting = toy(range(2)), replace(SMALL, **reading)
    got = train(method, folds, settings=setting)
    for r in range(2):
        x, y, model = folds.x_test[r], folds.y_test[r], got.run(r)
        for column, U in enumerate((2, got.influence[0].numel())):
            rows = [model.explain(x_b, U) for x_b in x]
            right = np.mean([e.g.argmax().item() == label for e, label in zip(rows, y.tolist())])
            agree = np.mean([e.faithful for e in rows])
            assert got.scores["test_accuracy"][r, column].item() == pytest.approx(right)
            assert got.scores["test_faithfulness"][r, column].item() == pytest.approx(agree)
        predicted = model.predict(x).softmax(-1)
        torch.testing.assert_close(predicted, torch.stack([e.g for e in rows]))
    S, mu = got.bank["S"], got.bank.get("mu")
    assert torch.equal(
        got.influence, examples.expected_influence(S, mu, exact_mean=setting.exact_mean, sigma=setting.sigma)
    )


@pytest.mark.parametrize("method", ["RPS", "RPSR"])
def test_rps_is_always_faithful(method):
    """Where h itself predicts, there is nothing else to be faithful to, for any U (FE-13, FE-14, FE-19)."""
    got = train(method, toy(range(2)), settings=replace(SMALL, U=(1, 2, 7, "all")))
    assert "W" not in got.bank
    assert torch.all(got.scores["test_faithfulness"] == 1)
    assert torch.all(got.scores["val_faithfulness"] == 1)


@pytest.mark.parametrize("method", METHODS)
def test_training_lowers_the_objective_on_a_real_table(method):
    """Twenty epochs on glass, the whole training split in one batch before and after (FE-6, FE-10 to FE-17)."""
    folds = data.folds(data.load("glass"), [0])
    runs, setting = grid(method, 1, eta=(1e-3,)), Settings(epochs=20, check=20, hidden=16)
    start = stage1(folds, runs, setting) if METHODS[method].pretrained else None
    totals = []
    for lr in (1e-30, 1e-3):
        got = train(method, folds, runs, replace(setting, lr=lr), start=start)
        N, draws = folds.x_train.shape[1], Draws([torch.Generator().manual_seed(0)], torch.float32)
        what = Subject(got.f, METHODS[method], got.folds, torch.tensor(got.runs.fold), eta=torch.tensor([1e-3]))
        batch, many = torch.arange(N)[None], replace(setting, J=20)
        total = fewer.minibatch_loss(what, got.bank, batch, draws=draws, settings=many)
        totals.append(total.item())
    assert totals[1] < 0.9 * totals[0]


def test_regression_is_scored_by_r_squared():
    """g against y, and h against g, for two outputs at once (FE-6)."""
    folds = toy((0,), rows=60, C=2, task="regression")
    got = train("Ours", folds, settings=replace(SMALL, epochs=60, check=60, dropout=0, hidden=16, lr=1e-2))
    model = got.run()
    g = model.predict(folds.x_test[0])
    assert g.shape == folds.y_test[0].shape
    assert got.scores["test_accuracy"][0, 1].item() == pytest.approx(metrics.r_squared(g, folds.y_test[0]).item())
    h = torch.stack([model.explain(x, U=got.influence[0].numel()).h for x in folds.x_test[0]])
    assert got.scores["test_faithfulness"][0, 1].item() == pytest.approx(metrics.r_squared(h, g).item())
    assert got.scores["test_accuracy"][0, 1] > 0.5


def test_every_method_regresses():
    folds = toy((0,), C=1, task="regression")
    for method in METHODS:
        got = train(method, folds)
        assert all(torch.isfinite(values).all() for values in got.scores.values()), method


# --- Anybody's module ------------------------------------------------------------------------------------------------


def test_a_module_takes_the_steps_of_the_same_mlp():
    """Loss and gradients of Ours with nn.Sequential as f, against the stacked MLP with its weights (FE-1)."""
    s = step(R=1, dropout=0)
    ours = gradients(loss(s), s)
    module = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU()).double()
    bank = {n: t for n, t in s.bank.items() if not n.startswith("f.")}
    for layer, place in (("1", "0"), ("2", "2")):
        bank[f"f.{place}.weight"] = s.bank[f"f.W{layer}"].detach().mT.clone().requires_grad_()
        bank[f"f.{place}.bias"] = s.bank[f"f.b{layer}"].detach()[:, 0].clone().requires_grad_()
    theirs = SimpleNamespace(**vars(s) | {"f": Network(module), "bank": bank})
    got = gradients(loss(theirs), theirs)
    torch.testing.assert_close(loss(theirs), loss(s), **EXACT)
    for layer, place in (("1", "0"), ("2", "2")):
        torch.testing.assert_close(got[f"f.{place}.weight"], ours[f"f.W{layer}"].mT, **EXACT)
        torch.testing.assert_close(got[f"f.{place}.bias"], ours[f"f.b{layer}"][:, 0], **EXACT)
    same({n: got[n] for n in ("W", "S", "mu")}, {n: ours[n] for n in ("W", "S", "mu")}, **EXACT)


@pytest.mark.parametrize("method", ["Ours", "RPSR", "PretrainR"])
def test_a_module_trains_and_carries_its_buffers(method, tmp_path):
    f = module_net()
    own = {n: t.clone() for n, t in f.module.state_dict().items()}
    got = train(method, toy(dtype=torch.float32), f=f, checkpoint=tmp_path / "c")
    trained = (got.start or got).bank
    assert not torch.equal(trained["f.0.weight"][0], own["0.weight"])
    assert not torch.equal(trained["f.1.running_mean"][0], own["1.running_mean"])
    assert trained["f.1.num_batches_tracked"].item() > 0
    same(f.module.state_dict(), own)  # what the user passed stays as it was
    assert got.run().explain(toy(dtype=torch.float32).x_test[0, 0], U=3).rows.shape == (3,)


def test_a_module_may_take_pictures():
    folds = toy(rows=40, D=4)
    pictures = {f"x_{p}": getattr(folds, f"x_{p}").unflatten(2, (1, 2, 2)) for p in ("train", "val", "test")}
    net = nn.Sequential(nn.Conv2d(1, 5, 2), nn.Flatten(), nn.ReLU()).double()
    got = train("Ours", replace(folds, **pictures), f=Network(net))
    assert got.run().predict(pictures["x_test"][0]).shape == (8, 3)
    assert got.run().explain(pictures["x_test"][0, 0], U=4).influence.shape == (4,)


# --- Bad input -------------------------------------------------------------------------------------------------------

TWICE = replace(toy((0, 1)), split=torch.tensor([3, 3]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "Mine"}, r"method must be one of Ours, .*PretrainR, .*pretrained, got 'Mine'"),
        ({"settings": replace(SMALL, U=(5, 64))}, r"U must be a whole number between 1 and N x C = 63, got 64"),
        ({"settings": replace(SMALL, U=(0,))}, r"U must be a whole number between 1 and N x C = 63, got 0"),
        ({"settings": replace(SMALL, U=("most",))}, r"U must be a whole number between 1 and N x C = 63, got 'most'"),
        ({"settings": replace(SMALL, dropout=1.0)}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"device": "cuda"}, r"device 'cuda' is not there.*use 'cpu'"),
        ({"device": "cuda:1"}, r"device 'cuda:1' is not there: torch sees 0 CUDA devices"),
        ({"device": "cuda:first"}, r"device must be .*got 'cuda:first'"),
        ({"device": "abacus"}, r"device must be .*got 'abacus'"),
        ({"f": nn.Linear(3, 4)}, r"f must be an MLP or a Network\(module\), got Linear"),
        ({"f": lambda: None}, r"f must be an MLP or a Network\(module\), got function"),
        ({"f": module_net(), "folds": toy(range(2))}, r"an nn.Module trains one run at a time, got 2 runs"),
        ({"runs": Runs.grid(2)}, r"fold must lie between 0 and 0.*got 1"),
        ({"settings": replace(SMALL, U=(63, "all"))}, "U must be different numbers, got .63, 'all'. with N x C = 63"),
        ({"settings": expo.Settings()}, "settings of Ours must be lib.training.fewer.Settings"),
        ({"criteria": [(None, 0.5)]}, "Ours is of paper FE, which has no criteria"),
        (
            {"folds": replace(toy((0, 1)), split=torch.tensor([3, 3]))},
            r"folds must be of different splits, got \[3, 3\]",
        ),
        ({"folds": toy(dtype=torch.float16)}, "folds must be of torch.float32 or torch.float64, got torch.float16"),
        ({"method": "RPS", "runs": Runs.grid(1, lam=(2.0,))}, "RPS has no axis lam: it takes 1.0 alone, got .2.0"),
        ({"method": "Joint", "runs": Runs.grid(1, eta=(0.1,))}, "Joint has no axis eta: it takes 0.0 alone"),
        ({"runs": Runs.grid(1, lr=(0.1,))}, "Ours has no axis lr: it has lam, eta"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_written(change, message, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match=message):
        train(**change, checkpoint=tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_rows_that_cannot_be_used_are_named(part):
    folds = toy()
    x, y = getattr(folds, f"x_{part}").clone(), getattr(folds, f"y_{part}")
    x[0, 1, 2] = math.nan
    for bad, message in (
        ({f"x_{part}": x}, f"x_{part} must be finite, got 1 NaN"),
        ({f"x_{part}": x[:, :0], f"y_{part}": y[:, :0]}, f"x_{part} must have at least one row"),
        ({f"y_{part}": y + 1}, f"y_{part} must be classes 0 to 2, got .* to 3"),
        ({f"y_{part}": y - 1}, f"y_{part} must be classes 0 to 2, got -1 to"),
    ):
        with pytest.raises(ValueError, match=message):
            train(folds=replace(folds, **bad))


def test_a_checkpoint_needs_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"checkpoint must lie in a folder that can be written, got .*missing"):
        train(checkpoint=tmp_path / "missing" / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["epochs", "patience", "check", "batch", "hidden", "J", "stack_rows"])
@pytest.mark.parametrize("value", [0, -1, 2.5])
def test_counts_must_be_at_least_one(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, got {value}"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sigma": 0.0}, "sigma must be a positive number, got 0.0"),
        ({"sigma": -1.0}, "sigma must be a positive number, got -1.0"),
        ({"sigma": math.nan}, "sigma must be a positive number, got nan"),
        ({"lr": 0.0}, "lr must be a finite number above 0, got 0.0"),
        ({"lr": math.nan}, "lr must be a finite number above 0, got nan"),
        ({"layers": -1}, "layers must be a whole number of at least 0, got -1"),
        ({"S_start": -1.0}, "S_start must be a finite number of at least 0, got -1.0"),
        ({"mu_start": math.inf}, "mu_start must be a finite number, got inf"),
        ({"sigma": math.inf}, "sigma must be a positive number, got inf"),
        ({"U": ()}, r"U must hold at least one value, .*got \(\)"),
        ({"U": 5}, r"U must hold at least one value, .*got 5"),
        ({"U": "all"}, r"U must hold at least one value, .*got 'all'"),
        ({"epochs": True}, "epochs must be a whole number of at least 1, got True"),
        ({"lr": "0.1"}, "lr must be a finite number above 0, got '0.1'"),
        ({"through_g": 1}, "through_g must be True or False, got 1"),
        ({"mu_start": "0"}, "mu_start must be a finite number, got '0'"),
        ({"rank": "best"}, "rank must be one of magnitude, signed, gate, got 'best'"),
    ],
)
def test_bad_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)


def test_u_may_be_all():
    assert Settings(U=(5, "all")).U_values(63) == [5, 63]


def test_threads_change_how_runs_are_stacked_and_no_result_beyond_rounding():
    """Stacks are cut evenly over torch's threads, every live run in one of them."""
    folds, settings = toy((0, 1, 2, 3)), replace(SMALL, epochs=4)
    trained = []
    before = torch.get_num_threads()
    try:
        for threads, small in ((1, 2_000), (2, 1)):
            torch.set_num_threads(threads)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(engine, "SMALL_STACK", small)
                runs = Runs.grid(4, eta=(0.01,))
                ours = fewer._Program(METHODS["Ours"], folds, runs.of("Ours"), settings=settings, f=MLP((3, 6, 6)))
                stacks = ours.stacks()
                assert len(stacks) == threads
                assert sorted(torch.cat(stacks).tolist()) == [0, 1, 2, 3]
                trained.append(train(folds=folds, settings=settings))
                assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    same(trained[0].bank, trained[1].bank, **EXACT)
