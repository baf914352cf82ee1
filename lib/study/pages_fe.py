"""What the page of FE's results shows: its figures, tables and the numbers in its text, from the records alone."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from lib import data
from lib.data import catalogue
from lib.study import figures, lacking, timing, words
from lib.study.claims_fe import difference
from lib.study.runs import at, kind, title
from lib.study.runs_fe import CONFIGURATION, GATED, METHODS, RUN, SCORES, U, choose_eta, chosen, datasets
from lib.study.statistics import mean_sem, plus_minus

LIKE = {"accuracy": "accurate", "faithfulness": "faithful"}
SECONDS = pd.DataFrame(  # Table 1 of the paper
    {name.split("-")[0]: catalogue.DATA_SETS[name].printed.seconds for name in catalogue.names("FE")}, index=METHODS
)


def short(dataset: str) -> str:
    """The data set alone, for titles."""
    return title(dataset).split()[0]


def in_order(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Rows by data set in the paper's order, named as shown."""
    there = [name for name in names if name in set(rows["dataset"])]
    return rows.set_index("dataset").loc[there].rename(title).reset_index()


# --- Which runs there are --------------------------------------------------------------------------------------------


def runs_table(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each data set and method at lambda 1: how many splits, etas and runs, how long they took."""
    runs = frame[frame["lam"] == 1].drop_duplicates(RUN).groupby(["dataset", "method"])
    table = runs.agg(
        splits=("split", "nunique"),
        ηs=("eta", "nunique"),
        runs=("split", "size"),
        epochs=("epochs", "mean"),
        best=("best_epoch", "mean"),
        seconds=("seconds", "mean"),
    )
    table["hours"] = runs["seconds"].sum() / 3600
    every = pd.MultiIndex.from_product([datasets(frame), METHODS], names=["data set", "method"])
    return table.reindex(every[every.isin(table.index)])


def runs_shown(table: pd.DataFrame) -> pd.DataFrame:
    """`runs_table` in digits."""
    plain = dict.fromkeys(table, "{:,.0f}".format) | {"seconds": "{:,.3g}".format, "hours": "{:.2f}".format}
    shown = table.apply(lambda column: column.map(plain[column.name]))
    return shown.rename(index=title, columns={"best": "best epoch"})


def about(frame: pd.DataFrame, lambdas: pd.DataFrame, table: pd.DataFrame) -> dict:
    """What the text says of the runs, by name."""
    names = datasets(frame)
    absent = {name: lacking.examples(frame, lambdas, name) for name in names}
    settings = {name: json.loads(rows["settings"].iloc[0]) for name, rows in frame.groupby("dataset")}
    patience = {}
    for name in names:
        patience.setdefault(settings[name]["patience_steps"] if name in settings else 0, []).append(title(name))
    missing = "; ".join(f"{title(name)}: {' and '.join(found)}" for name, found in absent.items() if found)
    return {
        "missing": missing or "nothing",
        "patience": "; ".join(f"{steps:,} on {', '.join(on)}" for steps, on in patience.items() if steps),
        "epochs-most": max(of["epochs"] for of in settings.values()),
        "runs": f"{int(table['runs'].sum()):,}",
        "hours": hours(frame),
    }


def hours(frame: pd.DataFrame) -> str:
    """Hours of training at lambda 1 on each device by itself, in words."""
    runs = frame[frame["lam"] == 1].drop_duplicates(RUN)
    each = runs.groupby("device")["seconds"].sum() / 3600
    return "; ".join(f"{spent:.1f} hours on {kind(device)}" for device, spent in each.items())


# --- Scores ----------------------------------------------------------------------------------------------------------


def best_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Scores on test rows at lambda 1 of the runs that validation chose, at each U."""
    best = choose_eta(frame[(frame["lam"] == 1) & frame["measure"].isin(SCORES)])
    return best[best["part"] == "test"]


def against(ten: pd.DataFrame, measure: str, other: str) -> str:
    """Where Ours is surely above or below another method at U = 10, for a title."""
    gaps = {short(d): difference(ten, d, measure, a="Ours", b=other) for d in datasets(ten)}
    there = {d: gap for d, gap in gaps.items() if gap.splits > 1}
    if not there:
        return f"{measure.capitalize()}: no records of Ours and {other} yet"
    sides = {"more": [d for d, gap in there.items() if gap.low > 0], "less": [d for d in there if there[d].high < 0]}
    said = [f"{side} {LIKE[measure]} than {other} on {words.among(where, list(there), 'data sets')}"
            for side, where in sides.items() if where]  # fmt: skip
    nowhere = f"nowhere surely more or less {LIKE[measure]} than {other}"
    return f"With {U} entries Ours is {'surely ' + words.listed(said) if said else nowhere}"


def score_figures(frame: pd.DataFrame) -> dict[str, Figure]:
    """Test accuracy and faithfulness against U, of the runs that validation chose at each U."""
    best, ten = best_rows(frame), chosen(frame[frame["lam"] == 1])
    return {
        measure: figures.curves(
            in_order(best[best["measure"] == measure], datasets(frame)),
            x="U",
            title=against(ten, measure, "Pretrain"),
            xlabel="U, entries kept",
            ylabel=f"test {measure}, higher is better",
            last="all",
        )
        for measure in SCORES
    }


def scoreboard(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Methods by data sets at U = 10, "mean ± standard error", * at the best."""
    best, names = best_rows(frame), datasets(frame)
    summary = mean_sem(best[(best["measure"] == measure) & (best["U"] == U)], ["dataset", "method"])
    shown = [plus_minus(mean, sem, ".3f") for mean, sem in zip(summary["mean"], summary["sem"])]
    top = summary.groupby("dataset")["mean"].transform("max").round(3)
    summary["text"] = shown + np.where(summary["mean"].round(3) >= top, "\u00a0*", "")
    order = {"index": [m for m in METHODS if m in set(summary["method"])],
             "columns": [name for name in names if name in set(summary["dataset"])]}  # fmt: skip
    text, means = (
        summary.pivot(index="method", columns="dataset", values=values).reindex(**order) for values in ("text", "mean")
    )
    text["mean"] = means.mean(axis=1, skipna=False).map("{:.3f}".format, na_action="ignore")
    return text.fillna("–").rename(columns=title).rename_axis(columns=f"test {measure}", index=None)


# --- Hyperparameters -------------------------------------------------------------------------------------------------


def sweep(rows: pd.DataFrame, x: str, *, finding) -> dict[str, Figure]:
    """Both measures of Ours at U = 10 against lam or eta; the title: finding(measure, means of each data set)."""
    xlabel, found = {"lam": "λ", "eta": "η"}[x], {}
    for measure in SCORES:
        part = rows[rows["measure"] == measure]
        part = part[part.groupby("dataset")[x].transform("nunique") > 1]
        if part.empty:
            found[f"{x}-{measure}"] = figures.nothing(f"No records of more than one {xlabel} yet.")
            continue
        means = dict(iter(mean_sem(part, ["dataset", x]).groupby("dataset")))
        told = finding(measure, {short(d): means[d].set_index(x)["mean"] for d in datasets(rows) if d in means})
        found[f"{x}-{measure}"] = figures.curves(
            in_order(part, datasets(rows)),
            x,
            f"{measure.capitalize()} of Ours {told}",
            xlabel=xlabel,
            ylabel=f"test {measure}, higher is better",
        )
    return found


def ours_at_ten(frame: pd.DataFrame) -> pd.DataFrame:
    """Scores of Ours with ten entries, all lambdas and etas."""
    return frame[(frame["method"] == "Ours") & (frame["U"] == U) & frame["measure"].isin(SCORES)]


def eta_figures(frame: pd.DataFrame) -> dict[str, Figure]:
    """Scores against eta at lambda 1."""
    rows = ours_at_ten(frame).query("lam == 1 and part == 'test'")
    return sweep(rows, "eta", finding=lambda _, means: words.best(means))


def open_gates(frame: pd.DataFrame) -> pd.DataFrame:
    """Percentage of gates with mu > 0, data sets and methods by eta, mean over splits."""
    gates = frame[(frame["lam"] == 1) & (frame["measure"] == "open")].assign(percent=lambda rows: 100 * rows["value"])
    shares = gates.pivot_table(index=["dataset", "method"], columns="eta", values="percent")
    order = pd.MultiIndex.from_product([datasets(frame), GATED], names=["data set", "method"])
    shares = shares.reindex(order[order.isin(shares.index)]).rename(index=title)
    return shares.map("{:.3g}".format).rename(columns="{:g}".format).rename_axis(columns="η")


def chosen_epochs(frame: pd.DataFrame) -> str:
    """The least and the largest of the mean epochs kept for Ours at each eta, in words."""
    runs = frame[(frame["lam"] == 1) & (frame["method"] == "Ours")].drop_duplicates(RUN)
    epochs = runs.groupby("eta")["best_epoch"].mean().sort_values()
    ends = [f"{epoch:,.0f} at η = {eta:g}" for eta, epoch in epochs.items()]
    return f"from {ends[0]} to {ends[-1]}" if ends else "of no run"


# --- Costs and images ------------------------------------------------------------------------------------------------


def seconds_table(ten: pd.DataFrame, timed: pd.DataFrame) -> pd.DataFrame:
    """Data sets by methods: milliseconds of an epoch, what all epochs come to, until a run stopped, in the paper."""
    costs, rows, epochs = ten[ten["part"] == "test"].drop_duplicates(RUN), {}, CONFIGURATION["epochs"]
    for name in datasets(ten):
        if name in set(timed["dataset"]):
            one = pd.Series({m: timing.plain(timed, name, m).median() for m in METHODS})
            rows[name, "an epoch, ms"] = 1000 * one
            share = {m: timing.shared(timed, name, m).median() for m in METHODS}
            rows[name, "its share of a stack of ten splits, ms"] = 1000 * pd.Series(share)
            rows[name, f"{epochs:,} epochs, s"] = epochs * one
        rows[name, "until it stopped, s"] = costs[costs["dataset"] == name].groupby("method")["seconds"].mean()
        rows[name, "in the paper, s"] = SECONDS[name.split("-")[0]]
    times = pd.DataFrame(rows, index=list(METHODS)).T.rename(index=title)
    return times.map(lambda v: "–" if pd.isna(v) else f"{v:,.0f}" if v >= 100 else f"{v:.3g}")


def seconds_ratios(timed: pd.DataFrame) -> pd.DataFrame | str:
    """Ratios of an epoch's seconds on each data set: Ours, RPSR and RPS over a rival, and one run over its share.

    Geometric means over repeats, as in claims FE-C9a to c.
    """
    there = [d for d in timing.DATA_SETS if d in set(timed["dataset"])]
    if not there:
        return "No epoch has been timed yet."
    usual = {(d, m): stats.gmean(timing.plain(timed, d, m)) for d in there for m in METHODS}
    ratios = {
        f"{a} / {b}": [usual[d, a] / usual[d, b] for d in there]
        for a, b in (("Ours", "Pretrain"), ("RPSR", "RPS"), ("RPS", "Pretrain"))
    }
    share = {d: np.exp(np.log(timing.shared(timed, d, "Ours")).mean()) for d in there}  # NaN where none was timed
    ratios["Ours, alone / among ten splits"] = [usual[d, "Ours"] / share[d] for d in there]
    return pd.DataFrame(ratios, index=list(map(title, there))).map("{:.2f}".format).replace("nan", "–")


def influential(ten: pd.DataFrame, dataset: str, method: str) -> pd.DataFrame:
    """The ten entries of largest influence of the first split's run, with the classes of example and output."""
    rows = at(ten, dataset=dataset, method=method, measure="influence")
    rows = rows[(rows["split"] == rows["split"].min()) & (rows["seed"] == rows["seed"].min())].sort_values("U")
    classes = np.array(data.cifar10.CLASSES)
    label = data.cifar10.chosen()[1][rows["example"].astype(int)]
    return rows.assign(label=classes[label], output=classes[rows["output"].astype(int)])


def image_figures(ten: pd.DataFrame) -> tuple[dict[str, Figure], pd.DataFrame | None]:
    """The most influential CIFAR10 images under Ours and Joint, and how many there are of each class.

    Where the images are not at hand, the influence of each is drawn beside its class.
    """
    cifar10, found, counts = datasets(ten)[-1], {}, {}
    pictures = data.cifar10.at_hand(cifar10.removeprefix("cifar10-"))
    for method in ("Ours", "Joint"):
        top = influential(ten, cifar10, method)
        if top.empty:
            found[f"images-{method}"] = figures.nothing(f"No records of {method} on CIFAR10 yet.")
            continue
        counts[method] = {c: int((top["label"] == c).sum()) for c in data.cifar10.CLASSES}
        heading = f"The ten images of {method} show {top['label'].nunique()} of the 10 classes"
        named = list(zip(top["label"], top["output"], top["value"]))
        if pictures is None:
            fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.6))
            figures.bars(ax, top["value"], [f"{c} → {o}" for c, o, _ in named])
            ax.set_xlabel("influence")
            figures.headline(fig, heading)
        else:
            captions = [f"{c}\n→ {o}\n{a:+.2f}" for c, o, a in named]
            fig = figures.images([pictures[n] for n in top["example"]], captions, heading)
        shown = top[["example", "label", "output", "value"]].rename(columns={"value": "influence"})
        found[f"images-{method}"] = figures.remember(fig, shown)
    return found, pd.DataFrame(counts, index=data.cifar10.CLASSES) if counts else None
