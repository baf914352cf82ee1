"""Stochastic gates: a hard choice (is this example used?) made smooth.

A gate is a Gaussian clamped to [0, 1]: exactly 0 with some probability, exactly 1 with some other,
and differentiable in its centre mu in between. Every function takes tensors of any shape, R runs or one.
"""

import torch
from torch import Tensor

from lib.options import is_number

SIGMA = 0.5  # the paper's noise scale


def sample(mu: Tensor, eps: Tensor) -> Tensor:
    """Gates z = max(0, min(1, mu + eps)), eps ~ N(0, sigma^2), same shape as mu (FE-8)."""
    return (mu + eps).clamp(0, 1)


def open_probability(mu: Tensor, sigma: float = SIGMA) -> Tensor:
    """p(z > 0) = Phi(mu / sigma), elementwise (a term of FE-9)."""
    return normal_cdf(mu / check_sigma(sigma))


def opening_noise(n: int, mu: float, *, gates: int, generator: torch.Generator, sigma: float = SIGMA) -> Tensor:
    """eps / sigma of those among n rows of gates at mu that have one open, (rows, gates), float64 (FE-8).

    The law is that of drawing all n rows and leaving out those whose gates are all shut, at the cost of what is left:
    their number is binomial, a row's first open gate geometric. The rows are any of the n, equally likely.
    """
    p = open_probability(torch.tensor(mu, dtype=torch.float64), sigma)
    log_shut = torch.log1p(-p)  # of one gate
    opens = -torch.expm1(gates * log_shut)  # a row
    rows = int(torch.binomial(torch.tensor(float(n), dtype=torch.float64), opens, generator=generator))
    u = torch.rand(rows, gates + 1, generator=generator, dtype=torch.float64)
    first = (torch.log1p(-u[:, -1:] * opens) / log_shut).long().clamp_max(gates - 1)
    v, place = u[:, :-1], torch.arange(gates)
    v = torch.where(place < first, p + (1 - p) * v, torch.where(place == first, p * v, v))  # open where below p
    return -torch.special.ndtri(v)


def open_density(mu: Tensor, sigma: float = SIGMA) -> Tensor:
    """The slope of p(z > 0) in mu: the density of N(0, sigma^2) at mu, elementwise (of a term of FE-9)."""
    return (mu / check_sigma(sigma)).square_().mul_(-0.5).exp_().mul_((2 * torch.pi) ** -0.5 / sigma)


def expected_open(mu: Tensor, sigma: float = SIGMA) -> Tensor:
    """E[Omega(Z)]: the expected number of open gates, summed over the last two axes (N, C) (FE-9)."""
    return open_probability(mu, sigma).sum((-2, -1))


def gated(Z: Tensor, S: Tensor) -> Tensor:
    """A = Z (elementwise) S, both (..., N, C) (FE-7)."""
    return Z * S


def clamped_mean(mu: Tensor) -> Tensor:
    """max(0, min(1, mu)): the gate at its mean noise, for which the paper takes E[z] (FE-20)."""
    return mu.clamp(0, 1)


def exact_mean(mu: Tensor, sigma: float = SIGMA) -> Tensor:
    """E[z] of the clamped Gaussian in closed form, which FE-20 approximates.

    E[min(1, max(0, v))] = E[max(0, v)] - E[max(0, v - 1)] for v ~ N(mu, sigma^2).
    """
    check_sigma(sigma)
    return _relu_mean(mu, sigma) - _relu_mean(mu - 1, sigma)


def _relu_mean(mu: Tensor, sigma: float) -> Tensor:
    """E[max(0, v)] = mu Phi(mu / sigma) + sigma phi(mu / sigma)."""
    t = mu / sigma
    density = torch.exp(-t.square() / 2) / (2 * torch.pi) ** 0.5
    return mu * normal_cdf(t) + sigma * density


def normal_cdf(t: Tensor) -> Tensor:
    """Phi, by erfc: exact to rounding far below 0 too, where torch's ndtr is 1 - (1 - Phi) and loses all digits."""
    return torch.special.erfc(t * -(0.5**0.5)) / 2


def check_sigma(sigma: float) -> float:
    """sigma itself; ValueError unless it is a positive number."""
    if not (is_number(sigma) and sigma > 0):
        raise ValueError(f"sigma must be a positive number, got {sigma!r}")
    return sigma
