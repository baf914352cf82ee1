"""The claims of the paper on insertion and deletion, tested on the records of its tables.

frame = runs_id.load()
tests = claims_id.tests(frame, runs_id.load_forms(frame))
claims_id.verdicts(tests)
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lib.study import claims
from lib.study.claims import MARGIN, Claim, compare
from lib.study.runs import at
from lib.study.runs_id import (
    CELLS,
    RIVALS,
    S_VALUES,
    TABLES,
    balance,
    best_rival,
    by_split,
    front_of_forms,
    fronts,
    kept_by_half,
    least_lead,
    name,
    of_method,
    ours,
)

WITH_LIME = [(d, S) for d, explainer, S in CELLS if explainer == "LIME"]
EXPO = ("ExpO-S", "ExpO-F")


def over_ce_only(what: str, value: str | Callable, *, methods=("ID-ExpO",), claimed: str = ">", bound: float = 0.0):
    """Something of each of some methods minus the same of CE-only, at eta 2.

    value: a measure, or a function that computes it from a method's rows, split -> value.
    """
    measured = value if callable(value) else lambda rows: by_split(rows, value)

    def comparisons(front, forms):
        for method in methods:
            for d, explainer, S in CELLS:
                rows = at(front, eta=2, dataset=d, explainer=explainer, S=S)
                gap = measured(of_method(rows, method)) - measured(of_method(rows, "CE-only"))
                words = f"{what}, {method} − CE-only, {name(explainer, S)}"
                yield compare(d, words, gap, claimed=claimed, bound=bound)

    return comparisons


def del_a_is_better(other):
    """Balance is the valscore of test rows at eta 2, on each table that has records of all three forms."""

    def comparisons(front, forms):
        rows = at(front_of_forms(forms), eta=2)
        for d, S in ((d, S) for d in TABLES for S in S_VALUES):
            own, theirs = (balance(at(rows, dataset=d, S=S, deletion=form)) for form in ("A", other))
            yield compare(d, f"balance, Del-A − Del-{other}, S = {S:g} Q", own - theirs, claimed=">")

    return comparisons


def best_on_all_tables(measure):
    """At the eta where ID-ExpO's lead is least."""

    def comparisons(front, forms):
        for d, explainer, S in CELLS:
            what = f"{measure}, ID-ExpO − best rival, least over η, {name(explainer, S)}"
            lead = least_lead(at(front, dataset=d, explainer=explainer, S=S), measure)
            yield compare(d, what, lead, claimed=">")

    return comparisons


def accuracy_is_comparable(front, forms):
    """Accuracy at eta 3 with LIME; with KernelSHAP the paper itself reports losses "in some cases", not which."""
    for d, S in WITH_LIME:
        three = at(front, eta=3, dataset=d, explainer="LIME", S=S)
        lead = ours(three, "accuracy") - best_rival(three, "accuracy")
        what = f"accuracy at η = 3, ID-ExpO − best rival, {name('LIME', S)}"
        yield compare(d, what, lead, claimed=">", bound=-MARGIN)


def accuracy_on_steel(explainer, claimed, bound):
    """Against every rival at eta 3 and S = 0.3 Q."""
    steel = "steel-plates-fault"

    def comparisons(front, forms):
        own = at(front, eta=3, S=0.3, dataset=steel, explainer=explainer)
        for rival in RIVALS:
            lead = ours(own, "accuracy") - by_split(own, "accuracy", method=rival)
            yield compare(steel, f"accuracy, ID-ExpO − {rival}, {explainer}", lead, claimed=claimed, bound=bound)

    return comparisons


def larger_contributions(front, forms):
    """The ratio of mean |phi|, ID-ExpO over CE-only, at eta 2, on a logarithmic scale."""
    for d, S in WITH_LIME:
        two = at(front, eta=2, dataset=d, explainer="LIME", S=S)
        own, rival = ours(two, "contributions"), by_split(two, "contributions", method="CE-only")
        what = f"mean |ϕ|, ID-ExpO / CE-only, {name('LIME', S)}"
        yield compare(d, what, np.log(own) - np.log(rival), claimed=">", scale=np.exp)


CLAIMS = {
    "ID-C4a": Claim("ID-ExpO improves sensitivity-n, which it does not train (the paper: images)",
                    over_ce_only("sensitivity-4", "sensitivity"), "sensitivity-4, ID-ExpO − CE-only"),
    "ID-C4b": Claim("ExpO-S and ExpO-F do not improve sensitivity-n (the paper: images)",
                    over_ce_only("sensitivity-4", "sensitivity", methods=EXPO, claimed="<", bound=MARGIN),
                    "sensitivity-4, ExpO-S or -F − CE-only"),
    "ID-C4c": Claim("ExpO-S and ExpO-F do not help insertion (the paper: images)",
                    over_ce_only("insertion", "insertion", methods=EXPO, claimed="<", bound=MARGIN),
                    "insertion, ExpO-S or -F − CE-only"),
    "ID-C4d": Claim("ExpO-S and ExpO-F do not help deletion (the paper: images)",
                    over_ce_only("1 − deletion", "1 − deletion", methods=EXPO, claimed="<", bound=MARGIN),
                    "1 − deletion, ExpO-S or -F − CE-only"),
    "ID-C6a": Claim("of the deletion regularisers Del-A gives a better balance than Del-B",
                    del_a_is_better("B"), "balance, Del-A − Del-B"),
    "ID-C6b": Claim("of the deletion regularisers Del-A gives a better balance than Del-C",
                    del_a_is_better("C"), "balance, Del-A − Del-C"),
    "ID-C8a": Claim("on every table ID-ExpO has the best insertion at any η",
                    best_on_all_tables("insertion"), "least lead in insertion over the best rival"),
    "ID-C8b": Claim("on every table ID-ExpO has the best deletion at any η",
                    best_on_all_tables("1 − deletion"), "least lead in 1 − deletion over the best rival"),
    "ID-C8c": Claim("with LIME at η = 3 ID-ExpO is comparably accurate or slightly less",
                    accuracy_is_comparable, "accuracy, ID-ExpO − best rival"),
    "ID-C9a": Claim("on steel-plates-fault accuracy does not differ with LIME",
                    accuracy_on_steel("LIME", "within", MARGIN), "accuracy, ID-ExpO − rival"),
    "ID-C9b": Claim("on steel-plates-fault accuracy falls with KernelSHAP",
                    accuracy_on_steel("KernelSHAP", "<", 0.0), "accuracy, ID-ExpO − rival"),
    "ID-C10": Claim("ID-ExpO makes contributions larger", larger_contributions, "mean |ϕ|, ID-ExpO / CE-only"),
    "ID-C11a": Claim("predictors become robust to features missing at random",
                     over_ce_only("accuracy on masked inputs", "masked"),
                     "accuracy on masked inputs, ID-ExpO − CE-only"),
    "ID-C11b": Claim("predictors become robust to missing the less important half of the features",
                     over_ce_only("share of f(x) kept by the more important half", kept_by_half),
                     "share of f(x) kept, ID-ExpO − CE-only"),
}  # fmt: skip


def tests(frame: pd.DataFrame, forms: pd.DataFrame) -> pd.DataFrame:
    """Every comparison of every claim, a row each. forms: the records that compare the three forms, `load_forms`."""
    return claims.tests(CLAIMS, fronts(frame), forms)


def verdicts(tests: pd.DataFrame) -> pd.DataFrame:
    """One row for each claim."""
    return claims.verdicts(tests, CLAIMS)
