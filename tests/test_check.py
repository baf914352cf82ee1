"""Checks of chapters: they print no digits that differ between processors, and raise when two things differ."""

import numpy as np
import pytest
import torch

from lib.check import check

ONES = torch.ones(3)


@pytest.mark.parametrize(
    ("ours", "theirs", "tol", "printed"),
    [
        (ONES, ONES + 1e-7, 1e-6, "within 1e-6"),
        (1e6 * ONES, 1e6 * ONES + 0.5, 1e-6, "within 1e-6"),  # relative to the largest
        (1e-3 * ONES, 1e-3 * ONES + 5e-7, 1e-6, "within 1e-6"),  # not where the largest is below 1
        (ONES, np.ones(3), 0, "equal"),
        (ONES, 1, 0, "equal"),
        ([ONES, 0.5], (ONES, 0.5), 0, "equal"),
        (bool((ONES == 1).all()), True, 1e-6, "holds"),
        (torch.zeros(0), torch.zeros(0), 0, "equal"),
    ],
)
def test_what_agrees_is_said_without_digits(ours, theirs, tol, printed, capsys):
    check("same", ours, theirs, tol=tol)
    assert capsys.readouterr().out == f"same: {printed}\n"


@pytest.mark.parametrize(
    ("ours", "theirs", "tol"),
    [
        (ONES, ONES + 1e-5, 1e-6),
        (ONES, torch.tensor([1, 1, 1 + 1e-5]), 1e-6),
        (ONES, torch.nextafter(ONES, 2 * ONES), 0),
        (ONES * torch.nan, ONES * torch.nan, 1e-6),
        (ONES, torch.ones(2), 1),
        (ONES[None], ONES, 1),
        ([ONES], [ONES, ONES], 1),
        ([], [], 1),
        ([ONES, ONES], [ONES, ONES + 1], 1e-6),
        (False, True, 1e-6),
    ],
)
def test_what_differs_raises_and_names_the_check(ours, theirs, tol):
    with pytest.raises(AssertionError, match=r"same: "):
        check("same", ours, theirs, tol=tol)
