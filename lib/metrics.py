"""How good a prediction and its explanation are. All scores: higher is better, one value a run."""

from torch import Tensor

from lib import examples


def accuracy(g: Tensor, y: Tensor) -> Tensor:
    """Share of rows whose largest output is the label: g (..., B, C), y (..., B) -> (...) (FE-18)."""
    return (g.argmax(-1) == y).double().mean(-1)


def faithfulness(g: Tensor, h: Tensor) -> Tensor:
    """Share of rows where g and h (..., B, C) predict the same class -> (...) (FE-19)."""
    return examples.faithful(g, h).double().mean(-1)


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
