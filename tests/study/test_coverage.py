"""Simulations of data sets without an effect: made as they say, and told by their least and largest rate."""

import numpy as np
import pytest

from lib.study import coverage
from lib.study.statistics import Paired


def test_data_sets_are_simulated_with_the_noise_that_they_are_said_to_have(monkeypatch):
    """A mean over splits that share rows spreads by NOISE; over data sets that differ, by that and what they do."""
    seen = []
    monkeypatch.setattr(coverage, "clustered", lambda groups, draws: seen.append(groups) or Paired(0, 0, 0, 0.04, 2))
    for between in (0.0, 3.0):
        seen.clear()
        assert coverage.rate(2, between, trials=2_000) == 1.0
        means = np.array(seen).mean(2)
        assert means.std() == pytest.approx(coverage.NOISE * np.hypot(1, between), rel=0.05)
        assert np.array(seen).std(2, ddof=1).mean() == pytest.approx(1, rel=0.05)


def test_the_least_and_the_largest_rate_are_told(monkeypatch):
    monkeypatch.setattr(coverage, "rate", lambda units, between, trials: 0.01 * units * (between > 0))
    assert coverage.told() == {"far": "2.0 to 6.0 %", "near": "0.0 to 0.0 %"}
