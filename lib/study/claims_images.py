"""The claims of the paper on insertion and deletion about images, tested on the records of scale A.

frame = runs_images.load()
tests = claims_images.tests(frame)
claims_images.verdicts(tests)

Comparisons are paired over seeds of one split and one start, which take the place of splits: the interval says what
another seed would change, not what other images or another start would. One seed alone is shown and decides nothing.
"""

import itertools
from dataclasses import replace

import pandas as pd

from lib.study import claims
from lib.study.claims import MARGIN, Claim, Comparison, fact
from lib.study.runs import at
from lib.study.runs_id import RIVALS, S_VALUES, by_split, least_lead, ours
from lib.study.runs_images import CELLS, EXPLAINERS, cell, changes, costs, fronts, name, quadrants

LESS = 2.0  # by this factor: ours, as the paper says "more efficient" and measures nothing
SCORES = ("insertion", "1 − deletion")


def compare(what: str, difference: pd.Series, claimed: str, *, bound: float = 0.0, data: str = "") -> Comparison:
    """`claims.compare` over seeds, whose test rows are the same; a single seed is shown and undecided."""
    found, values = claims.compare(data, what, difference, claimed=claimed, bound=bound, shared=0), difference.dropna()
    return found if len(values) != 1 else replace(found, value=float(values.iloc[0]), splits=1)


def best_scores(images: str, cells, measures=SCORES):
    """Scores against the best rival, at the eta where ID-ExpO's lead is least; on `images` only."""

    def comparisons(front, frame):
        there = front[front["dataset"].str.startswith(images)]
        for c in cells:
            for measure in measures:
                what = f"{measure}, ID-ExpO − best rival, least over η, {name(*c)}"
                least = least_lead(cell(there, *c), measure)
                yield compare(what, least, ">", data="" if len(there) else images)

    return comparisons


def leads(
    what: str, measure: str, *, methods=("ID-ExpO",), over=("CE-only",), eta=2, sizes=S_VALUES, claimed=">", bound=0.0
):
    """A measure of each of some methods minus that of each of some others at eta, with each explainer and these S."""

    def comparisons(front, frame):
        for method, c, other in itertools.product(methods, CELLS, over):
            if c[1] in sizes:
                own = cell(front, *c, eta=eta)
                gap = by_split(own, measure, method=method) - by_split(own, measure, method=other)
                yield compare(f"{what}, {method} − {other}, {name(*c)}", gap, claimed, bound=bound)

    return comparisons


def accuracy_at_less(front, frame):
    """At eta 3 and S = 0.3 HW against every rival, and against itself at S = 0.5 HW."""
    every_rival = leads("accuracy at η = 3", "accuracy", over=RIVALS, eta=3, sizes=(0.3,), claimed="<")
    yield from every_rival(front, frame)
    for explainer in EXPLAINERS:
        less, more = (ours(cell(front, explainer, S, eta=3), "accuracy") for S in (0.3, 0.5))
        yield compare(f"accuracy at η = 3, ID-ExpO, S = 0.3 HW − S = 0.5 HW, {explainer}", less - more, "<")


def shares_of_images(place: str, *, says: str, rivals, claimed: str):
    """With Grad-CAM and S = 0.5 HW: ID-ExpO's share of images in a quadrant against each rival's."""

    def comparisons(front, frame):
        own = cell(front, "Grad-CAM", 0.5, eta=2)
        before = at(own, method="pretrained")
        shares = {
            method: quadrants(changes(rows, before))[place]
            for method in ("ID-ExpO", *rivals)
            if len(rows := at(own, method=method)) and len(before)
        }
        for rival in rivals:
            gap = shares.get("ID-ExpO", pd.Series(dtype=float)) - shares.get(rival, pd.Series(dtype=float))
            yield compare(f"share of images where both scores {says}, ID-ExpO − {rival}, Grad-CAM", gap, claimed)

    return comparisons


def beats_the_robust(measure: str, bound: float):
    """At S = 0.5 HW against one network trained against attacks, at the eta of 3 that keeps accuracy."""

    def comparisons(front, frame):
        for c in CELLS:
            if c[1] == 0.5:
                robust = by_split(cell(frame, *c, part="test"), measure, method="PGD").mean()
                gap = ours(cell(front, *c, eta=3), measure) - robust
                yield compare(f"{measure}, ID-ExpO − PGD-trained, {name(*c)}", gap, ">", bound=bound)

    return comparisons


def gradcam_is_cheap(front, frame):
    """Time to train on an image with all values of s, LIME over Grad-CAM: the least ratio of the rounds timed."""
    each = [costs(frame, "training", explainer, S=0.5, draws=0) for explainer in ("LIME", "Grad-CAM")]
    ratio = (each[0] / each[1]).dropna()
    what = "time to train on an image, LIME at M = 200 over Grad-CAM, S = 0.5 HW, all values of s"
    yield fact("", what, ratio, summary=min, claimed=">", bound=LESS)


CLAIMS = {
    "ID-C1a": Claim("on CIFAR-10 ID-ExpO has the best insertion at any η",
                    best_scores("cifar10", CELLS, SCORES[:1]), "least lead in insertion over the best rival"),
    "ID-C1b": Claim("on CIFAR-10 ID-ExpO has the best deletion at any η",
                    best_scores("cifar10", CELLS, SCORES[1:]), "least lead in 1 − deletion over the best rival"),
    "ID-C1c": Claim("on STL-10 with LIME ID-ExpO has the best insertion and deletion at any η",
                    best_scores("stl10", [c for c in CELLS if c[0] == "LIME"]), "least lead over the best rival"),
    "ID-C2": Claim("at S = 0.5 HW and η = 3 ID-ExpO is as accurate as CE-only",
                   leads("accuracy at η = 3", "accuracy", eta=3, sizes=(0.5,), bound=-MARGIN),
                   "accuracy, ID-ExpO − CE-only"),
    "ID-C3": Claim("at S = 0.3 HW ID-ExpO's accuracy falls below the others'", accuracy_at_less,
                   "accuracy, ID-ExpO − others"),
    "ID-C4a": Claim("ID-ExpO improves sensitivity-n, which it does not train",
                    leads("sensitivity-4", "sensitivity"), "sensitivity-4, ID-ExpO − CE-only"),
    "ID-C4b": Claim("ExpO-S and ExpO-F do not improve sensitivity-n",
                    leads("sensitivity-4", "sensitivity", methods=("ExpO-S", "ExpO-F"), claimed="<", bound=MARGIN),
                    "sensitivity-4, ExpO-S or -F − CE-only"),
    "ID-C5a": Claim("of single images, more rise in both scores than with any rival",
                    shares_of_images("first", says="rise", rivals=RIVALS, claimed=">"),
                    "share of images, ID-ExpO − rival"),
    "ID-C5b": Claim("of single images, fewer fall in both scores than with CE-only",
                    shares_of_images("third", says="fall", rivals=("CE-only",), claimed="<"),
                    "share of images, ID-ExpO − CE-only"),
    "ID-C7a": Claim("ID-ExpO beats an adversarially robust network in insertion", beats_the_robust("insertion", 0.0),
                    "insertion, ID-ExpO − PGD-trained"),
    "ID-C7b": Claim("ID-ExpO is comparable to a robust network or better in 1 − deletion",
                    beats_the_robust("1 − deletion", -MARGIN),
                    "1 − deletion, ID-ExpO − PGD-trained"),
    "ID-C11a": Claim("predictors become robust to cells missing at random",
                     leads("accuracy, a random half masked", "masked"), "accuracy, ID-ExpO − CE-only"),
    "ID-C11b": Claim("predictors become robust to missing the less important half of the cells",
                     leads("accuracy, the less important half masked", "kept_half"),
                     "accuracy, ID-ExpO − CE-only"),
    "ID-C12": Claim("training through Grad-CAM costs less than through LIME (here: less than half)", gradcam_is_cheap),
}  # fmt: skip


def tests(frame: pd.DataFrame) -> pd.DataFrame:
    """Every comparison of every claim on the records of one data set, a row each."""
    found = claims.tests(CLAIMS, fronts(frame), frame)
    return found.assign(dataset=found["dataset"].replace("", frame["dataset"].iloc[0]))


def verdicts(tests: pd.DataFrame) -> pd.DataFrame:
    """One row for each claim; where not all of its comparisons have several seeds, the effect says of how many."""
    found = claims.verdicts(tests, CLAIMS)
    several = tests.groupby("claim")["differences"].agg(["count", "size"]).reindex(found.index)
    partly = several["count"].between(1, several["size"] - 1)
    of = " (of " + several["count"].astype(str) + " of " + several["size"].astype(str) + " comparisons)"
    return found.assign(**{"effect of": found["effect of"] + of.where(partly, "")})


def lacking(tests: pd.DataFrame) -> dict[str, str]:
    """Of each claim, how many of its comparisons have records, and how many repeats at most: seeds, or timings."""
    told = {}
    for label, rows in tests.groupby("claim", sort=False):
        there = rows[rows["splits"] > 0]
        most = there["splits"].max()
        told[label] = f"{len(there)} of {len(rows)}" + (f", {most} repeats" if len(there) else "")
    return told
