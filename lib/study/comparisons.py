"""Every comparison of a claim, as the pages on claims unfold them."""

import re

import pandas as pd

from lib.study.numbers import chance, ends, three
from lib.study.runs import title

REPEATS = {"FE-C8": "n", "FE-C9": "timings"}  # what their comparisons rest on, where that is not splits alone


def several(names: str) -> str:
    """A data set's name, or how many they are."""
    count = len(names.split(", "))
    return f"{count} data sets" if count > 1 else title(names)


def each(tests: pd.DataFrame) -> dict[str, pd.DataFrame | str]:
    """The comparisons of every claim as what a page glues, "fe-c2-each": those of FE-C2a and FE-C2b in one table."""
    number = tests["claim"].str.extract(r"(.+?)[a-z]?$", expand=False)
    groups = tests.groupby(number, sort=False)
    return {f"{name.lower()}-each": shown(own, repeats=REPEATS.get(name, "splits")) for name, own in groups}


def phrases(text: str) -> str:
    """The text with a true minus, and lines that break after a comma or a colon alone, so that they stay legible."""
    text = text.replace(" -", " −").replace("-", "\u2011")
    return re.sub(r"(?<![,;:]) |(?<=:) (?=[<>=])", "\u00a0", text)


def shown(rows: pd.DataFrame, *, repeats: str = "splits") -> pd.DataFrame | str:
    """The comparisons of claims, each with those data sets beneath one another that have any records for it.

    A single data set has no column: the claim names it. repeats: what the last column counts.
    """
    rows = rows[rows.groupby("dataset")["splits"].transform("max") > 0]
    if rows.empty:
        return "No records yet."
    table = pd.DataFrame(
        {
            "comparison": phrases(f"{row.what}: {row.claimed}"),
            "data set": several(row.dataset),
            "outcome": row.outcome,
            "mean": three(row.value),
            "95% interval": "–" if pd.isna(row.low) else ends(row, three).replace(" ", "\u00a0"),
            "p": chance(row.p),
            repeats: row.splits or "–",
        }
        for row in rows.itertuples()
    )
    table = table.sort_values("comparison", kind="stable").set_index(["comparison", "data set"])
    return table.droplevel("data set") if table.index.get_level_values("data set").nunique() == 1 else table
