"""What a figure was drawn from, for readers who want its numbers: remembered with the figure, written beside it."""

from weakref import WeakKeyDictionary

import pandas as pd
from matplotlib.figure import Figure

DRAWN: WeakKeyDictionary[Figure, pd.DataFrame] = WeakKeyDictionary()


def remember(fig: Figure, rows: pd.DataFrame) -> Figure:
    """The figure, from here on together with the rows that are drawn in it."""
    DRAWN[fig] = rows
    return fig


def csv(fig: Figure) -> str:
    """The rows that the figure was drawn from, one a line after their columns' names; nothing where none are known."""
    return DRAWN[fig].to_csv(index=False, float_format="%.6g") if fig in DRAWN else ""
