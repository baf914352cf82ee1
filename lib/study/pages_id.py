"""What the page of ID's results on tables shows: its figures, tables and the numbers in its text, from the records."""

from functools import partial
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.data import catalogue
from lib.study import figures
from lib.study.claims import ALPHA
from lib.study.measures import MEASURES
from lib.study.numbers import digits, signed
from lib.study.rows import majority
from lib.study.runs import at
from lib.study.runs_id import (
    EXPLAINERS,
    METHODS,
    RIVALS,
    S_VALUES,
    TABLES,
    by_split,
    ce_only,
    gaps,
    name,
    ours,
)  # fmt: skip
from lib.study.statistics import mean_sem, plus_minus, resampled
from lib.study.words import higher, listed
from lib.study.work_id import table_leads

SHOWN = catalogue.names("ID")
HEADS = {key: MEASURES[key].short for key in ("accuracy", "insertion", "1 − deletion", "sensitivity")}


def whole(label: str) -> str:
    """The name of a method or an S, which must not break within on a phone."""
    short = label in METHODS or str(label).startswith("S =")
    return label.replace("-", "\u2011").replace(" ", "\u00a0") if short else label


def short(explainer: str, S: float) -> str:
    """One explainer and S, as narrow tables name them."""
    return f"{explainer}, {S:g}"


def there(frame: pd.DataFrame) -> list[str]:
    """The tables that have records."""
    return [name for name in SHOWN if name in set(frame["dataset"])]


def main(front: pd.DataFrame) -> pd.DataFrame:
    """The four methods, of ID-ExpO Del-A, and the predictors that they start from."""
    return front[front["deletion"].isin(["A", "none"]) & front["method"].isin((*METHODS, "pretrained"))]


# --- Which tables there are ------------------------------------------------------------------------------------------


def tables_about(frame: pd.DataFrame) -> pd.DataFrame:
    """Samples, features and classes of each table."""
    about = frame.dropna(subset="features").drop_duplicates("dataset").set_index("dataset").reindex(there(frame))
    spec = {
        "samples": about["rows"],
        "features": about["features"].str.split(", ").str.len(),
        "classes": about["classes"],
    }
    return pd.DataFrame(spec).astype("Int64").rename_axis(None)


# --- Fronts ----------------------------------------------------------------------------------------------------------


def panels(rows: pd.DataFrame) -> pd.DataFrame:
    """Scores on test rows, their explainer and S as the panel's name."""
    rows = rows[rows["measure"].isin(["accuracy", "insertion", "1 − deletion"])]
    return rows.assign(panel=[name(e, S) for e, S in zip(rows["explainer"], rows["S"])])


def lead(front: pd.DataFrame, dataset: str) -> str:
    """What ID-ExpO surely leads in at eta 3, and whether it surely pays in accuracy, for a title."""
    if not (found := table_leads(front, dataset)):
        return "not every rival has records"
    ahead = [m for m in ("insertion", "1 − deletion") if found[m].low > 0]
    pays = "and surely pays in" if found["accuracy"].high < 0 else "without a sure loss of"
    return f"ID-ExpO surely leads in {listed(ahead) if ahead else 'neither score'}, {pays} accuracy"


def front_figure(front: pd.DataFrame, dataset: str) -> Figure:
    """Insertion and 1 - deletion against accuracy on one table."""
    rows = panels(at(main(front), dataset=dataset))
    rows = rows[rows["panel"].isin(rows.loc[rows["method"] == "ID-ExpO", "panel"])]
    if rows.empty:
        return figures.nothing(f"No records of ID-ExpO on {dataset} yet.")
    title = f"{dataset}: {lead(front, dataset)}"
    found = [name(e, S) for e in EXPLAINERS for S in S_VALUES]
    return figures.fronts(rows, title, [p for p in found if p in set(rows["panel"])])


def over_start(front: pd.DataFrame) -> str:
    """Sensitivity-4 of ID-ExpO and of CE-only at eta 2 minus that of the predictor before fine-tuning, by explainer."""
    told = []
    for explainer in EXPLAINERS:
        cells = [at(front, eta=2, explainer=explainer, dataset=d, S=S) for d, S in product(TABLES, S_VALUES)]
        start = [by_split(rows, "sensitivity", method="pretrained") for rows in cells]
        own, rival = (
            pd.Series([(side(rows, "sensitivity") - s).mean() for rows, s in zip(cells, start)]).dropna()
            for side in (ours, ce_only)
        )
        told.append(f"under {explainer} by {signed(own.mean())} with ID-ExpO (it rises in {(own > 0).sum()} of "
                    f"{len(own)} pairs of a table and an S) and by {signed(rival.mean())} with CE-only")  # fmt: skip
    return (
        f"From the predictor before fine-tuning sensitivity-4 changes {'; '.join(told)}: a lead over CE-only is no "
        "rise by itself."
    )


def beside(front: pd.DataFrame, method: str) -> str:
    """How far ID-ExpO's mean scores at eta 3 are above or below one other method's, over tables, explainers and S."""
    other = partial(by_split, method=method)
    each = {m: gaps(at(front, eta=3), m, other=other).values() for m in ("accuracy", "insertion", "1 − deletion")}
    return higher({m: np.mean([gap.mean() for gap in found]) for m, found in each.items() if found})


# --- Tables ----------------------------------------------------------------------------------------------------------


def differences(front: pd.DataFrame, known: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """ID-ExpO minus each rival, its start and, in accuracy, the majority class, at eta 3.

    Each difference with * if p < 0.05, ∘ if only by the plain test that the paper makes.
    """
    three, table = at(main(front), eta=3, dataset=dataset), {}
    others = (*RIVALS, "pretrained", "majority class")
    for explainer, S, other in product(EXPLAINERS, S_VALUES, others):
        cell = at(three, explainer=explainer, S=S)
        for measure, head in HEADS.items():
            own, theirs = ours(cell, measure), by_split(cell, measure, method=other)
            if other == others[-1] and measure == "accuracy":
                theirs = majority(known, dataset)
            if len(both := (own - theirs).dropna()) > 1:
                gap, plain = resampled(both), resampled(both, ratio=0)  # the second as the paper tests it
                star = "\u00a0*" if gap.p < ALPHA else "\u00a0∘" if plain.p < ALPHA else ""
                text = f"{gap.difference:+.3f}".replace("-", "−")
                table.setdefault(head, {})[short(explainer, S), whole(other)] = f"{text}{star}"
    order = [(short(*row), whole(other)) for row in product(EXPLAINERS, S_VALUES) for other in others]
    index = pd.MultiIndex.from_tuples(order, names=[None, "minus"])
    return pd.DataFrame(table, index).dropna(how="all").fillna("–")


def sensitivity(front: pd.DataFrame) -> tuple[pd.DataFrame, dict]:
    """Sensitivity-4 at eta 2 of each table and method; of the paper's, where ID-ExpO's mean is above rivals, start."""
    rows = at(front, eta=2, measure="sensitivity")
    summary = mean_sem(rows[rows["deletion"].isin(["A", "none"])], ["dataset", "explainer", "S", "method"])
    summary["text"] = [plus_minus(mean, sem) for mean, sem in zip(summary["mean"], summary["sem"])]
    summary["column"] = [short(*row) for row in summary[["explainer", "S"]].itertuples(index=False)]
    wide = summary.pivot(index=["dataset", "method"], columns="column", values="text")
    columns = [c for e, S in product(EXPLAINERS, S_VALUES) if (c := short(e, S)) in wide]
    order = [key for key in product(SHOWN, ("pretrained", *METHODS)) if key in wide.index]
    wide = wide.reindex(order)[columns].rename(index=whole).rename_axis(["sensitivity-4", None])
    papers = summary[summary["dataset"].isin(TABLES)]
    means, told = papers.pivot(index=["dataset", "explainer", "S"], columns="method", values="mean"), {}
    for explainer, rows in means.dropna(subset="ID-ExpO").groupby("explainer"):
        above = rows["ID-ExpO"] > rows[[m for m in RIVALS if m in rows]].max(axis=1)
        rose = rows["ID-ExpO"] > rows["pretrained"]
        told[f"sensitivity-above-{explainer}"] = f"{above.sum()} of {len(rows)}"
        told[f"sensitivity-rose-{explainer}"] = f"{rose.sum()} of {len(rows)}"
    return wide.rename_axis(columns=None).fillna("–"), told


def contributions_chosen(front: pd.DataFrame) -> pd.DataFrame:
    """Contributions with LIME at eta 2, and their mean size."""
    rows = at(front, eta=2, explainer="LIME", measure="contributions")
    return rows[rows["deletion"].isin(["A", "none"])]


def contributions(front: pd.DataFrame) -> pd.DataFrame:
    """Mean |phi| with LIME at eta 2, of each table, S and method."""
    means = mean_sem(contributions_chosen(front), ["dataset", "S", "method"])
    means = means.pivot(index=["dataset", "S"], columns="method", values="mean")
    means = means.reindex(columns=[m for m in ("pretrained", *METHODS) if m in means])
    return digits(means, "{:.3f}").rename(columns=whole).rename_axis(columns="|ϕ|")


def wine_told(front: pd.DataFrame) -> dict:
    """Contributions to the first test row of wine-quality-red under ID-ExpO and CE-only: the figure, and in words."""
    rows = at(contributions_chosen(front), dataset="wine-quality-red", S=0.5)
    wine = at(rows, split=rows["split"].min()).set_index("method")
    if not {"ID-ExpO", "CE-only"} <= set(wine.index):
        nothing = "No records of wine-quality-red yet."
        return {"wine": figures.nothing(nothing), "wine-told": nothing}
    features = wine["features"].iloc[0].split(", ")
    phi = {m: np.asarray(wine.loc[m, "curve"])[: len(features)] for m in ("ID-ExpO", "CE-only")}
    return {"wine": wine_figure(phi, features), "wine-told": contributions_told(phi, features)}


def contributions_told(phi: dict[str, np.ndarray], features: list[str]) -> str:
    """How large the contributions to one sample are under ID-ExpO and CE-only, and which is the largest under each."""
    size = {method: np.abs(values).mean() for method, values in phi.items()}
    top = {method: features[int(np.abs(values).argmax())] for method, values in phi.items()}
    largest = " and ".join(f"{name}'s with {method}" for method, name in top.items())
    first = f"{top['ID-ExpO']}'s with both" if len(set(top.values())) == 1 else largest
    return (
        f"The mean size is {size['ID-ExpO']:.3f} with ID-ExpO and {size['CE-only']:.3f} with CE-only, "
        f"{size['ID-ExpO'] / size['CE-only']:.1f} times as much. The largest contribution is {first}. The "
        "paper finds them larger with ID-ExpO. One sample decides nothing; the claim is tested over all tables."
    )


def wine_figure(phi: dict[str, np.ndarray], features: list[str]) -> Figure:
    """The contributions of each feature to one sample, a bar for each method."""
    fig, ax = plt.subplots(figsize=(figures.WIDTH, 5.2))
    for i, (method, values) in enumerate(phi.items()):
        place = np.arange(len(features)) + 0.2 * (2 * i - 1)
        ax.barh(place, values, height=0.38, color=figures.METHODS[method].color, label=method)
    ax.set_yticks(range(len(features)), features)
    ax.invert_yaxis()
    ax.axvline(0, color=figures.INK, linewidth=1)
    ax.set_xlabel("contribution ϕ to the predicted class")
    ax.grid(axis="x")
    fig.legend(loc="outside lower center", ncols=2)
    own, other = (np.abs(values).mean() for values in phi.values())
    size = "larger" if own > other else "smaller"
    figures.headline(fig, f"One wine: with ID-ExpO contributions are {size} in the mean than with CE-only")
    shown = pd.DataFrame(phi, index=features).rename_axis("feature").reset_index()
    return figures.remember(fig, shown)
