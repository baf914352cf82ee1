"""The book's plotting style, and the figures used more than once.

Every method keeps its colour, marker and line in the whole book. Colours stay apart for colour-blind readers (a test
simulates them), methods without a sparse regulariser are dashed with hollow markers. Figures stand on a solid light
card, so they read the same in light and dark mode, and letters stay legible when a phone shrinks them.
"""

import itertools
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from lib.study import records

WIDTH = 6.4  # inches: the widest that keeps 12-point letters legible on a phone
MIN_SPAN = 0.1  # of a score's axis, so that noise does not fill the panel
INK, PAPER, FAINT = "#222222", "#ffffff", "#d9d9d9"


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
    "PretrainR": Look("#882255", "D"),
    "Pretrain": Look("#9a5fe0", "P", "--", True),
    "ID-ExpO": Look("#0072b2", "o"),
    "ExpO-S": Look("#d55e00", "s"),
    "ExpO-F": Look("#117733", "^"),
    "CE-only": Look("#555555", "X", "--", True),
    "pretrained": Look("#9a5fe0", "*", "", True),
    "Del-A": Look("#0072b2", "o"),
    "Del-B": Look("#d55e00", "s"),
    "Del-C": Look("#117733", "^"),
}

STYLE = {
    "figure.figsize": (WIDTH, 4.0),
    "figure.dpi": 110,
    "savefig.dpi": 144,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "axes.facecolor": PAPER,
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
    "lines.linewidth": 1.8,
    "lines.markersize": 6.5,
    "axes.prop_cycle": plt.cycler(color=["#0072b2", "#d55e00", "#117733", "#882255", "#2aa198", "#9a5fe0"]),
    "image.cmap": "viridis",
    "svg.hashsalt": "book",  # the same figure gives the same file
}


def use() -> None:
    """Draw in the book's style from here on."""
    plt.rcParams.update(STYLE)


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


# --- Curves ----------------------------------------------------------------------------------------------------------


def curves(
    frame: pd.DataFrame,
    x: str,
    title: str,
    xlabel: str,
    ylabel: str,
    panel: str = "dataset",
    last: str | None = None,
    columns: int = 2,
) -> Figure:
    """One panel for each data set, one line for each method: mean over splits of `value`, standard-error bars.

    frame: records of one measure. x: U, eta or lam; its values stand evenly spaced, as their ratios matter.
    last: what to call the largest x of each panel ("all" for U). title: the finding.
    """
    panels = list(dict.fromkeys(frame[panel]))
    fig, axes = grid(len(panels), columns, height=2.5)
    summary = records.mean_sem(frame, [panel, "method", x])
    for ax, name in zip(axes, panels):
        part = summary[summary[panel] == name]
        ticks = sorted(part[x].dropna().unique())
        for i, method in enumerate(methods := ordered(part["method"])):
            line = part[part["method"] == method].dropna(subset=x).sort_values(x)
            # Lines that share a value stay visible: each method stands a little to the side.
            at = np.array([ticks.index(v) for v in line[x]]) + 0.04 * (i - (len(methods) - 1) / 2)
            ax.errorbar(at, line["mean"], yerr=line["sem"], capsize=2, elinewidth=1, label=method, **look(method))
        labels = [number(v) for v in ticks]
        ax.set_xticks(range(len(ticks)), [*labels[:-1], last] if last else labels)
        ax.set_title(name)
        low, high = ax.get_ylim()
        slack = max(0.0, MIN_SPAN - (high - low)) / 2
        ax.set_ylim(low - slack, high + slack)
    _finish(fig, axes, title, xlabel, ylabel)
    return fig


def paths(means: dict[str, Sequence], title: str, S: int = 0, first: int = 1, looks: dict | None = None) -> Figure:
    """Insertion and deletion curves side by side: name -> (inserted, deleted), each the mean at s = first, ..., Q.

    S: the first steps, shaded. looks: name -> keyword arguments for `plot`; else lines of three kinds in turn.
    """
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.5), sharey=True)
    for i, (ax, part) in enumerate(zip(axes, ("inserted", "deleted"))):
        if S:
            ax.axvspan(0, S, color=FAINT, alpha=0.5)
        for (name, pair), line in zip(means.items(), itertools.cycle(("-", "--", ":"))):
            style = looks[name] if looks else {"linestyle": line}
            ax.plot(range(first, first + len(pair[i])), pair[i], label=name, **style)
        ax.set(title=part, xlabel=f"s, features {part}", ylim=(0, 1.02), xlim=(0, first + len(pair[i]) - 1))
    axes[0].set_ylabel("mean probability\nof the predicted class")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    headline(fig, title)
    return fig


def fronts(frame: pd.DataFrame, title: str, rows: Sequence[str], scores=("insertion", "1 − deletion")) -> Figure:
    """Each score against accuracy, a row of panels for each value of `panel`, a line for each method through its etas.

    frame: records of accuracy and the scores on test rows, with columns panel, method, eta and split. Points are means
    over splits with standard errors; the point of the largest eta is drawn larger.
    """
    fig, axes = grid(2 * len(rows), 2, height=2.2)
    summary = records.mean_sem(frame, ["panel", "method", "eta", "measure"])
    for i, ax in enumerate(axes):
        panel, score = rows[i // 2], scores[i % 2]
        part = summary[summary["panel"] == panel]
        for method in ordered(part["method"]):
            own = part[part["method"] == method].set_index(["eta", "measure"])[["mean", "sem"]].unstack()
            x, y = (own.xs(measure, axis=1, level=1) for measure in ("accuracy", score))
            style = look(method)
            ax.errorbar(x["mean"], y["mean"], xerr=x["sem"], yerr=y["sem"], elinewidth=0.6, label=method, **style)
            ax.plot(x["mean"].iloc[-1], y["mean"].iloc[-1], **style | {"markersize": 10})
        ax.set(title=panel if i % 2 == 0 else "", ylabel=score)
        ax.grid(axis="x")
    _finish(fig, axes, title, "accuracy", "")
    return fig


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


def _finish(fig: Figure, axes: Sequence[Axes], title: str, xlabel: str, ylabel: str) -> None:
    """The title above, names of the axes, and one legend for all panels below."""
    headline(fig, title)
    fig.supylabel(ylabel, fontsize=12)
    columns = axes[0].get_gridspec().ncols
    for ax in axes[-columns:]:  # those with nothing below
        ax.set_xlabel(xlabel)
    found = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels())}
    names = ordered(found)
    if len(names) > 1:
        fig.legend([found[m] for m in names], names, loc="outside lower center", ncols=3)


def nothing(text: str) -> Figure:
    """A figure's place while its records are missing."""
    fig, ax = plt.subplots(figsize=(WIDTH, 1))
    ax.text(0.5, 0.5, text, ha="center", va="center")
    ax.axis("off")
    return fig


def headline(fig: Figure, title: str) -> None:
    """A title that says the finding, wrapped to the figure's width, at its left edge."""
    fig.suptitle(textwrap.fill(title, 62), x=0.01, ha="left", fontweight="bold")


# --- Images ----------------------------------------------------------------------------------------------------------


def images(pictures: Sequence[np.ndarray], captions: Sequence[str], title: str, columns: int = 5) -> Figure:
    """Pictures (H, W, 3) in rows, each under its caption."""
    if len(pictures) != len(captions):
        raise ValueError(f"captions must be as many as pictures, got {len(captions)} and {len(pictures)}")
    fig, axes = grid(len(pictures), columns, height=1.45)
    fig.set_figheight(1.6 * math.ceil(len(pictures) / columns) + 0.5)
    for ax, picture, caption in zip(axes, pictures, captions):
        ax.imshow(picture, interpolation="nearest")
        ax.set_title(caption, fontsize=11, fontweight="normal", loc="center")
        ax.axis("off")
    headline(fig, title)
    return fig


# --- The architecture ------------------------------------------------------------------------------------------------


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
