"""Results with provenance: one row for each run and measurement, in small parquet files.

    rows = pd.DataFrame(...)                                       # see COLUMNS and OWN
    records.write(rows.assign(**records.provenance(settings, "cpu")), "results/fe/glass-ours.parquet")
    every = records.read("results/fe")

Files are checked when written and again when read. The rest of this file is what result pages ask of them:
the eta that validation chooses, means with standard errors over splits, paired tests and their correction.
"""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow
import torch
from pyarrow import parquet
from scipy import stats

ROOT = Path(__file__).parents[2]

# name: (type, what it holds); a type with ? may be empty where it does not apply
COLUMNS = {
    "paper": ("text", "FE or ID"),
    "dataset": ("text", "name in lib.data"),
    "method": ("text", "name in lib.examples.METHODS or lib.training.expo.METHODS"),
    "split": ("whole", "number of the split, which seeds it"),
    "seed": ("whole", "seed of the run"),
    "part": ("text", "val or test"),
    "measure": ("text", "accuracy, faithfulness, ..."),
    "value": ("number", ""),
    "direction": ("text", "higher or lower: which is better"),
    "epochs": ("whole", "epochs trained"),
    "best_epoch": ("whole", "the epoch whose parameters were measured"),
    "seconds": ("number", "training time of this run"),
    "device": ("text", ""),
    "versions": ("text", "of Python and the packages that matter"),
    "code": ("text", "git commit and whether it was clean, or unknown"),
    "config": ("text", "hash of the settings"),
    "settings": ("text", "the settings as JSON"),
}
# what identifies a run of each paper besides
OWN = {
    "FE": {
        "eta": ("number?", "weight of the regulariser"),
        "lam": ("number?", "weight lambda of l(g, h)"),
        "U": ("whole?", "entries (n, c) kept in the explanation; N x C where all are"),
    },
    "ID": {
        "explainer": ("text", "LIME or KernelSHAP: measured, and trained where the method trains one"),
        "S": ("number", "share of the features inserted and deleted, likewise"),
        "deletion": ("text", "form of Omega_Del: A, B or C; none where the method has none"),
        "lam": ("number", "lambda_1 = lambda_2, or the strength of ExpO's regulariser"),
        "lam3": ("number", "weight of ||phi||^2"),
        "lr": ("number", "learning rate"),
    },
}
ALLOWED = {"paper": ("FE", "ID"), "part": ("train", "val", "test"), "direction": ("higher", "lower")}
NOT_NEGATIVE = ("eta", "lam", "lam3", "lr", "seconds", "epochs", "best_epoch", "split")
RUN = ["paper", "dataset", "method", "split", "seed", "config"]  # identifies a run, with its paper's own columns
_PACKAGES = ("torch", "numpy", "scipy", "pandas", "scikit-learn")


# --- Writing and reading ---------------------------------------------------------------------------------------------


def write(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write checked rows as one parquet file, which appears whole or not at all; further columns are kept."""
    path, table = check_out(path), pyarrow.Table.from_pandas(validate(frame), preserve_index=False)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        parquet.write_table(table, partial, compression="zstd")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def read(path: str | Path) -> pd.DataFrame:
    """All rows of one file, or of every .parquet file in a folder and below, checked.

    ValueError if there is none, or naming the file and column that break the rules.
    """
    path = Path(path)
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise ValueError(f"no results in {path}: expected a .parquet file or a folder of them (`make experiments`)")
    frames = [validate(_open(file), str(file)) for file in files]
    return _unique(pd.concat(frames, ignore_index=True), str(path))


def validate(frame: pd.DataFrame, where: str = "records") -> pd.DataFrame:
    """A copy with the types of COLUMNS and OWN; ValueError names the first column that is missing or wrong."""
    papers = sorted(set(frame.get("paper", [])) & set(OWN))
    columns = COLUMNS | {name: kind for paper in papers for name, kind in OWN[paper].items()}
    missing = [name for name in columns if name not in frame]
    if missing:
        raise ValueError(f"{where}: missing column {', '.join(missing)}; see lib.study.records.COLUMNS and OWN")
    if frame.empty:
        raise ValueError(f"{where}: no rows")
    typed = {name: _typed(frame[name], kind, where) for name, (kind, _) in columns.items()}
    for name, values in ALLOWED.items():
        unknown = sorted(set(typed[name]) - set(values))
        if unknown:
            raise ValueError(f"{where}: column {name!r} must be one of {', '.join(values)}, got {', '.join(unknown)}")
    for name in set(NOT_NEGATIVE) & set(typed):
        if (typed[name].dropna() < 0).any():
            raise ValueError(f"{where}: column {name!r} must not be negative, got {typed[name].min()}")
    return _unique(frame.assign(**typed), where)


def check_out(path: str | Path) -> Path:
    """The path itself, its folder made; ValueError if nothing can be written there. Call it before a long run."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"out must be a file's name, got the folder {str(path)!r}")
    probe = path.with_name(f".{path.name}.{os.getpid()}.probe")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(f"out must be a place that can be written to, got {path} ({error.strerror})") from error
    return path


def _typed(column: pd.Series, kind: str, where: str) -> pd.Series:
    name, column = column.name, column.infer_objects()
    if column.isna().any() and not kind.endswith("?"):
        raise ValueError(f"{where}: column {name!r} is empty in {column.isna().sum()} rows")
    if kind == "text":
        ok = all(isinstance(value, str) for value in column.unique())
    else:
        ok = column.isna().all() or (pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column))
        ok = ok and bool(np.isfinite(column.dropna().astype(float)).all())
        ok = ok and (kind.startswith("number") or (column.dropna() % 1 == 0).all())
    if not ok:
        expected = {"text": "text", "whole": "whole numbers", "number": "finite numbers"}[kind.rstrip("?")]
        raise ValueError(f"{where}: column {name!r} must hold {expected}, got {column.iloc[0]!r} ({column.dtype})")
    return column.astype({"text": "str", "whole": "int64", "whole?": "Int64"}.get(kind, "float64"))


def _unique(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    own = dict.fromkeys(name for columns in OWN.values() for name in columns if name in frame)
    twice = frame.duplicated([*RUN, *own, "part", "measure"])
    if twice.any():
        row = frame[twice].iloc[0][["dataset", "method", "split", *own, "part", "measure"]]
        raise ValueError(f"{where}: {twice.sum()} measurements appear twice, the first is {row.to_dict()}")
    return frame


def _open(file: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(file)
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"{file} is not a readable parquet file: {error}") from error


# --- Provenance ------------------------------------------------------------------------------------------------------


def provenance(settings: Mapping, device: str | torch.device) -> dict[str, str]:
    """Columns that say how a result came about: device, versions, code, config and settings."""
    packages = (f"{name} {metadata.version(name)}" for name in _PACKAGES)
    return {
        "device": _device(torch.device(device)),
        "versions": ", ".join((f"python {platform.python_version()}", *packages)),
        "code": _code(),
        "config": config_hash(settings),
        "settings": _json(settings),
    }


def config_hash(settings: Mapping) -> str:
    """12 hexadecimal digits that depend on the settings, not on their order, nor on 1 or 1.0, list or tuple."""
    return hashlib.sha256(_json(settings).encode()).hexdigest()[:12]


def _json(settings: Mapping) -> str:
    return json.dumps(_plain(settings), sort_keys=True)


def _plain(value):
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ValueError(f"settings must be made of numbers, text, lists and dictionaries, got {value!r}")


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{device.type}: {models[0] if models else platform.machine()}, {torch.get_num_threads()} threads"


def _code(root: Path = ROOT) -> str:
    """The commit, and whether lib and notebooks differ from it; `unknown` where there is no git."""

    def git(*words):
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return f"{commit} {'changed' if git('status', '--porcelain', '--', 'lib', 'notebooks') else 'clean'}"
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


# --- What result pages ask -------------------------------------------------------------------------------------------


def choose_eta(records: pd.DataFrame, measures: Sequence[str] = ("accuracy", "faithfulness")) -> pd.DataFrame:
    """The rows of each run's best eta on validation: largest geometric mean of two measures, ties to the smaller eta.

    Chosen for each dataset, method, split, seed, lambda and U by itself. A negative measure counts as 0.
    """
    by = [*RUN[:-1], "lam", "U"]
    val = records[records["part"] == "val"].groupby([*by, "eta", "measure"], dropna=False)["value"].mean()
    score = val.reset_index().pivot(index=[*by, "eta"], columns="measure", values="value").reset_index()
    score = score.reindex(columns=[*by, "eta", *measures])
    incomplete = score[score[list(measures)].isna().any(axis=1)]
    if score.empty or len(incomplete):
        found = dict(incomplete.iloc[0]) if len(incomplete) else "no validation rows"
        raise ValueError(f"records must hold {' and '.join(measures)} on validation for every run, got {found}")
    score["score"] = np.sqrt(score[list(measures)].clip(lower=0).prod(axis=1))
    best = score.sort_values(["score", "eta"], ascending=[False, True], kind="stable").drop_duplicates(by)
    return records.merge(best[[*by, "eta"]], on=[*by, "eta"])


def mean_sem(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean of `value`, its standard error over splits and the number of splits, for each group of `by`.

    Several rows of one split (seeds) are averaged first, as they share their test rows.
    """
    by = list(by)
    splits = frame.groupby([*by, "split"], dropna=False, observed=True)["value"].mean()
    return splits.groupby(by, dropna=False, observed=True).agg(["mean", "sem", "count"]).reset_index()


def plus_minus(mean: float, sem: float, digits: str = ".2f") -> str:
    """Mean ± standard error on one line, a dash where there is neither."""
    return "–" if np.isnan(mean) else f"{mean:{digits}}\u00a0±\u00a0{sem:{digits.lstrip('+')}}"


class Paired(NamedTuple):
    """A paired comparison: mean difference, its 95 % interval, the two-sided p value, and how many pairs."""

    difference: float
    low: float
    high: float
    p: float
    n: int


def paired(a: Sequence[float] | pd.Series, b: Sequence[float] | pd.Series, level: float = 0.95) -> Paired:
    """a - b over splits: paired t test and interval. Two Series are matched by their index (the split)."""
    if isinstance(a, pd.Series) and isinstance(b, pd.Series):
        if set(a.index) != set(b.index):
            raise ValueError(f"a and b must cover the same splits, got {sorted(a.index)} and {sorted(b.index)}")
        b = b.loc[a.index]
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"a and b must be as many values, at least two, got shapes {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"a and b must be finite, got {a} and {b}")
    n, difference, error = len(a), (a - b).mean(), stats.sem(a - b)
    half = stats.t.ppf((1 + level) / 2, n - 1) * error
    p = 2 * stats.t.sf(abs(difference) / error, n - 1) if error > 0 else float(difference == 0)
    return Paired(float(difference), float(difference - half), float(difference + half), float(p), n)


def holm(p: Sequence[float]) -> np.ndarray:
    """p values corrected for being several (Holm): step down, at most 1, in the order given."""
    p = np.asarray(p, float)
    order = p.argsort()
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = stepped.clip(max=1)
    return corrected
