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
    return torch.special.ndtr(mu / check_sigma(sigma))


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
    return mu * torch.special.ndtr(t) + sigma * density


def check_sigma(sigma: float) -> float:
    """sigma itself; ValueError unless it is a positive number."""
    if not (is_number(sigma) and sigma > 0):
        raise ValueError(f"sigma must be a positive number, got {sigma!r}")
    return sigma
