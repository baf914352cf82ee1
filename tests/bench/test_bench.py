"""The timings' own arithmetic: a ratio is the median of pairs, and says when they are too wide to tell."""

from itertools import count

import pytest
import torch

from lib.explainers import LIME
from tests import bench
from tests.bench import images


def test_a_ratio_is_the_median_of_pairs_taken_in_turn():
    order, slow = [], count(0)
    ratio = bench.compared(lambda: order.append("plain") or next(slow), lambda: order.append("lib") or 2.0, times=10)
    assert order == ["plain", "lib"] * (bench.MOST + 1)
    assert ratio.median == pytest.approx(10 * (1 + bench.MOST) / 2 / 2)  # seconds 1 to MOST over 2, the first left out


def test_a_slow_machine_gives_the_least_number_of_pairs(monkeypatch):
    monkeypatch.setattr(bench, "SECONDS", 0)
    made = []
    bench.compared(lambda: made.append(1) or 1.0, lambda: 1.0)
    assert len(made) == bench.LEAST + 1


def test_a_drift_of_the_machine_leaves_the_ratio():
    speed = count(1)
    seconds = [0.0]

    def plain():
        seconds[0] = next(speed)
        return 3.0 * seconds[0]

    assert bench.compared(plain, lambda: seconds[0]) == (3, 3, 3)


@pytest.mark.parametrize(("low", "high", "wide"), [(1.9, 2.1, False), (1.8, 2.19, False), (1.7, 2.2, True)])
def test_a_line_says_when_pairs_are_too_wide_to_tell(low, high, wide):
    assert ("too wide to tell" in str(bench.Ratio(low, 2.0, high))) is wide


@pytest.mark.parametrize("options", [{"S": 1 / 16}, {"S": 1 / 8, "explainer": LIME(M=100, segments=images.SEGMENTS)}])
def test_the_plain_step_on_images_has_lib_s_gradient(options):
    tuned, found = images.tuner(batch=4, **options), []
    pair = images.taken(tuned)
    tuned.generator.manual_seed(0)  # the masks that the plain step draws
    for act in (pair.plain, pair.lib):
        act()
        found.append(torch.cat([p.grad.flatten() for p in tuned.net.parameters()]))
    assert torch.dist(*found) < 1e-3 * found[0].norm()
