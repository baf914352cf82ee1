"""What the records of both papers share: data sets' titles, rows by their columns' values, one configuration."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from lib.data.catalogue import title

SPEED = ("stack_rows", "open_rows", "chunk")  # settings that change no result beyond rounding


def titles(names: str) -> str:
    """The titles of several data sets, separated by commas."""
    return ", ".join(title(name) for name in names.split(", ") if name)


def at(rows: pd.DataFrame, **where) -> pd.DataFrame:
    """The rows where the columns are as given."""
    kept = np.ones(len(rows), bool)
    for column, value in where.items():
        kept &= (rows[column] == value).to_numpy(bool, na_value=False)
    return rows[kept]


def upward(rows: pd.DataFrame, *measures: str) -> pd.DataFrame:
    """The rows with `1 − deletion` for deletion, or for whichever measures are better when lower, so that all rise."""
    down = rows["measure"].isin(measures)
    names = {measure: f"1 − {measure}" for measure in measures}
    return rows.assign(value=rows["value"].where(~down, 1 - rows["value"])).replace({"measure": names})


def kept(rows: pd.DataFrame) -> pd.DataFrame:
    """Those of runs that kept an epoch of theirs: one that diverged before its first has its start's parameters.

    A run that diverged later counts by the epoch that it had kept, like one that stopped getting better.
    """
    return rows[rows["best_epoch"] > 0]


def check_configuration(rows: pd.DataFrame, folder: str | Path, wanted: dict) -> None:
    """ValueError naming the first setting of one data set's records that is not as wanted, or not the same in all.

    A setting that `wanted` does not name (a newer one) may have any value, the same in all; those of speed, several.
    """
    expected, dataset = dict(wanted), rows["dataset"].iloc[0]
    found = [(method, {k: v for k, v in json.loads(text).items() if k not in SPEED})
             for method, text in rows[["method", "settings"]].drop_duplicates().itertuples(index=False)]  # fmt: skip
    every = sorted(set(expected).union(*(recorded for _, recorded in found)))
    for method, recorded in found:
        for key in every:
            if recorded.get(key) != expected.setdefault(key, recorded.get(key)):
                raise ValueError(
                    f"{folder}: records of {method} on {dataset} are of another configuration, {key} is "
                    f"{recorded.get(key)!r} where {expected[key]!r} is expected: move them away and `make experiments`"
                )


def kind(device: str) -> str:
    """A device as a sentence names it: `a GPU (NVIDIA H100)`."""
    where, _, model = device.partition(": ")
    return f"{'a GPU' if where == 'cuda' else 'a CPU'} ({model.split(',')[0]})"
