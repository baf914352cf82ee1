"""Networks in plain torch, one run at a time, for the tests of stacked ones."""

from itertools import pairwise

import torch
from hypothesis import settings
from torch import nn
from torch.nn.functional import linear

few = settings(max_examples=15, derandomize=True)

ALL_BITS = torch.arange(2**16).to(torch.int16)  # every 16-bit number once


def generators(R, seed=0):
    return [torch.Generator().manual_seed(seed + r) for r in range(R)]


def double(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bits_for(f, R, B, seed=0):
    return torch.randint(-(2**15), 2**15, (R, B, f.n_draws), generator=generators(1, seed)[0]).to(torch.int16)


def torch_net(theta, run, sizes):
    """The same net as nn.Sequential of nn.Linear and ReLU, with one run's weights."""
    net = nn.Sequential()
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes), 1):
        net.append(nn.Linear(fan_in, fan_out, dtype=torch.float64)).append(nn.ReLU())
        net[-2].weight.data = theta[f"W{layer}"][run].T
        net[-2].bias.data = theta[f"b{layer}"][run, 0]
    return net


def plain_dropout(theta, x, bits, sizes, p):
    """f(x) of one run written with torch's own functions; a unit is dropped where its number lies below the p share."""
    start = 0
    for layer, width in enumerate(sizes[1:], 1):
        keep = bits[:, start : start + width].long() + 2**15 >= round(p * 2**16)
        x = linear(x, theta[f"W{layer}"].T, theta[f"b{layer}"][0]).relu() * keep / (1 - p)
        start += width
    return x
