"""The records of FE's timing: seconds of an epoch of each method, one run at a time and ten splits as one program.

timed = timing.load()                       # results/timing
timing.plain(timed, "glass", "Ours")        # repeat -> seconds
"""

from pathlib import Path

import pandas as pd

from lib.study import records
from lib.study.runs import at, title
from lib.study.runs_fe import CIFAR10, TABLES
from lib.study.words import listed

DATA_SETS = (*TABLES, CIFAR10)
NONE = pd.DataFrame({name: [] for name in ("dataset", "method", "seed", "together", "value", "device", "epochs")})


def load(folder: str | Path = records.ROOT / "results" / "timing") -> pd.DataFrame:
    """All of them; none where there is no record. ValueError if they are of several devices, which tell nothing."""
    if not records.files(folder):
        return NONE
    timed = records.read(folder)
    if timed["device"].nunique() > 1:
        raise ValueError(f"{folder}: seconds must be of one device, got {', '.join(sorted(set(timed['device'])))}")
    return timed


def plain(timed: pd.DataFrame, dataset: str, method: str) -> pd.Series:
    """Seconds of an epoch of one run that computes f for all examples: repeat -> seconds."""
    return at(timed, dataset=dataset, method=method, together=1).set_index("seed")["value"].astype(float)


def shared(timed: pd.DataFrame, dataset: str, method: str) -> pd.Series:
    """A run's share of an epoch of splits trained as one program: repeat -> seconds."""
    rows = timed[timed["together"] > 1]
    return at(rows, dataset=dataset, method=method).set_index("seed")["value"].astype(float)


def counted(timed: pd.DataFrame) -> str:
    """How often an epoch was timed on each data set and of each method, alone and as a share, in words."""
    if timed.empty:
        return "No epoch has been timed yet."
    times = timed.assign(alone=timed["together"] == 1).groupby(["dataset", "method", "alone"]).size()
    alone, share = (sorted(set(times[times.index.get_level_values("alone") == one])) for one in (True, False))
    told = [" to ".join({1: "once"}.get(n, f"{n} times") for n in (some[:1] + some[1:][-1:])) or "never"
            for some in (alone, share)]  # fmt: skip
    without = set(timed["dataset"]) - set(timed.loc[timed["together"] > 1, "dataset"])
    but = f", but not on {listed(title(d) for d in DATA_SETS if d in without)}" if alone and share and without else ""
    return f"An epoch alone was timed {told[0]} on each data set, the share among ten splits {told[1]}{but}."
