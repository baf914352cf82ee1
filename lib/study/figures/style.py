"""The book's plotting style: colours, markers, sizes, titles, and rows of panels.

Every method keeps its colour, marker and line in the whole book. Colours stay apart for colour-blind readers (a test
simulates them), methods without a sparse regulariser are dashed with hollow markers, and what is trained to predict
alone is grey. Figures are vector graphics on white paper, which the book's pages leave out; see `colours`.
"""

import math
import textwrap
from dataclasses import dataclass

import matplotlib.pyplot as plt
import seaborn
from IPython.core.getipython import get_ipython
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_formats

from lib.study.figures.colours import PAPER

WIDTH = 6.4  # inches: the widest that keeps 12-point letters legible on a phone
MIN_SPAN = 0.1  # of a score's axis, so that noise does not fill the panel
INK, FAINT = "#222222", "#d9d9d9"
PLUS, MINUS = "#a6761d", "#5f6f7f"  # signs of contributions, which are no method's colours


@dataclass(frozen=True)
class Look:
    """How one method is drawn."""

    color: str
    marker: str
    line: str = "-"
    hollow: bool = False


METHODS = {
    "Ours": Look("#0072b2", "o"),
    "Joint": Look("#d55e00", "s", "--", True),
    "RPSR": Look("#117733", "^"),
    "RPS": Look("#2aa198", "v", "--", True),
    "PretrainR": Look("#aa3377", "D"),
    "Pretrain": Look("#444444", "P", "--", True),
    "ID-ExpO": Look("#0072b2", "o"),
    "ExpO-S": Look("#d55e00", "s"),
    "ExpO-F": Look("#117733", "^"),
    "CE-only": Look("#444444", "X", "--", True),
    "Masked": Look("#aa3377", "D", ":", True),
    "pretrained": Look("#9a5fe0", "*", "", True),
    "Del-A": Look("#0072b2", "o"),
    "Del-B": Look("#d55e00", "s"),
    "Del-C": Look("#117733", "^"),
}

STYLE = {
    "figure.figsize": (WIDTH, 4.0),
    "figure.dpi": 110,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": "none",
    "figure.constrained_layout.use": True,
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 12,
    "figure.titlesize": 13,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "patch.edgecolor": PAPER,
    "patch.force_edgecolor": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 6.5,
    "axes.prop_cycle": plt.cycler(color=["#0072b2", "#d55e00", "#117733", "#aa3377", "#2aa198", "#9a5fe0"]),
    "image.cmap": "viridis",
    "image.interpolation": "none",  # pixels stay squares at any size
    "svg.hashsalt": "book",  # the same figure gives the same file
}


def use() -> None:
    """Draw in the book's style from here on, in a notebook as vector graphics."""
    seaborn.set_theme(style="ticks", font="DejaVu Sans", rc=STYLE)
    if get_ipython() is not None:
        set_matplotlib_formats("svg", metadata={"Date": None})  # the same figure on any day


def look(method: str) -> dict:
    """Keyword arguments for `plot` and `errorbar` that draw a method as everywhere else."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    style = METHODS[method]
    face = PAPER if style.hollow else style.color
    return {"color": style.color, "marker": style.marker, "linestyle": style.line, "markerfacecolor": face}


def ordered(methods) -> list[str]:
    """These methods in the book's order, Ours first."""
    return sorted(set(methods), key=list(METHODS).index)


def grid(n: int, columns: int = 2, height: float = 2.6) -> tuple[Figure, list[Axes]]:
    """n panels in rows of `columns`, at the book's width; height: inches a row."""
    columns = min(columns, n)
    rows = math.ceil(n / columns)
    fig, axes = plt.subplots(rows, columns, figsize=(WIDTH, height * rows + 1.1), squeeze=False, layout="constrained")
    for spare in axes.flat[n:]:
        spare.remove()
    return fig, list(axes.flat[:n])


def number(value: float) -> str:
    """A tick's label: powers of ten below 0.01 and above 1,000 as such, everything else plain."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if abs(exponent) >= 3 and math.isclose(value, 10.0**exponent):
        return f"$10^{{{exponent}}}$"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def nothing(text: str) -> Figure:
    """A figure's place while its records are missing."""
    fig, ax = plt.subplots(figsize=(WIDTH, 1))
    ax.text(0.5, 0.5, text, ha="center", va="center")
    ax.axis("off")
    return fig


def headline(fig: Figure, title: str) -> None:
    """A title that says the finding, wrapped to the figure's width, at its left edge."""
    fig.suptitle(textwrap.fill(title, 62, break_on_hyphens=False), x=0.01, ha="left", fontweight="bold")
