"""What the opening page shows: findings with one figure each, in words computed from the records."""

import subprocess
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.study import figures, records
from lib.study.forests import LOOKS
from lib.study.numbers import spanned, two
from lib.study.pages_fe import ours_at_ten, short
from lib.study.runs import at
from lib.study.runs_fe import METHODS, SCORES, by_split, choose_eta, datasets
from lib.study.runs_id import Of, by_table, ce_only, gaps, name, ours
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
    faithful = [[by_split(ten, d, m, measure="faithfulness") for m in ("Ours", "PretrainR")] for d in names]
    gap = clustered([(one - other).dropna().to_numpy() for one, other in faithful])
    told = (
        "With ten entries, prediction and explanation agree on {} of test rows under Ours, on {} under PretrainR, "
        "which has gates too, and on {} under Pretrain. Ours minus PretrainR is {}. The predictions are right on {}, "
        "{} and {} (mean over {} data sets)."
    ).format(*shares[0], spanned(gap), *shares[1], len(names))
    axes = {"xlabel": "test accuracy, higher is better", "ylabel": "test faithfulness,\nhigher is better"}
    return figures.plane(means, title, **axes), told


def from_end_to_end(splits: pd.Series, score: str, names: list[str]) -> Paired:
    """What a score changes by from the smallest lambda to the largest, split by split, over data sets."""
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
    change = {score: from_end_to_end(splits, score, order) for score in SCORES}
    costs, buys = change["accuracy"].high < 0, change["faithfulness"].low > 0
    paid = "costs accuracy" if costs else "does not surely cost accuracy"
    bought = "buys faithfulness" if buys else "does not surely buy faithfulness"
    title = f"More weight for the explanation {paid} {'but' if costs == buys else 'and'} {bought}"
    moves = " and ".join(f"{score} changes by {spanned(one)}" for score, one in change.items())
    tops = {d: means.loc[d, "faithfulness"].idxmax() for d in order}
    turn = [d for d in order if tops[d] < means.loc[d].index.max()]
    ends = f"From λ = {rows['lam'].min():g} to {rows['lam'].max():g} {moves}, mean over {len(order)} data sets."
    where = listed(f"{short(d)} (λ = {tops[d]:g}, accuracy {two(means.loc[d, 'accuracy'][tops[d]])})" for d in turn)
    told = (
        f"{ends} In the mean the most faithful λ is below the largest on {where}. A predictor that names one class for "
        "all is easily followed: a high faithfulness at a low accuracy is worth nothing."
    )
    looks = {short(d): LOOKS[d.split("-")[0]] for d in order}
    axes = {"xlabel": "accuracy", "ylabel": "faithfulness"}
    return figures.trails(points, title, looks=looks, **axes), told if turn else ends


# --- ID --------------------------------------------------------------------------------------------------------------


def lead_rows(front: pd.DataFrame, *, cells: bool = False, eta: float = 3) -> pd.DataFrame:
    """ID-ExpO minus its best rival: a row for each table and score, or for each table, explainer, S and score.

    Means over splits with 95 % intervals; a table's own is of the mean over its explainers and S.
    """
    three, rows = at(front, eta=eta), []
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
    where = [f"{row} ({series})" if series else row for row, series in zip(paid["row"], paid["series"])]
    means = rows.groupby("panel")["value"].mean()[list(LEADS)]
    least = rows[rows["panel"] != "accuracy"].groupby(["row", "series"], sort=False)["value"].min()
    least.index = [f"{row} ({series})" if series else row for row, series in least.index]
    told = (
        f"Beside its best rival ID-ExpO has, in the mean, {higher(means)}. Its accuracy is surely below the best "
        f"rival's on {listed(where) if where else 'none of them'}. {found_too(least, 'it ahead in both scores')}"
    )
    axes = {"xlabel": "ID-ExpO minus the best rival, right of 0 is better", "order": list(order)}
    return figures.intervals(rows, title, **axes), told


# --- What surprised --------------------------------------------------------------------------------------------------


def _over_tables(rows: pd.DataFrame, measure: str, one: Of, other: Of) -> list[np.ndarray]:
    """One minus the other over splits, mean over explainers and S, one array for each table that has both."""
    return [gap.to_numpy() for gap in by_table(gaps(rows, measure, one=one, other=other)).values()]


def surprises(front: pd.DataFrame, forms: pd.DataFrame, readings: pd.DataFrame) -> tuple[Figure, str]:
    """What the papers do not lead one to expect: differences with intervals, and the numbers in words."""
    forms_ = at(forms, eta=2)
    found = {f"Del-C − Del-A: {m}": _over_tables(forms_, m, partial(by_form, deletion="C"), ours) for m in LEADS}
    if not any(each and (one := clustered(each)).low * one.high > 0 for each in found.values()):
        found = {}  # what is not there surprises nobody
    found[f"ID-ExpO − CE-only: {MASKED}"] = _over_tables(at(front, eta=2), "masked", ours, ce_only)
    found |= {f"S from 0.1 − S from 1: accuracy on {short(d)}": [gap] for d, gap in starts(readings).items()}
    colors = {"Del": "Del-C", "ID-": "ID-ExpO", "S f": "Ours"}
    rows = [
        {"row": row, "panel": "", "color": figures.METHODS[colors[row[:3]]].color, **_interval(clustered(gaps))}
        for row, gaps in found.items() if gaps
    ]  # fmt: skip
    if not rows:
        return figures.nothing("No records yet."), "None of them has records yet."
    title = surest({r["row"]: r for r in rows})
    axis = "difference, right of 0: the first is better"
    return figures.intervals(pd.DataFrame(rows), title, xlabel=axis), " ".join(_said({r["row"]: r for r in rows}))


def surest(rows: dict[str, dict]) -> str:
    """What of the surprises is sure, in a title."""
    side = {name: np.sign(r["low"]) * (r["low"] * r["high"] > 0) for name, r in rows.items()}
    scores = [m for m in LEADS if side.get(f"Del-C − Del-A: {m}", 0) > 0]
    found = [f"Del-C keeps more {listed(scores)} than Del-A"] if scores else []
    if masked := side.get(f"ID-ExpO − CE-only: {MASKED}"):
        found.append(f"ID-ExpO predicts masked inputs {'better' if masked > 0 else 'worse'} than CE-only")
    moved_on = [name.split()[-1] for name, sign in side.items() if name.startswith("S f") and sign]
    begun = [name.split()[-1] for name in side if name.startswith("S f")]
    if moved_on:
        found.append(f"the start of S decides accuracy on {among(moved_on, begun, 'data sets')}")
    words = ", ".join(found) or "none of these differences is surely there"
    return words[0].upper() + words[1:]


def _interval(found: Paired) -> dict[str, float]:
    return {"value": found.difference, "low": found.low, "high": found.high}


def _said(rows: dict[str, dict]) -> Iterator[str]:
    """The surprises in sentences, those that have records."""
    shown = {name: f"{two(r['value'])} ({two(r['low'])} to {two(r['high'])})" for name, r in rows.items()}
    forms = {m: name for m in LEADS if (name := f"Del-C − Del-A: {m}") in rows}
    if forms:
        yield f"Del-C, which the paper sets aside, minus Del-A, which it chooses: {_outcome(forms, rows, shown, 'in')}."
    if row := rows.get(name := f"ID-ExpO − CE-only: {MASKED}"):
        side = "worse than" if row["high"] < 0 else "better than" if row["low"] > 0 else "about as well as"
        yield (
            "ID-ExpO trains on inputs masked in the order of its explanation. Inputs masked at random it predicts "
            f"{side} CE-only, which trains on none: {shown[name]}."
        )
    if begun := {name.split()[-1]: name for name in rows if name.startswith("S f")}:
        found = _outcome(begun, rows, shown, "on")
        yield (
            f"FE does not say where its strengths S start. Accuracy with S from 0.1 minus that from 1: {found}, the "
            "largest of many changes tried in short runs over few splits, each interval by itself."
        )


def _outcome(names: dict[str, str], rows: dict[str, dict], shown: dict[str, str], word: str) -> str:
    """Those differences that are surely there with their sizes, and where there is none."""
    sure = [short for short, name in names.items() if rows[name]["low"] > 0 or rows[name]["high"] < 0]
    rest = [short for short in names if short not in sure]
    found = [f"{shown[names[short]]} {word} {short}" for short in sure]
    return ", ".join(
        filter(None, [listed(found) if sure else "", f"no sure difference {word} {listed(rest)}" if rest else ""])
    )


def starts(readings: pd.DataFrame) -> dict[str, np.ndarray]:
    """Accuracy with S started from 0.1 minus that from 1, over splits, for each data set where both were tried."""
    rows, found = at(readings, part="test", measure="accuracy"), {}
    for dataset, part in rows.groupby("dataset", sort=False):
        each = [at(part, reading=r).groupby("split")["value"].mean() for r in ("S starts at 0.1", "as chosen")]
        if len(gap := (each[0] - each[1]).dropna()) > 1:
            found[dataset] = gap.to_numpy()
    return found


# --- Of what the records are -----------------------------------------------------------------------------------------


def versions(folders: dict[str, str]) -> pd.DataFrame:
    """Of each folder of records: how many rows, from which devices, the version of their columns, and their date."""
    rows = {}
    for words, folder in folders.items():
        frame = records.read(folder)
        rows[words] = {
            "rows": f"{len(frame):,}",
            "made on": ", ".join(sorted({device.split(": ")[-1].split(",")[0] for device in frame["device"]})),
            "commits": frame["code"].str.split().str[0].nunique(),
            "schema": ", ".join(map(str, sorted(set(frame["schema"])))),
            "newest": dated(folder),
        }
    return pd.DataFrame(rows).T


def dated(folder: str) -> str:
    """The day of the last commit that changed the folder, a dash where there is no git to ask."""
    command = ["git", "log", "-1", "--format=%cs", "--", folder]
    try:
        return (
            subprocess.run(command, cwd=records.ROOT, capture_output=True, text=True, check=True).stdout.strip() or "–"
        )
    except (OSError, subprocess.CalledProcessError):
        return "–"
