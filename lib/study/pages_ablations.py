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
    gain,
    pooled,
    quadrants,
    together,
)  # fmt: skip
from lib.study.claims import MARGIN
from lib.study.numbers import signed, spanned, three
from lib.study.rows import majority
from lib.study.runs_id import TABLES
from lib.study.statistics import Paired, plus_minus
from lib.study.words import listed

SCORES = ("insertion", "1 − deletion", "accuracy")
COLUMNS = {
    "accuracy": "accuracy", "insertion": "insertion", "1 − deletion": "1 − deletion", "sensitivity": "sensitivity-4",
    "masked": "accuracy, masked", "overconfidence": "f(x) − accuracy", "calibration_error": "calibration error",
    "gap": "gap of ϕ",
}  # fmt: skip
PARTS = {  # what a variant lacks: the name of the part, of the variant in a title
    "constant": ("the gradient through the explanation", "with contributions as constants"),
    "shuffled": ("the order of the contributions", "with them in random order"),
    "Masked": ("the regularisers in place of random masks", "with random masks alone"),
}
FEW = 4  # with fewer tables Student's t asks for more than three standard errors
NOTHING = "No table has records of these runs yet."


def about(picked: pd.DataFrame) -> dict:
    """Which tables there are, in how many splits, and which are missing."""
    there = datasets(picked)
    splits = {d: len(by_split(picked, "ID-ExpO", "insertion", dataset=d)) for d in there}
    return {
        "tables": ", ".join(f"{d} ({n} splits)" for d, n in splits.items()) or "none yet",
        "missing": ", ".join(d for d in TABLES if d not in there) or "none",
    }


def diverged(frame: pd.DataFrame) -> str:
    """Which trainings diverged, by variant, lambda and table, in how many splits; they count by what they had kept."""
    runs = frame[frame["diverged"] > 0].drop_duplicates(["dataset", "variant", "lam", "split"]) if len(frame) else frame
    each = runs.groupby(["variant", "lam", "dataset"], sort=False)["split"].nunique() if len(runs) else pd.Series()
    told = [f"{VARIANTS.get(v, v)} at λ = {lam:g} on {d} ({n} split{'s' * (n > 1)})" for (v, lam, d), n in each.items()]
    if not told:
        return "No training diverged."
    never = [VARIANTS[v] for v in VARIANTS if v not in set(runs["variant"])]
    none = f"; no run of {listed(never)} did" if never else ""
    return f"{listed(told)} diverged in training{none}. Such a run counts by the best epoch before."


def weights(picked: pd.DataFrame) -> str:
    """Which lambda validation takes for random masks alone, over tables and splits."""
    taken = picked[picked["variant"] == "Masked"].drop_duplicates(["dataset", "split"])["lam"]
    if taken.empty:
        return "nothing is recorded of it yet"
    least = taken.min()
    return f"validation takes λ = {least:g} in {(taken == least).sum()} of {len(taken)} splits"


def changes(picked: pd.DataFrame) -> dict[str, dict[str, Paired]]:
    """What taking a part away changes, the variant minus ID-ExpO over tables: score -> variant -> mean and interval."""
    each = {m: {v: together(picked, v, m, over="ID-ExpO") for v in PARTS} for m in SCORES[:2]}
    return {m: {v: one for v, one in row.items() if one} for m, row in each.items()}


def within(one: Paired | None) -> bool:
    """Whether the whole interval lies within the margin of what counts as comparable."""
    return one is not None and -MARGIN < one.low and one.high < MARGIN


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
    """On how many single tables and scores each variant is surely above CE-only."""
    there, sure = datasets(picked), {}
    names = {"ID-ExpO": "with ID-ExpO"} | {v: words for v, (_, words) in PARTS.items()}
    for v, words in names.items():
        each = [alone(picked, v, m, dataset=d) for d in there for m in SCORES[:2]]
        sure[words] = sum(one is not None and one.side > 0 for one in each)
    told = listed(f"{n} {words}" for words, n in sure.items())
    return f"Surely above 0, of {2 * len(there)} gains in two scores on {len(there)} tables: {told}"


def _sure(picked: pd.DataFrame, v: str) -> dict[tuple[str, str], Paired]:
    """On single tables, (table, score) -> a variant minus ID-ExpO, where the interval leaves out 0."""
    cells = [(d, m) for d in datasets(picked) for m in SCORES[:2]]
    each = {c: alone(picked, v, c[1], dataset=c[0], over="ID-ExpO") for c in cells}
    return {c: one for c, one in each.items() if one and one.side}


def gains_table(picked: pd.DataFrame) -> pd.DataFrame | str:
    """Gains over CE-only with 95% intervals, mean over tables, and the shares of rows that gain and lose in both."""
    if not (there := datasets(picked)):
        return NOTHING
    rows = {}
    for v, name in VARIANTS.items():
        each = {m: together(picked, v, m) for m in (*SCORES, "sensitivity", "masked")}
        cells = {COLUMNS[m]: spanned(one) for m, one in each.items()}
        share = pd.concat([quadrants(picked, v, d) for d in there], axis=1).mean(axis=1)
        rows[name] = cells | {kind: f"{share[kind]:.0%}" for kind in ("both rise", "both fall")}
    return pd.DataFrame(rows).T


def parts_table(picked: pd.DataFrame) -> pd.DataFrame | str:
    """Each variant minus ID-ExpO with 95% intervals, mean over tables and on each by itself."""
    if not (there := datasets(picked)):
        return NOTHING
    rows = {}
    for v in PARTS:
        name = VARIANTS[v]
        rows[name, "mean over tables"] = {m: spanned(together(picked, v, m, over="ID-ExpO")) for m in SCORES}
        for d in there:
            rows[name, d] = {m: spanned(alone(picked, v, m, dataset=d, over="ID-ExpO")) for m in SCORES}
    return pd.DataFrame(rows).T


def verdict(picked: pd.DataFrame) -> str:
    """Which parts are needed: those without which a score is surely lower than ID-ExpO's; and what is not sure."""
    if not datasets(picked):
        return NOTHING
    ways, units = {-1: {}, 0: {}, 1: {}}, 0
    for measure, row in changes(picked).items():
        for v, one in row.items():
            ways[one.side].setdefault(v, []).append((measure, one.difference))
            units = one.n
    if not units:
        return "Two splits of a table are needed to say what a part does."
    text = f"Over {units} tables" if units > 1 else "On one table alone, which says nothing of others"
    if not (sure := ways[-1] | ways[1]):
        text += ", no change is sure: every interval of a variant minus ID-ExpO holds 0"
        text += ", and so few tables could show hardly any." if units < FEW else "."
    else:
        text += f", surely needed: {_listed(ways[-1], lambda v: PARTS[v][0]) or 'no part'}."
        text += f" Surely better without: {_listed(ways[1], lambda v: PARTS[v][0])}." if ways[1] else ""
        open_ = [PARTS[v][0] for v in PARTS if v not in sure]
        text += f" Not sure either way: {listed(open_)}." if open_ else ""
    alike = [PARTS[v][0] for v in PARTS if all(within(row.get(v)) for row in changes(picked).values())]
    within_all = f"Hardly missed in the mean, whose interval lies within ±{MARGIN} in each score"
    text += f" {within_all}: {listed(alike)}." * bool(alike)
    higher = {v: [score for score in scores if round(score[1], 2) > 0] for v, scores in ways[0].items()}
    higher = _listed({v: scores for v, scores in higher.items() if scores}, VARIANTS.get)
    return text + (f" In the mean, though not surely, ID-ExpO is exceeded by {higher}." if higher else "")


def _listed(ways: dict[str, list], name) -> str:
    """Variants by name, each with its scores' changes."""
    told = {name(v): listed(f"{measure} {signed(by)}" for measure, by in scores) for v, scores in ways.items()}
    return "; ".join(f"{words} ({scores})" for words, scores in told.items())


def singly(picked: pd.DataFrame) -> str:
    """On how many single tables and scores taking a part away surely lowers or raises."""
    if not (there := datasets(picked)):
        return NOTHING
    sides = {VARIANTS[v]: [one.side for one in _sure(picked, v).values()] for v in PARTS}
    each = {way: [f"{of.count(way)} with {v}" for v, of in sides.items() if way in of] for way in (-1, 1)}
    below, above = (listed(told) for told in each.values())
    return (
        f"Table by table each variant has {2 * len(there)} intervals of its difference from ID-ExpO, in insertion and "
        f"in 1 − deletion. Surely below 0 are {below}; surely above it {above}. On either side one in forty would be "
        "by chance."
    )


def scores_table(picked: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame | str:
    """Means over splits with standard errors, a row for each table and variant, first the majority class's accuracy."""
    rows = {}
    for d in datasets(picked):
        splits = by_split(picked, "CE-only", "accuracy", dataset=d).index
        trivial = majority(known, d).reindex(splits)
        cell = {COLUMNS["accuracy"]: plus_minus(trivial.mean(), trivial.sem(), ".2f")}
        rows[d, "majority class"] = dict.fromkeys(COLUMNS.values(), "–") | cell
        for v in (*BASELINES[::-1], *VARIANTS):
            values = {m: by_split(picked, v, m, dataset=d) for m in COLUMNS}
            if len(values["accuracy"]):
                cells = {name: plus_minus(values[m].mean(), values[m].sem(), ".3f" if m == "gap" else ".2f")
                         for m, name in COLUMNS.items()}  # fmt: skip
                rows[d, VARIANTS.get(v, v)] = cells
    return pd.DataFrame(rows).T.rename_axis([None, None]) if rows else NOTHING


def singles(picked: pd.DataFrame) -> str:
    """On how many single rows both scores rise, by variant; ID-ExpO's calibration and gap of ϕ beside CE-only's."""
    if not (there := datasets(picked)):
        return NOTHING
    rise = {VARIANTS[v]: np.mean([quadrants(picked, v, d)["both rise"] for d in there]) for v in VARIANTS}
    gaps = {d: one for d in there if (one := alone(picked, "ID-ExpO", "gap", dataset=d))}
    told = [f"{three(one.difference)} ({three(one.low)} to {three(one.high)}) on {d}" for d, one in gaps.items()]
    return (
        f"On single test rows both scores rise over CE-only's in {listed(f'{x:.0%} ({v})' for v, x in rise.items())}. "
        f"From CE-only's, ID-ExpO's calibration error differs by "
        f"{spanned(together(picked, 'ID-ExpO', 'calibration_error'))}, and its gap of ϕ by {listed(told)}: the "
        f"features inserted stand surely further apart on {listed(d for d, one in gaps.items() if one.side > 0)}."
    )


def transfer(picked: pd.DataFrame) -> tuple[pd.DataFrame | str, str]:
    """Gains of each variant as other explanations and backgrounds see them, and how ID-ExpO's differ from LIME's."""
    if not datasets(picked):
        return NOTHING, NOTHING
    (first, trained), *others = OTHERS.items()
    rows, seen = {}, []
    for m in SCORES[:2]:
        for name, where in OTHERS.items():
            each = {v: together(picked, v, m, **where) for v in ("pretrained", *VARIANTS)}
            rows[m, name] = {VARIANTS.get(v, v): "–" if g is None else signed(g.difference) for v, g in each.items()}
        more = [f"{spanned(_beyond(picked, m, where, trained))} by {name}" for name, where in others]
        whole = spanned(together(picked, "ID-ExpO", m, **trained))
        seen.append(f"ID-ExpO's gain in {m} is {whole} by {first}; it differs from that by {' and by '.join(more)}.")
    return pd.DataFrame(rows).T, " ".join(seen)


def _beyond(picked: pd.DataFrame, measure: str, where: dict, trained: dict) -> Paired | None:
    """ID-ExpO's gain as one explanation and background see it, minus as the other does."""
    pairs = [[gain(picked, "ID-ExpO", measure, dataset=d, **w) for w in (where, trained)] for d in datasets(picked)]
    return pooled([(one - other).dropna() for one, other in pairs])


def orders(picked: pd.DataFrame) -> tuple[pd.DataFrame | str, str]:
    """Scores of each predictor by its explanation and by a random order, mean over tables, and the difference."""
    if not datasets(picked):
        return NOTHING, NOTHING
    rows, gains = {}, []
    for v in (*BASELINES[::-1], *VARIANTS):
        row = {}
        for m in SCORES[:2]:
            own, chance = (mean_of(picked, v, name) for name in (m, f"{m}_random"))
            row |= {(m, "explained"): own, (m, "random order"): chance, (m, "difference"): own - chance}
        rows[VARIANTS.get(v, v)] = {k: f"{x:.3f}" for k, x in row.items()}
    for m in SCORES[:2]:
        by_chance = together(picked, "ID-ExpO", f"{m}_random")
        pairs = [[gain(picked, "ID-ExpO", name, dataset=d) for name in (m, f"{m}_random")] for d in datasets(picked)]
        by_order = pooled([(own - chance).dropna() for own, chance in pairs])
        gains.append(f"Along a random order ID-ExpO's {m} differs from CE-only's by {spanned(by_chance)}. What the "
                     f"explanation's order adds to that differs from what it adds with CE-only by "
                     f"{spanned(by_order)}.")  # fmt: skip
    return pd.DataFrame(rows).T, " ".join(gains)


def mean_of(picked: pd.DataFrame, variant: str, measure: str) -> float:
    """Of a measure, over splits and then over tables."""
    return float(np.mean([by_split(picked, variant, measure, dataset=d).mean() for d in datasets(picked)]))
