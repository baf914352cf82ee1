"""Claims of a paper, each tested on the records; its verdict follows from the numbers.

A claim is a set of comparisons. Most are paired over splits: the mean difference, its 95% interval, and the p value
of its lying right at the edge of what is claimed, all by the t test corrected for splits that share rows. p is then
corrected within the claim so that few of the comparisons decided are decided wrongly. A comparison holds if it lies on
the claimed side with p below 0.05, is against the claim if on the other, and is undecided otherwise. Beside them stands
one test of the claim as a whole, whose units are data sets. The claims themselves are in `claims_fe`, `claims_id`
and `claims_images`.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from lib.study.runs import titles
from lib.study.statistics import LEVEL, RATIO, Paired, alike, clustered, holm, resampled

ALPHA = 0.05
MARGIN = 0.05  # accuracies this close are comparable
MISSING, HOLDS, AGAINST, UNDECIDED = "no records yet", "holds", "against", "undecided"
WHOLE = ("effect", "low", "high", "p")  # of a claim, where a mean over its comparisons says something
VERDICTS = ("reproduced", "mostly", "mixed", "undecided", "contradicted", "not tested")


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
    differences: pd.Series | None = None  # split -> difference, where it is paired over splits
    bound: float = 0.0
    scale: Callable = float  # how the numbers are shown: math.exp for logarithms
    shared: float = RATIO  # rows of test for each of training, which splits share; 0 for differences that share none


def compare(
    dataset: str, what: str, difference: pd.Series, *, claimed: str, bound: float = 0, scale=float, shared=RATIO
) -> Comparison:
    """The mean of paired differences over splits, claimed to be ">" or "<" bound, or "within" plus or minus bound.

    scale: how the numbers are shown (math.exp for logarithms). shared: 0 for repeats, which share no rows.
    """
    difference = difference.dropna()
    text = f"within ±{bound}" if claimed == "within" else f"{claimed} {scale(bound):.3g}"
    if len(difference) < 2:
        return Comparison(dataset, what, text)
    mean, low, high, _, n = resampled(difference, ratio=shared)
    gap = _gap(mean, claimed, bound)
    p = resampled(difference, _edge(mean, claimed, bound), ratio=shared).p
    shown = scale(mean), scale(low), scale(high)
    return Comparison(dataset, what, text, *shown, n, gap, p, False, difference, bound, scale, shared)


def _gap(mean: float, claimed: str, bound: float) -> float:
    """How far a mean lies on the claimed side."""
    return {">": mean - bound, "<": bound - mean, "within": bound - abs(mean)}[claimed.split()[0]]


def _edge(mean: float, claimed: str, bound: float) -> float:
    """The end of the claimed range that a mean is compared with."""
    return math.copysign(bound, mean) if claimed.startswith("within") else bound


def fact(dataset: str, what: str, values: pd.Series, *, summary, claimed: str, bound: float, given=False) -> Comparison:
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
    """What is claimed, in our words, the comparisons that test it on the evidence, and what they measure."""

    says: str
    comparisons: Callable[..., Iterable[Comparison]]
    effect: str = ""  # what the mean over its data sets is a mean of; "" where such a mean would say nothing


# --- Outcomes and verdicts -------------------------------------------------------------------------------------------


def tests(claims: dict[str, Claim], *evidence) -> pd.DataFrame:
    """Every comparison of every claim on the evidence, a row each; p is corrected within its claim."""
    tables = []
    for label, claim in claims.items():
        table = pd.DataFrame([vars(comparison) for comparison in claim.comparisons(*evidence)])
        tables.append(_decided(table.assign(claim=label, plain=table["p"]), stats.false_discovery_control))
    return pd.concat(tables, ignore_index=True)


def by_holm(tests: pd.DataFrame) -> pd.DataFrame:
    """The same with p corrected so that within a claim not a single comparison is decided wrongly."""
    return pd.concat([_decided(table, holm) for _, table in tests.groupby("claim", sort=False)])


def _decided(table: pd.DataFrame, correct: Callable) -> pd.DataFrame:
    """The comparisons of one claim with `plain` p corrected for being several, and how each came out."""
    p, by_chance = table["plain"].copy(), table["plain"].notna()
    p[by_chance] = correct(p[by_chance])
    return table.assign(p=p, outcome=[outcome_of(*row) for row in zip(table["splits"], table["gap"], p)])


def outcome_of(splits: int, gap: float, p: float) -> str:
    """How one comparison came out; p is NaN where it is no matter of chance, gap where one repeat tells nothing."""
    if not splits:
        return MISSING
    if p >= ALPHA or math.isnan(gap):
        return UNDECIDED
    return HOLDS if gap > 0 else AGAINST


def verdict(outcomes: Iterable[str]) -> str:
    """One of VERDICTS, from how the comparisons of a claim came out."""
    outcomes = list(outcomes)
    held, against = outcomes.count(HOLDS), outcomes.count(AGAINST)
    if not outcomes:
        return "not tested"
    if held == len(outcomes):
        return "reproduced"
    if against > held:
        return "contradicted"
    if not held:
        return "undecided"
    return "mostly" if held > len(outcomes) / 2 and not against else "mixed"


def counted(tests: pd.DataFrame) -> pd.DataFrame:
    """The comparisons that count: on data sets where a claim has all its records, and not true by construction.

    So no half of a claim stands for it, and what cannot fail proves nothing.
    """
    complete = tests.groupby(["claim", "dataset"])["outcome"].transform(lambda outcomes: MISSING not in set(outcomes))
    return tests[complete & ~(tests["given"] & (tests["outcome"] == HOLDS))]


def verdicts(tests: pd.DataFrame, claims: dict[str, Claim]) -> pd.DataFrame:
    """One row for each claim: the verdict, how its comparisons came out, and the test of the claim as a whole."""
    tests, rows = counted(tests), []
    for label, claim in claims.items():
        part = tests[tests["claim"] == label]
        count, datasets = part["outcome"].value_counts(), dict.fromkeys(", ".join(part["dataset"]).split(", "))
        rows.append(
            {"claim": label, "says": claim.says, "verdict": verdict(part["outcome"])}
            | {name: int(count.get(name, 0)) for name in (HOLDS, UNDECIDED, AGAINST)}
            | {"tested on": titles(", ".join(datasets)) or "none", "effect of": claim.effect}
            | omnibus(part) | ({} if claim.effect else dict.fromkeys(WHOLE, math.nan))
        )  # fmt: skip
    return pd.DataFrame(rows).set_index("claim")


# --- The claim as a whole --------------------------------------------------------------------------------------------


def omnibus(part: pd.DataFrame) -> dict:
    """The mean over data sets of what the comparisons of one claim measure, its interval and p, and what they can see.

    side: whether the mean lies on the claimed side, which p does not say. detectable: how far from the edge of what is
    claimed a comparison of median spread must lie to be decided, if most others are too; alone: if none is.
    Both are factors where the effect is a ratio.
    """
    part = part[part["differences"].notna()]
    if part.empty:
        nothing = dict.fromkeys((*WHOLE, "detectable", "alone"), math.nan)
        return nothing | {"claimed": "", "side": "", "units": 0, "ratio": False}
    scale, claimed, bound, shared = part[["scale", "claimed", "bound", "shared"]].iloc[0]
    found = together(part)
    spread = [resampled(values, ratio=shared) for values in part["differences"]]
    half = np.median([one.high - one.difference for one in spread])
    degrees = np.median([one.n for one in spread]) - 1
    more = stats.t.isf(ALPHA / 2 / len(part), degrees) / stats.t.ppf((1 + LEVEL) / 2, degrees)
    return {
        "effect": scale(found.difference), "low": scale(found.low), "high": scale(found.high), "p": found.p,
        "detectable": scale(half), "alone": scale(half * more), "claimed": claimed,
        "side": HOLDS if _gap(found.difference, claimed, bound) > 0 else AGAINST, "units": found.n,
        "ratio": scale is not float,
    }  # fmt: skip


def together(part: pd.DataFrame) -> Paired:
    """The mean over data sets of the mean over a data set's comparisons, and p of its lying at the edge.

    On a single data set nothing but its repeats says how sure that is, so its comparisons are taken to err `alike`.
    """
    bound, claimed, shared = part[["bound", "claimed", "shared"]].iloc[0]
    if part["dataset"].nunique() == 1:
        each = [values.to_numpy() for values in part["differences"]]
        edge = _edge(float(np.mean([values.mean() for values in each])), claimed, bound)
        return alike(each, edge, ratio=shared)._replace(n=1)
    groups = [pd.concat(list(rows["differences"]), axis=1).mean(axis=1) for _, rows in part.groupby("dataset")]
    mean = float(np.mean([values.mean() for values in groups]))
    return clustered([values.to_numpy() for values in groups], _edge(mean, claimed, bound), ratio=shared)
