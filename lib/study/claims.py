"""Claims of a paper, each tested on the records; its verdict follows from the numbers.

A claim is a set of comparisons. Most are paired over splits: the mean difference, its 95 % interval, and the p value
of its lying right at the edge of what is claimed, corrected within the claim for being several (Holm). A comparison
holds if it lies on the claimed side with p below 0.05, is contradicted if on the other, and is undecided otherwise.
The claims themselves are in `lib.study.claims_fe` and `lib.study.claims_id`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from lib.study.runs import titles
from lib.study.statistics import holm, paired

LEVEL = 0.05
MARGIN = 0.05  # accuracies this close are comparable
MISSING, HOLDS, CONTRADICTED, UNDECIDED = "no records yet", "holds", "contradicted", "undecided"


# --- One comparison --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """One number against what is claimed of it. gap: how far it lies on the claimed side (below 0: on the other)."""

    dataset: str
    what: str
    claimed: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    splits: int = 0  # 0: no records yet
    gap: float = math.nan
    p: float = math.nan  # of gap = 0; NaN where it is no matter of chance
    given: bool = False  # true by construction: checks the program, and counts for a verdict only if it fails


def compare(
    dataset: str, what: str, difference: pd.Series, claimed: str, bound: float = 0, scale=float, blur: float = 0
) -> Comparison:
    """The mean of paired differences over splits, claimed to be ">" or "<" bound, or "within" plus or minus bound.

    scale: how the numbers are shown (math.exp for logarithms). blur: an error that all splits share; a mean no
    farther than that from the bound is undecided, whatever the splits say.
    """
    difference = difference.dropna()
    text = f"within ±{bound}" if claimed == "within" else f"{claimed} {scale(bound):.3g}"
    if len(difference) < 2:
        return Comparison(dataset, what, text)
    mean, low, high, _, n = paired(difference, 0 * difference)
    edge = math.copysign(bound, mean) if claimed == "within" else bound
    gap = {">": mean - bound, "<": bound - mean, "within": bound - abs(mean)}[claimed]
    edge += math.copysign(blur, mean - bound)
    p = 1.0 if abs(mean - bound) < blur else paired(difference, 0 * difference + edge).p
    return Comparison(dataset, what, text, scale(mean), scale(low), scale(high), n, gap, p)


def fact(dataset: str, what: str, values: pd.Series, summary, claimed: str, bound: float, given=False) -> Comparison:
    """A number that is or is not as claimed ("=", ">" or "<" bound), without chance. given: by construction."""
    if values.empty:
        return Comparison(dataset, what, f"{claimed} {bound:g}", given=given)
    value = float(summary(values))
    holds = {"=": value == bound, ">": value > bound, "<": value < bound}[claimed]
    return Comparison(
        dataset, what, f"{claimed} {bound:g}", value, splits=len(values), gap=1 if holds else -1, given=given
    )


@dataclass(frozen=True)
class Claim:
    """What is claimed, in our words, and the comparisons that test it on the evidence."""

    says: str
    comparisons: Callable[..., Iterable[Comparison]]


# --- Verdicts --------------------------------------------------------------------------------------------------------


def tests(claims: dict[str, Claim], *evidence) -> pd.DataFrame:
    """Every comparison of every claim on the evidence, a row each; p is corrected within its claim."""
    tables = []
    for label, claim in claims.items():
        table = pd.DataFrame(claim.comparisons(*evidence))
        by_chance = table["p"].notna()
        table.loc[by_chance, "p"] = holm(table.loc[by_chance, "p"])
        outcome = [outcome_of(*row) for row in table[["splits", "gap", "p"]].itertuples(index=False)]
        tables.append(table.assign(claim=label, outcome=outcome))
    return pd.concat(tables, ignore_index=True)


def outcome_of(splits: int, gap: float, p: float) -> str:
    """How one comparison came out; p is NaN where it is no matter of chance."""
    if not splits:
        return MISSING
    if p >= LEVEL:
        return UNDECIDED
    return HOLDS if gap > 0 else CONTRADICTED


def verdict(outcomes: Iterable[str]) -> str:
    """Reproduced if all comparisons hold, partly if some do, not reproduced if none does."""
    outcomes = list(outcomes)
    held = outcomes.count(HOLDS)
    if not outcomes:
        return "not yet tested"
    return "reproduced" if held == len(outcomes) else "partly" if held else "not reproduced"


def verdicts(tests: pd.DataFrame, claims: dict[str, Claim]) -> pd.DataFrame:
    """One row for each claim: what it says, the verdict, how its comparisons came out, and on which data sets.

    A data set counts once all the claim's comparisons have records there, so that no half of a claim stands for it.
    """
    complete = tests.groupby(["claim", "dataset"])["outcome"].transform(lambda outcomes: MISSING not in set(outcomes))
    tests, rows = tests[complete & ~(tests["given"] & (tests["outcome"] == HOLDS))], []
    for label, claim in claims.items():
        part = tests[tests["claim"] == label]
        count, datasets = part["outcome"].value_counts(), dict.fromkeys(", ".join(part["dataset"]).split(", "))
        rows.append(
            {"claim": label, "says": claim.says, "verdict": verdict(part["outcome"])}
            | {name: int(count.get(name, 0)) for name in (HOLDS, UNDECIDED, CONTRADICTED)}
            | {"tested on": titles(", ".join(datasets)) or "none"}
        )
    return pd.DataFrame(rows).set_index("claim")
