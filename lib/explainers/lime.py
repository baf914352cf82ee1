"""LIME: a linear model fitted to masked predictions, near ones weighted more."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lib.explainers.linear import Linear, check_masks
from lib.options import check_numbers, reading

KERNELS = ("L2", "cosine")


def lime_kernel(Z: Tensor, kind: str = "L2", width: float = 0.75) -> Tensor:
    """exp(-d^2 / (2 width^2)) for the distance d of each mask (..., M, D) from all ones -> (..., M) (ID-12).

    kind: "L2", d = |1 - z| / sqrt(D), or "cosine", d = 1 - cos(1, z); both lie in [0, 1]. The form and the widths
    0.75 (L2) and 0.25 (cosine) are those of the package lime; the paper prints none.
    """
    if not width > 0:
        raise ValueError(f"width must be positive, got {width}")
    share = check_masks(Z).mean(-1)
    if kind == "L2":
        squared = 1 - share
    elif kind == "cosine":
        squared = (1 - share.sqrt()) ** 2
    else:
        raise ValueError(f"kind must be one of {', '.join(KERNELS)}, got {kind!r}")
    return torch.exp(-squared / (2 * width**2))


@dataclass(frozen=True)
class LIME(Linear):
    """Options beside those of `Linear`: the kernel, "L2" or "cosine", and its width."""

    kernel: str = reading("L2")
    width: float = reading(0.75)

    def __post_init__(self):
        super().__post_init__()
        if self.kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(KERNELS)}, got {self.kernel!r}")
        check_numbers(self, "width", positive=True)

    def weights(self, Z: Tensor) -> Tensor:
        return lime_kernel(Z, self.kernel, self.width)
