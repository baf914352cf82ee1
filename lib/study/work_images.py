"""What the scores on images rest on: random maps, ties, sureness, backgrounds, untrained explanations; ablations.

Each function gives a table from whatever records there are; `words_images` says in words what they show.
"""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lib.study.measures import labels
from lib.study.numbers import digits, signed
from lib.study.pages_id import whole
from lib.study.pages_images import EVERY, ROWS, gains, masked_gaps, row_name
from lib.study.runs import at
from lib.study.runs_id import S_VALUES, by_split
from lib.study.runs_images import EXPLAINERS, SHOWN, cell, name, untrained
from lib.study.statistics import plus_minus
from lib.training.measuring import thinned

SCORES = ("accuracy", "insertion", "1 − deletion")
RATE = 1e-4  # of the ablations: the learning rate that validation takes
PAPER_ROBUST = {  # a ResNet-50 that somebody trained against attacks: accuracy, insertion, 1 - deletion
    "Grad-CAM": (0.854, 0.282, 0.567), "LIME": (0.854, 0.456, 0.778),
}  # fmt: skip


def means(rows: pd.DataFrame, measures) -> pd.DataFrame:
    """The mean over seeds of some measures, a row for each method that there is."""
    there = [m for m in EVERY if m in set(rows["method"])]
    return pd.DataFrame({m: {key: by_split(rows, key, method=m).mean() for key in measures} for m in there}).T


def by_cell(front: pd.DataFrame, measures: dict[str, str]) -> pd.DataFrame:
    """Measures by their heads, a row for each explainer, S and method that has records at eta 2."""
    found = {row_name(*c): means(cell(front, *c, eta=2), measures) for c in SHOWN}
    found = {c: table for c, table in found.items() if len(table)}
    table = pd.concat(found).rename(columns=measures) if found else pd.DataFrame(columns=list(measures.values()))
    return table.rename(index=whole, level=1) if found else table


def controls(front: pd.DataFrame) -> pd.DataFrame:
    """Insertion and deletion as they are, by a random map, by threshold and divided by f(x)."""
    heads = {"insertion": "insertion", "insertion_random": "random map", "insertion_threshold": "by threshold",
             "insertion_share": "over f(x)", "deletion": "deletion", "deletion_random": "random map ",
             "deletion_threshold": "by threshold ", "deletion_share": "over f(x) "}  # fmt: skip
    raw = front.assign(value=front["value"].where(front["measure"] != "1 − deletion", 1 - front["value"]))
    return digits(by_cell(raw.replace({"measure": {"1 − deletion": "deletion"}}), heads), "{:.3f}")


def gained(front: pd.DataFrame) -> pd.DataFrame:
    """What ID-ExpO adds to CE-only's insertion at eta 2, in the same forms and under other backgrounds."""
    heads = {"insertion": "with the explanation", "insertion_random": "random map", "insertion_share": "over f(x)"}
    other = {"insertion_blur": "blur", "insertion_noise": "noise"}
    table = pd.concat([gains(front, *heads), gains(at_some(front), *other)], axis=1).rename(columns=heads | other)
    alone = masked_gaps(front)
    table["random masks alone"] = alone["Masked"] if len(alone) else np.nan
    return table.rename(index=ROWS).map(lambda value: "–" if pd.isna(value) else signed(value))


def sureness(front: pd.DataFrame) -> pd.DataFrame:
    """Confidence, confidence minus accuracy, calibration error, all-zero maps, the gap at S and mean |phi|."""
    heads = {"confidence": "f(x)", "overconfidence": "f(x) − accuracy", "calibration_error": "calibration error",
             "zero_maps": "maps all zero", "gap": "gap at S", "contributions": "mean |ϕ|"}  # fmt: skip
    return digits(by_cell(front, heads), "{:.3f}")


def missing(front: pd.DataFrame) -> pd.DataFrame:
    """Accuracy on whole inputs, with random halves of the cells masked, and with the less important half masked."""
    heads = {"accuracy": "accuracy", "masked": "random half masked", "kept_half": "less important half masked"}
    return digits(by_cell(front, heads), "{:.3f}")


def at_some(front: pd.DataFrame) -> pd.DataFrame:
    """The rows with insertion and 1 - deletion over those s alone at which other backgrounds were measured."""
    own = front["measure"].isin(["insertion", "1 − deletion"]) & front["curve"].notna()
    area = front.loc[own, "curve"].map(lambda curve: np.mean(thinned(curve)))
    return front.assign(value=front["value"].mask(own, area.where(front["measure"] == "insertion", 1 - area)))


def backgrounds(front: pd.DataFrame) -> pd.DataFrame | Markdown:
    """Insertion and deletion where masked cells show a blur or noise, and with the true class scored, at the same s."""
    heads = {"insertion": "insertion", "insertion_blur": "blur", "insertion_noise": "noise",
             "insertion_label": "true class", "1 − deletion": "deletion", "deletion_blur": "blur ",
             "deletion_noise": "noise ", "deletion_label": "true class "}  # fmt: skip
    table = by_cell(at_some(front), heads)
    table["deletion"] = 1 - table["deletion"]
    there = table.drop(columns=["insertion", "deletion"]).notna().any(axis=None)
    return digits(table, "{:.3f}") if there else Markdown("No records yet: those at hand are older than this.")


def others(gains: pd.DataFrame) -> pd.DataFrame | Markdown:
    """`elsewhere` as it is shown."""
    if gains.empty:
        return Markdown("No records yet.")
    return gains.rename_axis(["trained", "measured"]).map(lambda value: "–" if pd.isna(value) else signed(value))


def elsewhere(frame: pd.DataFrame, front: pd.DataFrame) -> pd.DataFrame:
    """Gains over CE-only in explanations that ID-ExpO did not train, beside those in the one that it did, at eta 2.

    CE-only's epoch is chosen by the same explanation where validation measures it, otherwise by Grad-CAM.
    """
    away, rows = untrained(frame), {}
    for (trained, S, measured), own in at(away, method="ID-ExpO").groupby(["trained", "S", "explainer"]):
        same = at(cell(front, measured, S, eta=2), method="CE-only")
        rival = same if len(same) else at(cell(away, measured, S), method="CE-only")
        home = at(cell(front, trained, S, eta=2), method="ID-ExpO")
        base = at(cell(front, trained, S, eta=2), method="CE-only")
        for measure in ("insertion", "1 − deletion"):
            rows.setdefault((row_name(trained, S), measured), {}).update({
                measure: (by_split(own, measure) - by_split(rival, measure)).mean(),
                f"{measure}, trained": (by_split(home, measure) - by_split(base, measure)).mean()})  # fmt: skip
    return pd.DataFrame(rows).T


# --- What does the work ----------------------------------------------------------------------------------------------


def ablations(frame: pd.DataFrame) -> pd.DataFrame:
    """Test scores of ID-ExpO with one thing changed at a time, beside the run that changes nothing, and CE-only's.

    With Grad-CAM, and with LIME, at S = 0.5 HW, all of one lambda, rate and seed, whatever validation thinks of them.
    """
    keys = ["accuracy", "insertion", "1 − deletion", "insertion_threshold", "sensitivity", "zero_maps"]
    tables = {}
    for explainer in EXPLAINERS:
        own = cell(frame, explainer, 0.5, part="test")
        rows = at(own, method="ID-ExpO", trained=explainer, lam=0.1, lr=RATE, seed=0)
        price = rows["lam3"].map("λ₃ = {:g}".format).where(rows["lam3"] > 0, "as it is")
        rows = rows.assign(variant=rows["variant"].where(rows["variant"] != "", price))
        if len(rows):
            start = at(own, method="pretrained").assign(variant="before fine-tuning")
            rival = at(own, method="CE-only", lr=RATE, seed=0).assign(variant="CE-only")
            both = pd.concat([start, rival, rows])
            tables[explainer] = both.pivot_table(index="variant", columns="measure", values="value", sort=False)
    heads = {**labels("accuracy", "insertion", "1 − deletion", "sensitivity"),
             "insertion_threshold": "insertion by threshold", "zero_maps": "maps all zero"}  # fmt: skip
    wide = pd.concat(tables).reindex(columns=keys) if tables else pd.DataFrame(columns=keys)
    return (
        digits(wide, "{:.3f}")
        .rename(columns=heads)
        .rename_axis([None, None] if tables else None)
        .rename_axis(columns=None)
    )


# --- A robust network ------------------------------------------------------------------------------------------------


def robust(front: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """ID-ExpO at eta 3, our network trained against attacks, and the paper's: accuracy and scores (claim ID-C7)."""
    heads = {**labels("accuracy", "insertion", "1 − deletion"), "confidence": "f(x)",
             "insertion_share": "insertion over f(x)", "deletion_share": "deletion over f(x)"}  # fmt: skip
    rows = {}
    for explainer in EXPLAINERS:
        for S in S_VALUES:
            for called, own in robust_and_ours(front, frame, explainer=explainer, S=S).items():
                rows[explainer, S, called] = [by_split(own, measure).mean() for measure in heads]
        rows[explainer, 0.5, "robust ResNet-50, the paper's"] = [*PAPER_ROBUST[explainer], *[np.nan] * 3]
    table = pd.DataFrame(rows, index=list(heads.values())).T.dropna(subset=["insertion"])
    table.index = pd.MultiIndex.from_tuples([(row_name(e, S), called) for e, S, called in table.index])
    return digits(table.sort_index(level=0, sort_remaining=False), "{:.3f}")


def robust_and_ours(front: pd.DataFrame, frame: pd.DataFrame, *, explainer: str, S: float) -> dict[str, pd.DataFrame]:
    """The test rows of both networks."""
    ours = cell(front, explainer, S, eta=3, method="ID-ExpO")
    return {"ID-ExpO": ours, "PGD, ours": cell(frame, explainer, S, part="test", method="PGD")}


# --- Costs, and copies -----------------------------------------------------------------------------------------------


def costs_table(frame: pd.DataFrame) -> pd.DataFrame | Markdown:
    """Milliseconds of a core an image, median of the rounds and their range, for each case that was timed."""
    timed = frame[frame["measure"].str.startswith("ms_")]
    if timed.empty:
        return Markdown("No records yet.")
    keys = ["explainer", "M", "D", "S", "draws"]
    table = timed.pivot_table(index=keys, columns="measure", values="value", aggfunc=rounds, sort=False).reset_index()
    shown = pd.DataFrame({
        "masks M": table["M"].map(lambda M: f"{M:.0f}" if M else "–"),
        "cells D": table["D"].map("{:.0f}".format), "S": table["S"].map("{:g}".format),
        "values of s": table["draws"].map(lambda K: f"{K:.0f}" if K else "all"),
        "training": table["ms_training"], "explaining": table["ms_explaining"],
    })  # fmt: skip
    if "ms_explaining_after" in table:
        shown["explaining, after"] = table["ms_explaining_after"]
    return shown.set_axis(table["explainer"]).rename_axis(None)


def rounds(values: pd.Series) -> str:
    """The median of several rounds and their range."""
    return f"{values.median():.3g} ({values.min():.3g}\u00a0to\u00a0{values.max():.3g})"


def copies_shown(pairs: pd.DataFrame) -> tuple[pd.DataFrame | str, str]:
    """Scores of one network on original pixels minus those on JPEG's, mean over images ± standard error; in words."""
    if pairs.empty:
        return "No records yet.", "There are no records of both copies yet."
    table, largest = {}, 0.0
    for row in pairs[pairs["measure"] != "accuracy"].itertuples(index=False):
        gap = np.asarray(row.samples_exact) - np.asarray(row.samples_jpeg)
        error = gap.std(ddof=1) / len(gap) ** 0.5
        table.setdefault(row.measure, {})[name(row.explainer, row.S)] = plus_minus(gap.mean(), error, "+.3f")
        largest = max(largest, abs(gap.mean()))
    accuracy = pairs[pairs["measure"] == "accuracy"].iloc[0]
    return pd.DataFrame(table).fillna("–"), (
        f"The network before fine-tuning has seen JPEG copies alone. On {len(accuracy['samples_jpeg']):,} test images "
        f"its accuracy is {accuracy['value_jpeg']:.3f} as JPEG has them and {accuracy['value_exact']:.3f} from their "
        f"original pixels. The largest difference in a score is {largest:.3f}."
    )
