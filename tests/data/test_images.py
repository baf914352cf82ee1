"""Named sets of images: the JPEG copy, torchvision's CIFAR-10 and STL-10 read in one order; inputs, flips and crops."""

import pickle
import zipfile

import numpy as np
import pytest
import torch

from lib.data.images import augment, load
from tests.data.pictures import CIFAR, picture, registered, stl10
from tests.image_sets import noise


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


def test_splits_depend_on_their_seed_and_parts_may_be_shortened(own, tmp_path):
    cache = tmp_path / "cache"
    first, again, other = (load(own, seed=seed, cache=cache) for seed in (0, 0, 1))
    assert torch.equal(first.x_train, again.x_train)
    assert first.digest == again.digest
    assert not torch.equal(first.x_train, other.x_train)
    short = load(own, train=5, test=2, cache=cache)
    assert torch.equal(short.x_train, first.x_train[:5])
    assert torch.equal(short.x_test, first.x_test[:2])
    assert len({first.digest, other.digest, short.digest}) == 3
    for part, n in (("train", 22), ("val", 0)):
        with pytest.raises(ValueError, match=f"{part} must lie between"):
            load(own, cache=cache, **{part: n})


def test_the_working_folder_has_its_name_and_no_path_is_none(own, tmp_path, monkeypatch):
    monkeypatch.chdir(own)
    assert load(".", cache=tmp_path / "cache").name == "own"
    with pytest.raises(ValueError, match=r"data must be one of .* or a folder of images, got ''"):
        load("")
    with pytest.raises(ValueError, match=r"data must be one of .* or a folder of images, got None"):
        load(None)
    for given in (
        {"size": True},
        {"train": True},
        {"test": 2.0},
        {"val": "3"},
        {"seed": "a"},
        {"seed": -1},
        {"seed": 0.5},
    ):
        with pytest.raises(ValueError, match=f"{next(iter(given))} must"):
            load(own, cache=tmp_path / "cache", **given)


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


def test_stl10_is_read_from_its_own_format(tmp_path, monkeypatch):
    pixels = stl10(tmp_path, monkeypatch)
    images = load("stl10", tmp_path)
    assert [len(getattr(images, f"x_{part}")) for part in ("train", "val", "test")] == [18, 2, 4]
    order = np.random.default_rng(0).permutation(20)
    assert np.array_equal(torch.cat([images.x_train, images.x_val]).numpy(), pixels["train"][order])
    assert torch.cat([images.y_train, images.y_val]).tolist() == (order % 10).tolist()
    assert images.background.shape == (3, 96, 96)


def test_a_damaged_stl10_is_named(tmp_path, monkeypatch):
    stl10(tmp_path, monkeypatch)
    file = tmp_path / "stl10_binary" / "train_X.bin"
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(ValueError, match="STL-10"):
        load("stl10", tmp_path)


# --- Pixels ----------------------------------------------------------------------------------------------------------


def test_inputs_are_standardised_by_the_training_images(own, tmp_path):
    images = load(own, cache=tmp_path / "cache")
    x = images.inputs(images.x_train)
    assert x.shape == (21, 3, 12, 16)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(x.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5)
    assert torch.equal(images.background, torch.zeros(3, 12, 16))


def test_inputs_may_be_standardised_by_somebody_elses_numbers():
    images = noise()
    other = images.standardised((0.1, 0.2, 0.4), (0.5, 1.0, 2.0))
    pixels = torch.full((1, 1, 1, 3), 255)
    assert other.inputs(pixels).flatten().tolist() == pytest.approx([1.8, 0.8, 0.3])
    assert other.digest not in (images.digest, images.standardised((0.1, 0.2, 0.4), (0.5, 1.0, 2.5)).digest)
    assert torch.equal(images.inputs(images.x_test[:1]), noise().inputs(images.x_test[:1]))
    for mean, std in (((0.1,), (1, 1, 1)), ((0, 0, 0), (1, 1, 0)), ((0, 0, 0, 0), (1, 1, 1))):
        with pytest.raises(ValueError, match="mean and std must be three numbers each"):
            images.standardised(mean, std)


def test_flips_and_crops_are_those_of_a_plain_loop():
    """Each image by its own draw: a crop of the image with a black margin, mirrored or not."""
    pixels = torch.randint(1, 256, (200, 6, 7, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = augment(pixels, torch.Generator().manual_seed(1), margin=2)
    again = augment(pixels, torch.Generator().manual_seed(1), margin=2)
    assert torch.equal(found, again)
    seen = set()
    for before, after in zip(pixels, found):
        padded = torch.zeros(10, 11, 3, dtype=torch.uint8)
        padded[2:8, 2:9] = before
        places = {(top, left, flip): padded[top : top + 6, left : left + 7].flip(1) if flip else
                  padded[top : top + 6, left : left + 7]
                  for top in range(5) for left in range(5) for flip in (0, 1)}  # fmt: skip
        matching = [place for place, crop in places.items() if torch.equal(crop, after)]
        assert len(matching) == 1
        seen |= set(matching)
    assert {top for top, _, _ in seen} == {left for _, left, _ in seen} == set(range(5))
    assert {flip for _, _, flip in seen} == {0, 1}
