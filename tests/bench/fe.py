"""Training on FE: lib's runs as one program, and the chapter's loop."""

from collections.abc import Callable

import torch

from lib import data
from lib.training import Runs, fit
from lib.training.fewer import Settings
from tests import plain
from tests.bench import DEVICE, Pair, timed

ETAS = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def training(folds, runs: Runs, share: float, epochs: int) -> Callable:
    """`epochs` of Ours and one validation, with a share of the rows open: where mu starts says how many are."""
    closed = torch.tensor((1 - share) ** (1 / folds.C), dtype=torch.float64)  # of one gate
    mu = -torch.special.ndtri(closed).item() * Settings.sigma
    settings = Settings(epochs=epochs, check=epochs, mu_start=mu)
    return lambda: fit("Ours", folds, runs, settings=settings, device=DEVICE, progress=False)


def against_plain(name: str, splits: int, etas, share: float, epochs: int) -> Pair:
    """`splits` x `etas` runs as one program, and the plain loop on one of them, one epoch, without validation."""
    folds = data.folds(data.load(name), range(splits))
    x, y = folds.x_train[0], folds.y_train[0]

    def one_at_a_time():
        plain.functions().train_plain(x, y, folds.C, etas[-1], 1.0, 1, 0)

    lib = training(folds, Runs.grid(splits, eta=etas), share, epochs)
    return Pair(one_at_a_time, lib, splits * len(etas) * epochs)


def fe_vehicle_60_runs() -> Pair:
    """10 splits x 6 etas on vehicle, a quarter of the rows open: what it is on average over etas after 1,000 epochs."""
    return against_plain("vehicle", 10, ETAS, 0.25, 5)


def fe_segment_10_runs() -> Pair:
    """10 splits on segment at one eta, a tenth of the rows open."""
    return against_plain("segment", 10, [1e-2], 0.1, 5)


def fe_open_rows() -> Pair:
    """An epoch of one run on 5,000 rows of 64 features: all rows open as the plain side, and a tenth as lib's."""
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(5_000, 64, generator=random), torch.randint(4, (5_000,), generator=random)
    names = tuple(map(str, range(64)))
    folds = data.folds(data.Table("synthetic", x.numpy(), y.numpy(), "classification", names, names[:4], ""), [0])
    both = (training(folds, Runs.grid(1), share, 1) for share in (1 - 1e-9, 0.1))
    return Pair(*both, threads=(1, 1))  # a second one shortens the dense products alone


def epochs_per_second(name: str, epochs: int = 50) -> float:
    """Model-epochs a second of Ours on ten splits and six etas, a quarter of the rows open."""
    folds = data.folds(data.load(name), range(10))
    train = training(folds, Runs.grid(10, eta=ETAS), 0.25, epochs)
    train()
    return 60 * epochs / timed(train, threads=2)
