"""What every training shares, on a program that only counts: several criteria, patience, stacks.

Checkpoints, resume and reproducibility are tested where they matter, on both trainings.
"""

from dataclasses import dataclass

import pytest
import torch

from lib.options import speed
from lib.training.checkpoint import check_path
from lib.training.engine import Program, check_device
from lib.training.runs import Runs
from tests.training.fe import toy

NAN = float("nan")
# measures of two criteria at epochs 1, 2, ...; the last repeats
SCRIPT = {
    0: [(0.1, 0.9), (0.5, 0.8), (0.4, 0.8), (0.4, 0.8), (0.4, 0.99), (0.4, 0.8), (0.4, 0.8)],
    1: [(0.3, 0.1), (0.3, 0.2), (0.3, 0.3), (0.3, 0.4), (0.3, 0.5), (0.3, 0.6), (0.3, 0.7)],
    2: [(NAN, NAN)] * 7,
}


@dataclass(frozen=True)
class Settings:
    epochs: int = 7
    patience: int = 3
    check: int = 1
    stack_rows: int = speed(12)


class Network:
    untrained = frozenset({"buffer"})


class Counting(Program):
    """Parameters count the epochs that a run was trained for; measures follow SCRIPT."""

    moments = 1

    def start(self):
        return {name: torch.zeros(len(self.runs), 2) for name in ("w", "buffer")}

    def rows(self, live):
        return torch.full((len(live),), 4.0)

    def advance(self, stack, epochs):
        self.state["bank"]["w"][stack] += epochs

    def measure(self, bank, stack):
        at = self.state["epoch"] - 1
        return torch.tensor([SCRIPT[r][at] for r in stack.tolist()], dtype=torch.float64)


def counting(criteria=2, **change):
    settings = Settings(**change)
    return Counting("counting", toy(range(3)), Runs.grid(3), settings=settings, f=Network(), criteria=criteria)


def test_each_criterion_keeps_its_own_best_epoch_and_any_of_them_keeps_a_run_alive():
    """Run 0 by the second: what comes at epoch 5, three epochs of patience after the first being over, is too late."""
    program = counting()
    program.run(progress=False)
    state = program.state
    assert state["best_epoch"].tolist() == [[2, 1], [1, 7], [0, 0]]
    assert state["best_bank"]["w"][..., 0].tolist() == [[2, 1], [1, 7], [0, 0]]  # parameters of those epochs
    assert state["stopped"].tolist() == [5, 7, 1]  # 3 epochs after the last that was better by either, or at once
    assert state["diverged"].tolist() == [0, 0, 1]
    assert state["bank"]["w"][:, 0].tolist() == [5, 7, 1]  # stopped runs are left alone
    assert state["best"][:2].tolist() == [[0.5, 0.9], [0.3, 0.7]]


def test_what_the_network_carries_along_is_kept_but_not_trained():
    program = counting()
    assert program.trained == ["w"]
    assert set(program.state["moments"]) == {"w"}
    assert set(program.state["best_bank"]) == {"w", "buffer"}


def test_stacks_hold_every_live_run_once_and_fit_the_cache():
    program = counting()
    assert [sorted(s.tolist()) for s in program.stacks()] == [[0, 1, 2]]  # twelve rows fit
    program = counting(stack_rows=8)
    stacks = program.stacks()
    assert sorted(torch.cat(stacks).tolist()) == [0, 1, 2]
    assert [len(stack) for stack in stacks] == [1, 1, 1]  # 12 rows in two even stacks of 6 hold one run of 4 each
    program.state["stopped"][0] = 1
    assert sorted(torch.cat(program.stacks()).tolist()) == [1, 2]
    program.state["stopped"][:] = 1
    assert program.stacks() == []


def test_a_check_does_not_run_past_the_last_epoch():
    program = counting(check=4, patience=99)
    program.run(progress=False)
    assert program.state["history"]["epoch"] == [4, 7]
    assert program.state["bank"]["w"][:, 0].tolist() == [7, 7, 4]  # the third is lost at the first check


def test_the_first_epoch_is_better_than_none_even_with_a_measure_of_zero(monkeypatch):
    monkeypatch.setattr(Counting, "measure", lambda self, bank, stack: torch.zeros(len(stack), 1, dtype=torch.float64))
    program = counting(criteria=1)
    program.run(progress=False)
    assert program.state["best_epoch"].tolist() == [[1]] * 3


def test_a_stacks_time_is_shared_out_among_its_runs(monkeypatch):
    clock = iter(range(0, 10**6, 6))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    program = counting()
    program.advance_timed(torch.tensor([0, 2]), 1)
    assert program.state["seconds"].tolist() == [3, 0, 3]


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_a_device_that_is_there_is_taken(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert check_device(device) == device
    with pytest.raises(ValueError, match="device 'cuda:1' is not there: torch sees 1 CUDA devices"):
        check_device("cuda:1")


def test_no_checkpoint_is_no_path(tmp_path):
    assert check_path(None) is None
    assert check_path(str(tmp_path / "c")) == tmp_path / "c"
