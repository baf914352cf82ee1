"""LIME and KernelSHAP: against scikit-learn, Captum and exact Shapley values; gradients in chunks and in part."""

import math
from dataclasses import replace
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
from lib.explainers import LIME, KernelSHAP
from lib.explainers.linear import important
from lib.nets import Classifier
from lib.predictor import Predictor

few = settings(deadline=None, max_examples=25, derandomize=True)
KERNELS = {
    "L2": LIME(),
    "cosine": LIME(kernel="cosine", width=0.25),
    "Shapley": KernelSHAP(),
    "unscaled": KernelSHAP(scaled=False),
}


def double(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def generators(R, seed=0):
    return [torch.Generator().manual_seed(seed + r) for r in range(R)]


class Toy(SimpleNamespace):
    """R small predictors, B inputs for each, and masks (R, 1, M, Q), or (R, B, M, Q) for samples, in float64."""

    @property
    def predictor(self):
        return Predictor(self.f, self.theta, self.b, stacked=True)

    def but(self, **change):
        return Toy(**vars(self) | change)


def toy(R=2, B=3, Q=5, C=3, M=12, samples=None):
    f = Classifier((Q, 7, C))
    theta = {n: t.requires_grad_() for n, t in f.init(generators(R), torch.float64).items()}
    y = torch.randint(C, (R, B), generator=generators(1)[0])
    Z = drawn(M, Q, R, 5, samples)
    return Toy(f=f, theta=theta, x=2 * double(0, R, B, Q), y=y, b=double(1, Q), Z=Z if samples else Z[:, None])


def drawn(M, D, R, seed=0, samples=None, dtype=torch.float64):
    """Masks for R runs, each from its own generator."""
    return torch.stack([explainers.draw_masks(M, D, g, rows=samples, dtype=dtype) for g in generators(R, seed)])


LIMES = LIME()


def explain(t, explainer=LIMES, u=None, **options):
    found = replace(explainer, **options).explain(t.predictor, t.x, t.y, Z=t.Z, u=u)
    return found.phi, found.y_tilde


def all_masks(Q):
    return torch.tensor(list(product((0.0, 1.0), repeat=Q)), dtype=torch.float64)


# --- Masks and kernels -----------------------------------------------------------------------------------------------


def test_masks_are_fair_coins_from_each_runs_own_generator():
    """Shared by a run's samples, or fresh for each (ID-12)."""
    Z = drawn(4000, 10, 3, dtype=torch.float32)
    assert Z.shape == (3, 4000, 10)
    assert set(Z.unique().tolist()) == {0, 1}
    assert (Z.mean(1) - 0.5).abs().max() < 0.04
    assert not torch.equal(Z[0], Z[1])
    fresh = explainers.draw_masks(40, 10, generators(1)[0], rows=3)
    assert fresh.shape == (3, 40, 10)
    assert not torch.equal(fresh[0], fresh[1])


def test_an_explainer_draws_for_all_inputs_or_for_each():
    """Masks have an axis for the inputs, 1 where they are shared; "u" only where backward needs it (ID-12)."""
    shape = torch.Size([6])
    shared, own = (LIME(M=4, fresh=fresh).draw(shape, generators(1)[0], rows=3) for fresh in (False, True))
    assert shared.keys() == own.keys() == {"Z"}
    assert shared["Z"].shape == (1, 4, 6)
    assert own["Z"].shape == (3, 4, 6)
    assert LIME(M=4, fresh=True).draw(shape, generators(1)[0])["Z"].shape == (1, 4, 6)
    assert LIME(M=4, keep=0.5).draw(shape, generators(1)[0], rows=3)["u"].shape == (3,)
    image = LIME(M=4, segments=(0, 0, 1, 1)).draw(torch.Size([3, 2, 2]), generators(1)[0])
    assert image["Z"].shape == (1, 4, 2)


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


@pytest.mark.parametrize("scaled", [True, False])
def test_weights_are_scaled_where_asked(scaled):
    Z = explainers.draw_masks(20, 6, torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(KernelSHAP(scaled=scaled).weights(Z), explainers.shapley_kernel(Z, scaled=scaled))
    assert not torch.equal(explainers.shapley_kernel(Z, scaled=True), explainers.shapley_kernel(Z, scaled=False))


@few
@given(st.integers(2, 76), st.integers(0, 99))
def test_scaled_shapley_weights_have_mean_one(D, seed):
    """Their ratios stay; all ones and all zeros do not count in the mean (ID-12)."""
    Z = drawn(20, D, 1, seed)[0]
    Z[0], Z[1], Z[2] = 1, 0, torch.arange(D) == 0
    k, plain = (explainers.shapley_kernel(Z, scaled=scaled) for scaled in (True, False))
    inner = (Z.sum(-1) > 0) & (Z.sum(-1) < D)
    assert k[inner].mean().item() == pytest.approx(1)
    assert torch.allclose(k / k[2], plain / plain[2])
    assert k[1] == 0


@pytest.mark.parametrize("D", [77, 1_000, 1_075, 1_200, 20_000])
def test_scaled_shapley_weights_of_many_features(D):
    """Ratios in whole numbers, in single precision too, where the weights themselves are 1e-6000 (ID-12)."""
    sizes = [D // 2, D // 2 + 3, D // 2 - 20]
    Z = torch.stack([(torch.arange(D) < n).double() for n in [*sizes, 0]])
    exact = [Fraction(1, math.comb(D, n) * n * (D - n)) for n in sizes]
    scale = sum(exact) / 3
    for k, rel in ((explainers.shapley_kernel(Z), 1e-9), (explainers.shapley_kernel(Z.float()), 1e-6)):
        assert k[:3].tolist() == pytest.approx([float(w / scale) for w in exact], rel=rel)
        assert k[3] == 0
    if D > 1_075:
        with pytest.raises(ValueError, match=f"scaled must be True for {D} features"):
            explainers.shapley_kernel(Z, scaled=False)


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
    k = KERNELS[kernel].weights(t.Z)
    P = explainers.projection(t.Z, k, eps=eps)
    y_tilde = torch.rand(2, 3, 12, dtype=torch.float64, generator=generators(1)[0])
    phi = explainers.least_squares(P, y_tilde)
    assert phi.shape == (2, 3, 5)
    for r in range(2):
        for i in range(3):
            own = r, i if samples else 0
            ridge = Ridge(alpha=eps, fit_intercept=False).fit(t.Z[own], y_tilde[r, i], sample_weight=k[own])
            assert phi[r, i].tolist() == pytest.approx(ridge.coef_.tolist(), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_contributions_are_captums(kernel):
    """Captum's LimeBase with the same masks, weights and ridge, one sample at a time (ID-12)."""
    t = toy(R=1)
    Z, k, eps = t.Z[0, 0], KERNELS[kernel].weights(t.Z)[0, 0], 0.02
    phi, _ = explain(t, KERNELS[kernel], eps=eps)

    def masks_in_turn(_, **options):
        yield from Z[:, None]

    def weight(original, perturbed, z, **options):
        return k[(Z == z).all(1)][:1]

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
    t, Z = toy(R=1, B=2, Q=Q), all_masks(Q)
    y_tilde = explainers.perturbed_probability(t.predictor, t.x, t.y, Z=Z).detach()
    from_background = y_tilde - y_tilde[..., :1]  # all zeros come first
    games = [dict(zip(product((0, 1), repeat=Q), own)) for own in from_background[0].tolist()]
    exact = torch.stack([shapley(game, Q) for game in games])
    errors = []
    for whole in (1e2, 1e4, 1e8):
        P = explainers.projection(Z, explainers.shapley_kernel(Z, scaled=scaled, whole=whole), eps=1e-12)
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
    Z, w = drawn(30, 6, 2), double(0, 2, 6)
    for explainer in KERNELS.values():
        P = explainers.projection(Z, explainer.weights(Z), eps=0.0)
        assert torch.allclose(explainers.least_squares(P, explainers.linear.product(Z, w)), w)


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
            expected, perturbed = by_hand(t, r, i, t.Z[r, i if samples else 0])
            assert torch.allclose(phi[r, i], expected)
            assert torch.allclose(y_tilde[r, i], perturbed)


def test_superpixels_are_masked_whole_in_every_channel():
    """D = 4 patches of a 4 x 4 image with two channels: pixels take their patch's mask and contribution (ID-12)."""
    segments = torch.arange(2).repeat_interleave(2)
    segments = (2 * segments[:, None] + segments).flatten()  # 0011 0011 2233 2233
    x, Z, y, seen = double(0, 2, 2, 4, 4), all_masks(4), torch.zeros(2, dtype=torch.int64), []

    def f(theta, x):
        seen.append(x)
        return x.flatten(1)[..., :3]

    predictor = Predictor(f, {}, torch.zeros(2, 4, 4).double())
    y_tilde = LIME(segments=tuple(segments.tolist())).explain(predictor, x, y, Z=Z).y_tilde
    assert y_tilde.shape == (2, 16)
    shown = seen[0].unflatten(0, (2, 16))
    for m, z in enumerate(Z):
        for patch in range(4):
            rows, columns = slice(2 * (patch // 2), 2 * (patch // 2) + 2), slice(2 * (patch % 2), 2 * (patch % 2) + 2)
            kept = x[:, :, rows, columns] * z[patch]
            assert torch.equal(shown[:, m, :, rows, columns], kept)
    phi = double(1, 3, 4)
    explainer, shape = LIME(segments=tuple(segments.tolist())), torch.Size([2, 4, 4])
    assert explainer.cells(shape) == 4
    pixels = explainer.expand(phi, shape).unflatten(-1, (4, 4))
    assert torch.equal(pixels[:, 3, 0], phi[:, 2])
    assert torch.equal(pixels[:, 0, 1], phi[:, 0])
    assert LIME().expand(phi, shape) is phi


def test_a_prediction_that_does_not_move_is_shared_out_evenly():
    """y~ constant: every feature gets the same, and all together the prediction (ID-12)."""
    Z = all_masks(4)[None]
    P = explainers.projection(Z, explainers.shapley_kernel(Z, whole=1e9), eps=1e-10)
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
            return explain(t.but(theta=theta), chunk=chunk)

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
    t, draw = toy(samples=samples), generators(1, 50)[0]
    us = [torch.rand(2, 3, generator=draw, dtype=torch.float64) for _ in range(300)]
    assert torch.equal(explain(t, keep=0.3, u=us[0])[0], explain(t, chunk=12)[0])
    flat = torch.stack([torch.cat([g.flatten() for g in gradients(t, keep=0.3, u=u)]) for u in us])
    direct = torch.cat([g.flatten() for g in gradients(t)])
    error = flat.std(0) / 300**0.5
    assert ((flat.mean(0) - direct).abs() < 5 * error + 1e-12).all()
    assert flat.std(0).max() > 1e-3  # there is noise to average


def test_important_masks_are_met_in_proportion():
    """n p_m times on average, so floor or ceil of it in each draw, and weights that undo it (ID-12)."""
    grad, Z = double(0, 1, 10), torch.eye(10, dtype=torch.float64)[None]
    n, share = 4, grad[0].abs() / grad.abs().sum()
    draw, met = generators(1)[0], torch.zeros(10, dtype=torch.float64)
    for _ in range(500):
        own, weight = important(Z, grad, torch.rand(1, generator=draw, dtype=torch.float64), keep=0.4)
        assert own.shape == (1, n, 10)
        counts = own[0].sum(0)
        assert (counts >= (n * share).floor()).all()
        assert (counts <= (n * share).ceil()).all()
        at = own[0].argmax(-1)
        assert torch.allclose(weight[0], grad[0, at] / (n * share[at]))
        met += counts / 500
    assert torch.allclose(met, n * share, atol=0.12)


def test_a_share_of_masks_without_gradient_is_a_gradient_of_zero():
    _, weight = important(torch.eye(4), torch.zeros(2, 4), torch.rand(2).double(), keep=0.5)
    assert weight.tolist() == [[0, 0], [0, 0]]


# --- Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: explainers.draw_masks(0, 5, generators(1)[0]), "M and D must be at least 1, got 0 and 5"),
        (lambda t: explainers.draw_masks(5, 0, generators(1)[0]), "M and D must be at least 1, got 5 and 0"),
        (lambda t: explainers.lime_kernel(t.Z, width=0), "width must be positive, got 0"),
        (lambda t: explainers.lime_kernel(t.Z, width=math.nan), "width must be positive, got nan"),
        (lambda t: explainers.lime_kernel(t.Z, "L1"), "kind must be one of L2, cosine, got 'L1'"),
        (lambda t: explainers.projection(t.Z, t.Z.mean(-1), eps=-0.1), "eps must be a finite .*at least 0, got -0.1"),
        (lambda t: explainers.projection(t.Z, t.Z.mean(-1), eps=math.inf), "eps must be a finite .*got inf"),
        (lambda t: explain(t.but(Z=t.Z / 2)), "Z must be masks of zeros and ones"),
        (lambda t: explain(t.but(Z=t.Z * math.nan)), "Z must be masks of zeros and ones"),
        (lambda t: explainers.projection(t.Z, torch.ones(12), eps=0.1), r"k must be .*\(2, 1, 12\), got \(12,\)"),
        (lambda t: explain(t, keep=0.0), r"keep must be a share of the masks in \(0, 1\], got 0.0"),
        (lambda t: explain(t, keep=1.5), r"keep must be a share of the masks in \(0, 1\], got 1.5"),
        (lambda t: explain(t, keep=0.5), "u must be a uniform number for each input where keep is 0.5, got None"),
        (lambda t: explain(t, chunk=0), "chunk must be a whole number of at least 1, got 0"),
        (lambda t: LIME(M=0), "M must be a whole number of at least 1, got 0"),
        (lambda t: LIME(M=True), "M must be a whole number of at least 1, got True"),
        (lambda t: LIME(M=2.0), "M must be a whole number of at least 1, got 2.0"),
        (lambda t: LIME(M="many"), "M must be a whole number of at least 1, got 'many'"),
        (lambda t: LIME(eps="small"), "eps must be a finite number of at least 0, got 'small'"),
        (lambda t: LIME(kernel="L1"), "kernel must be one of L2, cosine, got 'L1'"),
        (lambda t: LIME(width=0), "width must be a finite number above 0, got 0"),
        (lambda t: LIME(segments=(0, 2)), "segments must number the superpixels 0, 1, 2, ... without a gap"),
        (lambda t: explainers.named("GradCAM2"), "explainer must be one of LIME, KernelSHAP.*, got 'GradCAM2'"),
        (
            lambda t: explain(t.but(Z=t.Z.repeat(1, 2, 1, 1))),
            r"Z must be \(M, 5\) or .*\(2, 3, 'M', 5\), got \(2, 2, 12, ",
        ),
        (lambda t: explain(t.but(Z=t.Z[..., :4])), r"Z must be \(M, 5\) .*got \(2, 1, 12, 4\)"),
        (lambda t: explain(t.but(Z=t.Z[:, 0])), r"Z must be .*got \(2, 12, 5\)"),
        (lambda t: explain(t.but(b=t.b[:4])), r"x must end in the axes of one input, \(4,\), got \(2, 3, 5\)"),
        (lambda t: explain(t.but(x=t.x[..., :4])), r"x must end in the axes of one input, \(5,\), got \(2, 3, 4\)"),
        (lambda t: explain(t.but(y=t.y[:, :2])), r"y must be a label for each input, \(2, 3\), got \(2, 2\)"),
        (lambda t: t.predictor.logits(t.x[0, 0]), r"x must end in the axes .* \(5,\), got \(5,\)"),
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
        explainers.projection(Z, explainers.lime_kernel(Z), eps=0.0)
    assert explainers.projection(Z, explainers.lime_kernel(Z), eps=0.01).isfinite().all()


# --- Changed for an ablation -----------------------------------------------------------------------------------------


def changed(explainer, rows=5, D=6):
    """What it gives for some rows of a small network, and the network's parameters."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(D, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).double()
    x, y = torch.randn(rows, D, dtype=torch.float64), torch.arange(rows) % 3
    predictor = Predictor.of(module, torch.zeros(D, dtype=torch.float64))
    drawn = explainer.draw(torch.Size([D]), torch.Generator().manual_seed(1), rows=rows, dtype=torch.float64)
    return explainer.explain(predictor, x, y, **drawn), list(module.parameters())


def test_constant_contributions_are_the_same_without_their_gradient():
    own, _ = changed(LIME(M=20))
    constant, theta = changed(explainers.Constant(LIME(M=20)))
    assert torch.equal(constant.phi, own.phi.detach())
    assert not constant.phi.requires_grad
    assert any(g.any() for g in torch.autograd.grad(constant.y_tilde.sum(), theta, allow_unused=True) if g is not None)


def test_shuffled_contributions_are_the_same_in_another_order_for_each_row():
    own, _ = changed(LIME(M=20))
    shuffled, _ = changed(explainers.Shuffled(LIME(M=20)))
    assert torch.equal(shuffled.phi.sort(-1).values, own.phi.sort(-1).values)
    moved = [(a[:, None] == b).nonzero()[:, 1].tolist() for a, b in zip(own.phi, shuffled.phi)]
    assert len(set(map(tuple, moved))) > 1
    assert shuffled.phi.requires_grad
