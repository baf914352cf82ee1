"""What the page of claims shows: verdicts at a glance, every comparison of a claim, and a forest of intervals."""

import re
import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure

from lib.data import catalogue
from lib.study import claims, claims_fe, figures, runs_fe, runs_id
from lib.study.records import ROOT
from lib.study.rows import majority
from lib.study.runs import at, title
from lib.study.runs_fe import U
from lib.study.statistics import Paired, resampled

LOOKS = {
    name.split("-")[0]: (entry.colour, entry.marker)
    for name, entry in catalogue.DATA_SETS.items()
    if entry.paper == "FE"
}


FOREST_ID = ("ID-C4a", "ID-C6", "ID-C8a", "ID-C8b", "ID-C11a", "ID-C11b")  # those about a difference on every table
CELL = r"(, (LIME|KernelSHAP))?, S = [\d.]+ Q$"  # the explainer and S, with which a comparison's words end
MARKS = {"holds": "●", "undecided": "○", "against": "×"}
WIDE = 8  # marks of a bar


def bar(holds: int, undecided: int, against: int) -> str:
    """How the comparisons of a claim came out, in at most `WIDE` marks: none that there is goes without one."""
    counts = dict(zip(MARKS, (holds, undecided, against)))
    scale = min(1, WIDE / max(1, sum(counts.values())))
    marks = {name: max(round(n * scale), 1) if n else 0 for name, n in counts.items()}
    while sum(marks.values()) > WIDE:
        marks[max(marks, key=marks.get)] -= 1
    return "".join(MARKS[name] * n for name, n in marks.items())


def effect(row: pd.Series) -> str:
    """The effect of a claim as a whole with its interval, which stays on one line."""
    if pd.isna(row["effect"]):
        return "–"
    interval = f"{two(row['effect'])} ({two(row['low'])} to {two(row['high'])})".replace(" ", "\u00a0")
    return f"{row['effect of']}: {interval}"


def at_a_glance(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The verdicts as shown: what the paper finds, how its comparisons came out, and the effect."""
    table = {
        "the paper finds": verdicts["says"],
        "verdict": verdicts["verdict"],
        "comparisons": [bar(*row) or "–" for row in verdicts[list(MARKS)].itertuples(index=False)],
        "effect, in the mean": verdicts.apply(effect, axis=1),
    }
    return pd.DataFrame(table).rename(index=lambda label: label.replace("-", "\u2011")).rename_axis(None)


def in_full(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The same with the counts and p; a claim's section lists its data sets."""
    table, counts = at_a_glance(verdicts), verdicts[list(MARKS)].astype(str).agg(",\u00a0".join, axis=1)
    table["comparisons"] += (" " + counts).where(verdicts[list(MARKS)].any(axis=1), "").to_numpy()
    p = ", " + ("p " + verdicts["p"].map(lambda p: chance(p, True))).str.replace(" ", "\u00a0")
    table["effect, in the mean"] += p.where(verdicts["p"].notna(), "").to_numpy()
    return table


def linked(table: pd.DataFrame, chapter: str) -> HTML:
    """The table with each claim's label a link to the section of the chapter that tests it."""
    headings = re.findall(r"^# #+ ((?:FE|ID)-C\d+)(.*)$", (ROOT / "notebooks" / f"{chapter}.py").read_text(), re.M)
    anchors = {label: re.sub(r"[^a-z0-9]+", "-", f"{label}{rest}".lower()).strip("-") for label, rest in headings}

    def link(shown: str) -> str:
        label = re.sub("[a-z]$", "", shown.replace("\u2011", "-"))
        return f'<a href="{chapter}.html#{anchors[label]}">{shown}</a>' if label in anchors else shown

    return HTML(table.rename(index=link).to_html(escape=False))


def told(paper: str, verdicts: pd.DataFrame) -> dict:
    """Each verdict by its claim's label and the sentences on it, and how many claims have each verdict."""
    found = {label.lower(): words for label, words in verdicts["verdict"].items()}
    found |= {f"{label.lower()}-told": sentences(row) for label, row in verdicts.iterrows()}
    for word in claims.VERDICTS:
        found[f"count-{paper}-{word.replace(' ', '-')}"] = int((verdicts["verdict"] == word).sum())
    return found


def sentences(row: pd.Series) -> str:
    """A claim's effect, how sure it is, how its comparisons came out, and what they could have seen."""
    if row["verdict"] == "not tested":
        return "No data set has all the records that this claim needs."
    counts = f"{row['holds']} hold, {row['undecided']} undecided, {row['against']} against."
    if pd.isna(row["effect"]):
        return f"Comparisons: {counts}"
    over = f"over {row['units']} data sets" if row["units"] > 1 else "on one data set"
    reach, alone = (f"a factor of {row[k]:.2f}" if row["ratio"] else two(row[k]) for k in ("detectable", "alone"))
    sides = {">": "more than", "<": "less than"}
    asked = " ".join(sides.get(word, word) for word in row["claimed"].split()).replace("-", "−")
    lead = f"{row['effect of'][0].upper()}{row['effect of'][1:]}: {two(row['effect'])} in the mean {over}"
    return (
        f"{lead} (95 % interval {two(row['low'])} to {two(row['high'])}). Claimed is {asked} (p "
        f"{chance(row['p'], True)}). Comparisons: {counts} One of middling spread is decided once it lies {reach} "
        f"beyond what is claimed, or {alone} beyond it if it were the only one."
    )


def constants() -> dict:
    """The numbers of the rule, by name."""
    return {
        "U": U,
        "margin": claims.MARGIN,
        "slower": claims_fe.SLOWER,
        "level": claims.ALPHA,
        "epochs": runs_fe.CONFIGURATION["epochs"],
    }


def seen_of_etas(frame: pd.DataFrame) -> dict:
    """How many splits of one data set must choose another eta than all others for FE-C8's test to see it."""
    etas = claims_fe.chosen_etas(runs_fe.chosen(frame), runs_fe.datasets(frame))
    if len(etas) < 2:
        return {"etas-seen": "–"}
    splits = [len(values) for values in etas.values()]
    return {"etas-seen": f"{claims_fe.least_seen(splits)} of {splits[0]}"}


def fixed_network(frame: pd.DataFrame, dataset: str = "segment") -> dict:
    """Runs of PretrainR and of Ours, chosen at U: faithfulness with U entries, ten times as many and all of them.

    And how many entries they leave open, in the median.
    """
    rows, found = at(frame, dataset=dataset, lam=1), {}
    ten, every = runs_fe.chosen(rows), rows["U"].max()
    for method in ("PretrainR", "Ours"):
        kept = at(ten[ten["U"] == U], method=method, part="test", measure="faithfulness")[["split", "eta"]]
        own = at(rows, method=method).merge(kept, on=["split", "eta"])
        test = at(own, part="test", measure="faithfulness").groupby("U")["value"].mean()
        found |= {f"{method}-{words}": two(test[u]) for words, u in (("few", U), ("more", 10 * U), ("all", every))}
        found[f"{method}-open"] = f"{at(own, measure='open')['value'].median() * every:.0f}"
    return found


def rival(frame: pd.DataFrame) -> dict:
    """Accuracy of Ours minus that of RPSR at two U, mean over data sets."""
    found, names = {}, runs_fe.datasets(frame)
    for entries in (10, 30):
        ten = runs_fe.chosen(frame, entries)
        both = [[runs_fe.by_split(ten, d, m, measure="accuracy") for m in ("Ours", "RPSR")] for d in names]
        gaps = [ours - rival for ours, rival in both]
        means = [gap.mean() for gap in gaps if len(gap.dropna())]
        found[f"rival-{entries}"] = two(sum(means) / len(means)) if means else "–"
    return found


def gain_over_majority(front: pd.DataFrame, known: pd.DataFrame) -> dict:
    """What CE-only's accuracy at eta 3 has over the majority class's on each table, and where that is within MARGIN."""
    gains = {}
    for dataset in runs_id.TABLES:
        accuracy = runs_id.by_split(front, "accuracy", dataset=dataset, method="CE-only", eta=3)
        gains[dataset] = (accuracy - majority(known, dataset)).mean()
    below = [name for name, gain in gains.items() if gain < claims.MARGIN]
    return {
        "gains": ", ".join(f"{two(gain)} on {name}" for name, gain in gains.items()),
        "gains-below": ", ".join(below) or "no table",
    }


def leads(tests: pd.DataFrame) -> dict:
    """Of ID-C8a's leads, how many are above 0 in the mean."""
    rows = tests[(tests["claim"] == "ID-C8a") & (tests["splits"] > 0)]
    return {"leads": len(rows), "leads-up": int((rows["value"] > 0).sum())}


# --- Numbers ---------------------------------------------------------------------------------------------------------


def two(value: float) -> str:
    """Two digits, no minus before zero."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def signed(value: float) -> str:
    """A difference, two digits with its sign."""
    return f"{'+' if round(value, 2) > 0 else ''}{two(value)}"


def spanned(one: Paired | None) -> str:
    """A difference with its interval, a dash where there is none."""
    return "–" if one is None else f"{signed(one.difference)} ({two(one.low)} to {two(one.high)})"


def three(value: float) -> str:
    """Three digits, no minus before zero."""
    return "–" if pd.isna(value) else f"{round(value, 3) + 0.0:.3f}".replace("-", "−")


def chance(p: float, signed: bool = False) -> str:
    """A p value; signed: with = before it, for a sentence."""
    if pd.isna(p):
        return "–"
    return "<\u00a00.001" if p < 0.001 else f"{'= ' if signed else ''}{p:.3f}"


# --- The comparisons of a claim --------------------------------------------------------------------------------------


def several(names: str) -> str:
    """A data set's name, or how many they are."""
    count = len(names.split(", "))
    return f"{count} tables" if count > 1 else title(names)


def comparisons(tests: pd.DataFrame, *labels: str) -> pd.DataFrame | str:
    """The comparisons of claims, each with those data sets beneath one another that have any records for it."""
    rows = tests[tests["claim"].isin(labels)]
    rows = rows[rows.groupby("dataset")["splits"].transform("max") > 0]
    if rows.empty:
        return "No records yet."
    table = pd.DataFrame(
        {
            "comparison": f"{row.what}: {row.claimed}",
            "data set": several(row.dataset),
            "outcome": row.outcome,
            "mean": three(row.value),
            "95 % interval": "–" if pd.isna(row.low) else f"{three(row.low)}\u00a0to\u00a0{three(row.high)}",
            "p": chance(row.p),
            "splits": row.splits or "–",
        }
        for row in rows.itertuples()
    )
    return table.sort_values("comparison", kind="stable").set_index(["comparison", "data set"])


def forest(tests: pd.DataFrame) -> Figure:
    """Mean differences with their intervals, a row for each comparison of FE-C1 to FE-C5, a marker for a data set."""
    tests = tests[tests["claim"].str[:5].isin([f"FE-C{n}" for n in range(1, 6)]) & tests["low"].notna()]
    rows = tests.assign(series=tests["dataset"].str.split("-").str[0], open=tests["outcome"] == claims.UNDECIDED)
    names = {short: title(short).replace("cifar", "CIFAR") for short in LOOKS}
    held = (tests["outcome"] == claims.HOLDS).sum()
    fig = _forest(rows, {names[short]: look for short, look in LOOKS.items()}, rows["series"].map(names))
    figures.headline(fig, f"{held} of {len(tests)} comparisons of C1 to C5 hold")
    return figures.remember(fig, tests[["claim", "what", "dataset", "claimed", "value", "low", "high", "outcome"]])


def forest_id(tests: pd.DataFrame) -> Figure:
    """The same of ID on tables, mean over explainers and S; hollow where 0 lies within."""
    tests = tests[tests["claim"].isin(FOREST_ID) & tests["low"].notna()]
    tests = tests.assign(what=tests["what"].str.replace(CELL, "", regex=True))
    rows = []
    for (claim, what, dataset), part in tests.groupby(["claim", "what", "dataset"], sort=False):
        gap = resampled(pd.concat(list(part["differences"]), axis=1).mean(axis=1))
        rows.append({"claim": claim, "what": what, "dataset": dataset, "value": gap.difference, "low": gap.low,
                     "high": gap.high, "open": gap.low <= 0 <= gap.high})  # fmt: skip
    if not rows:
        return figures.nothing("No records yet.")
    rows = pd.DataFrame(rows).sort_values("claim", key=lambda labels: labels.map(FOREST_ID.index), kind="stable")
    looks = {name: (catalogue.DATA_SETS[name].colour, catalogue.DATA_SETS[name].marker) for name in runs_id.TABLES}
    fig = _forest(rows, looks, rows["dataset"])
    fig.axes[0].set_xlim(-0.35, 0.75)  # some of collins' intervals go on
    up, down = (rows["low"] > 0).sum(), (rows["high"] < 0).sum()
    figures.headline(fig, f"{up} of {len(rows)} means are surely above 0, {down} surely below")
    return figures.remember(fig, rows.drop(columns="open"))


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
