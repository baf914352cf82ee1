"""Findings told by one figure each: methods in the plane of two scores, and differences with their intervals."""

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.study.figures.colours import PAPER
from lib.study.figures.rows import remember
from lib.study.figures.style import FAINT, INK, METHODS, WIDTH, headline, look, number, ordered

MARKERS = "os^D"


def plane(means: pd.DataFrame, title: str, *, xlabel: str, ylabel: str) -> Figure:
    """Methods where their two scores put them, each named beside its point; bars: standard errors.

    means: index method, columns x, y, x_error, y_error.
    """
    fig, ax = plt.subplots(figsize=(WIDTH, 3.6))
    for method in ordered(means.index):
        x, y, x_error, y_error = means.loc[method, ["x", "y", "x_error", "y_error"]]
        ax.errorbar(x, y, xerr=x_error, yerr=y_error, elinewidth=1, **look(method) | {"markersize": 9})
    ax.grid(axis="x")
    ax.margins(0.16)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    headline(fig, title)
    _named(fig, ax, means)
    x, y = (label.split(",")[0] for label in (xlabel, ylabel))
    names = {"x": x, "y": y, "x_error": f"{x}: standard error", "y_error": f"{y}: standard error"}
    return remember(fig, means.rename(columns=names).rename_axis("method").reset_index())


def _named(fig: Figure, ax: Axes, means: pd.DataFrame) -> None:
    """Each method's name beside its point, on the first of four sides where it covers no point and no other name."""
    fig.canvas.draw()
    points, taken = ax.transData.transform(means[["x", "y"]].to_numpy(float)), []
    for i, (method, point) in enumerate(zip(means.index, points)):
        for dx, dy, ha, va in ((9, 5, "left", "bottom"), (-9, 5, "right", "bottom"), (9, -5, "left", "top"),
                               (-9, -5, "right", "top")):  # fmt: skip
            text = ax.annotate(method, means.loc[method, ["x", "y"]], (dx, dy), textcoords="offset points",
                               ha=ha, va=va, color=INK)  # fmt: skip
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken) and not box.contains(*point):
                free = [p for j, p in enumerate(points) if j != i and box.expanded(1.05, 1.2).contains(*p)]
                inside = ax.get_window_extent()
                if not free and box.x0 > inside.x0 and box.x1 < fig.bbox.x1 and box.y0 > inside.y0:
                    break
            text.remove()
        else:
            text = ax.annotate(method, means.loc[method, ["x", "y"]], (9, 5), textcoords="offset points", color=INK)
            box = text.get_window_extent()
        taken.append(box)


def trails(rows: pd.DataFrame, title: str, *, xlabel: str, ylabel: str, looks: dict[str, tuple[str, str]]) -> Figure:
    """A path through the plane of two scores for each name, its ends marked with what is turned up along it.

    rows: columns name, at, x, y, in the order of `at`. looks: name -> (colour, marker).
    """
    names = list(dict.fromkeys(rows["name"]))
    fig, axes = plt.subplots(1, len(names), figsize=(WIDTH, 2.9), sharey=True, squeeze=False)
    for ax, name in zip(axes.flat, names):
        part = rows[rows["name"] == name]
        color, marker = looks[name]
        ax.plot(part["x"], part["y"], color=color, linewidth=1.2)
        ax.scatter(part["x"], part["y"], s=np.linspace(12, 90, len(part)), color=color, marker=marker, zorder=3)
        places = part[["x", "y"]].to_numpy()
        for end, near in ((0, 1), (-1, -2)):  # a number stands above or below its end, where no line is
            beyond = (0, 12 if places[end, 1] >= places[near, 1] else -12)
            how = {"textcoords": "offset points", "ha": "center", "va": "center"}
            ax.annotate(number(part["at"].iloc[end]), places[end], beyond, **how)
        ax.set(title=name, xlabel=xlabel)
        ax.margins(0.3)
        ax.grid(axis="x")
        ax.locator_params(axis="x", nbins=3)
        low, high = ax.get_xlim()
        ax.set_xlim(low - max(0, 0.1 - (high - low)) / 2, high + max(0, 0.1 - (high - low)) / 2)
    axes[0, 0].set_ylabel(ylabel)
    headline(fig, title)
    return remember(fig, rows[["name", "at", "x", "y"]].rename(columns={"x": xlabel, "y": ylabel}))


def intervals(rows: pd.DataFrame, title: str, *, xlabel: str, order: Sequence[str] | None = None) -> Figure:
    """Differences with their intervals, a panel for each `panel`, the rows shared; hollow where 0 lies within.

    rows: columns row, panel, value, low, high; color if they are to differ; series if a row has several, each of which
    gets a marker. order: of the rows, from above.
    """
    rows = rows if "series" in rows else rows.assign(series="")
    panels, series = list(dict.fromkeys(rows["panel"])), list(dict.fromkeys(rows["series"]))
    order = list(order or dict.fromkeys(rows["row"]))
    size = (WIDTH, 0.16 * (len(series) + 1) * len(order) + 1.5)
    fig, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for ax, panel in zip(axes.flat, panels):
        for row in rows[rows["panel"] == panel].itertuples():
            color, nth = getattr(row, "color", METHODS["ID-ExpO"].color), series.index(row.series)
            place = order.index(row.row) + 0.8 * ((nth + 0.5) / len(series) - 0.5)
            ax.errorbar(
                row.value, place, xerr=[[row.value - row.low], [row.high - row.value]], fmt=MARKERS[nth],
                color=color, markerfacecolor=color if row.low > 0 or row.high < 0 else PAPER, markersize=6,
                elinewidth=1.4, label=row.series,
            )  # fmt: skip
        ax.axvline(0, color=INK, linewidth=1)
        ax.set_title(panel)
        ax.grid(axis="x")
        ax.grid(axis="y", color=FAINT)
        ax.locator_params(axis="x", nbins=3, min_n_ticks=2)
    axes[0, 0].set_yticks(range(len(order)), [textwrap.fill(row, 30) for row in order])
    axes[0, 0].set_ylim(len(order) - 0.5, -0.5)
    axes[0, len(panels) // 2].set_xlabel(xlabel)
    if len(series) > 1:
        plain = {"color": METHODS["ID-ExpO"].color, "linestyle": ""}
        handles = [plt.Line2D([], [], marker=marker, **plain) for marker, _ in zip(MARKERS, series)]
        fig.legend(handles, series, loc="outside lower center", ncols=2)
    headline(fig, title)
    return remember(fig, rows[["row", "series", "panel", "value", "low", "high"]])
