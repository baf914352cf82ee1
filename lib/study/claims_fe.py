"""The claims of the paper on fewer examples, each tested on the records; its verdict follows from the numbers.

frame, lambdas = runs_fe.load(), runs_fe.load_lambdas()     # results/fe and results/fewer
tests = claims_fe.tests(frame, lambdas, timing.load())      # one row for each comparison
claims_fe.verdicts(tests)                                   # one row for each claim
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from lib.study import claims, timing
from lib.study.claims import MARGIN, Claim, Comparison, compare, fact
from lib.study.runs import at, title
from lib.study.runs_fe import U, by_split, chosen, chosen_eta, classes_picked, datasets
from lib.study.statistics import RATIO

SLOWER = 1.2  # up to this many times the seconds, a regulariser costs little
GATE_PAIRS = (("Ours", "Joint"), ("RPSR", "RPS"), ("PretrainR", "Pretrain"))  # a method with gates, the same without
STRETCHES = ("up to λ = 1", "from λ = 1 on")  # of all lambdas, from the smallest to the largest


class Evidence(NamedTuple):
    """What the claims look at: all records, the runs that validation chose, and the data sets to report."""

    frame: pd.DataFrame
    ten: pd.DataFrame  # at lambda 1
    lambdas: pd.DataFrame  # Ours at each lambda
    timed: pd.DataFrame  # seconds of an epoch
    names: Sequence[str]


# --- Comparisons -----------------------------------------------------------------------------------------------------


def difference(ten, dataset: str, measure: str, *, a: str, b: str, claimed=">", bound=0.0) -> Comparison:
    """Method a minus method b."""
    values = by_split(ten, dataset, a, measure=measure) - by_split(ten, dataset, b, measure=measure)
    return compare(dataset, f"{measure}, {a} − {b}", values, claimed=claimed, bound=bound)


def changes(lambdas: pd.DataFrame, dataset: str, measure: str) -> tuple[pd.Series, pd.Series]:
    """What Ours gains from the smallest lambda to 1, and from 1 to the largest: split -> change, empty where there
    is no lambda on that side."""
    lams = lambdas.loc[lambdas["dataset"] == dataset, "lam"]
    low, one, high = (
        by_split(lambdas, dataset, "Ours", measure=measure, lam=lam) for lam in (lams.min(), 1.0, lams.max())
    )
    return (one - low if lams.min() < 1 else one[:0]), (high - one if lams.max() > 1 else one[:0])


# --- The claims ------------------------------------------------------------------------------------------------------


def paired(says: str, measure: str, methods: Sequence[str], *, claimed=">", bound=0.0) -> Claim:
    """On every data set, the first method's measure minus the second's."""
    a, b = methods

    def comparisons(seen):
        return [difference(seen.ten, d, measure, a=a, b=b, claimed=claimed, bound=bound) for d in seen.names]

    return Claim(says, comparisons, f"{measure}, {a} − {b}")


def rival_is_faithful_but_wrong(method):
    def comparisons(seen):
        rows = at(seen.frame, method=method, part="test", measure="faithfulness")
        for d in seen.names:
            lowest = at(rows, dataset=d).groupby("split")["value"].min()
            yield fact(d, f"faithfulness, lowest of {method}", lowest, summary=min, claimed="=", bound=1, given=True)
            yield difference(seen.ten, d, "accuracy", a="Ours", b=method)

    return comparisons


def cifar10(seen):
    """CIFAR10, as far as described by any network."""
    return [name for name in seen.names if name.startswith("cifar10")]


def one_image_a_class(seen):
    for d in cifar10(seen):
        ours, joint = (classes_picked(seen.ten, d, method) for method in ("Ours", "Joint"))
        yield fact(d, "classes among ten images, median of Ours", ours, summary=np.median, claimed="=", bound=10)
        yield fact(d, "classes among ten images, median of Joint", joint, summary=np.median, claimed="<", bound=10)
        yield compare(d, "classes among ten images, Ours − Joint", ours - joint, claimed=">")


def lambda_moves(says: str, measure: str, stretch: str, *, claimed: str) -> Claim:
    """The change of Ours over one of STRETCHES."""
    what, place = f"change of {measure}, {stretch}", STRETCHES.index(stretch)

    def comparisons(seen):
        return [compare(d, what, changes(seen.lambdas, d, measure)[place], claimed=claimed) for d in seen.names]

    return Claim(says, comparisons, f"change of {measure} {stretch}")


def large_lambdas(seen, d):
    """Those above 1, or one that has no records, so that it is said that there are none."""
    lams = seen.lambdas.loc[seen.lambdas["dataset"] == d, "lam"]
    return sorted(set(lams[lams > 1])) or [math.inf]


def little_is_learned(seen):
    """Accuracy at large lambdas is that of naming one class of ten."""
    for d in cifar10(seen):
        for lam in large_lambdas(seen, d):
            left = by_split(seen.lambdas, d, "Ours", measure="accuracy", lam=lam) - 1 / 10
            yield compare(d, f"accuracy at λ = {lam:g}, minus 1/10", left, claimed="<", bound=MARGIN)


def and_yet_it_is_faithful(seen):
    for d in cifar10(seen):
        one = by_split(seen.lambdas, d, "Ours", measure="faithfulness", lam=1.0)
        for lam in large_lambdas(seen, d):
            gain = by_split(seen.lambdas, d, "Ours", measure="faithfulness", lam=lam) - one
            yield compare(d, f"change of faithfulness, λ = 1 to {lam:g}", gain, claimed=">", bound=-MARGIN)


def best_eta_depends(seen):
    """Do the etas chosen over splits come from one distribution? And are there several that are best by faithfulness?

    The first is Kruskal and Wallis' test of what validation chose; the second looks at mean scores on test rows.
    """
    etas = chosen_etas(seen.ten, seen.names)
    if len(etas) < 2:
        return [Comparison(", ".join(etas) or "all", "chosen η", "differs")]
    together = ", ".join(etas)
    what = "chosen η and in how many splits: " + "; ".join(f"{title(d)} {often(values)}" for d, values in etas.items())
    best = pd.Series({d: best_by_faithfulness(seen.frame, d) for d in etas})
    told = ", ".join(f"{title(d)} {eta:g}" for d, eta in best.items())
    several = f"different η of highest faithfulness: {told}"
    return [
        Comparison(together, what, "differs", splits=min(map(len, etas.values())), gap=1, p=kruskal(etas.values())),
        fact(together, several, best, summary=pd.Series.nunique, claimed=">", bound=1),
    ]


def often(etas: pd.Series) -> str:
    """How often each eta was chosen, the most frequent first."""
    return ", ".join(f"{eta:g} ({n})" for eta, n in etas.value_counts().items())


def chosen_etas(ten: pd.DataFrame, names: Sequence[str]) -> dict[str, pd.Series]:
    """The eta that validation chose for Ours in each split of each data set that has several."""
    etas = {d: chosen_eta(ten, d, "Ours") for d in names}
    return {d: values for d, values in etas.items() if len(values) > 1}


def kruskal(groups) -> float:
    """p of Kruskal and Wallis' test, its statistic shrunk as splits share rows; 1 where all values are the same."""
    groups = list(groups)
    if len(np.unique(np.concatenate(groups))) == 1:
        return 1.0
    shrunk = stats.kruskal(*groups).statistic / (1 + np.mean([len(values) for values in groups]) * RATIO)
    return float(stats.chi2.sf(shrunk, len(groups) - 1))


def least_seen(splits: Sequence[int]) -> int:
    """If all splits chose one eta, but some of the first data set another: how many of these the test must see."""
    others = [np.zeros(n) for n in splits[1:]]
    odd = range(1, splits[0] + 1)
    return next((n for n in odd if kruskal([np.arange(splits[0]) < n, *others]) < claims.ALPHA), splits[0])


def best_by_faithfulness(frame: pd.DataFrame, dataset: str) -> float:
    """The eta at which Ours has the highest mean faithfulness on test rows at U = 10 and lambda 1."""
    rows = at(frame, dataset=dataset, method="Ours", part="test", lam=1, U=U, measure="faithfulness")
    return float(rows.groupby("eta")["value"].mean().idxmax())


def seconds(*pairs: Sequence[str], claimed: str, bound: float, names: Sequence[str] = timing.DATA_SETS):
    """Seconds of an epoch of one method over another's, on a logarithmic scale; repeats take the place of splits."""

    def comparisons(seen):
        for d, (a, b) in itertools.product(names, pairs):
            ratio = np.log(timing.plain(seen.timed, d, a) / timing.plain(seen.timed, d, b))
            options = {"claimed": claimed, "bound": math.log(bound), "scale": math.exp, "shared": 0.0}
            yield compare(d, f"seconds an epoch, {a} / {b}", ratio, **options)

    return comparisons


def gates_at(timed: pd.DataFrame, bound: float) -> pd.DataFrame:
    """The comparisons of FE-C9b at another bound than `SLOWER`."""
    claim = Claim("", seconds(*GATE_PAIRS, claimed="<", bound=bound))
    return claims.tests({"FE-C9b": claim}, Evidence(timed[:0], timed[:0], timed[:0], timed, ()))


CLAIMS = {
    "FE-C1": paired("Ours predicts about as accurately as Pretrain", "accuracy", ("Ours", "Pretrain"),
                    claimed="within", bound=MARGIN),
    "FE-C2a": paired("with few examples Ours is more faithful than Pretrain", "faithfulness", ("Ours", "Pretrain")),
    "FE-C2b": paired("with few examples Ours is more faithful than PretrainR", "faithfulness", ("Ours", "PretrainR")),
    "FE-C3a": Claim("RPS is always faithful, and inaccurate with few examples",
                    rival_is_faithful_but_wrong("RPS"), "accuracy, Ours − RPS"),
    "FE-C3b": Claim("RPSR too is always faithful, and inaccurate with few examples",
                    rival_is_faithful_but_wrong("RPSR"), "accuracy, Ours − RPSR"),
    "FE-C4a": paired("Joint is less accurate than Ours", "accuracy", ("Ours", "Joint")),
    "FE-C4b": paired("Joint is less faithful than Ours", "faithfulness", ("Ours", "Joint")),
    "FE-C5a": paired("gates make RPS more accurate", "accuracy", ("RPSR", "RPS")),
    "FE-C5b": paired("gates make Pretrain more faithful", "faithfulness", ("PretrainR", "Pretrain")),
    "FE-C6": Claim("on CIFAR10 Ours picks an image of every class, Joint leaves classes out",
                   one_image_a_class, "classes among ten, Ours − Joint"),
    "FE-C7a": lambda_moves("up to 1 a larger λ costs accuracy", "accuracy", STRETCHES[0], claimed="<"),
    "FE-C7b": lambda_moves("beyond 1 a larger λ costs accuracy", "accuracy", STRETCHES[1], claimed="<"),
    "FE-C7c": lambda_moves("up to 1 a larger λ buys faithfulness", "faithfulness", STRETCHES[0], claimed=">"),
    "FE-C7d": lambda_moves("beyond 1 a larger λ buys faithfulness", "faithfulness", STRETCHES[1], claimed=">"),
    "FE-C7e": Claim("on CIFAR10 a large λ makes training unstable",
                    little_is_learned),
    "FE-C7f": Claim("on CIFAR10 a large λ keeps faithfulness high",
                    and_yet_it_is_faithful),
    "FE-C8": Claim("the best η differs from data set to data set", best_eta_depends),
    "FE-C9a": Claim("Ours trains longer than RPS(R) and Pretrain(R)",
                    seconds(("Ours", "RPS"), ("Ours", "RPSR"), ("Ours", "Pretrain"), ("Ours", "PretrainR"),
                            claimed=">", bound=1),
                    "seconds an epoch, Ours over the other"),
    "FE-C9b": Claim(f"gates cost little time (at most {SLOWER} times as much: our bound)",
                    seconds(*GATE_PAIRS, claimed="<", bound=SLOWER),
                    "seconds an epoch, with gates over without"),
    "FE-C9c": Claim("with many examples RPS(R) trains longer than Pretrain(R)",
                    seconds(("RPS", "Pretrain"), ("RPSR", "PretrainR"), claimed=">", bound=1,
                            names=["segment"]),  # most of them by far
                    "seconds an epoch, RPS(R) over Pretrain(R)"),
}  # fmt: skip


def tests(frame: pd.DataFrame, lambdas: pd.DataFrame, timed: pd.DataFrame) -> pd.DataFrame:
    """Every comparison of every claim, a row each. lambdas: Ours at all of them. timed: seconds of epochs."""
    return claims.tests(CLAIMS, Evidence(frame, chosen(frame), chosen(lambdas), timed, datasets(frame)))


def verdicts(tests: pd.DataFrame) -> pd.DataFrame:
    """One row for each claim."""
    return claims.verdicts(tests, CLAIMS)
