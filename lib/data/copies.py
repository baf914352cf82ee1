"""CIFAR-10 in two copies, read in one order: torchvision's original pixels, and a copy compressed by JPEG.

x, y = original(folder)                 # fetched when needed
x, y, sizes, digest = jpeg(folder, cache)
exact, compressed, y = both()           # 1,017 test images as both have them

They do not have the same images: JPEG moves a number by 5.8 of 255 on average, over the 1,017 test images of which both
are at hand, so that results carry the copy's name. The JPEG copy is two archives in DATA_DIR.
"""

from pathlib import Path

import numpy as np

from lib.data.catalogue import DATA_SETS
from lib.data.files import CACHE, checked, data_dir, fetched
from lib.data.image_files import cached, read_archive

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (32, 32)
TRAIN = DATA_SETS["cifar10-resnet18"]  # its archive is that of all backbones
ARCHIVES = {
    TRAIN.file: TRAIN.sha256,
    "cifar10-jpeg-test.zip": "11007ef5603881b5b0f795a0c0ac68384f9e1b615abd5e61fc4dc41d1c744f2b",
}
SIZES = (50_000, 10_000)  # of the training and test images in them
REMEDY = "set DATA_DIR to a folder that holds it, or take cifar10"
EXACT = ("cifar10-exact-subset.npz", "a04221627053a269a9ab133994115856e8fb86dfd27b0a91d055f8b0f16ee16d")
PER_CLASS = SIZES[1] // 10  # test images of each class


def original(folder: Path, *, train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Training or test images (n, 32, 32, 3) by torchvision and their labels (n,): by class, then as they come.

    ValueError where they are not in the folder and cannot be fetched.
    """
    from torchvision.datasets import CIFAR10

    found = fetched(lambda: CIFAR10(str(folder), train=train, download=True), "CIFAR-10", folder)
    order = np.argsort(found.targets, kind="stable")
    return found.data[order], np.asarray(found.targets)[order]


def jpeg(folder: Path, cache: Path) -> tuple[np.ndarray, np.ndarray, tuple[int, int], str]:
    """The JPEG copy, training images first, each part sorted by name: by class, then as in the original.

    Pixels (60000, 32, 32, 3), labels (60000,), how many there are of both parts, and a digest of the first two.
    """
    archives = [checked(folder / name, sha, REMEDY) for name, sha in ARCHIVES.items()]

    def decode():
        x, y = zip(*(read_archive(path, CLASSES, SHAPE) for path in archives))
        return np.concatenate(x), np.concatenate(y)

    x, y, digest = cached(cache / "cifar10-jpeg.npz", "".join(ARCHIVES.values()), decode)
    return x, y, SIZES, digest


def both(folder: str | Path | None = None, cache: Path = CACHE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 1,017 test images of both copies: exact pixels and JPEG's, (1017, 32, 32, 3) bytes each, labels (1017,).

    ValueError unless the folder (DATA_DIR) holds the file of exact pixels and the archives of the JPEG copy.
    """
    folder = data_dir(folder)
    with np.load(checked(folder / EXACT[0], EXACT[1], REMEDY)) as file:
        test = file["split"] == "test"
        exact, y, number = file["images"][test], file["labels"][test], file["jpeg_number"][test]
    x, _, (first, _), _ = jpeg(folder, cache)
    return exact, x[first + y.astype(int) * PER_CLASS + number.astype(int)], y.astype(np.int64)
