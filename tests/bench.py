"""How much faster lib is than the chapters' plain loops and than Captum: `make bench` prints lines of `name ratio`.

Both sides run in this one process on the same cores, the plain one before and after lib's, so that a machine whose
speed drifts slows both. Times are wall time on two threads (on a GPU, lib's are the GPU's).
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from lib import data, explainers, metrics
from lib.examples import METHODS
from lib.explainers import LIME
from lib.nets import MLP
from lib.predictor import Predictor
from lib.study import records
from lib.training import expo, fewer
from lib.training.fewer import Runs, Settings
from tests import plain

ETAS = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


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
    return timed(lambda: fewer.train("Ours", folds, runs, Settings(epochs=epochs), device=DEVICE))


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
    """Time of an epoch with 10 % of the rows open / with all open, the two in turn (64 features, 64 units).

    On one thread, as a run of the grid has: a second one shortens the dense products alone.
    """
    programs = [program(N, share) for share in (0.1, 1.0)]
    seconds, threads = [0.0, 0.0], torch.get_num_threads()
    torch.set_num_threads(1)
    for warm in [True, *[False] * rounds]:
        for side, (run, stack) in enumerate(programs):
            seconds[side] += 0 if warm else timed(lambda run=run, stack=stack: run.advance(stack, 1))
            if warm:
                run.advance(stack, 1)
    torch.set_num_threads(threads)
    return seconds[0] / seconds[1]


def program(N: int, share: float, features: int = 64, classes: int = 4):
    """A training program on N synthetic rows, of which a share has open gates throughout, and its one stack."""
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(N, features, generator=random), torch.randint(classes, (N,), generator=random)
    names = tuple(map(str, range(max(features, classes))))
    table = data.Table("synthetic", x.numpy(), y.numpy(), "classification", names[:features], names[:classes], "")
    folds = data.folds(table, [0]).to(DEVICE)
    f = MLP((features, 64, 64, 64))
    run = fewer._Program(METHODS["Ours"], folds, Runs.grid(1), Settings(), f, {}, torch.device(DEVICE), torch.float32)
    mu = run.state["bank"]["mu"]
    mu[:] = -4  # eight standard deviations: no draw opens these
    mu[:, : round(share * mu.shape[1])] = 4
    return run, torch.tensor([0])


# --- ID --------------------------------------------------------------------------------------------------------------


def wine(rows: int = 128):
    """A predictor of wine-quality-red, with a run axis of one, and test rows: x (1, B, Q), y (1, B)."""
    folds = data.folds(data.load("wine-quality-red"), [0])
    start = expo.pretrain(folds, settings=expo.Settings(epochs=5), progress=False)
    x = folds.x_test[:, :rows]
    predictor = Predictor(start.f, start.theta(), start.background, stacked=True)
    return predictor, x, predictor.logits(x).argmax(-1)


def in_turn(slow: Callable, fast: Callable, rounds: int = 5) -> float:
    """Time of slow / time of fast, alternating after one round to warm up."""
    slow(), fast()
    pairs = [(timed(slow), timed(fast)) for _ in range(rounds)]
    return sum(pair[0] for pair in pairs) / sum(pair[1] for pair in pairs)


def id_lime_captum(M: int = 200, eps: float = 0.01) -> float:
    """Explaining 128 wine samples with LIME: Captum, all masks of a sample at once, / lib."""
    from captum._utils.models.linear_model import SkLearnRidge
    from captum.attr import Lime

    predictor, x, y = wine()
    lime = Lime(
        lambda rows: predictor.probabilities(rows[None])[0],
        interpretable_model=SkLearnRidge(alpha=eps, fit_intercept=False),
        similarity_func=lambda original, changed, mask, **_: explainers.lime_kernel(mask.float()).item(),
    )

    def captum():
        for row, label in zip(x[0], y[0].tolist()):
            lime.attribute(row[None], baselines=predictor.b[None], target=label, n_samples=M, perturbations_per_eval=M)

    def lib():
        Z = explainers.draw_masks(M, x.shape[2], torch.Generator().manual_seed(0))
        LIME(eps=eps).explain(predictor, x, y, Z=Z)

    return in_turn(captum, lib, rounds=2)


def id_metrics_loop(S: int = 5) -> float:
    """Insertion and deletion curves of 128 samples: the chapter's loop over samples and steps / lib."""
    predictor, x, y = wine()
    phi, s = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), range(1, S + 1)

    def network(rows):
        return predictor.logits(rows[None])[0]

    def plainly():
        plain.functions().plain_curves(network, x[0], y[0], predictor.b, phi[0], s)

    return in_turn(plainly, lambda: metrics.curves(predictor, x, y, phi=phi, s=s))


def id_tabular_40_runs(epochs: int = 5) -> float:
    """5 splits x 8 settings of ID-ExpO on wine, 5 epochs: the chapter's loop, timed on one run / lib."""
    folds = data.folds(data.load("wine-quality-red"), range(5))
    settings = expo.Settings(epochs=epochs)
    start = expo.pretrain(folds, settings=settings, progress=False)
    runs = expo.Runs.grid(5, lams=(0.1, 0.01), lam3s=(0.001, 0.0), lrs=(0.01, 0.001))
    before = plain_id_epoch(folds, settings)
    lib = timed(lambda: expo.train("ID-ExpO", folds, runs, start, settings, device=DEVICE))
    return 40 * epochs * (before + plain_id_epoch(folds, settings)) / 2 / lib


def plain_id_epoch(folds, settings) -> float:
    """Seconds of one epoch of the chapter's fine-tuning, LIME as the chapter on explainers writes it."""
    functions, Q = plain.functions(), folds.x_train.shape[2]
    torch.manual_seed(0)
    f = torch.nn.Sequential(
        torch.nn.Linear(Q, 256), torch.nn.ReLU(), torch.nn.Linear(256, 256), torch.nn.ReLU(),
        torch.nn.Linear(256, folds.C),
    )  # fmt: skip

    def lime(f, x, y, b, Z):
        return functions.plain_lime(f, x, y, b, Z, explainers.lime_kernel(Z), settings.explainer.eps)

    steps = max(expo.masks.steps(Q, settings.S))
    x, y, b = folds.x_train[0], folds.y_train[0], torch.zeros(Q)
    return timed(lambda: functions.train_plain_id(f, x, y, b, lime, steps, 0.1, lr=0.01, epochs=1))


def id_mixed() -> float:
    """A training step of one run on wine: in single precision / in mixed, which needs bfloat16 in the processor."""
    single, x, y = wine()
    single = single.at({n: t.clone().requires_grad_() for n, t in single.theta.items()})
    mixed = replace(single, f=single.f.mixed())
    Z, wanted = explainers.draw_masks(200, x.shape[2], torch.Generator().manual_seed(0)), list(single.theta)
    options = {"settings": expo.Settings(), "drawn": {"Z": Z}, "wanted": wanted}

    def step(predictor):
        expo.gradient("ID-ExpO", predictor, x, y, lam=torch.full((1,), 0.1), lam3=torch.full((1,), 0.1), **options)

    return in_turn(lambda: step(single), lambda: step(mixed), rounds=20)


def id_lime_memory() -> float:
    """Peak memory of a training step, masks in chunks of 50: M = 1,000 / M = 200."""
    return step_memory(1_000) / step_memory(200)


def step_memory(M: int) -> float:
    """Peak bytes of one step beyond what was there before, in a process of its own on a CPU."""
    command = [sys.executable, "-m", "tests.bench", "step", str(M)]
    exact = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # every tensor its own mapping: no holes are counted
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=exact).stdout)


def one_step(M: int) -> int:
    """Take one step of five runs with M masks and return the peak memory that it added."""
    one, x, y = wine()
    predictor = one.at({n: t.repeat(5, *(1,) * (t.ndim - 1)).requires_grad_() for n, t in one.theta.items()})
    x, y, settings = x.repeat(5, 1, 1), y.repeat(5, 1), expo.Settings(LIME(M=M, chunk=50))
    Z = torch.stack([explainers.draw_masks(M, x.shape[2], torch.Generator().manual_seed(r)) for r in range(5)])
    options = {"settings": settings, "wanted": list(one.theta)}

    def step(Z=Z[:, None]):
        lam, lam3 = torch.full((5,), 0.1), torch.full((5,), 0.001)
        expo.gradient("ID-ExpO", predictor, x, y, lam=lam, lam3=lam3, drawn={"Z": Z}, **options)

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


def gpu() -> None:
    """On a GPU: model-epochs a second of Ours, and the time of the whole FE grid at that rate, as far as recorded."""
    ran = records.read(records.ROOT / "results" / "fe").drop_duplicates(["dataset", "method", "split", "eta", "lam"])
    ran, minutes = ran.groupby("dataset")["epochs"].sum(), 0.0
    for name, epochs in (("glass", 200), ("vehicle", 100), ("segment", 50)):
        rate = 60 * epochs / ours(name, 10, ETAS, epochs)
        minutes += ran.get(name, 0) / rate / 60
        print(f"gpu_{name}_model_epochs_per_second {rate:.1f}", flush=True)
    print(f"gpu_fe_grid_minutes {minutes:.1f}", flush=True)


def main() -> None:
    torch.set_num_threads(2)
    if sys.argv[1:2] == ["step"]:
        print(one_step(int(sys.argv[2])))
        return
    print(f"device {DEVICE}", file=sys.stderr)
    fe = (fe_vehicle_60_runs, fe_segment_10_runs, fe_open_rows)
    for measure in (*fe, id_lime_captum, id_metrics_loop, id_tabular_40_runs, id_lime_memory, id_mixed):
        print(f"{measure.__name__} {measure():.2f}", flush=True)
    if DEVICE == "cuda":
        gpu()


if __name__ == "__main__":
    main()
