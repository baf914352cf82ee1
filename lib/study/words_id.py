"""Sentences beneath the figures of ID's results on tables: what is seen, how large, how sure, what the paper finds."""

import numpy as np
import pandas as pd

from lib.study.numbers import two
from lib.study.runs import at
from lib.study.runs_id import TABLES, balance
from lib.study.statistics import clustered


def forms(front: pd.DataFrame) -> str:
    """How much better or worse Del-C's balance is than Del-A's at the smaller S, over tables, and how sure that is."""
    rows = at(front[front["dataset"].isin(TABLES)], eta=2)
    rows = at(rows, S=rows["S"].min())
    gaps = [balance(at(part, deletion="C")) - balance(at(part, deletion="A")) for _, part in rows.groupby("dataset")]
    gaps = [gap.dropna().to_numpy() for gap in gaps]
    if not gaps or min(map(len, gaps)) < 2:
        return "Two splits of a table are needed to compare the three forms."
    gap = clustered(gaps)
    sure = "surely above" if gap.low > 0 else "surely below" if gap.high < 0 else "not surely apart from"
    return (
        f"The paper chooses Del-A for its balance. Over {len(gaps)} tables, Del-C's balance is {sure} Del-A's: the "
        f"difference is {two(gap.difference)} (95 % interval {two(gap.low)} to {two(gap.high)})."
    )


def wine(phi: dict[str, np.ndarray], features: list[str]) -> str:
    """How large the contributions to one sample are under ID-ExpO and CE-only, and which is the largest under each."""
    size = {method: np.abs(values).mean() for method, values in phi.items()}
    top = {method: features[int(np.abs(values).argmax())] for method, values in phi.items()}
    largest = " and ".join(f"{name}'s with {method}" for method, name in top.items())
    first = f"{top['ID-ExpO']}'s with both" if len(set(top.values())) == 1 else largest
    return (
        f"The mean size is {size['ID-ExpO']:.3f} with ID-ExpO and {size['CE-only']:.3f} with CE-only, "
        f"{size['ID-ExpO'] / size['CE-only']:.1f} times as much. The largest contribution is {first}. The "
        "paper finds them larger with ID-ExpO. One sample decides nothing; the claim is tested over all tables."
    )
