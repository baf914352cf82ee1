"""What LIME and KernelSHAP share: a weighted least squares on masked inputs (ID-12).

    Z = draw_masks(M, D, generator)                 # M masks of D cells
    P = projection(Z, shapley_kernel(Z), eps=eps)   # (Z^T K Z + eps I)^-1 Z^T K
    phi = least_squares(P, perturbed_probability(predictor, x, y, Z=Z))

Masks (M, D) are shared by all inputs, masks (..., M, D) have the inputs' leading axes, or 1 in their place where they
are shared along one. D superpixels, or the D = Q features of a vector.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lib import masks
from lib.explainers.base import Explained
from lib.explainers.cells import Segmented, index
from lib.nets.kernels import one_derivative
from lib.options import check_counts, check_flags, check_numbers, is_number, reading, speed, training
from lib.predictor import Predictor, check_labels


def draw_masks(
    M: int, D: int, generator: torch.Generator, *, rows: int | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """M random masks of D fair coins, (M, D), or as many for each of `rows` inputs, (rows, M, D)."""
    if M < 1 or D < 1:
        raise ValueError(f"M and D must be at least 1, got {M} and {D}")
    shape = (M, D) if rows is None else (rows, M, D)
    return torch.randint(2, shape, generator=generator, device=generator.device, dtype=torch.int8).to(dtype)


def check_masks(Z: Tensor) -> Tensor:
    """Z itself; ValueError unless it holds zeros and ones alone."""
    if not ((Z == 0) | (Z == 1)).all():
        raise ValueError("Z must be masks of zeros and ones, got other numbers")
    return Z


def projection(Z: Tensor, k: Tensor, *, eps: float) -> Tensor:
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


def least_squares(P: Tensor, y_tilde: Tensor) -> Tensor:
    """phi = P y~: P (D, M) or (..., D, M), y~ (..., M) -> (..., D) (ID-12)."""
    return product(P, y_tilde)


def product(P: Tensor, v: Tensor) -> Tensor:
    """P v for vectors v (..., m) and matrices P (n, m) or (..., n, m) -> (..., n).

    Where P is shared along the last leading axis (it is 1 there), all vectors along it are one product.
    """
    if P.ndim == 2:
        return v @ P.mT
    return v @ P.squeeze(-3).mT if P.shape[-3] == 1 else (P @ v[..., None])[..., 0]


def perturbed_probability(
    predictor: Predictor, x: Tensor, y: Tensor, *, Z: Tensor, segments: Tensor | None = None
) -> Tensor:
    """y~: f(x~_m)_y, x kept where z_m = 1 and b elsewhere: x (..., *input), y (...) -> (..., M) (ID-12).

    segments (H W): each pixel's superpixel, for images.
    """
    batch = predictor.batch(x)
    Z = (Z if segments is None else Z[..., segments]).expand(*batch, -1, -1)
    return predictor.log_probability(masks.insert(x, predictor.b, Z), y[..., None]).exp()


@dataclass(frozen=True)
class Linear(Segmented):
    """An explainer that fits a weighted linear model to masked predictions; subclasses say how masks are weighted.

    segments: each pixel's superpixel in row order, numbers 0 ... D - 1, for images. chunk: masks held in memory at a
    time, the gradient is the same. keep: below 1, backward visits this share of the masks, drawn by the size of their
    gradient: unbiased and noisy.
    """

    M: int = training(200)  # masks
    eps: float = training(0.01)
    fresh: bool = reading(False)  # masks of their own for every input of a batch
    segments: tuple[int, ...] | None = training(None)
    keep: float = training(1.0)
    chunk: int | None = speed(None)

    def __post_init__(self):
        check_counts(self, "M", *("chunk",) * (self.chunk is not None))
        check_numbers(self, "eps")
        check_flags(self, "fresh")
        if not is_number(self.keep) or not 0 < self.keep <= 1:
            raise ValueError(f"keep must be a share of the masks in (0, 1], got {self.keep!r}")
        self.check_segments()

    def weights(self, Z: Tensor) -> Tensor:
        """The kernel K: a weight for each mask, (..., M, D) -> (..., M)."""
        raise NotImplementedError

    def draw(self, shape, generator, *, rows=None, dtype=torch.float32) -> dict[str, Tensor]:
        """Masks "Z" (rows or 1, M, D), and where keep is below 1 a number "u" in [0, 1) for each row."""
        own = rows if self.fresh else None
        Z = draw_masks(self.M, self.cells(shape), generator, rows=own, dtype=dtype)
        drawn = {"Z": Z if own else Z[None]}
        if self.keep < 1 and rows is not None:
            drawn["u"] = torch.rand(rows, generator=generator, device=generator.device, dtype=torch.float64)
        return drawn

    def explain(self, predictor: Predictor, x: Tensor, y: Tensor, *, Z: Tensor, u=None, y_tilde=None) -> Explained:
        """phi = P y~ (..., D) and y~ (..., M) (ID-12).

        Z (M, D), or with the axes of x (1 where shared). u (...): uniform numbers, if keep < 1. y_tilde: given where
        another explainer has predicted the same masks.
        """
        batch, D = predictor.batch(x), self.cells(predictor.b.shape)
        if Z.shape[-1] != D or (Z.ndim > 2 and not _shared_or_own(Z.shape[:-2], batch)):
            raise ValueError(f"Z must be (M, {D}) or have the axes of x, {(*batch, 'M', D)}, got {tuple(Z.shape)}")
        check_masks(Z)
        check_labels(y, batch)
        P = projection(Z, self.weights(Z), eps=self.eps)
        if y_tilde is None:
            y_tilde = self._predictions(predictor, x, y, Z, u)
        return Explained(least_squares(P, y_tilde), y_tilde=y_tilde)

    def inputs(self, shape: torch.Size) -> int:
        return self.M

    def _predictions(self, predictor: Predictor, x: Tensor, y: Tensor, Z: Tensor, u: Tensor | None) -> Tensor:
        segments = None if self.segments is None else index(self.segments, x.device)
        if self.keep < 1 and u is None and torch.is_grad_enabled():
            raise ValueError(f"u must be a uniform number for each input where keep is {self.keep}, got None")
        if self.chunk is None and (self.keep == 1 or u is None):
            return perturbed_probability(predictor, x, y, Z=Z, segments=segments)
        names, tensors = zip(*predictor.theta.items())
        keep = 1.0 if u is None else self.keep
        return _Chunked.apply((predictor, names, x, y, Z, segments, self.chunk or Z.shape[-2], keep, u), *tensors)


def _shared_or_own(axes: torch.Size, batch: torch.Size) -> bool:
    return len(axes) == len(batch) and all(a in (1, b) for a, b in zip(axes, batch))


class _Chunked(torch.autograd.Function):
    """y~ without its graph; backward computes it again, some masks at a time, and only for those that are kept."""

    @staticmethod
    def forward(ctx, options, *tensors):
        predictor, names, x, y, Z, segments, chunk, *_ = options
        ctx.options = options
        ctx.save_for_backward(*tensors)
        predictor = predictor.at(dict(zip(names, tensors)))
        return torch.cat(
            [perturbed_probability(predictor, x, y, Z=z, segments=segments) for z in Z.split(chunk, -2)], -1
        )

    @staticmethod
    @one_derivative
    def backward(ctx, grad):
        predictor, names, x, y, Z, segments, chunk, keep, u = ctx.options
        if keep < 1:
            Z, grad = important(Z, grad, u, keep=keep)
        tensors = [t.detach().requires_grad_(need) for t, need in zip(ctx.saved_tensors, ctx.needs_input_grad[1:])]
        predictor = predictor.at(dict(zip(names, tensors)))
        wanted = [t for t in tensors if t.requires_grad]
        total = [torch.zeros_like(t) for t in wanted]
        for z, g in zip(Z.split(chunk, -2), grad.split(chunk, -1)):
            with torch.enable_grad():
                part = perturbed_probability(predictor, x, y, Z=z, segments=segments)
            for t, own in zip(total, torch.autograd.grad(part, wanted, g, materialize_grads=True)):
                t += own
        total = iter(total)
        return None, *(next(total) if t.requires_grad else None for t in tensors)


def important(Z: Tensor, grad: Tensor, u: Tensor, *, keep: float) -> tuple[Tensor, Tensor]:
    """A share of each input's masks, drawn in proportion to |grad| (..., M), with weights that leave the mean as is.

    Systematic sampling: n equal steps through the cumulative shares from one random start u (...) in [0, 1), so mask m
    is met n p_m times on average.
    """
    M = grad.shape[-1]
    n = max(1, round(keep * M))
    share = grad.abs().double() + torch.finfo(torch.float64).tiny
    share = share / share.sum(-1, keepdim=True)
    points = (u[..., None] + torch.arange(n, device=grad.device)) / n
    at = torch.searchsorted(share.cumsum(-1), points).clamp_max(M - 1)
    weight = grad.gather(-1, at) / (n * share.gather(-1, at)).to(grad.dtype)
    D = Z.shape[-1]
    own = Z.expand(*grad.shape[:-1], M, D)
    return own.gather(-2, at[..., None].expand(*at.shape, D)), weight
