"""FE in training: many steps against the chapter's, what programs start from and keep."""

from dataclasses import replace

import pytest
import torch

from lib import examples
from lib.methods import FE as METHODS
from lib.nets import MLP
from lib.training import Runs, fewer
from lib.training.draws import Draws
from tests import plain
from tests.training.fe import SMALL, chapter_model, last_bank, toy, train


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
        fewer.FewerProgram(
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


def test_rows_of_any_shape_are_flat_for_our_own_network():
    flat, shaped = toy(D=4), toy(D=4).shaped(1, 2, 2)
    torch.testing.assert_close(train(folds=flat).bank, train(folds=shaped).bank, rtol=0, atol=0)
