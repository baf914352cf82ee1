"""What every explainer is to the rest of the library: its cells, what it draws, and what it gives back."""

from typing import NamedTuple

import torch
from torch import Tensor

from lib import masks
from lib.predictor import Predictor


class Explained(NamedTuple):
    """Contributions and what was computed on the way to them, so that nobody computes it again."""

    phi: Tensor  # (..., D) contributions of the cells
    log_p: Tensor | None = None  # (...) log f(x)_y
    y_tilde: Tensor | None = None  # (..., M) f(x~_m)_y, the perturbed predictions


class Explainer:
    """The protocol. A subclass is a frozen dataclass of its own options and defines at least `explain`.

    Cells are what contributions belong to: by default an input's features or pixels, else superpixels or the positions
    of a map. Shapes are those of one input: (Q,) for vectors, (C, H, W) for images.
    """

    trainable = True  # whether ID-ExpO may train through `explain`; False where no gradient passes

    @property
    def name(self) -> str:
        """As in records and tables."""
        return type(self).__name__

    def cells(self, shape: torch.Size) -> int:
        """D, the number of cells of one input."""
        return shape[0] if len(shape) == 1 else shape[-2:].numel()

    def expand(self, values: Tensor, shape: torch.Size) -> Tensor:
        """What belongs to cells (..., D), contributions or masks, for each feature or pixel: (..., Q)."""
        return values

    def steps(self, shape: torch.Size, S: float) -> list[int]:
        """The numbers s of cells that are inserted and deleted, up to the share S of them (see `masks.steps`)."""
        return masks.steps(self.cells(shape), S)

    def draw(
        self, shape: torch.Size, generator: torch.Generator, *, rows: int | None = None, dtype=torch.float32
    ) -> dict[str, Tensor]:
        """All that is random in explaining a batch of one model, as keyword arguments of `explain`.

        rows: how many inputs are to be explained, for explainers that draw for each; None: one draw for all, whose
        batch axis is 1.
        """
        return {}

    def explain(self, predictor: Predictor, x: Tensor, y: Tensor, **drawn: Tensor) -> Explained:
        """Contributions to f(x)_y, differentiable in the predictor's parameters: x (..., *input), y (...)."""
        raise NotImplementedError

    def inputs(self, shape: torch.Size) -> int:
        """How many inputs are predicted for each that is explained: what a batch costs in time and memory."""
        return 1


FEATURES = Explainer()  # cells that are the features or pixels themselves
