"""Tables: the named ones, and CSV files of your own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lib.data import cifar10, files
from lib.data.catalogue import DATA_SETS, DataSet
from lib.data.own_csv import read_own

TASKS = ("classification", "regression")
LARGEST, SMALLEST = np.finfo(np.float32).max, np.finfo(np.float32).tiny  # what single precision holds


@dataclass(frozen=True, eq=False)
class Table:
    """One data set. y: labels (N,) of whole numbers, or values (N, C) for regression; images only for CIFAR-10.

    ValueError, naming the column, unless x and y are finite numbers that single precision holds, as many as the rest
    says, and labels are those of `classes`.
    """

    name: str
    x: np.ndarray  # (N, D) float64
    y: np.ndarray
    task: str  # "classification" or "regression"
    features: tuple[str, ...]
    classes: tuple[str, ...]  # of labels 0, 1, ...; names of the C values for regression
    source: str  # where it comes from and under which licence
    images: np.ndarray | None = None  # (N, 32, 32, 3) uint8

    def __post_init__(self):
        check_task(self.task)
        x, y, C = np.asarray(self.x), np.asarray(self.y), len(self.classes)
        if x.ndim != 2 or x.shape[1] != len(self.features) or len(x) != len(y):
            expected = f"({len(y)}, {len(self.features)})"
            raise ValueError(f"{self.name}: x must have a row for each of y, a column for each feature: {expected}, "
                             f"got {x.shape}")  # fmt: skip
        _check_columns(self.name, x, self.features)
        if self.task == "regression":
            if y.shape != (len(x), C):
                raise ValueError(f"{self.name}: y must be values ({len(x)}, {C}) for regression, got {y.shape}")
            _check_columns(self.name, y, self.classes)
        elif y.ndim != 1 or y.dtype.kind not in "iu" or y.min(initial=0) < 0 or y.max(initial=0) >= C:
            found = sorted(set(y.ravel().tolist()))
            found = f"{found[:3]}...{found[-1]}" if len(found) > 3 else found
            raise ValueError(f"{self.name}: y must be labels 0 to {C - 1} of {C} classes (N,), got {found} {y.shape}")
        object.__setattr__(self, "x", x.astype(np.float64, copy=False))
        object.__setattr__(self, "y", y.astype(np.int64 if self.task == "classification" else np.float64, copy=False))

    @property
    def C(self) -> int:
        """Number of outputs: classes, or columns of y."""
        return len(self.classes)


def check_task(task: str) -> str:
    """task itself; ValueError unless it is one of TASKS."""
    if task not in TASKS:
        raise ValueError(f"task must be {' or '.join(TASKS)}, got {task!r}")
    return task


def _check_columns(name: str, values: np.ndarray, columns: tuple[str, ...]) -> None:
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name}: columns must be numbers, got {values.dtype}")
    for column, of in zip(columns, values.T):
        if bad := int((~np.isfinite(of)).sum()):
            raise ValueError(f"{name}: column {column!r} is NaN or infinite in {bad} of {len(of)} rows")
        size = np.abs(of).max(initial=0)
        if size > LARGEST or 0 < size < SMALLEST:
            raise ValueError(
                f"{name}: column {column!r} holds numbers as large as {size:.3g}, and single precision holds "
                f"{SMALLEST:.0e} to {LARGEST:.0e}: give it another unit"
            )


def load(
    name: str, folder: str | Path | None = None, *, task: str | None = None, images: int = cifar10.N, **own
) -> Table:
    """A named data set, or a CSV file of your own if the name ends in .csv (see `from_csv`).

    folder: where its file lies; None means where this project keeps it. task: of your own file, classification unless
    said. images: of CIFAR-10, the paper's 1,000 unless said; all 50,000 are described in half an hour, once. own:
    target, categories, drop and keep of your own file. ValueError: unknown name, missing or changed file, another task
    than a named set has, or columns said of one.
    """
    if images != cifar10.N and not (name in DATA_SETS and DATA_SETS[name].backbone):
        raise ValueError(f"images is for CIFAR-10, got {images!r} for {name}")
    if str(name).endswith(".csv"):
        return from_csv(name, task or "classification", **own)
    if said := [role for role, columns in own.items() if columns]:
        raise ValueError(f"{said[0]} is for a file of your own (.csv), got {own[said[0]]!r} for {name}")
    if name not in DATA_SETS:
        raise ValueError(f"data must be one of {', '.join(DATA_SETS)} or a path ending in .csv, got {name!r}")
    entry = DATA_SETS[name]
    if entry.backbone:
        table = _described_images(entry, folder, images)
    elif not entry.file:
        table = _diabetes(entry)
    else:
        table = _named(entry, folder)
    if task not in (None, table.task):
        raise ValueError(f"task of {name} is {table.task}, got {task!r}")
    return table


def from_csv(
    path: str | Path, task: str = "classification", *, target: str | None = None, categories: Sequence[str] = (),
    drop: Sequence[str] = (), keep: Sequence[str] = (),
) -> Table:  # fmt: skip
    """Your own table: a header row, features, and the class (or the value, for regression) in the column `target`.

    target: the last column by default. categories: columns of words, of which each word becomes a feature; drop:
    columns to leave out; all others must be numbers. keep: features although they lie in equal steps, as row numbers
    do. The table is named after its file with the ending .csv, which no data set of the catalogue has. ValueError: what
    makes the file no such table, each with what to do.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no data file at {path.absolute()}: give a CSV with a header")
    columns = {"target": target or None, "categories": categories, "drop": drop, "keep": keep}
    x, y, features, classes = read_own(path, check_task(task), **columns)
    return Table(path.with_suffix(".csv").name, x, y, task, features, classes, f"your file {path.name}")


def _named(entry: DataSet, folder: str | Path | None) -> Table:
    """A table of the catalogue, from its file or from OpenML."""
    path = files.place(entry, folder)
    if entry.shipped:
        frame = pd.read_csv(files.checked(path, entry.sha256, "`git checkout lib/data/shipped` restores it"))
    else:
        remedy = "delete it to fetch the table from OpenML, or set DATA_DIR"
        frame = pd.read_csv(files.checked(path, entry.sha256, remedy)) if path.exists() else _fetch(entry, path)
        _check_sum(entry, frame)
    ranks = {column: frame[column].rank(method="dense") for column in entry.ranked}
    frame = frame.drop(columns=list(entry.dropped)).assign(**ranks)
    labels, y = np.unique(frame.iloc[:, -1].to_numpy(), return_inverse=True)
    x, features, classes = frame.iloc[:, :-1], tuple(map(str, frame.columns[:-1])), tuple(map(str, labels))
    return Table(entry.name, x.to_numpy(np.float64), y, "classification", features, classes, entry.source)


def _check_sum(entry: DataSet, frame: pd.DataFrame) -> None:
    number, total = entry.openml
    found = frame.iloc[:, :-1].select_dtypes("number").to_numpy(float).sum()
    if not np.isclose(found, total, rtol=1e-4):
        raise ValueError(f"{entry.name}: the features of OpenML's data set {number} should sum to {total}, got {found}")


def _fetch(entry: DataSet, path: Path) -> pd.DataFrame:
    """One OpenML data set, cached in the path's folder by scikit-learn, which verifies OpenML's own checksum."""
    from sklearn.datasets import fetch_openml

    number = entry.openml[0]
    try:
        raw = fetch_openml(data_id=number, data_home=str(path.parent), as_frame=True, parser="auto", n_retries=1)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no data file at {path}, and fetching OpenML's data set {number} failed ({error}); "
            "run once with a network, or put the CSV file (header row, class last) there or set DATA_DIR"
        ) from error
    return raw.data.assign(**{"class": raw.target.to_numpy()})


def _diabetes(entry: DataSet) -> Table:
    from sklearn.datasets import load_diabetes

    raw = load_diabetes(scaled=False)
    features = tuple(raw.feature_names)
    return Table(entry.name, raw.data, raw.target[:, None], "regression", features, ("progression",), entry.source)


def _described_images(entry: DataSet, folder: str | Path | None, n: int) -> Table:
    """CIFAR-10 as FE uses it: n images, each described by an ImageNet network's 1,000 outputs."""
    x, y, images, copy = cifar10.described(entry.backbone, folder, n=n)
    features = tuple(f"imagenet-{i}" for i in range(x.shape[1]))
    source = f"{entry.source}; {copy}, outputs of {entry.backbone}"
    name = entry.name if n == cifar10.N else f"{entry.name}-{n}"  # records of other images are of another data set
    return Table(name, x, y, "classification", features, cifar10.CLASSES, source, images)
