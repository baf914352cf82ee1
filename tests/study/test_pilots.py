"""Pilots: the start that validation likes best, whatever test rows say."""

import json

import pandas as pd
import pytest

from lib import data
from lib.methods import named
from lib.nets import MLP
from lib.study import pilots, records
from lib.study.statistics import resampled
from lib.training import Runs
from lib.training.fewer import FewerProgram, Settings
from tests.study.test_records import rows


def test_the_best_start_is_that_of_the_highest_geometric_mean_on_validation():
    scores = {"1": {0.0: (0.9, 0.4), 0.01: (0.2, 0.2)}, "0.1": {0.0: (0.1, 0.1), 0.01: (0.64, 1.0)}}
    frames = [rows(of, settings=json.dumps({"S_start": start}), config=start) for start, of in scores.items()]
    table, best = pilots.starts(pd.concat(frames))
    assert table.loc["Glass"].to_dict() == {"0.1": "0.800", "1": "0.600"}
    assert best == "0.1 on Glass"
    assert pilots.score(frames[0]) == pytest.approx(0.6)


def test_methods_count_alike_whatever_their_splits():
    ours, joint = rows({0.0: (0.81, 1.0)}, splits=range(5)), rows({0.0: (0.25, 1.0)}, splits=[0], methods=["Joint"])
    assert pilots.score(pd.concat([ours, joint])) == pytest.approx((0.9 + 0.5) / 2)


def test_more_patience_is_compared_in_the_same_runs_alone_on_validation():
    """Test values are eta itself and are not looked at; of the first four splits two were run again."""
    short = rows(
        {0.0: (0.9, 0.4), 0.01: (0.1, 0.1)}, splits=range(4), settings='{"patience_steps": 5000}', best_epoch=3
    )
    short.loc[short["split"] > 1, "value"] = 0.5
    better = {0.0: (0.1, 0.1), 0.01: (0.64, 1.0)}
    longer = rows(better, splits=(0, 1), settings='{"patience_steps": 10000}', config="2", best_epoch=7)
    table = pilots.patience(longer, short)
    assert table.loc["Ours on Glass"].to_dict() == {
        "steps waited": "5,000 and 10,000", "epoch kept, mean": "3 and 7",
        "geometric mean by split": "0.600 and 0.600; 0.800 and 0.800", "change": "+0.20 (0.20 to 0.20)",
        "at one η and split, at most": "+0.70 (η = 0.01)",
    }  # fmt: skip
    told = "with η chosen, the mean score changes by +0.20 on 1 data set, by more than noise on Glass"
    assert pilots.waited(longer, short) == told
    worse = longer.assign(value=longer["value"].where(longer["split"] == 0, 0.5))
    assert pilots.patience(worse, short).loc["Ours on Glass", "geometric mean by split"].endswith("0.800 and 0.500")
    told = "with η chosen, the mean score changes by +0.05 to +0.20 on 2 data sets, by more than noise on Glass"
    assert pilots.each_split(worse, short) == "from 0.60 and 0.60 to 0.80 and 0.50 on Glass"
    both = [pd.concat([some, other.assign(dataset="vehicle")]) for some, other in ((longer, worse), (short, short))]
    assert pilots.waited(*both) == told
    assert pilots.waited(longer, short.assign(dataset="vehicle")) == "it was not tried yet"


def tried(scores):
    """The pilots of several starts: method -> start -> accuracy and faithfulness on validation rows of three splits."""
    each = [
        rows({0.0: of}, splits=range(3), methods=[m], settings=json.dumps({"S_start": s}), config=f"{m}{s}")
        for m, starts in scores.items()
        for s, of in starts.items()
    ]
    return pd.concat(each)


START = {  # geometric means: Ours 0.8 from either; Pretrain 0.6 and 0.3, PretrainR 0.2 and 0.7
    "Ours": {"0.1": (0.8, 0.8), "unit": (0.8, 0.8)},
    "Pretrain": {"0.1": (0.6, 0.6), "unit": (0.9, 0.1)},
    "PretrainR": {"0.1": (0.2, 0.2), "unit": (0.7, 0.7)},
}


def test_starts_are_told_by_method():
    frame = tried(START)
    table = pilots.starts_by_method(frame)
    assert table.loc[("Glass", "PretrainR")].to_dict() == {"0.1": "0.20", "unit": "0.70"}
    assert table.loc[("Glass", "Pretrain")].to_dict() == {"0.1": "0.60", "unit": "0.10"}
    assert (
        pilots.without(frame, "PretrainR") == "Without PretrainR the choice would be 0.1 on Glass (0.700, unit 0.550)."
    )
    assert pilots.without(frame, "Pretrain") == "Without Pretrain the choice would be the same everywhere."
    told = "By itself Pretrain would choose 0.1 on Glass, and its faithfulness goes from 0.10 to 0.60 on Glass between"
    assert pilots.alone(frame, "Pretrain").startswith(told)


def test_the_best_start_is_surely_ahead_only_where_its_splits_agree():
    frame = tried({"Ours": {"1": (0.5, 0.5), "0.1": (0.6, 0.6), "0.01": (0.1, 0.1)}})
    text = pilots.closest(frame)
    assert text.endswith("by 0.100 on Glass (0.1 before 1, 0.100 to 0.100): surely on Glass.")
    frame.loc[(frame["split"] == 2) & (frame["config"] == "Ours0.1"), "value"] = 0.45
    assert pilots.closest(frame).endswith("(0.1 before 1, −0.243 to 0.343): surely on none.")


def test_the_size_of_a_difference_is_told_at_the_start_taken_and_at_others():
    told = "on validation rows of 3 splits, faithfulness of PretrainR minus that of Pretrain is +0.60 on Glass (−0.40)"
    assert f"{told} with the spread that was chosen" in pilots.depends(tried(START), "PretrainR", "Pretrain")


def test_changes_that_both_splits_share_are_named_and_how_often_another_eta_is_chosen():
    """Split 0 gains 0.2 and split 1 gains 0.1 at eta 0; at 0.01 one gains, one loses; split 1 chooses 0 thereafter."""
    short = rows({0.0: (0.5, 0.5), 0.01: (0.6, 0.6)}, settings='{"patience_steps": 5000}')
    longer = rows({0.0: (0.5, 0.5), 0.01: (0.6, 0.6)}, settings='{"patience_steps": 10000}', config="2")
    val = longer["part"] == "val"
    for split, eta, value in ((0, 0.0, 0.7), (0, 0.01, 0.75), (1, 0.0, 0.6), (1, 0.01, 0.5)):
        longer.loc[val & (longer["split"] == split) & (longer["eta"] == eta), "value"] = value
    assert pilots.moved(longer, short) == (
        "With twice the patience validation chooses another η in 1 of the 2 splits tried, on 1 data set: "
        "0 in place of 0.01 on Glass."
    )
    assert pilots.together(longer, short) == (
        "With η chosen on validation rows both splits move the same way on none. "
        "With η held, of 2 pairs of a data set and an η they do in 1: Glass at η = 0 (+0.20 and +0.10). "
        "By the test more than noise: none."
    )
    longer.loc[val & (longer["split"] == 1) & (longer["eta"] == 0), "value"] = 0.7
    assert "same way on Glass (+0.15 and +0.10)." in pilots.together(longer, short)
    steady = longer.assign(value=longer["value"].where(~val | (longer["eta"] > 0), 0.7))
    assert pilots.together(steady, short).endswith(
        "η = 0 (+0.20 and +0.20). By the test more than noise: Glass at η = 0."
    )
    assert "in none of the 2 splits tried, on 1 data set" in pilots.moved(short, short)
    assert pilots.moved(longer, short.assign(dataset="vehicle")) == "More patience was not tried yet."


def test_two_splits_must_change_by_many_times_their_deviation():
    changes = pd.Series([0.05, 0.06])
    assert pilots.needed(2) == pytest.approx(11.26, abs=0.01)
    edge = pilots.needed(2) * changes.std() + changes - changes.mean()
    assert resampled(edge).low == pytest.approx(0, abs=1e-12)
    assert (resampled(changes).low, resampled(changes).high) == pytest.approx((-0.02, 0.13), abs=0.01)


def test_pilots_are_read_by_their_question(tmp_path):
    records.write(rows(), tmp_path / "glass-start.parquet")
    records.write(rows(dataset="vehicle"), tmp_path / "vehicle-patience.parquet")
    assert set(pilots.load("patience", tmp_path)["dataset"]) == {"vehicle"}


def test_unit_is_the_spread_of_strengths_at_which_outputs_have_unit_spread():
    """h is linear in S: from S of spread 1, its outputs spread by one over what is told."""
    folds, runs = data.folds(data.load("glass"), range(10)), Runs.grid(10, seed=[0]).of("Ours")
    settings = Settings(S_start=1.0)
    f = MLP((9, *[settings.hidden] * settings.layers), settings.dropout)
    program = FewerProgram(named("Ours"), folds, runs, settings=settings, f=f)
    least, most = map(float, pilots.unit("glass").split(" to "))
    found = 1 / program.spread(program.state["bank"])
    assert [least, most] == pytest.approx([found.min().item(), found.max().item()], rel=0.1)  # S of one split has 300
