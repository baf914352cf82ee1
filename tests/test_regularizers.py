"""Regularisers: numbers by hand, loops in plain Python, and gradients against finite differences."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from lib import explainers, masks, regularizers
from lib.nets import log_probability
from lib.predictor import Predictor
from lib.regularizers import Path
from tests.explainers.toy import double, drawn, explain, toy


def hand(whole=0.8, inserted=(0.5, 0.25), deleted=(0.4, 0.1)):
    return Path(*(torch.tensor(p, dtype=torch.float64).log() for p in (whole, inserted, deleted)))


def path(t, phi, s=(1, 2, 4), T=1.7, theta=None):
    predictor = t.predictor.at(theta or t.theta)
    return regularizers.follow(predictor, t.x, t.y, r=masks.soft_mask(phi, s, T))


def test_insertion_is_the_mean_cross_entropy_along_the_path():
    """-(log 1/2 + log 1/4) / 2 (ID-9)."""
    assert regularizers.insertion(hand()).item() == pytest.approx(1.5 * math.log(2))


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("A", -(math.log(0.8 / 0.4) + math.log(0.8 / 0.1)) / 2),
        ("B", (math.log(0.4) + math.log(0.1)) / 2),
        ("C", -(math.log(0.6) + math.log(0.9)) / 2),
    ],
)
def test_the_three_forms_of_deletion(form, expected):
    """The ratio, the log-probability and the complement, on numbers done by hand (ID-10, ID-A1 to ID-A3)."""
    assert regularizers.deletion(hand(), form).item() == pytest.approx(expected, rel=1e-5)


def test_the_first_form_is_the_papers():
    """Without a name the ratio, which counts f(x)_y: the others do not see it (ID-10, ID-A1)."""
    assert regularizers.deletion(hand()) == regularizers.deletion(hand(), "A")
    more = hand(whole=0.9)
    assert regularizers.deletion(more, "A") < regularizers.deletion(hand(), "A")
    for form in "BC":
        assert regularizers.deletion(more, form) == regularizers.deletion(hand(), form)


@pytest.mark.parametrize("form", regularizers.DELETIONS)
def test_deletion_rewards_a_fall(form):
    """Each form is lower where the probability left after deletion is (ID-A1 to ID-A3)."""
    values = [regularizers.deletion(hand(deleted=(p, p)), form).item() for p in (0.9, 0.5, 0.1, 0.01)]
    assert values == sorted(values, reverse=True)


def test_certainty_after_deletion_is_finite():
    """log(1 - f) at f = 1, in single precision too, with a gradient (ID-A3)."""
    for dtype in (torch.float32, torch.float64):
        log_p = torch.zeros(1, dtype=dtype, requires_grad=True)
        omega = regularizers.deletion(Path(log_p, log_p, log_p), "C")
        omega.backward()
        assert omega.isfinite()
        assert omega > 80
        assert log_p.grad.isfinite().all()


def test_the_third_form_pushes_in_single_precision():
    """The slope of -log(1 - f) in the log-odds is f, also where float32 cannot tell f from 1 (ID-A3)."""
    u = torch.linspace(-20, 80, 101, requires_grad=True)
    log_p = log_probability(torch.stack([u, 0 * u], -1), torch.tensor(0))[:, None]
    regularizers.deletion(Path(log_p, log_p, log_p), "C").sum().backward()
    assert torch.allclose(u.grad, u.detach().sigmoid(), rtol=1e-4, atol=1e-6)


def test_the_path_is_the_samples_own_in_a_plain_loop():
    """log f(.)_y of x, and with each mask inserted and deleted, one forward each (ID-7 to ID-10)."""
    t, s = toy(), (1, 3)
    phi = double(3, 2, 3, 5)
    got = path(t, phi, s)
    for r in range(2):
        theta = {n: v[[r]] for n, v in t.theta.items()}
        for i in range(3):

            def log_f(x, theta=theta, y=t.y[r, i]):
                return t.f(theta, x[None, None])[0, 0].log_softmax(0)[y]

            x, b = t.x[r, i], t.b
            assert torch.allclose(got.whole[r, i], log_f(x))
            for k, n in enumerate(s):
                t_s = phi[r, i].sort(descending=True).values[n - 1 : n + 1].mean()
                a = torch.sigmoid(1.7 * (phi[r, i] - t_s))
                assert torch.allclose(got.inserted[r, i, k], log_f(a * x + (1 - a) * b))
                assert torch.allclose(got.deleted[r, i, k], log_f(a * b + (1 - a) * x))


def test_images_take_the_same_path():
    """A network that adds up a pixel's channels sees, on one path, what it sees on the other (ID-9, ID-10)."""
    x, b, W = double(0, 1, 3, 2, 2, 3), double(1, 2, 2, 3), double(2, 6, 3)
    phi, y = double(3, 1, 3, 6), torch.tensor([[0, 1, 2]])
    r = masks.soft_mask(phi, [1, 2, 4])
    images = Predictor(lambda _, x: x.sum(1).flatten(1) @ W, {}, b)
    vectors = Predictor(lambda _, x: x @ W, {}, b.sum(0).flatten())
    of_images = regularizers.follow(images, x, y, r=r)
    of_vectors = regularizers.follow(vectors, x.sum(2).flatten(2), y, r=r)
    for one, other in zip(of_images, of_vectors):
        assert torch.allclose(one, other)


# --- Gradients -------------------------------------------------------------------------------------------------------

BOTH = [(regularizers.insertion, {}), *((regularizers.deletion, {"form": form}) for form in regularizers.DELETIONS)]


@pytest.mark.parametrize(("omega", "options"), BOTH)
def test_gradients_to_the_explanation_are_right(omega, options):
    """To phi, through masks and thresholds, T given, against finite differences (ID-9, ID-10, ID-A1 to ID-A3)."""
    t, phi = toy(), double(3, 2, 3, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda phi: omega(path(t, phi), **options), phi)


@pytest.mark.parametrize(("omega", "options"), BOTH)
def test_gradients_to_the_predictor_are_right(omega, options):
    """To theta, the explanation held fixed (ID-9, ID-10, ID-A1 to ID-A3)."""
    t = toy(B=2, Q=4)
    phi = double(3, 2, 2, 4)
    assert torch.autograd.gradcheck(
        lambda *tensors: omega(path(t, phi, (1, 3), theta=dict(zip(t.theta, tensors))), **options),
        list(t.theta.values()),
    )


@pytest.mark.parametrize(("omega", "options"), BOTH)
def test_the_own_temperature_pulls_like_a_fixed_one(omega, options):
    """T is read off phi and takes no gradient: the same numbers as constants give the same gradient (ID-9, ID-10)."""
    t, phi = toy(), double(3, 2, 3, 5).requires_grad_()
    own, given = (
        torch.autograd.grad(omega(path(t, phi, T=T), **options).sum(), phi)[0] for T in (None, masks.temperature(phi))
    )
    assert torch.equal(own, given)
    assert own.abs().sum() > 0


# --- Size, fidelity, stability ---------------------------------------------------------------------------------------


def test_size_is_the_squared_length():
    assert regularizers.size(torch.tensor([[3.0, 4.0], [0.0, -2.0]])).tolist() == [25, 4]


@pytest.mark.parametrize("samples", [None, 3])
def test_fidelity_and_stability_are_their_sums(samples):
    """K_mm (y~_m - phi^T z_m)^2, and K_mm (y~_m - f(x)_y)^2, added up in loops, over M (ID-A4, ID-A5)."""
    t = toy(samples=samples)
    k = explainers.lime_kernel(t.Z, "cosine", 0.25)
    phi, y_tilde = explain(t)
    p = log_probability(t.f(t.theta, t.x), t.y).exp()
    fidelity = regularizers.fidelity(y_tilde, phi, Z=t.Z, k=k)
    stability = regularizers.stability(y_tilde, p, k=k)
    assert fidelity.shape == stability.shape == (2, 3)
    for r in range(2):
        for i in range(3):
            own = r, i if samples else 0
            by_masks = [(k[own][m], y_tilde[r, i, m], phi[r, i] @ t.Z[own][m]) for m in range(12)]
            assert fidelity[r, i].item() == pytest.approx(sum(w * (y - g) ** 2 for w, y, g in by_masks).item() / 12)
            expected = sum(w * (y - p[r, i]) ** 2 for w, y, _ in by_masks).item() / 12
            assert stability[r, i].item() == pytest.approx(expected)


def test_lime_minimises_fidelity():
    """With its own kernel and no eps, any other phi fits the predictions worse (ID-A4)."""
    t = toy()
    k = explainers.lime_kernel(t.Z)
    phi, y_tilde = explain(t, eps=0.0)
    best = regularizers.fidelity(y_tilde, phi, Z=t.Z, k=k)
    for seed in range(5):
        assert (regularizers.fidelity(y_tilde, phi + 0.01 * double(seed, *phi.shape), Z=t.Z, k=k) > best).all()


def test_stability_moves_the_prediction_too():
    """Its slope in f(x)_y is that of the sum (ID-A5)."""
    y_tilde, p, k = (torch.rand(size, dtype=torch.float64) for size in ((3, 5), (3,), (5,)))
    p.requires_grad_()
    (slope,) = torch.autograd.grad(regularizers.stability(y_tilde, p, k=k).sum(), p)
    assert torch.allclose(slope, -2 * (k * (y_tilde - p[:, None])).mean(-1))


def test_fidelity_and_stability_vanish_where_they_should():
    """A linear game is explained without loss, and a constant prediction is stable (ID-A4, ID-A5)."""
    Z = drawn(9, 4, 2)[:, None]
    k, phi = explainers.lime_kernel(Z), double(0, 2, 3, 4)
    assert regularizers.fidelity(phi @ Z[:, 0].mT, phi, Z=Z, k=k).abs().max() < 1e-28
    p = torch.rand(2, 3, dtype=torch.float64)
    assert regularizers.stability(p[..., None].expand(-1, -1, 9), p, k=k).abs().max() == 0


@pytest.mark.parametrize("form", ["D", "a", "", None])
def test_an_unknown_form_is_named(form):
    with pytest.raises(ValueError, match=f"form must be one of A, B, C, got {form!r}"):
        regularizers.deletion(hand(), form)


@pytest.mark.parametrize(
    ("x", "b", "message"),
    [
        ((2, 3, 4), (5,), r"x must have .*with Q = 5, got \(2, 3, 4\)"),
        ((2, 4, 5), (5,), r"x must have .*got \(2, 4, 5\)"),
        ((2, 3, 5), (6,), r"b must have the shape of one input, \(5,\), or of x, got \(6,\)"),
    ],
)
def test_wrong_shapes_are_named(x, b, message):
    t, r = toy(), masks.top_mask(torch.zeros(2, 3, 5), [1])
    with pytest.raises(ValueError, match=message):
        regularizers.follow(t.but(b=torch.zeros(b)).predictor, torch.zeros(x), t.y, r=r)


def test_augmentation_is_the_cross_entropy_of_masked_inputs():
    """The mean over masks of -log y~, finite where a probability has underflowed."""
    logits, y = (
        torch.randn(3, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)),
        torch.tensor([1, 3, 0]),
    )
    y_tilde = logits.softmax(-1)[torch.arange(3), :, y]
    theirs = cross_entropy(logits.flatten(0, 1), y.repeat_interleave(7), reduction="none").view(3, 7).mean(1)
    assert torch.allclose(regularizers.augmentation(y_tilde), theirs)
    assert regularizers.augmentation(torch.zeros(2)).isfinite()
