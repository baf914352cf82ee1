"""Sentences beneath the figures of ID's tables, on made-up records with a known answer."""

import numpy as np
import pytest

from lib.study import runs_id, words_id
from tests.study.id import frame


@pytest.fixture(scope="module")
def front():
    return runs_id.front_of_forms(frame(tables=["collins", "qsar-biodeg"], forms=0.0))


def test_the_forms_are_compared_by_their_balance(front):
    c, small = front["deletion"].eq("C"), front["S"].eq(0.3)
    told = words_id.forms(front)
    assert told.startswith(
        "The paper chooses Del-A for its balance. Over 2 tables, Del-C's balance is not surely apart"
    )
    for by, words in ((0.1, "surely above Del-A's: the difference is 0.40"), (-0.1, "surely below Del-A's: the")):
        assert words in words_id.forms(front.assign(value=front["value"] + by * (c & small)))
        assert "not surely" in words_id.forms(front.assign(value=front["value"] + by * (c & ~small)))
    assert words_id.forms(front[front["split"] == 0]).startswith("Two splits")
    assert words_id.forms(front[:0]).startswith("Two splits")


def test_the_contributions_to_one_sample_are_told():
    phi = {"ID-ExpO": np.array([0.1, -0.5, 0.0]), "CE-only": np.array([0.3, 0.0, 0.0])}
    told = words_id.wine(phi, ["a", "b", "c"])
    assert told.startswith("The mean size is 0.200 with ID-ExpO and 0.100 with CE-only, 2.0 times as much.")
    assert "The largest contribution is b's with ID-ExpO and a's with CE-only." in told
    alike = words_id.wine(phi | {"CE-only": phi["ID-ExpO"]}, ["a", "b", "c"])
    assert "contribution is b's with both. The paper" in alike
