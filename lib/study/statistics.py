"""Statistics of result pages: means with standard errors over splits, paired tests, corrections for being several.

The splits of a data set share rows, so that their differences are not independent: `resampled` is the t test corrected
for it (Nadeau and Bengio, Machine Learning 52, 2003), and `clustered` puts data sets together, its units.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.95  # of all intervals
TIE = 1 + 1e-12  # times what is rounded, so that equal means print alike however they were summed
RATIO = 20 / 70  # rows of test for each of training, of every split


def mean_sem(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean of `value`, its standard error over splits and the number of splits, for each group of `by`.

    Several rows of one split (seeds) are averaged first, as they share their test rows.
    """
    by = list(by)
    splits = frame.groupby([*by, "split"], dropna=False, observed=True)["value"].mean()
    return splits.groupby(by, dropna=False, observed=True).agg(["mean", "sem", "count"]).reset_index()


def plus_minus(mean: float, sem: float, digits: str = ".2f") -> str:
    """Mean ± standard error on one line, a dash where there is neither."""
    if np.isnan(mean):
        return "–"
    return f"{mean * TIE:{digits}}\u00a0±\u00a0{sem:{digits.lstrip('+')}}".replace("-", "−")


# --- One comparison --------------------------------------------------------------------------------------------------


class Paired(NamedTuple):
    """A paired comparison: mean difference, its 95 % interval, the two-sided p value, and how many pairs."""

    difference: float
    low: float
    high: float
    p: float
    n: int

    @property
    def side(self) -> int:
        """1 where the whole interval lies above 0, -1 where below, else 0: a difference that is not sure."""
        return int(self.low > 0) - int(self.high < 0)


def standard_error(values: Sequence[float] | pd.Series, ratio: float = RATIO) -> float:
    """Of a mean over splits that share rows: its square is the values' variance times 1/n + ratio, not 1/n."""
    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"a mean over splits needs at least two finite numbers, got {values}")
    return float(values.std(ddof=1) * np.sqrt(1 / len(values) + ratio))


def resampled(differences: Sequence[float] | pd.Series, edge: float = 0.0, *, ratio: float = RATIO) -> Paired:
    """The mean of differences over splits that share rows: corrected resampled t test of its being at `edge`.

    With ratio=0 it is the plain paired t test, for what shares none.
    """
    values, error = np.asarray(differences, float), standard_error(differences, ratio)
    return _student(values.mean(), error, len(values) - 1, edge)._replace(n=len(values))


def _student(mean: float, error: float, degrees: int, edge: float) -> Paired:
    """Student's t for a mean with this standard error, and p of its being at `edge`."""
    half, away = stats.t.ppf((1 + LEVEL) / 2, degrees) * error, abs(mean - edge)
    p = 2 * stats.t.sf(away / error, degrees) if error > 0 else float(away == 0)
    return Paired(float(mean), float(mean - half), float(mean + half), float(p), degrees + 1)


# --- Several ---------------------------------------------------------------------------------------------------------


def holm(p: Sequence[float]) -> np.ndarray:
    """p values corrected for being several (Holm), so that none is taken wrongly: step down, at most 1, in order."""
    p = np.asarray(p, float)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    return corrected


def alike(several: Sequence[Sequence[float]], edge: float = 0.0, *, ratio: float = RATIO) -> Paired:
    """The mean of several comparisons over the same repeats, with errors that are taken to go all the same way.

    Averaged repeat by repeat they might seem to cancel by luck, which a few repeats cannot tell from a rule.
    """
    mean, error = (
        np.mean([of(values) for values in several]) for of in (np.mean, lambda own: standard_error(own, ratio))
    )
    return _student(mean, error, min(map(len, several)) - 1, edge)


def clustered(groups: Sequence[Sequence[float]], edge: float = 0.0, *, ratio: float = RATIO) -> Paired:
    """The mean over groups (data sets) of their mean differences, and how sure it is; one group alone is `resampled`.

    The wider of two intervals, the larger of two p: Student's t over the groups' means, which scatter by how groups
    differ and by each one's own noise; and the t of that noise alone, which few means may hide by luck. Returns the
    number of groups too.
    """
    means, errors = [np.mean(values) for values in groups], [standard_error(values, ratio) for values in groups]
    own = np.linalg.norm(errors) / len(groups)
    found = [_student(np.mean(means), own, sum(len(values) - 1 for values in groups), edge)]
    if len(groups) > 1:
        found.append(resampled(means, edge, ratio=0))
    wider = max(found, key=lambda one: one.high - one.low)
    return wider._replace(p=max(one.p for one in found), n=len(groups))
