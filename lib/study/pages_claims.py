"""What the page of claims shows: verdicts at a glance, every comparison of a claim, and a forest of intervals."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from lib.data import catalogue
from lib.study import claims, claims_fe, figures
from lib.study.runs import title
from lib.study.runs_fe import U

LOOKS = {
    name.split("-")[0]: (entry.colour, entry.marker)
    for name, entry in catalogue.DATA_SETS.items()
    if entry.paper == "FE"
}


def summarised(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The verdicts as shown: how many of a claim's comparisons hold, and how many speak against it."""
    counted = verdicts[["holds", "undecided", "contradicted"]].sum(axis=1)
    table = verdicts[["says", "verdict"]].rename(columns={"says": "the paper finds"})
    table["hold"] = [f"{held}\u00a0of\u00a0{n}" if n else "–" for held, n in zip(verdicts["holds"], counted)]
    table["against"] = [wrong if n else "–" for wrong, n in zip(verdicts["contradicted"], counted)]
    return table.rename(index=lambda label: label.replace("-", "\u2011")).rename_axis(None)


def at_a_glance(verdicts: pd.DataFrame) -> pd.DataFrame:
    """The same for the opening page, with the number of data sets for their names."""
    tested = [0 if names == "none" else names.count(", ") + 1 for names in verdicts["tested on"]]
    return summarised(verdicts).assign(**{"data sets": tested})


def with_data_sets(verdicts: pd.DataFrame, every: str, words: str) -> pd.DataFrame:
    """The same with the names of the data sets, `words` where they are all of `every`."""
    return summarised(verdicts).assign(**{"tested on": verdicts["tested on"].replace(every, words).to_numpy()})


def told(paper: str, verdicts: pd.DataFrame) -> dict:
    """Each verdict by its claim's label, and how many claims have it."""
    found = {label.lower(): words for label, words in verdicts["verdict"].items()}
    for word in ("reproduced", "partly", "not reproduced", "not yet tested"):
        found[f"count-{paper}-{word.replace(' ', '-')}"] = int((verdicts["verdict"] == word).sum())
    return found


def constants() -> dict:
    """The numbers of the rule, by name."""
    return {
        "U": U,
        "margin": claims.MARGIN,
        "slower": claims_fe.SLOWER,
        "blur": claims_fe.BLUR,
        "level": claims.LEVEL,
    }


def early(frame: pd.DataFrame) -> dict:
    """The epochs at which PretrainR is kept on Segment, and the share of gates still open there."""
    rows = frame[(frame["dataset"] == "segment") & (frame["method"] == "PretrainR") & (frame["measure"] == "open")]
    return {"early-epoch": float(rows["best_epoch"].median()), "early-open": float(rows["value"].mean())}


def leads(tests: pd.DataFrame) -> dict:
    """Of ID-C8's leads in insertion and deletion, how many are above 0 in the mean, and with their whole interval."""
    rows = tests[(tests["claim"] == "ID-C8") & (tests["splits"] > 0) & ~tests["what"].str.startswith("accuracy")]
    up, clear = (rows["value"] > 0).sum(), (rows["low"] > 0).sum()
    return {"leads": len(rows), "leads-up": int(up), "leads-clear": int(clear)}


# --- The comparisons of a claim --------------------------------------------------------------------------------------


def three(value: float) -> str:
    """Three digits, no minus before zero."""
    return "–" if pd.isna(value) else f"{round(value, 3) + 0.0:.3f}"


def several(names: str) -> str:
    """A data set's name, or how many they are."""
    count = len(names.split(", "))
    return f"{count} tables" if count > 1 else title(names)


def comparisons(tests: pd.DataFrame, label: str) -> pd.DataFrame | str:
    """The comparisons of one claim, each with those data sets beneath one another that have any records for it."""
    rows = tests[tests["claim"] == label]
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
            "p (Holm)": "<\u00a00.001" if row.p < 0.001 else three(row.p),
            "splits": row.splits or "–",
        }
        for row in rows.itertuples()
    )
    return table.sort_values("comparison", kind="stable").set_index(["comparison", "data set"])


def forest(tests: pd.DataFrame) -> Figure:
    """Mean differences with their intervals, a row for each comparison of FE-C1 to FE-C5, a marker for a data set."""
    tests = tests[tests["claim"].between("FE-C1", "FE-C5") & tests["low"].notna()]
    rows = list(dict.fromkeys(zip(tests["claim"], tests["what"])))
    fig, ax = plt.subplots(figsize=(figures.WIDTH, 2 + 0.55 * len(rows)))
    for row in tests.itertuples():
        short = row.dataset.split("-")[0]
        color, marker = LOOKS[short]
        place = rows.index((row.claim, row.what)) + 0.17 * (list(LOOKS).index(short) - 1.5)
        face = figures.PAPER if row.outcome == claims.UNDECIDED else color
        error = [[row.value - row.low], [row.high - row.value]]
        ax.errorbar(row.value, place, xerr=error, fmt=marker, color=color, markerfacecolor=face, capsize=2)
    ax.axvline(0, color=figures.INK, linewidth=1)
    for place, (claim, _) in enumerate(rows):
        if claim == "FE-C1":
            ax.barh(place, 2 * claims.MARGIN, left=-claims.MARGIN, height=0.9, color=figures.FAINT)
    ax.use_sticky_edges = False
    ax.set_yticks(range(len(rows)), [f"{claim[3:]}  {what.replace(', ', chr(10))}" for claim, what in rows])
    ax.set(ylim=(max(len(rows), 1) - 0.5, -0.5), xlabel="first method minus second, right: first is better")
    ax.grid(axis="x")
    handles = [ax.errorbar([], [], xerr=[], fmt=marker, color=color) for color, marker in LOOKS.values()]
    fig.legend(handles, [title(d).replace("cifar", "CIFAR") for d in LOOKS], loc="outside lower center", ncols=4)
    held = (tests["outcome"] == claims.HOLDS).sum()
    figures.headline(fig, f"{held} of {len(tests)} comparisons of C1 to C5 hold")
    return fig
