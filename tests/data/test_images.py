"""Sets of images: their splits, STL-10, inputs, flips and crops."""

import numpy as np
import pytest
import torch

from lib.data.images import augment, indices, load
from tests.data.pictures import stl10
from tests.image_sets import noise


def test_splits_depend_on_their_seed_and_parts_may_be_shortened(own, tmp_path):
    cache = tmp_path / "cache"
    first, again, other = (load(own, seed=seed, cache=cache) for seed in (0, 0, 1))
    assert torch.equal(first.x_train, again.x_train)
    assert [len(getattr(first, f"x_{part}")) for part in ("train", "val", "test")] == [21, 3, 6]  # 70, 10, 20 %
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


def test_the_parts_of_a_named_set_are_its_training_images_in_two_and_its_test_images():
    for name, val in (("cifar10", 20), ("cifar10-jpeg", 20), ("stl10", 10)):
        train, held, test = (rows.tolist() for rows in indices(name, (100, 30), seed=1))
        assert (len(train), len(held), len(test)) == (100 - val, val, 30)
        assert sorted(train + held) == list(range(100))
        assert sorted(test) == list(range(100, 130))
        order = np.random.default_rng(1).permutation(100).tolist()
        assert train + held == order  # as records have it


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
    by_default, four = (augment(pixels, torch.Generator().manual_seed(1), **m) for m in ({}, {"margin": 4}))
    assert torch.equal(by_default, four)
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
    assert {(top, left) for top, left, _ in seen} == {(top, left) for top in range(5) for left in range(5)}
    assert {flip for _, _, flip in seen} == {0, 1}


def test_inputs_are_standardised_as_the_network_was_trained():
    """By what is given, else by what its file notes, else by the images' own, which are then the same images."""
    images, noted = noise(), {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]}
    assert images.as_trained({"config": "c0ffee"}) is images
    own = {name: getattr(images, name).tolist() for name in ("mean", "std")}
    assert images.as_trained(own) is images
    assert images.as_trained(own | {"std": noted["std"]}).std.tolist() == pytest.approx(noted["std"])
    assert images.as_trained(noted, **own) is images
    read = images.as_trained(noted)
    for given in ({"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.1)}, {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]}):
        asked = images.as_trained({}, **given)
        assert asked.digest == read.digest != images.digest
        pixels = images.x_train[:2]
        x = (pixels.double() / 255 - torch.tensor([0.5, 0.4, 0.3])) / torch.tensor([0.2, 0.2, 0.1])
        assert torch.allclose(asked.inputs(pixels), x.permute(0, 3, 1, 2).float(), atol=1e-5)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"mean": [0.5, 0.5, 0.5]}, r"std must be three numbers between 0 and 1, got \[\]"),
        ({"std": [0.5, 0.5, 0.5]}, r"mean must be three numbers between 0 and 1, got \[\]"),
        ({"mean": [0.5], "std": [0.2] * 3}, "mean must be three numbers"),
        ({"mean": [123.7, 116.3, 103.5], "std": [0.2] * 3}, "mean must be three numbers between 0 and 1"),
        ({"mean": [-0.1, 0.5, 0.5], "std": [0.2] * 3}, "mean must be three numbers between 0 and 1"),
        ({"mean": ["a"] * 3, "std": [0.2] * 3}, "mean must be three numbers"),
        ({"mean": [0.5] * 3, "std": [0.2, float("nan"), 0.2]}, "std must be three numbers"),
        ({"mean": [0.5] * 3, "std": [0.2, 0, 0.2]}, "std positive"),
    ],
)
def test_a_standardisation_that_makes_no_sense_is_named(given, reason):
    with pytest.raises(ValueError, match=reason):
        noise().as_trained({}, **given)
