"""What the tests of FE's trainings are made of: small folds, one step's ingredients, one step in plain autograd."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
from hypothesis import settings
from torch import nn
from torch.nn.functional import cross_entropy

from lib import data
from lib.methods import FE as METHODS
from lib.methods import STARTS
from lib.nets import MLP, Network
from lib.training import Runs, checkpoint, fewer, fewer_step, fit
from lib.training.draws import Draws
from lib.training.fewer import Settings
from lib.training.fewer_fitted import Subject
from tests import plain
from tests.nets.in_torch import plain_dropout

few = settings(max_examples=25, derandomize=True)

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
    return fewer_step.minibatch_loss(what, bank, s.batch[runs], draws=draws, settings=replace(s.settings, **change))


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


# --- Checkpoints -----------------------------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


def interrupt(monkeypatch, after, program=fewer.FewerProgram):
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
