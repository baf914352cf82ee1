"""The claims of the paper on fewer examples, each tested on the records; its verdict follows from the numbers.

frame = runs_fe.load()          # results/fe
tests = claims_fe.tests(frame)  # one row for each comparison
claims_fe.verdicts(tests)       # one row for each claim
"""

import math

import numpy as np
import pandas as pd
from scipy import stats

from lib.study import claims
from lib.study.claims import MARGIN, Claim, Comparison, compare, fact
from lib.study.runs import title
from lib.study.runs_fe import SCORES, by_split, chosen, classes_picked, datasets

SLOWER = 1.2  # up to this many times the seconds, a regulariser costs little
BLUR = 3  # seconds of one method were measured beside other work than another's: smaller ratios say little


# --- Comparisons -----------------------------------------------------------------------------------------------------


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
