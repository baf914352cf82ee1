"""What does the work in ID's results on tables, as far as the records tell: sureness, choice, what is trivial.

Each function gives a table or a figure and what the text says of it, by name.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.study import figures
from lib.study.measures import labels
from lib.study.numbers import digits, interval, spanned, three
from lib.study.rows import majority
from lib.study.runs import at
from lib.study.runs_id import (
    CELLS,
    EXPLAINERS,
    HYPER,
    RIVALS,
    S_VALUES,
    TABLES,
    best_rival,
    by_split,
    by_table,
    ce_only,
    chosen,
    confidence,
    gaps,
    highest,
    name,
    of_method,
    ours,
)  # fmt: skip
from lib.study.statistics import Paired, clustered, resampled
from lib.study.words import listed

EVERY = ("pretrained", "CE-only", "ExpO-S", "ExpO-F", "ID-ExpO")


def trivial(front: pd.DataFrame, known: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """Accuracy of the majority class, of the pretrained predictor and of each method at eta 3, LIME, S = 0.5 Q."""
    three, rows = at(front, eta=3, explainer="LIME", S=0.5), {}
    for d in TABLES:
        means = {m: by_split(of_method(three, m), "accuracy", dataset=d).mean() for m in EVERY}
        repeated = known.loc[known["dataset"] == d, "repeated"].mean()
        rows[d] = {"majority class": majority(known, d).mean(), **means, "test rows seen in training": repeated}
    table = pd.DataFrame(rows).T
    over = {d: by_split(of_method(three, "ID-ExpO"), "accuracy", dataset=d) - majority(known, d) for d in TABLES}
    at_it = [f"{d} ({spanned(resampled(gap.dropna()))})" for d, gap in over.items() if gap.mean() < 0.02]
    seen = table["test rows seen in training"]
    percent = seen.map("{:.1%}".format)
    shown = digits(table, "{:.3f}").assign(**{seen.name: percent})
    return shown, {
        "trivial-at": listed(at_it) if at_it else "no table",
        "trivial-seen": ", ".join(f"{share:.0%} of {d}'s" for d, share in seen.items() if share > 0.02) or "none",
    }


def calibration(front: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """Mean f(x) of the predicted class minus accuracy at eta 2, mean over explainers and S."""
    two_ = at(front, eta=2)
    gaps = {}
    for d, explainer, S in CELLS:
        cell = at(two_, dataset=d, explainer=explainer, S=S)
        each = {m: of_method(cell, m) for m in EVERY}
        gaps[d, explainer, S] = {m: (confidence(rows) - by_split(rows, "accuracy")).mean() for m, rows in each.items()}
    gaps = pd.DataFrame(gaps).T
    both = gaps.dropna(subset=["ID-ExpO", "CE-only"])
    means = gaps.groupby(level=0).mean().reindex(TABLES)
    return digits(means, "{:+.3f}"), {
        "sure-more": f"{(both['ID-ExpO'] > both['CE-only']).sum()} of {len(both)}",
        **{f"sure-{m}": float(gaps[m].mean()) for m in EVERY},
    }


def relative(front: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """ID-ExpO's lead over the best rival at eta 2, plain and with each score divided by f(x): mean over its cells.

    A predictor that is surer of everything has higher insertion and higher deletion whatever its explanations are. Over
    the predictor before fine-tuning too.
    """
    over = {"best rival": leads(front), "pretrained": leads(front, ("pretrained",))}
    found = pd.concat({whom: each for whom, each in over.items() if len(each)})
    by = [4, 0]  # measure, and over whom
    table, ahead = found.groupby(level=by).mean(), (found > 0).groupby(level=by).agg(["sum", "size"])
    table = table.map("{:+.3f}".format).sort_index(ascending=[False, True])
    for column in found:
        table[f"leads, {column}"] = [f"{up} of {n}" for up, n in ahead[column].loc[table.index].to_numpy()]
    return table.rename_axis([None, "minus"]), {"relative": relative_told(front)}


def relative_told(front: pd.DataFrame) -> str:
    """The lead over the best rival in each score, as it is and divided by f(x), with intervals over tables."""
    found, told = by_cell(front), []
    for measure in ("insertion", "1 − deletion"):
        own = {c[:3]: of for c, of in found.items() if c[3] == measure and len(of["plain"]) > 1}
        if own:
            plain, divided = (over_tables({c: of[k] for c, of in own.items()}) for k in ("plain", "divided by f(x)"))
            sure = "" if divided.side else ", which is not sure"
            told.append(f"{spanned(plain)} in {measure} and {spanned(divided)} once it is divided by f(x){sure}")
    return f"In the mean over tables ID-ExpO leads by {'; by '.join(told)}." if told else "No records yet."


def over_tables(gaps: Mapping[tuple, pd.Series]) -> Paired:
    """Differences by table, explainer and S, each over splits: their mean over tables, with its interval."""
    return clustered([gap.to_numpy() for gap in by_table(gaps).values()])


def leads(front: pd.DataFrame, rivals: Sequence[str] = RIVALS) -> pd.DataFrame:
    """ID-ExpO's lead at eta 2 over the best of some in each cell and score, plain and divided by f(x)."""
    means = {cell: {column: gap.mean() for column, gap in of.items()} for cell, of in by_cell(front, rivals).items()}
    return pd.DataFrame(means).T.dropna()


def by_cell(front: pd.DataFrame, rivals: Sequence[str] = RIVALS) -> dict[tuple, dict[str, pd.Series]]:
    """The same split by split: (table, explainer, S, score) -> plain and divided, each split -> lead."""
    two_, found = at(front, eta=2), {}
    for d, explainer, S in CELLS:
        cell = at(two_, dataset=d, explainer=explainer, S=S)
        for measure, sign in (("insertion", 1), ("1 − deletion", -1)):
            plain = (ours(cell, measure) - best_rival(cell, measure, rivals)).dropna()
            each = {m: sign * share_of_whole(of_method(cell, m), measure) for m in (*rivals, "ID-ExpO")}
            divided = (each["ID-ExpO"] - highest({m: each[m] for m in rivals})).dropna()
            found[d, explainer, S, measure] = {"plain": plain, "divided by f(x)": divided}
    return found


def leads_figure(front: pd.DataFrame) -> Figure:
    """`leads`: a row for each table, filled markers plain and hollow ones divided."""
    found = leads(front)
    if found.empty:
        return figures.nothing("No records yet.")
    there = [d for d in TABLES if d in set(found.index.get_level_values(0))]
    fig, axes = figures.grid(2, height=1 + 0.4 * len(there))
    own = figures.METHODS["ID-ExpO"].color
    for ax, measure in zip(axes, ("insertion", "1 − deletion")):
        rows = found.xs(measure, level=3)
        for shift, (column, face) in zip((-0.15, 0.15), (("plain", own), ("divided by f(x)", figures.PAPER))):
            places = [there.index(d) + shift for d in rows.index.get_level_values(0)]
            ax.plot(rows[column], places, "o", color=own, markerfacecolor=face, label=column)
        ax.axvline(0, color=figures.INK, linewidth=1)
        ax.grid(axis="x")
        ax.set(title=measure, xlabel="lead over best rival", ylim=(len(there) - 0.5, -0.5))
        ax.set_yticks(range(len(there)), there if ax is axes[0] else [""] * len(there))
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    ahead = (found["divided by f(x)"] > 0).groupby(level=3).mean()
    shares = {m: {1.0: "all", 0.0: "none"}.get(share, f"{share:.0%}") for m, share in ahead.items()}
    where = [f"in {m} in {share} of {'the cells' if m == ahead.index[0] else 'them'}" for m, share in shares.items()]
    figures.headline(fig, f"Once divided by f(x), ID-ExpO still leads {' and '.join(where)}")
    return figures.remember(fig, found.rename_axis(["dataset", "explainer", "S", "measure"]).reset_index())


def share_of_whole(rows: pd.DataFrame, measure: str) -> pd.Series:
    """Insertion or deletion itself (not 1 - deletion), divided by mean f(x): split -> value."""
    value = by_split(rows, measure)
    return (value if measure == "insertion" else 1 - value) / confidence(rows)


def selection(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """Leads of ID-ExpO over CE-only at eta 2 by how many settings it may choose among: mean over cells.

    CE-only has two settings, ExpO six and ID-ExpO twelve; more choice finds a better valscore by luck alone.
    """
    frame = frame[frame["dataset"].isin(TABLES)]
    rival, own = at(frame, method="CE-only"), at(frame, method="ID-ExpO", deletion="A")
    lams = sorted(set(own["lam"]), reverse=True)
    most = float(own["lam3"].max())
    among = {f"λ = {lam:g}, λ₃ = {most:g}: rates alone": at(own, lam=lam, lam3=most) for lam in lams}
    among |= {f"λ₃ = {most:g}: rates and λ": at(own, lam3=most), "all": own}
    rows = {}
    start = at(frame, method="pretrained")
    among |= {"before fine-tuning": start} if len(start) else {}
    for words, some in among.items():
        picked, one = chosen(pd.concat([some, rival])), partial(by_split, method=some["method"].iloc[0])
        leads = {"settings": some[HYPER].drop_duplicates().shape[0]}
        for measure in ("insertion", "1 − deletion", "accuracy"):
            leads[measure] = np.mean([gap.mean() for gap in gaps(picked, measure, one=one, other=ce_only).values()])
        rows[words] = leads
    table = pd.DataFrame(rows).T
    shown = table.drop(columns="settings").map("{:+.3f}".format).map(lambda text: text.replace("-", "−"))
    return pd.concat([table[["settings"]].astype(int), shown], axis=1), {
        "selection-most": int(table["settings"].max()),
        "selection-told": selection_told(table.iloc[: len(lams)].set_axis(lams), table.loc["all"]),
    }


def selection_told(one: pd.DataFrame, all_: pd.Series) -> str:
    """How far ID-ExpO leads with a single lambda, by lambda, from the best to the worst, and with all settings."""
    told = []
    for measure in ("insertion", "1 − deletion"):
        leads = one[measure].sort_values()
        low, high = (f"{three(leads.iloc[at_])} (λ = {leads.index[at_]:g})" for at_ in (0, -1))
        told.append(f"between {low} and {high} in {measure}, where all settings give {three(all_[measure])}")
    costs = listed(f"{three(cost)} at λ = {lam:g}" for lam, cost in one["accuracy"].items())
    return (
        f"With as few to choose from as CE-only, ID-ExpO's lead is {'; and '.join(told)}. Its accuracy minus CE-only's "
        f"is then {costs}, and {three(all_['accuracy'])} with all. Which λ leads furthest cannot be known beforehand."
    )


def untrained(front: pd.DataFrame) -> Figure:
    """Sensitivity-4 and accuracy on masked inputs against accuracy through the etas, mean over the tables."""
    names = labels("accuracy", "sensitivity", "masked")
    rows = front[front["measure"].isin(names) & front["dataset"].isin(TABLES) & front["deletion"].isin(["A", "none"])]
    rows = rows[rows["method"].isin(EVERY)]
    rows = rows.assign(panel=[name(e, S) for e, S in zip(rows["explainer"], rows["S"])]).replace({"measure": names})
    mean = rows.groupby(["panel", "method", "eta", "measure", "split"], as_index=False)["value"].mean()
    if mean.empty:
        return figures.nothing("No records yet.")
    order = [name(e, S) for e in EXPLAINERS for S in S_VALUES if name(e, S) in set(mean["panel"])]
    measures = {"sensitivity-4": "sensitivity", "accuracy on masked inputs": "masked"}
    sides = {words: over_tables(gaps(at(front, eta=2), m, other=ce_only)).side for words, m in measures.items()}
    ways = {1: "surely above", 0: "not surely apart from", -1: "surely below"}
    found = {way: [words for words in sides if sides[words] == side] for side, way in ways.items()}
    told = listed(f"{way} CE-only in {listed(names)}" for way, names in found.items() if names)
    title = f"At η = 2 ID-ExpO is {told}"
    return figures.fronts(mean, title, order, scores=(names["sensitivity"], names["masked"]))


def over_ce_only(front: pd.DataFrame, measure: str) -> str:
    """ID-ExpO minus CE-only at eta 2, with its interval over tables."""
    return spanned(over_tables(gaps(at(front, eta=2), measure, other=ce_only)))


def table_leads(front: pd.DataFrame, dataset: str) -> dict[str, Paired]:
    """ID-ExpO minus the best rival at eta 3 on a table, over splits, mean over explainers and S; empty without both."""
    three = at(front, dataset=dataset, eta=3)
    found = {
        measure: by_table(gaps(three, measure, tables=[dataset]))
        for measure in ("insertion", "1 − deletion", "accuracy")
    }
    return {measure: resampled(leads[dataset]) for measure, leads in found.items() if leads}


def front_told(front: pd.DataFrame, known: pd.DataFrame, dataset: str) -> str:
    """What a table's fronts show at eta 3, how sure that is, and where it goes against the paper."""
    if not (found := table_leads(front, dataset)):
        return "Not every method has records here."
    told = ", ".join(f"{m} {interval(g)}" for m, g in found.items())
    text = f"ID-ExpO minus the best rival at η = 3, mean over explainers and S with 95% intervals: {told}."
    if against := [m for m in ("insertion", "1 − deletion") if found[m].difference <= 0]:
        text += f" Against the paper, it does not lead in {' and '.join(against)}."
    if found["accuracy"].high < 0:
        barely = ", if only just" * (found["accuracy"].high > -0.005)
        text += f" It pays in accuracy: the whole interval lies below 0{barely}."
    three = at(front, dataset=dataset, eta=3)
    cells = [at(three, explainer=e, S=S) for e in EXPLAINERS for S in S_VALUES]
    chance, own = majority(known, dataset).mean(), np.mean([ours(cell, "accuracy").mean() for cell in cells])
    return f"{text} Its accuracy is {own:.3f}; naming the majority class gives {chance:.3f}."
