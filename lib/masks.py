"""Inserting and deleting the most important features of an input, by hard masks and by soft ones.

One code path serves vectors and images. phi (..., Q) holds a contribution for each of Q features or pixels, an image's
pixels in row order; its leading axes are the batch. An input x is (..., Q) for vectors and (..., C, H, W) for images,
with H W = Q. A mask r (..., K, Q) says for K values of s how much of each feature belongs to the top s: 0 to 1.
All channels of a pixel are masked alike. b is the background, in the shape of one input or of all.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lib.options import is_number, is_whole

Steps = Sequence[int] | Tensor  # numbers s, (K,) for all samples or (..., K) for each
TIES = ("first", "threshold")


def steps(Q: int, S: float, step: int = 1) -> list[int]:
    """The numbers of features s = step, 2 step, ... up to the whole number nearest to S Q (at least one step)."""
    if not (is_number(S) and 0 < S <= 1):
        raise ValueError(f"S must be a share of the features in (0, 1], got {S!r}")
    if not is_whole(step, 1, Q):
        raise ValueError(f"step must be a whole number between 1 and Q = {Q}, got {step!r}")
    return list(range(step, max(step, round(S * Q)) + 1, step))


def draw_steps(s: Sequence[int], u: Tensor, *, K: int) -> Tensor:
    """K of the n numbers s for each of u (...), uniform in [0, 1): -> (..., K), each with probability K / n.

    Systematic: a random start, then every n/K-th, also where K does not divide n. A mean over the K is unbiased for
    the mean over all n, and varies less than one over K independent draws.
    """
    if not 1 <= K <= len(s):
        raise ValueError(f"K must lie between 1 and the {len(s)} values of s, got {K}")
    at = (u[..., None].double() + torch.arange(K, device=u.device)) * len(s) / K
    return torch.as_tensor(s, device=u.device)[at.long().clamp_max(len(s) - 1)]


def top_mask(phi: Tensor, s: Steps) -> Tensor:
    """1 on exactly the s largest of phi (..., Q) for each s -> (..., K, Q); of equal ones the first (ID-3, ID-4)."""
    order = phi.argsort(dim=-1, descending=True, stable=True)
    place = order.argsort(-1)[..., None, :]
    return (place < _sizes(s, phi)[..., None]).to(phi.dtype)


def threshold_mask(phi: Tensor, s: Steps) -> Tensor:
    """1 where phi >= its s-th largest value -> (..., K, Q); with ties that may be more than s features (ID-5, ID-6)."""
    value = phi.sort(-1, descending=True).values.gather(-1, _sizes(s, phi) - 1)
    return (phi[..., None, :] >= value[..., None]).to(phi.dtype)


def hard_mask(phi: Tensor, s: Steps, *, ties: str = "first") -> Tensor:
    """`top_mask` for ties "first", `threshold_mask` for "threshold": phi (..., Q) -> (..., K, Q)."""
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(TIES)}, got {ties!r}")
    return (top_mask if ties == "first" else threshold_mask)(phi, s)


def temperature(phi: Tensor, *, floor: float = 0.0) -> Tensor:
    """Distinct contributions over their range, about one over the mean gap, per sample: phi (..., Q) -> (...) (ID-7).

    It takes no gradient: T is a setting, read off phi. Where all contributions are equal it is 1; where they differ by
    next to nothing it is the root of the largest number that there is, so that slopes are finite too. floor: the
    smallest range that counts, which keeps a map of almost equal contributions from the steepest masks.
    """
    check_phi(phi)
    if not (is_number(floor) and floor >= 0):
        raise ValueError(f"floor must be a finite number of at least 0, got {floor!r}")
    ordered = phi.detach().sort(-1).values
    spread = ordered[..., -1] - ordered[..., 0]
    distinct = 1 + (ordered.diff(dim=-1) > 0).sum(-1)
    T = distinct / spread.clamp_min(floor).where(spread > 0, torch.ones_like(spread))
    largest = torch.finfo(phi.dtype).max ** 0.5
    return T.clamp(1 / largest, largest).where(spread > 0, 1.0).to(phi.dtype)


def batch_temperature(phi: Tensor) -> Tensor:
    """One over the mean gap above 0 in a whole batch: phi (..., B, Q) -> (..., 1). The released code's, for ablations.

    A mask then depends on the company that its sample is in. Where nothing in the batch differs it is 1.
    """
    gaps = check_phi(phi).detach().sort(-1).values.diff(dim=-1)
    mean = gaps.sum((-2, -1)) / (gaps > 0).sum((-2, -1)).clamp_min(1)
    T = (1 / mean).clamp_max(torch.finfo(phi.dtype).max ** 0.5)
    return T.where(mean > 0, torch.ones_like(T))[..., None]


def thresholds(phi: Tensor, s: Steps) -> Tensor:
    """t_s, midway between the s-th and the (s+1)-th largest of phi (..., Q) -> (..., K) (ID-7).

    Below the smallest there is no next one: t_Q lies half of the sample's own gap, 1 / `temperature`, beneath it,
    whatever T a mask takes.
    """
    ordered = phi.sort(-1, descending=True).values
    last = ordered[..., -1:] - 1 / temperature(phi)[..., None]
    ordered, at = torch.cat([ordered, last], -1), _sizes(s, phi)
    return (ordered.gather(-1, at - 1) + ordered.gather(-1, at)) / 2


def soft_mask(phi: Tensor, s: Steps, T: Tensor | float | None = None, *, floor: float = 0.0) -> Tensor:
    """r = sigmoid(T (phi - t_s)), phi (..., Q) -> (..., K, Q); T (...) by default each sample's own (ID-7, ID-8).

    floor: see `temperature`. ValueError unless phi is finite and T finite and above 0.
    """
    T = temperature(phi, floor=floor) if T is None else torch.as_tensor(T, dtype=phi.dtype, device=phi.device)
    if not (T.isfinite() & (T > 0)).all():
        raise ValueError(f"T must be finite and above 0, got {T.min().item()} to {T.max().item()}")
    return torch.sigmoid(T[..., None, None] * (phi[..., None, :] - thresholds(phi, s)[..., None]))


def insert(x: Tensor, b: Tensor, r: Tensor) -> Tensor:
    """a = r x + (1 - r) b: x (..., *input), mask r (..., K, Q) -> (..., K, *input) (ID-3, ID-5, ID-7)."""
    x, b, r = _aligned(x, b, r)
    return torch.lerp(b, x, r)


def delete(x: Tensor, b: Tensor, r: Tensor) -> Tensor:
    """d = r b + (1 - r) x: the complement of `insert`, same shapes (ID-4, ID-6, ID-8)."""
    return insert(x, b, 1 - r)


def check_phi(phi: Tensor) -> Tensor:
    """phi itself; ValueError if it holds NaN or infinite contributions."""
    if bad := int((~phi.isfinite()).sum()):
        raise ValueError(f"phi must be finite, got {bad} NaN or infinite of {phi.numel()} contributions")
    return phi


def _sizes(s: Steps, phi: Tensor) -> Tensor:
    """The numbers s for each sample, (..., K) with the leading axes of phi (..., Q)."""
    Q, batch = check_phi(phi).shape[-1], phi.shape[:-1]
    if isinstance(s, Tensor) and s.ndim > 1:
        if s.shape[:-1] != batch or s.is_floating_point() or s.min() < 1 or s.max() > Q:
            raise ValueError(f"s must be whole numbers from 1 to Q = {Q} for each of {tuple(batch)}, got {s}")
        return s
    s = s.tolist() if isinstance(s, Tensor) else s
    if not len(s) or not all(is_whole(n, 1, Q) for n in s):
        raise ValueError(f"s must be whole numbers of features between 1 and Q = {Q}, got {list(s)}")
    return torch.as_tensor(s, device=phi.device).expand(*batch, -1)


def _aligned(x: Tensor, b: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x and b with an axis for K, r with the axes of one input."""
    batch, Q = r.ndim - 2, r.shape[-1]
    if batch < 0:
        raise ValueError(f"r must be masks (..., K, Q), got {tuple(r.shape)}")
    shape = x.shape[batch:]
    if x.shape[:batch] != r.shape[:-2] or shape[-2:].numel() != Q or len(shape) not in (1, 3):
        axes = f"{tuple(r.shape[:-2])} and then Q or C, H, W with Q = {Q}"
        raise ValueError(f"x must have the axes of its masks, {axes}, got {tuple(x.shape)}")
    if b.shape not in (shape, x.shape):
        raise ValueError(f"b must have the shape of one input, {tuple(shape)}, or of x, got {tuple(b.shape)}")
    if len(shape) == 3:
        r = r.unflatten(-1, (1, *shape[1:]))
    if b.ndim > len(shape):
        b = b.unsqueeze(-len(shape) - 1)
    return x.unsqueeze(batch), b, r
