"""The page of ID's results on tables: what it says of choices and forms, on made-up records with a known answer."""

import pytest

from lib.study import pages_id, runs_id
from tests.study.id import frame


@pytest.fixture(scope="module")
def front():
    return runs_id.fronts(frame(tables=["collins", "qsar-biodeg"]))


def test_what_is_chosen_most_often_is_told(front):
    assert pages_id.choices_told(front) == (
        "The larger learning rate is chosen in 100% of them. The λ chosen most often is 0.1 on collins, qsar-biodeg."
    )
    some = front["dataset"].eq("collins") & front["split"].lt(3)
    moved = front.assign(lam=front["lam"].mask(some, 0.01), lr=front["lr"].mask(front["split"].eq(0), 0.001))
    assert pages_id.choices_told(moved) == (
        "The larger learning rate is chosen in 80% of them. The λ chosen most often is 0.1 on qsar-biodeg; "
        "0.01 on collins."
    )


def test_the_form_that_keeps_most_accuracy_is_named(front):
    more = front["deletion"].eq("C") & front["measure"].eq("accuracy") & front["eta"].eq(2)
    told = pages_id.forms_told(front.assign(value=front["value"] + 0.05 * more))
    assert told["forms-accurate"] == "Del-C"
    assert told["Del-C-accuracy"] - told["Del-A-accuracy"] == pytest.approx(0.05, abs=0.01)
