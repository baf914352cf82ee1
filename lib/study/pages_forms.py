"""What the page of ID's results on tables shows of Del-A, Del-B and Del-C: a figure, a table and sentences."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib.study import figures
from lib.study.numbers import spanned, three
from lib.study.pages_id import panels
from lib.study.rows import majority
from lib.study.runs import at
from lib.study.runs_id import S_VALUES, TABLES, balance, front_of_forms, mixing
from lib.study.statistics import Paired, clustered
from lib.study.words import listed


def forms_told(frame: pd.DataFrame, whole: pd.DataFrame, known: pd.DataFrame) -> dict:
    """The figure that compares Del-A, Del-B and Del-C, the tables that it is about, and its means at eta 2.

    whole: `fronts` of all records, for the predictors before fine-tuning.
    """
    front = front_of_forms(frame[frame["dataset"].isin(TABLES)])
    forms = panels(front).assign(method=lambda rows: "Del-" + rows["deletion"])
    over = {S: sorted(set(rows["dataset"])) for S, rows in forms.groupby("S")}
    apart = {listed(names) for names in over.values()}
    if len(apart) > 1:
        apart = [f"{listed(names)} (S = {S:g} Q)" for S, names in over.items()]
    at_S = {d: sum(d in over.get(S, []) for S in S_VALUES) for d in TABLES}
    lacking = [f"{where} {listed(some)}" for where, n in (("at one S alone on", 1), ("not on", 0))
               if (some := [d for d in TABLES if at_S[d] == n])]  # fmt: skip
    without = listed(lacking) if lacking else f"at every S on all {len(TABLES)} tables"
    told = {"forms": "; ".join(apart) or "none yet", "forms-told": balance_told(front), "forms-lack": without}
    told |= {"forms-mixed": mixed_told(front), "forms-apart": apart_told(mixing(front))}
    if forms.empty:
        return told | {"forms-figure": figures.nothing("No records of all three forms yet.")}
    mean = forms.groupby(["panel", "S", "method", "eta", "measure", "split"], as_index=False)["value"].mean()
    small = at(mean, eta=2, S=mean["S"].min())
    best = max((balance(rows).mean(), form) for form, rows in small.groupby("method"))[1]
    title = f"In the mean {best} has the best balance of both scores and accuracy (η = 2, S = {mean['S'].min():g} Q)"
    kept = small.pivot_table(index="method", columns="measure", values="value").stack()
    told["forms-accurate"] = kept.xs("accuracy", level=1).idxmax()
    table = kept.unstack()[["accuracy", "insertion", "1 − deletion"]]
    table = table.assign(balance=2 * table["accuracy"] + table["insertion"] + table["1 − deletion"])
    shown = table.map("{:.3f}".format).rename_axis(index=None, columns=None)
    names = set(forms.loc[forms["S"] == forms["S"].min(), "dataset"])
    before = at(whole, method="pretrained", eta=2, explainer="LIME", S=small["S"].min())
    start = before[before["dataset"].isin(names)].groupby("measure")["value"].mean().reindex(table.columns[:3])
    shown.loc["pretrained"] = [*map(three, start), three(start @ [2, 1, 1])]
    trivial = np.mean([majority(known, d).mean() for d in names])
    shown.loc["majority class"] = [f"{trivial:.3f}", "–", "–", "–"]
    told["forms-table"] = shown
    return told | {"forms-figure": figures.fronts(mean, title, sorted(set(mean["panel"])))}


def over_forms(front: pd.DataFrame) -> dict[str, Paired]:
    """Balance of Del-A minus that of each other form at eta 2, mean over a table's S, then over tables: claim ID-C6."""
    rows, found = at(front[front["dataset"].isin(TABLES)], eta=2), {}
    for other in "BC":
        gaps = []
        for _, part in rows.groupby("dataset"):
            each = [balance(at(own, deletion="A")) - balance(at(own, deletion=other)) for _, own in part.groupby("S")]
            gaps.append(pd.concat(each, axis=1).mean(axis=1).dropna().to_numpy())
        if gaps and min(map(len, gaps)) > 1:
            found[other] = clustered(gaps)
    return found


def balance_told(front: pd.DataFrame) -> str:
    """How much better or worse Del-A's balance is than the others', over tables and S, and how sure that is."""
    if not (found := over_forms(front)):
        return "Two splits of a table are needed to compare the three forms."
    sizes = "both S" if len(set(front.groupby("dataset")["S"].nunique())) == 1 else "the S that they have"
    sure = {1: "surely above 0", -1: "surely below 0", 0: "not surely apart from 0"}
    each = [f"minus that of Del-{other} is {spanned(gap)}, {sure[gap.side]}" for other, gap in found.items()]
    return (
        f"The paper chooses Del-A for its balance. In the mean over {found['C'].n} tables and {sizes}, "
        f"with 95% intervals, the balance of Del-A {'; '.join(each)}."
    )


def apart_told(mixed: Sequence[str]) -> str:
    """Whether a difference between processors may stand in one between forms of deletion, and on which tables."""
    if not mixed:
        return "Forms of deletion are no such case: on each table all three were trained on one machine."
    return f"Nor does it between forms of deletion, which come from different machines on {listed(mixed)}."


def mixed_told(front: pd.DataFrame) -> str:
    """On which tables the forms were trained on different processors, and their comparison without these tables."""
    if not (mixed := mixing(front)):
        return "On each table all three forms were trained on one processor in one precision."
    whole, rest = over_forms(front), over_forms(front[~front["dataset"].isin(mixed)])
    lost = {
        other: ", no longer surely apart from 0" * (whole[other].side != 0 == gap.side) for other, gap in rest.items()
    }
    left = " and ".join(f"minus that of Del-{other} is {spanned(gap)}{lost[other]}" for other, gap in rest.items())
    them = "it" if len(mixed) == 1 else "them"
    return (
        f"On {listed(mixed)} Del-A was trained, at one S at least, on another processor or in another precision than "
        f"Del-B and Del-C, from a start of its own, so that a difference there is not the form's alone. "
        + (f"Without {them} the balance of Del-A {left}." if rest else "No other table is left to compare on.")
    )
