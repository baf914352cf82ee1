"""Images for paper ID: CIFAR-10, its JPEG copy, STL-10 and folders of one's own, as bytes with one split.

    images = load("cifar10-jpeg", val=1_000, test=1_000)
    x = images.inputs(augment(images.x_train[rows], generator))   # standardised (n, 3, H, W), 0 is the mean colour

cifar10 and stl10 are torchvision's, fetched when needed. cifar10-jpeg is a copy compressed by JPEG (see copies.py).
A path names a folder of your own, CLASS/file. Decoded images are kept in _build/cache, as one array for each name.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from lib.data import copies
from lib.data.files import CACHE, data_dir, fetched, hashed
from lib.data.image_files import LARGEST
from lib.data.own_images import check_parts, read_own
from lib.options import is_number, is_whole

NAMES = ("cifar10", "cifar10-jpeg", "stl10")
CLASSES = {
    "cifar10": copies.CLASSES,
    "stl10": ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"),
}
SOURCES = {
    "cifar10": "CIFAR-10 (Krizhevsky 2009), original pixels; no licence stated",
    "cifar10-jpeg": "CIFAR-10 (Krizhevsky 2009), JPEG copy; no licence stated",
    "stl10": "STL-10 (Coates et al. 2011), original pixels; no licence stated",
}
VALIDATION = {"cifar10": 0.2, "cifar10-jpeg": 0.2, "stl10": 0.1}  # of the training images: 10,000 and 500
FRACTIONS = (0.7, 0.1, 0.2)  # of a folder of one's own: training, validation, test


@dataclass(frozen=True, eq=False)
class Images:
    """One data set and one split of it. Pixels (N, H, W, 3) are bytes, labels (N,) int64."""

    name: str
    classes: tuple[str, ...]
    source: str
    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    x_test: Tensor
    y_test: Tensor
    mean: Tensor  # (3,) of the training pixels, or what `standardised` was given, between 0 and 1
    std: Tensor
    digest: str  # of the pixels, the split and what is taken of it

    @property
    def C(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def background(self) -> Tensor:
        """What masked pixels become, (3, H, W): the colour `mean` as `inputs` gives it."""
        height, width = self.x_train.shape[1:3]
        return torch.zeros(3, height, width, device=self.mean.device)

    def inputs(self, pixels: Tensor) -> Tensor:
        """Standardised inputs (n, 3, H, W) in channels-last order, from bytes (n, H, W, 3)."""
        return ((pixels.float() / 255 - self.mean) / self.std).permute(0, 3, 1, 2)

    def standardised(self, mean: Sequence[float], std: Sequence[float]) -> "Images":
        """The same images for a network that was trained on inputs standardised by these, (3,) each between 0 and 1."""
        own = {"mean": self.mean.new_tensor(mean), "std": self.std.new_tensor(std)}
        words = f"{self.digest} {own['mean'].tolist()} {own['std'].tolist()}"
        if any(len(values) != 3 for values in own.values()) or not (own["std"] > 0).all():
            raise ValueError(f"mean and std must be three numbers each, std positive, got {mean} and {std}")
        return replace(self, **own, digest=hashlib.sha256(words.encode()).hexdigest())

    def as_trained(self, about: Mapping, *, mean: Sequence[float] = (), std: Sequence[float] = ()) -> "Images":
        """The same images with inputs as a network was trained on, standardised by mean and std, each (3,) or empty.

        Both empty: by what `about` notes of the network's file, or else as they are. ValueError naming the one that is
        not three numbers between 0 and 1.
        """
        given = {"mean": list(mean), "std": list(std)}
        if not any(given.values()):
            given = {name: about.get(name, getattr(self, name).tolist()) for name in given}
        for name, values in given.items():
            if len(values) != 3 or not all(is_number(value) and 0 <= value <= 1 for value in values):
                raise ValueError(f"{name} must be three numbers between 0 and 1, got {values}")
        if all(values == getattr(self, name).tolist() for name, values in given.items()):
            return self  # the same data, by the same digest
        return self.standardised(given["mean"], given["std"])

    def to(self, device: str | torch.device) -> "Images":
        """The same images on another device."""
        tensors = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **tensors)


def load(
    name: str, folder: str | Path | None = None, *, seed: int = 0, train: int | None = None, val: int | None = None,
    test: int | None = None, size: int | None = None, cache: Path = CACHE,
) -> Images:  # fmt: skip
    """A named set, or a folder of your own by its path, split by `seed`; the first so many of each part, None for all.

    folder: where a named set lies, by default DATA_DIR. size: pixels to a side, to which images of your own are scaled
    and cropped; None where they have one shape. ValueError: unknown name, a file that is missing, damaged or no image
    of the others' shape, more images asked for than a part has.
    """
    if size is not None and (name in NAMES or not is_whole(size, 1, math.isqrt(LARGEST))):
        most = math.isqrt(LARGEST)
        raise ValueError(
            f"size must be pixels to a side, up to {most:,}, for images of your own, got {size!r} for {name}"
        )
    if not is_whole(seed, 0):
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
    if name in NAMES:
        folder = data_dir(folder)
        classes, source = CLASSES[name.removesuffix("-jpeg")], SOURCES[name]
        x, y, sizes, digest = READERS[name](folder, cache)
        index = indices(name, sizes, seed=seed)
    elif isinstance(name, str | Path) and str(name) and Path(name).is_dir():
        place = Path(name).resolve()
        if place.name in NAMES:
            raise ValueError(f"your folder must not be called {place.name}, as a set of this library is: rename it")
        x, y, classes, digest = read_own(place, cache, size=size)
        name, source = place.name, f"your folder {place.name}"
        cuts = np.cumsum([round(share * len(y)) for share in FRACTIONS[:2]])
        index = np.split(_shuffled(len(y), seed), cuts)
        check_parts(y, index, classes)
    else:
        raise ValueError(f"data must be one of {', '.join(NAMES)} or a folder of images, got {name!r}")
    return _taken(name, classes, source, x, y, index, (train, val, test), f"{digest} {seed}")


def indices(name: str, sizes: Sequence[int], *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of training, validation and test of a named set, which has so many training images and then test images."""
    order = _shuffled(sizes[0], seed)
    cut = round(len(order) * (1 - VALIDATION[name]))
    return order[:cut], order[cut:], sizes[0] + _shuffled(sizes[1], seed)


def _taken(name, classes, source, x, y, index, limits, digest) -> Images:
    """The first so many of each part."""
    parts = {}
    for part, rows, limit in zip(("train", "val", "test"), index, limits):
        if limit is not None and not is_whole(limit, 1, len(rows)):
            raise ValueError(f"{part} must lie between 1 and the {len(rows)} images of {name}, got {limit!r}")
        rows = rows[:limit]
        parts |= {f"x_{part}": torch.from_numpy(x[rows]), f"y_{part}": torch.from_numpy(y[rows]).long()}
    mean, std = _moments(parts["x_train"])
    limits = tuple(limit if limit is None else int(limit) for limit in limits)
    digest = hashlib.sha256(f"{digest} {limits}".encode()).hexdigest()
    return Images(name, tuple(classes), source, **parts, mean=mean, std=std, digest=digest)


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, between 0 and 1, (3,) each; counted, so that no order matters."""
    values = torch.arange(256, dtype=torch.float64) / 255
    counts = torch.stack([torch.bincount(pixels[..., c].flatten(), minlength=256) for c in range(3)]).double()
    share = counts / counts.sum(1, keepdim=True)
    mean = share @ values
    std = (share @ values.square() - mean.square()).clamp_min(0).sqrt()
    return mean.float(), std.where(std > 0, 1).float()


def _shuffled(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(n)


def augment(pixels: Tensor, generator: torch.Generator, *, margin: int = 4) -> Tensor:
    """Each image (n, H, W, 3) flipped or not and moved by up to `margin` pixels, black where it ends: same shape.

    A crop of the image with a margin around it, gathered for the whole batch at once.
    """
    n, H, W, _ = pixels.shape
    draw = {"generator": generator, "device": generator.device}
    top, left = (torch.randint(2 * margin + 1, (n, 1), **draw).to(pixels.device) for _ in range(2))
    flip = torch.randint(2, (n, 1), **draw).to(pixels.device)
    row, column = torch.arange(H, device=pixels.device), torch.arange(W, device=pixels.device)
    column = torch.where(flip == 1, W - 1 - column, column)
    image = torch.arange(n, device=pixels.device)[:, None, None]
    padded = pad(pixels, (0, 0, margin, margin, margin, margin))
    return padded[image, (top + row)[:, :, None], (left + column)[:, None, :]]


# --- Named sets ------------------------------------------------------------------------------------------------------


def _cifar10(folder: Path):
    """Original pixels, in the order of the JPEG copy."""
    x, y = zip(*(copies.original(folder, train=train) for train in (True, False)))
    sizes = [len(part) for part in y]
    x, y = np.concatenate(x), np.concatenate(y)
    return x, y, sizes, hashed(x, y)


def _stl10(folder: Path):
    from torchvision.datasets import STL10

    found = [fetched(lambda split=split: STL10(str(folder), split=split, download=True), "STL-10", folder)
             for split in ("train", "test")]  # fmt: skip
    x = np.concatenate([part.data for part in found]).transpose(0, 2, 3, 1)
    y = np.concatenate([part.labels for part in found])
    return np.ascontiguousarray(x), y, [len(part.labels) for part in found], hashed(x, y)


# name: (folder, cache) -> pixels and labels of all training and then all test images, how many of each, their digest
READERS: dict[str, Callable] = {
    "cifar10": lambda folder, _: _cifar10(folder),
    "cifar10-jpeg": copies.jpeg,
    "stl10": lambda folder, _: _stl10(folder),
}
