"""LIME and KernelSHAP as one weighted least squares on masked inputs, differentiable in the predictor's parameters.

    Z = draw_masks(M, D, generators)                # M masks for each run
    P = projection(Z, shapley_kernel(Z), eps)       # (Z^T K Z + eps I)^-1 Z^T K
    phi = explain(f, theta, x, y, b, Z, P)          # P y~, whole batches at once

f(theta, x) gives logits: x (R, n, *input) -> (R, n, C) for R runs (see lib.nets). Masks (R, M, D) are shared by all
samples of a run, (R, B, M, D) are each sample's own; D superpixels, or the D = Q features of a vector.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lib import masks
from lib.nets import Theta, log_probability

Predictor = Callable[[Theta, Tensor], Tensor]
KERNELS = ("L2", "cosine")  # LIME's


def draw_masks(M: int, D: int, generators: Sequence[torch.Generator], samples: int | None = None, dtype=torch.float32):
    """M random masks of D fair coins for each run, or for each of its samples: (R, M, D) or (R, samples, M, D)."""
    if M < 1 or D < 1:
        raise ValueError(f"M and D must be at least 1, got {M} and {D}")
    shape = (M, D) if samples is None else (samples, M, D)
    draws = [torch.randint(2, shape, generator=g, device=g.device, dtype=torch.int8) for g in generators]
    return torch.stack(draws).to(dtype)


def lime_kernel(Z: Tensor, kind: str = "L2", width: float = 0.75) -> Tensor:
    """exp(-d^2 / (2 width^2)) for the distance d of each mask (..., M, D) from all ones -> (..., M) (ID-12).

    kind: "L2", d = |1 - z| / sqrt(D), or "cosine", d = 1 - cos(1, z); both lie in [0, 1]. The form and the widths
    0.75 (L2) and 0.25 (cosine) are those of the package lime; the paper prints none.
    """
    if not width > 0:
        raise ValueError(f"width must be positive, got {width}")
    share = Z.mean(-1)
    if kind == "L2":
        squared = 1 - share
    elif kind == "cosine":
        squared = (1 - share.sqrt()) ** 2
    else:
        raise ValueError(f"kind must be one of {', '.join(KERNELS)}, got {kind!r}")
    return torch.exp(-squared / (2 * width**2))


def shapley_kernel(Z: Tensor, scaled: bool = True, whole: float = 1e3) -> Tensor:
    """(D - 1) / (binom(D, n) n (D - n)) for each mask (..., M, D) of n ones -> (..., M) (ID-12).

    These weights fall to 1e-24 for 77 features, far below any eps; scaled: True divides by their mean over the M
    masks. For all ones the weight is infinite: it takes `whole` times the largest possible one. For all zeros it takes
    0, which is exact, as that mask adds nothing to Z^T K. Neither counts in the mean.
    """
    D, n = Z.shape[-1], Z.double().sum(-1)
    inner = n.clamp(1, max(D - 1, 1))
    # The same number as (1/D) / binom(D - 2, n - 1), and in logarithms, as binom(75, 37) is large.
    binom = math.lgamma(max(D - 1, 1)) - torch.lgamma(inner) - torch.lgamma(max(D, 2) - inner)
    weight = torch.where(n == D, math.log(whole / D), -binom - math.log(D)).exp().where(n > 0, 0.0)
    if scaled:
        finite = ((n > 0) & (n < D)).double()
        mean = (weight * finite).sum(-1, keepdim=True) / finite.sum(-1, keepdim=True).clamp_min(1)
        weight = weight / mean.where(mean > 0, 1.0)
    return weight.to(Z.dtype)


def projection(Z: Tensor, k: Tensor, eps: float) -> Tensor:
    """P = (Z^T K Z + eps I)^-1 Z^T K: masks (..., M, D), weights k (..., M) -> (..., D, M) (ID-12).

    Solved in float64. ValueError if k has another shape, if eps is negative, or if it is 0 and the system has no unique
    solution.
    """
    if k.shape != Z.shape[:-1]:
        raise ValueError(f"k must be a weight for each mask, {tuple(Z.shape[:-1])}, got {tuple(k.shape)}")
    if not (eps >= 0 and math.isfinite(eps)):
        raise ValueError(f"eps must be a finite number of at least 0, got {eps}")
    weighted = (Z * k[..., None]).double().mT
    system = weighted @ Z.double() + eps * torch.eye(Z.shape[-1], dtype=torch.float64, device=Z.device)
    if eps == 0 and (torch.linalg.matrix_rank(system, hermitian=True) < Z.shape[-1]).any():
        raise ValueError(f"eps must be positive: {Z.shape[-2]} masks do not determine {Z.shape[-1]} contributions")
    return torch.linalg.solve(system, weighted).to(Z.dtype)


def perturbed_probability(f: Predictor, theta: Theta, x: Tensor, y: Tensor, b: Tensor, Z: Tensor, segments=None):
    """y~: f(x~_m)_y, x kept where z_m = 1 and b elsewhere: x (R, B, *input), y (R, B) -> (R, B, M) (ID-12)."""
    Z = expand(Z if Z.ndim == 4 else Z[:, None], segments).expand(*x.shape[:2], -1, -1)
    return log_probability(predict(f, theta, masks.insert(x, b, Z)), y[..., None]).exp()


def explain(
    f: Predictor, theta: Theta, x: Tensor, y: Tensor, b: Tensor, Z: Tensor, P: Tensor, segments: Tensor | None = None,
    chunk: int | None = None, keep: float = 1.0, generators: Sequence[torch.Generator] = (),
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """phi (R, B, D), the contributions P y~, and y~ (R, B, M) itself (ID-12).

    segments (H W): each pixel's superpixel, for images. chunk: masks held in memory at a time; the gradient is the
    same. keep: below 1, backward visits this share of the masks, drawn by the size of their gradient from the
    generators: unbiased and noisy.
    """
    (M, D), batch = Z.shape[-2:], tuple(x.shape[:2])
    if Z.shape[:-2] not in (batch[:1], batch):
        raise ValueError(f"Z must be (R, M, D) or (R, B, M, D) with R and B = {batch} as in x, got {tuple(Z.shape)}")
    if P.shape not in ((batch[0], D, M), (*batch, D, M)):
        raise ValueError(f"P must be (R, D, M) or (R, B, D, M) with D and M = {D, M} as in Z, got {tuple(P.shape)}")
    if y.shape != x.shape[:2]:
        raise ValueError(f"y must be (R, B) = {tuple(x.shape[:2])}, got {tuple(y.shape)}")
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be a share of the masks in (0, 1], got {keep}")
    if keep < 1 and len(generators) != len(x):
        raise ValueError(f"generators must be one for each of {len(x)} runs if keep < 1, got {len(generators)}")
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk must be at least 1, got {chunk}")
    if chunk is None and keep == 1:
        y_tilde = perturbed_probability(f, theta, x, y, b, Z, segments)
    else:
        names, tensors = zip(*theta.items())
        options = (f, names, x, y, b, Z, segments, chunk or M, keep, generators)
        y_tilde = _Chunked.apply(options, *tensors)
    return least_squares(P, y_tilde), y_tilde


def least_squares(P: Tensor, y_tilde: Tensor) -> Tensor:
    """P y~, P (R, D, M) shared or (R, B, D, M): y~ (R, B, M) -> (R, B, D) (ID-12)."""
    return y_tilde @ P.mT if P.ndim == 3 else (P @ y_tilde[..., None])[..., 0]


def expand(phi: Tensor, segments: Tensor | None) -> Tensor:
    """What belongs to superpixels (..., D) for each of their pixels (..., H W); for vectors phi itself (ID-12)."""
    return phi if segments is None else phi[..., segments]


def predict(f: Predictor, theta: Theta, x: Tensor) -> Tensor:
    """Logits of several inputs for each sample: x (R, B, K, *input) -> (R, B, K, C)."""
    return f(theta, x.flatten(1, 2)).unflatten(1, x.shape[1:3])


class _Chunked(torch.autograd.Function):
    """y~ without its graph; backward computes it again, some masks at a time, and only for those that are kept."""

    @staticmethod
    def forward(ctx, options, *tensors):
        f, names, x, y, b, Z, segments, chunk, *_ = options
        ctx.options = options
        ctx.save_for_backward(*tensors)
        theta = dict(zip(names, tensors))
        parts = [perturbed_probability(f, theta, x, y, b, z, segments) for z in Z.split(chunk, -2)]
        return torch.cat(parts, -1)

    @staticmethod
    def backward(ctx, grad):
        f, names, x, y, b, Z, segments, chunk, keep, generators = ctx.options
        if keep < 1:
            Z, grad = _important(Z, grad, keep, generators)
        tensors = [t.detach().requires_grad_(need) for t, need in zip(ctx.saved_tensors, ctx.needs_input_grad[1:])]
        wanted = [t for t in tensors if t.requires_grad]
        total = [torch.zeros_like(t) for t in wanted]
        for z, g in zip(Z.split(chunk, -2), grad.split(chunk, -1)):
            with torch.enable_grad():
                part = perturbed_probability(f, dict(zip(names, tensors)), x, y, b, z, segments)
            for t, own in zip(total, torch.autograd.grad(part, wanted, g)):
                t += own
        total = iter(total)
        return None, *(next(total) if t.requires_grad else None for t in tensors)


def _important(Z: Tensor, grad: Tensor, keep: float, generators) -> tuple[Tensor, Tensor]:
    """A share of each sample's masks, drawn in proportion to |grad| (R, B, M), with weights that leave the mean as is.

    Systematic sampling: n equal steps through the cumulative shares from one random start, so mask m is met
    n p_m times on average.
    """
    R, B, M = grad.shape
    n = max(1, round(keep * M))
    share = grad.abs().double() + torch.finfo(torch.float64).tiny
    share = share / share.sum(-1, keepdim=True)
    start = torch.stack([torch.rand(B, 1, generator=g, device=g.device, dtype=torch.float64) for g in generators])
    points = (start + torch.arange(n, device=grad.device)) / n
    at = torch.searchsorted(share.cumsum(-1), points).clamp_max(M - 1)
    weight = grad.gather(-1, at) / (n * share.gather(-1, at)).to(grad.dtype)
    own = (Z if Z.ndim == 4 else Z[:, None]).expand(R, B, M, -1)
    return own.gather(2, at[..., None].expand(-1, -1, -1, own.shape[-1])), weight
