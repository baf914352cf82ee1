"""Fine-tuning: the objective against loops and finite differences, then whole programs, alone, stacked and resumed."""

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lib import data, explainers, masks, metrics
from lib.explainers import LIME, Explained, Explainer, KernelSHAP
from lib.methods import ID as METHODS
from lib.nets import Classifier, Network
from lib.predictor import Predictor
from lib.training import Runs, checkpoint, expo, expo_fitted, expo_step, fewer, fit
from lib.training.expo import Settings
from tests import test_explainers
from tests.test_training import EXACT, Interrupted, interrupt, last_bank, same, toy

TEN = LIME(M=10)
SMALL = Settings(TEN, epochs=3, patience=100, batch=8, hidden=6, layers=1, S=0.5)
HYPER = {"lam": (0.3, 0.05), "lam3": (0.01,), "lr": (0.05,)}
BOTH = ((TEN, 0.25), (KernelSHAP(M=10), 0.5))  # the second needs more steps: it must not take the first one's


def table(splits=(0, 1), **options):
    return toy(splits, D=5, **options)


def pretrain(folds, seeds=(0,), settings=None, **options):
    settings = settings or replace(SMALL, epochs=4)
    runs = Runs.grid(len(folds.split), lr=(0.05,), seed=seeds)
    return fit("pretrained", folds, runs, settings=settings, progress=False, **options)


def train(method="ID-ExpO", folds=None, runs=None, start=0, settings=SMALL, **options):
    folds = folds or table()
    runs = runs or grid(method, len(folds.split), **HYPER)
    start = pretrain(folds, sorted(set(runs.seed))) if start == 0 else start
    return fit(method, folds, runs, start=start, settings=settings, **{"progress": False} | options)


def grid(method, folds, **axes):
    """A grid with those of the axes that the method has, and seeds."""
    row = METHODS.get(method, METHODS["ID-ExpO"])
    return Runs.grid(folds, **{name: values for name, values in axes.items() if name in (*row.axes, "seed")})


def one_run(**values):
    return Runs(**{name: (value,) for name, value in values.items()})


# --- The objective ---------------------------------------------------------------------------------------------------


def step(samples=None, **size):
    """One step's ingredients, in float64."""
    t = test_explainers.toy(samples=samples, **size)
    t.lam, t.lam3 = (torch.linspace(a, 2 * a, len(t.x), dtype=torch.float64) for a in (0.4, 0.03))
    return t


def setting(change):
    """SMALL with other settings, or other options of its explainer."""
    own = {name: value for name, value in change.items() if name in ("fresh", "keep", "masks", "eps")}
    own = {("chunk" if name == "masks" else name): value for name, value in own.items()}
    others = {name: value for name, value in change.items() if name not in ("fresh", "keep", "masks", "eps")}
    explainer = replace(others.pop("explainer", TEN), **own)
    return replace(SMALL, explainer=explainer, **others)


def given(t, change):
    """What the objective takes beside the method."""
    return {"lam": t.lam, "lam3": t.lam3, "settings": setting(change), "drawn": {"Z": t.Z}}


def objective(t, method="ID-ExpO", theta=None, **change):
    return expo_step.objective(t.predictor.at(theta or t.theta), t.x, t.y, method=METHODS[method], **given(t, change))


def gradient(t, method="ID-ExpO", **change):
    options = given(t, change) | {"method": METHODS[method], "wanted": list(t.theta)}
    return list(expo_step.gradient(t.predictor, t.x, t.y, **options).values())


def by_hand(t, r, i, method, deletion="A", explainer=TEN, T=None, own=False):
    """One sample's terms by the paper's formulas: loops, logs and quotients of softmax outputs."""
    x, b, y, Z = t.x[r, i], t.b, t.y[r, i], t.Z[r, i if own else 0]

    def f(x):
        h = (x @ t.theta["W1"][r] + t.theta["b1"][r, 0]).relu()
        return (h @ t.theta["W"][r] + t.theta["b"][r, 0]).softmax(0)[y]

    p, total = f(x), -f(x).log()
    kernel = explainer.weights(Z) if method == "ID-ExpO" else explainers.lime_kernel(Z, "cosine", 0.25)
    phi, y_tilde = test_explainers.by_hand(t, r, i, Z, lambda _: kernel)
    if method == "ExpO-S":
        return total + t.lam[r] * sum(k * (q - p) ** 2 for k, q in zip(kernel, y_tilde)) / len(Z)
    if method == "ExpO-F":
        return total + t.lam[r] * sum(k * (q - phi @ z) ** 2 for k, q, z in zip(kernel, y_tilde, Z)) / len(Z)
    steps = range(1, round(0.5 * len(phi)) + 1)
    T = masks.temperature(phi.detach()) if T is None else T
    inserted = deleted = 0
    for s in steps:
        a = torch.sigmoid(T * (phi - phi.sort(descending=True).values[s - 1 : s + 1].mean()))
        f_a, f_d = f(a * x + (1 - a) * b), f(a * b + (1 - a) * x)
        inserted = inserted - f_a.log() / len(steps)
        loss = {"A": -(p / f_d).log(), "B": f_d.log(), "C": -(1 - f_d).log()}[deletion]
        deleted = deleted + loss / len(steps)
    return total + t.lam[r] * (inserted + deleted) + t.lam3[r] * (phi**2).sum()


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("ID-ExpO", {}),
        ("ID-ExpO", {"explainer": KernelSHAP(M=10)}),
        ("ID-ExpO", {"deletion": "B"}),
        ("ID-ExpO", {"deletion": "C"}),
        ("ID-ExpO", {"T": 3.0}),
        ("ExpO-S", {}),
        ("ExpO-F", {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("samples", [None, 3])
def test_the_objective_is_a_mean_over_samples_of_its_terms(method, change, samples):
    """Value and gradient against plain loops, strengths of each run, masks shared or fresh (ID-9 to ID-11)."""
    t = step(samples)
    ours = objective(t, method, **change)
    plainly = torch.stack(
        [torch.stack([by_hand(t, r, i, method, own=bool(samples), **change) for i in range(3)]).mean() for r in (0, 1)]
    )
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if change.get("deletion") == "C" else EXACT  # 1e-7 keeps its log finite
    torch.testing.assert_close(ours, plainly, **tolerance)
    for one, other in zip(*(torch.autograd.grad(o.sum(), list(t.theta.values())) for o in (ours, plainly))):
        torch.testing.assert_close(one, other, **tolerance)


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("ID-ExpO", {"T": 3.0}),
        ("ID-ExpO", {"T": 3.0, "masks": 4}),
        ("ID-ExpO", {"T": 3.0, "explainer": KernelSHAP(), "deletion": "C"}),
        ("ExpO-S", {}),
        ("ExpO-F", {"masks": 4}),
    ],
    ids=str,
)
def test_gradients_of_the_whole_objective_are_right(method, change):
    """To every parameter, through LIME, thresholds and both paths, against finite differences (ID-11, ID-12)."""
    t = step(B=2, Q=4, M=9)

    def total(*tensors):
        return objective(t, method, dict(zip(t.theta, tensors)), **change)

    assert torch.autograd.gradcheck(total, list(t.theta.values()))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("deletion", "ABC")
@pytest.mark.parametrize("samples", [None, 3])
def test_the_steps_own_backward_is_that_of_one_graph(method, deletion, samples):
    """Contributions as leaves, values of s and masks in chunks, then once through the explainer: to 1e-12 (ID-11)."""
    t = step(samples, Q=9)
    whole = torch.autograd.grad(objective(t, method, deletion=deletion).sum(), list(t.theta.values()))
    for change in ({}, {"chunk": 1}, {"chunk": 3}, {"chunk": 2, "masks": 5}, {"masks": 1}):
        for ours, direct in zip(gradient(t, method, deletion=deletion, **change), whole):
            assert torch.allclose(ours, direct, rtol=0, atol=1e-12)


@pytest.mark.parametrize("K", [1, 2, 3, 4])
def test_drawn_values_of_s_give_the_whole_gradient_on_average(K):
    """Over all starts of the draw, also where K does not divide the four values of s (ID-11)."""
    t, starts = step(Q=9), (torch.arange(24) + 0.5) / 24
    whole, total = gradient(t), [0.0] * len(t.theta)
    settings = setting({"draws": K})
    for u in starts:
        s = masks.draw_steps([1, 2, 3, 4], u.expand(t.y.shape), K=K)
        options = given(t, {"draws": K}) | {"method": METHODS["ID-ExpO"], "wanted": list(t.theta), "s": s}
        found = expo_step.gradient(t.predictor, t.x, t.y, **options)
        total = [a + b / len(starts) for a, b in zip(total, found.values())]
    for ours, exact, last in zip(total, whole, found.values()):
        assert torch.allclose(ours, exact, rtol=0, atol=1e-12)
        assert torch.allclose(last, exact, rtol=0, atol=1e-12) == (K == 4)  # one draw alone is another number
    drawn = settings.drawn_steps(torch.Size((9,)), torch.Generator().manual_seed(0), 7)
    assert drawn.shape == (7, K)
    assert setting({}).drawn_steps(torch.Size((9,)), torch.Generator(), 7) is None


def test_a_run_draws_its_values_of_s_from_its_own_generator():
    """Alone it trains as beside others, and not as with all values."""
    settings, folds = replace(SMALL, draws=1), table()
    start = pretrain(folds)
    both = train(folds=folds, start=start, settings=settings)
    runs = Runs.grid(2, lam=(0.05,), lam3=(0.01,), lr=(0.05,))
    alone, whole = (train(folds=folds, start=start, runs=runs, settings=s) for s in (settings, SMALL))
    at = [both.runs.lam.index(0.05)]
    name = next(iter(both.bank))
    assert torch.allclose(both.bank[name][at], alone.bank[name][:1])
    assert not torch.allclose(whole.bank[name][:1], alone.bank[name][:1])
    assert settings.recorded() != SMALL.recorded()


def test_the_floor_reaches_the_masks():
    """One far above every range is the temperature #phi / floor."""
    t = step(Q=9)
    assert torch.allclose(objective(t, floor=1e3), objective(t, T=9 / 1e3))
    assert not torch.allclose(objective(t, floor=1e3), objective(t))


def test_an_explainers_log_probability_is_not_computed_again():
    """One that knows log f(x)_y gives it a gradient of its own, as Grad-CAM needs (ID-11)."""

    @dataclass(frozen=True)
    class Knowing(LIME):
        def explain(self, predictor, x, y, **drawn):
            return super().explain(predictor, x, y, **drawn)._replace(log_p=predictor.log_probability(x, y))

    t, seen = step(), []
    plain, f = gradient(t), t.f

    def counted(theta, x):
        seen.append(x.shape[1])
        return f(theta, x)

    got = gradient(t.but(f=counted), explainer=Knowing(M=10))
    assert seen == [3 * 12, 3, 3 * 2 * 2]  # masks, the input, and insertions and deletions of s = 1, 2 without it
    for a, b in zip(got, plain):
        assert torch.allclose(a, b, rtol=0, atol=1e-12)


def test_ce_only_is_cross_entropy():
    """And what all others are where their strength is 0 (ID-11)."""
    t = step()
    expected = torch.stack([cross_entropy(t.f(t.theta, t.x)[r], t.y[r]) for r in range(2)])
    t.lam = t.lam3 = torch.zeros(2, dtype=torch.float64)
    for method in METHODS:
        torch.testing.assert_close(objective(t, method), expected)


def test_the_label_is_explained_in_training():
    """Another y changes the explanation's terms too: they speak of y, not of the class predicted (ID-9, ID-11)."""
    t = step(B=1)
    explained = []
    for y in range(3):
        t.y = torch.full((2, 1), y)
        explained.append((objective(t) - objective(t, "CE-only")).detach())
    assert len({round(float(v[0]), 9) for v in explained}) == 3


# --- The optimiser ---------------------------------------------------------------------------------------------------


def test_steps_are_torchs_sgd():
    """Nesterov, momentum and weight decay over several steps, a learning rate for each run."""
    lr, start = torch.tensor([0.1, 0.01], dtype=torch.float64), test_explainers.double(0, 2, 3, 4)
    theirs = [start[r].clone().requires_grad_() for r in range(2)]
    options = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.05}
    optimisers = [torch.optim.SGD([p], lr=float(rate), **options) for p, rate in zip(theirs, lr)]
    theta, momentum = {"W": start.clone()}, {"W": torch.zeros_like(start)}
    for _ in range(5):
        expo.sgd(theta, {"W": theta["W"].cos()}, momentum, lr=lr, mu=0.9, weight_decay=0.05)
        for p, sgd in zip(theirs, optimisers):
            p.grad = p.detach().cos()
            sgd.step()
    for r in range(2):
        torch.testing.assert_close(theta["W"][r], theirs[r].detach(), **EXACT)
        torch.testing.assert_close(momentum["W"][r], optimisers[r].state[theirs[r]]["momentum_buffer"], **EXACT)


@pytest.mark.parametrize("fresh", [False, True])
def test_training_takes_torchs_steps_down_the_objective(fresh, tmp_path):
    """Two epochs, shuffled anew; masks from the run's own generator at each step; momentum kept between (ID-11)."""
    folds, own = table(), setting({"epochs": 2, "fresh": fresh})
    start = pretrain(folds, (2,))
    train("ID-ExpO", folds, one_run(fold=1, lam=0.3, lam3=0.01, lr=0.05, seed=2), start, own, checkpoint=tmp_path / "c")
    theta = {n: t[[1], 0].clone().requires_grad_() for n, t in start.bank.items()}
    sgd = torch.optim.SGD(theta.values(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    draw = torch.Generator().manual_seed(1_000_003 * 2 + 1)
    lam, lam3 = torch.tensor([[0.3], [0.01]], dtype=torch.float64)  # (1,) each, for the one run
    predictor = Predictor(start.f, theta, torch.zeros(5, dtype=torch.float64), stacked=True)
    for _ in range(2):
        for batch in torch.randperm(folds.x_train.shape[1], generator=draw).split(8):
            Z = explainers.draw_masks(10, 5, draw, rows=len(batch) if fresh else None, dtype=torch.float64)
            options = {"lam": lam, "lam3": lam3, "settings": own, "drawn": {"Z": Z[None] if fresh else Z[None, None]}}
            sgd.zero_grad()
            x, y = folds.x_train[1:, batch], folds.y_train[1:, batch]
            expo_step.objective(predictor, x, y, method=METHODS["ID-ExpO"], **options).sum().backward()
            sgd.step()
    same(last_bank(tmp_path / "c"), {n: t.detach() for n, t in theta.items()}, **EXACT)


# --- Whole programs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "change"),
    [("ID-ExpO", {}), ("ID-ExpO", {"fresh": True, "keep": 0.4}), ("ExpO-S", {}), ("ExpO-F", {}), ("CE-only", {})],
    ids=str,
)
def test_any_run_of_a_grid_can_be_reproduced_alone(method, change, tmp_path):
    """Batches and masks come from its split's number and its seed, whatever its neighbours and stacks (ID-11)."""
    folds, small = table((0, 5)), replace(setting(change), stack_rows=400)
    runs = grid(method, 2, lam=(0.3, 0.05), lam3=(0.01,), lr=(0.05, 0.01), seed=(0, 1))
    start = pretrain(folds, (0, 1))
    whole = train(method, folds, runs, start, small, checkpoint=tmp_path / "grid")
    bank = last_bank(tmp_path / "grid")
    for r in (1, len(runs) - 2):
        one = runs.only(r)
        path = tmp_path / f"{r}"
        alone = train(method, folds, one, start, replace(small, stack_rows=10**6), checkpoint=path)
        same({n: t[r] for n, t in bank.items()}, {n: t[0] for n, t in last_bank(path).items()}, **EXACT)
        for name, values in alone.scores.items():
            torch.testing.assert_close(whole.scores[name][r], values[0])
        assert whole.best_epoch[r] == alone.best_epoch[0]
    assert not torch.allclose(bank["W"][0], bank["W"][2], atol=1e-6) or method == "CE-only"  # lam differs


def test_fine_tuning_is_a_function_of_its_seed():
    """Bit for bit on one device, in single precision, while torch's own generator is not touched."""
    folds = table(dtype=torch.float32)
    state, start = torch.random.get_rng_state(), pretrain(folds)
    one, two = train(folds=folds, start=start), train(folds=folds, start=start)
    assert torch.equal(torch.random.get_rng_state(), state)
    for kind in ("bank", "scores", "curves"):
        same(getattr(one, kind), getattr(two, kind))
    assert np.array_equal(one.history["measure"], two.history["measure"])
    same(start.bank, pretrain(folds).bank)
    runs = replace(one.runs, seed=(1,) * 4)
    assert not torch.equal(train(folds=folds, runs=runs).bank["W"], one.bank["W"])


@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_fine_tuning_is_resumed_bit_for_bit(method, monkeypatch, tmp_path):
    """Parameters, momentum, random numbers, best epochs of each criterion and history."""
    folds = table(dtype=torch.float32)
    options = {"start": pretrain(folds), "settings": replace(SMALL, epochs=5), "save_every": 0}
    if method != "ID-ExpO":
        options["criteria"] = BOTH
    whole = train(method, folds, checkpoint=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        interrupt(patch, 2, expo._Program)
        with pytest.raises(Interrupted):
            train(method, folds, checkpoint=tmp_path / "cut", **options)
    assert checkpoint.read(tmp_path / "cut")["state"]["epoch"] == 2
    resumed = train(method, folds, checkpoint=tmp_path / "cut", **options)
    same(last_bank(tmp_path / "cut"), last_bank(tmp_path / "whole"))
    for kind in ("bank", "scores", "curves"):
        same(getattr(resumed, kind), getattr(whole, kind))
    assert resumed.best_epoch == whole.best_epoch
    assert np.array_equal(resumed.history["measure"], whole.history["measure"])


@pytest.mark.parametrize("method", ["ExpO-F", "CE-only"])
@pytest.mark.parametrize("patience", [2, 100])
def test_several_criteria_keep_what_each_would_alone(method, patience):
    """One training serves both explainers and any S."""
    folds, setting = table(rows=60), replace(SMALL, epochs=12, patience=patience)
    start, criteria = pretrain(folds), (*BOTH, (TEN, 0.75))
    together = train(method, folds, start=start, settings=setting, criteria=criteria)
    assert together.bank["W"].shape[:2] == (len(together.runs), 3)
    for v, criterion in enumerate(criteria):
        alone = train(method, folds, start=start, settings=setting, criteria=[criterion])
        same({n: t[:, v] for n, t in together.bank.items()}, {n: t[:, 0] for n, t in alone.bank.items()}, **EXACT)
        same({n: t[:, v] for n, t in together.scores.items()}, {n: t[:, 0] for n, t in alone.scores.items()}, **EXACT)
        assert [best[v] for best in together.best_epoch] == [best[0] for best in alone.best_epoch]
        assert all(a <= b for a, b in zip(alone.stopped_epoch, together.stopped_epoch))


def test_patience_counts_from_the_last_gain_by_any_criterion(monkeypatch):
    """A run may be longer than by one of its criteria, which then keeps what it has."""

    def measure(program, bank, stack):
        epoch = program.state["epoch"]
        # the first gains until 2, in the last epoch of its patience at 5, and too late at 9; the second until 10
        scores = [min(epoch, 2) + (epoch >= 5) + (epoch >= 9), min(epoch // 2, 5)]
        return torch.tensor(scores[: len(program.criteria)], dtype=torch.float64).expand(len(stack), -1)

    folds, setting = table(), replace(SMALL, epochs=60, patience=3)
    start = pretrain(folds)
    monkeypatch.setattr(expo._Program, "measure", measure)
    for criteria, best, stopped in ((BOTH[:1], [5], 8), (BOTH, [5, 10], 13)):
        got = train("CE-only", folds, Runs.grid(2), start, setting, criteria=criteria)
        assert (got.best_epoch, got.stopped_epoch) == ([best] * 2, [stopped] * 2)


def test_training_starts_from_the_pretrained_predictors(tmp_path):
    """Each run from its own split's and seed's; without a step nothing moves."""
    folds, runs = table(), Runs(fold=(1, 0, 1), lam=(0.1,) * 3, lr=(0.0,) * 3, seed=(1, 0, 0))
    start = pretrain(folds, (0, 1))
    got = train("ID-ExpO", folds, runs, start)
    where = list(zip(start.runs.fold, start.runs.seed))
    for r, key in enumerate(zip(runs.fold, runs.seed)):
        assert torch.equal(got.bank["W"][r, 0], start.bank["W"][where.index(key), 0])
    moved = train("ID-ExpO", folds, replace(runs, lr=(0.1,) * 3), start, checkpoint=tmp_path / "c")
    assert not torch.equal(last_bank(tmp_path / "c")["W"], got.bank["W"][:, 0])
    assert moved.bank["W"].shape == got.bank["W"].shape


@pytest.mark.parametrize("method", METHODS)
def test_mixed_precision_rounds_the_training_and_not_the_scores(method):
    """A step is near the exact one; predictors that took none have the same scores, for those are never rounded."""
    folds = table(dtype=torch.float32)
    start = pretrain(folds)
    plain, mixed = (replace(SMALL, epochs=1, mixed=mixed) for mixed in (False, True))
    before = start.bank["W1"][list(grid(method, 2, **HYPER).fold)]
    moved = [train(method, folds, start=start, settings=s).bank["W1"] - before for s in (plain, mixed)]
    assert 1e-6 < (moved[1] - moved[0]).norm() / moved[0].norm() < 0.05
    still = grid(method, 2, lam=(0.1, 0.01), lr=(0.0,))
    one, two = (train(method, folds, still, start, s) for s in (plain, mixed))
    for kind in ("scores", "curves"):
        same(getattr(one, kind), getattr(two, kind))
    assert np.array_equal(one.history["measure"], two.history["measure"])


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_diverges_leaves_the_others_alone(method):
    """It is stopped at once and noted; what it was before is kept, explained and measured (ID-11)."""
    folds = table()
    start = pretrain(folds)
    runs, own = grid(method, 2, lam=(0.1,), lr=(0.05, 1e200)), grid(method, 2, lam=(0.1,), lr=(0.05,))
    both, alone = train(method, folds, runs, start), train(method, folds, own, start)
    same({n: t[:2] for n, t in both.bank.items()}, alone.bank, **EXACT)
    assert both.diverged == [0, 0, *both.stopped_epoch[2:]]
    assert both.stopped_epoch[2:] == [1, 1]
    assert both.best_epoch[2:] == [[0], [0]]
    assert np.isnan(both.history["measure"][:, 2:]).all()
    assert torch.isfinite(both.bank["W"]).all()
    model = both.run(2)
    assert model.explain(folds.x_test[0]).isfinite().all()
    lost = replace(model, predictor=model.predictor.at({n: t * math.nan for n, t in model.theta.items()}))
    for ask in (lost.predict, lost.explain):
        with pytest.raises(ValueError, match="this model has diverged: W1, b1, W, b hold NaN"):
            ask(folds.x_test[0])


def test_pretraining_takes_its_learning_rate():
    got = fit("pretrained", table((0,)), Runs.grid(1, lr=(0.05, 0.01)), settings=SMALL, progress=False)
    assert not torch.allclose(got.bank["W"][0], got.bank["W"][1])


def test_a_pretraining_that_diverges_keeps_its_start():
    got = fit("pretrained", table(), Runs.grid(2, lr=(1e200,)), settings=SMALL, progress=False)
    assert got.best_epoch == [[0], [0]]
    assert got.diverged == [1, 1]
    assert all(t.isfinite().all() for t in got.bank.values())


# --- Scores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("explainer", [TEN, KernelSHAP(M=10)])
def test_scores_are_those_of_the_predicted_class_with_the_splits_masks(explainer):
    """Explained by `Model.explain`, scored by hard masks up to S; history holds their valscore (ID-1, ID-2, ID-15)."""
    folds, setting = table(), replace(SMALL, explainer=explainer, epochs=1, eta=1.3)
    got = train(folds=folds, settings=setting)
    for r, fold in enumerate(got.runs.fold):
        model, found = got.run(r), {}
        for part in ("val", "test"):
            x, y = getattr(folds, f"x_{part}")[fold], getattr(folds, f"y_{part}")[fold]
            logits, phi = model.predict(x), model.explain(x, explainer)
            curves = metrics.curves(model.predictor, x, logits.argmax(-1), phi=phi, s=range(1, 6))
            found = {
                "accuracy": metrics.accuracy(logits, y),
                "insertion": curves.inserted[..., :2].mean(),  # round(0.5 x 5) = 2
                "deletion": curves.deleted[..., :2].mean(),
            }
            for name, value in found.items():
                assert got.scores[f"{part}_{name}"][r, 0].item() == pytest.approx(value.item())
            if part == "val":
                expected = metrics.valscore(*found.values(), eta=1.3).item()
                assert got.history["measure"][0, r, 0] == pytest.approx(expected)
        assert torch.allclose(got.curves["insertion"][r, 0], curves.inserted.mean(0))
        assert torch.allclose(got.curves["deletion"][r, 0], curves.deleted.mean(0))
        assert got.scores["test_contributions"][r, 0].item() == pytest.approx(phi.abs().mean().item())
        assert torch.allclose(got.curves["contributions"][r, 0], phi[: expo_fitted.SHOWN].flatten())
        Z = explainers.draw_masks(10, 5, torch.Generator().manual_seed(10**12 + int(folds.split[fold]))).double()
        masked = metrics.masked_accuracy(model.predictor, x, y, r=Z)
        assert got.scores["test_masked"][r, 0].item() == pytest.approx(masked.item())


@pytest.mark.parametrize(("Q", "n"), [(3, 2), (5, 4), (7, 4)])
def test_sensitivity_removes_four_features_where_there_are_more(Q, n):
    got = train(folds=toy((3,), D=Q), settings=replace(SMALL, epochs=1))
    x, own, model = got.folds.x_test[0], torch.Generator().manual_seed(2 * 10**12 + 3), got.run()
    phi, predicted = model.explain(x), model.predict(x).argmax(-1)
    removed = metrics.random_sets(Q, own, n=n, dtype=x.dtype)
    expected = metrics.sensitivity_n(model.predictor, x, predicted, phi=phi, removed=removed)
    assert got.scores["test_sensitivity"][0, 0].item() == pytest.approx(expected.mean().item())


def test_a_splits_masks_are_its_own_whatever_splits_are_beside_it():
    both, alone = table((0, 1)), table((1,))
    x = both.x_test[1]
    assert torch.allclose(pretrain(both).run(1).explain(x), pretrain(alone).run().explain(x))


def test_a_record_is_identified_by_what_changes_its_numbers_and_has_no_column():
    same_run = Settings(KernelSHAP(chunk=7), chunk=3, stack_rows=9, S=0.3, deletion="C", mixed=True)
    assert same_run.recorded() == Settings().recorded()
    seven = LIME(M=7)
    assert Settings(replace(seven, keep=0.5)).recorded() != Settings(seven).recorded() != Settings().recorded()
    assert Settings(around=LIME(width=0.3)).recorded() != Settings().recorded()


def test_the_first_records_settings_are_todays():
    """What results/id holds, key by key."""
    text = json.dumps(Settings().recorded(), sort_keys=True)
    assert text == (
        '{"M": 200, "T": null, "batch": 128, "check": 1, "cosine_width": 0.25, "epochs": 200, "eps": 0.01, "eta": 2.0, '
        '"fresh": false, "hidden": 256, "keep": 1.0, "kernel": "L2", "layers": 2, "momentum": 0.9, "patience": 20, '
        '"scaled": true, "weight_decay": 0.0005, "width": 0.75}'
    )


def test_pretraining_keeps_the_epoch_of_the_best_validation_accuracy():
    start = pretrain(table())
    assert np.array_equal(start.history["measure"][..., 0].max(0), start.scores["val_accuracy"][:, 0])


def test_explaining_the_predicted_class_is_what_no_label_means():
    got = train(settings=replace(SMALL, epochs=1))
    x, model = got.folds.x_test[0], got.run()
    predicted = model.predict(x).argmax(-1)
    assert torch.equal(model.explain(x), model.explain(x, y=predicted))
    assert not torch.equal(model.explain(x), model.explain(x, y=(predicted + 1) % 3))


def test_predictors_can_be_measured_by_other_criteria():
    start = pretrain(table())
    got = start.measured(BOTH)
    assert got.scores["test_insertion"].shape == (2, 2)
    assert torch.equal(got.bank["W"][:, 0], got.bank["W"][:, 1])
    assert got.best_epoch == [of * 2 for of in start.best_epoch]
    assert got.history["measure"].shape == (*start.history["measure"].shape[:2], 2)
    with pytest.raises(ValueError, match="criteria must name at least one"):
        start.measured([])
    assert torch.equal(got.scores["test_accuracy"][:, 0], got.scores["test_accuracy"][:, 1])
    assert not torch.equal(got.scores["test_insertion"][:, 0], got.scores["test_insertion"][:, 1])


def test_fine_tuning_improves_insertion_and_deletion_on_a_real_table():
    """On glass, against the same epochs of cross-entropy alone (ID-11)."""
    folds, setting = (
        data.folds(data.load("glass"), [0, 1]),
        Settings(LIME(M=30), epochs=15, patience=99, hidden=32, eta=0),
    )
    start = pretrain(folds, settings=replace(setting, epochs=30))
    better = {}
    for method in ("ID-ExpO", "CE-only"):
        scores = train(method, folds, grid(method, 2, lam=(0.3,), lr=(0.02,)), start, setting).scores
        better[method] = (scores["val_insertion"] + 1 - scores["val_deletion"]).mean().item()
    assert better["ID-ExpO"] > better["CE-only"] + 0.05


# --- An explainer of one's own ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Occlusion(Explainer):
    """What f(x)_y loses where one feature is deleted: all that the library asks of a new explainer."""

    def explain(self, predictor, x, y):
        log_p = predictor.log_probability(x, y)
        without = (1 - torch.eye(x.shape[-1]).to(x)).expand(*y.shape, -1, -1)
        left = predictor.log_probability(masks.insert(x, predictor.b, without), y[..., None])
        return Explained(log_p.exp()[..., None] - left.exp(), log_p)


def test_an_explainer_of_ones_own_trains_explains_and_measures():
    """Better insertion and deletion for its contributions than cross-entropy alone gives them (ID-11)."""
    folds, own = data.folds(data.load("glass"), [0, 1]), Settings(Occlusion(), epochs=15, patience=99, hidden=32, eta=0)
    start = pretrain(folds, settings=replace(own, epochs=30))
    better = {}
    for method in ("ID-ExpO", "CE-only"):
        got = train(method, folds, grid(method, 2, lam=(0.3,), lr=(0.02,)), start, own)
        better[method] = (got.scores["val_insertion"] + 1 - got.scores["val_deletion"]).mean().item()
    assert better["ID-ExpO"] > better["CE-only"] + 0.05
    x, model = folds.x_test[1, :1], got.run(1)
    p = model.predictor.probabilities(x)[0]
    c, without = p.argmax(), x.clone()
    without[0, 3] = 0
    expected = p[c] - model.predictor.probabilities(without)[0, c]
    assert model.explain(x)[0, 3].item() == pytest.approx(expected.item(), abs=1e-6)
    whole = train("ID-ExpO", table(), settings=replace(SMALL, explainer=Occlusion(), epochs=1, chunk=1))
    assert whole.curves["contributions"].shape[-1] % 5 == 0


# --- Anybody's module ------------------------------------------------------------------------------------------------


def module():
    torch.manual_seed(0)
    return Network(nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)))


@pytest.mark.parametrize("method", METHODS)
def test_a_module_is_fine_tuned_from_where_it_stands(method, tmp_path):
    """start=None: its own parameters; what the user passed stays as it was (ID-11)."""
    f = module()
    own = {n: t.clone() for n, t in f.module.state_dict().items()}
    runs, folds = grid(method, 1, lam=(0.1,), lr=(0.05,)), table((0,))
    still = train(method, folds, replace(runs, lr=(0.0,)), None, f=f)
    torch.testing.assert_close(still.bank["0.weight"][0, 0], own["0.weight"].double())
    got = train(method, folds, runs, None, f=f, checkpoint=tmp_path / "c")
    assert not torch.equal(last_bank(tmp_path / "c")["0.weight"][0], own["0.weight"].double())
    same(f.module.state_dict(), own)
    assert got.run().explain(folds.x_test[0]).shape == (len(folds.x_test[0]), 5)


def test_a_module_takes_the_steps_of_the_same_classifier():
    t = step(R=1)
    net = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)).double()
    theta = {}
    for layer, name in (("0", "1"), ("2", "")):
        theta[f"{layer}.weight"] = t.theta[f"W{name}"].detach().mT.clone().requires_grad_()
        theta[f"{layer}.bias"] = t.theta[f"b{name}"].detach()[:, 0].clone().requires_grad_()
    theirs = t.but(f=Network(net), theta=theta)
    for change in ({}, {"masks": 4}):
        ours, other = objective(t, **change), objective(theirs, **change)
        torch.testing.assert_close(ours, other, **EXACT)
        (a,), (b,) = torch.autograd.grad(ours, t.theta["W1"]), torch.autograd.grad(other, theta["0.weight"])
        torch.testing.assert_close(a, b.mT, **EXACT)


def test_a_module_may_take_pictures():
    folds = toy((0,), rows=40, D=8).shaped(2, 2, 2)
    net = nn.Sequential(nn.Conv2d(2, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 3))
    got = train("ID-ExpO", folds, Runs.grid(1, lam=(0.1,)), None, f=Network(net), background=torch.zeros(2, 2, 2))
    assert got.run().explain(folds.x_test[0]).shape == (len(folds.x_test[0]), 4)  # a contribution a pixel
    assert got.curves["insertion"].shape == (1, 1, 4)


# --- Bad input -------------------------------------------------------------------------------------------------------

OTHERS = {
    "method": {"method": "ExpO-F", "runs": Runs.grid(2, lam=(0.3, 0.05), lr=(0.05,))},
    "strength": {"runs": Runs.grid(2, lam=(0.3, 0.06), lam3=(0.01,), lr=(0.05,))},
    "learning rate": {"runs": Runs.grid(2, lam=(0.3, 0.05), lam3=(0.01,), lr=(0.04,))},
    "settings": {"settings": replace(SMALL, deletion="B")},
    "options": {"settings": setting({"eps": 0.02})},
    "criteria": {"criteria": [(KernelSHAP(M=10), 0.5)]},
    "data": {"folds": table((0, 2))},
    "precision": {"folds": table(dtype=torch.float32)},
    "background": {"background": torch.ones(5)},
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_checkpoint_of_another_configuration_is_refused(other, tmp_path):
    path = tmp_path / "c"
    train(checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"checkpoint .*c belongs to another configuration.*another path or delete"):
        train(**OTHERS[other], checkpoint=path)
    assert path.read_bytes() == before


def test_a_checkpoint_from_other_predictors_is_refused(tmp_path):
    start = pretrain(table())
    moved = replace(start, bank={n: t + 1e-9 for n, t in start.bank.items()})
    train(start=start, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="belongs to another configuration"):
        train(start=moved, checkpoint=tmp_path / "c")


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
        ({"settings": fewer.Settings()}, "settings of ID-ExpO must be lib.training.expo.Settings"),
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
        ({"folds": toy((0,), D=5, task="regression"), "start": None}, "a class's probability: toy is a regression"),
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


def test_a_background_must_be_a_tensor():
    with pytest.raises(ValueError, match="background must be a tensor, got list"):
        train(background=[0.0] * 5)


@pytest.mark.parametrize("criterion", ["LIME", TEN, (TEN,)])
def test_a_criterion_is_an_explainer_and_a_share(criterion):
    with pytest.raises(ValueError, match=r"a criterion must be \(explainer, S\)"):
        train(criteria=[criterion])


def test_a_start_from_other_training_rows_is_refused():
    """Its predictors have seen rows that these splits test on."""
    folds = table()
    start = pretrain(table((7, 8)))
    with pytest.raises(ValueError, match=r"same training rows, toy, splits \[0, 1\], got toy, splits \[7, 8\]"):
        train(folds=folds, start=start)
    with pytest.raises(ValueError, match="same training rows, other, splits"):
        train(folds=replace(folds, name="other"), start=pretrain(folds))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_rows_that_cannot_be_used_are_named(part):
    folds = table()
    x, y = getattr(folds, f"x_{part}").clone(), getattr(folds, f"y_{part}")
    x[1, 2, 3] = math.nan
    for bad, message in (
        ({f"x_{part}": x}, f"x_{part} must be finite, got 1 NaN"),
        ({f"x_{part}": x[:, :0], f"y_{part}": y[:, :0]}, f"x_{part} must have at least one row"),
        ({f"y_{part}": y + 1}, f"y_{part} must be classes 0 to 2, got .* to 3"),
        ({f"y_{part}": y - 1}, f"y_{part} must be classes 0 to 2, got -1 to"),
    ):
        with pytest.raises(ValueError, match=message):
            pretrain(replace(folds, **bad))


def test_a_misspelt_explainer_is_refused():
    with pytest.raises(ValueError, match=r"explainer must be an Explainer, .*got 'kernelSHAP'"):
        pretrain(table()).run().explain(table().x_test[0], "kernelSHAP")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (torch.zeros(5), None, r"x must be rows of \(5,\), got \(5,\)"),
        (torch.zeros(2, 4), None, r"x must be rows of \(5,\), got \(2, 4\)"),
        (torch.zeros(0, 5), None, r"x must be rows of \(5,\), got \(0, 5\)"),
        (torch.full((2, 5), math.nan), None, "x must be finite, got 10 NaN"),
        (torch.zeros(2, 5), torch.tensor([0]), r"y must be a class for each of 2 rows, got torch.int64 \(1,\)"),
        (torch.zeros(2, 5), torch.zeros(2), "y must be a class for each of 2 rows, got torch.float32"),
        (torch.zeros(2, 5), torch.tensor([0, 3]), "y must be classes 0 to 2, got 0 to 3"),
    ],
)
def test_rows_that_cannot_be_explained_are_named(x, y, message):
    with pytest.raises(ValueError, match=message):
        pretrain(table()).run().explain(x, TEN, y=y)


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


@pytest.mark.parametrize("name", ["epochs", "patience", "check", "batch", "hidden", "stack_rows", "chunk"])
@pytest.mark.parametrize("value", [0, -1, 10.5])
def test_counts_must_be_at_least_one(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, got {value}"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"explainer": "SHAP"}, r"explainer must be an Explainer, as LIME\(\), got 'SHAP'"),
        ({"deletion": "D"}, "deletion must be one of A, B, C, got 'D'"),
        ({"S": 0.0}, r"S must be a share of the cells in \(0, 1\], got 0.0"),
        ({"S": 1.1}, r"S must be a share of the cells in \(0, 1\], got 1.1"),
        ({"eta": -1.0}, "eta must be a finite number of at least 0, got -1.0"),
        ({"weight_decay": math.inf}, "weight_decay must be a finite number of at least 0, got inf"),
        ({"momentum": -0.1}, "momentum must be a finite number of at least 0, got -0.1"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), got 1.0"),
        ({"layers": -1}, "layers must be a whole number of at least 0, got -1"),
        ({"T": -2.0}, "T must be a finite number above 0, got -2.0"),
    ],
)
def test_bad_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)
