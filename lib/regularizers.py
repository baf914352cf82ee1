"""What ID-ExpO and its two rivals add to the cross-entropy: each a number for every sample.

Everything here is made of log f(.)_y, the log-probability of the explained class along the soft masks of
`lib.masks`, and of the predictions y~ that an explainer was fitted to.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lib import masks
from lib.explainers.linear import product
from lib.predictor import Predictor

DELETIONS = ("A", "B", "C")
TINY = 1e-37  # -log f no smaller keeps log(1 - f) finite, in single precision too


class Path(NamedTuple):
    """log f(.)_y of the input itself (...), and of the input with its top s features inserted and deleted (..., K)."""

    whole: Tensor
    inserted: Tensor
    deleted: Tensor


def follow(predictor: Predictor, x: Tensor, y: Tensor, *, r: Tensor, whole: Tensor | None = None) -> Path:
    """The path of masks r (..., K, Q), soft or hard: x (..., *input), y (...); all inputs in one forward.

    whole: log f(x)_y, where it is known already.
    """
    K, own = r.shape[-2], [] if whole is not None else [x.unsqueeze(r.ndim - 2)]
    inputs = torch.cat([*own, masks.insert(x, predictor.b, r), masks.delete(x, predictor.b, r)], r.ndim - 2)
    parts = predictor.log_probability(inputs, y[..., None]).split([len(own), K, K], -1)
    return Path(parts[0][..., 0] if own else whole, *parts[1:])


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


def fidelity(y_tilde: Tensor, phi: Tensor, *, Z: Tensor, k: Tensor) -> Tensor:
    """ExpO-F: (1/M) sum_m K_mm (y~_m - phi^T z_m)^2, y~ (..., M), phi (..., D) -> (...) (ID-A4).

    Masks Z (M, D) and weights k (M) or with the leading axes of y~, 1 where shared along one.
    """
    return (k * (y_tilde - product(Z, phi)).square()).mean(-1)


def augmentation(y_tilde: Tensor) -> Tensor:
    """-(1/M) sum_m log y~_m, cross-entropy on inputs masked at random, y~ (..., M) -> (...): what masks alone teach."""
    return -y_tilde.clamp_min(TINY).log().mean(-1)


def stability(y_tilde: Tensor, p: Tensor, *, k: Tensor) -> Tensor:
    """ExpO-S: (1/M) sum_m K_mm (y~_m - f(x)_y)^2, y~ (..., M), p = f(x)_y (...), k as there -> (...) (ID-A5)."""
    return (k * (y_tilde - p[..., None]).square()).mean(-1)
