"""The engine under FE: runs alone or stacked, stopped, interrupted and resumed, kept, diverged."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lib.methods import FE as METHODS
from lib.nets import MLP
from lib.training import Runs, checkpoint, engine, fewer, use_threads
from tests.training.fe import (
    EXACT,
    SMALL,
    Interrupted,
    grid,
    interrupt,
    last_bank,
    module_net,
    one_run,
    same,
    toy,
    train,
)

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


def test_epochs_need_not_be_a_multiple_of_the_check():
    got = train(settings=replace(SMALL, epochs=5, check=2))
    assert got.history["epoch"].tolist() == [2, 4, 5]
    assert got.stopped_epoch == [5]


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
    monkeypatch.setattr(fewer.FewerProgram, "advance", lambda *_: pytest.fail("trained on"))
    again = train(checkpoint=tmp_path / "c")
    same(first.bank, again.bank)
    assert again.seconds == first.seconds


# --- Kept weights ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["Ours", "PretrainR"])
def test_weights_are_kept_under_their_configuration_and_not_trained_again(method, monkeypatch, tmp_path):
    first = train(method, weights=tmp_path)
    assert len([*tmp_path.iterdir()]) == (2 if first.start else 1)
    other = train(method, weights=tmp_path, settings=replace(SMALL, epochs=3))
    assert other.config != first.config
    monkeypatch.setattr(fewer.FewerProgram, "advance", lambda *_: pytest.fail("trained again"))
    again = train(method, weights=tmp_path, settings=replace(SMALL, stack_rows=5))
    same(again.bank, first.bank)
    same(again.scores, first.scores)
    assert again.best_epoch == first.best_epoch
    assert again.seconds == first.seconds


# --- Divergence ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_diverged_run_is_stopped_and_never_kept(method):
    """Its parameters are those of before the first step, and its model refuses to speak for them (FE-19)."""
    folds = toy(dtype=torch.float32)
    got = train(method, folds, settings=replace(SMALL, lr=1e30, epochs=20))
    first = (got.start or got).diverged[0]
    assert first == (got.start or got).stopped_epoch[0] == 2
    assert (got.start or got).best_epoch == [0]
    assert all(t.isfinite().all() for t in got.bank.values())
    assert got.diverged[0]
    model = got.run(0)
    broken = replace(model, influence=model.influence * math.nan, lost="")
    for ask in (lambda m: m.explain(toy().x_test[0, 0], U=2), lambda m: m.predict(toy().x_test[0])):
        with pytest.raises(ValueError, match=r"run 0 \(seed 0, .*fold 0\) of .* has diverged, .* at epoch 2, before"):
            ask(model)
        with pytest.raises(ValueError, match="this model has diverged: influence hold"):
            ask(broken)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True, 2**70])
def test_threads_are_a_whole_number(threads):
    with pytest.raises(ValueError, match=f"threads must be a whole number from 1 to 4,096, got {threads!r}"):
        use_threads(threads)


def test_a_diverged_run_leaves_the_others_as_they_are_alone():
    """One NaN in one run's gates, and its neighbours train as they do without it."""
    folds, runs = toy(range(3)), Runs.grid(3, eta=(0.01,))
    alone = train(folds=folds, runs=runs.only(0, 2))
    real, poisoned = fewer.FewerProgram.start, []

    def start(self):
        bank = real(self)
        poisoned.append(True)
        bank["mu"][1, 0, 0] = math.nan
        return bank

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fewer.FewerProgram, "start", start)
        got = train(folds=folds, runs=runs)
    assert poisoned
    assert got.diverged == [0, 2, 0]
    assert got.stopped_epoch == [4, 2, 4]
    same({n: t[[0, 2]] for n, t in got.bank.items()}, alone.bank, **EXACT)


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
                ours = fewer.FewerProgram(METHODS["Ours"], folds, runs.of("Ours"), settings=settings, f=MLP((3, 6, 6)))
                stacks = ours.stacks()
                assert len(stacks) == threads
                assert sorted(torch.cat(stacks).tolist()) == [0, 1, 2, 3]
                trained.append(train(folds=folds, settings=settings))
                assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    same(trained[0].bank, trained[1].bank, **EXACT)
