"""The run axis: which runs a training stacks, each a split, a seed and hyperparameters."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from lib import methods
from lib.options import is_number, is_whole


@dataclass(frozen=True, kw_only=True)
class Runs:
    """One entry a run on each axis; None for an axis that the grid does not name.

    fold: position on the folds' split axis. eta, lam: weights of FE's terms. lam, lam3: lambda_1 = lambda_2 of ID-ExpO
    or the strength of ExpO, and the weight of |phi|^2. lam1: lambda_1 = lambda_2 beside FE's terms. lr: learning rate
    of ID. ValueError unless all have as many entries, and no two runs are equal.
    """

    seed: tuple[int, ...] | None = None
    lr: tuple[float, ...] | None = None
    lam3: tuple[float, ...] | None = None
    lam1: tuple[float, ...] | None = None
    lam: tuple[float, ...] | None = None
    eta: tuple[float, ...] | None = None
    fold: tuple[int, ...]

    def __post_init__(self):
        lengths = {name: len(values) for name, values in self.axes().items()}
        if len(set(lengths.values())) != 1 or not self.fold:
            raise ValueError(f"runs need as many values on every axis, and at least one, got {lengths}")
        if self.seed is None:
            object.__setattr__(self, "seed", (0,) * len(self.fold))
        for name, values in self.axes().items():
            for value in values:
                _check(name, value)
        cells = list(zip(*self.axes().values()))
        if twice := [cell for cell in cells if cells.count(cell) > 1] if len(set(cells)) < len(cells) else []:
            raise ValueError(f"runs must differ, got twice {dict(zip(self.axes(), twice[0]))}")

    def __len__(self) -> int:
        return len(self.fold)

    def axes(self) -> dict[str, tuple]:
        """Those that there are: name -> a value for each run."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}

    def only(self, *at: int) -> "Runs":
        """Some of the runs."""
        return Runs(**{name: tuple(values[r] for r in at) for name, values in self.axes().items()})

    @classmethod
    def grid(cls, folds: int, **axes: Sequence) -> "Runs":
        """Every split with every value of each axis named, splits fastest, then eta, lam, lam1, lam3, lr and seed.

        ValueError if an axis is unknown, has no value, or two that are equal.
        """
        known = [f.name for f in fields(cls) if f.name != "fold"]
        if unknown := set(axes) - set(known):
            raise ValueError(f"an axis must be one of {', '.join(known)}, got {', '.join(sorted(unknown))}")
        if not is_whole(folds, 1):
            raise ValueError(f"folds must be a number of splits, at least 1, got {folds!r}")
        order = [name for name in known if name in axes]
        for name in order:
            if isinstance(axes[name], str) or not isinstance(axes[name], Sequence) or not len(axes[name]):
                raise ValueError(f"{name} must hold at least one value, as ({name}=[0]), got {axes[name]!r}")
            for value in axes[name]:
                _check(name, value)
            if len(set(axes[name])) < len(axes[name]):
                raise ValueError(f"{name} must hold different values, got {list(axes[name])}")
        cells = itertools.product(*(axes[name] for name in order), range(folds))
        return cls(**dict(zip([*order, "fold"], map(tuple, zip(*cells)))))

    def of(self, method: str) -> "Runs":
        """These runs on all axes of the method's paper, those not named at their neutral values.

        ValueError for an axis that the method does not have, unless it holds nothing but its neutral value.
        """
        row = methods.named(method)
        neutral = methods.NEUTRAL[row.paper]
        for name, values in self.axes().items():
            idle = all(value == neutral.get(name) for value in values)
            if name not in ("fold", "seed", *row.axes) and not idle:
                takes = (
                    f"it takes {neutral[name]} alone" if name in neutral else f"it has {', '.join(row.axes) or 'none'}"
                )
                raise ValueError(f"{method} has no axis {name}: {takes}, got {sorted(set(values))}")
        filled = {name: (value,) * len(self) for name, value in neutral.items() if getattr(self, name) is None}
        return replace(self, **filled)


def _check(name: str, value) -> None:
    if name in ("fold", "seed"):
        if not is_whole(value, 0, 2**40 - 1):
            raise ValueError(f"{name} must be a whole number of at least 0, got {value!r}")
    elif not is_number(value) or value < 0 or (name == "lr" and value == 0):
        least = "above" if name == "lr" else "of at least"  # at a rate of 0 nothing is trained
        raise ValueError(f"{name} must be a finite number {least} 0, got {value!r}")


def places(name: str, earlier: Runs, runs: Runs) -> list[int]:
    """For each run, the earlier run of its fold and seed.

    ValueError, calling the earlier ones `name`, where there is none or several of a pair.
    """
    keys = list(zip(earlier.fold, earlier.seed))
    where = {key: i for i, key in enumerate(keys)}
    if missing := set(zip(runs.fold, runs.seed)) - where.keys():
        raise ValueError(f"{name} lacks the (fold, seed) pairs {sorted(missing)}")
    if len(where) < len(keys):
        several = sorted(key for key in where if keys.count(key) > 1)
        raise ValueError(f"{name} must hold one run of each (fold, seed) pair, got several of {several}")
    return [where[key] for key in zip(runs.fold, runs.seed)]
