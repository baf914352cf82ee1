"""Memory of a training step on ID, which is no pair of times."""

import os
import re
import subprocess
import sys
from pathlib import Path

import torch

from lib import explainers
from lib.explainers import LIME
from lib.methods import METHODS
from lib.training import expo
from lib.training.expo_step import gradient
from tests.bench import DEVICE
from tests.bench.id import wine


def id_lime_memory() -> float:
    """Peak memory of a training step, masks in chunks of 50: M = 1,000 / M = 200."""
    return step_memory(1_000) / step_memory(200)


def step_memory(M: int) -> float:
    """Peak bytes of one step beyond what was there before, in a process of its own on a CPU."""
    command = [sys.executable, "-m", "tests.bench.memory", str(M)]
    exact = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # every tensor its own mapping: no holes are counted
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=exact).stdout)


def one_step(M: int) -> int:
    """Take one step of five runs with M masks and return the peak memory that it added."""
    one, x, y = wine()
    predictor = one.at({n: t.repeat(5, *(1,) * (t.ndim - 1)).requires_grad_() for n, t in one.theta.items()})
    x, y, settings = x.repeat(5, 1, 1), y.repeat(5, 1), expo.Settings(LIME(M=M, chunk=50))
    Z = torch.stack([explainers.draw_masks(M, x.shape[2], torch.Generator().manual_seed(r)) for r in range(5)])
    options = {"settings": settings, "wanted": list(one.theta), "method": METHODS["ID-ExpO"]}

    def step(Z=Z[:, None]):
        lam, lam3 = torch.full((5,), 0.1), torch.full((5,), 0.001)
        gradient(predictor, x, y, lam=lam, lam3=lam3, drawn={"Z": Z}, **options)

    step(Z[:, None, :20])  # what stays for good is there now
    if DEVICE == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak starts anew
    before = resident("VmRSS")
    step()
    return resident("VmHWM") - before


def resident(line: str) -> int:
    """A line of /proc/self/status in bytes."""
    return 1024 * int(re.search(rf"{line}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


if __name__ == "__main__":
    torch.set_num_threads(2)
    print(one_step(int(sys.argv[1])))
