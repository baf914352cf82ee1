"""Names and outcomes as titles say them."""

import pandas as pd
import pytest
from scipy import stats

from lib.study import words


@pytest.mark.parametrize(
    ("names", "told"), [((), "none"), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")]
)
def test_names_are_listed(names, told):
    assert words.listed(names) == told


def test_all_of_several_are_counted_and_one_is_named():
    assert words.among(["a", "b"], ["a", "b"], "tables") == "all 2 tables"
    assert words.among(["a"], ["a", "b"], "tables") == "a"
    assert words.among(["a"], ["a"], "tables") == "a"


def test_differences_are_told_beside_what_the_paper_finds():
    gaps = {"a": 0.1, "b": 0.004, "c": -0.2}
    assert words.higher(gaps) == "a 0.10 higher, b the same and c 0.20 lower"
    assert words.found_too({"a": 0.1}, "it higher") == "The direction is the paper's, which finds it higher."
    assert words.found_too(gaps, "it higher") == "The paper finds it higher; here that is so for a alone."
    assert words.found_too({"c": -0.2}, "it higher") == "The paper finds it higher; here that is not so."


def test_differences_over_seeds_are_told_in_short():
    clear, unclear, one = (pd.Series(gap) for gap in ([0.1, 0.11, 0.12], [-0.2, 0.1, 0.3], [0.2]))
    half = stats.t.ppf(0.975, 2) * 0.01 / 3**0.5
    assert words.over_seeds(clear) == f"+0.11 ({0.11 - half:.2f} to {0.11 + half:.2f})"
    assert words.over_seeds(one) == words.over_seeds(pd.Series([0.2, None])) == "+0.20"
    assert words.over_seeds(one[:0]) == "–"
    told = words.ranged({"a": clear, "b": unclear, "c": one, "d": -clear})
    assert told == "−0.11 to +0.20 (surely above 0 in 1 and surely below 0 in 1 of 3 with several seeds)"
    assert words.ranged({"b": unclear}) == "+0.07 (surely apart from 0 in none of 1)"
    assert words.ranged({"c": one}) == "+0.20"


def test_the_best_eta_is_named_with_its_data_sets():
    lines = {name: pd.Series(line, index=[0.0, 0.01, 1.0]) for name, line in {"a": [1, 2, 0], "b": [0, 2, 1]}.items()}
    assert words.best(lines) == "is highest in the mean at η = 0.01 on all 2 data sets"
    assert words.best(lines | {"c": pd.Series([0, 1], index=[0.0, 1.0])}) == (
        "is highest in the mean at η = 0.01 on a and b and η = 1 on c"
    )
