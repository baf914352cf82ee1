"""Any attribution method of Captum as an explainer: for measuring networks by explanations that were not trained.

Attribution("IntegratedGradients", segments=squares(32, 32, 4))
Attribution("Occlusion", segments, options=(("sliding_window_shapes", (3, 4, 4)), ("strides", (3, 4, 4))))
"""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lib.explainers.base import Explained
from lib.explainers.cells import Segmented, index
from lib.options import check_counts
from lib.predictor import Predictor, check_labels


@dataclass(frozen=True)
class Attribution(Segmented):
    """Contributions to f(x)_y as a method of `captum.attr` gives them, summed over channels and the pixels of a cell.

    method: the name of its class. segments: each pixel's superpixel in row order, see `Linear`; None: pixels or
    features. options: of its `attribute`, as pairs. The background is its baseline, where it has one. n_steps: points
    on the way from there, of methods that integrate. No gradient passes: it cannot be trained through.
    """

    method: str = "IntegratedGradients"
    segments: tuple[int, ...] | None = None
    options: tuple[tuple[str, Any], ...] = ()
    n_steps: int = 50

    trainable = False

    def __post_init__(self):
        check_counts(self, "n_steps")
        self.check_segments()

    @property
    def name(self) -> str:
        """The class's name in words: Integrated Gradients."""
        return "".join(f" {c}" if c.isupper() else c for c in self.method).strip()

    def inputs(self, shape: torch.Size) -> int:
        return self.n_steps

    def explain(self, predictor: Predictor, x: Tensor, y: Tensor) -> Explained:
        """phi (..., D) of x (..., *input) and y (...). ValueError for a method that Captum has not."""
        if predictor.stacked:
            raise ValueError("predictor must be one model, got several in a stack")
        found = self._method()(predictor.probabilities)
        batch, rows = predictor.batch(x), x.detach().reshape(-1, *predictor.b.shape)
        check_labels(y, batch, C=predictor.logits(rows[:1]).shape[-1])
        own = {"baselines": predictor.b.expand_as(rows), "n_steps": self.n_steps}
        known = inspect.signature(found.attribute).parameters
        given = {n: value for n, value in own.items() if n in known} | dict(self.options)
        with torch.enable_grad():
            phi = found.attribute(rows.clone().requires_grad_(), target=y.reshape(-1), **given).detach()
        phi = phi.to(x.dtype) if phi.ndim == 2 else phi.to(x.dtype).sum(1).flatten(1)
        if self.segments is not None:
            cells = phi.new_zeros(len(phi), self.cells(predictor.b.shape))
            phi = cells.index_add(1, index(self.segments, phi.device), phi)
        return Explained(phi.reshape(*batch, -1))

    def _method(self) -> Any:
        try:
            from captum import attr
        except ImportError as error:
            raise ValueError(f"{self.method} needs the package captum: install requirements.lock") from error
        if not hasattr(attr, self.method):
            raise ValueError(f"method must be a class of captum.attr, got {self.method!r}")
        return getattr(attr, self.method)
