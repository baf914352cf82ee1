"""Grad-CAM: the maps of a convolutional layer, each weighted by how the class's probability answers to it."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from lib import masks
from lib.explainers.base import Explained, Explainer
from lib.explainers.cells import expand_grid
from lib.options import is_whole
from lib.predictor import Predictor, check_labels

OUTPUTS = ("probability", "logit")
ORDERS = (0, 1, 2)


def gradcam(A: Tensor, w: Tensor, *, relu: bool = True) -> Tensor:
    """ReLU( sum_i w_i A_i ): maps A (..., I, h, w), their weights w (..., I) -> (..., h w), in row order (ID-13)."""
    phi = (w[..., None, None] * A).sum(-3).flatten(-2)
    return phi.relu() if relu else phi


def map_weights(score: Tensor, A: Tensor, *, graph: bool = False) -> Tensor:
    """w_i, the mean over positions of d score / d A_i: score (n,) or (n, 1), maps A (n, I, h, w) -> (n, I) (ID-14).

    graph: whether the weights may be differentiated themselves (second order). All rows in one backward pass, which
    is right where no row's score depends on another one's maps.
    """
    (slope,) = torch.autograd.grad(score.sum(), A, create_graph=graph, retain_graph=True)
    return slope.mean((-2, -1))


def log_odds(logits: Tensor, y: Tensor) -> Tensor:
    """log p_y / (1 - p_y) of the softmax: logits (n, C), y (n,) -> (n,). Differentiable any number of times."""
    own = logits.gather(-1, y[:, None])[:, 0]
    return own - logits.scatter(-1, y[:, None], -torch.inf).logsumexp(-1)


@dataclass(frozen=True)
class GradCAM(Explainer):
    """Contributions of the positions of a layer's maps. f must have `split` (see lib.nets.resnet.Convolutional).

    layer: its name. grid: rows and columns of its maps. order: 2 differentiates the weights w too, 1 takes them as
    constants, 0 takes the contributions as constants. output: "probability" is the paper's; "logit" is the released
    code's. relu: False keeps negative contributions.
    """

    layer: str = "conv3_x"
    grid: tuple[int, int] = (8, 8)
    order: int = 2
    output: str = "probability"
    relu: bool = True

    def __post_init__(self):
        if not isinstance(self.layer, str):
            raise ValueError(f"layer must be the name of one, as conv3_x, got {self.layer!r}")
        two = isinstance(self.grid, tuple) and len(self.grid) == 2
        if not two or not all(is_whole(n, 1) for n in self.grid):
            raise ValueError(f"grid must be the rows and columns of a map, as (8, 8), got {self.grid!r}")
        if self.order not in ORDERS:
            raise ValueError(f"order must be one of {ORDERS}, got {self.order!r}")
        if self.output not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, got {self.output!r}")

    @property
    def name(self) -> str:
        return "Grad-CAM"

    def cells(self, shape: torch.Size) -> int:
        if any(pixels % n for pixels, n in zip(shape[-2:], self.grid)):
            raise ValueError(f"a map of {self.grid} must divide the image's rows and columns, got {tuple(shape[-2:])}: "
                             "take another layer, or images of another size")  # fmt: skip
        return self.grid[0] * self.grid[1]

    def steps(self, shape: torch.Size, S: float) -> list[int]:
        """s grows by the pixels of a cell, as in the paper."""
        cell = shape[-2:].numel() // self.cells(shape)
        return [s // cell for s in masks.steps(shape[-2:].numel(), S, cell)]

    def expand(self, values: Tensor, shape: torch.Size) -> Tensor:
        return expand_grid(values, self.grid, shape[-2:])

    def explain(self, predictor: Predictor, x: Tensor, y: Tensor) -> Explained:
        """phi (..., h w) and log f(x)_y (...) (ID-13).

        The probability is differentiated as p (1 - p) times the gradient of its log-odds: softmax's slope at
        its own logit is exactly 0 in single precision from margins of 17.
        """
        batch, graph = predictor.batch(x), torch.is_grad_enabled()
        if not hasattr(predictor.f, "split"):
            raise ValueError(f"f must be a network that can be cut (lib.nets.resnet.Convolutional), got "
                             f"{type(predictor.f).__name__}")  # fmt: skip
        stem, head = predictor.f.split(self.layer)
        A = stem(predictor.theta, x.reshape(-1, *predictor.b.shape))
        if A.shape[-2:] != self.grid:
            raise ValueError(f"grid must be that of the maps at {self.layer}, {tuple(A.shape[-2:])}, got {self.grid}")
        with torch.enable_grad():
            A = A if A.requires_grad else A.detach().requires_grad_()
            logits = head(predictor.theta, A)
            y = check_labels(y, batch, C=logits.shape[-1]).reshape(-1)
            odds = log_odds(logits, y)
            if self.output == "probability":
                w = map_weights(odds, A, graph=graph and self.order == 2)
                w = w * (odds.sigmoid() * odds.neg().sigmoid())[:, None]
            else:
                w = map_weights(logits.gather(-1, y[:, None]), A, graph=graph and self.order == 2)
            phi = gradcam(A, w if self.order == 2 else w.detach(), relu=self.relu)
            log_p = logsigmoid(odds)
        if not graph or self.order == 0:
            phi = phi.detach()
        log_p = log_p if graph else log_p.detach()
        return Explained(phi.reshape(*batch, -1), log_p.reshape(batch))
