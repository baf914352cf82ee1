"""Images: named sets in their own formats, folders of one's own, splits, and flips and crops for whole batches."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lib.data import copies, own_images
from lib.data import images as sets
from lib.data.images import augment, load

CIFAR = sets.CLASSES["cifar10"]


def picture(seed, shape=(32, 32), kind="PNG", mode="RGB"):
    """An image file of noise, and its pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue(), pixels


@pytest.fixture
def own(tmp_path):
    """A folder of one's own: 3 classes of 10 images."""
    for c, name in enumerate(("cat", "dog", "owl")):
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(10):
            (tmp_path / "own" / name / f"{i}.png").write_bytes(picture(10 * c + i, (12, 16))[0])
    return tmp_path / "own"


@pytest.fixture
def jpeg(tmp_path, monkeypatch):
    """Two archives like the JPEG copy's, in PNG so that pixels are exact: 5 and 2 images of each class."""
    for name, each in (("cifar10-jpeg-train.zip", 5), ("cifar10-jpeg-test.zip", 2)):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for c, word in enumerate(CIFAR):
                for i in range(each):
                    archive.writestr(f"{word}/{i:04}.jpg", picture(1000 * each + 10 * c + i)[0])
    return registered(tmp_path, monkeypatch)


def registered(folder, monkeypatch):
    """The archives as they are now take the place of the real ones."""
    for name in sets.ARCHIVES:
        monkeypatch.setitem(sets.ARCHIVES, name, sets.hashed(np.frombuffer((folder / name).read_bytes(), np.uint8)))
    monkeypatch.setattr(sets, "SIZES", (50, 20))
    return folder


def test_a_folder_of_ones_own_is_split_and_read_whole(own, tmp_path):
    images = load(own, cache=tmp_path / "cache")
    assert images.classes == ("cat", "dog", "owl")
    assert [len(getattr(images, f"x_{part}")) for part in ("train", "val", "test")] == [21, 3, 6]
    found = torch.cat([images.x_train, images.x_val, images.x_test])
    labels = torch.cat([images.y_train, images.y_val, images.y_test])
    for c in range(3):
        for i in range(10):
            pixels = torch.from_numpy(picture(10 * c + i, (12, 16))[1])
            assert labels[(found == pixels).flatten(1).all(1)].tolist() == [c]


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


def test_a_folder_that_changed_is_read_again_and_a_damaged_cache_made_again(own, tmp_path):
    cache, before = tmp_path / "cache", load(own, cache=tmp_path / "cache")
    (own / "cat" / "0.png").write_bytes(picture(99, (12, 16))[0])
    changed = load(own, cache=cache)
    assert changed.digest != before.digest
    (file,) = cache.iterdir()
    with np.load(file) as stored:
        other = dict(stored) | {"x": stored["x"] + 1}
    np.savez(file, **other)
    assert torch.equal(load(own, cache=cache).x_train, changed.x_train)
    file.write_bytes(file.read_bytes()[:-2000])
    assert load(own, cache=cache).digest == changed.digest


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        (
            "cat/0.png",
            picture(0, (12, 17))[0],
            r"cat/0.png must have 12 x 17|must have 12 x 17 pixels|must have 12 x 16",
        ),
        ("dog/3.png", picture(0, (12, 17))[0], r"dog/3.png must have 12 x 16 pixels, got 12 x 17"),
        ("dog/3.png", picture(0, (12, 16), mode="L")[0], r"dog/3.png must be a colour image"),
        ("owl/9.png", picture(0, (12, 16))[0][:60], r"owl/9.png is no image that can be read"),
        ("owl/9.png", b"text", r"owl/9.png is no image that can be read"),
        ("loose.png", picture(0, (12, 16))[0], r"loose.png beside them"),
    ],
)
def test_a_file_that_does_not_fit_is_named(own, tmp_path, name, content, word):
    (own / name).write_bytes(content)
    with pytest.raises(ValueError, match=word):
        load(own, cache=tmp_path / "cache")


def test_folders_that_are_no_classes_are_named(own, tmp_path):
    (own / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no image"):
        load(own, cache=tmp_path / "cache")
    (tmp_path / "one" / "cat").mkdir(parents=True)
    (tmp_path / "one" / "cat" / "0.png").write_bytes(picture(0)[0])
    with pytest.raises(ValueError, match="two classes"):
        load(tmp_path / "one", cache=tmp_path / "cache")
    with pytest.raises(ValueError, match="data must be one of"):
        load("mnist")


@pytest.mark.parametrize("side", [9_000, 30_000])
def test_an_image_of_more_pixels_than_anybody_has_is_not_read(side, own, tmp_path, monkeypatch):
    """A file of some kilobytes that asks for 240 MB or 2.7 GB: PIL refuses the second one itself."""
    Image.new("1", (side, side)).save(own / "cat" / "0.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: pytest.fail("it was read"))
    with pytest.raises(ValueError, match=r"cat/0.png says that it has more than 67,108,864 pixels, so it was not read"):
        load(own, cache=tmp_path / "cache", size=8)


def test_images_of_any_shape_are_scaled_and_cropped_to_a_square(own, tmp_path):
    """Of an image that is white in its middle square and black beside it, the square is what stays."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = 255
    Image.fromarray(pixels).save(own / "cat" / "0.png")
    with pytest.raises(ValueError, match="must have 20 x 40 pixels"):
        load(own, cache=tmp_path / "cache")
    images = load(own, size=8, cache=tmp_path / "cache")
    assert images.x_train.shape[1:] == (8, 8, 3)
    every = torch.cat([images.x_train, images.x_val, images.x_test])
    assert (every > 200).flatten(1).all(1).sum() == 1  # its edges are mixed with what lies beside them
    assert load(own, size=4, cache=tmp_path / "cache").x_train.shape[1:] == (4, 4, 3)
    upright = Image.new("RGB", (8, 8))
    upright.putpixel((0, 0), (255, 0, 0))
    file, held = io.BytesIO(), Image.Exif()
    held[0x0112] = 3  # upside down
    upright.save(file, "PNG", exif=held)
    assert own_images.decoded(file.getvalue(), "held", size=8)[7, 7].tolist() == [255, 0, 0]
    for name, size in (("cifar10-jpeg", 8), (own, 0), (own, 2.5)):
        with pytest.raises(ValueError, match="size must be a number of pixels, for images of your own"):
            load(name, size=size, cache=tmp_path / "cache")


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


def stl10(folder, monkeypatch, train=20, test=4):
    """STL-10's binary files, small: channels, then columns, then rows; labels from 1."""
    from torchvision.datasets import STL10

    base, generator = folder / STL10.base_folder, np.random.default_rng(1)
    base.mkdir(exist_ok=True)
    pixels = {}
    for part, n in (("train", train), ("test", test)):
        pixels[part] = generator.integers(0, 256, (n, 96, 96, 3), dtype=np.uint8)
        (base / f"{part}_X.bin").write_bytes(pixels[part].transpose(0, 3, 2, 1).tobytes())
        (base / f"{part}_y.bin").write_bytes((np.arange(n) % 10 + 1).astype(np.uint8).tobytes())
    (base / "class_names.txt").write_text("\n".join(sets.CLASSES["stl10"]))
    for listed in ("train_list", "test_list"):
        kept = [[name, None] for name, _ in getattr(STL10, listed) if "unlabeled" not in name]
        monkeypatch.setattr(STL10, listed, kept)
    return pixels


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


def test_both_copies_are_the_same_photographs(tmp_path):
    """1,017 images of 10 classes, their pixels 5.8 grey levels apart on average, each nearest to its own copy."""
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
