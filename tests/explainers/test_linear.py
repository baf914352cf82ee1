"""The least squares of LIME and KernelSHAP, on batches, in chunks, and its gradients."""

import math

import captum.attr
import pytest
import torch
from captum._utils.models.linear_model import SkLearnRidge
from sklearn.linear_model import Ridge

from lib import explainers
from lib.explainers import LIME
from lib.explainers.linear import important
from lib.nets import Classifier
from lib.predictor import Predictor
from tests.explainers.toy import KERNELS, all_masks, by_hand, double, drawn, explain, generators, toy

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


def test_what_is_drawn_comes_from_the_generator_alone():
    one, other = (
        LIME(M=9, keep=0.5).draw(torch.Size([6]), torch.Generator().manual_seed(0), rows=4, dtype=torch.float64)
        for _ in range(2)
    )
    assert all(torch.equal(one[name], other[name]) for name in ("Z", "u"))


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


def test_a_mask_of_all_ones_leaves_single_precision_its_digits():
    """Its weight is ten million times the others': the system is solved in float64 (ID-12)."""
    Z = torch.cat([torch.ones(1, 20), explainers.draw_masks(399, 20, generators(1)[0])])
    single, double = (explainers.projection(own, explainers.shapley_kernel(own), eps=0.01) for own in (Z, Z.double()))
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-6)


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


# --- Explaining a batch ----------------------------------------------------------------------------------------------


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


def test_a_parameter_that_is_not_used_has_a_gradient_of_zero_in_chunks_too():
    t = toy()
    t.theta["idle"] = torch.ones(3, dtype=t.x.dtype, requires_grad=True)
    phi, _ = explain(t, chunk=4)
    found = torch.autograd.grad(phi.sum(), [t.theta["idle"], t.theta["W"]], materialize_grads=True)
    assert not found[0].any()
    assert found[1].any()


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
        (lambda t: LIME(segments=(0, 2)), "segments must number the superpixels 0, 1, 2, ... without a gap"),
        *(
            (lambda t, of=of: LIME(segments=of), "segments must be a tuple of each pixel's superpixel, .*got")
            for of in (3, (), [0, 1], "01", (0.0, 1.0))
        ),
        (lambda t: LIME(segments=(0, 0, 1)).cells(torch.Size([5])), "segments must number each of 5 pixels, got 3 num"),
        (lambda t: explainers.named("LIME", m=3), "an option of LIME must be one of M, .*width, got m"),
        (lambda t: explainers.named("GradCAM2"), "explainer must be one of LIME, KernelSHAP.*, got 'GradCAM2'"),
        (
            lambda t: explain(t.but(Z=t.Z.repeat(1, 2, 1, 1))),
            r"Z must be \(M, 5\) or .*\(2, 3, 'M', 5\), got \(2, 2, 12, ",
        ),
        (lambda t: explain(t.but(Z=t.Z[..., :4])), r"Z must be \(M, 5\) .*got \(2, 1, 12, 4\)"),
        (lambda t: explain(t.but(Z=t.Z[:, 0])), r"Z must be .*got \(2, 12, 5\)"),
        (lambda t: explain(t.but(b=t.b[:4])), r"x must end in the axes of one input, \(4,\), got \(2, 3, 5\)"),
        (lambda t: explain(t.but(x=t.x[..., :4])), r"x must end in the axes of one input, \(5,\), got \(2, 3, 4\)"),
        (
            lambda t: explain(t.but(y=t.y[:, :2])),
            r"y must be an integer label for each input, \(2, 3\), got .* \(2, 2\)",
        ),
        (lambda t: explain(t.but(y=t.y.double())), "y must be an integer label for each input, .* got torch.float64"),
        (lambda t: explain(t.but(y=t.y + 3)), "y must be classes 0 to 2, got 3"),
        (lambda t: explain(t.but(y=t.y - 3), chunk=5), "y must be classes 0 to 2, got -3 to"),
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
