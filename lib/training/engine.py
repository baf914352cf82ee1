"""What every training of R runs shares: live runs in stacks, validation, early stopping, checkpoints, exact resume.

A subclass of `Program` says how parameters start, how a stack of runs is trained and how it is measured. A run that is
no longer finite is stopped and noted as diverged; the others go on as they would alone. All parameters live in one bank
of tensors with a leading run axis; everything that changes lies in `state`, which is all that a checkpoint holds.
"""

import hashlib
import math
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lib.data import Folds
from lib.nets import Network
from lib.options import identity, is_whole
from lib.progress import Bar
from lib.training import checkpoint
from lib.training.runs import Runs

SMALL_STACK = 2_000  # rows: a thread of its own gains nothing below, Python takes its time for every step
THREADS = 4_096  # more than any processor has
PARTS = ("x_train", "y_train", "x_val", "y_val")  # of the data: what decides the result of a training


class Program:
    """R runs in training, each kept at its best epoch by each of V criteria.

    Subclasses define `start`, `advance`, `measure` and `rows`, may define `observe`, and set `moments`, the number of
    tensors that their optimiser keeps beside each parameter.
    """

    moments, prefix = 0, ""  # prefix: of the names of f's parameters in the bank
    criteria: tuple = ()  # explainers and S

    def __init__(self, kind, folds: Folds, runs: Runs, *, settings, f, fixed=None, criteria: int = 1):
        """kind: what else decides the result, for the digest of it. fixed: parameters not to be trained."""
        check_inputs(f, folds)
        self.kind, self.folds, self.runs, self.settings, self.f = kind, folds, runs, settings, f
        self.device, self.dtype = folds.x_train.device, folds.x_train.dtype
        self.fold = torch.tensor(runs.fold, device=self.device)
        # The stream depends on the split's number and the seed alone: runs that differ in eta share their noise.
        seeds = [1_000_003 * seed + int(folds.split[fold]) for fold, seed in zip(runs.fold, runs.seed)]
        self.generators = [torch.Generator(self.device).manual_seed(seed) for seed in seeds]
        fixed = {n: t.to(self.device, self.dtype) for n, t in (fixed or {}).items()}
        bank, R = self.start() | fixed, len(runs)
        self.trained = [n for n in bank if n not in fixed and n.removeprefix(self.prefix) not in f.untrained]
        if not self.trained:
            raise ValueError(f"f must have parameters to train, got none that requires gradients in {f!r}")
        self.state = {
            "bank": bank,
            "moments": {n: [torch.zeros_like(bank[n]) for _ in range(self.moments)] for n in self.trained},
            "best_bank": {n: t[:, None].repeat(1, criteria, *(1,) * (t.ndim - 1)) for n, t in bank.items()},
            "best": torch.full((R, criteria), -1.0, dtype=torch.float64),
            "best_epoch": torch.zeros(R, criteria, dtype=torch.int64),
            "stopped": torch.zeros(R, dtype=torch.int64),  # the epoch at which a run stopped, 0 while it lives
            "diverged": torch.zeros(R, dtype=torch.int64),  # the epoch at which it was found to be not finite, or 0
            "seconds": torch.zeros(R, dtype=torch.float64),
            "epoch": 0,
            "history": {"epoch": [], "measure": []},
        }
        self.config = self._digest()  # of the start, before anything moves
        self.running = checkpoint.running(getattr(f, "module", None), settings, *(e for e, _ in self.criteria))

    def start(self) -> dict[str, Tensor]:
        """The bank: start values (R, ...), each run's drawn from its own generator."""
        raise NotImplementedError

    def advance(self, stack: Tensor, epochs: int) -> None:
        """Train some runs for some epochs."""
        raise NotImplementedError

    def measure(self, bank: dict[str, Tensor], stack: Tensor) -> Tensor:
        """Validation measure of some runs by each criterion, (runs, V); higher is better."""
        raise NotImplementedError

    def observe(self, bank: dict[str, Tensor], stack: Tensor) -> None:
        """Note in `state` what else is worth knowing about some runs."""

    def observed(self) -> dict[str, Tensor]:
        """What `observe` noted of all runs, for the history and (its mean) the progress bar."""
        return {}

    def rows(self, live: Tensor) -> Tensor:
        """How many rows each live run multiplies in a step."""
        raise NotImplementedError

    def stacks(self) -> list[Tensor]:
        """Live runs in order of their rows, cut into stacks that are padded to their largest run.

        A GPU takes all in one. On a CPU stacks fit the cache, and there are as many for each thread.
        """
        live = (self.state["stopped"] == 0).nonzero()[:, 0]
        rows = self.rows(live)
        total, share = rows.sum().item(), math.inf
        if self.device.type == "cpu":
            threads = min(torch.get_num_threads(), math.ceil(total / SMALL_STACK)) or 1
            share = 1.001 * total / (threads * math.ceil(total / threads / self.settings.stack_rows) or 1)
        stacks: list[list[int]] = [[]]
        for i in rows.argsort(dim=0, stable=True).tolist():
            if stacks[-1] and (len(stacks[-1]) + 1) * rows[i] > share:
                stacks.append([])
            stacks[-1].append(live[i])
        return [torch.tensor(stack) for stack in stacks if stack]

    def advance_all(self, stacks: list[Tensor], epochs: int) -> None:
        """Train every stack; several at once, each on one thread, where torch has threads for that."""
        threads = torch.get_num_threads()
        if len(stacks) == 1 or threads == 1:
            for stack in stacks:
                self.advance_timed(stack, epochs)
            return
        try:
            with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                list(pool.map(partial(self.advance_timed, epochs=epochs), stacks))
        finally:  # a new thread takes what was last set for any
            torch.set_num_threads(threads)

    def advance_timed(self, stack: Tensor, epochs: int) -> None:
        """`advance`, and its time shared out among the runs."""
        started = time.perf_counter()
        self.advance(stack, epochs)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # a GPU's work goes on when the call returns
        self.state["seconds"][stack] += (time.perf_counter() - started) / len(stack)

    @torch.no_grad()
    def validate(self, stack: Tensor) -> Tensor:
        """Measure some runs, keep those that got better, and stop those that did not for long by any criterion.

        A criterion whose patience has ended keeps what it has while others go on: what it would have kept alone.
        """
        state, epoch, earlier = self.state, self.state["epoch"], self.state["history"]["epoch"][-1:] or [0]
        bank = {n: t[stack] for n, t in state["bank"].items()}
        measure = self.measure(bank, stack).cpu()
        waiting = earlier[0] - state["best_epoch"][stack] < self.settings.patience
        lost = ~self.finite(bank) | measure.isnan().all(1)
        better = (measure > state["best"][stack]) & waiting & ~lost[:, None]
        run, criterion = better.nonzero(as_tuple=True)
        for n, tensor in bank.items():
            state["best_bank"][n][stack[run], criterion] = tensor[run]
        state["best"][stack] = torch.where(better, measure, state["best"][stack])
        state["best_epoch"][stack[run], criterion] = epoch
        self.observe(bank, stack)
        last = state["best_epoch"][stack].amax(1)
        done = (epoch - last >= self.settings.patience) | (epoch >= self.settings.epochs) | lost
        state["stopped"][stack[done]] = epoch
        state["diverged"][stack[lost]] = epoch
        return measure

    def finite(self, bank: dict[str, Tensor]) -> Tensor:
        """Whether some runs' parameters are all finite, bool (runs,) on the CPU. Those that are not stay so."""
        return torch.stack([bank[n].isfinite().flatten(1).all(1) for n in self.trained]).all(0).cpu()

    def run(self, path: Path | None = None, *, every: float = 30.0, progress: bool = True, label: str = "") -> None:
        """Advance, validate, record and save until every run has stopped; resumes from the checkpoint if it exists."""
        if path and path.exists():
            self.load(path)
        state, saved = self.state, time.monotonic()
        options = {"initial": state["epoch"], "label": label, "unit": "epoch", "shown": progress}
        with Bar(self.settings.epochs, **options) as bar:
            while stacks := self.stacks():
                epochs = min(self.settings.check, self.settings.epochs - state["epoch"])
                self.advance_all(stacks, epochs)
                state["epoch"] += epochs
                measure = torch.full_like(state["best"], torch.nan)
                for stack in stacks:
                    measure[stack] = self.validate(stack)
                self._note(measure)
                means = {name: f"{values.mean():.2f}" for name, values in self.observed().items()}
                live, val = int((state["stopped"] == 0).sum()), f"{state['best'].mean():.3f}"
                bar.advance(epochs, live=live, **means, val=val)
                if path and (time.monotonic() - saved >= every or not self.stacks()):
                    self.save(path)
                    saved = time.monotonic()

    def _note(self, measure: Tensor) -> None:
        history = self.state["history"]
        observed = {name: values.clone() for name, values in self.observed().items()}
        for name, value in ({"epoch": self.state["epoch"], "measure": measure} | observed).items():
            history.setdefault(name, []).append(value)

    def history(self) -> dict[str, np.ndarray]:
        """What was noted at each validation: "epoch" (T,), "measure" (T, R, V), and what `observed` gives, (T, R)."""
        return {name: np.array([np.asarray(v) for v in values]) for name, values in self.state["history"].items()}

    def given(self) -> list[Tensor]:
        """What decides the result beside settings and data: the parameters that a module of somebody's starts from."""
        return list(self.state["bank"].values()) if isinstance(self.f, Network) else []

    def _digest(self) -> str:
        """A digest of all that decides the result: trainings that share it give the same, whatever their speed.

        Of a module it knows what its repr tells. A GPU draws other random numbers than a CPU.
        """
        shapes = {n: tuple(t.shape) for n, t in self.state["bank"].items()}
        network = repr(self.f) if isinstance(self.f, Network) else getattr(self.f, "dropout", None)
        elsewhere = [self.device.type] if self.device.type != "cpu" else []
        words = repr((self.kind, self.runs, identity(self.settings), shapes, network, *elsewhere))
        digest = hashlib.sha256(words.encode())
        for tensor in (*(getattr(self.folds, part) for part in PARTS), *self.given()):
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    def fingerprint(self) -> str:
        """A digest of the configuration and the code that is running; what was saved of another one is not taken up."""
        return hashlib.sha256(f"{self.config} {self.running}".encode()).hexdigest()

    def save(self, path: Path) -> bool:
        """Write the checkpoint; False, with a warning, if the disk has no room for it."""
        return checkpoint.write(path, self._kept() | {"fingerprint": self.fingerprint()})

    def _kept(self) -> dict:
        return {"state": self.state, "generators": [g.get_state() for g in self.generators]}

    def load(self, path: Path) -> None:
        """Take up the checkpoint. ValueError if it is damaged or belongs to another configuration."""
        saved = checkpoint.read(path, self.fingerprint(), like=self._kept())
        self._take(saved["state"])
        for generator, state in zip(self.generators, saved["generators"]):
            generator.set_state(state)

    def _take(self, state: dict) -> None:
        """Go on from another state."""
        self.state = state
        for name in ("bank", "best_bank"):
            self.state[name] = {n: t.to(self.device) for n, t in self.state[name].items()}
        self.state["moments"] = {n: [t.to(self.device) for t in kept] for n, kept in self.state["moments"].items()}

    def keep(self, folder: Path) -> Path:
        """Put the best parameters into the folder, under their fingerprint."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.fingerprint()[:20]}.pt"
        checkpoint.write(path, {"fingerprint": self.fingerprint(), "state": self._ended()})
        return path

    def recall(self, folder: Path) -> bool:
        """Take up what `keep` has put there; False if there is nothing of this configuration and code."""
        path = folder / f"{self.fingerprint()[:20]}.pt"
        if not path.exists():
            return False
        self._take(checkpoint.read(path, self.fingerprint(), like={"state": self._ended()})["state"])
        return True

    def _ended(self) -> dict:
        """The state without what only a training that goes on needs."""
        return self.state | {"bank": {}, "moments": {}}


def use_threads(threads: int) -> None:
    """Let torch use so many threads of the processor. ValueError unless it is a whole number from 1 to THREADS."""
    if not is_whole(threads, 1, THREADS):
        raise ValueError(f"threads must be a whole number from 1 to {THREADS:,}, got {threads!r}")
    torch.set_num_threads(threads)


def check_device(device: str) -> str:
    """device itself; ValueError unless torch can use it here."""
    name, _, index = str(device).partition(":")
    if name not in ("cpu", "cuda") or (index and not index.isdecimal()):
        raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:' and a number, got {device!r}")
    if name == "cuda" and int(index or 0) >= (there := torch.cuda.device_count()):
        raise ValueError(f"device {device!r} is not there: torch sees {there} CUDA devices; use 'cpu'")
    return device


def check_inputs(f, folds: Folds) -> None:
    """ValueError if a network of ours takes other numbers than a row has; anybody's module is tried on two rows."""
    sizes, D = getattr(getattr(f, "hidden", f), "sizes", None), folds.x_train.shape[2:].numel()
    if sizes and sizes[0] != D:
        raise ValueError(f"f must take the {D} numbers that a row of {folds.name} has, got {f!r}")
    if isinstance(f, Network):
        f.check(folds.x_train[0, :2])


def check_folds(runs: Runs, folds: Folds) -> None:
    """ValueError unless every run's fold is there, no split twice, and every part has rows that can be used."""
    if bad := [fold for fold in runs.fold if not 0 <= fold < len(folds.split)]:
        raise ValueError(f"fold must lie between 0 and {len(folds.split) - 1}, got {bad[0]}")
    if len(set(folds.split.tolist())) < len(folds.split):
        raise ValueError(f"folds must be of different splits, got {folds.split.tolist()}")
    if folds.x_train.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"folds must be of torch.float32 or torch.float64, got {folds.x_train.dtype}")
    for part in ("train", "val", "test"):
        x, y = getattr(folds, f"x_{part}"), getattr(folds, f"y_{part}")
        if not x.shape[1]:
            raise ValueError(f"{folds.name}: x_{part} must have at least one row, got none")
        for name, values in ((f"x_{part}", x), (f"y_{part}", y)):
            if bad := int((~values.isfinite()).sum()):
                raise ValueError(f"{folds.name}: {name} must be finite, got {bad} NaN or infinite values")
        if folds.task == "classification" and (y.min() < 0 or y.max() >= folds.C):
            raise ValueError(f"{folds.name}: y_{part} must be classes 0 to {folds.C - 1}, got {y.min()} to {y.max()}")
        if folds.task == "regression" and (same := folds.split[(y == y[:, :1]).flatten(1).all(1)].tolist()):
            raise ValueError(f"{folds.name}: y_{part} must vary for regression, got one value in split {same[0]}")
