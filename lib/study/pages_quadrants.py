"""What the page of ID's results on images shows image by image: in how many both scores rise, and in how many fall.

changed(front) gives what the other functions draw or tell.
"""

import pandas as pd
from matplotlib.figure import Figure

from lib.study import figures
from lib.study.numbers import digits
from lib.study.pages_id import whole
from lib.study.runs import at
from lib.study.runs_id import METHODS, RIVALS
from lib.study.runs_images import cell, changes, quadrants
from lib.study.words import listed, over_seeds

PAPER_QUADRANTS = {  # first and third, as the paper's Fig. 4 prints them
    "ID-ExpO": (0.578, 0.069), "ExpO-S": (0.419, 0.067), "ExpO-F": (0.387, 0.077), "CE-only": (0.346, 0.111),
}  # fmt: skip


def changed(front: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Each method's changes of single images with Grad-CAM and S = 0.5 at eta 2, of those methods with records."""
    rows = cell(front, "Grad-CAM", 0.5, eta=2)
    before = at(rows, method="pretrained")
    there = [m for m in METHODS if m in set(rows["method"])] if len(before) else []
    return {method: changes(at(rows, method=method), before) for method in there}


def by_seed(changed: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Of each method the shares of images in the quadrants, for the seeds that all of them have."""
    return pd.concat({m: quadrants(own) for m, own in changed.items()}, axis=1).dropna() if changed else pd.DataFrame()


def shares(changed: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Their means over these seeds."""
    each = by_seed(changed)
    return each.mean().unstack() if len(each) else pd.DataFrame()


def seeds_told(changed: dict[str, pd.DataFrame]) -> str:
    """Over how many seeds these means are."""
    n = len(set.intersection(*(set(own["split"]) for own in changed.values()))) if changed else 0
    return f"{f'{n} seeds' if n > 1 else 'seed'} that all of them have"


def quadrant_table(changed: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Shares of images in the first and the third quadrant, beside the paper's."""
    own = shares(changed)
    table = own.reindex(index=METHODS, columns=["first", "third"]).set_axis(["both rise", "both fall"], axis=1)
    paper = pd.DataFrame(PAPER_QUADRANTS, index=[f"{head}, paper" for head in table]).T
    return digits(table.join(paper), "{:.1%}").rename(index=whole)


def quadrants_told(changed: dict[str, pd.DataFrame]) -> str:
    """Whether ID-ExpO has the most images in the first quadrant and the fewest in the third, of whom there is."""
    own, each = shares(changed), by_seed(changed)
    others = [m for m in own.index if m != "ID-ExpO"]
    if "ID-ExpO" not in own.index or not others:
        return "There are no records to compare ID-ExpO with yet."
    told = []
    for i, (place, words, best) in enumerate((("first", "rise", max), ("third", "fall", min))):
        rival = best(others, key=own[place].get)
        theirs = best(others, key=lambda m, i=i: PAPER_QUADRANTS[m][i])
        mine, next_best = (f"{own.loc[m, place]:.1%}" for m in ("ID-ExpO", rival))
        paper = [f"{PAPER_QUADRANTS[m][i]:.1%}" for m in ("ID-ExpO", theirs)]
        which = "the best of its rivals" if len(others) == len(RIVALS) else f"of {listed(others)} the best"
        told.append(
            f"Both scores {words} in {mine} of the images with ID-ExpO and in {next_best} with {rival}, {which}: "
            f"{over_seeds(each['ID-ExpO', place] - each[rival, place])}; in the paper in {paper[0]}, and in {paper[1]} "
            f"with {theirs}."
        )
    return " ".join(told)


def quadrant_figure(changed: dict[str, pd.DataFrame]) -> Figure:
    """Change of insertion and of 1 - deletion of each test image, a panel a method, first seed (Fig. 4)."""
    if not changed:
        return figures.nothing("No records yet.")
    fig, axes = figures.grid(len(changed), 2, height=2.6)
    for ax, (method, own) in zip(axes, changed.items()):
        one = own[own["split"] == own["split"].min()]
        share = quadrants(one).iloc[0]
        ax.scatter(one["insertion"], one["1 − deletion"], s=4, alpha=0.5, color=figures.METHODS[method].color)
        ax.axhline(0, color=figures.INK, linewidth=0.8)
        ax.axvline(0, color=figures.INK, linewidth=0.8)
        ax.set(title=f"{method}: {share['first']:.0%} rise, {share['third']:.0%} fall", xlim=(-1, 1), ylim=(-1, 1))
    for ax in axes[-2:]:
        ax.set_xlabel("change of insertion")
    fig.supylabel("change of 1 − deletion", fontsize=12)
    most = max(changed, key=lambda m: quadrants(changed[m]).iloc[0]["first"])
    figures.headline(fig, f"Both scores rise in more images with {most} than with any other method")
    return figures.remember(fig, pd.concat(changed, names=["method"]).reset_index(level=0))
