"""Cells of an image: square superpixels and the positions of a map, and what belongs to each of their pixels."""

from functools import cache

import torch
from torch import Tensor

from lib import masks
from lib.explainers.base import Explainer
from lib.options import is_whole


def squares(height: int, width: int, side: int) -> tuple[int, ...]:
    """Each pixel's superpixel, in row order, where superpixels are squares of `side` pixels: numbers 0 ... D - 1."""
    if side < 1 or height % side or width % side:
        raise ValueError(f"side must divide the image's {height} x {width} pixels, got {side}")
    row, column = torch.arange(height) // side, torch.arange(width) // side
    return tuple((row[:, None] * (width // side) + column).flatten().tolist())


def expand_grid(values: Tensor, grid: tuple[int, int], pixels: tuple[int, int]) -> Tensor:
    """Values of a map's positions (..., h w) for the pixels they lie over, (..., H W); h divides H, w divides W."""
    (h, w), (H, W) = grid, pixels
    if H % h or W % w:
        raise ValueError(f"grid must divide the image's {H} x {W} pixels, got {h} x {w}")
    spread = values.unflatten(-1, (h, 1, w, 1)).expand(*values.shape[:-1], h, H // h, w, W // w)
    return spread.reshape(*values.shape[:-1], H * W)


def cell_steps(D: int, Q: int, S: float) -> list[int]:
    """Numbers of cells for s = D, 2 D, ... pixels up to S Q, where Q pixels have D cells of one size.

    By the threshold of ID-5 a cell counts as soon as one of its pixels does, so s pixels are s D / Q cells, rounded up.
    """
    return [-(-s * D // Q) for s in masks.steps(Q, S, D)]


class Segmented(Explainer):
    """Cells are superpixels, where a subclass's `segments` numbers each pixel's in row order: 0 ... D - 1."""

    segments: tuple[int, ...] | None

    def cells(self, shape: torch.Size) -> int:
        if self.segments is None:
            return super().cells(shape)
        if len(self.segments) != (pixels := super().cells(shape)):
            raise ValueError(f"segments must number each of {pixels} pixels, got {len(self.segments)} numbers")
        return max(self.segments) + 1

    def steps(self, shape: torch.Size, S: float) -> list[int]:
        """On superpixels s grows by as many pixels as there are superpixels, as in the paper."""
        if self.segments is None:
            return super().steps(shape, S)
        return cell_steps(self.cells(shape), shape[-2:].numel(), S)

    def expand(self, values: Tensor, shape: torch.Size) -> Tensor:
        return values if self.segments is None else values[..., index(self.segments, values.device)]

    def check_segments(self) -> None:
        """ValueError unless the superpixels are numbered without a gap."""
        of = self.segments
        if of is not None and not (isinstance(of, tuple) and of and all(map(is_whole, of))):
            raise ValueError(
                f"segments must be a tuple of each pixel's superpixel, as (0, 0, 1, 1), or None, got {of!r}"
            )
        if of is not None and set(of) != set(range(len(set(of)))):
            raise ValueError("segments must number the superpixels 0, 1, 2, ... without a gap")


@cache
def index(segments: tuple[int, ...], device: torch.device) -> Tensor:
    """The same numbers as a tensor on a device."""
    return torch.tensor(segments, device=device)
