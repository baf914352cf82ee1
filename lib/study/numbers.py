"""Numbers as sentences and tables say them."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lib.study.statistics import TIE, Paired


def two(value: float) -> str:
    """Two digits, no minus before zero."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def signed(value: float) -> str:
    """A difference, two digits with its sign."""
    return f"{'+' if round(value, 2) > 0 else ''}{two(value)}"


def spanned(one: Paired | None) -> str:
    """A difference with its interval, a dash where there is none."""
    return "–" if one is None else f"{signed(one.difference)} ({ends(one)})"


def interval(one: Paired) -> str:
    """A mean with its interval, both without a sign."""
    return f"{two(one.difference)} ({ends(one)})"


def ends(one: Paired | pd.Series, form: Callable = two) -> str:
    """`low` and `high` of an interval, each with as many digits as show on which side of 0 it lies."""
    return " to ".join(text if end == 0 or set(text) - set("−0.") else first_digit(end)
                       for end, text in ((end, form(end)) for end in (one.low, one.high)))  # fmt: skip


def first_digit(value: float) -> str:
    """A number close to 0 with its first digit alone."""
    return np.format_float_positional(value, 1, unique=False, fractional=False, trim="-").replace("-", "−")


def three(value: float) -> str:
    """Three digits, no minus before zero."""
    return "–" if pd.isna(value) else f"{round(value, 3) + 0.0:.3f}".replace("-", "−")


def chance(p: float, signed: bool = False) -> str:
    """A p value; signed: with = before it, for a sentence."""
    if pd.isna(p):
        return "–"
    close = round(p, 3) == 0.05 != p  # which side of the level decides
    return "<\u00a00.001" if p < 0.001 else f"{'= ' if signed else ''}{p:.{4 if close else 3}f}"


def digits(table: pd.DataFrame, form: str) -> pd.DataFrame:
    """The numbers in that form, a dash where there is none."""
    return table.map(lambda value: "–" if pd.isna(value) else form.format(value * TIE))
