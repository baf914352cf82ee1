"""The timings' own arithmetic: a ratio is the median of pairs, and says when they are too wide to tell."""

from itertools import count

import pytest
import torch

from lib.explainers import LIME
from lib.study import ratios
from tests import bench
from tests.bench import __main__ as command
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


# --- What is kept ----------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Where to keep what two pairs of nothing and one number give, whose seconds are made up."""

    def paired():
        """A step; plainly,
        all.

        And more of it.
        """
        return bench.Pair(lambda: None, lambda: None, 4.0, threads=(1, 1), floor=3)

    monkeypatch.setattr(command, "PAIRS", {"pair": paired, "other": paired})
    monkeypatch.setattr(command, "OTHERS", {"number": lambda: 1.23456})
    command.OTHERS["number"].__doc__ = "A number."
    monkeypatch.setattr(bench, "timed", lambda act, threads: 0.5)
    return tmp_path / "ratios.csv"


def test_a_measure_prints_its_line_and_keeps_its_row(path):
    assert command.against_plain("pair", path) == "4.00  [4.00, 4.00]"
    assert command.against_plain("number", path) == "1.23"
    pair, number = (row.to_dict() for _, row in ratios.read(path, bench.DEVICE).iterrows())
    known = {"measure": "pair", "label": "A step; plainly, all.", "value": 4, "low": 4, "high": 4, "floor": 3,
             "plain_threads": "1", "lib_threads": "1"}  # fmt: skip
    assert {name: pair[name] for name in known} == known
    assert (number["label"], number["value"]) == ("A number.", 1.2346)
    assert all(pair[name] for name in ("device", "date", "versions", "code"))


def test_only_what_ran_is_replaced(path, monkeypatch):
    for name in ("pair", "other", "number"):
        command.against_plain(name, path)
    before = path.read_text().splitlines()
    seconds = iter([3.0, 1.0] * 100)
    monkeypatch.setattr(bench, "timed", lambda act, threads: next(seconds))
    command.against_plain("other", path)
    after = path.read_text().splitlines()
    assert [a == b for a, b in zip(before, after)] == [True, True, False, True]
    assert ratios.read(path, bench.DEVICE).set_index("measure")["value"].to_dict() == {
        "pair": 4, "other": 12, "number": 1.2346}  # fmt: skip


def test_every_measure_says_what_it_is():
    assert all(act.__doc__ for act in (*command.PAIRS.values(), *command.OTHERS.values()))
