"""Statistics of result pages: means with standard errors over splits, paired tests, their correction."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats


def mean_sem(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean of `value`, its standard error over splits and the number of splits, for each group of `by`.

    Several rows of one split (seeds) are averaged first, as they share their test rows.
    """
    by = list(by)
    splits = frame.groupby([*by, "split"], dropna=False, observed=True)["value"].mean()
    return splits.groupby(by, dropna=False, observed=True).agg(["mean", "sem", "count"]).reset_index()


def plus_minus(mean: float, sem: float, digits: str = ".2f") -> str:
    """Mean ± standard error on one line, a dash where there is neither."""
    return "–" if np.isnan(mean) else f"{mean:{digits}}\u00a0±\u00a0{sem:{digits.lstrip('+')}}"


class Paired(NamedTuple):
    """A paired comparison: mean difference, its 95 % interval, the two-sided p value, and how many pairs."""

    difference: float
    low: float
    high: float
    p: float
    n: int


def paired(a: Sequence[float] | pd.Series, b: Sequence[float] | pd.Series, level: float = 0.95) -> Paired:
    """a - b over splits: paired t test and interval. Two Series are matched by their index (the split)."""
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        if set(a.index) != set(b.index):
            raise ValueError(f"a and b must cover the same splits, got {sorted(a.index)} and {sorted(b.index)}")
        b = b.loc[a.index]
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"a and b must be as many values, at least two, got shapes {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"a and b must be finite, got {a} and {b}")
    n, difference, error = len(a), (a - b).mean(), stats.sem(a - b)
    half = stats.t.ppf((1 + level) / 2, n - 1) * error
    p = 2 * stats.t.sf(abs(difference) / error, n - 1) if error > 0 else float(difference == 0)
    return Paired(float(difference), float(difference - half), float(difference + half), float(p), n)


def holm(p: Sequence[float]) -> np.ndarray:
    """p values corrected for being several (Holm): step down, at most 1, in the order given."""
    p = np.asarray(p, float)
    order = p.argsort()
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = stepped.clip(max=1)
    return corrected
