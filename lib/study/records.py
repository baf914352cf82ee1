"""Records: one row for each run and measurement, in small parquet files, checked when written and when read.

    rows = pd.DataFrame(...)                                       # see COLUMNS and OWN
    records.write(rows.assign(**provenance(settings, "cpu")), "results/fe/glass-ours.parquet")
    every = records.read("results/fe")

Rows of an older schema are read by rule (`_upgraded`), so that no committed file is ever rewritten.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet

from lib import writing

ROOT = Path(__file__).parents[2]
SCHEMA = 2  # of the columns below; 1 had neither `schema` nor `experiment_version`

# name: (type, what it holds); a type with ? may be empty where it does not apply
COLUMNS = {
    "paper": ("text", "FE, ID, or FE+ID where both are trained as one"),
    "dataset": ("text", "name in lib.data"),
    "method": ("text", "how it was trained, or what it is compared with"),
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
    "experiment_version": ("whole", "of the experiment, raised when what it computes changes"),
    "schema": ("whole", "of these columns"),
}
# what identifies a run of each paper besides
OWN = {
    "FE": {
        "eta": ("number?", "weight of the regulariser"),
        "lam": ("number?", "weight lambda of l(g, h)"),
        "U": ("whole?", "entries (n, c) kept in the explanation; N x C where all are"),
    },
    "ID": {
        "explainer": ("text", "LIME, KernelSHAP or Grad-CAM: measured, and trained where the method trains one"),
        "S": ("number", "share of the features inserted and deleted, likewise"),
        "deletion": ("text", "form of Omega_Del: A, B or C; none where the method has none"),
        "lam": ("number", "lambda_1 = lambda_2, or the strength of ExpO's regulariser"),
        "lam3": ("number", "weight of ||phi||^2"),
        "lr": ("number", "learning rate"),
    },
    "FE+ID": {
        "eta": ("number", "weight of the gates' regulariser"),
        "lam": ("number", "weight lambda of l(g, h)"),
        "lam1": ("number", "lambda_1 = lambda_2, weight of insertions and deletions"),
        "U": ("whole?", "as in FE; empty where a measure has none"),
        "explainer": ("text", "trained and measured"),
        "S": ("number", "share of the features inserted and deleted"),
        "deletion": ("text", "form of Omega_Del: A, B or C"),
    },
}
ALLOWED = {"paper": tuple(OWN), "part": ("train", "val", "test"), "direction": ("higher", "lower")}
NOT_NEGATIVE = ("eta", "lam", "lam1", "lam3", "lr", "seconds", "epochs", "best_epoch", "split", "experiment_version",
                "schema")  # fmt: skip
RUN = ["paper", "dataset", "method", "split", "seed", "config"]  # identifies a run, with its paper's own columns
KINDS = ("paper", "dataset", "method")  # of runs that no version of an experiment takes for each other
SPARE = 2**20  # bytes that must be free where records are to be written


# --- Writing and reading ---------------------------------------------------------------------------------------------


def write(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write checked rows as one parquet file, which appears whole or not at all; further columns are kept."""
    path = check_out(path)
    table = pyarrow.Table.from_pandas(validate(frame.assign(schema=SCHEMA)), preserve_index=False)
    with writing.whole(path) as partial:
        parquet.write_table(table, partial, compression="zstd")
    return path


def add(frame: pd.DataFrame, path: str | Path, version: int) -> pd.DataFrame:
    """Write rows beside those of this version that other processes have written to the file by now; all of them."""
    path = check_out(path)
    with writing.alone(path):
        there = made(path, version)
        every = pd.concat([there, frame], ignore_index=True) if len(there) else frame
        write(every, path)
    return every


def found(path: str | Path) -> Path:
    """The path where it is: from the working folder, else from the project's, as a page may be run from any."""
    return Path(path) if Path(path).exists() else ROOT / path


def files(folder: str | Path) -> list[Path]:
    """The files of records in a folder and below; what a writer that was killed has left begins with a dot."""
    return sorted(file for file in found(folder).rglob("*.parquet") if not file.name.startswith("."))


def read(path: str | Path) -> pd.DataFrame:
    """All rows of one file, or of every .parquet file in a folder and below, checked.

    ValueError if there is none, or naming the file and column that break the rules.
    """
    path = found(path)
    own = files(path) if path.is_dir() else [path]
    if not own or not own[0].is_file():
        raise ValueError(f"no results in {path}: expected a .parquet file or a folder of them (`make experiments`)")
    return _unique(pd.concat(map(_checked, own), ignore_index=True), str(path))


def made(path: str | Path, version: int) -> pd.DataFrame:
    """The rows of a file that this version of its experiment has made; none of a file that is not there.

    What an older version has made is to be made again, and written over. ValueError as `read`.
    """
    if not Path(path).exists():
        return pd.DataFrame(columns=[*COLUMNS])
    frame = _checked(Path(path))
    return frame[frame["experiment_version"] == version]


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


def check_out(path: str | Path, **others: str | Path) -> Path:
    """The path of records to be written, its folder made. Call it before a long run.

    others: further files of that run by their parameters' names (a checkpoint, say); empty ones do not matter.
    ValueError if the path does not end in .parquet, is a folder, a file that is not of records, or one of the others,
    or if there is no place.
    """
    path, places = Path(path), {name: Path(other) for name, other in others.items() if other}
    for name, place in {"out": path, **places}.items():
        _check_place(name, place)
        if same := [n for n, other in places.items() if n != name and other.resolve() == place.resolve()]:
            raise ValueError(f"{name} and {same[0]} must be different files, got {place} for both")
    if path.exists() and not _holds_records(path):
        raise ValueError(f"out must be a new file or one of records, got {path}, which is something else: move it away")
    if path.suffix != ".parquet":
        raise ValueError(f"out must end in .parquet, as records are found by it, got {path}")
    return path


def networks(folder: str, version: int) -> Path | None:
    """Where an experiment keeps its networks, apart for each version of it, as another trains anew; None: nowhere."""
    return Path(folder) / f"v{version}" if folder else None


def check_replaced(path: str | Path, version: int, **columns) -> None:
    """ValueError if the file holds records that those to be made do not replace: of another data set or split, say.

    columns: of each the value or the values that are to be made. Of what another version of the experiment has made,
    which is to be made again, only paper, data set and method count.
    """
    if not Path(path).exists():
        return
    frame, own = _checked(Path(path)), made(path, version)
    for name, values in columns.items():
        values = {*values} if isinstance(values, list | tuple) else {values}
        held = {*(frame if name in KINDS else own).get(name, pd.Series(dtype=object)).dropna()}
        if lost := held - values:
            lost, values = (", ".join(map(str, sorted(some))) for some in (lost, values))
            raise ValueError(f"out must not replace records of another {name}: {path} holds {lost}, "
                             f"and this run makes {values}; give another name, or move it away")  # fmt: skip


def _check_place(name: str, path: Path) -> None:
    """ValueError unless a file of that path can be written, and its disk has room for some records."""
    writing.check_home(name, path)
    if path.is_dir():
        raise ValueError(f"{name} must be a file's name, got the folder {str(path)!r}")
    probe = path.with_name(f".{path.name}.{os.getpid()}.probe")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with probe.open("wb") as file:
                file.write(bytes(SPARE))
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise ValueError(f"{name} must be a place that can be written to, got {path} ({error.strerror})") from error


def _holds_records(path: Path) -> bool:
    try:
        return {"paper", "method", "measure", "value"} <= set(parquet.read_schema(path).names)
    except (OSError, pyarrow.ArrowException):
        return False


def _upgraded(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    """The frame with the columns of today's schema; ValueError if it is of a later one."""
    if "schema" not in frame:  # schema 1
        frame = frame.assign(schema=1, experiment_version=1)
    if (newest := frame["schema"].max()) > SCHEMA:
        raise ValueError(f"{where}: records of schema {newest}, this code reads up to {SCHEMA}: update it")
    return frame


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


def _checked(file: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(file)
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"{file} is not a readable parquet file: {error}") from error
    return validate(_upgraded(frame, str(file)), str(file))
