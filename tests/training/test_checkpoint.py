"""Files that hold a training: whole or not at all, and refused if anything of them has changed."""

import copy
import errno
import importlib
import itertools
import linecache
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lib.nets import Network
from lib.training import checkpoint, fewer
from tests.training import fe, id
from tests.training.fe import SMALL, same, train
from tests.training.pretrained import trainer


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "c"
    path.write_bytes(b"half of someth")
    with pytest.raises(ValueError, match=r"checkpoint .*c cannot be read.*delete it"):
        train(checkpoint=path)


def test_a_full_disk_does_not_end_a_training(monkeypatch, tmp_path):
    """It is warned of; the earlier checkpoint stays, whole, and nothing is left beside it."""
    path = tmp_path / "c"
    train(checkpoint=path, settings=replace(SMALL, epochs=2))
    before = path.read_bytes()

    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match="c could not be written .No space left on device.: training goes on"):
        assert not checkpoint.write(path, {"fingerprint": "x"})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.warns(UserWarning, match="training goes on"):
        assert train(checkpoint=tmp_path / "d").stopped_epoch == [4]
    network = trainer()
    with pytest.warns(UserWarning, match="training goes on"):
        network.run(tmp_path / "d", progress=False)
    assert network.epoch == network.settings.epochs


def test_any_changed_byte_of_a_checkpoint_is_noticed(tmp_path):
    path = tmp_path / "c"
    train(checkpoint=path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for at in [0, 20, 60, *rng.integers(100, len(whole), 20)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"checkpoint .*c cannot be read.*delete it"):
            train(checkpoint=path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a checkpoint holds."""
    path = tmp_path_factory.mktemp("whole") / "c"
    train(checkpoint=path)
    return checkpoint.read(path)


def without(*keys):
    """Take away what lies there, at any depth."""

    def change(saved):
        for key in keys[:-1]:
            saved = saved[key]
        del saved[keys[-1]]

    return change


def with_(*keys, value):
    """Put something else there: a value, or what a function makes of what is there."""

    def change(saved):
        for key in keys[:-1]:
            saved = saved[key]
        saved[keys[-1]] = value(saved[keys[-1]]) if callable(value) else value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        *((without(name), f"it lacks {name}") for name in ("state", "generators", "fingerprint")),
        (without("state", "moments"), "it lacks moments"),
        (without("state", "bank", "mu"), "it lacks mu"),
        (without("state", "moments", "S", 0), "it holds 1 of 2 S"),
        (without("generators", 0), "it holds 0 of 1 generators"),
        (with_("state", value=[1]), "it holds a list, no state"),
        (with_("state", value="state"), "it holds a str, no state"),
        (with_("state", value=None), "it holds a NoneType, no state"),
        (with_("state", "bank", "mu", value=[0.5]), "it holds a list, no mu"),
        (with_("state", "best_bank", "S", value=lambda t: t[:, :, :-1]), "S must be (1, 1, 21, 3), got (1, 1, 20, 3)"),
        (with_("generators", 0, value=lambda t: t[:5]), "generators must be (5056,), got (5,)"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_lacks_something_is_named(change, reason, whole, tmp_path):
    saved, path = copy.deepcopy(whole), tmp_path / "c"
    change(saved)
    checkpoint.write(path, saved)
    with pytest.raises(ValueError, match=re.escape(f"cannot be read ({reason}): give another path or delete it")):
        train(checkpoint=path)


def test_a_checkpoint_holds_numbers_and_nothing_that_could_be_run(tmp_path):
    checkpoint.write(tmp_path / "c", {"fingerprint": "x", "more": Path("y")})
    with pytest.raises(ValueError, match="cannot be read"):
        checkpoint.read(tmp_path / "c")
    checkpoint.write(tmp_path / "c", ["fingerprint"])
    with pytest.raises(ValueError, match="it holds a list, no state"):
        checkpoint.read(tmp_path / "c")


@pytest.mark.parametrize("every", ["a", -1, None, math.nan, True])
def test_the_time_between_checkpoints_is_a_number(every, tmp_path):
    with pytest.raises(ValueError, match="save_every must be a number of seconds of at least 0, got"):
        train(checkpoint=tmp_path / "c", save_every=every)


def test_a_checkpoint_of_other_code_is_refused_and_one_of_another_speed_is_not(monkeypatch, tmp_path):
    path = tmp_path / "c"
    first = train(checkpoint=path)
    again = train(checkpoint=path, settings=replace(SMALL, stack_rows=7, open_rows=False))
    same(again.bank, first.bank)
    monkeypatch.setattr(checkpoint, "code", lambda: "another")
    with pytest.raises(ValueError, match=r"belongs to another configuration .*the library's version"):
        train(checkpoint=path)


PARTS = ("metrics.py", "data/images.py", "explainers/lime.py", "nets/mlp.py", "training/engine.py")


@pytest.mark.parametrize("part", PARTS)
def test_the_code_that_trains_is_told_apart_and_its_comments_and_pages_are_not(part, monkeypatch, tmp_path):
    for name in (*PARTS, "study/records.py", "run.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('"""What it does."""\n\nx = 1\n')
    monkeypatch.setattr(checkpoint, "LIB", tmp_path)
    code, path = checkpoint.code.__wrapped__, tmp_path / part
    before = code()
    path.write_text('"""In other words."""\n\nx = 1  # why\n')
    for beside in ("study/records.py", "run.py"):
        (tmp_path / beside).write_text("x = 2\n")
    assert code() == before
    path.write_text("x = 2\n")
    assert code() != before


def test_a_checkpoint_may_not_be_a_folder(tmp_path):
    with pytest.raises(ValueError, match="checkpoint must be a file, got the folder"):
        train(checkpoint=tmp_path)


@pytest.mark.parametrize("inside", ["", "weights"])
def test_a_folder_of_weights_that_is_a_file_is_refused_before_training(inside, monkeypatch, tmp_path):
    monkeypatch.setattr(fewer.FewerProgram, "advance", lambda *_: pytest.fail("trained"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"weights must be a folder that can be written, got .*file"):
        train(weights=tmp_path / "file" / inside)


@pytest.mark.parametrize("name", ["checkpoint", "weights"])
@pytest.mark.parametrize("value", [5, True, False, 0, ["c"]])
def test_a_place_for_files_is_a_path(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a path or None, got {re.escape(repr(value))}"):
        train(**{name: value})


@pytest.mark.parametrize("name", ["checkpoint", "weights"])
def test_a_place_that_takes_no_files_is_refused_before_training(name, monkeypatch):
    """As /proc, whatever its rights say."""
    monkeypatch.setattr(fewer.FewerProgram, "advance", lambda *_: pytest.fail("trained"))
    with pytest.raises(ValueError, match=f"{name} must .* folder that can be written, got /proc/x"):
        train(**{name: "/proc/x"})


@pytest.mark.parametrize("name", ["checkpoint", "weights"])
def test_an_empty_text_is_no_path(name):
    assert train(**{name: ""}).stopped_epoch == [4]


def test_a_checkpoint_needs_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"checkpoint must lie in a folder that can be written, got .*missing"):
        train(checkpoint=tmp_path / "missing" / "c")
    assert list(tmp_path.iterdir()) == []


# --- The code of others ----------------------------------------------------------------------------------------------

MODULE = """
from dataclasses import dataclass
from torch import nn
from lib.explainers import LIME

class Base(nn.Linear):
    def forward(self, x):
        return super().forward(x).{}()

class Mine(Base):
    pass

@dataclass(frozen=True)
class Explainer(LIME):
    def inputs(self, shape):
        return {}
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Somebody's file with a network, which builds on another class there, and an explainer."""
    monkeypatch.syspath_prepend(tmp_path)
    numbers = itertools.count()

    def written(activation="relu", inputs=1):
        name = f"of_somebody_{next(numbers)}"
        (tmp_path / f"{name}.py").write_text(MODULE.format(activation, inputs))
        return importlib.import_module(name)

    return written


def test_a_class_is_its_source_and_that_of_what_it_builds_on_wherever_it_is_held(module):
    first, same, other = module(), module(), module("tanh", 2)
    settings = replace(id.SMALL, explainer=first.Explainer())
    for held in (
        lambda of: of.Mine(3, 4),
        lambda of: nn.Sequential(of.Mine(3, 4)),
        lambda of: replace(settings, explainer=of.Explainer()),
    ):
        assert checkpoint.running(held(first)) == checkpoint.running(held(same)) != checkpoint.running(held(other))
    kinds = [type(name, (nn.Module,), {}) for name in ("Typed", "Typed", "Other")]  # their source is nowhere
    found = [checkpoint.running(kind()) for kind in kinds]
    assert found[0] == found[1] != found[2]


def test_a_class_of_a_notebook_is_the_source_of_its_functions():
    """IPython notes the lines of a cell, and Python finds functions by them, but no classes."""
    found = []
    for cell, activation in enumerate(("relu", "relu", "tanh")):
        source = MODULE.format(activation, 1)
        linecache.cache[f"<cell {cell}>"] = len(source), None, source.splitlines(keepends=True), f"<cell {cell}>"
        own = {"__name__": "__main__"}
        exec(compile(source, f"<cell {cell}>", "exec"), own)
        found.append(checkpoint.running(own["Mine"](3, 4)))
    assert found[0] == found[1] != found[2]


def test_weights_of_other_code_are_not_taken_up(module, tmp_path):
    found = []
    for activation in ("relu", "relu", "tanh"):
        torch.manual_seed(0)
        f = Network(module(activation).Mine(3, 4).double())
        found.append(fe.train("Ours", runs=fe.one_run(), f=f, weights=tmp_path / "weights"))
    first, again, other = found
    assert first.config == again.config == other.config
    assert again.seconds == first.seconds  # not trained again
    assert not torch.equal(other.bank["S"], first.bank["S"])


def test_a_checkpoint_of_an_explainer_that_was_changed_is_refused(module, tmp_path):
    def train(of):
        return id.train(criteria=[(of.Explainer(M=10), 0.5)], checkpoint=tmp_path / "c")

    train(module())
    train(module())
    with pytest.raises(ValueError, match="belongs to another configuration"):
        train(module(inputs=2))


def test_weights_are_of_the_precision_of_products(monkeypatch):
    before = checkpoint.running()
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    assert checkpoint.running() != before
