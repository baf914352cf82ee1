"""What the page on the parts of ID-ExpO shows: a figure, tables and sentences, from the records of ablations alone."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.data import catalogue
from lib.study import figures
from lib.study.ablations import (
    BASELINES,
    OTHERS,
    VARIANTS,
    alone,
    by_split,
    datasets,
    kept,
    quadrants,
    together,
)  # fmt: skip
from lib.study.pages_claims import signed, two
from lib.study.runs_id import TABLES
from lib.study.statistics import plus_minus

SCORES = ("insertion", "1 − deletion", "accuracy")
COLUMNS = {
    "accuracy": "accuracy", "insertion": "insertion", "1 − deletion": "1 − deletion", "sensitivity": "sensitivity-4",
    "masked": "accuracy, masked", "overconfidence": "f(x) − accuracy", "calibration_error": "calibration error",
    "gap": "gap of ϕ",
}  # fmt: skip
NOTHING = "No table has records of these runs yet."


def about(picked: pd.DataFrame) -> dict:
    """Which tables there are, in how many splits, and which are missing."""
    there = datasets(picked)
    splits = {d: len(by_split(picked, "ID-ExpO", "insertion", dataset=d)) for d in there}
    return {
        "tables": ", ".join(f"{d} ({n} splits)" for d, n in splits.items()) or "none yet",
        "missing": ", ".join(d for d in TABLES if d not in there) or "none",
    }


def gained(picked: pd.DataFrame) -> list[str]:
    """Those of insertion and 1 - deletion in which ID-ExpO surely gains: only of a gain can a share be left."""
    return [m for m in SCORES[:2] if together(picked, "ID-ExpO", m).low > 0]


def gains_figure(picked: pd.DataFrame) -> Figure:
    """Gains over CE-only in insertion, 1 - deletion and accuracy: a row for each variant, a marker for each table."""
    there = datasets(picked)
    if not there:
        return figures.nothing(NOTHING)
    fig, axes = plt.subplots(1, len(SCORES), figsize=(figures.WIDTH, 3.9), sharey=True, layout="constrained")
    rows = []
    for ax, measure in zip(axes, SCORES):
        for i, dataset in enumerate(there):
            look = catalogue.DATA_SETS[dataset]
            for number, variant in enumerate(VARIANTS):
                if (one := alone(picked, variant, measure, dataset=dataset)) is None:
                    continue
                place = number + 0.2 * (i - (len(there) - 1) / 2)
                error = [[one.difference - one.low], [one.high - one.difference]]
                label = dataset if number == 0 else None
                style = {"fmt": look.marker, "color": look.colour, "capsize": 2}
                ax.errorbar(one.difference, place, xerr=error, label=label, **style)
                rows.append({"variant": VARIANTS[variant], "measure": measure, "dataset": dataset,
                             "gain": one.difference, "low": one.low, "high": one.high})  # fmt: skip
        ax.axvline(0, color=figures.INK, linewidth=1)
        ax.grid(axis="x")
        ax.locator_params(axis="x", nbins=3)
        ax.set_title(measure)
    axes[1].set_xlabel("gain over CE-only, higher is better")
    axes[0].set_yticks(range(len(VARIANTS)), [name.replace(" ", "\n", 1) for name in VARIANTS.values()])
    axes[0].set_ylim(len(VARIANTS) - 0.5, -0.5)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figures.headline(fig, gains_title(picked))
    return figures.remember(fig, pd.DataFrame(rows))


def gains_title(picked: pd.DataFrame) -> str:
    """What of ID-ExpO's gain in insertion is left without each part, or that there is no sure gain."""
    if "insertion" not in gained(picked):
        whole = together(picked, "ID-ExpO", "insertion")
        between = f"{two(whole.low)} to {two(whole.high)}"
        return f"No sure gain in insertion to take apart: ID-ExpO {signed(whole.difference)} ({between})"
    left = {v: f"{kept(picked, v, 'insertion'):.0%}" for v in VARIANTS}
    parts = f"{left['constant']} as constants, {left['shuffled']} in random order, {left['Masked']} by random masks"
    return f"Of ID-ExpO's gain in insertion there is left: {parts}"


def gains_table(picked: pd.DataFrame) -> pd.DataFrame | str:
    """Gains over CE-only with 95 % intervals, mean over tables, and the shares of rows that gain and lose in both."""
    if not (there := datasets(picked)):
        return NOTHING
    rows = {}
    for v, name in VARIANTS.items():
        each = {m: together(picked, v, m) for m in (*SCORES, "sensitivity", "masked")}
        cells = {COLUMNS[m]: f"{signed(g.difference)} ({two(g.low)} to {two(g.high)})" for m, g in each.items()}
        share = pd.concat([quadrants(picked, v, d) for d in there], axis=1).mean(axis=1)
        rows[name] = cells | {kind: f"{share[kind]:.0%}" for kind in ("both rise", "both fall")}
    return pd.DataFrame(rows).T


def verdict(picked: pd.DataFrame) -> str:
    """Which parts are needed, as the numbers say: those whose loss leaves less than half of one of the sure gains."""
    if not datasets(picked):
        return NOTHING
    if not (gains := gained(picked)):
        return "ID-ExpO's own gains cannot be told from 0 here, so nothing says which of its parts is needed."
    share = {v: min(kept(picked, v, m) for m in gains) for v in list(VARIANTS)[1:]}
    words = {
        "constant": "the gradient through the explanation", "shuffled": "the order of the contributions",
        "Masked": "the regularisers rather than plain random masks",
    }  # fmt: skip
    needed = [words[v] for v, left in share.items() if left < 0.5]
    spare = [f"{words[v]} ({share[v]:.0%})" for v, left in share.items() if left >= 0.5]
    parts = [f"less than half is left without {'; '.join(needed)}"] if needed else []
    parts += [f"half or more without {'; '.join(spare)}"] if spare else []
    return f"Of the gain in {' or '.join(gains)}, {'; '.join(parts)}."


def scores_table(picked: pd.DataFrame) -> pd.DataFrame | str:
    """Means over splits with standard errors, a row for each table and variant."""
    rows = {}
    for d in datasets(picked):
        for v in (*BASELINES[::-1], *VARIANTS):
            values = {m: by_split(picked, v, m, dataset=d) for m in COLUMNS}
            if len(values["accuracy"]):
                cells = {name: plus_minus(values[m].mean(), values[m].sem(), ".2f") for m, name in COLUMNS.items()}
                rows[d, VARIANTS.get(v, v)] = cells
    return pd.DataFrame(rows).T.rename_axis([None, None]) if rows else NOTHING


def transfer(picked: pd.DataFrame) -> tuple[pd.DataFrame | str, str]:
    """Gains of each variant as other explanations and backgrounds see them, and how much of ID-ExpO's they see."""
    if not datasets(picked):
        return NOTHING, NOTHING
    rows, seen = {}, []
    for measure in SCORES[:2]:
        gains = {}
        for name, where in OTHERS.items():
            each = {v: together(picked, v, measure, **where) for v in VARIANTS}
            rows[measure, name] = {VARIANTS[v]: "–" if g is None else signed(g.difference) for v, g in each.items()}
            gains[name] = each["ID-ExpO"].difference
        first = gains.pop("LIME, as trained")
        if measure in gained(picked):
            seen.append(f"{measure}, {', '.join(f'{other / first:.0%} by {n}' for n, other in gains.items())}")
    if not seen:
        unsure = (
            "ID-ExpO's gain with LIME itself is not sure here, so it cannot be said what share of it the others see."
        )
        return pd.DataFrame(rows).T, unsure
    return pd.DataFrame(rows).T, f"Of ID-ExpO's gain with LIME as trained, there is left in {'; in '.join(seen)}."


def orders(picked: pd.DataFrame) -> tuple[pd.DataFrame | str, str]:
    """Scores of each predictor by its explanation and by a random order, mean over tables, and the difference."""
    if not datasets(picked):
        return NOTHING, NOTHING
    rows, earned = {}, {}
    for v in ("CE-only", *VARIANTS):
        row = {}
        for m in SCORES[:2]:
            own, chance = (mean_of(picked, v, name) for name in (m, f"{m}_random"))
            row |= {(m, "explained"): own, (m, "random order"): chance, (m, "difference"): own - chance}
        rows[VARIANTS.get(v, v)], earned[v] = {k: f"{x:.3f}" for k, x in row.items()}, row
    gains = []
    for m in SCORES[:2]:
        by_chance, by_order = (
            earned["ID-ExpO"][m, part] - earned["CE-only"][m, part] for part in ("random order", "difference")
        )
        more = "more" if by_order > 0 else "less"
        gains.append(f"Along a random order ID-ExpO's {m} differs from CE-only's by {signed(by_chance)}. What the "
                     f"explanation's order adds to that is {two(abs(by_order))} {more} than with CE-only.")  # fmt: skip
    return pd.DataFrame(rows).T, " ".join(gains)


def mean_of(picked: pd.DataFrame, variant: str, measure: str) -> float:
    """Of a measure, over splits and then over tables."""
    return float(np.mean([by_split(picked, variant, measure, dataset=d).mean() for d in datasets(picked)]))
