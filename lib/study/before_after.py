"""Before and after: what training for explanations did to models of one's own, measure by measure, over splits.

frame = compared({"before": of_examples(fit("Pretrain", ...)), "after": of_examples(fit("Ours", ...))})
told(frame)                        # the gaps in a sentence
shown(frame)                       # a table to print
figures.before_after(ax, frame)    # the same as a picture
"""

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd

from lib.study.measures import MEASURES
from lib.study.statistics import mean_sem, plus_minus
from lib.study.words import higher
from lib.training.expo_fitted import Tuned
from lib.training.fewer_fitted import Trained
from lib.training.fitted import Fitted
from lib.training.measuring import calibration_error

Scores = dict[str, list[float]]  # measure: a value for each split


def best(fitted: Fitted) -> list[int]:
    """For each split, the run that was best on validation rows by the measure that chose its epoch."""
    history = fitted.history["measure"]
    reached = np.nan_to_num(history.reshape(*history.shape[:2], -1)[..., 0], nan=-np.inf).max(0)
    fold = np.array(fitted.runs.fold)
    return [max(np.flatnonzero(fold == f), key=lambda run: reached[run]).item() for f in sorted(set(fold.tolist()))]


def of_examples(trained: Trained) -> Scores:
    """What is measured of a method of FE on test rows, of the best run of each split, at the U that it was kept by."""
    runs, entries = best(trained), trained.influence[0].numel()
    U, keep = trained.settings.U_values(entries), min(trained.settings.keep, entries)
    if keep not in U:
        raise ValueError(f"U must have {keep}, by which epochs are kept, to show what it says there, got {U}")
    at = U.index(keep)
    own = {name: trained.scores[f"test_{name}"][runs, at].tolist() for name in ("accuracy", "faithfulness")}
    return own | {"calibration_error": _calibration(trained, runs)}


def of_features(tuned: Tuned) -> Scores:
    """What is measured of a method of ID on test rows, of the best run of each split, by its first criterion."""
    runs = best(tuned)
    own = {name: tuned.scores[f"test_{name}"][runs, 0] for name in ("accuracy", "insertion", "deletion")}
    own["1 − deletion"] = 1 - own.pop("deletion")
    return {name: values.tolist() for name, values in own.items()} | {"calibration_error": _calibration(tuned, runs)}


def of_images(report: list[dict]) -> Scores:
    """The same of one network from what `lib.training.measuring.report` found at one S."""
    found = {row["measure"]: row["value"] for row in report}
    found["1 − deletion"] = 1 - found["deletion"]
    return {name: [found[name]] for name in ("accuracy", "insertion", "1 − deletion", "calibration_error")}


def _calibration(fitted: Trained | Tuned, runs: list[int]) -> list[float]:
    """The calibration error of each run's predictions of its split's test rows."""
    found, start = [], getattr(fitted, "start", None)
    for run in runs:
        folds, fold = fitted.folds, fitted.runs.fold[run]
        if start:  # what stage 2 of Pretrain(R) calls data are features, the rows are stage 1's
            folds, fold = start.folds, start.runs.fold[fold]
        p, predicted = fitted.run(run).predict(folds.x_test[fold]).softmax(-1).max(-1)
        found.append(calibration_error(p, predicted == folds.y_test[fold]).item())
    return found


def compared(columns: Mapping[str, Scores]) -> pd.DataFrame:
    """One row for each measure and each of the columns: measure, label, direction, who, mean, sem, count.

    ValueError unless all have the same measures.
    """
    measures = list(next(iter(columns.values())))
    for who, scores in columns.items():
        if list(scores) != measures:
            raise ValueError(f"all must have the measures {', '.join(measures)}, got {', '.join(scores)} of {who}")
    rows = [{"measure": name, "who": who, "split": split, "value": value}
            for who, scores in columns.items() for name, values in scores.items()
            for split, value in enumerate(values)]  # fmt: skip
    frame = mean_sem(pd.DataFrame(rows), ["measure", "who"]).fillna({"sem": 0.0})
    order = {"measure": measures, "who": list(columns)}
    for name, values in order.items():
        frame[name] = pd.Categorical(frame[name], values, ordered=True)
    frame = frame.sort_values(["measure", "who"], ignore_index=True)
    known = [MEASURES[name] for name in frame["measure"]]
    return frame.assign(label=[row.label for row in known], direction=[row.direction for row in known])


def told(frame: pd.DataFrame) -> str:
    """To print: how far the last column lies above or below the one before it, in the mean over splits."""
    means = frame.pivot(index="label", columns="who", values="mean").loc[frame["label"].unique()]
    other, last = means.columns[-2:]
    return textwrap.fill(f"{last.capitalize()}, beside {other}: {higher(means[last] - means[other])}.", 79)


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """The comparison as text: a row for each measure, with the side that is better, a column for each model."""
    text = [plus_minus(mean, sem) if n > 1 else f"{mean:.2f}" for mean, sem, n in
            zip(frame["mean"], frame["sem"], frame["count"])]  # fmt: skip
    named = frame["label"].astype(str) + ", " + frame["direction"] + " is better"
    table = frame.assign(text=text, measure=named).pivot(index="measure", columns="who", values="text")
    return table.loc[list(dict.fromkeys(named))].rename_axis(index=None, columns=None)
