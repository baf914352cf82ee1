"""CIFAR-10: features computed once, images at hand, and what is missing or damaged."""

import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from lib import data
from lib.data import cifar10, files
from tests.data.pictures import picture


@pytest.fixture
def cifar(monkeypatch):
    """CIFAR-10 without its files: counted calls of the slow network, random images."""
    calls = []
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    monkeypatch.setattr(cifar10, "images", lambda *_: (images, np.arange(6), "toy copy"))
    monkeypatch.setattr(
        cifar10, "_features", lambda x, b: calls.append(b) or x.reshape(6, -1)[:, :5].astype(np.float32)
    )
    return calls


def test_features_are_computed_once_and_a_damaged_cache_is_made_again(cifar, tmp_path):
    first = cifar10.described("resnet18", n=6, cache=tmp_path)
    again = cifar10.described("resnet18", n=6, cache=tmp_path)
    assert cifar == ["resnet18"]
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert again[3] == "toy copy"
    (file,) = tmp_path.iterdir()  # and no half-written one beside it
    file.write_bytes(file.read_bytes()[:-200])
    assert np.array_equal(cifar10.described("resnet18", n=6, cache=tmp_path)[0], first[0])
    assert len(cifar) == 2


def test_a_cache_whose_numbers_changed_is_made_again(cifar, tmp_path):
    first = cifar10.described("resnet18", n=6, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    with np.load(file) as stored:
        arrays = dict(stored)
    arrays["x"][0, 0] += 1
    np.savez_compressed(file, **arrays)
    assert np.array_equal(cifar10.described("resnet18", n=6, cache=tmp_path)[0], first[0])


def test_the_named_set_says_its_copy_and_its_network(cifar, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "_cache", lambda *_: tmp_path / "cache.npz")
    table = data.load("cifar10-efficientnet-lite0")
    assert cifar == ["efficientnet-lite0"]
    assert table.source == "CIFAR-10 (Krizhevsky 2009); no licence stated; toy copy, outputs of efficientnet-lite0"
    assert table.classes[5] == "dog"
    assert table.features == tuple(f"imagenet-{i}" for i in range(5))


@pytest.mark.parametrize("n", [0, 50_001, True, "5"])
def test_a_number_of_images_that_cannot_be_is_refused(n):
    with pytest.raises(ValueError, match="images must be a whole number from 1 to 50000, got"):
        cifar10.described("resnet18", n=n)


def test_other_numbers_of_images_are_of_another_name(cifar, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "_cache", lambda *_: tmp_path / "cache.npz")
    assert data.load("cifar10-efficientnet-lite0", images=6).name == "cifar10-efficientnet-lite0-6"


def test_resnet18_describes_images_as_its_weights_say(tmp_path, monkeypatch):
    """With random weights in the place of ImageNet's, which are a file to fetch: as torchvision's own network and
    transform have it, 224 pixels, normalised, in evaluation mode."""
    from torchvision.models import ResNet18_Weights, resnet18

    torch.manual_seed(0)
    network = resnet18()
    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", lambda *_, **__: network.state_dict())
    pixels = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    monkeypatch.setattr(cifar10, "images", lambda *_: (pixels, np.arange(6), "toy copy"))
    x, _, images, _ = cifar10.described("resnet18", n=6, cache=tmp_path)
    assert x.shape == (6, 1000)
    assert np.array_equal(images, pixels)
    large = torch.nn.functional.interpolate(
        torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255, size=224, mode="bilinear"
    )
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        known = network.eval()((large - mean) / std)
    assert torch.from_numpy(x).float().numpy() == pytest.approx(known.numpy(), abs=1e-3 * float(known.std()))


def test_each_backbone_and_seed_has_its_own_cache(cifar, tmp_path):
    cifar10.described("resnet18", n=6, cache=tmp_path)
    cifar10.described("efficientnet-lite0", n=6, cache=tmp_path)
    cifar10.described("resnet18", n=6, seed=1, cache=tmp_path)
    assert len(cifar) == 3


def test_images_at_hand_are_those_of_the_cache_or_the_files_and_nothing_is_fetched(cifar, tmp_path):
    images = cifar10.described("resnet18", n=1000, cache=tmp_path / "cache")[2]
    assert cifar10.at_hand("resnet18", tmp_path, cache=tmp_path) is None
    assert np.array_equal(cifar10.at_hand("resnet18", tmp_path, cache=tmp_path / "cache"), images)
    (tmp_path / "cifar10-jpeg-train.zip").touch()
    assert np.array_equal(cifar10.at_hand("resnet18", tmp_path, cache=tmp_path), images)


def test_labels_of_the_chosen_images_need_no_file():
    chosen, y = cifar10.chosen(seed=0, n=1000)
    assert len(set(chosen.tolist())) == 1000
    assert (chosen[:5].tolist(), chosen.sum()) == ([14, 134, 175, 244, 262], 25_899_156)  # as records have it
    assert np.array_equal(y, chosen // 5_000)
    assert np.array_equal(np.unique(y), np.arange(10))


def test_images_are_the_chosen_ones_of_either_copy(tmp_path, monkeypatch):
    """Of the JPEG copy if it is there, in the order of names, and else of torchvision's, class by class."""
    monkeypatch.setattr(cifar10, "chosen", lambda *_: (np.array([1, 2]), np.array([0, 9])))
    originals = np.stack([picture(10 + i)[1] for i in range(3)])
    monkeypatch.setattr(cifar10, "original", lambda folder: (originals, None))
    pixels, y, copy = cifar10.images(tmp_path)
    assert (y.tolist(), copy) == ([0, 9], "original pixels")
    assert np.array_equal(pixels, originals[1:])
    path = tmp_path / "cifar10-jpeg-train.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in ((2, "truck/0.jpg"), (0, "airplane/0.jpg"), (1, "airplane/1.jpg")):
            archive.writestr(name, picture(i)[0])
    monkeypatch.setattr(cifar10, "TRAIN", replace(cifar10.TRAIN, sha256=files.digest(path)))
    pixels, y, copy = cifar10.images(tmp_path)
    assert (y.tolist(), copy) == ([0, 9], "JPEG copy")
    assert np.array_equal(pixels, [picture(i)[1] for i in (1, 2)])


def test_torchvisions_images_are_counted_class_by_class(tmp_path, monkeypatch):
    """As the JPEG copy has them, whatever their order in torchvision's batches, which the test writes."""
    from torchvision.datasets import CIFAR10

    folder, generator = tmp_path / CIFAR10.base_folder, np.random.default_rng(0)
    folder.mkdir()
    labels = generator.permutation(np.arange(20) % 10)
    pixels = generator.integers(0, 256, (20, 3, 32, 32), dtype=np.uint8)
    monkeypatch.setattr(CIFAR10, "train_list", [("data_batch_1", None)])
    monkeypatch.setattr(CIFAR10, "test_list", [])
    batch = {"data": pixels.reshape(20, -1), "labels": labels.tolist()}
    (folder / "data_batch_1").write_bytes(pickle.dumps(batch))
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"filename": "batches.meta", "md5": None})
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(cifar10.CLASSES)}))
    monkeypatch.setattr(cifar10, "ALL", 20)
    images, y, source = cifar10.images(tmp_path, n=8)
    assert source == "original pixels"
    for own, c in zip(images, y):
        (place,) = [i for i in range(20) if np.array_equal(pixels[i].transpose(1, 2, 0), own)]
        assert labels[place] == c


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="backbone must be one of resnet18, efficientnet-lite0, got 'vgg'"):
        cifar10.described("vgg")


def test_a_changed_archive_of_images_is_refused(tmp_path):
    (tmp_path / "cifar10-jpeg-train.zip").write_bytes(b"not it")
    with pytest.raises(ValueError, match=r"cifar10-jpeg-train.zip is damaged.*delete it"):
        cifar10.images(tmp_path)


@pytest.mark.skipif(not (files.data_dir() / "cifar10-jpeg-train.zip").exists(), reason="DATA_DIR has no CIFAR-10")
def test_images_of_the_jpeg_copy_match_their_labels():
    images, y, source = cifar10.images(n=20)
    assert images.shape == (20, 32, 32, 3)
    assert images.dtype == np.uint8
    assert source == "JPEG copy"
    assert np.array_equal(y, np.sort(y))
    assert y.max() <= 9
    assert np.array_equal(images, cifar10.images(n=20)[0])
    assert not np.array_equal(images, cifar10.images(n=20, seed=1)[0])
