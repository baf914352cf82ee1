"""Data files are what the catalogue says, whatever git made of their line ends."""

import numpy as np
import pytest

from lib import data
from lib.data import files, images


def test_a_changed_file_is_refused(tmp_path):
    text = (files.SHIPPED / "glass.csv").read_text()
    (tmp_path / "glass.csv").write_text(text.replace("13.64", "13.65", 1))
    with pytest.raises(ValueError, match=r"damaged or another version.*git checkout"):
        data.load("glass", tmp_path)


def test_line_ends_that_git_changed_are_no_damage(tmp_path):
    (tmp_path / "glass.csv").write_bytes((files.SHIPPED / "glass.csv").read_bytes().replace(b"\n", b"\r\n"))
    changed, shipped = data.load("glass", tmp_path), data.load("glass")
    assert np.array_equal(changed.x, shipped.x)
    assert changed.classes == shipped.classes


def test_a_cache_that_cannot_be_kept_is_warned_of(tmp_path):
    """Arrays can be made again, and what needs them goes on. A file stands where the folder should be."""
    (tmp_path / "cache").write_text("")
    with pytest.warns(UserWarning, match="a.npz could not be written .*: it will be made again"):
        files.keep(tmp_path / "cache" / "a.npz", np.savez, x=np.ones(3))
    files.keep(tmp_path / "new" / "a.npz", np.savez, x=np.ones(3))
    assert np.load(tmp_path / "new" / "a.npz")["x"].sum() == 3


def test_a_mistyped_folder_is_named_and_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "nope"))
    for load in (data.load, images.load):
        with pytest.raises(ValueError, match=r"DATA_DIR must be a folder that is there, got '.*nope'"):
            load("collins" if load is data.load else "cifar10")
    assert not list(tmp_path.iterdir())
    assert len(data.load("glass").x) == 214
