"""What every training shares: on a program that only counts, several criteria, patience and stacks; on both papers'
trainings, what a checkpoint belongs to and which rows can be used."""

import copy
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from lib import nets
from lib.explainers import KernelSHAP
from lib.nets import MLP
from lib.options import speed
from lib.training import checkpoint
from lib.training.engine import Program, check_device
from lib.training.runs import Runs
from tests.training import fe, id
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


def test_torch_has_its_threads_again_after_stacks_that_took_one_each():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        counting().advance_all([torch.tensor([0]), torch.tensor([1, 2])], 1)
        with ThreadPoolExecutor(1) as new:  # a new thread takes what was last set for any
            assert new.submit(torch.get_num_threads).result() == torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_torch_has_its_threads_again_after_a_stack_that_failed(monkeypatch):
    monkeypatch.setattr(Counting, "advance", lambda *_: 1 / 0)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            counting().advance_all([torch.tensor([0]), torch.tensor([1, 2])], 1)
        with ThreadPoolExecutor(1) as new:
            assert new.submit(torch.get_num_threads).result() == 2
    finally:
        torch.set_num_threads(before)


def test_weights_of_one_module_are_not_taken_for_those_of_another(tmp_path):
    """The same names, shapes and start values; another activation."""
    torch.manual_seed(0)
    first = nn.Linear(3, 4).double()
    found = []
    for activation in (nn.ReLU(), nn.Tanh()):
        module = nn.Sequential(copy.deepcopy(first), activation)
        found.append(fe.train("Ours", runs=fe.one_run(), f=nets.Network(module), weights=tmp_path))
    assert found[0].config != found[1].config
    assert not torch.equal(found[0].bank["S"], found[1].bank["S"])


def test_a_module_is_tried_before_it_is_trained():
    """By `Network.check`, on rows of the data."""
    with pytest.raises(ValueError, match=r"f must take rows of the shape \(3,\)"):
        fe.train("Ours", f=nets.Network(nn.Linear(7, 4)))


def test_a_network_with_nothing_to_train_is_refused_where_nothing_else_is_trained():
    """FE's other parameters are trained on any features; ID has no others."""
    frozen = nets.Network(nn.Linear(3, 3).requires_grad_(False))
    fe.train("Ours", f=frozen)
    with pytest.raises(ValueError, match=r"f must have parameters to train, got none .* in Network"):
        id.pretrain(fe.toy(), f=frozen)


def test_the_code_of_a_module_and_of_explainers_counts(monkeypatch):
    found = []
    monkeypatch.setattr(checkpoint, "running", lambda *things: found.extend(things) or "")
    f, explainer = id.module(), KernelSHAP(M=10)
    id.train(folds=id.table((0,)), runs=Runs.grid(1, lam=[0.1]), start=None, f=f, criteria=[(explainer, 0.5)])
    assert found == [f.module, id.SMALL, explainer]


def test_checkpoints_and_weights_are_of_the_code_that_ran_when_a_training_began(monkeypatch):
    """Not of what has been written since; the configuration is the same whatever the code."""
    first = counting()
    assert counting(stack_rows=8).fingerprint() == first.fingerprint() == counting().fingerprint()
    before = first.fingerprint()
    monkeypatch.setattr(checkpoint, "code", lambda: "another")
    assert first.fingerprint() == before
    assert counting().config == first.config
    assert counting().fingerprint() != before


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_a_device_that_is_there_is_taken(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert check_device(device) == device
    with pytest.raises(ValueError, match="device 'cuda:1' is not there: torch sees 1 CUDA devices"):
        check_device("cuda:1")


def test_no_checkpoint_is_no_path(tmp_path):
    assert checkpoint.check_path(None) is None
    assert checkpoint.check_path(str(tmp_path / "c")) == tmp_path / "c"


# --- Both papers -----------------------------------------------------------------------------------------------------


OTHERS_FE = {
    "method": {"method": "Joint"},
    "eta": {"runs": fe.one_run(eta=0.02)},
    "lambda": {"runs": fe.one_run(lam=2.0)},
    "seed": {"runs": fe.one_run(seed=1)},
    "settings": {"settings": replace(fe.SMALL, sigma=0.4)},
    "data": {"folds": fe.toy((1,))},
    "validation": {"folds": replace(fe.toy(), x_val=fe.toy().x_val + 1)},
    "validation labels": {"folds": replace(fe.toy(), y_val=(fe.toy().y_val + 1) % 3)},
    "labels": {"folds": replace(fe.toy(), y_train=fe.toy().y_train.flip(1))},
    "precision": {"folds": fe.toy(dtype=torch.float32)},
    "network": {"f": MLP((3, 7))},
    "dropout": {"f": MLP((3, 6, 6), dropout=0.1)},
}
OTHERS_ID = {
    "method": {"method": "ExpO-F", "runs": Runs.grid(2, lam=(0.3, 0.05), lr=(0.05,))},
    "strength": {"runs": Runs.grid(2, lam=(0.3, 0.06), lam3=(0.01,), lr=(0.05,))},
    "learning rate": {"runs": Runs.grid(2, lam=(0.3, 0.05), lam3=(0.01,), lr=(0.04,))},
    "settings": {"settings": replace(id.SMALL, deletion="B")},
    "options": {"settings": id.setting({"eps": 0.02})},
    "criteria": {"criteria": [(KernelSHAP(M=10), 0.5)]},
    "data": {"folds": id.table((0, 2))},
    "precision": {"folds": id.table(dtype=torch.float32)},
    "background": {"background": torch.ones(5)},
}


@pytest.mark.parametrize(
    ("train", "other"),
    [(fe.train, other) for other in OTHERS_FE.values()] + [(id.train, other) for other in OTHERS_ID.values()],
    ids=[f"FE-{name}" for name in OTHERS_FE] + [f"ID-{name}" for name in OTHERS_ID],
)
def test_a_checkpoint_of_another_configuration_is_refused(train, other, tmp_path):
    path = tmp_path / "c"
    train(checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"checkpoint .*c belongs to another configuration.*another path or delete"):
        train(**other, checkpoint=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("part", ["train", "val", "test"])
@pytest.mark.parametrize("train", [lambda folds: fe.train(folds=folds), id.pretrain], ids=["FE", "ID"])
def test_rows_that_cannot_be_used_are_named(train, part):
    folds = id.table()
    x, y = getattr(folds, f"x_{part}").clone(), getattr(folds, f"y_{part}")
    x[1, 2, 3] = math.nan
    for bad, message in (
        ({f"x_{part}": x}, f"x_{part} must be finite, got 1 NaN"),
        ({f"x_{part}": x[:, :0], f"y_{part}": y[:, :0]}, f"x_{part} must have at least one row"),
        ({f"y_{part}": y + 1}, f"y_{part} must be classes 0 to 2, got .* to 3"),
        ({f"y_{part}": y - 1}, f"y_{part} must be classes 0 to 2, got -1 to"),
    ):
        with pytest.raises(ValueError, match=message):
            train(replace(folds, **bad))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_value_to_predict_varies_in_every_part_of_every_split(part):
    """R^2 of a part where it does not was recorded as -1e27, and chose epochs."""
    folds = fe.toy((0, 4), task="regression")
    y = getattr(folds, f"y_{part}").clone()
    y[1] = y[1, :1]
    with pytest.raises(ValueError, match=f"y_{part} must vary for regression, got one value in split 4"):
        fe.train(folds=replace(folds, **{f"y_{part}": y}))
    y[1, 0, 0] += 1  # one of its values, in one row
    fe.train(folds=replace(folds, **{f"y_{part}": y}), settings=replace(fe.SMALL, epochs=1))
