"""Explainers changed for an ablation: what does training through explanations owe to each of its parts?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lib.explainers.base import Explained, Explainer
from lib.options import reading
from lib.predictor import Predictor


@dataclass(frozen=True)
class Changed(Explainer):
    """The explainer `of` in all but its contributions."""

    of: Explainer = reading(Explainer())

    @property
    def trainable(self) -> bool:
        return self.of.trainable

    def cells(self, shape: torch.Size) -> int:
        return self.of.cells(shape)

    def expand(self, values: Tensor, shape: torch.Size) -> Tensor:
        return self.of.expand(values, shape)

    def steps(self, shape: torch.Size, S: float) -> list[int]:
        return self.of.steps(shape, S)

    def inputs(self, shape: torch.Size) -> int:
        return self.of.inputs(shape)

    def draw(self, shape: torch.Size, generator: torch.Generator, *, rows=None, dtype=torch.float32):
        return self.of.draw(shape, generator, rows=rows, dtype=dtype)

    def explain(self, predictor: Predictor, x: Tensor, y: Tensor, **drawn: Tensor) -> Explained:
        return self.of.explain(predictor, x, y, **drawn)


@dataclass(frozen=True)
class Constant(Changed):
    """Contributions as constants: training changes what the masked inputs give, and not who is masked."""

    trainable = True  # whatever it is of: that no gradient passes is the ablation

    def explain(self, predictor: Predictor, x: Tensor, y: Tensor, **drawn: Tensor) -> Explained:
        explained = self.of.explain(predictor, x, y, **drawn)
        return explained._replace(phi=explained.phi.detach())


@dataclass(frozen=True)
class Shuffled(Changed):
    """The same contributions, given to cells in random order: masks as soft and as many, and no explanation."""

    def draw(self, shape: torch.Size, generator: torch.Generator, *, rows=None, dtype=torch.float32):
        drawn = self.of.draw(shape, generator, rows=rows, dtype=dtype)
        keys = torch.rand(rows or 1, self.cells(shape), generator=generator, device=generator.device)
        return drawn | {"order": keys.argsort(-1)}

    def explain(self, predictor: Predictor, x: Tensor, y: Tensor, *, order: Tensor, **drawn: Tensor) -> Explained:
        explained = self.of.explain(predictor, x, y, **drawn)
        return explained._replace(phi=explained.phi.gather(-1, order.expand(explained.phi.shape)))
