"""What a page on one's own data shows, panel by panel: before and after, and what one prediction rests on."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lib.study.figures.colours import PAPER
from lib.study.figures.style import FAINT, INK, METHODS, MINUS, PLUS

COLORS = tuple(METHODS[name].color for name in ("pretrained", "CE-only", "ID-ExpO"))  # before, between, after
MARKERS = ("o", "X", "o")


def before_after(ax: Axes, frame: pd.DataFrame) -> None:
    """A row for each measure, a mark for each model with its standard error; frame: of `before_after.compared`."""
    names, who = list(frame["label"].unique()), list(frame["who"].cat.categories)
    for row, label in enumerate(names):
        values = frame.loc[frame["label"] == label, "mean"]
        ax.plot([values.min(), values.max()], [row, row], color=FAINT, linewidth=6, zorder=0, solid_capstyle="round")
    for i, model in enumerate(who):
        own, at = frame[frame["who"] == model], -1 if i == len(who) - 1 else min(i, 1)
        face = COLORS[at] if at == -1 else PAPER
        ax.errorbar(own["mean"], range(len(names)), xerr=own["sem"], linestyle="", marker=MARKERS[at], label=model,
                    color=COLORS[at], markerfacecolor=face, elinewidth=1, capsize=2)  # fmt: skip
    sides = frame.drop_duplicates("label").set_index("label")["direction"]
    arrows = {"higher": "→", "lower": "←"}
    ax.set_yticks(range(len(names)), [f"{name} {arrows[sides[name]]}" for name in names])
    ax.set(xlim=(-0.02, 1.02), ylim=(len(names) - 0.5, -0.5))
    ax.grid(axis="x")
    ax.set_xlabel("mean on test data; arrows point to the better side")
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.32), ncols=3)


def bars(ax: Axes, values: Sequence[float], labels: Sequence[str], *, top: int = 10) -> int:
    """The `top` largest of some contributions, in either direction, as bars with their names, and how many are drawn.

    Those under a hundredth of the largest are not, as nothing could be seen of their bars.
    """
    values = np.asarray(values, float)
    size = np.abs(values)
    order = [i for i in np.argsort(-size, kind="stable")[:top] if size[i] >= 0.01 * size.max()]
    colors = np.where(values[order] >= 0, PLUS, MINUS)
    ax.barh(range(len(order)), values[order], color=colors)
    ax.set_yticks(range(len(order)), [labels[i] for i in order])
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.grid(axis="x")
    return len(order)
