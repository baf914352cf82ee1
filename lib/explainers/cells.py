"""Cells of an image: square superpixels and the positions of a map, and what belongs to each of their pixels."""

import torch
from torch import Tensor

from lib import masks


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
