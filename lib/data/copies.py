"""One set of photographs in two copies: CIFAR-10's test images whose original pixels are at hand, and as JPEG has them.

exact, jpeg, y = both()
"""

from pathlib import Path

import numpy as np

from lib.data.files import CACHE, checked, data_dir
from lib.data.images import REMEDY, SIZES, _jpeg

EXACT = ("cifar10-exact-subset.npz", "a04221627053a269a9ab133994115856e8fb86dfd27b0a91d055f8b0f16ee16d")
PER_CLASS = SIZES[1] // 10  # test images of each class


def both(folder: str | Path | None = None, cache: Path = CACHE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The 1,017 test images of both copies: exact pixels and JPEG's, (1017, 32, 32, 3) bytes each, labels (1017,).

    ValueError unless the folder (DATA_DIR) holds the file of exact pixels and the archives of the JPEG copy.
    """
    folder = data_dir(folder)
    with np.load(checked(folder / EXACT[0], EXACT[1], REMEDY)) as file:
        test = file["split"] == "test"
        exact, y, number = file["images"][test], file["labels"][test], file["jpeg_number"][test]
    x, _, (first, _), _ = _jpeg(folder, cache)
    return exact, x[first + y.astype(int) * PER_CLASS + number.astype(int)], y.astype(np.int64)
