"""CIFAR-10 in two copies: each read in one order, how far they lie apart, what is missing or damaged named."""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lib.data import copies
from lib.data.images import load
from tests.data.pictures import CIFAR, picture, registered


def test_each_image_lies_apart_from_its_copy_and_is_nearest_to_it(tmp_path):
    """1,017 images of 10 classes, their pixels 5.8 grey levels apart on average, and others further."""
    data = os.environ.get("DATA_DIR")
    if not data or not Path(data, copies.EXACT[0]).is_file():
        pytest.skip("DATA_DIR lacks the exact pixels")
    exact, jpeg, y = copies.both()
    assert exact.shape == jpeg.shape == (1_017, 32, 32, 3)
    assert set(y) == set(range(10))
    apart = np.abs(exact.astype(int) - jpeg).mean((1, 2, 3))
    assert apart.mean() == pytest.approx(5.78, abs=0.1)
    assert apart.max() < 15
    others = np.abs(exact[:50].astype(int) - np.roll(jpeg, 1, 0)[:50]).mean((1, 2, 3))
    assert (apart[:50] < others).all()
    with pytest.raises(ValueError, match="cifar10-exact-subset"):
        copies.both(tmp_path)


def test_the_jpeg_copy_is_read_in_order_and_says_what_it_is(jpeg, tmp_path):
    images = load("cifar10-jpeg", jpeg, cache=tmp_path / "cache")
    assert "JPEG" in images.source
    assert images.classes == CIFAR
    assert [len(getattr(images, f"x_{part}")) for part in ("train", "val", "test")] == [40, 10, 20]
    expected = {picture(5000 + 10 * c + i)[1].tobytes(): c for c in range(10) for i in range(5)}
    for part in ("train", "val"):
        for x, y in zip(getattr(images, f"x_{part}"), getattr(images, f"y_{part}")):
            assert expected.pop(x.numpy().tobytes()) == y
    assert not expected
    again = load("cifar10-jpeg", jpeg, cache=tmp_path / "cache")
    assert again.digest == images.digest


def test_a_truncated_archive_is_named(jpeg, tmp_path, monkeypatch):
    path = jpeg / "cifar10-jpeg-train.zip"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ValueError, match=r"cifar10-jpeg-train.zip is damaged or another version"):
        load("cifar10-jpeg", jpeg, cache=tmp_path / "cache")
    registered(jpeg, monkeypatch)  # even if its checksum were right
    with pytest.raises(ValueError, match=r"cifar10-jpeg-train.zip is no whole zip file"):
        load("cifar10-jpeg", jpeg, cache=tmp_path / "cache")
    path.unlink()
    with pytest.raises(ValueError, match=r"no data file at .*cifar10-jpeg-train.zip"):
        load("cifar10-jpeg", jpeg, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("plane/0000.jpg", picture(0)[0], r"plane/0000.jpg in cifar10-jpeg-train.zip must lie in a class's folder"),
        ("cat/9999.jpg", picture(0, mode="L")[0], r"cat/9999.jpg in cifar10-jpeg-train.zip must be a colour image"),
        ("cat/9999.jpg", picture(0, (32, 31))[0], r"cat/9999.jpg in .* must have 32 x 32 pixels, got 32 x 31"),
        ("cat/9999.jpg", picture(0, kind="JPEG")[0][:200], r"cat/9999.jpg in .* is no image that can be read"),
    ],
)
def test_a_file_of_an_archive_that_does_not_fit_is_named(jpeg, tmp_path, monkeypatch, name, content, word):
    with zipfile.ZipFile(jpeg / "cifar10-jpeg-train.zip", "a") as archive:
        archive.writestr(name, content)
    registered(jpeg, monkeypatch)
    with pytest.raises(ValueError, match=word):
        load("cifar10-jpeg", jpeg, cache=tmp_path / "cache")


def test_torchvisions_cifar10_is_read_in_the_jpeg_copys_order(tmp_path, monkeypatch):
    """Its own batches of pickles, which the test writes: sorted by class, then as they come."""
    from torchvision.datasets import CIFAR10

    folder, generator = tmp_path / CIFAR10.base_folder, np.random.default_rng(0)
    folder.mkdir()
    for listed in ("train_list", "test_list"):
        monkeypatch.setattr(CIFAR10, listed, [(name, None) for name, _ in getattr(CIFAR10, listed)])
        for name, _ in getattr(CIFAR10, listed):
            batch = {"data": generator.integers(0, 256, (4, 3072), dtype=np.uint8), "labels": [9, 0, 5, 0]}
            (folder / name).write_bytes(pickle.dumps(batch))
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"filename": "batches.meta", "md5": None})
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CIFAR)}))
    images = load("cifar10", tmp_path)
    assert [len(getattr(images, f"x_{part}")) for part in ("train", "val", "test")] == [16, 4, 4]
    first = pickle.loads((folder / "test_batch").read_bytes())["data"][[1, 3, 2, 0]].reshape(4, 3, 32, 32)
    order = np.random.default_rng(0).permutation(4)
    assert np.array_equal(images.x_test.numpy(), first.transpose(0, 2, 3, 1)[order])
    assert images.y_test.tolist() == np.array([0, 0, 5, 9])[order].tolist()
