"""Pilots of FE's second protocol, on validation rows of a few splits: where S starts, and how long to wait."""

import json

import numpy as np
import pandas as pd

from lib.study.numbers import digits, signed
from lib.study.runs import at, title
from lib.study.runs_fe import SCORES, U, choose_eta, chosen
from lib.study.statistics import resampled


def score(rows: pd.DataFrame) -> float:
    """The geometric mean of accuracy and faithfulness on validation rows at U = 10, eta chosen by it.

    Mean over splits, then over methods.
    """
    return float(by_split(rows).groupby("method").mean().mean())


def by_split(rows: pd.DataFrame) -> pd.Series:
    """That geometric mean of each method and split."""
    rows = rows[(rows["U"] == U) & rows["measure"].isin(SCORES) & (rows["part"] == "val")]
    table = choose_eta(rows).pivot_table(index=["method", "split"], columns="measure", values="value")
    return np.sqrt(table.clip(lower=0).prod(axis=1))


def starts(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The score of each start of S on each data set where several were tried, and the best of each in words."""
    frame = frame.assign(start=frame["settings"].map(lambda text: str(json.loads(text)["S_start"])))
    found = {}
    for dataset, rows in frame.groupby("dataset"):
        if rows["start"].nunique() > 1:
            found[title(dataset)] = {start: score(some) for start, some in rows.groupby("start")}
    table = pd.DataFrame(found).T
    best = ", ".join(f"{start} on {name}" for name, start in table.idxmax(axis=1).items())
    return digits(table, "{:.3f}").rename_axis(columns="start of S"), best or "none"


def patience(longer: pd.DataFrame, frame: pd.DataFrame) -> str:
    """What waiting longer changes in the same runs: epochs kept and validation's geometric mean at U = 10, in words."""
    told = []
    for (dataset, method), rows in longer.groupby(["dataset", "method"]):
        same = at(frame, dataset=dataset, method=method, lam=1)
        same = same[same["split"].isin(rows["split"]) & (same["seed"].isin(rows["seed"]))]
        if same.empty:
            continue
        each = [by_split(some) for some in (same, rows)]
        gap = resampled((each[1] - each[0]).dropna())
        steps = [json.loads(some["settings"].iloc[0])["patience_steps"] for some in (same, rows)]
        epochs = [chosen(some).drop_duplicates("split")["best_epoch"].mean() for some in (same, rows)]
        scores = "; ".join(" and ".join(f"{value:.3f}" for value in some) for some in each)
        single = {eta: by_split(at(rows, eta=eta)) - by_split(at(same, eta=eta)) for eta in set(same["eta"])}
        widest = max(single, key=lambda eta: single[eta].abs().max())
        most = max(single[widest], key=abs)
        more = {1: "surely for the better", -1: "surely for the worse", 0: "within noise"}[gap.side]
        told.append(
            f"{method} on {title(dataset)}, {rows['split'].nunique()} splits, {steps[0]:,} and {steps[1]:,} steps: "
            f"epoch {epochs[0]:,.0f} and {epochs[1]:,.0f} kept in the mean, geometric mean by split {scores}, "
            f"a change of {signed(gap.difference)}, {more}; at one η and split by up to {signed(most)} (η = {widest:g})"
        )
    return "; ".join(told) or "not tried yet"
