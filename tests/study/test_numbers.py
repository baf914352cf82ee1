"""Numbers as sentences and tables say them."""

import numpy as np
import pandas as pd
import pytest

from lib.study import numbers
from lib.study.statistics import Paired


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (numbers.two(-0.004), "0.00"),
        (numbers.two(-0.126), "−0.13"),
        (numbers.signed(0.126), "+0.13"),
        (numbers.signed(-0.004), "0.00"),
        (numbers.three(-0.0126), "−0.013"),
        (numbers.three(-0.0004), "0.000"),
        (numbers.three(np.nan), "–"),
        (numbers.chance(0.0004), "<\u00a00.001"),
        (numbers.chance(0.0004, True), "<\u00a00.001"),
        (numbers.chance(0.0416), "0.042"),
        (numbers.chance(0.05047), "0.0505"),  # its side of 0.05
        (numbers.chance(0.0495, True), "= 0.0495"),
        (numbers.ends(Paired(0.1, -0.0003, 0.3474, 0.05, 3), numbers.three), "−0.0003 to 0.347"),
        (numbers.chance(0.0416, True), "= 0.042"),
        (numbers.chance(np.nan), "–"),
        (numbers.interval(Paired(0.1, -0.2, 0.4, 0.5, 3)), "0.10 (−0.20 to 0.40)"),
        (numbers.spanned(Paired(0.1, -0.2, 0.4, 0.5, 3)), "+0.10 (−0.20 to 0.40)"),
        (numbers.spanned(None), "–"),
        (numbers.interval(Paired(0.1, -0.0006, 0.0015, 0.5, 3)), "0.10 (−0.0006 to 0.002)"),  # its side of 0
        (numbers.interval(Paired(0.1, -6.4e-5, 0.4, 0.5, 3)), "0.10 (−0.00006 to 0.40)"),
        (numbers.interval(Paired(0.0, 0.0, 0.006, 0.5, 3)), "0.00 (0.00 to 0.01)"),
    ],
)
def test_numbers_are_shown_without_a_minus_before_zero(shown, text):
    assert shown == text


def test_a_table_has_a_dash_where_there_is_nothing():
    assert numbers.digits(pd.DataFrame({"a": [0.126, np.nan]}), "{:.2f}")["a"].tolist() == ["0.13", "–"]
    assert numbers.digits(pd.DataFrame({"a": [0.0, 1.0]}), "{:.3g}")["a"].tolist() == ["0", "1"]


def test_equal_means_print_alike_however_they_were_summed():
    for mean in (0.6355, 0.6355 - 1e-16, 0.6355 + 1e-16):
        assert numbers.digits(pd.DataFrame({"a": [mean]}), "{:.3f}")["a"].item() == "0.636"
