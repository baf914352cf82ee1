"""The records of paper ID on tables: which there are, which runs validation chooses, and one number for each split.

    frame = runs_id.load()              # results/id
    front = runs_id.fronts(frame)       # the choice at each weight of accuracy
    runs_id.ours(front, "insertion", dataset="collins", explainer="LIME", S=0.5, eta=2)

Explainers, rivals and tables are those of the paper's comparison, by name, so that a new one changes no result.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from lib import metrics
from lib.data import catalogue
from lib.study import records
from lib.study.runs import at, check_configuration, kept, upward

ETAS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)  # weights of accuracy in the valscore that chooses hyperparameters
TABLES = tuple(name for name in catalogue.names("ID") if not catalogue.DATA_SETS[name].variant)  # the paper's six
EXPLAINERS = ("LIME", "KernelSHAP")
S_VALUES = (0.3, 0.5)
METHODS = ("ID-ExpO", "ExpO-S", "ExpO-F", "CE-only")
RIVALS = METHODS[1:]
CELLS = tuple(itertools.product(TABLES, EXPLAINERS, S_VALUES))  # data set, explainer and S of every comparison
Of = Callable[[pd.DataFrame, str], pd.Series]  # rows and a measure -> split -> value
SETTING = ["dataset", "method", "deletion", "explainer", "S"]
HYPER = ["lam", "lam3", "lr"]
CONFIGURATION = {  # what the records were made with
    "experiment": "insertion_deletion_tabular", "M": 200, "T": None, "batch": 128, "check": 1, "cosine_width": 0.25,
    "epochs": 200, "eps": 0.01, "eta": 2, "fresh": False, "hidden": 256, "keep": 1, "kernel": "L2", "layers": 2,
    "momentum": 0.9, "patience": 20, "scaled": True, "weight_decay": 0.0005, "width": 0.75,
}  # fmt: skip


def load(folder: str | Path = records.ROOT / "results" / "id") -> pd.DataFrame:
    """All records of the experiment on tables, with 1 - deletion for deletion.

    ValueError if some were made with other settings than `CONFIGURATION`.
    """
    frame = records.read(folder)
    for _, rows in frame.groupby("dataset"):
        check_configuration(rows, folder, CONFIGURATION)
    return upward(frame, "deletion")


def load_forms(frame: pd.DataFrame, folder: str | Path = records.ROOT / "results" / "forms") -> pd.DataFrame:
    """The records that compare Del-A, Del-B and Del-C: those of `load`, but where Del-A was made again on the other
    two's processor, of that table and S, it is taken from `folder`."""
    if not records.files(folder):
        return frame
    again, key = load(folder), ["dataset", "S", "deletion"]
    replaced = pd.MultiIndex.from_frame(frame[key]).isin(pd.MultiIndex.from_frame(again[key].drop_duplicates()))
    return pd.concat([frame[~(replaced & (frame["explainer"] == "LIME"))], again], ignore_index=True)


# --- What validation chooses -----------------------------------------------------------------------------------------


def chosen(frame: pd.DataFrame, eta: float = 2.0, by: Sequence[str] = (*SETTING, "split", "seed")) -> pd.DataFrame:
    """The test rows of the hyperparameters with the largest valscore at eta, for each setting and split (ID-15).

    by: what tells the settings and splits apart.

    A run that kept no epoch of its own is not chosen: it is its start, not what the method made of it.
    """
    run, frame = [*by], kept(frame)
    val = frame[frame["part"] == "val"].pivot_table(index=[*run, *HYPER], columns="measure", values="value")
    score = metrics.valscore(val["accuracy"], val["insertion"], 1 - val["1 − deletion"], eta=eta)
    scored = val.assign(score=score)["score"].reset_index()
    best = scored.sort_values("score", ascending=False, kind="stable").drop_duplicates(run)
    test = frame[frame["part"] == "test"].merge(best[[*run, *HYPER]], on=[*run, *HYPER])
    return test.assign(eta=eta)


def fronts(frame: pd.DataFrame) -> pd.DataFrame:
    """`chosen` at each of ETAS, one beneath the other."""
    return pd.concat([chosen(frame, eta) for eta in ETAS], ignore_index=True)


# --- One number for each split ---------------------------------------------------------------------------------------


def by_split(rows: pd.DataFrame, measure: str, **where) -> pd.Series:
    """A measure of the rows where the columns are as given: split -> value; empty without records."""
    return at(rows, measure=measure, **where).groupby("split")["value"].mean()


def ours(rows: pd.DataFrame, measure: str, **where) -> pd.Series:
    """The paper's method, ID-ExpO with Del-A."""
    return by_split(rows, measure, method="ID-ExpO", deletion="A", **where)


def best_rival(rows: pd.DataFrame, measure: str, rivals: Sequence[str] = RIVALS, **where) -> pd.Series:
    """Of the rivals the one of the highest mean over the splits that all of them have; empty if one is missing.

    Not the highest on each split by itself: that is a rival which nobody could choose, better by its luck.
    """
    return highest({rival: by_split(rows, measure, method=rival, **where) for rival in rivals})


def highest(each: Mapping[str, pd.Series]) -> pd.Series:
    """Of several, each split -> value, the one of the highest mean over the splits that all of them have."""
    found = pd.concat(each, axis=1).dropna()
    return found[found.mean().idxmax()] if len(found) else pd.Series(dtype=float)


ce_only = partial(by_split, method="CE-only")


def of_method(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """The rows of one method, of ID-ExpO those with Del-A."""
    return at(rows, method=method, deletion="A" if method == "ID-ExpO" else "none")


def least_lead(rows: pd.DataFrame, measure: str) -> pd.Series:
    """ID-ExpO minus its best rival at that one of ETAS where it leads least: split -> difference."""
    leads = [(ours(own, measure) - best_rival(own, measure)).dropna() for own in (at(rows, eta=eta) for eta in ETAS)]
    return min(leads, key=lambda lead: lead.mean() if len(lead) else np.inf)


def gaps(
    rows: pd.DataFrame, measure: str, *, one: Of = ours, other: Of = best_rival, tables: Sequence[str] = TABLES
) -> dict[tuple, pd.Series]:
    """One minus the other, by table, explainer and S, where there are two splits of both: split -> difference."""
    by = dict(iter(rows.groupby(["dataset", "explainer", "S"])))
    cells = [c for c in itertools.product(tables, EXPLAINERS, S_VALUES) if c in by]
    each = {c: (one(by[c], measure) - other(by[c], measure)).dropna() for c in cells}
    return {c: gap for c, gap in each.items() if len(gap) > 1}


def by_table(gaps: Mapping[tuple, pd.Series]) -> dict[str, pd.Series]:
    """Those of each table, mean over its explainers and S: split -> difference."""
    names = dict.fromkeys(d for d, *_ in gaps)
    return {d: pd.concat([gap for c, gap in gaps.items() if c[0] == d], axis=1).mean(axis=1) for d in names}


def front_of_forms(frame: pd.DataFrame) -> pd.DataFrame:
    """`fronts` of Del-A, Del-B and Del-C with LIME, each chosen among the hyperparameters that all three have.

    A split of a data set counts at an S where there are records of all three.
    """
    rows = at(frame, method="ID-ExpO", explainer="LIME")
    return fronts(rows[rows.groupby(["dataset", "S", "split", *HYPER])["deletion"].transform("nunique") == 3])


def mixing(rows: pd.DataFrame) -> list[str]:
    """The data sets with an S whose forms of deletion were not all made on one processor in one precision."""
    ways = rows["device"].str.split(",").str[0] + rows["mixed"].astype(str)
    several = ways.groupby([rows["dataset"], rows["S"]]).nunique() > 1
    return sorted(set(several.index[several].get_level_values("dataset")))


def balance(rows: pd.DataFrame) -> pd.Series:
    """2 accuracy + insertion + 1 - deletion, mean over data sets: split -> value."""
    table = rows.pivot_table(index="split", columns="measure", values="value")
    columns = ["accuracy", "insertion", "1 − deletion"]
    return table.reindex(columns=columns) @ np.array([2.0, 1.0, 1.0])


def confidence(rows: pd.DataFrame) -> pd.Series:
    """Mean probability of the predicted class on whole inputs, f(x), where insertion curves end: split -> value."""
    own = at(rows, measure="insertion").set_index("split")["curve"]
    return own.map(lambda curve: curve[-1]).groupby("split").mean().astype(float)


def kept_by_half(rows: pd.DataFrame) -> pd.Series:
    """Share of f(x) that is left with the less important half of the features masked: split -> value."""
    own = at(rows, measure="insertion").set_index("split")["curve"]
    return own.map(lambda curve: curve[round(len(curve) / 2) - 1] / curve[-1]).groupby("split").mean()


def name(explainer: str, S: float) -> str:
    """One explainer and S, as figures and tables name them."""
    return f"{explainer}, S = {S:g} Q"
