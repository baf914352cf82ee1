"""Folders of small pictures."""

import io

import numpy as np
from PIL import Image

from lib.data import copies
from lib.data import images as sets
from lib.data.files import hashed

CIFAR = sets.CLASSES["cifar10"]


def picture(seed, shape=(32, 32), kind="PNG", mode="RGB"):
    """An image file of noise, and its pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind)
    return file.getvalue(), pixels


def registered(folder, monkeypatch):
    """The archives as they are now take the place of the real ones."""
    for name in copies.ARCHIVES:
        monkeypatch.setitem(copies.ARCHIVES, name, hashed(np.frombuffer((folder / name).read_bytes(), np.uint8)))
    monkeypatch.setattr(copies, "SIZES", (50, 20))
    return folder


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
