"""What the page of ID's results on images shows: which runs there are, fronts, changes image by image, ablations.

Each function gives a table or a figure of whatever records there are, or what the text says of them.
"""

import json
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.study import figures
from lib.study.claims import VERDICTS
from lib.study.measures import labels
from lib.study.numbers import two
from lib.study.pages_id import short, whole
from lib.study.runs import at
from lib.study.runs_id import HYPER, METHODS, RIVALS, best_rival, by_split, ce_only, least_lead, ours
from lib.study.runs_images import CELLS, SHOWN, cell, fronts, main, name, rivals
from lib.study.words import found_too, listed, over_seeds, ranged, spanning, surely

EVERY = ("pretrained", "CE-only", "ExpO-S", "ExpO-F", "Masked", "ID-ExpO")
SCORES = ("insertion", "1 − deletion", "accuracy")


def row_name(explainer: str, S: float) -> str:
    """One explainer and S, as narrow tables name them, on one line."""
    return short(explainer, S).replace("-", "\u2011").replace(" ", "\u00a0")


ROWS = {name(*c): row_name(*c) for c in SHOWN}


# --- Which runs there are --------------------------------------------------------------------------------------------


def runs_shown(grid: pd.DataFrame) -> pd.DataFrame:
    """The cells of the grid: runs there and asked for, and what for."""
    own = pd.DataFrame({"runs": grid["there"], "of": grid["runs"], "for": grid["purpose"].str.split(": ").str[-1]})
    return own.set_axis(grid["cell"]).rename_axis(None)


def runs_told(grid: pd.DataFrame, frame: pd.DataFrame) -> dict:
    """What the text says of the runs, by name."""
    test = frame[frame["part"] == "test"]
    start = at(test, method="pretrained", measure="accuracy")
    every = at(start, explainer="none")  # on all test images
    own = main(test[test["method"].isin((*METHODS, "Masked"))])
    key = ["method", "explainer", "S"]
    tried = own.groupby([*key, "seed"])[HYPER].apply(lambda rows: len(rows.drop_duplicates()))
    settings, seeds = (
        each.groupby("method").agg(["min", "max"]) for each in (tried, own.groupby(key)["seed"].nunique())
    )
    return {
        "runs": int(grid["there"].sum()), "runs-asked": int(grid["runs"].sum()),
        "cells": int((grid["there"] >= grid["runs"]).sum()), "cells-asked": len(grid),
        "images": int(test["rows_test"].max()), "train": int(test["rows"].max()),
        "val": int(test["rows_val"].max()), "width": int(test["width"].max()), "source": frame["source"].iloc[0],
        "choice": "; ".join(f"{method} {span(row, 'setting')}, {span(seeds.loc[method], 'seed')}"
                            for method, row in settings.iterrows()),
        "seeds": span(pd.Series({"min": 1, "max": own["seed"].nunique()}), "seed"),
        "hours": float(test.drop_duplicates(["config", "seed"])["seconds"].sum() / 3600),
        "start": float((every if len(every) else start)["value"].mean()),
    }  # fmt: skip


def training_shown(frame: pd.DataFrame) -> pd.DataFrame:
    """How each method of the comparison was trained, and from which settings validation chose: from the records."""
    own = at(frame, part="test", measure="insertion")
    runs = main(own[own["method"].isin((*METHODS, "Masked"))]).drop_duplicates("config")
    rows = []
    for run, settings in zip(runs.itertuples(), map(json.loads, runs["settings"])):
        ours, explainer = run.method == "ID-ExpO", settings["explainer"]
        masked = "M" in explainer and run.method != "CE-only"
        rows.append({
            "method": f"{whole(run.method)}, {row_name(run.trained, run.S)}" if ours else whole(run.method),
            "images": f"{(settings['per_epoch'] or run.rows) * settings['epochs']:,}", "batch": settings["batch"],
            "values of s": (settings["draws"] or "all") if ours else "–",
            "masks M": explainer["M"] if masked else "–",
            "kept": f"{explainer['keep']:.0%}" if masked else "–",
            "products in": "bfloat16" if settings["mixed"] else "float32", "λ": run.lam, "rates": run.lr,
        })  # fmt: skip
    table = pd.DataFrame(rows)
    how = table.columns[:-2].tolist()
    several = table.groupby(how, sort=False).agg(lambda tried: ", ".join(f"{v:g}" for v in sorted(set(tried))[::-1]))
    return several.reset_index().sort_values("method", kind="stable").set_index("method").rename_axis(None)


def edge_told(frame: pd.DataFrame, edge: pd.DataFrame) -> str:
    """What a larger lambda than the paper's largest does to one seed, and at which eta validation takes it.

    edge: the records of it, for one explainer and S; may be empty.
    """
    if edge.empty:
        return ""
    where = {"explainer": edge["trained"].iloc[0], "S": edge["trained_S"].iloc[0], "seed": edge["seed"].iloc[0]}
    own, large = main(at(frame, method="ID-ExpO", **where)), edge["lam"].max()
    both = at(fronts(pd.concat([own, edge])), measure="accuracy", **where)
    etas = both.loc[both["lam"] == large, "eta"]
    taken = f"at η = {listed(f'{eta:g}' for eta in etas)}" if len(etas) else "at no η"
    lost, runs = (rows["config"].nunique() for rows in (at(edge, measure="diverged"), edge))
    sides = [at(fronts(rows), eta=2, method="ID-ExpO", **where).set_index("measure")["value"] for rows in (edge, own)]
    told = listed(f"{m} {two(sides[0][m])} for {two(sides[1][m])}" for m in ("accuracy", "insertion", "1 − deletion"))
    with_ = name(where["explainer"], where["S"])
    return (
        f"Beyond the paper's largest, λ = {large:g} gives ID-ExpO with {with_} at η = 2 and for one seed {told}. "
        f"Validation takes it {taken}; {lost} of its {runs} runs diverged."
    )


def span(row: pd.Series, noun: str) -> str:
    """How many of something the cells have, from the fewest to the most."""
    low, high = int(row["min"]), int(row["max"])
    return f"{low if low == high else f'{low} to {high}'} {noun}{'s' if high > 1 else ''}"


# --- Fronts ----------------------------------------------------------------------------------------------------------


def panels(front: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The methods' rows of those explainers and S that ID-ExpO has, with their panel's name, and the panels."""
    rows = front[front["method"].isin(EVERY)]
    rows = rows.assign(panel=[name(e, S) for e, S in zip(rows["explainer"], rows["S"])])
    there = set(rows.loc[rows["method"] == "ID-ExpO", "panel"])
    return rows[rows["panel"].isin(there)], [name(e, S) for e, S in CELLS if name(e, S) in there]


def front_figure(front: pd.DataFrame) -> Figure:
    """Insertion and 1 - deletion against accuracy, a row of panels for each explainer and S (Fig. 2 and A.2)."""
    rows, order = panels(front)
    if not order:
        return figures.nothing("No records of ID-ExpO yet.")
    sure = [f"{m} {told}" for m, gaps in each_lead(front).items() if (told := surely(gaps))]
    title = f"ID-ExpO minus its best rival at η = 3: {listed(sure)}"
    return figures.fronts(rows, title if sure else "ID-ExpO and its rivals", order)


def leads(front: pd.DataFrame, explainer: str, S: float) -> dict[str, pd.Series]:
    """ID-ExpO minus the best of those rivals that have records, at eta 3, in each score; empty without either.

    A lead for each seed that all of them have.
    """
    rows = cell(front, explainer, S, eta=3)
    there = rivals(rows)
    found = {m: (ours(rows, m) - best_rival(rows, m, there)).dropna() for m in SCORES} if there else {}
    return {measure: lead for measure, lead in found.items() if len(lead)}


def each_lead(front: pd.DataFrame) -> dict[str, dict[str, pd.Series]]:
    """The leads of each score, by the names of those explainers and S that have records."""
    there = {name(*c): found for c in CELLS if (found := leads(front, *c))}
    return {m: {where: found[m] for where, found in there.items()} for m in SCORES} if there else {}


def seeds_told(front: pd.DataFrame) -> str:
    """How sure the means are: how many seeds each method has, from the fewest to the most over explainers and S."""
    each = front[front["method"].isin(METHODS)].groupby(["method", "explainer", "S"])["split"].nunique()
    spans = each.groupby("method").agg(["min", "max"])
    if spans["max"].max() < 2:
        return "There is one seed of each, so what another would change is not known."
    told = listed(f"{method} {span(row, 'seed')}" for method, row in spans.iterrows())
    return f"Differences are over the seeds that both sides have, with a 95% interval where these are several: {told}."


def least_leads(front: pd.DataFrame) -> dict[str, float]:
    """ID-ExpO's least lead over the best rival, over both scores and every eta, where all three have records."""
    whole = [c for c in CELLS if len(rivals(cell(front, *c, eta=3))) == len(RIVALS)]
    least = {name(*c): np.min([least_lead(cell(front, *c), m).mean() for m in SCORES[:2]]) for c in whole}
    return pd.Series(least, dtype=float).dropna().to_dict()


def leads_shown(front: pd.DataFrame) -> pd.DataFrame:
    """ID-ExpO's leads at eta 3 with their intervals over seeds, a row for each explainer and S that has records."""
    found = {row_name(*c): {m: over_seeds(lead) for m, lead in leads(front, *c).items()} for c in CELLS}
    return pd.DataFrame({where: told for where, told in found.items() if told}, index=list(SCORES)).T


def fronts_told(front: pd.DataFrame) -> str:
    """How many seeds the leads are over, what the paper has, and which explainers and S lack records."""
    if not (each := each_lead(front)):
        return "There are no records of ID-ExpO and a rival yet."
    there = [c for c in CELLS if name(*c) in each["accuracy"]]
    few = [name(*c) for c in there if len(rivals(cell(front, *c, eta=3))) < len(RIVALS)]
    told = [f"Not every rival has records with {listed(few)}."] * bool(few) + [seeds_told(front)]
    finding, least = "ID-ExpO above every rival in both scores at any η", least_leads(front)
    told.append(found_too(least, finding) if least else f"The paper finds {finding}; not all rivals have records here.")
    without = [name(*c) for c in CELLS if c not in there]
    return " ".join(told + [f"Without records of both: {listed(without)}."] * bool(without))


def short_told(front: pd.DataFrame) -> str:
    """The page in short: ID-ExpO's leads over the best rival."""
    if not (each := each_lead(front)):
        return "There are no records of ID-ExpO and a rival yet."
    told = listed(f"{ranged(gaps)} in {measure}" for measure, gaps in each.items())
    return f"ID-ExpO minus its best rival is {told}, from one explainer and S to another (η = 3, one split)."


def claims_told(verdicts: pd.DataFrame) -> str:
    """How the claims about images came out."""
    counts = verdicts["verdict"].value_counts()
    claims = listed(f"{counts[word]} {word}" for word in VERDICTS if word in counts)
    return f"Of the {len(verdicts)} statements that the paper's claims about images make: {claims}."


def masked_gaps(front: pd.DataFrame, measure: str = "insertion") -> pd.DataFrame:
    """What random masks alone and ID-ExpO add to CE-only's measure at eta 2: a row for each explainer and S.

    Means over the seeds that all three have, and how many these are.
    """
    gaps = {}
    for c in CELLS:
        rows = cell(front, *c, eta=2)
        methods = "Masked", "ID-ExpO", "CE-only"
        each = pd.DataFrame({m: by_split(rows, measure, method=m) for m in methods}).dropna()
        if len(each):
            gaps[name(*c)] = {**each.sub(each["CE-only"], axis=0).mean(), "seeds": len(each)}
    return pd.DataFrame(gaps).T


def masked_told(front: pd.DataFrame) -> str:
    """The same of both scores in two sentences; empty without records of random masks alone."""
    if (gaps := masked_gaps(front)).empty:
        return ""
    own, ours = (spanning(gaps[m]) for m in ("Masked", "ID-ExpO"))
    more = gaps.index[gaps["Masked"] > gaps["ID-ExpO"]]
    deletion = masked_gaps(front, "1 − deletion")
    return (f"Random masks alone, with no explanation in the loss, change CE-only's insertion by {own} (η = 2, "
            f"{span(gaps['seeds'].agg(['min', 'max']), 'seed')}), where ID-ExpO changes it by {ours}"
            f"{f'; they are ahead of ID-ExpO with {listed(more)}' if len(more) else ''}. They change 1 − deletion by "
            f"{spanning(deletion['Masked'])}, ID-ExpO by {spanning(deletion['ID-ExpO'])}.")  # fmt: skip


def untrained_figure(front: pd.DataFrame) -> Figure:
    """Sensitivity-4 and accuracy on inputs masked at random against accuracy (the first is Fig. 3)."""
    rows, order = panels(front)
    names = labels("accuracy", "sensitivity", "masked")
    rows = rows[rows["measure"].isin(names)].replace({"measure": names})
    if not order:
        return figures.nothing("No records of ID-ExpO yet.")
    sure = surely(over_ce_only(front, "sensitivity"))
    title = f"Sensitivity-4, ID-ExpO minus CE-only at η = 2: {sure}" if sure else "ID-ExpO and its rivals"
    return figures.fronts(rows, title, order, scores=(names["sensitivity"], names["masked"]))


def over_ce_only(front: pd.DataFrame, measure: str, cells: Iterable[tuple] = CELLS) -> dict[str, pd.Series]:
    """ID-ExpO minus CE-only at eta 2, seed by seed, in each explainer and S that has both, by its name."""
    each = {name(*c): cell(front, *c, eta=2) for c in cells}
    gaps = {where: (ours(rows, measure) - ce_only(rows, measure)).dropna() for where, rows in each.items()}
    return {where: gap for where, gap in gaps.items() if len(gap)}


def gains(front: pd.DataFrame, *measures: str) -> pd.DataFrame:
    """ID-ExpO's mean gains over CE-only at eta 2, over the seeds that both have: a row for each explainer and S."""
    found = {m: {w: gap.mean() for w, gap in over_ce_only(front, m, SHOWN).items()} for m in measures}
    return pd.DataFrame(found, index=[name(*c) for c in SHOWN]).dropna()


def over_told(front: pd.DataFrame, measure: str, what: str, *, finding: str = "") -> str:
    """The same in words, what the paper finds, where it does, and what random masks alone change.

    what: the measure as a sentence names it.
    """
    if not (gaps := over_ce_only(front, measure)):
        return f"There are no records of ID-ExpO's {what} and CE-only's yet."
    told = [f"ID-ExpO's {what} minus CE-only's at η = 2 is {ranged(gaps)}."]
    told += [found_too({where: gap.mean() for where, gap in gaps.items()}, finding)] * bool(finding)
    if len(alone := masked_gaps(front, measure)):
        told.append(f"Random masks alone change CE-only's by {spanning(alone['Masked'])}.")
    return " ".join(told)


def over_shown(front: pd.DataFrame) -> pd.DataFrame:
    """The same of measures that nobody trained, a row for each explainer and S that has records."""
    heads = {"sensitivity": "sensitivity-4", "masked": "accuracy, random half masked",
             "kept_half": "accuracy, less important half masked"}  # fmt: skip
    told = {head: {w: over_seeds(gap) for w, gap in over_ce_only(front, m).items()} for m, head in heads.items()}
    return pd.DataFrame(told, index=[name(*c) for c in CELLS]).dropna(how="all").fillna("–").rename(index=ROWS)
