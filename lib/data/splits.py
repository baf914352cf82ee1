"""Splits of a table, stratified and standardised by their own training rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import ArrayLike

from lib.data.tables import Table
from lib.options import is_number, is_whole

FRACTIONS = (0.7, 0.1, 0.2)
LAST = 10**9  # numbers of splits; other random streams have seeds far above
NOISE = 1e-12  # values that differ by less than this share of their size differ by rounding


def split(
    y: np.ndarray, seed: int, *, fractions: Sequence[float] = FRACTIONS, classes: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers of the training, validation and test part; stratified where y is labels (N,).

    The three sizes depend on N and fractions alone. ValueError if a part is empty, or a class is absent from training.
    """
    (seed,) = check_splits([seed])
    shares = tuple(fractions) if isinstance(fractions, Iterable) and not isinstance(fractions, str) else ()
    if len(shares) != 3 or not all(is_number(s) and s > 0 for s in shares) or not np.isclose(sum(shares), 1):
        raise ValueError(f"fractions must be three positive numbers that sum to 1, got {fractions!r}")
    y = np.asarray(y)
    n_train, n_val = (round(share * len(y)) for share in shares[:2])
    if min(n_train, n_val, len(y) - n_train - n_val) < 1:
        raise ValueError(f"{len(y)} rows are too few to split by {shares}")
    rng = np.random.default_rng(seed)
    key = rng.random(len(y))
    if y.ndim == 1:
        # Spread each class evenly over [0, 1): any cut there takes the same share of every class, to within one row.
        for label in np.unique(y):
            rows = np.flatnonzero(y == label)
            key[rows] = (key[rows].argsort().argsort() + rng.random()) / len(rows)
    order = key.argsort(kind="stable")
    train, val, test = np.split(order, [n_train, n_train + n_val])
    absent = np.setdiff1d(y, y[train]) if y.ndim == 1 else []
    if len(absent):
        names = ", ".join(str(classes[c] if classes else c) for c in absent[:5])
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        raise ValueError(f"no training row of class {names}{more} in split {seed}: merge rare classes or drop them")
    return np.sort(train), np.sort(val), np.sort(test)


def check_splits(splits: Sequence[int]) -> list[int]:
    """The numbers themselves; ValueError unless they are different whole numbers from 0 to LAST, at least one."""
    values = list(splits) if isinstance(splits, Iterable) and not isinstance(splits, str) else []
    if not values or not all(is_whole(s, 0, LAST) for s in values) or len(set(values)) < len(values):
        raise ValueError(f"splits must be different whole numbers from 0 to {LAST:,}, at least one, got {splits!r}")
    return [int(s) for s in values]


@dataclass(frozen=True, eq=False)
class Folds:
    """S splits of one table, stacked and standardised by each split's own training rows."""

    name: str
    task: str
    C: int
    split: torch.Tensor  # (S,) the split's number
    x_train: torch.Tensor  # (S, N, D)
    y_train: torch.Tensor  # (S, N) int64, or (S, N, C) for regression
    x_val: torch.Tensor
    y_val: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor
    index_train: torch.Tensor  # (S, N) row in the table
    index_val: torch.Tensor
    index_test: torch.Tensor
    x_mean: torch.Tensor  # (S, 1, D), in double precision whatever the rows are
    x_std: torch.Tensor
    y_mean: torch.Tensor | None = None  # (S, 1, C), regression only
    y_std: torch.Tensor | None = None

    def to(self, device: str | torch.device) -> "Folds":
        """The same folds on another device."""
        moved = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: v.to(device) for k, v in moved.items() if isinstance(v, torch.Tensor)})

    def shaped(self, *shape: int) -> "Folds":
        """The same folds with rows of another shape, say images for a CNN: x_train (S, N, D) -> (S, N, *shape)."""
        x = ("x_train", "x_val", "x_test", "x_mean", "x_std")
        return replace(self, **{name: getattr(self, name).unflatten(2, shape) for name in x})

    def seen(self, x: ArrayLike, fold: int = 0) -> torch.Tensor:
        """New rows (B, D), in the units and the order of the table's features, as f sees them -> (B, D).

        x: array, tensor or data frame. fold: the position of a split, by whose training rows it standardises.
        ValueError if there is no such position, or if x has other features or is not finite.
        """
        if fold not in range(len(self.split)):
            raise ValueError(f"fold must lie between 0 and {len(self.split) - 1}, got {fold!r}")
        shape = self.x_mean.shape[2:]
        try:
            x = x.double() if isinstance(x, torch.Tensor) else torch.tensor(np.asarray(x, np.float64))
        except (TypeError, ValueError) as error:
            raise ValueError(f"x must be finite numbers of shape {('B', *shape)} ({error})") from None
        if x.shape[1:] != shape or not x.ndim or not x.isfinite().all():
            raise ValueError(f"x must be finite numbers of shape {('B', *shape)}, got {tuple(x.shape)}")
        train, scaled = self.x_train[fold], (self.x_mean[fold] != 0).any() or (self.x_std[fold] != 1).any()
        constant = (train == 0).all(0) & scaled  # as `folds` has made them where it standardises
        seen = ((x.to(train.device) - self.x_mean[fold]) / self.x_std[fold]).masked_fill(constant, 0)
        return seen.to(train)


def folds(
    table: Table,
    splits: Sequence[int],
    dtype: torch.dtype = torch.float32,
    *,
    fractions: Sequence[float] = FRACTIONS,
    standardise: bool = True,
) -> Folds:
    """Stack the splits with these numbers; the number seeds its split.

    Standardised by mean and standard deviation over the training rows; a feature constant there becomes zero.
    standardise: False leaves x as it is, for features that share a scale already, as pixels do.
    """
    if not isinstance(table, Table):
        raise ValueError(f"table must be a Table, as `load` gives, got {table!r}")
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ValueError(f"dtype must be a torch.dtype of floating point numbers, as torch.float32, got {dtype!r}")
    splits = check_splits(splits)
    parts = [split(table.y, s, fractions=fractions, classes=table.classes) for s in splits]
    rows = {part: np.stack(of) for part, of in zip(("train", "val", "test"), zip(*parts))}  # (S, N) each
    tensors = {f"index_{part}": torch.from_numpy(of) for part, of in rows.items()}
    tensors |= _standardised("x", table.x, rows, dtype, standardise)
    if table.task == "regression":
        tensors |= _standardised("y", table.y, rows, dtype)
    else:
        tensors |= {f"y_{part}": torch.from_numpy(table.y[of]) for part, of in rows.items()}
    return Folds(table.name, table.task, table.C, torch.tensor(splits), **tensors)


def _standardised(
    name: str, values: np.ndarray, rows: dict[str, np.ndarray], dtype: torch.dtype, change: bool = True
) -> dict[str, torch.Tensor]:
    """name_train, name_val, name_test (S, N, D), and the name_mean and name_std (S, 1, D) that lead back to values."""
    train = values[rows["train"]]
    mean, std = train.mean(1, keepdims=True), train.std(1, keepdims=True)
    constant = np.ptp(train, axis=1, keepdims=True) <= NOISE * np.abs(train).max(1, keepdims=True)
    if not change:
        mean, constant = np.zeros_like(mean), np.zeros_like(constant)
    std = np.where(constant | (not change), 1.0, std)
    parts = {f"{name}_{part}": np.where(constant, 0.0, (values[of] - mean) / std) for part, of in rows.items()}
    scale = {f"{name}_mean": torch.from_numpy(mean), f"{name}_std": torch.from_numpy(std)}
    return scale | {key: torch.from_numpy(of).to(dtype) for key, of in parts.items()}


def new_rows(folds: Folds) -> torch.Tensor:
    """Test rows that equal no training row of their split in all features, bool (S, B)."""
    pairs = zip(folds.x_test.flatten(2), folds.x_train.flatten(2))
    return torch.stack([torch.cdist(test, train, p=0).amin(1) > 0 for test, train in pairs])
