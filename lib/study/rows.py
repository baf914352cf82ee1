"""What the rows of each split say before any model: the majority class's accuracy, and repeated test rows.

`python -m lib.study.rows` writes results/rows/splits.csv from the tables themselves, so that pages need none of them.
"""

from pathlib import Path

import pandas as pd
import torch

from lib import data
from lib.study import records
from lib.study.runs_fe import TABLES as FE
from lib.study.runs_id import TABLES as ID

FILE = records.ROOT / "results" / "rows" / "splits.csv"
SPLITS = dict.fromkeys(FE, 10) | dict.fromkeys((*ID, "collins-23"), 5)


def described(name: str, splits: int) -> pd.DataFrame:
    """For each split: rows of training and test, accuracy of always naming the most frequent training class on test
    rows, and the share of test rows that equal a training row in all features."""
    folds = data.folds(data.load(name), range(splits), dtype=torch.float64)
    common = folds.y_train.mode(1).values
    columns = {
        "train": folds.y_train.shape[1],
        "test": folds.y_test.shape[1],
        "majority": (folds.y_test == common[:, None]).double().mean(1).tolist(),
        "repeated": 1 - data.new_rows(folds).double().mean(1),
    }
    return pd.DataFrame({"dataset": name, "split": range(splits), **columns})


def read(path: str | Path = FILE) -> pd.DataFrame:
    """The file that `main` writes: a row for each data set and split."""
    return pd.read_csv(path)


def majority(known: pd.DataFrame, dataset: str) -> pd.Series:
    """Accuracy of the majority class on test rows: split -> value; empty where it is not known."""
    return known[known["dataset"] == dataset].set_index("split")["majority"]


def main() -> None:
    """Write the file anew."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.concat([described(name, splits) for name, splits in SPLITS.items()])
    frame.round(6).to_csv(FILE, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
