"""The records of paper FE: which there are, which runs validation chooses, and one number for each of their splits.

    frame = runs_fe.load()      # results/fe, and results/fewer for data sets whose six methods are there
    ten = runs_fe.chosen(frame)
    runs_fe.by_split(ten, "glass", "Ours", measure="accuracy")

Methods and data sets are those of the paper's comparison, by name, so that a new one changes no result.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lib import data
from lib.data import catalogue
from lib.study import records
from lib.study.runs import at, check_configuration, kept

U = 10  # entries kept in the explanation, where the paper fixes it too
SCORES = ("accuracy", "faithfulness")
METHODS = ("Ours", "Joint", "RPS", "RPSR", "Pretrain", "PretrainR")
GATED = ("Ours", "RPSR", "PretrainR")
TABLES = tuple(name for name in catalogue.names("FE") if not catalogue.DATA_SETS[name].backbone)
CIFAR10 = "cifar10-efficientnet-lite0"
RUN = ["dataset", "method", "split", "seed", "lam", "eta"]  # what tells two runs of one configuration apart

FOLDERS = tuple(records.ROOT / "results" / name for name in ("fe", "fewer"))  # the second replaces the first
# what the first folder's records were made with; `hidden` and `patience_steps` are other on CIFAR10
CONFIGURATION = {
    "experiment": "fewer_examples", "epochs": 10_000, "hidden": 64, "layers": 3, "dropout": 0.3, "batch": 32,
    "lr": 0.001, "J": 1, "sigma": 0.5, "mu_start": 0.5, "S_start": 1, "rank": "magnitude", "exact_mean": False,
    "through_g": True, "drop_examples": True, "U": [5, 10, 20, 30, 50, 100, "all"], "patience_steps": 20_000,
}  # fmt: skip
CIFAR10_CONFIGURATION = CONFIGURATION | {"hidden": 512, "patience_steps": 5_000}


# --- Loading ---------------------------------------------------------------------------------------------------------


def load(folder: str | Path = FOLDERS[0], newer: str | Path | None = FOLDERS[1]) -> pd.DataFrame:
    """All records of the experiment, each data set's of one protocol: of `newer` once its six methods are there.

    ValueError if the records of a data set were made with different settings, or with others than the first folder's.
    """
    return _taken(_read(folder, newer), is_complete)


def load_lambdas(folder: str | Path = FOLDERS[0], newer: str | Path | None = FOLDERS[1]) -> pd.DataFrame:
    """The records of Ours at all lambdas, each data set's of one protocol: of `newer` once it has five lambdas there.

    Of each data set only the splits, seeds and etas that all its lambdas have, so that like is compared with like.
    ValueError as for `load`. So a data set's curve over lambda may be older than its other records.
    """
    return common(_taken([rows[rows["method"] == "Ours"] for rows in _read(folder, newer)], has_lambdas))


def common(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of those splits, seeds and etas that a data set has at all its lambdas."""
    run = ["dataset", "split", "seed", "eta"]
    everywhere = rows.groupby("dataset")["lam"].nunique()
    lams = rows.groupby(run)["lam"].nunique().rename("lams").reset_index()
    whole = lams[lams["lams"] == lams["dataset"].map(everywhere)]
    return rows.merge(whole[run], on=run)


def _read(folder: str | Path, newer: str | Path | None) -> list[pd.DataFrame]:
    """The records of both folders, checked; the second without a row where there are none."""
    frame = records.read(folder)
    for dataset, rows in frame.groupby("dataset"):
        check_configuration(rows, folder, CIFAR10_CONFIGURATION if dataset.startswith("cifar10") else CONFIGURATION)
    if newer is None or not records.files(newer):
        return [frame, frame[:0]]
    new = records.read(newer)
    for _, rows in new.groupby("dataset"):
        check_configuration(rows, newer, {"experiment": CONFIGURATION["experiment"]})
    return [frame, new]


def _taken(both: Sequence[pd.DataFrame], is_whole: Callable[[pd.DataFrame], bool]) -> pd.DataFrame:
    """Each data set's records from the second frame where they are whole there, else from the first."""
    frame, new = both
    whole = [dataset for dataset, rows in new.groupby("dataset") if is_whole(rows)]
    kept = frame[~frame["dataset"].isin(whole)], new[new["dataset"].isin(whole)]
    return pd.concat([rows for rows in kept if len(rows)], ignore_index=True)


def is_complete(rows: pd.DataFrame) -> bool:
    """Whether a data set has all methods and etas at lambda 1, in ten splits, or five of CIFAR10."""
    main, wide = rows[rows["lam"] == 1], rows["dataset"].iloc[0].startswith("cifar10")
    for method in METHODS:
        etas = at(main, method=method).groupby("split")["eta"].nunique()
        if (etas >= (6 if method in GATED else 1)).sum() < (5 if wide else 10):
            return False
    return True


def has_lambdas(rows: pd.DataFrame) -> bool:
    """Whether a data set has Ours at five lambdas."""
    return rows.loc[rows["method"] == "Ours", "lam"].nunique() >= 5


def is_newer(frame: pd.DataFrame, dataset: str) -> bool:
    """Whether a data set's records are of the second protocol, which keeps epochs by one U."""
    settings = frame.loc[frame["dataset"] == dataset, "settings"]
    return len(settings) > 0 and "keep" in json.loads(settings.iloc[0])


def datasets(frame: pd.DataFrame) -> list[str]:
    """The data sets to report, in the paper's order: its tables, and CIFAR10 as far as described by any network."""
    return [*TABLES, *(sorted(name for name in set(frame["dataset"]) if name.startswith("cifar10")) or [CIFAR10])]


# --- What validation chooses -----------------------------------------------------------------------------------------


def choose_eta(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of each run's best eta on validation: largest geometric mean of SCORES, ties to the smaller eta.

    Chosen for each dataset, method, split, seed, lambda and U by itself. A negative score counts as 0. ValueError if a
    run lacks one of them, or was recorded in two configurations, which must not be averaged.
    """
    scores, by = list(SCORES), ["paper", *RUN[:-1], "U"]
    configurations = rows.groupby([*by, "eta"], dropna=False)["config"].nunique()
    if (configurations > 1).any():
        run = dict(zip([*by, "eta"], configurations[configurations > 1].index[0]))
        raise ValueError(f"records must be of one configuration for each run, got several of {run}: move some away")
    rows = kept(rows)
    val = rows[rows["part"] == "val"].groupby([*by, "eta", "measure"], dropna=False)["value"].mean()
    score = val.reset_index().pivot(index=[*by, "eta"], columns="measure", values="value").reset_index()
    score = score.reindex(columns=[*by, "eta", *scores])
    incomplete = score[score[scores].isna().any(axis=1)]
    if score.empty or len(incomplete):
        found = dict(incomplete.iloc[0]) if len(incomplete) else "no validation rows"
        raise ValueError(f"records must hold {' and '.join(scores)} on validation for every run, got {found}")
    score["score"] = np.sqrt(score[scores].clip(lower=0).prod(axis=1))
    best = score.sort_values(["score", "eta"], ascending=[False, True], kind="stable").drop_duplicates(by)
    return rows.merge(best[[*by, "eta"]], on=[*by, "eta"])


def chosen(frame: pd.DataFrame, U: int = U) -> pd.DataFrame:
    """All rows of the runs whose eta validation chose at U, one run for each split and seed; scores at that U alone."""
    scored = frame["measure"].isin(SCORES)
    best = choose_eta(frame[scored & (frame["U"] == U)])[RUN].drop_duplicates()
    return frame[~scored | (frame["U"] == U)].merge(best, on=RUN)


# --- One number for each split ---------------------------------------------------------------------------------------


def by_split(ten: pd.DataFrame, dataset: str, method: str, *, measure: str, lam: float = 1.0) -> pd.Series:
    """A test measure of the chosen runs, or their "seconds": split -> value, mean over seeds; empty without records."""
    rows = at(ten, dataset=dataset, method=method, lam=lam, part="test")
    if measure == "seconds":
        return rows.drop_duplicates(RUN).groupby("split")["seconds"].mean()
    return at(rows, measure=measure).groupby("split")["value"].mean()


def chosen_eta(ten: pd.DataFrame, dataset: str, method: str) -> pd.Series:
    """The eta that validation chose at lambda 1 for the first seed of each split: split -> eta, as it was trained."""
    rows = at(ten, dataset=dataset, method=method, lam=1)
    return rows.sort_values("seed", kind="stable").groupby("split")["eta"].first()


def rates(frame: pd.DataFrame) -> str:
    """Milliseconds of an epoch of one run, its share of a stack, of the runs made on each GPU, in words."""
    runs = frame[frame["device"].str.startswith("cuda")].drop_duplicates(RUN)
    said = []
    for device, rows in runs.groupby("device"):
        sums = rows.groupby("method")[["seconds", "epochs"]].sum()
        each = 1000 * sums["seconds"] / sums["epochs"]
        told = f"{each.min():.0f} ({each.idxmin()}) to {each.max():.0f} ms ({each.idxmax()})"
        said.append(f"{told} for an epoch of one run as its share of the runs trained together ({device[6:]})")
    return "; ".join(said) or "none yet"


def classes_picked(ten: pd.DataFrame, dataset: str, method: str) -> pd.Series:
    """Different classes among the ten most influential images of the chosen runs: split -> number (CIFAR10)."""
    rows = at(ten, dataset=dataset, method=method, lam=1, measure="influence")
    if rows.empty:
        return pd.Series(dtype=float)
    label = data.cifar10.chosen()[1][rows["example"].astype(int)]
    return rows.assign(label=label).groupby(["split", "seed"])["label"].nunique().groupby("split").mean().astype(float)
