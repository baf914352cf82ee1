"""A seed's noise beside a split's, on data sets whose splits were trained with several seeds."""

import numpy as np
import pandas as pd

from lib.study.measures import MEASURES
from lib.study.pages_fe import short
from lib.study.runs import at
from lib.study.runs_fe import METHODS, SCORES, datasets
from lib.study.words import listed

PLACES = ("seed", "split")


def spread(ten: pd.DataFrame) -> pd.DataFrame:
    """Standard deviations of the chosen runs' test scores: over the seeds of a split, and of the splits' means.

    A row for each data set, method and score, of those splits that have several seeds, where there are two or more.
    """
    rows = at(ten, part="test", lam=1.0)
    rows = rows[rows["measure"].isin(SCORES)]
    keys = ["dataset", "method", "measure"]
    runs = rows.groupby([*keys, "split", "seed"])["value"].mean()
    each = runs.groupby([*keys, "split"]).agg(["mean", "var", "size"])
    each = each[each["size"] > 1]
    found = each.groupby(keys).agg(
        seed=("var", lambda var: np.sqrt(var.mean())), split=("mean", "std"), splits=("mean", "size")
    )
    return found[found["splits"] > 1].reset_index()


def table(ten: pd.DataFrame) -> pd.DataFrame:
    """`spread` in digits, data sets and methods by score."""
    wide = spread(ten).pivot_table(index=["dataset", "method"], columns="measure", values=list(PLACES))
    if wide.empty:
        return pd.DataFrame({"": ["no split has several seeds yet"]})
    order = [(d, m) for d in datasets(ten) for m in METHODS if (d, m) in wide.index]
    columns = {f"{MEASURES[score].label}, {place}": wide[place, score] for score in SCORES for place in PLACES}
    shown = pd.DataFrame(columns).loc[order].rename(index=short)
    return shown.map("{:.3f}".format).rename_axis([None, None])


def told(ten: pd.DataFrame) -> str:
    """On each data set with several seeds, under which methods a seed moves a score as much as a split does."""
    found = spread(ten)
    found = found[(found["split"] > 0) | (found["seed"] > 0)]
    said = []
    for dataset, rows in found.groupby("dataset"):
        much = {score: [m for m in METHODS if m in set(part.loc[part["seed"] >= part["split"], "method"])]
                for score, part in rows.groupby("measure")}  # fmt: skip
        under = {score: listed(much[score]) if much.get(score) else "no method" for score in SCORES}
        ours = at(rows, method="Ours").set_index("measure")[[*PLACES]]
        said += [
            f"On {short(dataset)} a seed moves {score} at least as much as a split under {under[score]}"
            + (" (Ours: seed {:.3f}, split {:.3f}).".format(*ours.loc[score]) if score in ours.index else ".")
            for score in SCORES if score in set(rows["measure"])
        ]  # fmt: skip
    return " ".join(said) or "No split has several seeds yet."


def counted(ten: pd.DataFrame) -> str:
    """In how many splits of each data set all methods have several seeds, in words."""
    runs = at(ten, lam=1.0).groupby(["dataset", "method", "split"])["seed"].nunique()
    least = runs.groupby(["dataset", "split"]).min()
    several = [d for d in datasets(ten) if d in least and least[d].max() > 1]
    if not several:
        return "No split has several seeds of all methods, so what another seed would change is not measured by itself."
    counts = {d: ((least[d] > 1).sum(), len(least[d])) for d in several}
    each = listed(f"{f'all {n}' if n == every else f'{n} of {every}'} splits of {short(d)} have {least[d].max()}"
                  for d, (n, every) in counts.items())  # fmt: skip
    alone = any(least[d].min() == 1 for d in several)
    weighed = "; a split of one seed counts like one of several" * alone
    rest = "; on all other data sets they have one, and what another would change there is not measured by itself"
    others = least.index.get_level_values("dataset").nunique() > len(several)
    return f"Where splits have several seeds we take their mean: {each}{weighed}{rest * others}."
