"""How good predictions and their explanations are: FE's scores (one a run), then ID's (one a sample)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lib import examples, masks
from lib.explainers import Predictor, perturbed_probability, predict
from lib.masks import insert
from lib.nets import Theta, log_probability
from lib.regularizers import follow

ROUNDING = 1e-6  # what differs by less does not vary: sums of a few contributions, or of probabilities


def accuracy(g: Tensor, y: Tensor) -> Tensor:
    """Share of rows whose largest output is the label: g (..., B, C), y (..., B) -> (...) (FE-18)."""
    return share(right(g, y))


def right(g: Tensor, y: Tensor) -> Tensor:
    """Where the largest output of g (..., B, C) is the label y (..., B); nowhere that g is NaN."""
    return (g.argmax(-1) == y) & ~g.isnan().any(-1)


def share(where: Tensor, rows: Tensor | None = None) -> Tensor:
    """Share of rows where it holds, bool (..., B) -> (...); of those in the mask rows (..., B) alone, if given."""
    if rows is None:
        return where.double().mean(-1)
    return (where & rows).double().sum(-1) / rows.double().sum(-1)


def faithfulness(g: Tensor, h: Tensor) -> Tensor:
    """Share of rows where g and h (..., B, C) predict the same class -> (...) (FE-19)."""
    return share(examples.faithful(g, h))


def r_squared(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - residual / total sum of squares over rows and outputs, (..., B, C) -> (...): 1 is exact, 0 is the mean.

    For regression it takes accuracy's place (g against y) and faithfulness's (h against g).
    """
    residual = (prediction - target).double().square().sum((-2, -1))
    total = (target - target.mean(-2, keepdim=True)).double().square().sum((-2, -1))
    return 1 - residual / total.clamp_min(1e-30)


def geometric_mean(predictive: Tensor, faith: Tensor) -> Tensor:
    """sqrt(accuracy x faithfulness), which chooses eta and the epoch on validation rows; negative R^2 counts as 0."""
    return (predictive.clamp_min(0) * faith.clamp_min(0)).sqrt()


class Curves(NamedTuple):
    """f(.)_y with the top s features inserted and deleted, for K values s (..., K), and of the whole input (...)."""

    s: tuple[int, ...]
    inserted: Tensor
    deleted: Tensor
    whole: Tensor

    @property
    def insertion(self) -> Tensor:
        """Mean over s: higher is better (...) (ID-1)."""
        return self.inserted.mean(-1)

    @property
    def deletion(self) -> Tensor:
        """Mean over s: lower is better (...) (ID-2)."""
        return self.deleted.mean(-1)


@torch.no_grad()
def curves(f: Predictor, theta: Theta, x: Tensor, y: Tensor, b: Tensor, phi: Tensor, s: Sequence[int]) -> Curves:
    """Insertion and deletion curves of explanations phi (R, B, Q) for inputs x (R, B, *input), hard masks (ID-1, ID-2).

    Protocol: the first point is s[0] features, neither the bare background nor, unless s says so, the whole input;
    plain mean over s; the background b replaces what is masked; y (R, B) is the class explained and scored, which
    callers choose: the predicted one in our experiments.
    """
    path = follow(f, theta, x, y, b, masks.top_mask(masks.check_phi(phi), s))
    return Curves(tuple(s), path.inserted.exp(), path.deleted.exp(), path.whole.exp())


@torch.no_grad()
def sensitivity_n(
    f: Predictor, theta: Theta, x: Tensor, y: Tensor, b: Tensor, phi: Tensor, generators: Sequence[torch.Generator],
    n: int = 4, sets: int = 100, segments: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Sensitivity-n: correlation over random sets of n features between their sum in phi and the drop of f(x)_y.

    phi (R, B, D) with D features or superpixels, x (R, B, *input), y (R, B) -> (R, B); 0 where either is constant.
    """
    D = phi.shape[-1]
    if not 1 <= n < D:
        raise ValueError(f"n must lie between 1 and D - 1 = {D - 1}, got {n}")
    if len(generators) != len(phi):
        raise ValueError(f"generators must be one for each of {len(phi)} runs, got {len(generators)}")
    ranks = torch.stack([torch.rand(sets, D, generator=g, device=g.device) for g in generators]).argsort(-1)
    removed = (ranks.argsort(-1) < n).to(phi.dtype)  # (R, sets, D)
    drop = log_probability(f(theta, x), y).exp()[..., None] - perturbed_probability(
        f, theta, x, y, b, 1 - removed, segments
    )
    largest = phi.abs().amax(-1, keepdim=True)
    sums = (phi / largest.where(largest > 0, 1)) @ removed.mT  # the unit of phi is nobody's business
    pair = torch.stack([sums, drop]).double()
    pair = pair - pair.mean(-1, keepdim=True)
    constant = (pair.abs() < ROUNDING).all(-1).any(0)
    correlation = pair.prod(0).sum(-1) / pair.norm(dim=-1).prod(0)
    return torch.where(constant, 0.0, correlation)


@torch.no_grad()
def masked_accuracy(f: Predictor, theta: Theta, x: Tensor, y: Tensor, b: Tensor, Z: Tensor) -> Tensor:
    """Accuracy on inputs x (R, B, *input) with features masked by each of Z (R, M, D), mean over both -> (R,).

    Low where what is masked is missed, and where masking takes inputs to a place that the predictor has not seen
    (missingness bias): compare predictors, not with accuracy on whole inputs.
    """
    right = 0
    for z in Z.split(20, -2):
        own = z[:, None].expand(-1, x.shape[1], -1, -1)
        right = right + (predict(f, theta, insert(x, b, own)).argmax(-1) == y[..., None]).double().sum((1, 2))
    return right / (x.shape[1] * Z.shape[-2])


def valscore(accuracy: Tensor, insertion: Tensor, deletion: Tensor, eta: float = 2.0) -> Tensor:
    """eta Acc + Ins + 1 - Del, which chooses epochs and hyperparameters (ID-15)."""
    return eta * accuracy + insertion + 1 - deletion
