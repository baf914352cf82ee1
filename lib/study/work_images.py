"""What the scores on images rest on: random maps, ties, sureness, backgrounds, untrained explanations; ablations.

Each function gives a table, or what the text says of it, from whatever records there are.
"""

import numpy as np
import pandas as pd
from IPython.display import Markdown

from lib.study.measures import labels
from lib.study.numbers import digits, signed, two
from lib.study.pages_id import whole
from lib.study.pages_images import EVERY, masked_gaps, row_name
from lib.study.runs import at
from lib.study.runs_id import S_VALUES, by_split, ours
from lib.study.runs_images import EXPLAINERS, SHOWN, cell, costs, name, untrained
from lib.study.statistics import plus_minus
from lib.study.words import listed

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


def controls_told(front: pd.DataFrame) -> str:
    """ID-ExpO's gain in insertion over CE-only, how much a random map gains too, and what dividing by f(x) leaves."""
    told, measures = [], ("insertion", "insertion_random", "insertion_share")
    for c in SHOWN:
        rows = cell(front, *c, eta=2)
        gaps = [ours(rows, measure) - by_split(rows, measure, method="CE-only") for measure in measures]
        if all(gap.notna().any() for gap in gaps):  # over the seeds that both have
            plain, random, share = (signed(gap.mean()) for gap in gaps)
            said = f"{plain} with the explanation, {random} with a random map, {share} divided by f(x)"
            told.append(f"{name(*c)}: {said}.")
    head = "How much higher ID-ExpO's insertion is than CE-only's at η = 2."
    return f"{head} {' '.join(told)}" if told else "No records of ID-ExpO and CE-only yet."


def augmentation_told(front: pd.DataFrame) -> str:
    """What random masks alone, as augmentation, make of insertion beside ID-ExpO's regularisers, at eta 2."""
    if (gaps := masked_gaps(front)).empty:
        return "No records of random masks alone yet."
    told = " ".join(f"{where}: {signed(gap['Masked'])} and {signed(gap['ID-ExpO'])}." for where, gap in gaps.iterrows())
    head = "Random masks alone, with no explanation in the loss, and ID-ExpO: what each adds to CE-only's insertion."
    return f"{head} {told}"


def ties_told(front: pd.DataFrame) -> str:
    """How far the two tie rules part on the network before fine-tuning, beside what ID-ExpO gains."""
    table = means(cell(front, "Grad-CAM", 0.5, eta=2), ("insertion", "insertion_threshold"))
    if not {"ID-ExpO", "pretrained"} <= set(table.index):
        return "No records of ID-ExpO with Grad-CAM yet."
    rule = table.loc["pretrained", "insertion_threshold"] - table.loc["pretrained", "insertion"]
    gain = table.loc["ID-ExpO", "insertion"] - table.loc["pretrained", "insertion"]
    more = "more" if rule > gain else "less"
    return (f"With Grad-CAM at S = 0.5 HW the tie rule alone moves insertion by {two(rule)} on the network before "
            f"fine-tuning, {more} than training does ({two(gain)}).")  # fmt: skip


def sureness(front: pd.DataFrame) -> pd.DataFrame:
    """Confidence, confidence minus accuracy, calibration error, all-zero maps, the gap at S and mean |phi|."""
    heads = {"confidence": "f(x)", "overconfidence": "f(x) − accuracy", "calibration_error": "calibration error",
             "zero_maps": "maps all zero", "gap": "gap at S", "contributions": "mean |ϕ|"}  # fmt: skip
    return digits(by_cell(front, heads), "{:.3f}")


def missing(front: pd.DataFrame) -> pd.DataFrame:
    """Accuracy on whole inputs, with random halves of the cells masked, and with the less important half masked."""
    heads = {"accuracy": "accuracy", "masked": "random half masked", "kept_half": "less important half masked"}
    return digits(by_cell(front, heads), "{:.3f}")


def backgrounds(front: pd.DataFrame) -> pd.DataFrame | Markdown:
    """Insertion and deletion where masked cells show a blur or noise, and with the true class scored."""
    heads = {"insertion": "insertion", "insertion_blur": "blur", "insertion_noise": "noise",
             "insertion_label": "true class", "deletion_blur": "deletion, blur", "deletion_noise": "deletion, noise",
             "deletion_label": "deletion, true class"}  # fmt: skip
    table = by_cell(front, heads)
    there = table.drop(columns="insertion").notna().any(axis=None)
    return digits(table, "{:.3f}") if there else Markdown("No records yet: those at hand are older than this.")


def others(frame: pd.DataFrame, front: pd.DataFrame) -> pd.DataFrame | Markdown:
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
    table = pd.DataFrame(rows).T
    if table.empty:
        return Markdown("No records yet.")
    return table.rename_axis(["trained", "measured"]).map(lambda value: "–" if pd.isna(value) else signed(value))


# --- What does the work ----------------------------------------------------------------------------------------------


def ablations(frame: pd.DataFrame) -> pd.DataFrame:
    """Test scores of ID-ExpO with one thing changed at a time, beside the run that changes nothing.

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
            both = pd.concat([at(own, method="pretrained").assign(variant="before fine-tuning"), rows])
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


def spread_told(frame: pd.DataFrame) -> str:
    """How far the seeds of the run that changes nothing lie apart, by explainer, and which changes move scores more."""
    told = []
    for explainer in EXPLAINERS:
        own = cell(frame, explainer, 0.5, part="test", method="ID-ExpO", trained=explainer)
        own = at(own, lam=0.1, lam3=0.0, lr=RATE)
        each = {m: at(own, variant="", measure=m).groupby("seed")["value"].mean() for m in SCORES}
        if (n := len(each["accuracy"])) < 2:
            continue
        apart = {m: values.max() - values.min() for m, values in each.items()}
        told.append(f"Through {explainer} the {n} seeds of the run that changes nothing lie "
                    f"{listed(f'{two(gap)} in {m}' for m, gap in apart.items())} apart.")  # fmt: skip
        first = own[own["seed"] == 0].pivot_table(index="variant", columns="measure", values="value")
        moved = first.drop(index="").sub(first.loc[""])
        more = [f"{v}, {listed(f'{m} {signed(by)}' for m, by in found.items())}" for v, row in moved.iterrows()
                if (found := {m: row[m] for m in SCORES if abs(row[m]) > apart[m]})]  # fmt: skip
        told += [f"More than that changes with {'; '.join(more)}."] * bool(more)
    return " ".join(told) or "Of the run that changes nothing there is one seed."


def unrecorded_told(grid: pd.DataFrame) -> str:
    """Which changes the grid asks for and no run has made yet, by their cells' names. grid: `of_the_grid`."""
    own = grid[grid["purpose"].str.contains("what does the work") & (grid["there"] == 0)]
    return f"Not recorded yet: {listed(own['cell'])}." if len(own) else "All that the grid asks for is recorded."


def diverged_told(frame: pd.DataFrame) -> str:
    """Which of the recorded runs of ID-ExpO diverged, so that they have no scores."""
    runs = at(frame, method="ID-ExpO", measure="diverged", value=1)
    own = runs[["explainer", "variant", "lam", "lr"]].itertuples(index=False, name=None)
    told = [f"{explainer}, {changed or 'as it is'} (λ = {lam:g}, rate {lr:g})" for explainer, changed, lam, lr in own]
    if not told:
        return "None of the recorded runs diverged."
    return f"Diverged, and so without scores: {'; '.join(told)}."


# --- A robust network ------------------------------------------------------------------------------------------------


def robust(front: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """ID-ExpO at eta 3, our network trained against attacks, and the paper's: accuracy and scores (claim ID-C7)."""
    heads = {**labels("accuracy", "insertion", "1 − deletion"), "confidence": "f(x)",
             "insertion_share": "insertion over f(x)", "deletion_share": "deletion over f(x)"}  # fmt: skip
    rows = {}
    for explainer in EXPLAINERS:
        for S in S_VALUES:
            for called, own in _robust_and_ours(front, frame, explainer, S).items():
                rows[explainer, S, called] = [by_split(own, measure).mean() for measure in heads]
        rows[explainer, 0.5, "robust ResNet-50, the paper's"] = [*PAPER_ROBUST[explainer], *[np.nan] * 3]
    table = pd.DataFrame(rows, index=list(heads.values())).T.dropna(subset=["insertion"])
    table.index = pd.MultiIndex.from_tuples([(row_name(e, S), called) for e, S, called in table.index])
    return digits(table.sort_index(level=0, sort_remaining=False), "{:.3f}")


def _robust_and_ours(front: pd.DataFrame, frame: pd.DataFrame, explainer: str, S: float) -> dict[str, pd.DataFrame]:
    """The test rows of both networks."""
    ours = cell(front, explainer, S, eta=3, method="ID-ExpO")
    return {"ID-ExpO": ours, "PGD, ours": cell(frame, explainer, S, part="test", method="PGD")}


def robust_told(front: pd.DataFrame, frame: pd.DataFrame) -> str:
    """How sure both networks are at S = 0.5, and what dividing by that leaves of the difference in deletion."""
    told = []
    for explainer in EXPLAINERS:
        both = _robust_and_ours(front, frame, explainer, 0.5).values()
        means = [[by_split(own, m).mean() for own in both] for m in ("confidence", "1 − deletion", "deletion_share")]
        if not np.isnan(means).any():
            sure, kept, share = (f"{ours:.2f} with ID-ExpO and {theirs:.2f} against attacks" for ours, theirs in means)
            told.append(f"{explainer}: f(x) is {sure}, 1 − deletion {kept}, deletion divided by f(x) {share}.")
    if not told:
        return "There are no records of a network trained against attacks yet."
    return f"A network that is less sure has less to lose when cells are deleted. At S = 0.5 HW. {' '.join(told)}"


# --- Costs, and copies -----------------------------------------------------------------------------------------------


def costs_table(frame: pd.DataFrame) -> pd.DataFrame | Markdown:
    """Milliseconds of a core an image, median of the rounds: to train and to explain, for each case that was timed."""
    timed = frame[frame["measure"].isin(["ms_training", "ms_explaining"])]
    if timed.empty:
        return Markdown("No records yet.")
    keys = ["explainer", "M", "D", "S", "draws"]
    table = timed.pivot_table(index=keys, columns="measure", values="value", aggfunc="median", sort=False).reset_index()
    shown = pd.DataFrame({
        "masks M": table["M"].map(lambda M: f"{M:.0f}" if M else "–"),
        "cells D": table["D"].map("{:.0f}".format), "S": table["S"].map("{:g}".format),
        "values of s": table["draws"].map(lambda K: f"{K:.0f}" if K else "all"),
        "training": table["ms_training"].map("{:.3g}".format),
        "explaining": table["ms_explaining"].map("{:.3g}".format),
    })  # fmt: skip
    return shown.set_axis(table["explainer"]).rename_axis(None)


def costs_told(frame: pd.DataFrame) -> str:
    """What M, D, S and the explainer make of the time to train on an image."""

    def ms(explainer, **where):
        return costs(frame, "training", explainer, **{"S": 0.5, "draws": 4} | where).median()

    lime, fewer, coarse, shap = ms("LIME"), ms("LIME", M=50), ms("LIME", D=16), ms("KernelSHAP")
    own, every, lime_every = ms("Grad-CAM"), ms("Grad-CAM", draws=0), ms("LIME", draws=0)
    if np.isnan([lime, fewer, coarse, shap, own, every, lime_every]).any():
        return "There are no records of costs yet."
    return (
        f"With all values of s, as in the paper, a step through LIME at M = 200 costs {lime_every / every:.1f} times "
        f"one through Grad-CAM; with four of them {lime / own:.0f} times. LIME's cost grows with its masks: a quarter "
        f"of them takes {fewer / lime:.0%} of the time. A quarter of the cells takes {coarse / lime:.0%} of it, so "
        f"that D hardly counts beside M, and KernelSHAP takes {shap / lime:.0%}. Grad-CAM's is nearly all insertions "
        f"and deletions: with all values of s a step costs {every / own:.1f} times as much. Explaining runs the same "
        "program before fine-tuning and after, whatever the parameters are."
    )


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


def words(front: pd.DataFrame, frame: pd.DataFrame) -> dict:
    """The sentences of this part of the page, by name."""
    return {
        "controls": controls_told(front),
        "augmentation": augmentation_told(front),
        "ties": ties_told(front),
        "costs": costs_told(frame),
    }
