"""A step of paper FE on very many rows, beside one on few."""

import torch

from lib.data import Folds
from lib.methods import METHODS
from lib.nets import MLP
from lib.training import Runs, many
from tests.bench import compared, timed


def fe_rows_1e6() -> float:
    """Time of a step at N = 1e6 over one at N = 1e4, with 1,000 rows open at the start of both.

    Ten steps at a time, in turn, from the 200th on: by then the rows that have opened once are many times those open.
    """
    programs = [program(N) for N in (1_000_000, 10_000)]
    taken = [200, 200]
    for of in programs:
        for step in range(1, 201):
            of.step(step)

    def ten(which: int) -> None:
        for _ in range(10):
            taken[which] += 1
            programs[which].step(taken[which])

    return compared(*(lambda which=which: timed(lambda: ten(which), 2) for which in (0, 1))).median


def program(N: int, *, C: int = 4, features: int = 20, rows: int = 1_000):
    """Of Ours on so many random rows, so many of them expected to be open at first."""
    generator, zero = torch.Generator().manual_seed(0), torch.zeros(1, 1, features)
    parts = {}
    for part, n in (("train", N), ("val", 100), ("test", 100)):
        parts[f"x_{part}"] = torch.randn(1, n, features, generator=generator)
        parts[f"y_{part}"] = torch.randint(C, (1, n), generator=generator)
        parts[f"index_{part}"] = torch.arange(n)[None]
    folds = Folds("random", "classification", C, torch.tensor([0]), **parts, x_mean=zero, x_std=zero + 1)
    settings = many.Settings(mu_start=many.mu_for(rows, N, C), S_start=0.1, U=(10,))
    f = MLP((features, *[settings.hidden] * settings.layers), settings.dropout)
    runs = Runs.grid(1, eta=[0.01]).of("Ours")
    return many.ManyProgram(METHODS["Ours"], folds, runs, settings=settings, f=f)
