"""What the page of FE's results shows along lambda: curves, where they surely change, and which etas are taken."""

import pandas as pd
from matplotlib.figure import Figure

from lib.study.claims_fe import changes
from lib.study.pages_fe import ours_at_ten, short, sweep
from lib.study.runs_fe import RUN, choose_eta, chosen, datasets
from lib.study.statistics import Paired, resampled
from lib.study.words import among, listed


def lambda_figures(frame: pd.DataFrame) -> dict[str, Figure]:
    """Scores against lambda; eta chosen at each. The titles say where they surely change."""
    rows = ours_at_ten(frame)
    rows = choose_eta(rows).query("part == 'test'") if len(rows) else rows
    return sweep(rows, "lam", finding=lambda measure, _: f"has {moved(changed(frame, measure))}")


def changed(lambdas: pd.DataFrame, measure: str) -> dict[str, tuple[Paired, Paired]]:
    """How Ours changes up to lambda 1 and from there on, in each data set that has several lambdas."""
    ten, found = chosen(lambdas), {}
    for d in datasets(lambdas):
        gaps = [resampled(change.dropna()) for change in changes(ten, d, measure) if len(change.dropna()) > 1]
        if len(gaps) == 2:
            found[short(d)] = (gaps[0], gaps[1])
    return found


def moved(found: dict[str, tuple[Paired, Paired]]) -> str:
    """On which data sets a score surely changes up to lambda 1 and beyond, from `changed`, for a title."""
    said = []
    for place, where in enumerate(("up to λ = 1", "beyond it")):
        ways = {way: [d for d, gaps in found.items() if gaps[place].side == side]
                for way, side in (("rise", 1), ("fall", -1))}  # fmt: skip
        told = [f"a sure {way} on {among(d, list(found), 'data sets')}" for way, d in ways.items() if d]
        said.append(f"{listed(told) if told else 'no sure change'} {where}")
    return "; ".join(said)


def etas_taken(lambdas: pd.DataFrame) -> pd.DataFrame:
    """The etas that validation takes at each lambda, the most taken first, and by how many runs."""
    runs = chosen(lambdas).drop_duplicates(RUN)
    several = runs.groupby("dataset")["lam"].nunique() > 1
    cells = {
        (f"{lam:g}", short(d)): ", ".join(f"{eta:g} ({n})" for eta, n in etas.value_counts().items())
        for (d, lam), etas in runs.groupby(["dataset", "lam"])["eta"]
    }  # fmt: skip
    names = [short(d) for d in datasets(lambdas) if several.get(d, False)]
    wide = pd.Series(cells, dtype=object).unstack(0) if cells else pd.DataFrame()
    heads = sorted(wide.columns, key=float)
    return wide.reindex(names)[heads].rename_axis(index=None, columns="λ")
