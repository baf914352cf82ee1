"""ID's objective and its gradient, against loops, one graph and finite differences."""

import json
import math
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lib import explainers, masks
from lib.explainers import LIME, Attribution, KernelSHAP
from lib.methods import ID as METHODS
from lib.nets import Network
from lib.training import expo_step
from lib.training.expo import Settings
from tests.explainers import toy as toys
from tests.training.fe import EXACT
from tests.training.id import TEN, given, gradient, objective, setting, step, train


def by_hand(t, r, i, method, deletion="A", explainer=TEN, T=None, own=False):
    """One sample's terms by the paper's formulas: loops, logs and quotients of softmax outputs."""
    x, b, y, Z = t.x[r, i], t.b, t.y[r, i], t.Z[r, i if own else 0]

    def f(x):
        h = (x @ t.theta["W1"][r] + t.theta["b1"][r, 0]).relu()
        return (h @ t.theta["W"][r] + t.theta["b"][r, 0]).softmax(0)[y]

    p, total = f(x), -f(x).log()
    kernel = explainer.weights(Z) if method == "ID-ExpO" else explainers.lime_kernel(Z, "cosine", 0.25)
    phi, y_tilde = toys.by_hand(t, r, i, Z, lambda _: kernel)
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
    assert (len(drawn.unique(dim=0)) > 1) == (K < 4)  # each input's own start
    assert setting({}).drawn_steps(torch.Size((9,)), torch.Generator(), 7) is None


def test_the_floor_reaches_the_masks():
    """One far above every range is the temperature #phi / floor."""
    t = step(Q=9)
    assert torch.allclose(objective(t, floor=1e3), objective(t, T=9 / 1e3))
    assert not torch.allclose(objective(t, floor=1e3), objective(t))


def test_the_log_probability_of_an_explainer_is_not_computed_again():
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


@pytest.mark.parametrize("criterion", ["LIME", TEN, (TEN,)])
def test_a_criterion_is_an_explainer_and_a_share(criterion):
    with pytest.raises(ValueError, match=r"a criterion must be \(explainer, S\)"):
        train(criteria=[criterion])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(
            ({name: value}, f"{name} must be a whole number of at least 1, got {value}")
            for name in ("epochs", "patience", "check", "batch", "hidden", "draws", "chunk", "stack_rows")
            for value in (0, 2.5, True)
        ),
        ({"explainer": "SHAP"}, r"explainer must be an Explainer, as LIME\(\), got 'SHAP'"),
        ({"around": "LIME"}, "around must be a LIME, .* or None, got 'LIME'"),
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


def test_one_temperature_of_a_batch_is_that_of_no_sample():
    """Read off all its contributions, for each run; the same as if that number were given."""
    t = step()
    phi = TEN.explain(t.predictor, t.x, t.y, Z=t.Z).phi
    T = masks.batch_temperature(phi)
    ours = objective(t, T="batch")
    for r, own in enumerate(T.flatten().tolist()):
        torch.testing.assert_close(ours[r], objective(t, T=own)[r], **EXACT)
    assert not torch.allclose(ours, objective(t, T=None))


def test_what_no_gradient_passes_through_is_refused():
    expo_step.check_trainable(LIME())
    with pytest.raises(ValueError, match="explainer must be one that can be trained through, got Integrated Gradients"):
        expo_step.check_trainable(Attribution())
