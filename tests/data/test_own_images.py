"""A folder of one's own images: split, read whole, cached, refused where it does not fit."""

import os
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from lib.data.images import load
from tests.data.pictures import picture


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


def test_two_folders_of_one_name_are_read_each_though_sizes_and_dates_are_equal(own, tmp_path):
    """Nor is a file taken for what it was before, under the same name, of the same size and with its old date."""
    other = shutil.copytree(own, tmp_path / "other" / own.name)
    for folder, color in ((own, 10), (other, 20)):
        for path in folder.glob("*/*.png"):
            Image.new("RGB", (16, 12), (color, 0, 0)).save(path.with_suffix(".bmp"))
            path.unlink()
            os.utime(path.with_suffix(".bmp"), (10**9, 10**9))
    cache = tmp_path / "cache"
    assert [load(folder, cache=cache).x_train.amax().item() for folder in (own, other, own)] == [10, 20, 10]
    linked = shutil.copytree(own, tmp_path / "linked" / own.name, copy_function=os.link)  # even the same files
    keys = []
    for folder in (own, linked):
        load(folder, cache=cache)
        with np.load(*cache.iterdir()) as stored:
            keys.append(str(stored["key"]))
    assert keys[0] != keys[1]
    path = own / "cat" / "0.bmp"
    digest, before = load(own, cache=cache).digest, path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:  # a file system's clock may be coarse
        Image.new("RGB", (16, 12), (30, 0, 0)).save(path)
        os.utime(path, (10**9, 10**9))
    assert load(own, cache=cache).digest != digest


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
        ("loose.gif", b"", r"loose.gif beside them"),
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


def test_a_folder_is_not_called_as_a_named_set(own, tmp_path):
    """Its records would be taken for that set's."""
    with pytest.raises(ValueError, match="must not be called cifar10-jpeg, as a set of this library is: rename it"):
        load(own.rename(tmp_path / "cifar10-jpeg"), cache=tmp_path / "cache")


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
    for name, size in (("cifar10-jpeg", 8), (own, 0), (own, 2.5), (own, 8_193)):
        with pytest.raises(ValueError, match="size must be pixels to a side, up to 8,192, for images of your own"):
            load(name, size=size, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    "name", ["cat/0.gif", "dog/x.webp", "owl/scan.tif", "cat/more/0.png", "cat/notes.txt", "cat/folder.png/a"]
)
def test_nothing_in_a_class_is_left_out_unsaid(name, own, tmp_path):
    (own / name).parent.mkdir(exist_ok=True)
    (own / name).write_bytes(picture(0, (12, 16))[0])
    with pytest.raises(ValueError, match=r"own/\w+/(0.gif|x.webp|scan.tif|more|notes.txt|folder.png) is no image file"):
        load(own, cache=tmp_path / "cache")


def test_a_link_to_nowhere_is_named_and_hidden_files_are_no_images(own, tmp_path):
    (own / "cat" / "._0.png").write_text("what a Mac adds")
    assert len(load(own, cache=tmp_path / "cache").y_train) == 21
    (own / "cat" / "a.png").symlink_to(own / "gone.png")
    with pytest.raises(ValueError, match=r"cat/a.png is no image file"):
        load(own, cache=tmp_path / "cache")
    (own / "cat" / "a.png").unlink()
    (own / "emu").symlink_to(own / "gone")
    with pytest.raises(ValueError, match=r"own/emu is a link to nothing"):
        load(own, cache=tmp_path / "cache")


def test_each_part_has_images_and_training_has_each_class(own, tmp_path):
    for path in [*(own / "cat").iterdir()][:-1]:
        path.unlink()
    absent = []
    for seed in range(12):
        try:
            load(own, seed=seed, cache=tmp_path / "cache")
        except ValueError as error:
            absent.append(str(error))
    assert 0 < len(absent) < 12
    assert {text.split(":")[0] for text in absent} == {"training must see each class, got no image of cat"}
    for name in ("dog", "owl"):
        for path in [*(own / name).iterdir()][2:]:
            path.unlink()
    (own / "dog" / "0.png").unlink(missing_ok=True)
    with pytest.raises(ValueError, match=r"must hold images for training, validation and test, got .*, 0, "):
        load(own, cache=tmp_path / "cache")
