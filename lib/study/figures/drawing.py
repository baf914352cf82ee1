"""Boxes, arrows and an empty sheet, for figures that explain and show no data; and names at the ends of lines."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.transforms import blended_transform_factory

from lib.study.figures.style import INK, WIDTH

GREY, BLUE, SAND = "#f2f2f2", "#dbe9f4", "#fbe3d3"  # what is given or computed, the network, what is trained or chosen


def sheet(xlim: tuple[float, float], ylim: tuple[float, float], *, height: float) -> tuple[Figure, Axes]:
    """Empty axes without ticks, one unit as long in both directions, at the book's width."""
    fig, ax = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    ax.set(xlim=xlim, ylim=ylim, aspect="equal")
    ax.axis("off")
    return fig, ax


def box(ax: Axes, at: tuple[float, float], text: str, *, width: float, height=0.9, fill=GREY, edge=INK, size=14):
    """A rounded box around its centre, with a text in it."""
    corner = (at[0] - width / 2, at[1] - height / 2)
    shape = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.12", fc=fill, ec=edge, lw=1.4)
    ax.add_patch(shape)
    ax.text(*at, text, ha="center", va="center", fontsize=size, linespacing=1.3)


def arrow(ax: Axes, start, end, *, style: str = "-|>", color: str = INK, width: float = 1.4) -> None:
    """An arrow between two points."""
    look = {"arrowstyle": style, "color": color, "lw": width, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=look)


def ends(ax: Axes) -> None:
    """Each line's label beside its right end, for a legend; where ends are close, 1.25 lines apart."""
    ax.figure.draw_without_rendering()
    size = plt.rcParams["legend.fontsize"]
    gap = 1.25 * size * ax.figure.dpi / 72 / ax.get_window_extent().height  # of the axes' height
    named = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    points = [line.get_transform().transform(line.get_xydata()[-1]) for line in named]
    heights = [ax.transAxes.inverted().transform(point)[1] for point in points]
    place = -gap
    for height, line in sorted(zip(heights, named), key=lambda pair: pair[0]):
        place = max(height, place + gap)
        at = blended_transform_factory(ax.transData, ax.transAxes)
        ax.annotate(line.get_label(), (line.get_xdata()[-1], place), (9, 0), xycoords=at, textcoords="offset points",
                    va="center", color=INK, fontsize=size, annotation_clip=False)  # fmt: skip
