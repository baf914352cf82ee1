"""ID in training: torch's steps, whole programs and what they keep, anybody's module and explainer."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from lib import data, explainers, masks, metrics
from lib.explainers import LIME, Explained, Explainer, KernelSHAP
from lib.methods import ID as METHODS
from lib.nets import Classifier, Network
from lib.predictor import Predictor
from lib.training import Runs, expo, expo_step, fit
from lib.training.expo import Settings
from tests.explainers import toy as toys
from tests.training.fe import EXACT, last_bank, same, toy
from tests.training.id import HYPER, SMALL, TEN, grid, module, one_run, pretrain, setting, table, train


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


STILL = 1e-300  # a learning rate at which nothing moves


# --- The optimiser ---------------------------------------------------------------------------------------------------


def test_steps_are_torchs_sgd():
    """Nesterov, momentum and weight decay over several steps, a learning rate for each run."""
    lr, start = torch.tensor([0.1, 0.01], dtype=torch.float64), toys.double(0, 2, 3, 4)
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


def test_training_starts_from_the_pretrained_predictors(tmp_path):
    """Each run from its own split's and seed's; without a step nothing moves."""
    folds, runs = table(), Runs(fold=(1, 0, 1), lam=(0.1,) * 3, lr=(STILL,) * 3, seed=(1, 0, 0))
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
    still = grid(method, 2, lam=(0.1, 0.01), lr=(STILL,))
    one, two = (train(method, folds, still, start, s) for s in (plain, mixed))
    for kind in ("scores", "curves"):
        same(getattr(one, kind), getattr(two, kind))
    assert np.array_equal(one.history["measure"], two.history["measure"])


def test_pretraining_takes_its_learning_rate():
    got = fit("pretrained", table((0,)), Runs.grid(1, lr=(0.05, 0.01)), settings=SMALL, progress=False)
    assert not torch.allclose(got.bank["W"][0], got.bank["W"][1])


def test_pretraining_keeps_the_epoch_of_the_best_validation_accuracy():
    start = pretrain(table())
    assert np.array_equal(start.history["measure"][..., 0].max(0), start.scores["val_accuracy"][:, 0])


def test_a_checkpoint_from_other_predictors_or_of_another_background_is_refused(tmp_path):
    start = pretrain(table())
    moved = replace(start, bank={n: t + 1e-9 for n, t in start.bank.items()})
    train(start=start, checkpoint=tmp_path / "c")
    for other in ({"start": moved}, {"start": start, "background": torch.ones(5)}):
        with pytest.raises(ValueError, match="belongs to another configuration"):
            train(**other, checkpoint=tmp_path / "c")


def test_an_epoch_is_measured_by_each_criterion_with_its_splits_own_masks():
    """Each explainer's curves up to each S, masks seeded by the split's number, accuracy weighed by eta (ID-15)."""
    folds, settings = table((3, 5), rows=60), replace(SMALL, epochs=1, eta=1.3)
    criteria = ((TEN, 0.25), (TEN, 0.75), (KernelSHAP(M=10), 0.5))
    got = train("CE-only", folds, Runs.grid(2), pretrain(folds), settings, criteria=criteria)
    for r, (v, (explainer, S)) in itertools.product((0, 1), enumerate(criteria)):
        model, x = got.run(r, v), folds.x_val[r]
        y, s = model.predict(x).argmax(-1), masks.steps(5, S)
        curves = metrics.curves(model.predictor, x, y, phi=model.explain(x, explainer), s=s)
        accuracy = metrics.accuracy(model.predict(x), folds.y_val[r])
        score = metrics.valscore(accuracy, curves.inserted.mean(), curves.deleted.mean(), eta=1.3)
        assert got.history["measure"][0, r, v] == pytest.approx(score.item(), abs=1e-9)


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


@pytest.mark.parametrize("method", METHODS)
def test_a_module_is_fine_tuned_from_where_it_stands(method, tmp_path):
    """start=None: its own parameters; what the user passed stays as it was (ID-11)."""
    f = module()
    own = {n: t.clone() for n, t in f.module.state_dict().items()}
    runs, folds = grid(method, 1, lam=(0.1,), lr=(0.05,)), table((0,))
    still = train(method, folds, replace(runs, lr=(STILL,)), None, f=f)
    torch.testing.assert_close(still.bank["0.weight"][0, 0], own["0.weight"].double())
    got = train(method, folds, runs, None, f=f, checkpoint=tmp_path / "c")
    assert not torch.equal(last_bank(tmp_path / "c")["0.weight"][0], own["0.weight"].double())
    same(f.module.state_dict(), own)
    assert got.run().explain(folds.x_test[0]).shape == (len(folds.x_test[0]), 5)


def test_a_module_goes_on_from_where_it_was_pretrained():
    """f is the start's own, whether it is named again or not; a classifier does not go on from it."""
    folds, runs = table((0,)), Runs.grid(1, lam=(0.1,), lr=(STILL,))
    start = pretrain(folds, f=module())
    for f in (None, start.f):
        assert torch.equal(train("ID-ExpO", folds, runs, start, f=f).bank["0.weight"], start.bank["0.weight"])
    with pytest.raises(ValueError, match=r"start must have the network of .*, Classifier\(\(5, 6, 3\)\), got Network"):
        train("ID-ExpO", folds, runs, start, f=Classifier((5, 6, 3)))


def test_a_module_may_take_pictures():
    folds = toy((0,), rows=40, D=8).shaped(2, 2, 2)
    net = nn.Sequential(nn.Conv2d(2, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4, 3))
    got = train("ID-ExpO", folds, Runs.grid(1, lam=(0.1,)), None, f=Network(net), background=torch.zeros(2, 2, 2))
    assert got.run().explain(folds.x_test[0]).shape == (len(folds.x_test[0]), 4)  # a contribution a pixel
    assert got.curves["insertion"].shape == (1, 1, 4)
