"""What the page on both papers in one training shows: a table, fronts and sentences, from the records of results/both.

cells = pages_both.load()                               # a row for each run, its test scores as columns
pages_both.effect(cells, "lam1", "faithfulness", other=0.01)     # what the features' term does beside the gates'
"""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from lib.study import figures, records
from lib.study.numbers import spanned, two
from lib.study.rows import majority
from lib.study.runs import at, kept, titles
from lib.study.statistics import Paired, plus_minus, resampled
from lib.study.words import listed

U = 10  # entries (n, c) kept in the explanation that is scored
SCORES = {  # as the records have it: as the page does
    "accuracy": "accuracy of g", "faithfulness": "faithfulness", "accuracy_h": "accuracy of h",
    "insertion": "insertion", "deletion": "1 − deletion",
}  # fmt: skip
TERMS = {"eta": "the price of gates", "lam1": "the term for features"}
OTHER = {"eta": "lam1", "lam1": "eta"}
OWN = {"eta": ("faithfulness", "accuracy_h"), "lam1": ("insertion", "deletion")}  # what a term is for
LOOKS = (("#444444", "X", "--"), ("#117733", "^", "-"), ("#0072b2", "o", "-"), ("#d55e00", "s", "-"))
FEW = "Two splits of each table are needed to tell whether one helps the other."
NOTHING = "There are no records of these runs yet; make experiments ONLY=both makes them."


def load(folder: str | Path = records.ROOT / "results" / "both") -> pd.DataFrame:
    """A row for each run, by data set, split, eta and lam1, its test scores with U entries as columns; 1 - deletion."""
    index = ["dataset", "split", "eta", "lam1"]
    if not records.files(folder):
        return pd.DataFrame(columns=[*index, *SCORES])
    frame = kept(records.read(folder))
    test = frame[(frame["part"] == "test") & (frame["U"].isna() | (frame["U"] == U))]
    wide = test.pivot_table(index=index, columns="measure", values="value").reset_index()
    return wide.assign(deletion=1 - wide["deletion"])[[*index, *SCORES]]


def weights(cells: pd.DataFrame, term: str) -> list[float]:
    """The weights of one term, 0 first."""
    return sorted(cells[term].unique())


def effect(cells: pd.DataFrame, term: str, score: str, *, other: float) -> dict[str, Paired]:
    """What a term's largest weight changes in a score over none, the other term at one weight: by table, over splits.

    Tables stand apart: two of them say nothing of others. One of fewer than two splits is left out.
    """
    found = {}
    for name, part in cells[cells[OTHER[term]] == other].groupby("dataset", sort=False):
        with_it, without = (at(part, **{term: w}).set_index("split")[score] for w in (weights(cells, term)[-1], 0.0))
        if len(gap := (with_it - without).dropna()) > 1:
            found[titles(name)] = resampled(gap)
    return found


def effects_table(cells: pd.DataFrame) -> pd.DataFrame | Markdown:
    """Changes by each term, without and beside the other, a row for each table and score, with their intervals."""
    if cells.empty:
        return Markdown(NOTHING)
    columns = {}
    for term, name in TERMS.items():
        for beside, level in (("alone", 0.0), ("beside the other", weights(cells, OTHER[term])[-1])):
            each = {label: effect(cells, term, score, other=level) for score, label in SCORES.items()}
            columns[name, beside] = {(d, label): spanned(one) for label, of in each.items() for d, one in of.items()}
    return pd.DataFrame(columns).sort_index(level=0, sort_remaining=False)


def about(cells: pd.DataFrame) -> str:
    """Which tables there are, in how many splits, and the weights."""
    if cells.empty:
        return NOTHING
    splits = cells.groupby("dataset", sort=False)["split"].nunique()
    there = " and ".join(f"{titles(d)} ({n} split{'s' * (n > 1)})" for d, n in splits.items())
    etas, lam1s = (", ".join(f"{w:g}" for w in weights(cells, term)) for term in TERMS)
    return f"There are records of {there}, with η of {etas} and λ₁ of {lam1s}."


def verdict(cells: pd.DataFrame) -> dict[str, str]:
    """What each term does to the scores it is for, alone and beside the other, `own`, and beside it to the `others`."""
    own, others, falls = [], [], []
    for term, name in TERMS.items():
        beside, level = f"Beside {TERMS[OTHER[term]]}", 0.0 if cells.empty else weights(cells, OTHER[term])[-1]
        rest = (*OWN[OTHER[term]], *(["accuracy"] * (term == "lam1")))
        each = [
            {SCORES[s]: {} if cells.empty else effect(cells, term, s, other=weight) for s in scores}
            for scores, weight in ((OWN[term], 0.0), (OWN[term], level), (rest, level))
        ]
        if not all(found for of in each for found in of.values()):
            return dict.fromkeys(("own", "others"), FEW)
        own += [changed("Alone", name, each[0]), changed(beside, name, each[1])]
        others.append(changed(beside, name, each[2]))
        falls += [one for found in each[2].values() for one in found.values() if one.side < 0]
    lead = "Some scores surely fall." if falls else "No score surely falls."
    return {"own": " ".join(own), "others": " ".join([lead, *others])}


def changed(where: str, name: str, each: Mapping[str, Mapping[str, Paired]]) -> str:
    """Which scores a term surely changes on which tables, or what it changes if none of it is sure: a sentence."""
    told = [(f"{score} on {d}", one) for score, of in each.items() for d, one in of.items()]
    if sure := [f"{what} by {spanned(one)}" for what, one in told if one.side]:
        return f"{where}, {name} surely changes {listed(sure)}."
    return f"{where}, no change by {name} is sure: {listed(f'{what} {spanned(one)}' for what, one in told)}."


def common(known: pd.DataFrame, cells: pd.DataFrame) -> str:
    """The accuracy of naming the majority class on the tables' splits, in words. known: `lib.study.rows.read`."""
    splits = cells.groupby("dataset", sort=False)["split"].unique()
    return listed(f"{two(majority(known, d).reindex(own).mean())} on {titles(d)}" for d, own in splits.items())


def scores_table(cells: pd.DataFrame) -> pd.DataFrame | Markdown:
    """Means over splits with standard errors, a row for each table and pair of weights."""
    if cells.empty:
        return Markdown(NOTHING)
    rows = {}
    for (d, eta, lam1), part in cells.groupby(["dataset", "eta", "lam1"]):
        rows[titles(d), f"{eta:g}", f"{lam1:g}"] = {
            label: plus_minus(part[score].mean(), part[score].sem()) for score, label in SCORES.items()
        }
    return pd.DataFrame(rows).T.rename_axis(["", "η", "λ₁"])


def fronts(cells: pd.DataFrame) -> Figure:
    """Insertion and 1 - deletion against faithfulness, a row of panels for each table, a line for each eta."""
    if cells.empty:
        return figures.nothing("There are no records of these runs yet.")
    names = list(dict.fromkeys(cells["dataset"]))
    size = (figures.WIDTH, 2.4 * len(names) + 1.2)
    fig, axes = plt.subplots(len(names), 2, figsize=size, squeeze=False, sharex="row", layout="constrained")
    for row, name in zip(axes, names):
        for ax, score in zip(row, OWN["lam1"]):
            for eta, (color, marker, line) in zip(weights(cells, "eta"), LOOKS):
                own = at(cells, dataset=name, eta=eta).groupby("lam1")[["faithfulness", score]].agg(["mean", "sem"])
                x, y = own["faithfulness"], own[score]
                style = {"color": color, "marker": marker, "linestyle": line, "label": f"η = {eta:g}"}
                ax.errorbar(x["mean"], y["mean"], xerr=x["sem"], yerr=y["sem"], elinewidth=0.6, **style)
                ax.plot(x["mean"].iloc[-1], y["mean"].iloc[-1], **style | {"markersize": 10, "label": None})
            ax.set_ylabel(f"{SCORES[score]},\nhigher is better")
            ax.grid(axis="x")
        row[0].set_title(titles(name))
    for ax in axes[-1]:
        ax.set_xlabel(f"faithfulness with {U} entries,\nhigher is better")
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(LOOKS))
    figures.headline(fig, title(cells))
    return fig


def title(cells: pd.DataFrame) -> str:
    """What both terms together reach, table by table."""
    both = at(cells, eta=weights(cells, "eta")[-1], lam1=weights(cells, "lam1")[-1])
    means = {d: part.mean(numeric_only=True) for d, part in both.groupby("dataset", sort=False)}
    told = [f"{SCORES[score]} {listed(f'{two(mean[score])} on {titles(d)}' for d, mean in means.items())}"
            for score in ("faithfulness", "insertion")]  # fmt: skip
    return f"With both terms: {'; '.join(told)}"
