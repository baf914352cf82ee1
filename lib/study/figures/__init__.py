"""Figures of the book: `style` says how everything looks, the other files draw.

figures.use()
fig = figures.curves(rows, x="U", title="A finding", xlabel="U", ylabel="accuracy, higher is better")
"""

from lib.study.figures.architecture import architecture, both_papers, inside_explainers, two_paths
from lib.study.figures.colours import NIGHT, PAPER, contrast, night, themed
from lib.study.figures.drawing import ends
from lib.study.figures.findings import intervals, plane, trails
from lib.study.figures.own import bars, before_after
from lib.study.figures.plots import curves, fronts, images, paths
from lib.study.figures.rows import csv, remember
from lib.study.figures.style import (
    FAINT,
    INK,
    METHODS,
    MIN_SPAN,
    MINUS,
    PLUS,
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
