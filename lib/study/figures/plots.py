"""Figures drawn more than once: curves and fronts of records, paths of insertion and deletion, rows of pictures."""

import itertools
import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.study.figures.rows import remember
from lib.study.figures.style import FAINT, MIN_SPAN, WIDTH, grid, headline, look, number, ordered
from lib.study.statistics import mean_sem


def curves(
    frame: pd.DataFrame, x: str, title: str, *, xlabel: str, ylabel: str, panel="dataset", last: str | None = None
) -> Figure:
    """One panel for each data set, one line for each method: mean over splits of `value`, standard-error bars.

    frame: records of one measure. x: U, eta or lam; its values stand evenly spaced, as their ratios matter.
    last: what to call the largest x of each panel ("all" for U). title: the finding.
    """
    panels = list(dict.fromkeys(frame[panel]))
    fig, axes = grid(len(panels), height=2.5)
    summary = mean_sem(frame, [panel, "method", x])
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
    low, high = (end(limit) for end, limit in zip((min, max), zip(*(ax.get_ylim() for ax in axes))))
    slack = max(0.0, MIN_SPAN - (high - low)) / 2
    for ax in axes:  # panels are compared
        ax.set_ylim(low - slack, high + slack)
    _finish(fig, axes, title, xlabel, ylabel)
    return remember(fig, frame[[panel, "method", x, "split", "value"]])


def paths(means: dict[str, Sequence], title: str, S: int = 0, *, first: int = 1, looks: dict | None = None) -> Figure:
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


def fronts(frame: pd.DataFrame, title: str, rows: Sequence[str], *, scores=("insertion", "1 − deletion")) -> Figure:
    """Each score against accuracy, a row of panels for each value of `panel`, a line for each method through its etas.

    frame: records of accuracy and the scores on test rows, with columns panel, method, eta and split. Points are means
    over splits with standard errors; the point of the largest eta is drawn larger.
    """
    fig, axes = grid(2 * len(rows), 2, height=2.2)
    summary = mean_sem(frame, ["panel", "method", "eta", "measure"])
    for i, ax in enumerate(axes):
        panel, score = rows[i // 2], scores[i % 2]
        if i > 1:  # what stands one above the other is compared
            ax.sharex(axes[i % 2])
            ax.sharey(axes[i % 2])
        part = summary[summary["panel"] == panel]
        for method in ordered(part["method"]):
            own = part[part["method"] == method].set_index(["eta", "measure"])[["mean", "sem"]].unstack()
            x, y = (own.xs(measure, axis=1, level=1) for measure in ("accuracy", score))
            style = look(method)
            ax.errorbar(x["mean"], y["mean"], xerr=x["sem"], yerr=y["sem"], elinewidth=0.6, label=method, **style)
            ax.plot(x["mean"].iloc[-1], y["mean"].iloc[-1], **style | {"markersize": 10})
        ax.set(title=panel if i % 2 == 0 else "", ylabel=score)
        ax.grid(axis="x")
        ax.margins(0.12)
    _finish(fig, axes, title, "accuracy", "")
    shown = frame["panel"].isin(rows) & frame["measure"].isin(["accuracy", *scores])
    return remember(fig, frame.loc[shown, ["panel", "method", "eta", "measure", "split", "value"]])


def images(pictures: Sequence[np.ndarray], captions: Sequence[str], title: str) -> Figure:
    """Pictures (H, W, 3) in rows of five, each under its caption."""
    if len(pictures) != len(captions):
        raise ValueError(f"captions must be as many as pictures, got {len(captions)} and {len(pictures)}")
    fig, axes = grid(len(pictures), 5, height=1.45)
    fig.set_figheight(1.6 * math.ceil(len(pictures) / 5) + 0.5)
    for ax, picture, caption in zip(axes, pictures, captions):
        ax.imshow(picture, interpolation="nearest")
        ax.set_title(caption, fontsize=11, fontweight="normal", loc="center")
        ax.axis("off")
    headline(fig, title)
    return fig


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
