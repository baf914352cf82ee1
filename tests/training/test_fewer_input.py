"""FE's trainings refuse what they cannot train, by name and before anything is written."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from lib.nets import MLP
from lib.training import Runs, both, expo
from lib.training.fewer import Settings
from tests.training.fe import SMALL, module_net, toy, train


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "Mine"}, r"method must be one of Ours, .*PretrainR, .*pretrained, got 'Mine'"),
        ({"settings": replace(SMALL, U=(5, 64))}, r"U must be a whole number between 1 and N x C = 63, got 64"),
        ({"settings": replace(SMALL, U=(0,))}, r"U must be a whole number between 1 and N x C = 63, got 0"),
        ({"settings": replace(SMALL, U=("most",))}, r"U must be a whole number between 1 and N x C = 63, got 'most'"),
        ({"settings": replace(SMALL, dropout=1.0)}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"device": "cuda"}, r"device 'cuda' is not there.*use 'cpu'"),
        ({"device": "cuda:1"}, r"device 'cuda:1' is not there: torch sees 0 CUDA devices"),
        ({"device": "cuda:first"}, r"device must be .*got 'cuda:first'"),
        ({"device": "abacus"}, r"device must be .*got 'abacus'"),
        ({"f": MLP((4, 6))}, r"f must take the 3 numbers that a row of toy has, got MLP\(\(4, 6\)"),
        ({"f": nn.Linear(3, 4)}, r"f must be an MLP or a Network\(module\), got Linear"),
        ({"f": lambda: None}, r"f must be an MLP or a Network\(module\), got function"),
        ({"f": module_net(), "folds": toy(range(2))}, r"an nn.Module trains one run at a time, got 2 runs"),
        ({"runs": Runs.grid(2)}, r"fold must lie between 0 and 0.*got 1"),
        ({"settings": replace(SMALL, U=(63, "all"))}, "U must be different numbers, got .63, 'all'. with N x C = 63"),
        ({"settings": expo.Settings()}, "settings of Ours must be lib.training.fewer.Settings"),
        ({"settings": both.Settings()}, "settings of Ours must be lib.training.fewer.Settings"),
        ({"criteria": [(None, 0.5)]}, "Ours is of paper FE, which has no criteria"),
        (
            {"folds": replace(toy((0, 1)), split=torch.tensor([3, 3]))},
            r"folds must be of different splits, got \[3, 3\]",
        ),
        ({"folds": toy(dtype=torch.float16)}, "folds must be of torch.float32 or torch.float64, got torch.float16"),
        ({"method": "RPS", "runs": Runs.grid(1, lam=(2.0,))}, "RPS has no axis lam: it takes 1.0 alone, got .2.0"),
        ({"method": "Joint", "runs": Runs.grid(1, eta=(0.1,))}, "Joint has no axis eta: it takes 0.0 alone"),
        ({"runs": Runs.grid(1, lr=(0.1,))}, "Ours has no axis lr: it has lam, eta"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_written(change, message, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match=message):
        train(**change, checkpoint=tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(
            ({name: value}, f"{name} must be a whole number of at least 1, got {value}")
            for name in ("epochs", "patience", "check", "batch", "hidden", "J", "keep", "stack_rows")
            for value in (0, 2.5, True)
        ),
        ({"sigma": 0.0}, "sigma must be a positive number, got 0.0"),
        ({"sigma": -1.0}, "sigma must be a positive number, got -1.0"),
        ({"sigma": math.nan}, "sigma must be a positive number, got nan"),
        ({"lr": 0.0}, "lr must be a finite number above 0, got 0.0"),
        ({"lr": math.nan}, "lr must be a finite number above 0, got nan"),
        ({"layers": -1}, "layers must be a whole number of at least 0, got -1"),
        ({"S_start": -1.0}, "S_start must be a finite number of at least 0, got -1.0"),
        ({"mu_start": math.inf}, "mu_start must be a finite number, got inf"),
        ({"sigma": "a"}, "sigma must be a positive number, got 'a'"),
        ({"sigma": True}, "sigma must be a positive number, got True"),
        ({"sigma": math.inf}, "sigma must be a positive number, got inf"),
        ({"U": ()}, r"U must hold at least one value, .*got \(\)"),
        ({"U": 5}, r"U must hold at least one value, .*got 5"),
        ({"U": "all"}, r"U must hold at least one value, .*got 'all'"),
        ({"lr": "0.1"}, "lr must be a finite number above 0, got '0.1'"),
        ({"through_g": 1}, "through_g must be True or False, got 1"),
        ({"mu_start": "0"}, "mu_start must be a finite number, got '0'"),
        ({"rank": "best"}, "rank must be one of magnitude, signed, gate, got 'best'"),
    ],
)
def test_bad_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        Settings(**change)


def test_u_may_be_all():
    assert Settings(U=(5, "all")).U_values(63) == [5, 63]


def test_h_has_a_spread_where_s_starts_by_it():
    with pytest.raises(ValueError, match="mu_start must be above 0 where S_start is unit"):
        replace(SMALL, S_start="unit", mu_start=0.0)
    assert replace(SMALL, S_start="unit", mu_start=0.0, exact_mean=True).mu_start == 0
