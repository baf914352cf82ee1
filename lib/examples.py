"""The explanation model h: a prediction as a weighted sum over training examples, and the six ways to train it.

Axes: N training examples, B rows to predict, C outputs, K units of f, J draws of the gates, any number before them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from lib import gates
from lib.methods import Examples as Method
from lib.nets import cross_entropy, respond
from lib.options import is_whole

RANKS = ("magnitude", "signed", "gate")


def similarity(F_n: Tensor, F: Tensor) -> Tensor:
    """k(x_n, x) = f(x_n)^T f(x): F_n (..., N, K), F (..., B, K) -> (..., N, B) (FE-3)."""
    return F_n @ F.mT


def explain_logits(A: Tensor, F_n: Tensor, F: Tensor) -> Tensor:
    """sum_n alpha_n f(x_n)^T f(x), h before r: A (..., N, C), F_n (..., N, K), F (..., B, K) -> (..., B, C) (FE-2).

    Summed as (A^T F_n) f(x): a C x K matrix once, never the N x B similarities.
    """
    return F @ (A.mT @ F_n).mT


def faithful(g: Tensor, h: Tensor) -> Tensor:
    """Where the largest outputs of g and h (..., C) agree: bool (...) (FE-4, FE-5).

    Where the largest outputs of h tie, or one is NaN, h names no class, and there is nothing to agree with.
    """
    return (g.argmax(-1) == h.argmax(-1)) & ~tied(h) & ~g.isnan().any(-1)


def tied(h: Tensor) -> Tensor:
    """Where h (..., C) has no single largest output, by a tie or by NaN: bool (...)."""
    return ~((h == h.amax(-1, keepdim=True)).sum(-1) == 1)


# --- The objective ---------------------------------------------------------------------------------------------------


def loss(target: Tensor, logits: Tensor, task: str = "classification") -> Tensor:
    """l(target, r(logits)) averaged over rows: (..., B, C) -> (...).

    Classification: cross entropy against labels (..., B) or probabilities (..., B, C); regression: mean squared error.
    """
    if task == "regression":
        return mse_loss(logits, target, reduction="none").mean((-2, -1))
    return cross_entropy(logits, target).mean(-1)


def objective(
    method: Method, y: Tensor, *, g: Tensor | None, h: Tensor | None, mu: Tensor | None, lam: Tensor | float,
    eta: Tensor | float | None, sigma: float = gates.SIGMA, task: str = "classification", through_g: bool = True,
) -> Tensor:  # fmt: skip
    """The minibatch objective of every method (FE-6, FE-10, FE-11, FE-12, FE-13, FE-14, FE-15, FE-16, FE-17).

    y: labels (..., B) or values (..., B, C). g: W^T f(x), (..., B, C). h: J draws of h before r, (..., J, B, C). mu
    (..., N, C). lam, eta: numbers, or (...); eta None leaves the gates' cost out. through_g: whether l(g, h) also moves
    g towards h (as the objective is written) or takes g as a constant.
    """
    total = 0
    if method.g_fits_y:
        total = total + loss(y, g, task)
    if method.h_fits == "g":
        g = g if through_g else g.detach()
        target = g.softmax(-1) if task == "classification" else g
        total = total + lam * loss(target.unsqueeze(-3).expand_as(h), h, task).mean(-1)
    elif method.h_fits == "y":
        total = total + torch.stack([loss(y, h_j, task) for h_j in h.unbind(-3)]).mean(0)
    if method.gates and eta is not None:
        total = total + eta * gates.expected_open(mu, sigma)
    return total


# --- Choosing U examples ---------------------------------------------------------------------------------------------


def expected_influence(S: Tensor, mu: Tensor | None, *, exact_mean: bool = False, sigma: float = gates.SIGMA) -> Tensor:
    """E[alpha] = s E[z], (..., N, C); S itself where there are no gates (FE-20).

    The paper takes max(0, min(1, mu)) for E[z], and leaves out s; exact_mean is the clamped Gaussian's own mean.
    """
    if mu is None:
        return S
    return gates.gated(gates.exact_mean(mu, sigma) if exact_mean else gates.clamped_mean(mu), S)


def positions(A: Tensor, *, mu: Tensor | None = None, rank: str = "magnitude") -> Tensor:
    """Place of each entry (n, c) when sorted by influence, 0 the most influential: (..., N, C) -> (..., N, C) (FE-22).

    rank: by |alpha| ("magnitude"), by alpha ("signed"), or by the gate max(0, min(1, mu)) alone ("gate").
    """
    if rank not in RANKS:
        raise ValueError(f"rank must be one of {', '.join(RANKS)}, got {rank!r}")
    if rank == "gate" and mu is not None:
        key = gates.clamped_mean(mu)
    else:
        key = A if rank == "signed" else A.abs()
    order = key.flatten(-2).argsort(dim=-1, descending=True, stable=True)
    places = torch.arange(order.shape[-1], device=A.device).expand_as(order)
    return torch.empty_like(order).scatter_(-1, order, places).view_as(A)


def keep_top(A: Tensor, U: int, *, mu: Tensor | None = None, rank: str = "magnitude") -> Tensor:
    """A with its U most influential entries (n, c) kept and the rest zero, (..., N, C) (FE-21, FE-22).

    ValueError if U is not between 1 and N x C.
    """
    return A * (positions(A, mu=mu, rank=rank) < check_U(U, A.shape[-2:].numel()))


def distinct(place: Tensor, U: int) -> Tensor:
    """How many training examples the U first entries (n, c) belong to: places (..., N, C) -> (...) (FE-22)."""
    return (place < U).any(-1).sum(-1)


def neighbours(F_n: Tensor, y_n: Tensor, F: Tensor, *, k: int, C: int) -> Tensor:
    """Votes of the k training examples nearest to each row in f's space, a baseline for h: (..., B, C).

    F_n (..., N, K) with labels y_n (..., N), F (..., B, K). Of classes with as many votes that one is ahead whose
    voters' ranks add up to less; where these sums are the same, too, they tie.
    """
    near = torch.cdist(F, F_n).topk(min(k, F_n.shape[-2]), -1, largest=False).indices
    labels = y_n[..., None, :].expand(*near.shape[:-1], -1).gather(-1, near)
    votes = torch.zeros(*near.shape[:-1], C, dtype=torch.float64, device=F.device)
    nearer = torch.arange(near.shape[-1], 0, -1, device=F.device, dtype=votes.dtype)  # k, ..., 1: sums below 1 / k
    return votes.scatter_add_(-1, labels, (1 + nearer / (k + 1) ** 3).expand(labels.shape))


def check_U(U: int, entries: int) -> int:
    """U itself; ValueError unless 1 <= U <= N x C."""
    if not is_whole(U, 1, entries):
        raise ValueError(f"U must be a whole number between 1 and N x C = {entries}, got {U!r}")
    return U


# --- Reading one explanation -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Explanation:
    """Why a model predicts what it predicts for one x: U entries (n, c), most influential first."""

    rows: Tensor  # (U,) n: training examples, as positions 0 .. N-1 of the training split
    classes: Tensor  # (U,) c: the output each of them speaks for
    influence: Tensor  # (U,) alpha_nc: above 0 it raises output c where x is similar, below 0 it lowers it
    similarity: Tensor  # (U,) k(x_n, x) (FE-3)
    g: Tensor  # (C,) the prediction, after r
    h: Tensor  # (C,) the explanation's prediction, after r
    faithful: bool | None  # whether the largest outputs of g and h agree (FE-4); None in regression: compare g and h

    @property
    def contribution(self) -> Tensor:
        """(U,) alpha_nc k(x_n, x): what each entry adds to output c of h, before r."""
        return self.influence * self.similarity


def explain(
    A: Tensor, F_n: Tensor, F: Tensor, *, g: Tensor | None, U: int, task: str = "classification", **ranking
) -> Explanation:
    """The U examples behind one prediction: A (N, C), F_n (N, K), F = f(x) (K,), g = W^T f(x) (C,) or None.

    g: None where h itself predicts. ranking: mu and rank as in `positions`. ValueError if U is not between 1 and N x C,
    or if what is explained is NaN.
    """
    if not all(t is None or t.isfinite().all() for t in (A, F_n, F, g)):
        raise ValueError("what is explained must be finite, got NaN or infinite numbers: the model has diverged")
    kept = keep_top(A, U, **ranking)
    order = positions(A, **ranking).flatten().argsort()[:U]
    rows, classes = order // A.shape[1], order % A.shape[1]
    h = explain_logits(kept, F_n, F[None])[0]
    k = similarity(F_n[rows], F[None])[:, 0]
    agree = None
    if task == "classification":  # where h itself predicts, there is nothing else to be faithful to
        agree = g is None or bool(faithful(g, h))
    g = h if g is None else g
    return Explanation(rows, classes, A[rows, classes], k, respond(g, task), respond(h, task), agree)
