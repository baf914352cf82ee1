"""Pilots of FE's second protocol, on validation rows of a few splits: where S starts, and how long to wait."""

import json

import numpy as np
import pandas as pd

from lib.study.runs import title
from lib.study.runs_fe import SCORES, U, choose_eta


def score(rows: pd.DataFrame) -> float:
    """The geometric mean of accuracy and faithfulness on validation rows at U = 10, eta chosen by it.

    Mean over splits, then over methods.
    """
    rows = rows[(rows["U"] == U) & rows["measure"].isin(SCORES) & (rows["part"] == "val")]
    table = choose_eta(rows).pivot_table(index=["method", "split"], columns="measure", values="value")
    return float(np.sqrt(table.clip(lower=0).prod(axis=1)).groupby("method").mean().mean())


def starts(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The score of each start of S on each data set where several were tried, and the best of each in words."""
    frame = frame.assign(start=frame["settings"].map(lambda text: str(json.loads(text)["S_start"])))
    found = {}
    for dataset, rows in frame.groupby("dataset"):
        if rows["start"].nunique() > 1:
            found[title(dataset)] = {start: score(some) for start, some in rows.groupby("start")}
    table = pd.DataFrame(found).T
    best = ", ".join(f"{start} on {name}" for name, start in table.idxmax(axis=1).items())
    return table.map(lambda v: "–" if pd.isna(v) else f"{v:.3f}").rename_axis(columns="start of S"), best or "none"
