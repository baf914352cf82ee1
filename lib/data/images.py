"""Images for paper ID: CIFAR-10, its JPEG copy, STL-10 and folders of one's own, as bytes with one split.

    images = load("cifar10-jpeg", val=1_000, test=1_000)
    x = images.inputs(augment(images.x_train[rows], generator))   # standardised (n, 3, H, W), 0 is the mean colour

cifar10 and stl10 are torchvision's, fetched when needed. cifar10-jpeg is a copy compressed by JPEG, two archives in
DATA_DIR: its pixels differ from the original's by 5.8 of 255 on average, so that results carry its name. A path
names a folder of your own, CLASS/file. Decoded images are kept in _build/cache, as one array for each name.
"""

import hashlib
import math
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from lib.data import cifar10
from lib.data.files import CACHE, checked, data_dir
from lib.data.own_images import LARGEST, cached, check_parts, decoded, hashed, read_own
from lib.options import is_whole

NAMES = ("cifar10", "cifar10-jpeg", "stl10")
CLASSES = {
    "cifar10": cifar10.CLASSES,
    "stl10": ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"),
}
SOURCES = {
    "cifar10": "CIFAR-10 (Krizhevsky 2009), original pixels; no licence stated",
    "cifar10-jpeg": "CIFAR-10 (Krizhevsky 2009), JPEG copy; no licence stated",
    "stl10": "STL-10 (Coates et al. 2011), original pixels; no licence stated",
}
ARCHIVES = {
    cifar10.ENTRY.file: cifar10.ENTRY.sha256,
    "cifar10-jpeg-test.zip": "11007ef5603881b5b0f795a0c0ac68384f9e1b615abd5e61fc4dc41d1c744f2b",
}
SIZES = (50_000, 10_000)  # of the training and test images in them
REMEDY = "set DATA_DIR to a folder that holds it, or take cifar10"
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
        x, y, parts, digest = {"cifar10": _cifar10, "cifar10-jpeg": _jpeg, "stl10": _stl10}[name](folder, cache)
        order = _shuffled(parts[0], seed)
        cut = round(len(order) * (1 - VALIDATION[name]))
        index = (order[:cut], order[cut:], parts[0] + _shuffled(parts[1], seed))
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


def _cifar10(folder: Path, cache: Path):
    """Original pixels by torchvision, in the order of the JPEG copy: by class, then as they come."""
    from torchvision.datasets import CIFAR10

    found = [_torchvision(lambda train=train: CIFAR10(str(folder), train=train, download=True), "CIFAR-10", folder)
             for train in (True, False)]  # fmt: skip
    orders = [np.argsort(part.targets, kind="stable") for part in found]
    x = np.concatenate([part.data[order] for part, order in zip(found, orders)])
    y = np.concatenate([np.asarray(part.targets)[order] for part, order in zip(found, orders)])
    return x, y, [len(order) for order in orders], hashed(x, y)


def _stl10(folder: Path, cache: Path):
    from torchvision.datasets import STL10

    found = [_torchvision(lambda split=split: STL10(str(folder), split=split, download=True), "STL-10", folder)
             for split in ("train", "test")]  # fmt: skip
    x = np.concatenate([part.data for part in found]).transpose(0, 2, 3, 1)
    y = np.concatenate([part.labels for part in found])
    return np.ascontiguousarray(x), y, [len(part.labels) for part in found], hashed(x, y)


def _torchvision(make: Callable, title: str, folder: Path):
    try:
        return make()
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"{title} in {folder} is missing or damaged, and fetching it failed ({error}): "
            "delete what is there and run once with a network, or set DATA_DIR to a folder that holds it"
        ) from error


def _jpeg(folder: Path, cache: Path):
    """The JPEG copy, sorted by name: by class, then as in the original."""
    archives = [checked(folder / name, sha, REMEDY) for name, sha in ARCHIVES.items()]

    def decode():
        x, y = zip(*(_read_archive(path, CLASSES["cifar10"], (32, 32)) for path in archives))
        return np.concatenate(x), np.concatenate(y)

    x, y, digest = cached(cache / "cifar10-jpeg.npz", "".join(ARCHIVES.values()), decode)
    return x, y, SIZES, digest


def _read_archive(path: Path, classes: tuple[str, ...], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """All images CLASS/file of a zip file, sorted by name."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if not name.endswith("/"))
            files = [archive.read(name) for name in names]
    except (zipfile.BadZipFile, OSError) as error:
        raise ValueError(f"{path} is no whole zip file ({error}): delete it and fetch it again") from error
    x = [decoded(file, f"{name} in {path.name}", shape) for name, file in zip(names, files)]
    return np.stack(x), np.array([_label(name, classes, path.name) for name in names])


def _label(name: str, classes: tuple[str, ...], where: str) -> int:
    folder = name.rpartition("/")[0]
    if folder not in classes:
        raise ValueError(f"{name} in {where} must lie in a class's folder, one of {', '.join(classes)}")
    return classes.index(folder)
