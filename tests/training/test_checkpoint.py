"""Files that hold a training: whole or not at all, and refused if anything of them has changed."""

import errno
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lib.training import checkpoint, fewer
from tests.training.fe import SMALL, same, train


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


def test_any_changed_byte_of_a_checkpoint_is_noticed(tmp_path):
    path = tmp_path / "c"
    train(checkpoint=path)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for at in [0, 20, 60, *rng.integers(100, len(whole), 20)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"checkpoint .*c cannot be read.*delete it"):
            train(checkpoint=path)


@pytest.mark.parametrize("name", ["state", "generators", "fingerprint"])
def test_a_checkpoint_that_lacks_something_is_named(name, tmp_path):
    path = tmp_path / "c"
    train(checkpoint=path)
    saved = checkpoint.read(path)
    checkpoint.write(path, {key: value for key, value in saved.items() if key != name})
    with pytest.raises(ValueError, match=f"it lacks {name}"):
        train(checkpoint=path)
    saved["state"].pop("moments")
    checkpoint.write(path, saved)
    with pytest.raises(ValueError, match="lacks moments"):
        train(checkpoint=path)
    for state in ([1, 2], "state", torch.zeros(3), None):
        checkpoint.write(path, saved | {"state": state})
        with pytest.raises(ValueError, match=f"it holds a {type(state).__name__}, no state"):
            train(checkpoint=path)
    checkpoint.write(path, [saved])
    with pytest.raises(ValueError, match="it holds a list, no state"):
        train(checkpoint=path)


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


def test_a_checkpoint_may_not_be_a_folder(tmp_path):
    with pytest.raises(ValueError, match="checkpoint must be a file, got the folder"):
        train(checkpoint=tmp_path)


@pytest.mark.parametrize("inside", ["", "weights"])
def test_a_folder_of_weights_that_is_a_file_is_refused_before_training(inside, monkeypatch, tmp_path):
    monkeypatch.setattr(fewer._Program, "advance", lambda *_: pytest.fail("trained"))
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"weights must be a folder that can be written, got .*file"):
        train(weights=tmp_path / "file" / inside)


def test_a_checkpoint_needs_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"checkpoint must lie in a folder that can be written, got .*missing"):
        train(checkpoint=tmp_path / "missing" / "c")
    assert list(tmp_path.iterdir()) == []
