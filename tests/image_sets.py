"""Small sets of images for tests."""

import torch

from lib.data.images import Images, _moments


def noise(n: int = 24, C: int = 3, side: int = 32, seed: int = 0) -> Images:
    """Images of noise whose mean brightness tells the class."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % C
    x = torch.randint(0, 150, (n, side, side, 3), generator=generator) + (100 * y / (C - 1)).long()[:, None, None, None]
    x = x.to(torch.uint8)
    mean, std = _moments(x)
    classes = tuple("abcdefghij"[:C])
    return Images("noise", classes, "made by a test", x, y, x, y, x, y, mean, std, f"noise {n} {C} {side} {seed}")
