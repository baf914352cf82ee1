"""What becomes of ID-ExpO's scores where its parts are taken away, from the records of results/what-works.

frame = ablations.load()
picked = ablations.chosen(frame)                            # the lambda that validation chose
ablations.gain(picked, "constant", "insertion", dataset="collins")     # split -> gain over CE-only
ablations.together(picked, "constant", "insertion", over="ID-ExpO")    # mean change over tables, with its interval
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from lib.study import records, runs_id
from lib.study.runs import at, upward
from lib.study.runs_id import TABLES
from lib.study.statistics import Paired, clustered, resampled

VARIANTS = {  # as the records name them, and as the page does
    "ID-ExpO": "ID-ExpO",
    "constant": "contributions as constants",
    "shuffled": "contributions in random order",
    "Masked": "random masks alone",
}
BASELINES = ("CE-only", "pretrained")
TRAINED_WITH = {"explainer": "LIME", "background": "mean"}
OTHERS = {  # what training did not use: explainer, background
    "LIME, as trained": TRAINED_WITH,
    "KernelSHAP": {"explainer": "KernelSHAP", "background": "mean"},
    "LIME, another background": {"explainer": "LIME", "background": "a row"},
}
ETA = 2.0  # weight of accuracy in the valscore that chooses


def load(folder: str | Path = records.ROOT / "results" / "what-works") -> pd.DataFrame:
    """All records, 1 - deletion for deletion, with a column `variant`; none where there are none."""
    if not records.files(folder):
        return pd.DataFrame({name: [] for name in ("dataset", "variant", "measure", "value", "split", "part", "lam")})
    frame = upward(records.read(folder), "deletion", "deletion_random")
    return frame.assign(variant=[json.loads(text)["variant"] for text in frame["settings"]])


def chosen(frame: pd.DataFrame) -> pd.DataFrame:
    """The test rows of the hyperparameters with the largest valscore at eta 2, for each table, variant and split."""
    if frame.empty:
        return frame
    return runs_id.chosen(frame, ETA, by=("dataset", "variant", "split")).drop(columns="eta")


def datasets(picked: pd.DataFrame) -> list[str]:
    """The tables that have ID-ExpO and CE-only, in the paper's order."""
    both = [set(picked.loc[picked["variant"] == v, "dataset"]) for v in ("ID-ExpO", "CE-only")]
    return [d for d in TABLES if d in both[0] & both[1]]


def by_split(picked: pd.DataFrame, variant: str, measure: str, **where) -> pd.Series:
    """A measure of one variant: split -> value; with the explainer and background of training if none is named."""
    return at(picked, variant=variant, measure=measure, **TRAINED_WITH | where).set_index("split")["value"]


def gain(picked: pd.DataFrame, variant: str, measure: str, *, over: str = "CE-only", **where) -> pd.Series:
    """Over another variant: split -> difference, of the splits that both have."""
    own, base = (by_split(picked, name, measure, **where) for name in (variant, over))
    return (own - base).dropna()


def together(picked: pd.DataFrame, variant: str, measure: str, *, over: str = "CE-only", **where) -> Paired | None:
    """The mean gain over tables with its interval, clustered by table; None without records."""
    return pooled([gain(picked, variant, measure, over=over, dataset=d, **where) for d in datasets(picked)])


def pooled(each: list[pd.Series]) -> Paired | None:
    """The mean over tables of differences over splits, of tables with two splits at least; None if there is none."""
    several = [values.to_numpy() for values in each if len(values) > 1]
    return clustered(several) if several else None


def alone(picked: pd.DataFrame, variant: str, measure: str, *, dataset: str, over: str = "CE-only") -> Paired | None:
    """The gain on one table with its interval; None without records."""
    values = gain(picked, variant, measure, over=over, dataset=dataset)
    return resampled(values) if len(values) > 1 else None


def quadrants(picked: pd.DataFrame, variant: str, dataset: str) -> pd.Series:
    """Of single test rows: the share in which both scores rise over CE-only's, and in which both fall."""
    changes = {}
    for measure, sign in (("insertion", 1), ("1 − deletion", -1)):
        rows = at(picked, measure=measure, dataset=dataset, **TRAINED_WITH)
        own, base = (at(rows, variant=name).set_index("split")["samples"] for name in (variant, "CE-only"))
        changes[measure] = [sign * np.subtract(own[split], base[split]) for split in own.index.intersection(base.index)]
    ins, rem = (np.concatenate(values) for values in changes.values())
    return pd.Series({"both rise": ((ins > 0) & (rem > 0)).mean(), "both fall": ((ins < 0) & (rem < 0)).mean()})
