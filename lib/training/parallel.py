"""Several processes train one network: each takes its rows of every batch, and their gradients are added.

    torchrun --nproc-per-node 4 my_training.py   # which begins with parallel.join()

All processes draw the same random numbers for the whole batch, so that the network is the one that a single process
would have trained, to rounding. The first says for all what was measured and where an earlier training stopped. All
that needs rows that do not see each other: batch norm with frozen statistics.
"""

import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import distributed, nn


def join(device: str = "cpu") -> str:
    """Take this process's place among those that torchrun started, and say which device is its own."""
    if "WORLD_SIZE" not in os.environ:
        raise ValueError("WORLD_SIZE is not set: start this script with torchrun")
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return device


def rank() -> int:
    """Which of the processes this is; 0 where there is one."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def processes() -> int:
    """How many there are."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def own() -> slice:
    """This process's rows of a batch."""
    return slice(rank(), None, processes())


def of_first(value: Any) -> Any:
    """What the first process has, in every one; the value itself where there is one process."""
    values = [value]
    if processes() > 1:
        distributed.broadcast_object_list(values)
    return values[0]


def add_gradients(parameters: Iterable[nn.Parameter], share: float) -> None:
    """Each gradient becomes the sum over all processes, theirs weighted by their share of the batch."""
    if processes() == 1:
        return
    grads = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in grads]) * share
    distributed.all_reduce(flat)
    for grad, summed in zip(grads, flat.split([g.numel() for g in grads])):
        grad.copy_(summed.view_as(grad))
