"""The engine under ID: runs alone or stacked, stopped by several criteria, interrupted and resumed, diverged."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lib.methods import ID as METHODS
from lib.training import Runs, checkpoint, expo, fit
from tests.training.fe import EXACT, Interrupted, interrupt, last_bank, same
from tests.training.id import BOTH, SMALL, TEN, grid, pretrain, setting, table, train

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
        interrupt(patch, 2, expo.ExpoProgram)
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
    monkeypatch.setattr(expo.ExpoProgram, "measure", measure)
    for criteria, best, stopped in ((BOTH[:1], [5], 8), (BOTH, [5, 10], 13)):
        got = train("CE-only", folds, Runs.grid(2), start, setting, criteria=criteria)
        assert (got.best_epoch, got.stopped_epoch) == ([best] * 2, [stopped] * 2)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_diverges_leaves_the_others_alone(method):
    """It is stopped at once and noted; what it was before is kept and measured, and speaks for no run (ID-11)."""
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
    nan = model.predictor.at({n: t * math.nan for n, t in model.theta.items()})
    for own, what in ((model, "run 2 .* has diverged"), (replace(model, predictor=nan, lost=""), "b1, W, b hold NaN")):
        for ask in (own.predict, own.explain):
            with pytest.raises(ValueError, match=what):
                ask(folds.x_test[0])


def test_a_pretraining_that_diverges_keeps_its_start():
    got = fit("pretrained", table(), Runs.grid(2, lr=(1e200,)), settings=SMALL, progress=False)
    assert got.best_epoch == [[0], [0]]
    assert got.diverged == [1, 1]
    assert all(t.isfinite().all() for t in got.bank.values())
    model = got.run(1)
    for ask in (model.predict, model.explain):
        with pytest.raises(ValueError, match=r"run 1 \(seed 0, .*fold 1\) of pretrained has diverged"):
            ask(got.folds.x_test[1])
