"""Figures of the book: `style` says how everything looks, the other files draw.

figures.use()
fig = figures.curves(rows, x="U", title="A finding", xlabel="U", ylabel="accuracy, higher is better")
"""

from lib.study.figures.architecture import architecture, both_papers, two_paths
from lib.study.figures.plots import curves, fronts, images, paths
from lib.study.figures.style import (
    FAINT,
    INK,
    METHODS,
    MIN_SPAN,
    PAPER,
    WIDTH,
    Look,
    grid,
    headline,
    look,
    nothing,
    number,
    ordered,
    use,
)

__all__ = [
    "FAINT",
    "INK",
    "METHODS",
    "MIN_SPAN",
    "PAPER",
    "WIDTH",
    "Look",
    "architecture",
    "both_papers",
    "curves",
    "fronts",
    "grid",
    "headline",
    "images",
    "look",
    "nothing",
    "number",
    "ordered",
    "paths",
    "two_paths",
    "use",
]
