"""Sentences beneath the figures of FE's results: what is seen, how large, how sure, where it goes against the paper."""

import json

import pandas as pd

from lib.study.claims import HOLDS, MARGIN, MISSING
from lib.study.claims_fe import GATE_PAIRS, SLOWER, gates_at
from lib.study.measures import labels
from lib.study.numbers import digits, ends, interval, signed, spanned, three, two
from lib.study.pages_fe import LIKE, SECONDS, influential, ours_at_ten, short
from lib.study.pages_lambda import changed
from lib.study.rows import majority
from lib.study.runs import at
from lib.study.runs_fe import METHODS, RUN, U, by_split, chosen, classes_picked, datasets, is_newer
from lib.study.statistics import clustered, resampled
from lib.study.words import listed, percent, spanning

PAPER = {"accuracy": "comparable with Pretrain's", "faithfulness": "the highest of those that do not predict by h"}


def scores(ten: pd.DataFrame, measure: str) -> str:
    """Ours against Pretrain at U = 10 over the data sets that all methods have, and who beats Ours."""
    values = {m: {d: by_split(ten, d, m, measure=measure) for d in datasets(ten)} for m in METHODS}
    whole = [d for d in datasets(ten) if all(len(values[m][d]) > 1 for m in METHODS)]
    if not whole:
        return "No data set has records of all methods yet."
    told = []
    for other in ("Pretrain", "PretrainR"):
        gap = clustered([(values["Ours"][d] - values[other][d]).dropna().to_numpy() for d in whole])
        told.append(f"minus {other} is {two(gap.difference)} (95% interval {ends(gap)})")
    text = (
        f"With {U} entries and in the mean over {len(whole)} data sets, Ours {listed(told)}. The paper finds the "
        f"{measure} of Ours {PAPER[measure]}."
    )
    rivals = {}
    for other in [m for m in METHODS[1:] if measure == "accuracy" or not m.startswith("RPS")]:
        for d in whole:
            one = resampled((values["Ours"][d] - values[other][d]).dropna())
            if one.side < 0:
                rivals.setdefault(other, []).append(f"{short(d)} ({two(-one.difference)})")
    if not rivals:
        rival = "rival" if measure == "accuracy" else "rival that does not predict by h"
        return f"{text} No {rival} is surely more {LIKE[measure]} than Ours on any data set."
    told = "; ".join(f"{m} on {', '.join(where)}" for m, where in rivals.items())
    return f"{text} Surely more {LIKE[measure]} than Ours, the interval of the difference above 0: {told}."


def changes_table(lambdas: pd.DataFrame) -> pd.DataFrame:
    """The changes of both scores with their 95% intervals."""
    found = {
        (measure, d): [interval(gap) for gap in gaps]
        for measure in LIKE for d, gaps in changed(lambdas, measure).items()
    }  # fmt: skip
    heads = ["up to λ = 1", f"from there to {lambdas['lam'].max():g}"]
    return pd.DataFrame(found, index=heads).T


def moves(lambdas: pd.DataFrame, measure: str) -> str:
    """Where the score of Ours is flat up to lambda 1, and where it surely moves beyond."""
    if not (found := changed(lambdas, measure)):
        return "No data set has three values of λ yet."
    flat = [d for d, (first, _) in found.items() if -MARGIN < first.low and first.high < MARGIN]
    rest = [d for d in found if d not in flat]
    sides = {"falls": -1, "rises": 1}
    ways = {way: [d for d, (_, last) in found.items() if last.side == side] for way, side in sides.items()}
    beyond = listed(f"surely {way} on {listed(names)}" for way, names in ways.items() if names)
    return (
        f"Up to λ = 1 {measure} is flat, the interval within ±{MARGIN}, on {listed(flat)}"
        + (f", and not shown to be on {listed(rest)}. " if flat and rest else ". ")
        + f"Beyond 1 it {beyond if any(ways.values()) else 'moves surely nowhere'}. "
        + next_step(lambdas, measure)
        + f"The paper sees it {'fall' if measure == 'accuracy' else 'rise'} with λ in general."
    )


def next_step(lambdas: pd.DataFrame, measure: str) -> str:
    """How the score of Ours changes from lambda 1 to the next larger one, as the largest is our choice."""
    ten, found = chosen(lambdas), {}
    for d in datasets(lambdas):
        if larger := sorted(lam for lam in set(at(lambdas, dataset=d)["lam"]) if lam > 1):
            one, more = (by_split(ten, d, "Ours", measure=measure, lam=lam) for lam in (1.0, larger[0]))
            if len(gap := (more - one).dropna()) > 1:
                found.setdefault(larger[0], []).append(f"{signed(gap.mean())} on {short(d)}")
    return "".join(f"From 1 to {lam:g} alone it changes by {listed(told)}. " for lam, told in found.items())


def learned(lambdas: pd.DataFrame, known: pd.DataFrame) -> str:
    """What Ours has learned at the largest lambda: accuracy beside the majority class's, and runs kept as they began.

    known: `lib.study.rows.read`. A data set that is not there has no majority class beside it.
    """
    ten = at(chosen(lambdas), part="test", measure="accuracy")
    largest = {d: lam for d, lam in ten.groupby("dataset")["lam"].max().items() if lam > 1}
    if not largest:
        return "No data set has a λ above 1 yet."
    told = []
    for d in (d for d in datasets(lambdas) if d in largest):
        own, common = by_split(ten, d, "Ours", measure="accuracy", lam=largest[d]), majority(known, d)
        beside = f" (majority class {two(common.mean())})" if len(common) else ""
        told.append(f"{two(own.mean())} on {short(d)}{beside}")
    looked = [json.loads(settings)["check"] for settings in ten["settings"]]
    began = (ten["best_epoch"] <= looked).groupby([ten["dataset"], ten["lam"]]).agg(["sum", "size"])
    first = [f"{row['sum']} of {row['size']} at λ = {lam:g} on {short(d)}"
             for (d, lam), row in began[began["sum"] > 0].iterrows()]  # fmt: skip
    return (
        f"At the largest λ accuracy is {listed(told)}. Runs of which validation keeps the first epoch that it looks "
        f"at: {listed(first)}{', at no other λ' if first else ''}."
    )


def tied(lambdas: pd.DataFrame) -> str:
    """How faithful Ours is on CIFAR10 from lambda 1 on, beside the share of rows where h names no class."""
    ten, d = chosen(lambdas), datasets(lambdas)[-1]
    rows = at(ten, dataset=d, part="test", U=U)
    means = rows[rows["lam"] >= 1].groupby(["lam", "measure"])["value"].mean().unstack()
    if not {"faithfulness", "ties"} <= set(means) or len(means) < 2:
        return f"{short(d)} has no records of ties at several λ yet."
    told = [
        f"{two(row['faithfulness'])} at λ = {lam:g} (ties on {percent(row['ties'])})" for lam, row in means.iterrows()
    ]
    last = means.iloc[-1]
    return (
        f"Faithfulness, and the share of rows on which the largest outputs of h tie: {listed(told)}. Such a row names "
        f"no class and counts as unfaithful. If all of them counted as agreement, the last would be "
        f"{two(last['faithfulness'] + last['ties'])}."
    )


def kept_lambdas(frame: pd.DataFrame, lambdas: pd.DataFrame) -> str:
    """On how many runs the curves over lambda rest, and which of them are of the first protocol though the data set's
    other records are of the second."""
    several = lambdas.groupby("dataset")["lam"].nunique() > 1
    there = [d for d in datasets(lambdas) if several.get(d, False)]
    if not there:
        return "No data set has several λ yet."
    counts = lambdas.groupby("dataset")[["split", "eta"]].nunique()
    sizes = listed(f"{counts['split'][d]} splits and {counts['eta'][d]} η on {short(d)}" for d in there)
    older = [short(d) for d in there if is_newer(frame, d) and not is_newer(lambdas, d)]
    still = f" The curve of {listed(older)} is of the first protocol still." if older else ""
    return f"All λ of a data set are compared on the same runs: {sizes}.{still}"


def protocols(frame: pd.DataFrame) -> str:
    """Of which protocol each data set's records are, in words; data sets without records are left out."""
    there = [d for d in datasets(frame) if d in set(frame["dataset"])]
    found = {which: [short(d) for d in there if is_newer(frame, d) == new]
             for which, new in (("second", True), ("first", False))}  # fmt: skip
    if alone := [which for which, names in found.items() if len(names) == len(datasets(frame))]:
        return f"the {alone[0]} for all {len(there)} data sets"
    return "; ".join(f"the {which} for {', '.join(names)}" for which, names in found.items() if names)


def best_eta(frame: pd.DataFrame, measure: str) -> str:
    """The eta of the highest mean on each data set, those not surely below it, and whether one could be everywhere."""
    rows = at(ours_at_ten(frame), lam=1, part="test", measure=measure)
    means = rows.groupby(["dataset", "eta"])["value"].mean()
    best = {d: means[d].idxmax() for d in datasets(frame) if d in means and len(means[d]) > 1}
    if not best:
        return "No data set has several η yet."
    level = {d: level_etas(at(rows, dataset=d)) for d in best}
    told = []
    for d, eta in best.items():
        beside = f"; not surely above {listed(f'{other:g}' for other in level[d])}" if level[d] else ""
        told.append(f"{short(d)} {eta:g} ({two(means[d][eta])}{beside})")
    count = len(set(best.values()))
    found = "the same η everywhere" if count == 1 and len(best) > 1 else f"{count} different η on {len(best)} data sets"
    could = sorted(set.intersection(*({eta, *level[d]} for d, eta in best.items())))
    shared = f"Not surely below the best on any of them: {listed(f'{eta:g}' for eta in could)}. " if count > 1 else ""
    return (
        f"Highest mean {measure}: {', '.join(told)}. That is {found}. {shared}"
        "The paper finds that the best η depends on the data."
    )


def level_etas(rows: pd.DataFrame) -> list[float]:
    """The etas of one data set whose values are not surely below those of the best, paired over splits, best first."""
    table = rows.pivot_table(index="split", columns="eta", values="value")
    first, *rest = rows.groupby("eta")["value"].mean().sort_values(ascending=False, kind="stable").index
    gaps = {eta: (table[first] - table[eta]).dropna() for eta in rest}
    return [eta for eta, gap in gaps.items() if len(gap) < 2 or resampled(gap).side <= 0]


def repeated(frame: pd.DataFrame, ten: pd.DataFrame, known: pd.DataFrame) -> str:
    """The share of test rows that equal a training row, and what scores are without them: a sentence."""
    shares = known.groupby("dataset")["repeated"].mean()
    shares = shares[[d for d in datasets(frame) if d in shares]]
    there = [d for d in shares.index if shares[d] > 0]
    told = [f"{100 * shares[d]:.1f}% on {short(d)}" for d in there]
    text = f"Of the test rows {listed(told)} equal a training row, in the mean over splits"
    if none := [short(d) for d in shares.index if d not in there]:
        text += f", and none on {listed(none)}"
    means = {measure: without_repeated(frame, ten, measure) for measure in LIKE}
    own = []
    for d in there:
        pairs = {m: table.loc[(d, "Ours")] for m, table in means.items() if (d, "Ours") in table.index}
        if pairs:
            changes = listed(f"{m} {three(row['new'])} for {three(row['every'])}" for m, row in pairs.items())
            own.append(f"{changes} on {short(d)}")
    if not own:
        return f"{text}; what scores are without them is not recorded yet."
    most = []
    for measure, table in means.items():
        gap = table["new"] - table["every"]
        d, method = gap.abs().idxmax()
        most.append(f"{three(gap[d, method])} of {measure} ({method} on {short(d)})")
    return f"{text}. Without them Ours has {'; '.join(own)}; the largest changes of any method are {listed(most)}."


def without_repeated(frame: pd.DataFrame, ten: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The mean of a score over the runs that validation chose, on `every` test row and on `new` ones alone, where both
    are recorded: data sets and methods."""
    runs = ten[RUN].drop_duplicates()
    rows = at(frame, U=U, part="test").merge(runs)
    rows = rows[rows["measure"].isin([measure, f"{measure}_new"])]
    table = rows.pivot_table(index=RUN, columns="measure", values="value").reindex(columns=[measure, f"{measure}_new"])
    table = table.dropna().set_axis(["every", "new"], axis=1)
    return table.groupby(["dataset", "method"]).mean()


def further(frame: pd.DataFrame, ten: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """What newer records also measure at U = 10, data sets and methods by measure, and what it says of neighbours."""
    names = labels("ties", "examples", "accuracy_new", "faithfulness_new", "neighbours")
    runs = ten[RUN].drop_duplicates()
    rows = frame[frame["measure"].isin(names) & (frame["U"] == U) & (frame["part"] != "val")].merge(runs)
    if rows.empty:
        return pd.DataFrame({"": ["no records of them yet"]}), "No data set has them yet."
    table = rows.pivot_table(index=["dataset", "method"], columns="measure", values="value")
    order = [key for key in ((d, m) for d in datasets(frame) for m in METHODS) if key in table.index]
    table = table.reindex(order)
    table = table[[name for name in names if name in table]].rename(columns=names, index=short)
    return digits(table, "{:.3g}").rename_axis([None, None]), neighbours(rows, ten)


def neighbours(rows: pd.DataFrame, ten: pd.DataFrame) -> str:
    """Faithfulness of Ours minus how often the ten nearest examples name what a network predicts, and where it leads.

    Nearest in Pretrain's network, and in that of Ours itself. rows: the records of these votes.
    """
    told = []
    for method, whose in (("Pretrain", "Pretrain's network"), ("Ours", "its own")):
        found = {}
        for d in datasets(ten):
            votes = at(rows, dataset=d, method=method, measure="neighbours").groupby("split")["value"].mean()
            if len(gap := (by_split(ten, d, "Ours", measure="faithfulness") - votes).dropna()) > 1:
                found[short(d)] = resampled(gap)
        if found:
            each = ", ".join(f"{d} {spanned(one)}" for d, one in found.items())
            ahead = [d for d, one in found.items() if one.side > 0]
            told.append(f"with neighbours in {whose}: {each}, surely above 0 on {listed(ahead)}")
    lead = "Faithfulness of Ours minus how often the ten nearest examples vote for what is predicted"
    return f"{lead}, {'; '.join(told)}." if told else "No data set has votes of neighbours yet."


def gates_cost(timed: pd.DataFrame) -> str:
    """What gates cost in seconds, here and in the paper's Table 1, and from which bound all comparisons would hold."""
    own = gates_at(timed, SLOWER)
    if set(own["outcome"]) == {MISSING}:
        return "No epoch has been timed yet."
    theirs = pd.concat([SECONDS.loc[a] / SECONDS.loc[b] for a, b in GATE_PAIRS])
    bounds = [SLOWER + 0.1 * step for step in range(9)]
    least = next((b for b in bounds if (gates_at(timed, b)["outcome"] == HOLDS).all()), None)
    would = f"from a bound of {least:g} on all would hold" if least else f"at {bounds[-1]:g} not all would hold either"
    return (
        f"The ratios are {spanning(own['value'], two)} here and {spanning(theirs, two)} in the paper's Table 1. The "
        f"verdict follows the bound: {would}."
    )


def classes(ten: pd.DataFrame) -> str:
    """Of how many classes the ten most influential CIFAR10 images are, over splits, with Ours and with Joint."""
    counts = [classes_picked(ten, datasets(ten)[-1], method) for method in ("Ours", "Joint")]
    if any(values.empty for values in counts):
        return "No records of both methods yet."
    ours, joint = (f"({values.min():g} to {values.max():g})" for values in counts)
    middle = [values.median() for values in counts]
    as_told = [middle[0] == 10, middle[1] < middle[0]]
    found = (
        "as here" if all(as_told) else "which none of this bears out" if not any(as_told) else
        "of which the first is not so here" if as_told[1] else "of which the second is not so here"
    )  # fmt: skip
    return (
        f"Over {len(counts[0])} splits the ten images are of {middle[0]:g} classes in the median under Ours "
        f"{ours}, and of {middle[1]:g} under Joint {joint}. The paper's show every class under Ours and fewer under "
        f"Joint, {found}."
    )


def pictured(ten: pd.DataFrame, method: str) -> str:
    """For which classes a method's ten images speak: their own or another's, and how strongly."""
    top = influential(ten, datasets(ten)[-1], method)
    if top.empty:
        return f"No records of {method} yet."
    own, size = (top["label"] == top["output"]).sum(), top["value"].abs()
    some = "All ten" if own == 10 else f"{own} of the ten"
    return (
        f"{some} speak for or against their own class, and {(top['value'] > 0).sum()} have a positive influence. "
        f"The largest is {size.max() / size.min():.1f} times the least."
    )
