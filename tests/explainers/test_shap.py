"""KernelSHAP: exact weights, and Shapley values from all masks."""

import math
from fractions import Fraction
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import explainers
from lib.explainers import KernelSHAP
from tests.explainers.toy import KERNELS, all_masks, double, drawn, toy

few = settings(max_examples=25, derandomize=True)


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


def test_masks_are_of_zeros_and_ones():
    with pytest.raises(ValueError, match="Z must be masks of zeros and ones"):
        explainers.shapley_kernel(all_masks(3) / 2)


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


def test_a_mask_of_ones_leaves_the_other_masks_their_weight():
    """With 64 features its weight would be 1e20 times theirs, and the sums in double precision would lose them."""
    D = 64
    Z = explainers.draw_masks(199, D, torch.Generator().manual_seed(0), dtype=torch.float64)
    Z, w = torch.cat([Z, torch.ones(1, D, dtype=torch.float64)]), torch.linspace(-1, 1, D, dtype=torch.float64)
    phi = explainers.projection(Z, explainers.shapley_kernel(Z), eps=1e-6) @ (Z @ w)
    torch.testing.assert_close(phi, w, atol=1e-3, rtol=0)
