"""How much faster lib is than the chapters' plain loops and than Captum, and than itself at an earlier commit.

    make bench                                  # a line each: name, times as fast, quartiles
    make bench ONLY="fe_vehicle_60_runs id_mixed"
    make bench BEFORE=main                      # times as fast as lib at that commit: printed, not kept

A ratio is the median over many short pairs, plain and lib in turn, so that a machine whose speed drifts slows both.
The plain side has one thread, where it is fastest, and lib two. Where the middle half of the pairs is wider than a
fifth of the median, the line says so: too wide to tell. On a GPU the times of lib are the GPU's. What is measured of
this checkout takes the place of the same measure's older row in results/bench/ratios.csv (lib/study/ratios.py).
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MOST, SECONDS, LEAST = 40, 40, 7  # pairs, and for how long beyond the least
WIDE = 0.2


class Pair(NamedTuple):
    """Two pieces of work, a few seconds at most; `times` plain ones are one of lib's. And the threads of each.

    floor: how many times as fast lib is asked to be, where that was said.
    """

    plain: Callable[[], object]
    lib: Callable[[], object]
    times: float = 1.0
    threads: tuple[int, int] = (1, 2)
    floor: float | None = None

    def ratio(self) -> "Ratio":
        """How many times as fast lib is."""
        one, two = self.threads
        return compared(lambda: timed(self.plain, one), lambda: timed(self.lib, two), self.times)


class Ratio(NamedTuple):
    """Median and quartiles of the pairs' ratios."""

    low: float
    median: float
    high: float

    def __str__(self):
        wide = "  too wide to tell" if self.high - self.low > WIDE * self.median else ""
        return f"{self.median:.2f}  [{self.low:.2f}, {self.high:.2f}]{wide}"


def timed(act: Callable[[], object], threads: int) -> float:
    """Seconds of wall time."""
    torch.set_num_threads(threads)
    started = time.perf_counter()
    act()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compared(slow: Callable[[], float], fast: Callable[[], float], times: float = 1.0) -> Ratio:
    """times x slow / fast, which give seconds, in turn; the first pair warms up and is not counted."""
    slow(), fast()
    pairs, started = [], time.monotonic()
    while len(pairs) < LEAST or (len(pairs) < MOST and time.monotonic() - started < SECONDS):
        pairs.append(times * slow() / fast())
    return Ratio(*np.quantile(pairs, [0.25, 0.5, 0.75]).tolist())
