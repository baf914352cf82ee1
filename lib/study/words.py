"""Names and outcomes as titles and sentences say them."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from lib.study.claims import MARGIN

LEVEL = 0.005  # a difference that two digits do not show


def listed(names: Iterable[str]) -> str:
    """a, b and c; no name is `none`."""
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "none"


def percent(share: float) -> str:
    """A share as a sentence names it."""
    return f"{round(100 * share) + 0:.0f}\u00a0%".replace("-", "−")


def among(names: Sequence[str], every: Sequence[str], what: str) -> str:
    """Names out of all there are: `all 4 data sets` where they are several and none is missing."""
    return f"all {len(names)} {what}" if 1 < len(names) == len(every) else listed(names)


def placed(gaps: Mapping[str, float]) -> str:
    """Where something is above, level or below, by its differences: `above in a and b, level in c`."""
    side = {name: "level" if abs(gap) < LEVEL else "above" if gap > 0 else "below" for name, gap in gaps.items()}
    found = {place: [name for name in gaps if side[name] == place] for place in ("above", "level", "below")}
    return ", ".join(f"{place} in {listed(names)}" for place, names in found.items() if names)


def higher(gaps: Mapping[str, float]) -> str:
    """How far something is above or below, by its differences: `a 0.10 higher, b 0.03 lower and c the same`."""
    return listed(f"{name} {beside(gap)}" for name, gap in gaps.items())


def beside(gap: float) -> str:
    """One difference: `0.10 higher`, `the same`."""
    return "the same" if abs(gap) < LEVEL else f"{abs(gap):.2f} {'higher' if gap > 0 else 'lower'}"


def found_too(gaps: Mapping[str, float], finding: str, *, verb: str = "finds") -> str:
    """Whether all, some or none of the differences are above 0, beside what the paper finds or expects: a sentence."""
    above = [name for name, gap in gaps.items() if gap >= LEVEL]
    if len(above) == len(gaps):
        return f"The direction is the paper's, which {verb} {finding}."
    return f"The paper {verb} {finding}; here that is {f'so for {listed(above)} alone' if above else 'not so'}."


def along(means: Mapping[str, pd.Series]) -> str:
    """On which data sets a score rises, falls or stays from the smallest lambda to the largest."""
    change = {d: line.iloc[-1] - line.iloc[0] for d, line in means.items()}
    side = {d: "stays" if abs(c) < MARGIN else "rises" if c > 0 else "falls" for d, c in change.items()}
    found = {way: [d for d in side if side[d] == way] for way in ("rises", "falls", "stays")}
    said = [f"{way} on {among(names, list(side), 'data sets')}" for way, names in found.items() if names]
    return f"{listed(said)} as λ grows"


def best(means: Mapping[str, pd.Series]) -> str:
    """The eta of the highest mean, and on which data sets it is that one."""
    top = {d: float(line.idxmax()) for d, line in means.items()}
    found = {eta: [d for d in top if top[d] == eta] for eta in sorted(set(top.values()))}
    said = [f"η = {eta:g} on {among(names, list(top), 'data sets')}" for eta, names in found.items()]
    return f"is best at {listed(said)}"
