"""Gates: a clamped Gaussian, whose shares and means are known in closed form and can be counted."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from lib import gates

few = settings(max_examples=40, derandomize=True)
centres, spreads = st.floats(-3, 3), st.floats(0.05, 3)
DRAWS = 200_000


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def draw(mu, sigma, seed=0):
    eps = torch.randn(DRAWS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return gates.sample(torch.full((DRAWS,), mu, dtype=torch.float64), sigma * eps)


@few
@given(centres, centres)
def test_a_gate_is_its_noisy_centre_held_in_the_unit_interval(mu, eps):
    """z = max(0, min(1, mu + eps)) (FE-8)."""
    assert gates.sample(double(mu), double(eps)).item() == max(0.0, min(1.0, mu + eps))


def test_a_gate_passes_its_gradient_only_where_it_is_neither_shut_nor_full():
    """dz/dmu is 1 between 0 and 1, and 0 beyond (FE-8)."""
    mu = double(-2.0, 0.2, 0.9, 2.0).requires_grad_()
    gates.sample(mu, double(0.5, 0.1, -0.2, 0.5)).sum().backward()
    assert mu.grad.tolist() == [0, 1, 1, 0]


def test_gated_influence_is_the_entrywise_product():
    """A = Z * S, with gradients to both factors (FE-7)."""
    Z, S = (torch.rand(2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    A = gates.gated(Z, S)
    assert np.array_equal(A.detach(), Z.detach().numpy() * S.detach().numpy())
    assert torch.autograd.gradcheck(gates.gated, (Z, S))
    assert gates.gated(double(0, 1), double(3, 3)).tolist() == [0, 3]  # a shut gate removes, a full one keeps


@pytest.mark.parametrize(("mu", "sigma"), [(-1.0, 0.5), (-0.2, 0.5), (0.0, 2.0), (0.5, 0.5), (0.9, 0.3), (0.5, 2.0)])
def test_shares_and_means_are_those_counted_in_draws(mu, sigma):
    """Phi(mu / sigma) is the share of open gates, and the exact mean their average, by Monte Carlo (FE-9)."""
    z = draw(mu, sigma)
    p = gates.open_probability(double(mu), sigma).item()
    assert abs((z > 0).double().mean().item() - p) < 5 * math.sqrt(p * (1 - p) / DRAWS)
    assert abs(z.mean() - gates.exact_mean(double(mu), sigma).item()) < 5 * z.std() / math.sqrt(DRAWS)


@few
@given(centres, spreads)
def test_open_probability_is_the_normal_distribution_function(mu, sigma):
    """One term of the sum is Phi(mu / sigma), rising with mu from 0 to 1 (FE-9)."""
    p = gates.open_probability(double(mu, mu + 0.1, -mu), sigma).tolist()
    assert p[0] == pytest.approx(stats.norm.cdf(mu / sigma), abs=1e-12)
    assert p[0] <= p[1]
    assert p[0] + p[2] == pytest.approx(1)  # as many are open at mu as are shut at -mu


def test_expected_open_counts_the_gates_of_each_run():
    """The sum runs over examples and classes, and keeps runs apart (FE-9)."""
    mu = torch.randn(3, 5, 2, dtype=torch.float64, requires_grad=True)
    got = gates.expected_open(mu, 0.7)
    by_hand = [sum(stats.norm.cdf(m / 0.7) for m in run.flatten().tolist()) for run in mu.detach()]
    assert got.tolist() == pytest.approx(by_hand)
    assert gates.expected_open(torch.full((1, 5, 2), 1e9)).item() == 10
    assert gates.expected_open(torch.full((1, 5, 2), -1e9)).item() == 0
    assert gates.expected_open(torch.zeros(1, 5, 2)).item() == 5
    assert torch.autograd.gradcheck(lambda m: gates.expected_open(m, 0.7), mu)
    slope = torch.autograd.grad(gates.expected_open(mu, 0.7).sum(), mu)[0]
    torch.testing.assert_close(gates.open_density(mu.detach(), 0.7), slope)
    got.sum().backward()
    assert np.allclose(mu.grad, stats.norm.pdf(mu.detach() / 0.7) / 0.7)  # the slope that closes gates


@few
@given(centres, spreads)
def test_exact_mean_is_the_integral_of_the_clamped_density(mu, sigma):
    """E[max(0, min(1, mu + eps))], by numerical integration (FE-20)."""
    inside, _ = integrate.quad(lambda v: v * stats.norm.pdf(v, mu, sigma), 0, 1, points=[min(max(mu, 0), 1)])
    above = stats.norm.sf(1, mu, sigma)
    assert gates.exact_mean(double(mu), sigma).item() == pytest.approx(inside + above, abs=1e-7)


@few
@given(st.floats(-1, 2), spreads)
def test_exact_mean_has_the_symmetry_and_slope_of_the_gate(mu, sigma):
    """E[z] at mu and at 1 - mu sum to one; it rises by the probability of being neither shut nor full (FE-20)."""
    m = double(mu).requires_grad_()
    mean = gates.exact_mean(m, sigma)
    mean.sum().backward()
    assert mean.item() + gates.exact_mean(double(1 - mu), sigma).item() == pytest.approx(1)
    assert m.grad.item() == pytest.approx(stats.norm.cdf((1 - mu) / sigma) - stats.norm.cdf(-mu / sigma), abs=1e-9)


@few
@given(centres)
def test_without_noise_the_exact_mean_is_the_printed_one(mu):
    """max(0, min(1, mu)), which E[z] approaches as sigma goes to 0, by at most 0.4 sigma (FE-20)."""
    printed = gates.clamped_mean(double(mu)).item()
    assert printed == max(0.0, min(1.0, mu))
    for sigma in (1e-1, 1e-3, 1e-6):
        assert gates.exact_mean(double(mu), sigma).item() == pytest.approx(printed, abs=0.4 * sigma)


@pytest.mark.parametrize(
    "function", [gates.open_probability, gates.open_density, gates.expected_open, gates.exact_mean]
)
@pytest.mark.parametrize("sigma", [0, -0.5, math.nan, math.inf, True, "0.5", None])
def test_sigma_must_be_positive(function, sigma):
    with pytest.raises(ValueError, match=f"sigma must be a positive number, got {sigma!r}"):
        function(torch.zeros(1, 2, 2), sigma)


def test_dtype_and_shape_come_from_the_input():
    for dtype in (torch.float32, torch.float64):
        mu = torch.zeros(2, 3, 4, dtype=dtype)
        assert gates.sample(mu, mu).dtype == gates.exact_mean(mu).dtype == gates.expected_open(mu).dtype == dtype
        assert gates.exact_mean(mu).shape == mu.shape
        assert gates.expected_open(mu).shape == (2,)


# --- Drawing what opens, and nothing else ----------------------------------------------------------------------------


def opened(n, mu, C, sigma, draws, *, dense):
    """z of the rows that open in many draws of n rows of C gates at mu, (rows, C), and the number of rows in each."""
    generator, found = torch.Generator().manual_seed(1 + dense), []
    for _ in range(draws):
        if dense:
            eps = torch.randn(n, C, generator=generator, dtype=torch.float64)
            eps = eps[(mu + sigma * eps > 0).any(1)]
        else:
            eps = gates.opening_noise(n, mu, gates=C, generator=generator, sigma=sigma)
        found.append(gates.sample(torch.full_like(eps, mu), sigma * eps))
    return torch.cat(found), np.array([len(z) for z in found])


@pytest.mark.parametrize(("mu", "C", "sigma"), [(-0.3, 1, 0.5), (-0.8, 4, 0.5), (0.2, 3, 0.5), (-1.0, 3, 0.7)])
def test_what_opens_has_the_law_of_drawing_all_and_leaving_out_what_is_shut(mu, C, sigma):
    """How many rows open, in which pattern, and how far: each against dense draws (FE-8)."""
    (sparse, rows), (dense, dense_rows) = (opened(60, mu, C, sigma, 600, dense=d) for d in (False, True))
    assert (sparse > 0).any(1).all()
    q = 1 - (1 - stats.norm.cdf(mu / sigma)) ** C
    for counts in (rows, dense_rows):  # the mean and spread of a binomial
        assert counts.mean() == pytest.approx(60 * q, abs=4 * math.sqrt(60 * q * (1 - q) / 600))
        assert counts.var() == pytest.approx(60 * q * (1 - q), rel=0.3)
    codes = [(z > 0).long() @ (2 ** torch.arange(C)) for z in (sparse, dense)]
    patterns = torch.stack([code.bincount(minlength=2**C) for code in codes]).numpy()
    common = patterns[:, patterns.sum(0) >= 20]
    if common.shape[1] > 1:
        assert stats.chi2_contingency(common).pvalue > 1e-3
    for c in range(C):
        ours, theirs = (z[:, c][(z[:, c] > 0) & (z[:, c] < 1)] for z in (sparse, dense))
        assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


def test_gates_far_below_zero_open_as_seldom_as_they_should():
    """Where no dense draw would see one: the mean number of a million rows is n q (FE-8)."""
    mu, generator = -2.6, torch.Generator().manual_seed(0)
    counts = [len(gates.opening_noise(10**6, mu, gates=4, generator=generator)) for _ in range(400)]
    expected = 4e6 * stats.norm.cdf(mu / 0.5)
    assert 0.3 < expected < 1
    assert np.mean(counts) == pytest.approx(expected, abs=4 * math.sqrt(expected / 400))
    assert len(gates.opening_noise(10**6, -30.0, gates=4, generator=generator)) == 0
    assert len(gates.opening_noise(7, 30.0, gates=4, generator=generator)) == 7


def test_the_mean_of_a_shut_gate_is_right_in_single_precision_too():
    """E[z] at -5, -5.5 and -6 standard deviations (FE-20's exact form): positive and in order."""
    mu = torch.tensor([-2.5, -2.75, -3.0])
    torch.testing.assert_close(gates.exact_mean(mu), gates.exact_mean(mu.double()).float(), rtol=1e-3, atol=0)
    p = gates.open_probability(torch.tensor([-3.0]))
    torch.testing.assert_close(p, torch.tensor([9.866e-10]), rtol=1e-3, atol=0)
