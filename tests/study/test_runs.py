"""What the records of both papers share: one configuration, and no run that kept nothing."""

import json

import pandas as pd
import pytest

from lib.study import runs

WANTED = {"epochs": 9, "lr": 0.1}


def rows(*settings, dataset="glass"):
    """A row for each of these settings."""
    return pd.DataFrame({"dataset": dataset, "method": "Ours", "settings": [json.dumps(own) for own in settings]})


def test_records_as_wanted_pass_whatever_their_speed():
    runs.check_configuration(rows(WANTED, *({**WANTED, name: n} for n, name in enumerate(runs.SPEED))), "here", WANTED)


@pytest.mark.parametrize("other", [{"lr": 0.2}, {"epochs": 8}])
def test_another_setting_is_named(other):
    with pytest.raises(ValueError, match=f"here: records of Ours on glass are of another .*, {next(iter(other))} is"):
        runs.check_configuration(rows(WANTED, WANTED | other), "here", WANTED)


def test_a_newer_setting_may_have_any_value_the_same_in_all():
    runs.check_configuration(rows(WANTED | {"momentum": 0.9}), "here", WANTED)
    with pytest.raises(ValueError, match=r"momentum is 0.8 where 0.9 is expected"):
        runs.check_configuration(rows(WANTED | {"momentum": 0.9}, WANTED | {"momentum": 0.8}), "here", WANTED)
    for some in ((WANTED, WANTED | {"tf32": True}), (WANTED | {"tf32": True}, WANTED)):
        with pytest.raises(ValueError, match=r"tf32 is (True|None) where (True|None) is expected"):
            runs.check_configuration(rows(*some), "here", WANTED)


def test_a_run_counts_by_the_epoch_that_it_kept_and_one_without_does_not():
    frame = rows(WANTED, WANTED).assign(diverged=[12, 7])
    assert list(runs.kept(frame.assign(best_epoch=[3, 0])).index) == [0]


def test_rows_and_titles():
    frame = pd.DataFrame({"a": [1, 1, 2], "b": [3, 4, 3]})
    assert list(runs.at(frame, a=1, b=3).index) == [0]
    assert list(runs.at(frame).index) == [0, 1, 2]
    assert runs.titles("glass, my-table, ") == "Glass, my-table"


def test_deletion_is_read_upward_and_nothing_else():
    rows = pd.DataFrame({"measure": ["deletion", "insertion", "deletion_random"], "value": 0.2})
    found = runs.upward(rows, "deletion")
    assert found["measure"].tolist() == ["1 − deletion", "insertion", "deletion_random"]
    assert found["value"].tolist() == [0.8, 0.2, 0.2]
