"""Pilots of FE's second protocol, on validation rows of a few splits: where S starts, and how long to wait."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from lib import data
from lib.methods import named
from lib.nets import MLP
from lib.study import records
from lib.study.numbers import digits, signed, spanned, three, two
from lib.study.pages_fe import short
from lib.study.runs import at, title
from lib.study.runs_fe import SCORES, U, choose_eta, chosen, chosen_eta
from lib.study.statistics import LEVEL, RATIO, Paired, resampled
from lib.study.words import LEVEL as SEEN
from lib.study.words import listed, spanning
from lib.training import Runs
from lib.training.fewer import FewerProgram, Settings

FOLDER = records.ROOT / "results" / "pilots"
SHOWN = ("Ours", "Pretrain", "PretrainR")  # whose faithfulness is shown for each start


def load(which: str, folder: str | Path = FOLDER) -> pd.DataFrame:
    """The records of the pilots of one question: `start` or `patience`."""
    paths = [path for path in records.files(folder) if path.stem.endswith(f"-{which}")]
    return pd.concat([records.read(path) for path in paths], ignore_index=True)


# --- Scores ----------------------------------------------------------------------------------------------------------


def score(rows: pd.DataFrame) -> float:
    """The geometric mean of accuracy and faithfulness on validation rows at U = 10, eta chosen by it.

    Mean over splits, then over methods.
    """
    return float(by_split(rows).groupby("method").mean().mean())


def by_split(rows: pd.DataFrame) -> pd.Series:
    """That geometric mean of each method and split."""
    table = _best(rows).pivot_table(index=["method", "split"], columns="measure", values="value")
    return np.sqrt(table.clip(lower=0).prod(axis=1))


def _best(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores on validation rows at U = 10 of the eta that they choose."""
    return choose_eta(rows[(rows["U"] == U) & rows["measure"].isin(SCORES) & (rows["part"] == "val")])


# --- Where S starts --------------------------------------------------------------------------------------------------


def by_start(frame: pd.DataFrame) -> pd.DataFrame:
    """The geometric mean of each data set, method and split (rows) by start of S, of data sets with several starts."""
    each = {
        (dataset, start): by_split(some)
        for dataset, rows in _several(frame).groupby("dataset")
        for start, some in rows.groupby("start")
    }
    found = pd.concat(each, names=["dataset", "start"]) if each else pd.Series(dtype=float)
    return found.unstack("start") if each else pd.DataFrame()


def faithful(frame: pd.DataFrame) -> pd.DataFrame:
    """Faithfulness on validation rows at U = 10, eta chosen as above: data sets and methods by start of S."""
    best = [_best(some).assign(start=start) for start, some in _several(frame).groupby("start")]
    table = at(pd.concat(best), measure="faithfulness")
    return table.pivot_table(index=["dataset", "method"], columns="start", values="value")


def _several(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of data sets where several starts were tried, with a column for the start."""
    frame = frame.assign(start=frame["settings"].map(lambda text: str(json.loads(text)["S_start"])))
    return frame[frame.groupby("dataset")["start"].transform("nunique") > 1]


def scored(each: pd.DataFrame) -> pd.DataFrame:
    """Data sets by starts: mean over splits, then over methods, of what `by_start` finds."""
    return each.groupby(["dataset", "method"]).mean().groupby("dataset").mean() if len(each) else each


def starts(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The score of each start of S on each data set where several were tried, and the best of each in words."""
    table = scored(by_start(frame)).rename(title)
    best = ", ".join(f"{start} on {name}" for name, start in table.idxmax(axis=1).items()) if len(table) else "none"
    return digits(table, "{:.3f}").rename_axis(index=None, columns="start of S"), best


def starts_by_method(frame: pd.DataFrame) -> pd.DataFrame:
    """Faithfulness on validation rows of Ours and of those that fit an explanation to a finished predictor."""
    table = faithful(frame)
    table = table[table.index.isin(SHOWN, level="method")].rename(short, level="dataset")
    return digits(table, "{:.2f}").rename_axis(index=[None, None], columns="start of S")


def without(frame: pd.DataFrame, method: str) -> str:
    """Which starts would be chosen if one method had no say, where that changes the choice: a sentence."""
    each = by_start(frame)
    every, rest = scored(each), scored(each.drop(index=method, level="method"))
    told, best = [], every.idxmax(axis=1)
    for dataset, start in rest.idxmax(axis=1).items():
        if start != best[dataset]:
            scores = f"{three(rest.loc[dataset, start])}, {best[dataset]} {three(rest.loc[dataset, best[dataset]])}"
            told.append(f"{start} on {short(dataset)} ({scores})")
    return f"Without {method} the choice would be {listed(told) if told else 'the same everywhere'}."


def alone(frame: pd.DataFrame, method: str) -> str:
    """Which start a method would choose by itself, and how far its faithfulness moves between starts: a sentence."""
    own = by_start(frame).xs(method, level="method").groupby("dataset").mean().idxmax(axis=1)
    told = [f"{start} on {listed(map(short, own.index[own == start]))}" for start in sorted(set(own))]
    moves = faithful(frame).xs(method, level="method")
    ends = listed(f"from {two(row.min())} to {two(row.max())} on {short(d)}" for d, row in moves.iterrows())
    return f"By itself {method} would choose {listed(told)}, and its faithfulness goes {ends} between starts."


def unit(dataset: str) -> str:
    """Spread of S where it starts from `unit`, with as many units as tables have: its range over the ten splits."""
    folds, settings = data.folds(data.load(dataset), range(10)), Settings(S_start="unit")
    f = MLP((folds.x_train[0, 0].numel(), *[settings.hidden] * settings.layers), settings.dropout)
    program = FewerProgram(named("Ours"), folds, Runs.grid(10, seed=[0]).of("Ours"), settings=settings, f=f)
    spread = program.state["bank"]["S"].flatten(1).std(1)
    return f"{two(spread.min().item())} to {two(spread.max().item())}"


def closest(frame: pd.DataFrame) -> str:
    """How far the best start of each data set is ahead of the next, paired over splits: a sentence."""
    told, sure = [], []
    for dataset, rows in by_start(frame).groupby("dataset"):
        first, second = scored(rows).loc[dataset].nlargest(2).index
        gap = resampled((rows[first] - rows[second]).groupby("split").mean().dropna())
        told.append(
            f"{three(gap.difference)} on {short(dataset)} ({first} before {second}, {three(gap.low)} to "
            f"{three(gap.high)})"
        )
        sure += [short(dataset)] if gap.side > 0 else []
    return (
        "The best start is ahead of the next, in the mean over methods and with its 95% interval over splits, by "
        f"{listed(told)}: surely on {listed(sure)}."
    )


def depends(frame: pd.DataFrame, a: str, b: str) -> str:
    """How much more faithful one method is than another at the start of S that was taken, and at the others."""
    each, table = by_start(frame), faithful(frame)
    gaps = table.xs(a, level="method") - table.xs(b, level="method")
    told = []
    for dataset, start in scored(each).idxmax(axis=1).items():
        rest = gaps.loc[dataset].drop(start)
        told.append(f"{signed(gaps.loc[dataset, start])} on {short(dataset)} ({spanning(rest)})")
    splits = each.index.get_level_values("split").nunique()
    return (
        "The size of the difference depends on the spread from which the strengths S are first drawn, one for all "
        f"methods of a data set. In the pilot that chose it, on validation rows of {splits} splits, faithfulness of "
        f"{a} minus that of {b} is {listed(told)} with the spread that was chosen (in brackets: with the others)."
    )


# --- How long to wait ------------------------------------------------------------------------------------------------


def pairs(longer: pd.DataFrame, frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame, pd.DataFrame]]:
    """The runs that waited longer, of each data set and method, behind those of the same splits that did not."""
    for (dataset, method), rows in longer.groupby(["dataset", "method"]):
        same = at(frame, dataset=dataset, method=method, lam=1)
        same = same[same["split"].isin(rows["split"]) & (same["seed"].isin(rows["seed"]))]
        if len(same):
            yield dataset, method, same, rows


def patience(longer: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """What waiting longer changes in the same runs: epochs kept and validation's geometric mean at U = 10.

    A row for each data set and method, the shorter wait's numbers before the longer's.
    """
    rows = {}
    for dataset, method, *both in pairs(longer, frame):
        each, single = [by_split(some) for some in both], at_each_eta(*both)
        steps = [json.loads(some["settings"].iloc[0])["patience_steps"] for some in both]
        epochs = [chosen(some).drop_duplicates("split")["best_epoch"].mean() for some in both]
        widest = max(single, key=lambda eta: single[eta].abs().max())
        rows[f"{method} on {title(dataset)}"] = {
            "steps waited": " and ".join(f"{n:,}" for n in steps),
            "epoch kept, mean": " and ".join(f"{n:,.0f}" for n in epochs),
            "geometric mean by split": "; ".join(" and ".join(f"{value:.3f}" for value in some) for some in each),
            "change": spanned(changed(*each)),
            "at one η and split, at most": f"{signed(max(single[widest], key=abs))} (η = {widest:g})",
        }
    return pd.DataFrame(rows).T


def changed(before: pd.Series, after: pd.Series) -> Paired:
    """Over the splits that both have."""
    return resampled((after - before).dropna())


def waited(longer: pd.DataFrame, frame: pd.DataFrame) -> str:
    """The changes by waiting longer in a sentence: over data sets from the least to the most, and which are sure."""
    found = {short(d): changed(*map(by_split, both)) for d, _, *both in pairs(longer, frame)}
    if not found:
        return "it was not tried yet"
    means, sure = pd.Series({d: one.difference for d, one in found.items()}), [d for d in found if found[d].side]
    many = f"{len(means)} data set{'s' * (len(means) > 1)}"
    return f"with η chosen, the mean score changes by {spanning(means)} on {many}, by more than noise on {listed(sure)}"


def each_split(longer: pd.DataFrame, frame: pd.DataFrame) -> str:
    """Each data set's scores by split before waiting longer and after."""
    ways = {short(d): [listed(f"{value:.2f}" for value in by_split(some)) for some in both]
            for d, _, *both in pairs(longer, frame)}  # fmt: skip
    return listed(f"from {before} to {after} on {d}" for d, (before, after) in ways.items())


def at_each_eta(same: pd.DataFrame, rows: pd.DataFrame) -> dict[float, pd.Series]:
    """The change of each split at each eta by itself."""
    return {eta: by_split(at(rows, eta=eta)) - by_split(at(same, eta=eta)) for eta in sorted(set(same["eta"]))}


def needed(splits: int) -> float:
    """How many standard deviations over splits a mean change must be to count as more than noise."""
    return float(stats.t.ppf((1 + LEVEL) / 2, splits - 1) * np.sqrt(1 / splits + RATIO))


def together(longer: pd.DataFrame, frame: pd.DataFrame) -> str:
    """The changes by waiting longer that all splits share in direction, where eta is chosen and at one eta."""
    free, fixed, sure, tried = [], [], [], 0
    for dataset, _, same, rows in pairs(longer, frame):
        changes = [(None, by_split(rows) - by_split(same)), *at_each_eta(same, rows).items()]
        tried += len(changes) - 1
        for eta, change in changes:
            change = change.dropna()
            if len(change) > 1 and ((change >= SEEN).all() or (change <= -SEEN).all()):
                told = f"{short(dataset)}{'' if eta is None else f' at η = {eta:g}'}"
                (free if eta is None else fixed).append(f"{told} ({' and '.join(map(signed, change))})")
                sure += [told] if resampled(change).side else []
    return (
        f"With η chosen on validation rows both splits move the same way on {listed(free)}. With η held, of {tried} "
        f"pairs of a data set and an η they do in {len(fixed)}: {listed(fixed)}. By the test more than noise: "
        f"{listed(sure)}."
    )


def moved(longer: pd.DataFrame, frame: pd.DataFrame) -> str:
    """In how many splits another eta is chosen after waiting longer: a sentence."""
    told, splits, times, names = [], 0, set(), set()
    for dataset, method, same, rows in pairs(longer, frame):
        before, after = (chosen_eta(chosen(some), dataset, method) for some in (same, rows))
        times.add(np.divide(*[json.loads(some["settings"].iloc[0])["patience_steps"] for some in (rows, same)]))
        splits, names = splits + len(after), names | {dataset}
        told += [
            f"{after[s]:g} in place of {before[s]:g} on {short(dataset)}" for s in after.index if after[s] != before[s]
        ]
    if not splits:
        return "More patience was not tried yet."
    wait = " to ".join({2: "twice"}.get(time, f"{time:g} times") for time in sorted(times))
    return (
        f"With {wait} the patience validation chooses another η in {len(told) or 'none'} of the {splits} splits tried, "
        f"on {len(names)} data set{'s' if len(names) > 1 else ''}{': ' + listed(told) if told else ''}."
    )
