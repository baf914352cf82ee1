"""Pilots: the start that validation likes best, whatever test rows say."""

import json

import pandas as pd
import pytest

from lib.study import pilots
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
    assert pilots.patience(longer, short) == (
        "Ours on Glass, 2 splits, 5,000 and 10,000 steps: epoch 3 and 7 kept in the mean, "
        "geometric mean by split 0.600 and 0.600; 0.800 and 0.800, a change of +0.20, surely for the better; "
        "at one η and split by up to +0.70 (η = 0.01)"
    )
    worse = longer.assign(value=longer["value"].where(longer["split"] == 0, 0.5))
    assert "0.800 and 0.500, a change of +0.05, within noise; at one η" in pilots.patience(worse, short)
    assert pilots.patience(longer, short.assign(dataset="vehicle")) == "not tried yet"
