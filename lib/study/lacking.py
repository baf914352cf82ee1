"""What of the papers' grids has no records, in words."""

import pandas as pd

from lib.study.runs import at
from lib.study.runs_fe import METHODS, is_newer
from lib.study.runs_id import EXPLAINERS, RIVALS, S_VALUES, TABLES
from lib.study.words import among, listed

PLANNED = {"split": 10, "lam": 5, "eta": 6}  # splits, and values of lambda and eta with Ours, for each data set


def examples(frame: pd.DataFrame, lambdas: pd.DataFrame, dataset: str) -> list[str]:
    """Of FE's grid, for one data set."""
    rows, found = at(frame, dataset=dataset, lam=1), []
    if missing := [method for method in METHODS if method not in set(rows["method"])]:
        found.append("all methods" if len(missing) == len(METHODS) else ", ".join(missing))
    splits = rows.groupby("method")["split"].nunique().min() if len(rows) else 0
    if 0 < splits < PLANNED["split"]:
        found.append(f"{PLANNED['split'] - splits} of {PLANNED['split']} splits")
    curve = at(lambdas, dataset=dataset)
    have, every = [curve[name].nunique() for name in ("split", "eta")], [PLANNED[name] for name in ("split", "eta")]
    if curve["lam"].nunique() < PLANNED["lam"]:
        found.append("other λ than 1")
    elif is_newer(frame, dataset) and not is_newer(lambdas, dataset):
        found.append("other λ than 1 under the second protocol")
    elif have[0] < every[0] or have[1] < every[1]:
        found.append(f"other λ than 1 beyond {have[0]} of {every[0]} splits and {have[1]} of {every[1]} η")
    return found


def tables(front: pd.DataFrame) -> str:
    """Of ID's grid: which methods and forms of deletion lack an explainer or S, on which tables."""
    every = {"ID-ExpO": ("ID-ExpO", "A", EXPLAINERS)} | {m: (m, "none", EXPLAINERS) for m in RIVALS}
    every |= {f"Del-{form}": ("ID-ExpO", form, ("LIME",)) for form in "BC"}
    missing = {}
    for label, (method, deletion, explainers) in every.items():
        rows = at(front, method=method, deletion=deletion)
        there = set(zip(rows["dataset"], rows["explainer"], rows["S"]))
        where = [d for d in TABLES if any((d, e, S) not in there for e in explainers for S in S_VALUES)]
        missing.setdefault(tuple(where), []).append(label)
    said = [f"{listed(labels)} on {among(where, TABLES, 'tables')}" for where, labels in missing.items() if where]
    return f"they lack {'; '.join(said)}" if said else "they are complete"
