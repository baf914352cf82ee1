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
