"""The claims of the paper on fewer examples, each tested on the records; its verdict follows from the numbers.

frame = claims_fe.load()        # results/fe
tests = claims_fe.tests(frame)  # one row for each comparison
claims_fe.verdicts(tests)       # one row for each claim
"""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from lib import data
from lib.study import claims, records
from lib.study.claims import MARGIN, Claim, Comparison, compare, fact, title
from lib.training.fewer import Settings

U = 10  # entries kept in the explanation: where the paper fixes it too
SLOWER = 1.2  # up to this many times the seconds, a regulariser costs little
BLUR = 3  # seconds of one method were measured beside other work than another's: smaller ratios say little
SCORES = ("accuracy", "faithfulness")
CIFAR10 = "cifar10-efficientnet-lite0"
TABLES = ("glass", "vehicle", "segment")


# --- Records ---------------------------------------------------------------------------------------------------------

DERIVED = ("patience", "check")  # from patience_steps and the data set's size
SPEED = ("stack_rows", "open_rows")  # change no result beyond rounding


def load(folder: str | Path = records.ROOT / "results" / "fe") -> pd.DataFrame:
    """All records of the experiment; ValueError if some were made with other settings than it has today."""
    frame, seen = records.read(folder), {}
    for (dataset, method, text), _ in frame.groupby(["dataset", "method", "settings"]):
        recorded = {k: v for k, v in json.loads(text).items() if k not in SPEED}
        wanted = _settings(dataset) | {k: recorded.get(k) for k in DERIVED}
        wanted = seen.setdefault(dataset, wanted)
        claims.check_settings(folder, method, dataset, recorded, wanted)
    return frame


def _settings(dataset: str) -> dict:
    """What workflow/experiments.smk runs a data set with, as JSON gives it back."""
    wide = dataset.startswith("cifar10")
    settings = dataclasses.asdict(Settings(hidden=512 if wide else Settings.hidden))
    settings |= {"experiment": "fewer_examples", "patience_steps": 5_000 if wide else 20_000}
    return {k: v for k, v in json.loads(json.dumps(settings)).items() if k not in SPEED}


def datasets(frame: pd.DataFrame) -> list[str]:
    """The data sets to report, in the paper's order: its tables, and CIFAR10 as far as described by any network."""
    return [*TABLES, *(sorted(name for name in set(frame["dataset"]) if name.startswith("cifar10")) or [CIFAR10])]


def chosen(frame: pd.DataFrame, U: int = U) -> pd.DataFrame:
    """All rows of the runs whose eta validation chose at U, one run for each split; scores at that U alone."""
    scored = frame["measure"].isin(SCORES)
    run = ["dataset", "method", "split", "seed", "lam", "eta"]
    best = records.choose_eta(frame[scored & (frame["U"] == U)])[run].drop_duplicates()
    return frame[~scored | (frame["U"] == U)].merge(best, on=run)


def by_split(ten: pd.DataFrame, dataset: str, method: str, measure: str, lam: float = 1.0) -> pd.Series:
    """A test measure of the chosen runs, or their "seconds" or "eta": split -> value; empty without records."""
    rows = ten[(ten["dataset"] == dataset) & (ten["method"] == method) & (ten["lam"] == lam) & (ten["part"] == "test")]
    if measure not in ("seconds", "eta"):
        return rows[rows["measure"] == measure].groupby("split")["value"].mean()
    return rows.groupby("split")[measure].mean()


def classes_picked(ten: pd.DataFrame, dataset: str, method: str) -> pd.Series:
    """Different classes among the ten most influential images of the chosen runs: split -> number (CIFAR10)."""
    rows = ten[(ten["dataset"] == dataset) & (ten["method"] == method) & (ten["lam"] == 1)]
    rows = rows[rows["measure"] == "influence"]
    if rows.empty:
        return pd.Series(dtype=float)
    label = data.cifar10.chosen()[1][rows["example"].astype(int)]
    return rows.assign(label=label).groupby("split")["label"].nunique().astype(float)


def difference(ten: pd.DataFrame, dataset: str, measure: str, a: str, b: str, claimed=">", bound=0.0) -> Comparison:
    """Method a minus method b."""
    values = by_split(ten, dataset, a, measure) - by_split(ten, dataset, b, measure)
    return compare(dataset, f"{measure}, {a} − {b}", values, claimed, bound)


def ratio(ten: pd.DataFrame, dataset: str, a: str, b: str, claimed: str, bound: float) -> Comparison:
    """Seconds of method a over those of method b, on a logarithmic scale; only where one device ran both."""
    rows = ten[(ten["dataset"] == dataset) & ten["method"].isin([a, b])]
    values = np.log(by_split(ten, dataset, a, "seconds") / by_split(ten, dataset, b, "seconds"))
    values = values if rows["device"].nunique() == 1 else values[:0]
    return compare(dataset, f"seconds, {a} / {b}", values, claimed, math.log(bound), math.exp, math.log(BLUR))


def slope(ten: pd.DataFrame, dataset: str, measure: str, claimed: str) -> Comparison:
    """Change of Ours per tenfold lambda: a straight line through each split's values at all lambdas."""
    rows = ten[(ten["dataset"] == dataset) & (ten["method"] == "Ours") & (ten["part"] == "test")]
    table = rows[rows["measure"] == measure].pivot_table(index="split", columns="lam", values="value").dropna()
    if table.shape[1] < 3:
        table = table[:0]
    slopes = {s: np.polyfit(np.log10(table.columns), values, 1)[0] for s, values in zip(table.index, table.to_numpy())}
    return compare(dataset, f"{measure} per tenfold λ", pd.Series(slopes, dtype=float), claimed)


# --- The claims ------------------------------------------------------------------------------------------------------


def accuracy_is_kept(ten, frame, names):
    return [difference(ten, d, "accuracy", "Ours", "Pretrain", "within", MARGIN) for d in names]


def few_examples_are_faithful(ten, frame, names):
    return [difference(ten, d, "faithfulness", "Ours", b) for d in names for b in ("Pretrain", "PretrainR")]


def rps_is_faithful_but_wrong(ten, frame, names):
    for d in names:
        for method in ("RPS", "RPSR"):
            rows = frame[(frame["dataset"] == d) & (frame["method"] == method) & (frame["part"] == "test")]
            lowest = rows[rows["measure"] == "faithfulness"].groupby("split")["value"].min()
            yield fact(d, f"faithfulness, lowest of {method}", lowest, min, "=", 1, given=True)
            yield difference(ten, d, "accuracy", "Ours", method)


def joint_is_worse(ten, frame, names):
    return [difference(ten, d, measure, "Ours", "Joint") for d in names for measure in SCORES]


def gates_help(ten, frame, names):
    pairs = (("accuracy", "RPSR", "RPS"), ("faithfulness", "PretrainR", "Pretrain"))
    return [difference(ten, d, *pair) for d in names for pair in pairs]


def one_image_a_class(ten, frame, names):
    for d in (name for name in names if name.startswith("cifar10")):
        ours, joint = (classes_picked(ten, d, method) for method in ("Ours", "Joint"))
        yield fact(d, "classes among ten images, median of Ours", ours, np.median, "=", 10)
        yield fact(d, "classes among ten images, median of Joint", joint, np.median, "<", 10)
        yield compare(d, "classes among ten images, Ours − Joint", ours - joint, ">")


def lambda_trades(ten, frame, names):
    return [slope(ten, d, measure, side) for d in names for measure, side in zip(SCORES, "<>")]


def best_eta_depends(ten, frame, names):
    """Kruskal and Wallis' test that the etas chosen over splits come from one distribution on all data sets."""
    etas = {d: by_split(ten, d, "Ours", "eta") for d in names}
    etas = {d: values for d, values in etas.items() if len(values) > 1}
    what = "median of the chosen η: " + ", ".join(f"{title(d)} {values.median():g}" for d, values in etas.items())
    if len(etas) < 2:
        return [Comparison(", ".join(etas) or "all", "chosen η", "differs")]
    same = len(set(np.concatenate(list(etas.values())))) == 1
    p = 1.0 if same else float(stats.kruskal(*etas.values()).pvalue)
    return [Comparison(", ".join(etas), what, "differs", splits=min(map(len, etas.values())), gap=1, p=p)]


def ours_takes_longer(ten, frame, names):
    for d in names:
        yield from (ratio(ten, d, "Ours", b, ">", 1) for b in ("RPS", "RPSR", "Pretrain", "PretrainR"))
        yield from (ratio(ten, d, a, b, "<", SLOWER) for a, b in (("Ours", "Joint"), ("RPSR", "RPS")))
        yield ratio(ten, d, "PretrainR", "Pretrain", "<", SLOWER)


CLAIMS = {
    "FE-C1": Claim("Ours predicts about as accurately as Pretrain", accuracy_is_kept),
    "FE-C2": Claim("with few examples Ours is more faithful than Pretrain and PretrainR", few_examples_are_faithful),
    "FE-C3": Claim("RPS and RPSR are always faithful, and inaccurate with few examples", rps_is_faithful_but_wrong),
    "FE-C4": Claim("Joint is less accurate and less faithful than Ours", joint_is_worse),
    "FE-C5": Claim("the gates make RPS more accurate and Pretrain more faithful", gates_help),
    "FE-C6": Claim("on CIFAR10 Ours picks an image of every class, Joint leaves classes out", one_image_a_class),
    "FE-C7": Claim("a larger λ costs accuracy and buys faithfulness", lambda_trades),
    "FE-C8": Claim("the best η differs from data set to data set", best_eta_depends),
    "FE-C9": Claim("Ours trains longer than RPS(R) and Pretrain(R); the gates cost little time", ours_takes_longer),
}


def tests(frame: pd.DataFrame) -> pd.DataFrame:
    """Every comparison of every claim, a row each."""
    return claims.tests(CLAIMS, chosen(frame), frame, datasets(frame))


def verdicts(tests: pd.DataFrame) -> pd.DataFrame:
    """One row for each claim."""
    return claims.verdicts(tests, CLAIMS)
