"""Scores: shares counted by hand, R^2 as scikit-learn has it, one value a run."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, r2_score

from lib import metrics

few = settings(deadline=None, max_examples=25, derandomize=True)
sizes = st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(2, 5), st.integers(0, 999))


def normal(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@few
@given(sizes)
def test_accuracy_is_the_share_of_right_rows(size):
    """Each run's share of rows where the largest output is the label (FE-18)."""
    R, B, C, seed = size
    g, y = normal(seed, R, B, C), torch.randint(C, (R, B), generator=torch.Generator().manual_seed(seed))
    by_run = [accuracy_score(y[r], g[r].argmax(1)) for r in range(R)]
    assert metrics.accuracy(g, y).tolist() == pytest.approx(by_run)
    assert metrics.accuracy(g, g.argmax(-1)).tolist() == [1] * R
    assert metrics.accuracy(g, g.argmin(-1)).tolist() == [0] * R


@few
@given(sizes)
def test_faithfulness_is_the_share_of_rows_that_agree(size):
    """Symmetric in g and h, and blind to how far apart they are where they agree (FE-19)."""
    R, B, C, seed = size
    g, h = normal(seed, R, B, C), normal(seed + 1, R, B, C)
    by_run = [np.mean([gb.argmax() == hb.argmax() for gb, hb in zip(g[r], h[r])]) for r in range(R)]
    assert metrics.faithfulness(g, h).tolist() == pytest.approx(by_run)
    assert torch.equal(metrics.faithfulness(g, h), metrics.faithfulness(h, g))
    assert torch.equal(metrics.faithfulness(g, h), metrics.faithfulness(3 * g.softmax(-1), h - 7))
    assert metrics.faithfulness(g, 100 * g).tolist() == [1] * R


def test_shares_do_not_lose_digits_in_single_precision():
    g = torch.zeros(1, 3, 2)
    assert metrics.accuracy(g, torch.tensor([[0, 1, 1]])).item() == 1 / 3


@few
@given(sizes)
def test_r_squared_is_scikit_learns(size):
    R, B, C, seed = size
    prediction, target = normal(seed, R, B, C), normal(seed + 1, R, B, C)
    by_run = [r2_score(target[r], prediction[r], multioutput="variance_weighted") for r in range(R)]
    assert metrics.r_squared(prediction, target).tolist() == pytest.approx(by_run)
    assert metrics.r_squared(target, target).tolist() == [1] * R
    mean = target.mean(1, keepdim=True).expand_as(target)
    assert metrics.r_squared(mean, target).tolist() == pytest.approx([0] * R, abs=1e-12)


def test_r_squared_of_a_constant_target_is_a_number():
    assert torch.isfinite(metrics.r_squared(torch.ones(1, 3, 1), torch.zeros(1, 3, 1))).all()


def test_geometric_mean_needs_both():
    accuracy, faith = torch.tensor([0.25, 1.0, 0.9, -3.0, -1.0]), torch.tensor([1.0, 0.25, 0.0, 1.0, -1.0])
    assert metrics.geometric_mean(accuracy, faith).tolist() == [0.5, 0.5, 0, 0, 0]
