"""What is said of the three forms of deletion, on made-up records."""

import re

import numpy as np
import pandas as pd
import pytest

from lib.study import pages_forms, runs_id
from lib.study.words import listed
from tests.study.id import KNOWN, frame


@pytest.fixture(scope="module")
def front():
    return runs_id.fronts(frame(tables=["collins", "qsar-biodeg"]))


@pytest.fixture(scope="module")
def forms():
    return runs_id.front_of_forms(frame(tables=["collins", "qsar-biodeg"], forms=0.0))


def test_the_form_that_keeps_most_accuracy_is_named(front):
    rows = frame(tables=["collins", "qsar-biodeg"])
    more = rows["deletion"].eq("C") & rows["measure"].eq("accuracy")
    told = pages_forms.forms_told(rows.assign(value=rows["value"] + 0.05 * more), front, KNOWN)
    assert told["forms-accurate"] == "Del-C"
    assert told["forms-table"].loc["majority class"].tolist() == ["0.570", "–", "–", "–"]  # of collins and qsar-biodeg
    start = front[front["method"] == "CE-only"].assign(method="pretrained")  # with LIME, at the smaller S and eta 2
    start = start.assign(value=np.where((start["S"] == 0.3) & (start["explainer"] == "LIME"), 0.5, 9.0))
    shown = pages_forms.forms_told(rows, pd.concat([front, start]), KNOWN)["forms-table"]
    assert shown.loc["pretrained"].tolist() == ["0.500", "0.500", "0.500", "2.000"]
    lacking = [d for d in runs_id.TABLES if d not in ("collins", "qsar-biodeg")]
    assert told["forms-lack"] == f"not on {listed(lacking)}"
    once = rows[rows["dataset"].eq("collins") | rows["S"].eq(0.5) | rows["deletion"].isin(["A", "none"])]
    lack = pages_forms.forms_told(once, front, KNOWN)["forms-lack"]
    assert lack == f"at one S alone on qsar-biodeg and not on {listed(lacking)}"
    assert told["forms-table"].index[-2:].tolist() == ["pretrained", "majority class"]
    table = told["forms-table"].filter(like="Del-", axis=0).astype(float)
    assert table.loc["Del-C", "accuracy"] - table.loc["Del-A", "accuracy"] == pytest.approx(0.05, abs=0.01)
    assert table["balance"].tolist() == pytest.approx((table @ [2, 1, 1, 0]).tolist(), abs=0.003)
    assert told["forms-figure"].get_suptitle().startswith("In the mean Del-C has the best balance")


def test_all_forms_on_all_tables_lack_nothing(front):
    told = pages_forms.forms_told(frame(), front, KNOWN)
    assert told["forms-lack"] == "at every S on all 6 tables"


def test_the_forms_are_compared_by_their_balance(forms):
    c, small = forms["deletion"].eq("C"), forms["S"].eq(0.3)
    told = pages_forms.balance_told(forms)
    assert told.startswith("The paper chooses Del-A for its balance. In the mean over 2 tables and both S, with")
    assert told.count("not surely apart from 0") == 2
    for by, words in ((-0.1, r"\+0\.20 \([^)]+\), surely above 0"), (0.1, r"−0\.20 \([^)]+\), surely below 0")):
        for where in (small, ~small):  # four times 0.1 at one of two S
            told = pages_forms.balance_told(forms.assign(value=forms["value"] + by * (c & where)))
            assert re.search(f"minus that of Del-C is {words}", told)
            assert "that of Del-B is 0.00 (" in told
    assert pages_forms.balance_told(forms[forms["split"] == 0]).startswith("Two splits")
    assert pages_forms.balance_told(forms[:0]).startswith("Two splits")


def test_forms_from_two_processors_are_named_and_left_out_beside(forms):
    """On collins Del-C is far ahead, and from another processor at one S, which is enough."""
    assert pages_forms.mixed_told(forms).startswith("On each table all three forms were trained on one processor")
    assert pages_forms.apart_told([]).endswith("on each table all three were trained on one machine.")
    assert pages_forms.apart_told(["a", "b"]).endswith("which come from different machines on a and b.")
    c = forms["deletion"].eq("C") & forms["dataset"].eq("collins")
    ahead = forms.assign(value=forms["value"] + 0.1 * c)
    for column, other in (("device", "cpu: EPYC, 1 threads"), ("mixed", False)):
        mixed = ahead.assign(**{column: ahead[column].mask(c & ahead["S"].eq(0.3), other)})
        assert runs_id.mixing(mixed) == ["collins"]
        told = pages_forms.mixed_told(mixed)
        assert told.startswith("On collins Del-A was trained, at one S at least, on another processor")
        assert "Without it the balance of Del-A minus that of Del-B is 0.00 (" in told
        assert "and minus that of Del-C is 0.00 (" in told
    far = forms.assign(value=forms["value"] + 0.1 * forms["deletion"].eq("C"), mixed=~c)
    assert "no longer" not in pages_forms.mixed_told(far)  # qsar-biodeg, which is left, says the same
    swing = forms["split"].map({0: 0.3, 1: -0.2, 2: 0.0, 3: 0.1, 4: -0.2}) * forms["dataset"].ne("collins")
    unsure = forms.assign(value=forms["value"] + forms["deletion"].eq("C") * (0.25 + swing), mixed=~c)
    told = pages_forms.mixed_told(unsure)  # two tables of one mean, of which the one that is left is not sure
    assert told.endswith(", no longer surely apart from 0.")
    assert told.count("no longer") == 1
    every = forms.assign(mixed=forms["deletion"].eq("C"))
    assert pages_forms.mixed_told(every).endswith("No other table is left to compare on.")
