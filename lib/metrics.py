"""How good predictions and their explanations are: FE's scores (of a set of rows), then ID's (of each input)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lib import examples, masks
from lib.explainers import FEATURES, Explainer, perturbed_probability
from lib.explainers.linear import product
from lib.predictor import Predictor
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
def curves(
    predictor: Predictor, x: Tensor, y: Tensor, *, phi: Tensor, s: Sequence[int], explainer: Explainer = FEATURES,
    whole: Tensor | None = None, ties: str = "first",
) -> Curves:  # fmt: skip
    """Insertion and deletion curves of explanations phi (..., D) for inputs x (..., *input), hard masks (ID-1, ID-2).

    Protocol: the first point is s[0] cells, neither the bare background nor, unless s says so, the whole input; plain
    mean over s; the background replaces what is masked; y (...) is the class explained and scored, which callers
    choose: the predicted one in our experiments. explainer: says which features or pixels a cell is, by default each
    its own. whole: log f(x)_y, where it is known already. ties: "first" takes exactly s cells, "threshold" all that are
    not below the s-th value (ID-5, ID-6), which moves the scores where many are equal.
    """
    r = explainer.expand(masks.hard_mask(phi, s, ties=ties), predictor.b.shape)
    path = follow(predictor, x, y, r=r, whole=whole)
    return Curves(tuple(s), path.inserted.exp(), path.deleted.exp(), path.whole.exp())


@torch.no_grad()
def sensitivity_n(
    predictor: Predictor, x: Tensor, y: Tensor, *, phi: Tensor, removed: Tensor, explainer: Explainer = FEATURES
) -> Tensor:
    """Sensitivity-n: correlation over sets of n cells between their sum in phi (..., D) and the drop of f(x)_y.

    removed: the sets, as `random_sets` draws them, (sets, D) or with the axes of x, 1 where shared. x (..., *input),
    y (...) -> (...); 0 where either is constant.
    """
    kept = explainer.expand(1 - removed, predictor.b.shape)
    drop = predictor.log_probability(x, y).exp()[..., None] - perturbed_probability(predictor, x, y, Z=kept)
    largest = phi.abs().amax(-1, keepdim=True)
    sums = product(removed, phi / largest.where(largest > 0, 1))  # a correlation has no unit; no underflow this way
    pair = torch.stack([sums, drop]).double()
    pair = pair - pair.mean(-1, keepdim=True)
    constant = (pair.abs() < ROUNDING).all(-1).any(0)
    correlation = pair.prod(0).sum(-1) / pair.norm(dim=-1).prod(0)
    return torch.where(constant, 0.0, correlation)


def random_sets(D: int, generator: torch.Generator, *, n: int = 4, sets: int = 100, dtype=torch.float32) -> Tensor:
    """Sets of n of D cells, 1 on those that are removed: (sets, D). ValueError unless 1 <= n < D."""
    if not 1 <= n < D:
        raise ValueError(f"n must lie between 1 and D - 1 = {D - 1}, got {n}")
    order = torch.rand(sets, D, generator=generator, device=generator.device).argsort(-1)
    return (order.argsort(-1) < n).to(dtype)


@torch.no_grad()
def masked_accuracy(predictor: Predictor, x: Tensor, y: Tensor, *, r: Tensor) -> Tensor:
    """Accuracy on inputs x (..., B, *input) masked by each of r (..., M, Q), mean over both -> (...).

    Low where what is masked is missed, and where masking takes inputs to a place that the predictor has not seen
    (missingness bias): compare predictors, not with accuracy on whole inputs.
    """
    right = 0
    for some in r.split(20, -2):
        own = some.unsqueeze(-3).expand(*y.shape, -1, -1)
        classes = predictor.logits(masks.insert(x, predictor.b, own)).argmax(-1)
        right = right + (classes == y[..., None]).double().sum((-2, -1))
    return right / (y.shape[-1] * r.shape[-2])


def valscore(accuracy: Tensor, insertion: Tensor, deletion: Tensor, *, eta: float = 2.0) -> Tensor:
    """eta Acc + Ins + 1 - Del, which chooses epochs and hyperparameters (ID-15)."""
    return eta * accuracy + insertion + 1 - deletion
