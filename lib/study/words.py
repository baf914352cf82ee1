"""Names and outcomes as titles and sentences say them."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from lib.study.numbers import signed, spanned
from lib.study.statistics import resampled

LEVEL = 0.005  # a difference that two digits do not show


def listed(names: Iterable[str]) -> str:
    """a, b and c; no name is `none`."""
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "none"


def percent(share: float) -> str:
    """A share as a sentence names it."""
    return f"{round(100 * share) + 0:.0f}%".replace("-", "−")


def among(names: Sequence[str], every: Sequence[str], what: str) -> str:
    """Names out of all there are: `all 4 data sets` where they are several and none is missing."""
    return f"all {len(names)} {what}" if 1 < len(names) == len(every) else listed(names)


def higher(gaps: Mapping[str, float]) -> str:
    """How far something is above or below, by its differences: `a 0.10 higher, b 0.03 lower and c the same`."""
    return listed(f"{name} {beside(gap)}" for name, gap in gaps.items())


def beside(gap: float) -> str:
    """One difference: `0.10 higher`, `the same`."""
    return "the same" if abs(gap) < LEVEL else f"{abs(gap):.2f} {'higher' if gap > 0 else 'lower'}"


def found_too(gaps: Mapping[str, float], finding: str) -> str:
    """Whether all, some or none of the differences are above 0, beside what the paper finds: a sentence."""
    above = [name for name, gap in gaps.items() if gap >= LEVEL]
    if len(above) == len(gaps):
        return f"The direction is the paper's, which finds {finding}."
    return f"The paper finds {finding}; here that is {f'so for {listed(above)} alone' if above else 'not so'}."


def spanning(values: pd.Series, form=signed) -> str:
    """The least and the largest of several numbers."""
    low, high = form(values.min()), form(values.max())
    return low if low == high else f"{low} to {high}"


def over_seeds(gap: pd.Series) -> str:
    """A mean difference over seeds, which share no rows, as tables show it: with its interval where they are several.

    A dash where there is none.
    """
    gap = gap.dropna()
    return spanned(resampled(gap, ratio=0)) if len(gap) > 1 else signed(gap.mean()) if len(gap) else "–"


def ranged(gaps: Mapping[str, pd.Series]) -> str:
    """Differences over seeds, by name, in short: their means' least and largest, and of how many the sign is sure."""
    told = spanning(pd.Series({name: gap.mean() for name, gap in gaps.items()}))
    return f"{told} ({sure})" if (sure := surely(gaps)) else told


def surely(gaps: Mapping[str, pd.Series]) -> str:
    """Of how many differences over several seeds the sign is sure: `surely above 0 in 3 of 4`; empty without any."""
    sides = [resampled(gap, ratio=0).side for gap in gaps.values() if len(gap) > 1]
    sure = [f"surely {way} 0 in {sides.count(side)}" for way, side in (("above", 1), ("below", -1)) if side in sides]
    those = f"{len(sides)}{' with several seeds' * (len(sides) < len(gaps))}"
    return f"{listed(sure) if sure else 'surely apart from 0 in none'} of {those}" if sides else ""


def best(means: Mapping[str, pd.Series]) -> str:
    """The eta of the highest mean, and on which data sets it is that one."""
    top = {d: float(line.idxmax()) for d, line in means.items()}
    found = {eta: [d for d in top if top[d] == eta] for eta in sorted(set(top.values()))}
    said = [f"η = {eta:g} on {among(names, list(top), 'data sets')}" for eta, names in found.items()]
    return f"is highest in the mean at {listed(said)}"
