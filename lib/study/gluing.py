"""Values, tables and figures of a page by name, for its text to show; and the players that a page lets move."""

import json
from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure
from myst_nb import glue

from lib.study import figures


def whole_tables() -> None:
    """Let every table that is shown have all of its rows and words, of which pandas leaves some out."""
    pd.set_option("display.max_colwidth", None, "display.max_rows", None)


class Rows:
    """A table that a notebook holds as text, for the book to offer beside the figure that was drawn from it."""

    def __init__(self, csv: str):
        self.csv = csv

    def _repr_mimebundle_(self, **_) -> dict[str, str]:
        return {"text/csv": self.csv, "text/plain": f"{self.csv.count(chr(10))} lines"}


def keep(prefix: str, values: Mapping) -> None:
    """Glue every value as `prefix-name` without showing it, with a figure the rows that it was drawn from.

    A figure is closed, so that it is not shown twice.
    """
    for name, value in values.items():
        glue(f"{prefix}-{name}", value, display=False)
        if isinstance(value, Figure):
            if csv := figures.csv(value):
                glue(f"{prefix}-{name}-rows", Rows(csv), display=False)
            plt.close(value)


def player(name: str, data: Mapping, *, script: str, otherwise: str) -> HTML:
    """The place of a player: its data, as JSON, and the file of book/_static that fills it.

    otherwise: what is said until it does, on paper and where JavaScript is not allowed. No text in the data can end the
    element early.
    """
    found = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    return HTML(
        f'<div id="{name}" class="player"><p>{otherwise}</p>'
        f'<script type="application/json">{found}</script></div>'
        '<script src="../_static/players.js" defer></script>'
        f'<script src="../_static/{script}" defer></script>'
    )
