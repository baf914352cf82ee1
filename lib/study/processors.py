"""On which processors the records of FE were made, and what those that were made on two of them say."""

import json

import numpy as np
import pandas as pd

from lib.study.numbers import signed, two
from lib.study.pages_fe import short
from lib.study.runs import kind
from lib.study.runs_fe import METHODS, RUN, SCORES, U, datasets
from lib.study.words import listed

NOT_TRAINING = ("stack_rows", "open_rows", "chunk", "U", "tf32")  # settings of speed, of precision, of what is measured


def made_on(frame: pd.DataFrame) -> str:
    """Which data sets' runs are from which processor, by method where one data set's are from several: in words."""
    found: dict[str, list[str]] = {}
    for d in [d for d in datasets(frame) if d in set(frame["dataset"])]:
        methods = frame[frame["dataset"] == d].groupby("device")["method"].agg(set)
        for device, own in methods.items():
            some = f"{short(d)} ({listed(m for m in METHODS if m in own)})" if len(methods) > 1 else short(d)
            found.setdefault(kind(device), []).append(some)
    return "; ".join(f"{listed(some)} on {device}" for device, some in found.items())


def told(frame: pd.DataFrame, whose: str = "These runs") -> str:
    """Which processor made what, and how many runs among these were made on several: a sentence."""
    several = int((frame.groupby([*RUN, "config"])["device"].nunique() > 1).sum())
    both = f"{several} of them were made on several processors" if several else "Each was made on one processor alone"
    return f"{whose} were trained so: {made_on(frame)}. {both}."


def repeats(pilot: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The pilot's runs that `frame` has from another processor, trained alike: validation's geometric mean on both."""
    both = [_scores(some) for some in (pilot, frame)]
    pairs = both[0].merge(both[1], on=[*RUN, "training"], suffixes=("", " there"))
    return pairs[pairs["device"] != pairs["device there"]]


def _scores(frame: pd.DataFrame) -> pd.DataFrame:
    """The geometric mean of each run's scores on validation rows at U = 10, with all that its training was told."""
    rows = frame[(frame["U"] == U) & (frame["part"] == "val") & frame["measure"].isin(SCORES)]
    known = {text: json.loads(text) for text in rows["settings"].unique()}
    training = {
        text: json.dumps({k: v for k, v in told.items() if k not in NOT_TRAINING}, sort_keys=True)
        for text, told in known.items()
    }
    tf32 = {text: bool(told.get("tf32")) for text, told in known.items()}
    rows = rows.assign(training=rows["settings"].map(training), tf32=rows["settings"].map(tf32))
    table = rows.pivot_table(index=[*RUN, "training", "device", "tf32"], columns="measure", values="value")
    return np.sqrt(table.clip(lower=0).prod(axis=1)).rename("score").reset_index()


def compared(pilot: pd.DataFrame, frame: pd.DataFrame) -> str:
    """How far scores of runs that were made on two processors are apart: a sentence."""
    pairs = repeats(pilot, frame)
    if pairs.empty:
        return "No run of theirs was repeated on another processor."
    gap = pairs["score"] - pairs["score there"]
    cells = gap.groupby([pairs["dataset"], pairs["method"]]).mean()
    ends = [f"{signed(cells[key])} ({key[1]} on {short(key[0])})" for key in (cells.idxmin(), cells.idxmax())]
    names = [d for d in datasets(frame) if d in set(frame["dataset"])]
    rounded = [short(d) for d in names if pairs.loc[pairs["dataset"] == d, "tf32"].any()]
    alone = [short(d) for d in names if d not in set(pairs["dataset"])]
    return (
        f"{len(pairs)} runs of the pilot that chose where S starts, on {kind(pairs['device'].iloc[0])}, repeat runs of "
        f"the results from {kind(pairs['device there'].iloc[0])}, with other versions of Python and PyTorch"
        f"{f' and, on {listed(rounded)}, with products rounded to TF32' if rounded else ''}: a run's geometric mean on "
        f"validation rows is {two(gap.abs().mean())} higher or lower than the other's in the mean. The first minus the "
        f"second is {signed(gap.mean())} over all of them, and {ends[0]} to {ends[1]} for one method on one data set"
        f"{f'; of {listed(alone)} no run is repeated' if alone else ''}."
    )
