"""FE in one picture: two models, one network."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.study.figures.style import INK, METHODS, PAPER, WIDTH


def architecture() -> Figure:
    """The prediction model g and the explanation model h share the network f; gates decide which examples h may use."""
    fig, ax = plt.subplots(figsize=(WIDTH, 4.4), layout="constrained")
    ax.set(xlim=(0.2, 9.9), ylim=(0.2, 6.8), aspect="equal")
    ax.axis("off")
    ours, joint = METHODS["Ours"].color, METHODS["Joint"].color
    grey, blue, sand = "#f2f2f2", "#dbe9f4", "#fbe3d3"
    low, high = 1.3, 4.8

    _box(ax, 0.9, low, 1.1, "$x$", grey)
    for shift in (0.3, 0.15, 0):
        _box(ax, 0.9 + shift, high + shift, 1.1, "" if shift else "$x_n$", grey)
    _box(ax, 2.75, (low + high) / 2, 0.9, "$f$", blue, height=high - low + 1)
    _box(ax, 4.45, low, 1.15, "$f(x)$", blue)
    _box(ax, 4.45, high, 1.15, "$f(x_n)$", blue)
    _box(ax, 5.85, high, 0.6, "$k$", grey, height=0.6)
    _box(ax, 7.2, low, 1.3, "$W$", sand)
    _box(ax, 7.2, high, 1.3, "$A$", sand)
    _box(ax, 9.1, low, 1.15, "$g(x)$", grey, ours)
    _box(ax, 9.1, high, 1.15, "$h(x)$", grey, joint)
    across = {low: [(1.45, 2.3), (3.2, 3.87), (5.03, 6.55), (7.85, 8.52)]}
    across[high] = [(1.75, 2.3), (3.2, 3.87), (5.03, 5.55), (6.15, 6.55), (7.85, 8.52)]
    for y, arrows in across.items():
        for start, end in arrows:
            _arrow(ax, (start, y), (end, y))
    _arrow(ax, (4.75, low + 0.45), (5.75, high - 0.3))
    _arrow(ax, (9.1, low + 0.5), (9.1, high - 0.5), "<|-|>", joint)
    _gates(ax, 7.2, high + 0.55)

    small = {"fontsize": 11, "va": "center"}
    ax.text(5.5, 2.8, "similarity\n$f(x_n)^\\top f(x)$", **small)
    ax.text(8.95, 3.05, "same\nanswer?", ha="right", color=joint, **small)
    for x, y, name in (
        (0.9, 0.55, "to predict"),
        (1.05, 6.0, "training\nexamples"),
        (2.75, 5.6, "shared"),
        (7.2, 0.55, "last layer"),
        (7.2, 4.05, "influence"),
        (9.1, 0.55, "prediction"),
        (9.1, 5.6, "explanation"),
    ):
        ax.text(x, y, name, ha="center", **small)
    return fig


def _gates(ax: Axes, x: float, y: float) -> None:
    """A row of gates above A, two of them open: only their examples reach h."""
    is_open = (False, True, False, False, True, False)
    for i, filled in enumerate(is_open):
        left = x + 0.3 * (i - len(is_open) / 2) + 0.03
        color = METHODS["Ours"].color if filled else PAPER
        ax.add_patch(plt.Rectangle((left, y), 0.24, 0.24, facecolor=color, edgecolor=INK, linewidth=1))
    ax.text(x, y + 0.55, "gates, most shut", ha="center", va="center", fontsize=11)


def _box(ax: Axes, x: float, y: float, width: float, text: str, fill: str, edge=INK, height=0.9) -> None:
    corner = (x - width / 2, y - height / 2)
    shape = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.12", fc=fill, ec=edge, lw=1.4)
    ax.add_patch(shape)
    ax.text(x, y, text, ha="center", va="center", fontsize=14)


def _arrow(ax: Axes, start, end, style: str = "-|>", color: str = INK) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": style, "color": color, "lw": 1.4, "shrinkA": 0, "shrinkB": 0})
