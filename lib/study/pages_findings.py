"""What the opening page shows: findings with one figure each, in words computed from the records."""

import subprocess
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.study import figures, records
from lib.study.forests import LOOKS
from lib.study.numbers import interval, spanned, two
from lib.study.pages_fe import ours_at_ten, short
from lib.study.pages_id_runs import processor
from lib.study.runs import at
from lib.study.runs_fe import METHODS, SCORES, by_split, choose_eta, datasets
from lib.study.runs_id import Of, by_table, ce_only, gaps, mixing, name, ours
from lib.study.runs_id import by_split as by_form
from lib.study.statistics import Paired, clustered, resampled, standard_error
from lib.study.words import among, found_too, higher, listed, percent

LEADS = ("accuracy", "insertion", "1 − deletion")
MASKED = "accuracy on masked inputs"


# --- FE --------------------------------------------------------------------------------------------------------------


def whole(ten: pd.DataFrame) -> list[str]:
    """The data sets that have records of all six methods."""
    return [d for d in datasets(ten) if all(len(by_split(ten, d, m, measure=s)) > 1 for m in METHODS for s in SCORES)]


def six(ten: pd.DataFrame) -> tuple[Figure, str]:
    """The six methods with ten entries in the plane of accuracy and faithfulness, mean over data sets, and in words."""
    names = whole(ten)
    if not names:
        return figures.nothing("No data set has records of all methods yet."), "No data set has them yet."
    means = {}
    for method in METHODS:
        each = {score: [by_split(ten, d, method, measure=score) for d in names] for score in SCORES}
        point = [float(np.mean([v.mean() for v in each[score]])) for score in SCORES]
        error = [float(np.sqrt(np.sum([standard_error(v) ** 2 for v in each[score]])) / len(names)) for score in SCORES]
        means[method] = dict(zip(("x", "y", "x_error", "y_error"), (*point, *error)))
    means = pd.DataFrame(means).T
    own, others = means.loc["Ours"], means.drop("Ours")
    both = others[(others["x"] > own["x"]) & (others["y"] > own["y"])].index
    who = listed(both) if len(both) else "no method"
    verb = "are" if len(both) > 1 else "is"
    title = f"In the mean {who} {verb} both more accurate and more faithful than Ours with ten entries"
    shares = [[percent(means.loc[m, score]) for m in ("Ours", "PretrainR", "Pretrain")] for score in ("y", "x")]
    rights = shares[1] if len(set(shares[1])) > 1 else [f"{shares[1][0]} under each"]
    faithful = [[by_split(ten, d, m, measure="faithfulness") for m in ("Ours", "PretrainR")] for d in names]
    gap = clustered([(one - other).dropna().to_numpy() for one, other in faithful])
    told = (
        "With ten entries, prediction and explanation agree on {} of test rows under Ours, on {} under PretrainR, "
        "which has gates too, and on {} under Pretrain. Ours minus PretrainR is {}. The predictions are right on "
        "{} (mean over {} data sets)."
    ).format(*shares[0], spanned(gap), listed(rights), len(names))
    axes = {"xlabel": "test accuracy, higher is better", "ylabel": "test faithfulness,\nhigher is better"}
    return figures.plane(means, title, **axes), told


def from_end_to_end(splits: pd.Series, score: str, names: list[str]) -> Paired:
    """What a score changes by from the smallest of some lambdas to the largest, split by split, over data sets."""
    tables = (splits.xs((d, score), level=("dataset", "measure")).unstack("lam") for d in names)
    return clustered([(table.iloc[:, -1] - table.iloc[:, 0]).dropna().to_numpy() for table in tables])


def along_lambda(frame: pd.DataFrame) -> tuple[Figure, str]:
    """Ours in the same plane as lambda grows, a path for each data set with three lambdas, and in words."""
    rows = ours_at_ten(frame)
    rows = at(choose_eta(rows), part="test") if len(rows) else rows
    rows = rows[rows.groupby("dataset")["lam"].transform("nunique") > 2]
    if rows.empty:
        return figures.nothing("No data set has three values of λ yet."), "No data set has three values of λ yet."
    splits = rows.groupby(["dataset", "lam", "measure", "split"])["value"].mean()
    means = splits.groupby(["dataset", "lam", "measure"]).mean().unstack()
    order = [d for d in datasets(frame) if d in means.index]
    points = pd.concat([means.loc[d].reset_index().assign(name=short(d)) for d in order])
    points = points.rename(columns={"lam": "at", "accuracy": "x", "faithfulness": "y"})
    lams, ends = splits.index.get_level_values("lam"), []
    for stretch in (splits[lams <= 1], splits[lams >= 1]):  # as claim FE-C7 parts them
        change = {score: from_end_to_end(stretch, score, order) for score in SCORES}
        moves = " and ".join(f"{score} changes by {spanned(one)}" for score, one in change.items())
        own = stretch.index.get_level_values("lam")
        ends.append(f"From λ = {own.min():g} to {own.max():g} {moves}, mean over {len(order)} data sets.")
    costs, buys = change["accuracy"].side < 0, change["faithfulness"].side > 0
    paid = "costs accuracy" if costs else "does not surely cost accuracy"
    bought = "buys faithfulness" if buys else "does not surely buy faithfulness"
    title = f"Beyond λ = 1 more weight for the explanation {paid} {'but' if costs == buys else 'and'} {bought}"
    turn = {d: top for d in order if (top := most_faithful(means.loc[d])).index.max() < means.loc[d].index.max()}
    ends = " ".join(ends)
    where = listed(
        f"{short(d)} (λ = {' or '.join(f'{lam:g}' for lam in top.index)}, accuracy {' or '.join(map(two, top))})"
        for d, top in turn.items()
    )
    told = (
        f"{ends} In the mean the most faithful λ is below the largest on {where}. A predictor that names one class for "
        "all is easily followed: a high faithfulness at a low accuracy is worth nothing."
    )
    looks = {short(d): LOOKS[d.split("-")[0]] for d in order}
    axes = {"xlabel": "accuracy", "ylabel": "faithfulness"}
    return figures.trails(points, title, looks=looks, **axes), told if turn else ends


def most_faithful(means: pd.DataFrame) -> pd.Series:
    """Of one data set's mean scores by lambda, the accuracy at each lambda of the highest faithfulness."""
    return means.loc[np.isclose(means["faithfulness"], means["faithfulness"].max(), rtol=0, atol=1e-9), "accuracy"]


# --- ID --------------------------------------------------------------------------------------------------------------


def lead_rows(front: pd.DataFrame, *, cells: bool = False) -> pd.DataFrame:
    """ID-ExpO minus its best rival at eta 3: a row for each table and score, or for each cell of a table and score.

    Means over splits with 95% intervals; a table's own is of the mean over its explainers and S.
    """
    three, rows = at(front, eta=3), []
    for measure in LEADS:
        each = gaps(three, measure)
        own = {(d, name(e, S)): gap for (d, e, S), gap in each.items()}
        for (d, series), gap in (own if cells else {(d, ""): gap for d, gap in by_table(each).items()}).items():
            rows.append({"row": d, "series": series, "panel": measure, **_interval(resampled(gap))})
    return pd.DataFrame(rows)


def tables_lead(front: pd.DataFrame, *, cells: bool = False) -> tuple[Figure, str]:
    """The leads of ID-ExpO on each table at eta 3, sorted by what accuracy is paid, and in words."""
    rows = lead_rows(front, cells=cells)
    if rows.empty:
        return figures.nothing("No records of ID-ExpO and all rivals yet."), "No table has them yet."
    accuracy = rows[rows["panel"] == "accuracy"]
    order = accuracy.groupby("row")["value"].mean().sort_values(ascending=False).index
    sure = rows[rows["low"] > 0].groupby("panel").size().reindex(LEADS, fill_value=0)
    paid = accuracy[accuracy["high"] < 0]
    n, what = len(accuracy), "comparisons" if cells else "tables"
    title = (
        f"ID-ExpO surely leads in insertion on {sure['insertion']} and in 1 − deletion on {sure['1 − deletion']} of "
        f"{n} {what}, and surely pays in accuracy on {len(paid)}"
    )
    where = _named(zip(paid["row"], paid["series"]))
    means = rows.groupby("panel")["value"].mean()[list(LEADS)]
    least = rows[rows["panel"] != "accuracy"].groupby(["row", "series"], sort=False)["value"].min()
    least.index = _named(least.index)
    told = (
        f"Beside its best rival ID-ExpO has, in the mean, {higher(means)}. Its accuracy is surely below the best "
        f"rival's on {listed(where) if where else 'none of them'}. {found_too(least, 'it ahead in both scores')}"
    )
    axes = {"xlabel": "ID-ExpO minus the best rival, right of 0 is better", "order": list(order)}
    return figures.intervals(rows, title, **axes), told


def _named(cells: Iterable[tuple[str, str]]) -> list[str]:
    """Rows with their series, where they have one."""
    return [f"{row} ({series})" if series else row for row, series in cells]


# --- What surprised --------------------------------------------------------------------------------------------------


def _over_tables(rows: pd.DataFrame, measure: str, one: Of, other: Of) -> list[np.ndarray]:
    """One minus the other over splits, mean over explainers and S, one array for each table that has both."""
    return [gap.to_numpy() for gap in by_table(gaps(rows, measure, one=one, other=other)).values()]


class Surprise(NamedTuple):
    """Differences, and what is said of them."""

    rows: dict[str, Paired]  # by what the figure names them
    method: str  # whose colour they have
    title: str  # empty where none is sure
    told: str


def surprises(front: pd.DataFrame, forms: pd.DataFrame, readings: pd.DataFrame) -> tuple[Figure, str]:
    """What the papers do not lead one to expect: differences with intervals, and the numbers in words."""
    found = [*_forms(at(forms, eta=2)), *_masked(at(front, eta=2)), *_starts(readings)]
    rows = [{"row": row, "panel": "", "color": figures.METHODS[one.method].color, **_interval(difference)}
            for one in found for row, difference in one.rows.items()]  # fmt: skip
    if not rows:
        return figures.nothing("No records yet."), "None of them has records yet."
    title = ", ".join(one.title for one in found if one.title) or "none of these differences is surely there"
    axis = "difference, right of 0: the first is better"
    fig = figures.intervals(pd.DataFrame(rows), title[0].upper() + title[1:], xlabel=axis)
    return fig, " ".join(one.told for one in found)


def _forms(two: pd.DataFrame) -> Iterator[Surprise]:
    """Del-C minus Del-A in each score; nothing where no difference is sure, which surprises nobody.

    Tables whose forms were trained on different processors are left out.
    """
    two = two[~two["dataset"].isin(mixing(two))]
    each = {m: _over_tables(two, m, partial(by_form, deletion="C"), ours) for m in LEADS}
    found = {m: clustered(groups) for m, groups in each.items() if groups}
    if any(one.side for one in found.values()):
        more = [m for m, one in found.items() if one.side > 0]
        yield Surprise(
            {f"Del-C − Del-A: {m}": one for m, one in found.items()}, "Del-C",
            f"Del-C keeps more {listed(more)} than Del-A" if more else "",
            f"Del-C, which the paper sets aside, minus Del-A, which it chooses: {_outcome(found, 'in')}.",
        )  # fmt: skip


def _masked(two: pd.DataFrame) -> Iterator[Surprise]:
    """ID-ExpO minus CE-only on inputs masked at random."""
    if groups := _over_tables(two, "masked", ours, ce_only):
        one = clustered(groups)
        side = {1: "better than", -1: "worse than", 0: "about as well as"}[one.side]
        yield Surprise(
            {f"ID-ExpO − CE-only: {MASKED}": one}, "ID-ExpO",
            f"on tables ID-ExpO predicts masked inputs {side} CE-only" if one.side else "",
            "ID-ExpO trains on masked inputs and CE-only on none. Yet on test rows of tables masked at random ID-ExpO "
            f"predicts {side} CE-only: its accuracy minus that of CE-only is {interval(one)}.",
        )  # fmt: skip


def _starts(readings: pd.DataFrame) -> Iterator[Surprise]:
    """FE's accuracy with strengths S started from 0.1 minus that from 1, on each data set where both were tried."""
    rows, found = at(readings, part="test", measure="accuracy"), {}
    for dataset, part in rows.groupby("dataset", sort=False):
        each = [at(part, reading=r).groupby("split")["value"].mean() for r in ("S starts at 0.1", "as chosen")]
        if len(gap := (each[0] - each[1]).dropna()) > 1:
            found[short(dataset)] = resampled(gap)
    if found:
        moved = [d for d, one in found.items() if one.side]
        yield Surprise(
            {f"S from 0.1 − S from 1: accuracy on {d}": one for d, one in found.items()}, "Ours",
            f"the start of S seems to move accuracy on {among(moved, list(found), 'data sets')}" if moved else "",
            "FE does not say how large its strengths S are at first. Accuracy from a spread of 0.1 minus that from the "
            f"first protocol's 1: {_outcome(found, 'on')}. It is one of many changes tried in short runs over few "
            "splits, and its interval stands by itself, uncorrected.",
        )  # fmt: skip


def _outcome(found: dict[str, Paired], word: str) -> str:
    """Those differences that are surely there with their sizes, and where there is none."""
    sure = [f"{interval(one)} {word} {name}" for name, one in found.items() if one.side]
    rest = [name for name, one in found.items() if not one.side]
    parts = [listed(sure)] * bool(sure) + [f"no sure difference {word} {listed(rest)}"] * bool(rest)
    return ", ".join(parts)


def _interval(found: Paired) -> dict[str, float]:
    return {"value": found.difference, "low": found.low, "high": found.high}


# --- Of what the records are -----------------------------------------------------------------------------------------


def versions(folders: dict[str, str]) -> pd.DataFrame:
    """Of each folder of records: how many rows, from which devices, the version of their columns, and their date."""
    rows = {}
    for words, folder in folders.items():
        frame = records.read(folder)
        rows[words] = {
            "rows": f"{len(frame):,}",
            "made on": ", ".join(sorted(set(processor(frame)))),
            "commits": frame["code"].str.split().str[0].nunique(),
            "schema": ", ".join(map(str, sorted(set(frame["schema"])))),
            "newest": dated(folder),
        }
    return pd.DataFrame(rows).T


def dated(folder: str) -> str:
    """The day of the last commit that changed the folder, a dash where there is no git to ask."""
    command = ["git", "log", "-1", "--format=%cs", "--", folder]
    try:
        done = subprocess.run(command, cwd=records.ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip() or "–"
    except (OSError, subprocess.CalledProcessError):
        return "–"
