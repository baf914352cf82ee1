"""What ID-ExpO and its two rivals add to the cross-entropy: each a number for every sample.

Everything here is made of log f(.)_y, the log-probability of the explained class along the soft masks of
`lib.masks`, and of the predictions y~ that an explainer was fitted to.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lib import masks
from lib.explainers import Predictor, predict
from lib.nets import Theta, log_probability

DELETIONS = ("A", "B", "C")
TINY = 1e-37  # -log f no smaller keeps log(1 - f) finite, in single precision too


class Path(NamedTuple):
    """log f(.)_y of the input itself (...), and of the input with its top s features inserted and deleted (..., K)."""

    whole: Tensor
    inserted: Tensor
    deleted: Tensor


def follow(f: Predictor, theta: Theta, x: Tensor, y: Tensor, b: Tensor, r: Tensor) -> Path:
    """The path of masks r (R, B, K, Q), soft or hard: x (R, B, *input), y (R, B); all inputs in one forward."""
    K = r.shape[2]
    inputs = torch.cat([x.unsqueeze(2), masks.insert(x, b, r), masks.delete(x, b, r)], 2)
    whole, inserted, deleted = log_probability(predict(f, theta, inputs), y[..., None]).split([1, K, K], -1)
    return Path(whole[..., 0], inserted, deleted)


def insertion(path: Path) -> Tensor:
    """Omega_Ins = -(1/S) sum_s log f(a_s)_y -> (...) (ID-9)."""
    return -path.inserted.mean(-1)


def deletion(path: Path, form: str = "A") -> Tensor:
    """Omega_Del -> (...), in one of three forms (ID-10, ID-A1, ID-A2, ID-A3).

    A: -(1/S) sum_s log(f(x)_y / f(d_s)_y), the paper's choice. B: (1/S) sum_s log f(d_s)_y.
    C: -(1/S) sum_s log(1 - f(d_s)_y).
    """
    if form == "A":
        return path.deleted.mean(-1) - path.whole
    if form == "B":
        return path.deleted.mean(-1)
    if form == "C":
        return -(-path.deleted.clamp_max(-TINY).expm1()).log().mean(-1)
    raise ValueError(f"form must be one of {', '.join(DELETIONS)}, got {form!r}")


def size(phi: Tensor) -> Tensor:
    """||phi||^2 (..., Q) -> (...), the price of large contributions (ID-11)."""
    return phi.square().sum(-1)


def fidelity(y_tilde: Tensor, Z: Tensor, phi: Tensor, k: Tensor) -> Tensor:
    """ExpO-F: (1/M) sum_m K_mm (y~_m - phi^T z_m)^2, y~ (R, B, M), phi (R, B, D), k (R, M) -> (R, B) (ID-A4)."""
    linear = phi @ Z.mT if Z.ndim == phi.ndim else (Z @ phi[..., None])[..., 0]
    k = k if Z.ndim > phi.ndim else k.unsqueeze(-2)
    return (k * (y_tilde - linear).square()).mean(-1)


def stability(y_tilde: Tensor, p: Tensor, k: Tensor) -> Tensor:
    """ExpO-S: (1/M) sum_m K_mm (y~_m - f(x)_y)^2, y~ (R, B, M), p = f(x)_y (R, B), k (R, M) -> (R, B) (ID-A5)."""
    k = k if k.ndim == y_tilde.ndim else k.unsqueeze(-2)
    return (k * (y_tilde - p[..., None]).square()).mean(-1)
