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
from lib.study.runs_fe import U, by_split, chosen, classes_picked, datasets

SLOWER = 1.2  # up to this many times the seconds, a regulariser costs little
BLUR = 3  # seconds of one method were measured beside other work than another's: smaller ratios say little


# --- Comparisons -----------------------------------------------------------------------------------------------------


def difference(ten, dataset: str, measure: str, a: str, b: str, claimed: str = ">", bound: float = 0.0) -> Comparison:
    """Method a minus method b."""
    values = by_split(ten, dataset, a, measure) - by_split(ten, dataset, b, measure)
    return compare(dataset, f"{measure}, {a} − {b}", values, claimed, bound)


def ratio(ten: pd.DataFrame, dataset: str, a: str, b: str, claimed: str, bound: float) -> Comparison:
    """Seconds of method a over those of method b, on a logarithmic scale; only where one device ran both."""
    rows = ten[(ten["dataset"] == dataset) & ten["method"].isin([a, b])]
    values = np.log(by_split(ten, dataset, a, "seconds") / by_split(ten, dataset, b, "seconds"))
    values = values if rows["device"].nunique() == 1 else values[:0]
    return compare(
        dataset, f"seconds, {a} / {b}", values, claimed, math.log(bound), scale=math.exp, blur=math.log(BLUR)
    )


def steps(ten: pd.DataFrame, dataset: str, measure: str, claimed: str) -> list[Comparison]:
    """Change of Ours from the smallest lambda to 1, and from 1 to the largest."""
    lams = ten.loc[(ten["dataset"] == dataset) & (ten["method"] == "Ours"), "lam"]
    found = []
    for words, start, end in (("up to λ = 1", lams.min(), 1.0), ("from λ = 1 on", 1.0, lams.max())):
        low, high = (by_split(ten, dataset, "Ours", measure, lam=lam) for lam in (start, end))
        change = high - low if start < end else low[:0]
        found.append(compare(dataset, f"change of {measure}, {words}", change, claimed))
    return found


# --- The claims ------------------------------------------------------------------------------------------------------


def accuracy_is_kept(ten, frame, names):
    return [difference(ten, d, "accuracy", "Ours", "Pretrain", "within", MARGIN) for d in names]


def few_examples_are_faithful(ten, frame, names):
    return [difference(ten, d, "faithfulness", "Ours", b) for d in names for b in ("Pretrain", "PretrainR")]


def rival_is_faithful_but_wrong(method):
    def comparisons(ten, frame, names):
        for d in names:
            rows = frame[(frame["dataset"] == d) & (frame["method"] == method) & (frame["part"] == "test")]
            lowest = rows[rows["measure"] == "faithfulness"].groupby("split")["value"].min()
            yield fact(d, f"faithfulness, lowest of {method}", lowest, min, "=", 1, given=True)
            yield difference(ten, d, "accuracy", "Ours", method)

    return comparisons


def pair(measure, a, b):
    """On every data set, a's measure above b's."""
    return lambda ten, frame, names: [difference(ten, d, measure, a, b) for d in names]


def one_image_a_class(ten, frame, names):
    for d in (name for name in names if name.startswith("cifar10")):
        ours, joint = (classes_picked(ten, d, method) for method in ("Ours", "Joint"))
        yield fact(d, "classes among ten images, median of Ours", ours, np.median, "=", 10)
        yield fact(d, "classes among ten images, median of Joint", joint, np.median, "<", 10)
        yield compare(d, "classes among ten images, Ours − Joint", ours - joint, ">")


def lambda_moves(measure, side):
    return lambda ten, frame, names: [change for d in names for change in steps(ten, d, measure, side)]


def best_eta_depends(ten, frame, names):
    """Do the etas chosen over splits come from one distribution? And are there several that are best by faithfulness?

    The first is Kruskal and Wallis' test of what validation chose; the second looks at mean scores on test rows.
    """
    etas = {d: by_split(ten, d, "Ours", "eta") for d in names}
    etas = {d: values for d, values in etas.items() if len(values) > 1}
    if len(etas) < 2:
        return [Comparison(", ".join(etas) or "all", "chosen η", "differs")]
    together = ", ".join(etas)
    what = "median of the chosen η: " + ", ".join(f"{title(d)} {values.median():g}" for d, values in etas.items())
    same = len(set(np.concatenate(list(etas.values())))) == 1
    p = 1.0 if same else float(stats.kruskal(*etas.values()).pvalue)
    best = pd.Series({d: best_by_faithfulness(frame, d) for d in etas})
    told = ", ".join(f"{title(d)} {eta:g}" for d, eta in best.items())
    return [
        Comparison(together, what, "differs", splits=min(map(len, etas.values())), gap=1, p=p),
        fact(together, f"different η of highest faithfulness: {told}", best, lambda v: v.nunique(), ">", 1),
    ]


def best_by_faithfulness(frame: pd.DataFrame, dataset: str) -> float:
    """The eta at which Ours has the highest mean faithfulness on test rows at U = 10 and lambda 1."""
    rows = frame[(frame["dataset"] == dataset) & (frame["method"] == "Ours") & (frame["part"] == "test")]
    rows = rows[(rows["lam"] == 1) & (rows["U"] == U) & (rows["measure"] == "faithfulness")]
    return float(rows.groupby("eta")["value"].mean().idxmax())


def ours_takes_longer(ten, frame, names):
    return [ratio(ten, d, "Ours", b, ">", 1) for d in names for b in ("RPS", "RPSR", "Pretrain", "PretrainR")]


def gates_cost_little(ten, frame, names):
    pairs = (("Ours", "Joint"), ("RPSR", "RPS"), ("PretrainR", "Pretrain"))
    return [ratio(ten, d, *both, "<", SLOWER) for d in names for both in pairs]


CLAIMS = {
    "FE-C1": Claim("Ours predicts about as accurately as Pretrain", accuracy_is_kept, "accuracy, Ours − Pretrain"),
    "FE-C2": Claim(
        "with few examples Ours is more faithful than Pretrain and PretrainR",
        few_examples_are_faithful,
        "faithfulness, Ours − Pretrain(R)",
    ),
    "FE-C3a": Claim(
        "RPS is always faithful, and inaccurate with few examples",
        rival_is_faithful_but_wrong("RPS"),
        "accuracy, Ours − RPS",
    ),
    "FE-C3b": Claim("and so is RPSR", rival_is_faithful_but_wrong("RPSR"), "accuracy, Ours − RPSR"),
    "FE-C4a": Claim("Joint is less accurate than Ours", pair("accuracy", "Ours", "Joint"), "accuracy, Ours − Joint"),
    "FE-C4b": Claim("and less faithful", pair("faithfulness", "Ours", "Joint"), "faithfulness, Ours − Joint"),
    "FE-C5a": Claim("gates make RPS more accurate", pair("accuracy", "RPSR", "RPS"), "accuracy, RPSR − RPS"),
    "FE-C5b": Claim(
        "and Pretrain more faithful",
        pair("faithfulness", "PretrainR", "Pretrain"),
        "faithfulness, PretrainR − Pretrain",
    ),
    "FE-C6": Claim(
        "on CIFAR10 Ours picks an image of every class, Joint leaves classes out",
        one_image_a_class,
        "classes among ten, Ours − Joint",
    ),
    "FE-C7a": Claim("a larger λ costs accuracy", lambda_moves("accuracy", "<"), "change of accuracy"),
    "FE-C7b": Claim("and buys faithfulness", lambda_moves("faithfulness", ">"), "change of faithfulness"),
    "FE-C8": Claim("the best η differs from data set to data set", best_eta_depends),
    "FE-C9a": Claim(
        "Ours trains longer than RPS(R) and Pretrain(R)", ours_takes_longer, "seconds, Ours over the other"
    ),
    "FE-C9b": Claim("gates cost little time", gates_cost_little, "seconds, with gates over without"),
}


def tests(frame: pd.DataFrame) -> pd.DataFrame:
    """Every comparison of every claim, a row each."""
    return claims.tests(CLAIMS, chosen(frame), frame, datasets(frame))


def verdicts(tests: pd.DataFrame) -> pd.DataFrame:
    """One row for each claim."""
    return claims.verdicts(tests, CLAIMS)
