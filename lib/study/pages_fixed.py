"""What holds PretrainR back on Segment: its ranking, few entries, or a network that stays as it is."""

import pandas as pd

from lib.study import runs_fe
from lib.study.numbers import signed, two
from lib.study.runs import at
from lib.study.runs_fe import U
from lib.study.words import listed, spanning

NEAR = 0.1  # within this of Ours, PretrainR is about as faithful


def fixed_network(frame: pd.DataFrame) -> dict:
    """What ranking and the fixed network cost PretrainR on Segment: faithfulness of it, Ours and Pretrain, chosen at U.

    Means over those splits in which PretrainR's gates leave at most ten times U entries open, and a sentence on it.
    """
    rows = at(frame, dataset="segment", lam=1)
    fixed, joint, ungated = (kept_at(rows, method) for method in ("PretrainR", "Ours", "Pretrain"))
    few = fixed[fixed["open"] <= 10 * U]
    found = {"PretrainR-sparse": f"{len(few)} of {len(fixed)}", "Pretrain-all": two(ungated["all"].mean())}
    found |= {"PretrainR-few": two(few["few"].mean()), "PretrainR-gain": signed((few["all"] - few["few"]).mean())}
    return found | {"PretrainR-why": why(fixed, joint, ungated, every=rows["U"].max())}


def kept_at(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """Of a method's runs on one data set, chosen at U: faithfulness with U entries and all, and how many are open."""
    ten, every = runs_fe.chosen(rows), rows["U"].max()
    kept = at(ten[ten["U"] == U], method=method, part="test", measure="faithfulness")[["split", "eta"]]
    own = at(rows, method=method).merge(kept, on=["split", "eta"])
    agree = at(own, part="test", measure="faithfulness").groupby(["split", "U"])["value"].mean().unstack()
    opened = at(own, measure="open").groupby("split")["value"].mean() * every
    epoch = own.groupby("split")["best_epoch"].first()
    return pd.DataFrame({"few": agree[U], "all": agree[every], "open": opened, "epoch": epoch}).reindex(agree.index)


def why(fixed: pd.DataFrame, joint: pd.DataFrame, ungated: pd.DataFrame, *, every: float) -> str:
    """Where PretrainR's distance to Ours comes from: ranking, few of `every` entry, or the network (see `kept_at`)."""
    sparse = fixed["open"] <= 10 * U
    few, rest = fixed[sparse], fixed[~sparse]
    if few.empty:
        return "Its gates leave most entries open, so that nothing is said of few."
    ranked, behind = few["all"] - few["few"], (joint["few"].reindex(few.index) - few["few"]).mean()
    if behind <= 0:
        return "It does not stay behind Ours there."
    text = (
        f"There its faithfulness is {two(behind)} below that of Ours. Keeping all that is open instead of the first "
        f"{U} changes it by {signed(ranked.mean())} in the mean (single splits {spanning(ranked)}), so that ranking is "
        f"the {'lesser' if ranked.mean() < behind / 2 else 'larger'} part of it."
    )
    if len(rest):
        opened = listed(f"{n:,.0f}" for n in rest["open"])
        text += (
            f" In {len(rest)} more split{'s' * (len(rest) > 1)}, {opened} of all {every:,.0f} entries stay open, and "
            f"it agrees on {two(rest['few'].mean())} of the rows with {U} of them and on {two(rest['all'].mean())} "
            "with all."
        )
    text += (
        f" The network is no bound: without gates, Pretrain's explanation of the same network agrees with it on "
        f"{two(ungated['all'].mean())} of the rows, with all entries."
    )
    near = fixed["few"] > joint["few"].reindex(fixed.index) - NEAR
    if near.all() or not near.any():
        return text
    kept = [fixed.loc[some, "epoch"].median() for some in (near, ~near)]
    return text + (
        f" Nor are few entries too few for features that stay as they were: in {near.sum()} of {len(fixed)} splits "
        f"PretrainR comes within {NEAR} of Ours. These {near.sum()} keep epoch {kept[0]:,.0f} in the "
        f"median, the other {len(near) - near.sum()} epoch {kept[1]:,.0f}. What is left is how gates and strengths "
        "were trained on a network that stays as it is."
    )
