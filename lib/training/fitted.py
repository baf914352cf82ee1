"""What a training gives back: every run at its best epoch, and any one of them as a model without a run axis."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lib.data import Folds
from lib.nets import MLP, Classifier, Network, Theta
from lib.training.runs import Runs, places


@dataclass(frozen=True)
class Alone:
    """A network of the library for one run: parameters and inputs without the run axis."""

    f: MLP | Classifier | Network

    def __call__(self, theta: Theta, x: Tensor) -> Tensor:
        return self.f({name: tensor[None] for name, tensor in theta.items()}, x[None])[0]


@dataclass(kw_only=True)
class Fitted:
    """All runs. Tensors have the run axis first."""

    method: str
    f: MLP | Classifier | Network
    bank: dict[str, Tensor]  # parameters, each run's at its best epoch
    folds: Folds  # what f sees
    runs: Runs
    settings: Any  # of the method's paper
    scores: dict[str, Tensor]
    best_epoch: list  # 0: no epoch was better than the start
    stopped_epoch: list[int]
    diverged: list[int]  # the epoch at whose check a run was no longer finite, 0 if it never was
    seconds: list[float]  # a run's share of its stacks' time
    history: dict[str, np.ndarray]
    config: str  # a digest of what decides the result

    def _lost(self, run: int, best: int) -> str:
        """Why the model of a run has nothing to say, "" where it has; a warning where it is one of before it diverged.

        best: the epoch at which its parameters were kept, 0 where they are those that it started from.
        """
        if not (epoch := self.diverged[run]):
            return ""
        which = ", ".join(f"{name} {values[run]:g}" for name, values in self.runs.axes().items())
        what = f"run {run} ({which}) of {self.method} has diverged, as was found at epoch {epoch}"
        if not best:
            return f"{what}, before any epoch could be kept: train it with a smaller learning rate"
        warnings.warn(f"{what}: its model is that of epoch {best}", stacklevel=3)
        return ""

    def _run(self, run: int) -> int:
        if not isinstance(run, int) or isinstance(run, bool) or not 0 <= run < len(self.runs):
            raise ValueError(f"run must lie between 0 and {len(self.runs) - 1}, got {run!r}")
        return run


def as_start(start: Fitted, runs: Runs, folds: Folds, *, f: MLP | Classifier | Network) -> Fitted:
    """What was fitted before, with numbers of these folds' type and on their device, for runs to start from.

    f: the network to be trained on. ValueError if the start lacks one of the runs, if that has diverged, if it has
    another network, or if it was trained on other rows than the run will be: these would leak test rows.
    """
    places("start", start.runs, runs)
    if not (isinstance(start.f, Network) and isinstance(f, Network)) and repr(start.f) != repr(f):
        raise ValueError(f"start must have the network of f or of the settings, {f!r}, got {start.f!r}")
    fold = sorted(set(runs.fold))
    theirs, ours = (of.index_train[fold].cpu() for of in (start.folds, folds))
    if start.folds.name != folds.name or not torch.equal(theirs, ours):
        got, wanted = (f"{of.name}, splits {of.split[fold].tolist()}" for of in (start.folds, folds))
        raise ValueError(f"start must be trained on the same rows, {wanted}, got {got}")
    for part in ("x_train", "y_train"):
        if not _same(getattr(start.folds, part)[fold], getattr(folds, part)[fold]):
            raise ValueError(f"start must be trained on the {part} of these folds, got other values under the same "
                             f"name, {folds.name}: of another file, or standardised otherwise")  # fmt: skip
    lost = {(f, s) for f, s, epoch in zip(start.runs.fold, start.runs.seed, start.diverged) if epoch}
    if bad := sorted(lost & set(zip(runs.fold, runs.seed))):
        raise ValueError(f"start has diverged for the (fold, seed) pairs {bad}: train it with a smaller learning rate")
    like = folds.x_train
    bank = {n: t.to(like.device, like.dtype if t.is_floating_point() else t.dtype) for n, t in start.bank.items()}
    return replace(start, bank=bank, folds=folds)


def _same(theirs: Tensor, ours: Tensor) -> bool:
    """Whether (S, N, ...) are the same numbers in the lesser precision of both, as far as both have rows.

    Who trains on the first rows alone may start from what all of them taught.
    """
    least, n = min(theirs.dtype, ours.dtype, key=lambda dtype: dtype.itemsize), min(theirs.shape[1], ours.shape[1])
    return torch.equal(theirs[:, :n].to("cpu", least), ours[:, :n].to("cpu", least))


def check_rows(x: Tensor, like: Tensor) -> Tensor:
    """x itself, of like's type and on its device; ValueError unless it is rows of like's shape, all finite."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        got = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x must be a tensor of floating point numbers, got {got}")
    if x.shape[1:] != like.shape or not len(x):
        raise ValueError(f"x must be ({', '.join(('rows', *map(str, like.shape)))}), got {tuple(x.shape)}")
    if bad := int((~x.isfinite()).sum()):
        raise ValueError(f"x must be finite, got {bad} NaN or infinite values")
    return x.to(like)


def check_finite(theta: Theta, lost: str = "") -> None:
    """ValueError if a model's run is lost, or its parameters are not finite: it has diverged."""
    if lost:
        raise ValueError(lost)
    if bad := [name for name, tensor in theta.items() if tensor.is_floating_point() and not tensor.isfinite().all()]:
        raise ValueError(f"this model has diverged: {', '.join(bad)} hold NaN or infinite numbers")
