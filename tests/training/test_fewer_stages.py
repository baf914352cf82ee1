"""FE's trainings in two stages, on numbers to predict, on real tables, and with anybody's module as f."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lib import data, metrics
from lib.methods import FE as METHODS
from lib.nets import Network
from lib.training import Runs, fewer
from lib.training.draws import Draws
from lib.training.fewer import Settings
from lib.training.fewer_fitted import Subject
from tests.training.fe import EXACT, SMALL, gradients, grid, last_bank, loss, module_net, same, stage1, step, toy, train

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


def test_what_builds_on_a_stage_one_that_diverged_says_so(monkeypatch):
    """Lost after an epoch was kept, so that nothing is wrong with stage 2 itself (FE-15, FE-16)."""
    real = fewer.FewerProgram.validate

    def validate(self, stack):
        if "S" not in self.state["bank"] and self.state["epoch"] == 4:
            self.state["bank"]["W"][1] = torch.nan
        return real(self, stack)

    monkeypatch.setattr(fewer.FewerProgram, "validate", validate)
    got = train("Pretrain", toy(range(2)))
    assert got.start.diverged == got.diverged == [0, 4]
    assert got.start.best_epoch[1] == 2
    assert all(t.isfinite().all() for t in got.bank.values())


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
