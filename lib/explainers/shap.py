"""KernelSHAP: the same linear model with weights for which all masks together give Shapley values."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lib.explainers.linear import Linear, check_masks
from lib.options import reading

LARGEST = math.log(1e10)  # beyond, a weight leaves double precision nothing of all others


def shapley_kernel(Z: Tensor, *, scaled: bool = True, whole: float = 1e3) -> Tensor:
    """(D - 1) / (binom(D, n) n (D - n)) for each mask (..., M, D) of n ones -> (..., M) (ID-12).

    These weights fall to 1e-24 for 77 features, far below any eps; scaled: True divides by their mean over the M
    masks, in logarithms, as for some thousand features no number is small enough. For all ones the weight is infinite:
    it takes `whole` times the largest possible one. For all zeros it takes 0, which is exact, as that mask adds nothing
    to Z^T K. Neither counts in the mean. ValueError where unscaled weights would all be 0.
    """
    D, n = Z.shape[-1], check_masks(Z).double().sum(-1)
    inner = n.clamp(1, max(D - 1, 1))
    # The same number as (1/D) / binom(D - 2, n - 1).
    binom = math.lgamma(max(D - 1, 1)) - torch.lgamma(inner) - torch.lgamma(max(D, 2) - inner)
    finite = (n > 0) & (n < D)
    log = torch.where(n == D, math.log(whole / D), -binom - math.log(D))
    if scaled:
        counted = finite.double().sum(-1, keepdim=True)
        mean = log.where(finite, -math.inf).logsumexp(-1, keepdim=True) - counted.clamp_min(1).log()
        log = (log - mean.where(counted > 0, 0.0)).clamp_max(LARGEST)
    weight = log.exp().clamp_max(torch.finfo(Z.dtype).max).where(n > 0, 0.0).to(Z.dtype)
    if not scaled and finite.any() and not weight[finite].any():
        raise ValueError(f"scaled must be True for {D} features: their weights are too small for {Z.dtype}")
    return weight


@dataclass(frozen=True)
class KernelSHAP(Linear):
    """The option beside those of `Linear`: whether weights are divided by their mean over the masks."""

    scaled: bool = reading(True)

    def weights(self, Z: Tensor) -> Tensor:
        return shapley_kernel(Z, scaled=self.scaled)
