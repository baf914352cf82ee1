"""Random numbers of FE's runs, each from its own generator; the rows they leave open; steps as a CUDA graph."""

import gc
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from lib.nets import MLP

FULL_RANGE = (-(2**63), None)  # random_ over all 64 bits
BLOCK_NUMBERS = 2**23  # 16-bit random numbers that a run draws at once on a GPU, 16 MiB


class Draws:
    """All random numbers of a stack of runs, each from its own run's generator."""

    def __init__(self, generators: Sequence[torch.Generator], dtype: torch.dtype):
        self.generators, self.dtype, self.device = generators, dtype, generators[0].device

    def orders(self, N: int) -> Tensor:
        """A shuffled epoch for each run, (R, N)."""
        return torch.stack([torch.randperm(N, generator=g, device=self.device) for g in self.generators])

    def noise(self, shape: Sequence[int]) -> Tensor:
        """Standard normal, (R, *shape)."""
        out = torch.empty(len(self.generators), *shape, dtype=self.dtype, device=self.device)
        for r, g in enumerate(self.generators):
            out[r].normal_(generator=g)
        return out

    def bits(self, rows: int, own_rows: Sequence[int], n_draws: int) -> Tensor:
        """16-bit random numbers (R, rows, n_draws), of which run r draws only its first own_rows[r] rows."""
        words = -(-rows * n_draws // 4)
        out = torch.zeros(len(self.generators), words, dtype=torch.int64, device=self.device)
        for r, g in enumerate(self.generators):
            out[r, : -(-own_rows[r] * n_draws // 4)].random_(*FULL_RANGE, generator=g)
        return out.view(torch.int16)[:, : rows * n_draws].unflatten(1, (rows, n_draws))

    def rows(self, Z: Tensor) -> tuple[Tensor, Tensor, list[int]]:
        """Which examples a step evaluates, and with which weight: those that are open."""
        return open_rows(Z)


def open_rows(Z: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """Examples with any gate above 0: Z (R, N, J, C), clamped or not -> rows (R, M), valid (R, M), each run's count.

    A closed row (z = 0 throughout) adds nothing to h and receives no gradient, so leaving it out is exact.
    Runs with fewer than M open rows are padded with row 0, not valid.
    """
    is_open = Z.flatten(2).amax(2) > 0
    counts, every = is_open.sum(1), torch.arange(Z.shape[1], device=Z.device).expand_as(is_open)
    own = counts.tolist()
    valid = torch.arange(max(own), device=Z.device) < counts[:, None]
    rows = torch.zeros(valid.shape, dtype=torch.int64, device=Z.device)
    return rows.masked_scatter_(valid, every.masked_select(is_open)), valid, own


class RecordedSteps:
    """Training steps of one stack, recorded once as a CUDA graph for each batch size and then replayed.

    A replay is one launch where a step has hundreds, each of them longer than its arithmetic. Shapes must not change,
    so every training example is evaluated, open or not, and random numbers are drawn for a block of steps at once.
    Without CUDA the same steps run unrecorded, which is how they are tested.
    """

    def __init__(self, update, N: int, C: int, *, f: MLP, settings, block: int | None = None):
        self.update, self.n_draws = update, f.n_draws
        self.settings = replace(settings, open_rows=False)
        self.gates, self.rows = (N, settings.J, C), settings.batch + (N if settings.drop_examples else 0)
        numbers = 2 * N * settings.J * C + self.rows * f.n_draws  # 16 bits each
        self.block = block or min(32, max(1, BLOCK_NUMBERS // numbers))  # a run's own: the same in any company
        self.left = 0  # steps whose draws are still unused
        self.inputs: dict[int | str, Tensor] = {}  # a recorded step reads "eps", "bits", and row numbers by their size
        self.graphs: dict[int, torch.cuda.CUDAGraph | None] = {}

    def noise(self, shape: Sequence[int]) -> Tensor:
        """This step's share of the block, (R, N, J, C)."""
        return self.inputs["eps"]

    def bits(self, rows: int, own_rows: Sequence[int], n_draws: int) -> Tensor:
        """This step's share of the block, (R, rows, n_draws)."""
        return self.inputs["bits"][:, :rows]

    def __call__(self, batch: Tensor, draws: Draws) -> None:
        """One step on the row numbers batch (R, B)."""
        if self.left == 0:
            self.left, rows = self.block, self.block * self.rows
            self.eps = draws.noise((self.block, *self.gates))
            self.bit = draws.bits(rows, [rows] * len(batch), self.n_draws).unflatten(1, (self.block, self.rows))
        self.left -= 1
        size = batch.shape[1]
        for name, value in ((size, batch), ("eps", self.eps[:, self.left]), ("bits", self.bit[:, self.left])):
            if name in self.inputs:
                self.inputs[name].copy_(value)
            else:
                self.inputs[name] = value.clone()
        self._replay(size)

    def _replay(self, size: int) -> None:
        """The first step of a size runs unrecorded (a graph needs everything warm), the second is recorded."""
        step = partial(self.update, self.inputs[size], self, self.settings)
        if not self.inputs["eps"].is_cuda:
            step()
        elif size not in self.graphs:
            self.graphs[size], side = None, torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                step()
            torch.cuda.current_stream().wait_stream(side)
        else:
            if self.graphs[size] is None:
                gc.collect()  # an older graph that is freed while this one is recorded would spoil it
                self.graphs[size] = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self.graphs[size]):
                    step()
            self.graphs[size].replay()


def steps_for(update, N: int, C: int, *, f, settings, device: torch.device):
    """The step itself on a CPU; recorded on a GPU, unless f is somebody's module that may not allow it."""
    recorded = device.type == "cuda" and isinstance(f, MLP)
    return RecordedSteps(update, N, C, f=f, settings=settings) if recorded else update
