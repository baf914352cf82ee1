"""How much faster lib trains than the chapter's plain loop: `make bench` prints one line each, `name ratio`.

Both sides run in this one process on the same cores, the plain loop before and after lib's training, so that a machine
whose speed drifts slows both. Times are wall time on two threads (on a GPU, lib's are the GPU's).
"""

import sys
import time
from collections.abc import Callable

import torch

from lib import data, training
from lib.examples import METHODS
from lib.models import MLP
from lib.training import Runs, Settings
from tests import plain

ETAS = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Model-epochs of the whole FE grid: data set, runs (3 gated methods x 6 etas + 3 others, 4 more lambdas x 6 etas, each
# on 10 splits) and the epochs that a run took in our records, at most 10,000.
GRID_RUNS = (3 * 6 + 3 + 4 * 6) * 10


def timed(act: Callable) -> float:
    """Seconds of wall time."""
    started = time.perf_counter()
    act()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def ours(name: str, splits: int, etas, epochs: int) -> float:
    """Seconds for lib to train Ours on `splits` x `etas` from the start, validation included."""
    folds = data.folds(data.load(name), range(splits))
    runs = Runs.grid(splits, etas)
    return timed(lambda: training.train("Ours", folds, runs, Settings(epochs=epochs), device=DEVICE))


def one_at_a_time(name: str, etas, epochs: int) -> float:
    """Seconds for the plain loop to train split 0 with each eta in turn, without validation."""
    folds = data.folds(data.load(name), [0])
    x, y = folds.x_train[0], folds.y_train[0]
    return timed(lambda: [plain.functions().train_plain(x, y, folds.C, eta, 1.0, epochs, 0) for eta in etas])


def fe_vehicle_60_runs() -> float:
    """10 splits x 6 etas on vehicle, 200 epochs: plain time / lib time."""
    before = one_at_a_time("vehicle", ETAS[::2], 200)
    lib = ours("vehicle", 10, ETAS, 200)
    return 10 * (before + one_at_a_time("vehicle", ETAS[1::2], 200)) / lib


def fe_segment_10_runs() -> float:
    """10 splits on segment at eta 1e-2, 100 epochs: plain time / lib time."""
    before = one_at_a_time("segment", [1e-2], 50)
    lib = ours("segment", 10, [1e-2], 100)
    return 10 * (before + one_at_a_time("segment", [1e-2], 50)) / lib


def fe_open_rows(N: int = 5_000, rounds: int = 5) -> float:
    """Time of an epoch with 10 % of the rows open / with all open, the two in turn (64 features, 64 units)."""
    programs = [program(N, share) for share in (0.1, 1.0)]
    seconds = [0.0, 0.0]
    for warm in [True, *[False] * rounds]:
        for side, (run, stack) in enumerate(programs):
            seconds[side] += 0 if warm else timed(lambda run=run, stack=stack: run.advance(stack, 1))
            if warm:
                run.advance(stack, 1)
    return seconds[0] / seconds[1]


def program(N: int, share: float, features: int = 64, classes: int = 4):
    """A training program on N synthetic rows, of which a share has open gates throughout, and its one stack."""
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(N, features, generator=random), torch.randint(classes, (N,), generator=random)
    names = tuple(map(str, range(max(features, classes))))
    table = data.Table("synthetic", x.numpy(), y.numpy(), "classification", names[:features], names[:classes], "")
    folds = data.folds(table, [0]).to(DEVICE)
    f = MLP((features, 64, 64, 64))
    run = training._Program(
        METHODS["Ours"], folds, Runs.grid(1), Settings(), f, {}, torch.device(DEVICE), torch.float32
    )
    mu = run.state["bank"]["mu"]
    mu[:] = -10  # no draw opens these
    mu[:, : round(share * mu.shape[1])] = 10
    return run, torch.tensor([0])


def gpu() -> None:
    """On a GPU: its rate, and from it the time of the whole FE grid on one data set after another."""
    seconds = {
        name: ours(name, 10, ETAS, epochs) for name, epochs in (("glass", 200), ("vehicle", 100), ("segment", 50))
    }
    for (name, taken), epochs in zip(seconds.items(), (200, 100, 50)):
        rate = 60 * epochs / taken
        print(f"gpu_{name}_model_epochs_per_second {rate:.1f}", flush=True)


def main() -> None:
    torch.set_num_threads(2)
    print(f"device {DEVICE}", file=sys.stderr)
    for measure in (fe_vehicle_60_runs, fe_segment_10_runs, fe_open_rows):
        print(f"{measure.__name__} {measure():.2f}", flush=True)
    if DEVICE == "cuda":
        gpu()


if __name__ == "__main__":
    main()
