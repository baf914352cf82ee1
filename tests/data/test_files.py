"""Data files are what the catalogue says, whatever git made of their line ends."""

import hashlib

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


def test_what_was_kept_comes_back_unless_it_is_absent_damaged_or_changed(tmp_path):
    path, arrays = tmp_path / "a.npz", {"x": np.arange(3.0), "name": np.array("toy")}
    assert files.kept(path) is None
    files.keep(path, np.savez_compressed, **arrays)
    found = files.kept(path)
    assert found.keys() == arrays.keys()
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
    with np.load(path) as stored:
        whole = dict(stored)
    for other in (whole | {"x": arrays["x"] + 1}, arrays, {"y" if n == "x" else n: a for n, a in whole.items()}):
        np.savez(path, **other)
        assert files.kept(path) is None
    files.keep(path, np.savez, **arrays)
    path.write_bytes(path.read_bytes()[:-20])
    assert files.kept(path) is None


def test_a_hash_is_of_the_numbers_in_their_order():
    a, b = np.arange(6).reshape(2, 3), np.arange(4.0)
    assert files.hashed(a, b) == hashlib.sha256(a.tobytes() + b.tobytes()).hexdigest()
    assert files.hashed(a.T, b) == hashlib.sha256(np.ascontiguousarray(a.T).tobytes() + b.tobytes()).hexdigest()


def test_what_cannot_be_fetched_is_named(tmp_path):
    def offline():
        raise RuntimeError("no network")

    with pytest.raises(ValueError, match=r"CIFAR-10 in .* is missing or damaged, .* \(no network\)"):
        files.fetched(offline, "CIFAR-10", tmp_path)
    assert files.fetched(lambda: 3, "CIFAR-10", tmp_path) == 3


def test_a_mistyped_folder_is_named_and_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "nope"))
    for load in (data.load, images.load):
        with pytest.raises(ValueError, match=r"DATA_DIR must be a folder that is there, got '.*nope'"):
            load("collins" if load is data.load else "cifar10")
    assert not list(tmp_path.iterdir())
    assert len(data.load("glass").x) == 214
