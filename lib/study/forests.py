"""Forests of intervals on the page of claims, and what they show in words."""

import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from lib.data import catalogue
from lib.study import claims, figures, runs_id
from lib.study.numbers import ends, signed
from lib.study.runs import title
from lib.study.statistics import resampled
from lib.study.words import listed

LOOKS = {
    name.split("-")[0]: (entry.colour, entry.marker)
    for name, entry in catalogue.DATA_SETS.items()
    if entry.paper == "FE"
}
SHOWN = [f"FE-C{n}" for n in range(1, 6)]
# those about a difference on every table
FOREST_ID = ("ID-C4a", "ID-C6a", "ID-C6b", "ID-C8a", "ID-C8b", "ID-C8c", "ID-C11a", "ID-C11b")
CELL = r"(, (LIME|KernelSHAP))?, S = [\d.]+ Q$"  # the explainer and S, with which a comparison's words end


def forest(tests: pd.DataFrame) -> Figure:
    """Mean differences with their intervals, a row for each comparison of FE-C1 to FE-C5, a marker for a data set."""
    tests = tests[tests["claim"].str[:5].isin(SHOWN) & tests["low"].notna()]
    rows = tests.assign(series=tests["dataset"].str.split("-").str[0], open=tests["outcome"] == claims.UNDECIDED)
    names = {short: title(short).replace("cifar", "CIFAR") for short in LOOKS}
    held = (tests["outcome"] == claims.HOLDS).sum()
    fig = _forest(rows, {names[short]: look for short, look in LOOKS.items()}, rows["series"].map(names))
    figures.headline(fig, f"{held} of {len(tests)} comparisons of C1 to C5 hold")
    return figures.remember(fig, tests[["claim", "what", "dataset", "claimed", "value", "low", "high", "outcome"]])


def table_means(tests: pd.DataFrame) -> pd.DataFrame:
    """ID's differences on tables with their intervals, mean over explainers and S; open where 0 lies within."""
    tests = tests[tests["claim"].isin(FOREST_ID) & tests["low"].notna()]
    tests = tests.assign(what=tests["what"].str.replace(CELL, "", regex=True))
    rows = []
    for (claim, what, dataset), part in tests.groupby(["claim", "what", "dataset"], sort=False):
        gap = resampled(pd.concat(list(part["differences"]), axis=1).mean(axis=1))
        rows.append({"claim": claim, "what": what, "dataset": dataset, "value": gap.difference, "low": gap.low,
                     "high": gap.high, "open": gap.low <= 0 <= gap.high})  # fmt: skip
    if not rows:
        return pd.DataFrame()
    return pd.DataFrame(rows).sort_values("claim", key=lambda labels: labels.map(FOREST_ID.index), kind="stable")


def forest_id(tests: pd.DataFrame) -> Figure:
    """The same of ID on tables, mean over explainers and S; hollow where 0 lies within."""
    rows = table_means(tests)
    if rows.empty:
        return figures.nothing("No records yet.")
    looks = {name: (catalogue.DATA_SETS[name].colour, catalogue.DATA_SETS[name].marker) for name in runs_id.TABLES}
    fig = _forest(rows, looks, rows["dataset"])
    fig.axes[0].set_xlim(-0.35, 0.75)  # some of collins' intervals go on
    up, down = (rows["low"] > 0).sum(), (rows["high"] < 0).sum()
    figures.headline(fig, f"{up} of {len(rows)} means are surely above 0, {down} surely below")
    return figures.remember(fig, rows.drop(columns="open"))


def told(tests: pd.DataFrame) -> str:
    """What the first forest shows: the largest difference that holds, and how many are undecided though sure alone."""
    tests = tests[tests["claim"].str[:5].isin(SHOWN) & tests["low"].notna()]
    if tests.empty:
        return "No records yet."
    held, open_ = tests[tests["outcome"] == claims.HOLDS], tests[tests["outcome"] == claims.UNDECIDED]
    within = open_["claimed"].str.startswith("within") & (open_[["low", "high"]].abs().max(axis=1) < open_["bound"])
    sided = open_["claimed"].str[0].isin(["<", ">"])
    alone = (within | sided & ((open_["low"] > open_["bound"]) | (open_["high"] < open_["bound"]))).sum()
    against = len(tests) - len(held) - len(open_)
    text = (
        f"Of these comparisons, of {tests['claim'].nunique()} claims that ask for different things, {len(held)} hold, "
        f"{len(open_)} are undecided and {against} against. "
    )
    if len(held):
        top = held.loc[held["value"].abs().idxmax()]
        where = f"{top['what']} on {title(top['dataset'])}"
        text += f"The largest that holds is {where}, {top['value']:.2f} ({top['low']:.2f} to {top['high']:.2f}). "
    some = f"{alone} are" if alone else "None is"
    return f"{text}{some} undecided only because several are tested, though the interval lies on one side of the edge."


def told_id(tests: pd.DataFrame) -> str:
    """What the second forest shows: of each claim, on how many tables its means are surely above 0 and surely below."""
    rows = table_means(tests)
    if rows.empty:
        return "No records yet."
    said = []
    for (claim, what), part in rows.groupby(["claim", "what"], sort=False):
        up, down = (part["low"] > 0).sum(), (part["high"] < 0).sum()
        first, *rest = what.split(", ")
        twice = rows.loc[(rows["claim"] == claim) & rows["what"].str.startswith(f"{first},"), "what"].nunique() > 1
        words = f"{first}, {rest[0]}" if twice else first
        said.append(f"{words} ({claim[3:]}) {up} and {down} of {len(part)}")
    extremes = (rows.loc[rows["value"].idxmax()], rows.loc[rows["value"].idxmin()])
    most, least = (f"{signed(one['value'])} ({ends(one)}), {one['what']} ({one['claim'][3:]}) on {one['dataset']}"
                   for one in extremes)  # fmt: skip
    edge = rows["claim"].map({"ID-C8c": -claims.MARGIN}).fillna(0)
    wrong = rows[rows["high"] < edge].groupby("claim", sort=False).size()
    contrary = [f"{claim[3:]} on {n}" for claim, n in wrong.items()]
    return (
        f"The highest mean is {most}, the lowest {least}. The numbers of tables on which it is surely above 0, and "
        f"surely below: {'; '.join(said)}. Surely on the side that goes against the paper's claim, the whole interval "
        f"beyond its edge: {listed(contrary)}."
    )


def _forest(rows: pd.DataFrame, looks: dict[str, tuple[str, str]], series: pd.Series) -> Figure:
    """Intervals of claims, a row for each comparison and a marker for each of the series; FE-C1 with its margin."""
    places = list(dict.fromkeys(zip(rows["claim"], rows["what"])))
    fig, ax = plt.subplots(figsize=(figures.WIDTH, 2 + 0.14 * len(looks) * len(places)))
    for row, name in zip(rows.itertuples(), series):
        color, marker = looks[name]
        place = places.index((row.claim, row.what)) + 0.68 * ((list(looks).index(name) + 0.5) / len(looks) - 0.5)
        error = [[row.value - row.low], [row.high - row.value]]
        face = figures.PAPER if row.open else color
        ax.errorbar(row.value, place, xerr=error, fmt=marker, color=color, markerfacecolor=face, capsize=2)
    ax.axvline(0, color=figures.INK, linewidth=1)
    for place, (claim, _) in enumerate(places):
        if claim == "FE-C1":
            ax.barh(place, 2 * claims.MARGIN, left=-claims.MARGIN, height=0.9, color=figures.FAINT)
    ax.use_sticky_edges = False
    words = ["\n".join(textwrap.fill(part, 32) for part in f"{c[3:]}  {what}".split(", ")) for c, what in places]
    ax.set_yticks(range(len(places)), words)
    ax.set(ylim=(max(len(places), 1) - 0.5, -0.5), xlabel="first minus second, right is better")
    ax.grid(axis="x")
    handles = [ax.errorbar([], [], xerr=[], fmt=marker, color=color) for color, marker in looks.values()]
    fig.legend(handles, looks, loc="outside lower center", ncols=4 if len(looks) < 5 else 2)
    return fig
