"""The comparisons of claims as pages unfold them, on made-up records."""

import pytest

from lib.study import claims, comparisons, numbers
from tests.study.fe import compared, frame, timed


@pytest.fixture(scope="module")
def tests_fe():
    return compared(frame(datasets=["glass", "vehicle"]))


def test_data_sets_are_named_or_counted():
    assert comparisons.several("glass") == "Glass"
    assert comparisons.several("glass, vehicle") == "2 data sets"


def test_the_last_column_says_what_is_counted(tests_fe):
    each = comparisons.each(compared(frame(datasets=["glass"]), timed=timed()))
    assert {name: each[f"fe-{name}-each"].columns[-1] for name in ("c1", "c9")} == {"c1": "splits", "c9": "timings"}


def test_comparisons_are_listed_for_data_sets_with_any_records(tests_fe):
    table = comparisons.each(tests_fe)["fe-c4-each"]
    assert list(table.index) == [
        (f"{what}, Ours\u00a0−\u00a0Joint:\u00a0>\u00a00", d)
        for what in ("accuracy", "faithfulness")
        for d in ("Glass", "Vehicle")
    ]
    row = tests_fe.query("claim == 'FE-C4b' and dataset == 'vehicle'").iloc[0]
    shown = table.loc[("faithfulness, Ours\u00a0−\u00a0Joint:\u00a0>\u00a00", "Vehicle")]
    ends = "\u00a0to\u00a0".join(numbers.three(row[end]) for end in ("low", "high"))
    assert shown.tolist() == [claims.HOLDS, numbers.three(row["value"]), ends, numbers.chance(row["p"]), 6]
    assert comparisons.each(tests_fe)["fe-c6-each"] == "No records yet."
    one = comparisons.shown(tests_fe.query("claim == 'FE-C4b' and dataset == 'vehicle'"), repeats="times")
    assert list(one.index) == ["faithfulness, Ours\u00a0−\u00a0Joint:\u00a0>\u00a00"]
    assert list(one.columns)[-1] == "times"
    assert comparisons.phrases("a − b-c, d: > -0.05") == "a\u00a0−\u00a0b\u2011c, d:\u00a0>\u00a0−0.05"
