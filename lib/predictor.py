"""The predictor that is explained: f, its parameters theta, and the background b that stands for "feature absent"."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from lib.nets import Theta, log_probability

INDICES = (torch.int32, torch.int64)  # by which torch gathers


@dataclass(frozen=True)
class Predictor:
    """A classifier as its explanation sees it: inputs x (..., *input) with any leading axes, labels y in their shape.

    f: a function of (theta, rows) that gives logits, rows (n, *input) -> (n, C). b: the background, in the shape of one
    input, which says how many axes an input has. stacked: f holds R runs, and rows are (R, n, *input): then the first
    leading axis of everything is the runs'.
    """

    f: Any  # (theta, rows) -> logits, and what an explainer needs of it besides
    theta: Theta
    b: Tensor
    stacked: bool = False

    @classmethod
    def of(cls, module: nn.Module, b: Tensor) -> "Predictor":
        """Anybody's nn.Module, with its own parameters (gradients reach them) and in the mode that it is in.

        Call its `eval()` first: in training mode batch norm would take up statistics of masked rows, for good.
        """
        theta = dict(module.named_parameters()) | dict(module.named_buffers())
        return cls(lambda theta, rows: torch.func.functional_call(module, theta, (rows,)), theta, b)

    def at(self, theta: Theta) -> "Predictor":
        """The same f at other parameters."""
        return replace(self, theta=theta)

    def batch(self, x: Tensor) -> torch.Size:
        """The leading axes of x. ValueError unless its last are those of one input."""
        axes = x.ndim - self.b.ndim
        if axes < self.stacked or x.shape[axes:] != self.b.shape:
            raise ValueError(f"x must end in the axes of one input, {tuple(self.b.shape)}, got {tuple(x.shape)}")
        return x.shape[:axes]

    def logits(self, x: Tensor) -> Tensor:
        """f before the softmax: x (..., *input) -> (..., C)."""
        batch = self.batch(x)
        logits = self.f(self.theta, x.reshape(*batch[: self.stacked], -1, *self.b.shape))
        return logits.reshape(*batch, logits.shape[-1])

    def probabilities(self, x: Tensor) -> Tensor:
        """f(x), the probabilities of all classes: x (..., *input) -> (..., C)."""
        return self.logits(x).softmax(-1)

    def log_probability(self, x: Tensor, y: Tensor) -> Tensor:
        """log f(x)_y: x (..., *input), labels y in the shape of (...) or one that broadcasts to it -> (...)."""
        logits = self.logits(x)
        return log_probability(logits, check_labels(y, logits.shape[:-1], C=logits.shape[-1], shared=True))


def check_labels(
    y: Tensor, shape: torch.Size, *, C: int | None = None, shared: bool = False, name: str = "y"
) -> Tensor:
    """y itself; ValueError unless it is a class for each of (...) inputs, 0 to C - 1.

    shared: it may also be of a shape that broadcasts to theirs. C: None where it is not known yet. On a GPU classes are
    not read, as each step of a training would wait for them: a training checks its data's once, see `Single`.
    """
    if not isinstance(y, Tensor) or y.dtype not in INDICES or not _fits(y.shape, shape, shared):
        got = f"{y.dtype} {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
        raise ValueError(f"{name} must be an integer label for each input, {tuple(shape)}, got {got}")
    if C is not None and y.device.type == "cpu" and y.numel() and (y.min() < 0 or y.max() >= C):
        raise ValueError(f"{name} must be classes 0 to {C - 1}, got {y.min()} to {y.max()}")
    return y


def _fits(own: torch.Size, shape: torch.Size, shared: bool) -> bool:
    if not shared:
        return own == shape
    return len(own) <= len(shape) and all(a in (1, b) for a, b in zip(reversed(own), reversed(shape)))
