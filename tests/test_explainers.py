"""LIME and KernelSHAP: against scikit-learn, Captum and exact Shapley values; gradients in chunks and in part."""

import math
from fractions import Fraction
from itertools import product
from types import SimpleNamespace

import captum.attr
import pytest
import torch
from captum._utils.models.linear_model import SkLearnRidge
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from lib import explainers
from lib.nets import Classifier

few = settings(deadline=None, max_examples=25, derandomize=True)
KERNELS = {
    "L2": explainers.lime_kernel,
    "cosine": lambda Z: explainers.lime_kernel(Z, "cosine", 0.25),
    "Shapley": explainers.shapley_kernel,
    "unscaled": lambda Z: explainers.shapley_kernel(Z, scaled=False),
}


def double(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def generators(R, seed=0):
    return [torch.Generator().manual_seed(seed + r) for r in range(R)]


def toy(R=2, B=3, Q=5, C=3, M=12, samples=None, eps=0.01):
    """R small predictors, B inputs for each, masks and all else that an explanation needs, in float64."""
    f = Classifier((Q, 7, C))
    theta = {n: t.requires_grad_() for n, t in f.init(generators(R), torch.float64).items()}
    y = torch.randint(C, (R, B), generator=generators(1)[0])
    Z = explainers.draw_masks(M, Q, generators(R, 5), samples, torch.float64)
    P = explainers.projection(Z, explainers.lime_kernel(Z), eps)
    return SimpleNamespace(f=f, theta=theta, x=2 * double(0, R, B, Q), y=y, b=double(1, Q), Z=Z, P=P)


def explain(t, **options):
    return explainers.explain(t.f, t.theta, t.x, t.y, t.b, t.Z, t.P, **options)


def all_masks(Q):
    return torch.tensor(list(product((0.0, 1.0), repeat=Q)), dtype=torch.float64)


# --- Masks and kernels -----------------------------------------------------------------------------------------------


def test_masks_are_fair_coins_from_each_runs_own_generator():
    """Shared by a run's samples, or fresh for each (ID-12)."""
    Z = explainers.draw_masks(4000, 10, generators(3))
    assert Z.shape == (3, 4000, 10)
    assert set(Z.unique().tolist()) == {0, 1}
    assert (Z.mean(1) - 0.5).abs().max() < 0.04
    assert torch.equal(Z[1], explainers.draw_masks(4000, 10, generators(1, 1))[0])
    assert not torch.equal(Z[0], Z[1])
    fresh = explainers.draw_masks(40, 10, generators(2), samples=3)
    assert fresh.shape == (2, 3, 40, 10)
    assert not torch.equal(fresh[0, 0], fresh[0, 1])


@pytest.mark.parametrize("kind", ["L2", "cosine"])
def test_limes_kernel_in_plain_python(kind):
    """exp(-d^2 / (2 width^2)), d the distance from all ones: |1 - z| / sqrt(D), or 1 - cos (ID-12)."""
    Z = all_masks(5)
    for width in (0.25, 0.75):
        for z, k in zip(Z.tolist(), explainers.lime_kernel(Z, kind, width).tolist()):
            n = sum(z)
            d = math.dist(z, [1] * 5) / math.sqrt(5) if kind == "L2" else 1 - n / (math.sqrt(5) * math.sqrt(n or 1))
            assert k == pytest.approx(math.exp(-(d**2) / (2 * width**2)))


@pytest.mark.parametrize(("kind", "name"), [("L2", "euclidean"), ("cosine", "cosine")])
def test_limes_kernel_is_captums(kind, name):
    """Captum measures from the input itself: all ones, on a background of zeros; L2 without the 1/sqrt(D) (ID-12)."""
    Z, width = all_masks(6), 0.5
    theirs = captum.attr._core.lime.get_exp_kernel_similarity_function(name, width * (6**0.5 if kind == "L2" else 1))
    expected = [theirs(torch.ones(1, 6).double(), z[None], z[None]) for z in Z]
    assert explainers.lime_kernel(Z, kind, width).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("D", [2, 3, 8, 30, 76])
def test_shapley_weights_are_exact(D):
    """(D - 1) / (binom(D, n) n (D - n)) in whole numbers, up to 76 features (ID-12)."""
    Z = torch.tril(torch.ones(D + 1, D, dtype=torch.float64), -1)  # n = 0 ... D ones
    k = explainers.shapley_kernel(Z, scaled=False, whole=1e4)
    exact = [Fraction(D - 1, math.comb(D, n) * n * (D - n)) for n in range(1, D)]
    assert k[1:-1].tolist() == pytest.approx([float(w) for w in exact], rel=1e-11)
    assert k[0] == 0
    assert k[-1].item() == pytest.approx(1e4 * float(max(exact)))
    in_single = explainers.shapley_kernel(Z.float(), scaled=False)
    assert (in_single[1:] > 0).all()  # 1e-24 has its place in float32


@few
@given(st.integers(2, 76), st.integers(0, 99))
def test_scaled_shapley_weights_have_mean_one(D, seed):
    """Their ratios stay; all ones and all zeros do not count in the mean (ID-12)."""
    Z = explainers.draw_masks(20, D, generators(1, seed), dtype=torch.float64)[0]
    Z[0], Z[1], Z[2] = 1, 0, torch.arange(D) == 0
    k, plain = (explainers.shapley_kernel(Z, scaled) for scaled in (True, False))
    inner = (Z.sum(-1) > 0) & (Z.sum(-1) < D)
    assert k[inner].mean().item() == pytest.approx(1)
    assert torch.allclose(k / k[2], plain / plain[2])
    assert k[1] == 0


def test_masks_of_ones_and_zeros_alone_have_finite_weights():
    for Z in (torch.ones(3, 4), torch.zeros(3, 4), torch.tensor([[0.0], [1.0]]), torch.ones(1, 1)):
        assert explainers.shapley_kernel(Z).isfinite().all()
    Z = torch.tensor([[1.0, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]], dtype=torch.float64)
    whole, largest, _ = explainers.shapley_kernel(Z, scaled=False)
    assert whole.item() == pytest.approx(1000 * largest.item())


# --- The least squares -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("samples", [None, 3])
def test_contributions_are_scikit_learns_weighted_ridge(kernel, samples):
    """Ridge(alpha=eps, fit_intercept=False) with the kernel as weights, for every run and sample (ID-12)."""
    t, eps = toy(samples=samples), 0.03
    k = KERNELS[kernel](t.Z)
    P = explainers.projection(t.Z, k, eps)
    y_tilde = torch.rand(2, 3, 12, dtype=torch.float64, generator=generators(1)[0])
    phi = explainers.least_squares(P, y_tilde)
    assert phi.shape == (2, 3, 5)
    for r in range(2):
        for i in range(3):
            own = (r, i) if samples else (r,)
            ridge = Ridge(alpha=eps, fit_intercept=False).fit(t.Z[own], y_tilde[r, i], sample_weight=k[own])
            assert phi[r, i].tolist() == pytest.approx(ridge.coef_.tolist(), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_contributions_are_captums(kernel):
    """Captum's LimeBase with the same masks, weights and ridge, one sample at a time (ID-12)."""
    t = toy(R=1)
    k, eps = KERNELS[kernel](t.Z), 0.02
    t.P = explainers.projection(t.Z, k, eps)
    phi, _ = explain(t)

    def masks_in_turn(_, **options):
        yield from t.Z[0][:, None]

    def weight(original, perturbed, z, **options):
        return k[0, (t.Z[0] == z).all(1)][:1]

    lime = captum.attr.LimeBase(
        lambda x: t.f(t.theta, x[None])[0].softmax(1).detach(),
        SkLearnRidge(alpha=eps, fit_intercept=False),
        similarity_func=weight,
        perturb_func=masks_in_turn,
        perturb_interpretable_space=True,
        from_interp_rep_transform=lambda z, x, **options: z * x + (1 - z) * t.b,
        to_interp_rep_transform=None,
    )
    for i in range(3):
        theirs = lime.attribute(t.x[0, [i]], target=int(t.y[0, i]), n_samples=12)
        # Captum keeps its predictions and weights in single precision.
        assert phi[0, i].tolist() == pytest.approx(theirs.flatten().tolist(), abs=2e-4)


def shapley(v, Q):
    """Exact Shapley values of a game v(z), z a tuple of 0 and 1, from its definition."""
    values = [0.0] * Q
    for z in product((0, 1), repeat=Q):
        for q in (q for q in range(Q) if not z[q]):
            share = 1 / (Q * math.comb(Q - 1, sum(z)))
            values[q] += share * (v[(*z[:q], 1, *z[q + 1 :])] - v[z])
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("Q", [2, 3, 5, 8])
@pytest.mark.parametrize("scaled", [True, False])
def test_all_masks_give_shapley_values(Q, scaled):
    """On v(z) = f(x_z) - f(b): exact but for the finite weight of all ones and for eps (ID-12)."""
    t, Z = toy(R=1, B=2, Q=Q), all_masks(Q)[None]
    y_tilde = explainers.perturbed_probability(t.f, t.theta, t.x, t.y, t.b, Z).detach()
    from_background = y_tilde - y_tilde[..., :1]  # all zeros come first
    games = [dict(zip(product((0, 1), repeat=Q), own)) for own in from_background[0].tolist()]
    exact = torch.stack([shapley(game, Q) for game in games])
    errors = []
    for whole in (1e2, 1e4, 1e8):
        P = explainers.projection(Z, explainers.shapley_kernel(Z, scaled, whole), 1e-12)
        phi = explainers.least_squares(P, from_background)
        errors.append((phi[0] - exact).abs().max().item())
        # There is no intercept: the prediction at the background is shared out evenly, and the ranking stays.
        shared = explainers.least_squares(P, y_tilde) - y_tilde[..., :1] / Q
        assert torch.allclose(shared[0], exact, atol=10 / whole)
    assert errors[-1] < 1e-7
    assert Q == 2 or errors[1] < errors[0] / 50  # the error falls as 1 / whole
    assert torch.allclose(phi.sum(-1), from_background[..., -1], atol=1e-7)  # they add up to f(x) - f(b)


def test_a_linear_game_is_its_own_explanation():
    """Without eps, and whatever the kernel: y~ = Z w + nothing gives w (ID-12)."""
    Z, w = explainers.draw_masks(30, 6, generators(2), dtype=torch.float64), double(0, 2, 1, 6)
    for kernel in KERNELS.values():
        P = explainers.projection(Z, kernel(Z), 0.0)
        assert torch.allclose(explainers.least_squares(P, w @ Z.mT), w)


# --- Explaining a batch ----------------------------------------------------------------------------------------------


def by_hand(t, r, i, Z, kernel=explainers.lime_kernel, eps=0.01):
    """One sample's contributions and perturbed predictions by the printed formula."""
    rows = torch.stack([torch.where(z > 0, t.x[r, i], t.b) for z in Z])
    logits = (rows @ t.theta["W1"][r] + t.theta["b1"][r]).relu() @ t.theta["W"][r] + t.theta["b"][r]
    y_tilde = logits.softmax(1)[:, t.y[r, i]]
    K = torch.diag(kernel(Z))
    return torch.linalg.inv(Z.T @ K @ Z + eps * torch.eye(Z.shape[1])) @ Z.T @ K @ y_tilde, y_tilde


@pytest.mark.parametrize("samples", [None, 3])
@pytest.mark.parametrize("chunk", [None, 5])
def test_a_batch_is_explained_sample_by_sample(samples, chunk):
    """(Z^T K Z + eps I)^-1 Z^T K y~ for two runs and three samples, masks shared or fresh (ID-12)."""
    t = toy(samples=samples)
    phi, y_tilde = explain(t, chunk=chunk)
    for r in range(2):
        for i in range(3):
            expected, perturbed = by_hand(t, r, i, t.Z[r, i] if samples else t.Z[r])
            assert torch.allclose(phi[r, i], expected)
            assert torch.allclose(y_tilde[r, i], perturbed)


def test_superpixels_are_masked_whole_in_every_channel():
    """D = 4 patches of a 4 x 4 image with two channels: pixels take their patch's mask and contribution (ID-12)."""
    segments = torch.arange(2).repeat_interleave(2)
    segments = (2 * segments[:, None] + segments).flatten()  # 0011 0011 2233 2233
    x, Z, y, seen = double(0, 1, 2, 2, 4, 4), all_masks(4)[None], torch.zeros(1, 2, dtype=torch.int64), []

    def f(theta, x):
        seen.append(x)
        return x.flatten(2)[..., :3]

    y_tilde = explainers.perturbed_probability(f, {}, x, y, torch.zeros(2, 4, 4).double(), Z, segments)
    assert y_tilde.shape == (1, 2, 16)
    shown = seen[0].unflatten(1, (2, 16))
    for m, z in enumerate(Z[0]):
        for patch in range(4):
            rows, columns = slice(2 * (patch // 2), 2 * (patch // 2) + 2), slice(2 * (patch % 2), 2 * (patch % 2) + 2)
            kept = x[0, :, :, rows, columns] * z[patch]
            assert torch.equal(shown[0, :, m, :, rows, columns], kept)
    phi = double(1, 3, 4)
    pixels = explainers.expand(phi, segments).unflatten(-1, (4, 4))
    assert torch.equal(pixels[:, 3, 0], phi[:, 2])
    assert torch.equal(pixels[:, 0, 1], phi[:, 0])
    assert explainers.expand(phi, None) is phi


def test_a_prediction_that_does_not_move_is_shared_out_evenly():
    """y~ constant: every feature gets the same, and all together the prediction (ID-12)."""
    Z = all_masks(4)[None]
    P = explainers.projection(Z, explainers.shapley_kernel(Z, whole=1e9), 1e-10)
    phi = explainers.least_squares(P, torch.full((1, 1, 16), 0.6, dtype=torch.float64))
    assert phi.flatten().tolist() == pytest.approx([0.15] * 4)


# --- Gradients -------------------------------------------------------------------------------------------------------


def gradients(t, weight=None, **options):
    """Of a fixed number made of phi and y~, to every parameter."""
    phi, y_tilde = explain(t, **options)
    weight = double(7, *phi.shape) if weight is None else weight
    return torch.autograd.grad((weight * phi.square()).sum() + y_tilde.pow(3).sum(), list(t.theta.values()))


@pytest.mark.parametrize("samples", [None, 2])
def test_gradients_to_the_predictor_are_right(samples):
    """Against finite differences, to every parameter, all at once and in chunks (ID-12)."""
    t = toy(B=2, Q=3, M=6, samples=samples)
    for chunk in (None, 4):

        def phi(*tensors, chunk=chunk):
            theta = dict(zip(t.theta, tensors))
            return explain(SimpleNamespace(**vars(t) | {"theta": theta}), chunk=chunk)

        assert torch.autograd.gradcheck(phi, list(t.theta.values()))


@pytest.mark.parametrize("chunk", [1, 5, 12, 100])
@pytest.mark.parametrize("samples", [None, 3])
def test_the_gradient_in_chunks_is_the_direct_one(chunk, samples):
    """To 1e-10, for any number of masks at a time (ID-12)."""
    t = toy(samples=samples)
    for ours, direct in zip(gradients(t, chunk=chunk), gradients(t)):
        assert torch.allclose(ours, direct, rtol=0, atol=1e-10)


def test_chunks_bound_the_rows_in_memory():
    """No forward sees more than `chunk` masks of each sample, in either direction; nothing is kept between."""
    t, seen = toy(), []

    def f(theta, x):
        seen.append((x.shape[1], torch.is_grad_enabled()))
        return Classifier((5, 7, 3))(theta, x)

    t.f = f
    gradients(t, chunk=5)
    assert seen == [(15, False), (15, False), (6, False), (15, True), (15, True), (6, True)]


def test_frozen_parameters_take_no_gradient():
    t = toy()
    t.theta["W1"].requires_grad_(False)
    phi, _ = explain(t, chunk=4)
    phi.sum().backward()
    assert t.theta["W1"].grad is None
    assert t.theta["W"].grad.abs().sum() > 0


@pytest.mark.parametrize("samples", [None, 3])
def test_a_share_of_the_masks_gives_the_gradient_on_average(samples):
    """The forward is exact; the mean gradient of many draws is the direct one, to Monte Carlo error (ID-12)."""
    t, draws = toy(samples=samples), generators(2, 50)
    assert torch.equal(explain(t, keep=0.3, generators=draws)[0], explain(t, chunk=12)[0])
    flat = torch.stack([torch.cat([g.flatten() for g in gradients(t, keep=0.3, generators=draws)]) for _ in range(300)])
    direct = torch.cat([g.flatten() for g in gradients(t)])
    error = flat.std(0) / 300**0.5
    assert ((flat.mean(0) - direct).abs() < 5 * error + 1e-12).all()
    assert flat.std(0).max() > 1e-3  # there is noise to average


def test_important_masks_are_met_in_proportion():
    """n p_m times on average, so floor or ceil of it in each draw, and weights that undo it (ID-12)."""
    grad, Z = double(0, 1, 1, 10), torch.eye(10, dtype=torch.float64)[None]
    n, share = 4, grad[0, 0].abs() / grad.abs().sum()
    draw, met = generators(1), torch.zeros(10, dtype=torch.float64)
    for _ in range(500):
        own, weight = explainers._important(Z, grad, 0.4, draw)
        assert own.shape == (1, 1, n, 10)
        counts = own[0, 0].sum(0)
        assert (counts >= (n * share).floor()).all()
        assert (counts <= (n * share).ceil()).all()
        at = own[0, 0].argmax(-1)
        assert torch.allclose(weight[0, 0], grad[0, 0, at] / (n * share[at]))
        met += counts / 500
    assert torch.allclose(met, n * share, atol=0.12)


def test_a_share_of_masks_without_gradient_is_a_gradient_of_zero():
    _, weight = explainers._important(torch.eye(4)[None], torch.zeros(1, 2, 4), 0.5, generators(1))
    assert weight.tolist() == [[[0, 0], [0, 0]]]


# --- Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: explainers.draw_masks(0, 5, generators(1)), "M and D must be at least 1, got 0 and 5"),
        (lambda t: explainers.draw_masks(5, 0, generators(1)), "M and D must be at least 1, got 5 and 0"),
        (lambda t: explainers.lime_kernel(t.Z, width=0), "width must be positive, got 0"),
        (lambda t: explainers.lime_kernel(t.Z, width=math.nan), "width must be positive, got nan"),
        (lambda t: explainers.lime_kernel(t.Z, "L1"), "kind must be one of L2, cosine, got 'L1'"),
        (lambda t: explainers.projection(t.Z, t.Z.mean(-1), -0.1), "eps must be a finite .*at least 0, got -0.1"),
        (lambda t: explainers.projection(t.Z, t.Z.mean(-1), math.inf), "eps must be a finite .*got inf"),
        (lambda t: explain(t, keep=0.0), r"keep must be a share of the masks in \(0, 1\], got 0.0"),
        (lambda t: explain(t, keep=1.5), r"keep must be a share of the masks in \(0, 1\], got 1.5"),
        (lambda t: explain(t, keep=0.5), "generators must be one for each of 2 runs if keep < 1, got 0"),
        (lambda t: explain(t, chunk=0), "chunk must be at least 1, got 0"),
        (lambda t: explain(toy(R=1), chunk=-3), "chunk must be at least 1, got -3"),
        (
            lambda t: explain(SimpleNamespace(**vars(t) | {"Z": t.Z[:1]})),
            r"Z must be \(R, M, D\) or .*\(2, 3\) as in x, got \(1, 12",
        ),
        (
            lambda t: explain(SimpleNamespace(**vars(t) | {"P": t.P[..., :9]})),
            r"P must be \(R, D, M\) .*\(5, 12\) as in Z, got .* 9\)",
        ),
        (lambda t: explain(SimpleNamespace(**vars(t) | {"P": t.P[:, :4]})), r"P must be .*got \(2, 4, 12\)"),
        (lambda t: explain(SimpleNamespace(**vars(t) | {"P": t.P[:1]})), r"P must be .*got \(1, 5, 12\)"),
        (lambda t: explain(SimpleNamespace(**vars(t) | {"Z": t.Z[:, None]})), r"Z must be .*got \(2, 1, 12, 5\)"),
        (lambda t: explainers.projection(t.Z, torch.ones(12), 0.1), r"k must be .*\(2, 12\), got \(12,\)"),
        (
            lambda t: explain(SimpleNamespace(**vars(t) | {"b": t.b[:4]})),
            r"b must have the shape of one input, \(5,\), or of x",
        ),
        (lambda t: explain(SimpleNamespace(**vars(t) | {"x": t.x[..., :4]})), r"x must have .*with Q = 5, got"),
        (lambda t: explain(SimpleNamespace(**vars(t) | {"y": t.y[:, :2]})), r"y must be \(R, B\) = \(2, 3\), got"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(toy())


@pytest.mark.parametrize(
    "Z",
    [
        torch.ones(1, 3, 5),  # fewer masks than features
        torch.tensor([[[0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]]),  # a feature that is never kept
        torch.tensor([[[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]]),  # two that are never parted
    ],
)
def test_without_eps_the_masks_must_determine_the_contributions(Z):
    M, D = Z.shape[1:]
    with pytest.raises(ValueError, match=f"eps must be positive: {M} masks do not determine {D} contributions"):
        explainers.projection(Z, explainers.lime_kernel(Z), 0.0)
    assert explainers.projection(Z, explainers.lime_kernel(Z), 0.01).isfinite().all()
