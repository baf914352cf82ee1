# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Results
#
# Everything on this page is drawn from the records in `results/fe`, which the experiment notebook writes; nothing is
# trained here. `make experiments` runs what is missing, and the page is made again when records arrive. What the
# numbers say about the claims of {cite:t}`iwata2021fewer` is on [a page of its own](18_claims).
#
# All of it rests on our reading of a few points that the paper leaves open, listed with their evidence under
# [](19_readings). In short: an influence is $\max(0, \min(1, \mu)) \, s$, entries are ranked by its size, and
# $U$ counts entries $(n, c)$. For each split and each $U$, validation rows choose $\eta$: the one of largest geometric
# mean of accuracy and faithfulness, the smaller of two equals. Test rows play no part in any choice.

# %% tags=["parameters"]
results = "results/fe"  # a folder of records made by the experiment notebook

# %% tags=["hide-input"]
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from myst_nb import glue

from lib import data
from lib.examples import METHODS
from lib.study import claims, claims_fe, figures, records

figures.use()
pd.set_option("display.max_colwidth", None)
frame = claims_fe.load(results)
names = claims_fe.datasets(frame)
titles = {name: claims.title(name) for name in names}
main = frame[frame["lam"] == 1]
ten = claims_fe.chosen(main)  # the runs whose eta validation chose at U = 10

# %% [markdown]
# ## Which runs there are
#
# One row for each data set and method at $\lambda = 1$. Methods with gates were trained at each $\eta$, each run for
# {glue:text}`results-epochs-most:,` epochs or until validation had not improved for long, in gradient steps:
# {glue:text}`results-patience`. Epochs and seconds are means over runs; a run's seconds are its share of the stack that
# it was trained in; hours are of all runs together.

# %% tags=["hide-input"]
run = ["dataset", "method", "split", "seed", "eta"]
runs = main.drop_duplicates(run).groupby(["dataset", "method"])
table = runs.agg(
    splits=("split", "nunique"),
    ηs=("eta", "nunique"),
    runs=("split", "size"),
    epochs=("epochs", "mean"),
    best=("best_epoch", "mean"),
    seconds=("seconds", "mean"),
)
table["hours"] = runs["seconds"].sum() / 3600
every = pd.MultiIndex.from_product([names, METHODS], names=["data set", "method"])
table = table.reindex(every[every.isin(table.index)])


PLANNED = {"split": 10, "lam": 5}  # splits, and values of lambda with Ours, for each data set as in the paper


def lacks(name):
    """What of the paper's grid has no records."""
    rows, found = main[main["dataset"] == name], []
    if missing := [method for method in METHODS if method not in set(rows["method"])]:
        found.append("all methods" if len(missing) == len(METHODS) else ", ".join(missing))
    splits = rows.groupby("method")["split"].nunique().min() if len(rows) else 0
    if 0 < splits < PLANNED["split"]:
        found.append(f"{PLANNED['split'] - splits} of {PLANNED['split']} splits")
    if frame.loc[frame["dataset"] == name, "lam"].nunique() < PLANNED["lam"]:
        found.append("other λ than 1")
    return found


absent = {name: lacks(name) for name in names}
words = "; ".join(f"{titles[name]}: {' and '.join(found)}" for name, found in absent.items() if found)
glue("results-missing", words or "nothing", display=False)
settings = {name: json.loads(frame.loc[frame["dataset"] == name, "settings"].iloc[0]) for name in set(frame["dataset"])}
patience = {}
for name in names:
    patience.setdefault(settings[name]["patience_steps"] if name in settings else 0, []).append(titles[name])
words = "; ".join(f"{steps:,} on {', '.join(on)}" for steps, on in patience.items() if steps)
glue("results-patience", words, display=False)
glue("results-epochs-most", max(of["epochs"] for of in settings.values()), display=False)
glue("results-runs", int(table["runs"].sum()), display=False)
glue("results-hours", float(table["hours"].sum()), display=False)
glue("results-devices", "; ".join(sorted(frame["device"].unique())), display=False)
plain = dict.fromkeys(table, "{:,.0f}".format) | {"seconds": "{:,.3g}".format, "hours": "{:.2f}".format}
table.apply(lambda column: column.map(plain[column.name])).rename(index=titles, columns={"best": "best epoch"})

# %% [markdown]
# These are {glue:text}`results-runs` runs, {glue:text}`results-hours:.1f` hours one after the other, on
# {glue:text}`results-devices`.
#
# > Of the paper's grid, ten splits and five $\lambda$ on every data set, these are not recorded:
# > {glue:text}`results-missing`.
#
# > CIFAR10 differs from the paper's. Its images are described by the 1,000 outputs of the network named beside each
# > result; the paper's ResNet-18 is a parameter of the experiment, but its weights could not be had where these
# > records were made. The images are a random 1,000 of our own drawing. Where $S$ starts, which the paper does not
# > say, seems to matter much for accuracy there: see [](19_readings).

# %% [markdown]
# ## Accuracy and faithfulness with few examples
#
# A good explanation stays faithful as $U$ shrinks, and its predictor does not pay for it. RPS and RPSR explain
# the explanation model itself, so they are faithful by construction; if few entries have a price, they pay it in
# accuracy. Where a curve of accuracy
# bends although the predictor does not know of $U$, another $\eta$ was chosen.

# %% tags=["hide-input"]
scores = main[main["measure"].isin(claims_fe.SCORES)]
best = records.choose_eta(scores)
best = best[best["part"] == "test"]


def in_order(rows):
    """Rows by data set in the paper's order, named as shown."""
    return rows.set_index("dataset").loc[[n for n in names if n in set(rows["dataset"])]].rename(titles).reset_index()


def short(name):
    """The data set alone, for titles."""
    return titles[name].split()[0]


def signed(value):
    """Two digits with their sign, and no minus before zero."""
    return f"{round(value, 2) + 0.0:+.2f}"


def against(measure, other):
    """What Ours has over another method at U = 10, in words for a title."""
    gaps = {short(d): claims_fe.difference(ten, d, measure, "Ours", other) for d in names}
    found = ", ".join(f"{d} {signed(gap.value)}" for d, gap in gaps.items() if gap.splits)
    return f"Ours minus {other} at U = 10: {found}" if found else "no records of both yet"


for measure in claims_fe.SCORES:
    fig = figures.curves(
        in_order(best[best["measure"] == measure]),
        x="U",
        title=f"{measure.capitalize()}. {against(measure, 'Pretrain')}",
        xlabel="U, entries kept",
        ylabel=f"test {measure}, higher is better",
        last="all",
    )
    glue(f"results-{measure}", fig, display=False)
    plt.close(fig)

# %% [markdown]
# ```{glue:figure} results-accuracy
# :name: fig-results-accuracy
# :alt: Test accuracy against U, the number of entries kept, a panel for each data set, a line for each method.
#
# Test accuracy against $U$, mean over splits with its standard error (the paper's Fig. 2). Filled markers: with
# gates. Methods stand a little apart so that equal ones can be seen.
# ```
#
# ```{glue:figure} results-faithfulness
# :name: fig-results-faithfulness
# :alt: Test faithfulness against U, the number of entries kept, a panel for each data set, a line for each method.
#
# Test faithfulness against $U$, drawn likewise (the paper's Fig. 3).
# ```
#
# The same at $U = 10$ in numbers: mean over splits ± standard error, the best mean of each column marked *.


# %% tags=["hide-input"]
def scoreboard(measure):
    """Methods by data sets, "mean ± standard error", * at the best."""
    summary = records.mean_sem(best[(best["measure"] == measure) & (best["U"] == claims_fe.U)], ["dataset", "method"])
    text = [records.plus_minus(mean, sem, ".3f") for mean, sem in zip(summary["mean"], summary["sem"])]
    top = summary.groupby("dataset")["mean"].transform("max").round(3)
    summary["text"] = text + np.where(summary["mean"].round(3) >= top, "\u00a0*", "")
    wide = summary.pivot(index="method", columns="dataset", values="text")
    wide = wide.reindex(
        index=[method for method in METHODS if method in wide.index], columns=[name for name in names if name in wide]
    )
    return wide.fillna("–").rename(columns=titles).rename_axis(columns=f"test {measure}", index=None)


scoreboard("accuracy")

# %% tags=["hide-input"]
scoreboard("faithfulness")

# %% [markdown]
# ## The weight of faithfulness
#
# $\lambda$ weighs the explanation's loss against the prediction's. Here Ours keeps ten entries, and
# $\eta$ is chosen again for each $\lambda$.


# %% tags=["hide-input"]
def sweep(rows, x, xlabel, lead, finding):
    """Both measures of Ours at U = 10 against a hyperparameter, as two glued figures; the title: lead, findings."""
    for measure in claims_fe.SCORES:
        part = rows[rows["measure"] == measure]
        part = part[part.groupby("dataset")[x].transform("nunique") > 1]
        fig = figures.nothing(f"No records of more than one {xlabel[0]} yet.")
        if len(part):
            plt.close(fig)
            means = dict(iter(records.mean_sem(part, ["dataset", x]).groupby("dataset")))
            found = ", ".join(f"{short(d)} {finding(means[d])}" for d in names if d in means)
            title = f"{measure.capitalize()} of Ours{lead}: {found}"
            fig = figures.curves(in_order(part), x, title, xlabel, f"test {measure}, higher is better")
        glue(f"results-{x}-{measure}", fig, display=False)
        plt.close(fig)


ours = frame[(frame["method"] == "Ours") & (frame["U"] == claims_fe.U) & frame["measure"].isin(claims_fe.SCORES)]
every_lambda = records.choose_eta(ours).query("part == 'test'") if len(ours) else ours
lead = f", λ from {every_lambda['lam'].min():g} to {every_lambda['lam'].max():g}"
sweep(every_lambda, "lam", "λ", lead, lambda m: signed(m["mean"].iloc[-1] - m["mean"].iloc[0]))

# %% [markdown]
# ```{glue:figure} results-lam-accuracy
# :name: fig-results-lambda-accuracy
# :alt: Test accuracy of Ours with ten entries against lambda, one panel for each data set with records.
#
# Test accuracy of Ours against $\lambda$ at $U = 10$ (the paper's Fig. 6). The title gives the change from
# the smallest $\lambda$ to the largest.
# ```
#
# ```{glue:figure} results-lam-faithfulness
# :name: fig-results-lambda-faithfulness
# :alt: Test faithfulness of Ours with ten entries against lambda, one panel for each data set with records.
#
# Test faithfulness, likewise (the paper's Fig. 7).
# ```
#
# ## The price of a gate
#
# $\eta$ is what an open gate costs. Too little leaves more entries open than ten can stand for, too much shuts them
# before they have learned.

# %% tags=["hide-input"]
every_eta = ours[(ours["lam"] == 1) & (ours["part"] == "test")]
sweep(every_eta, "eta", "η", ", the best η", lambda m: f"{m.loc[m['mean'].idxmax(), 'eta']:g}")

# %% [markdown]
# ```{glue:figure} results-eta-accuracy
# :name: fig-results-eta-accuracy
# :alt: Test accuracy of Ours with ten entries against eta, one panel for each data set with records.
#
# Test accuracy of Ours against $\eta$ at $U = 10$ (the paper's Fig. 8). The title gives the $\eta$ of
# the highest mean.
# ```
#
# ```{glue:figure} results-eta-faithfulness
# :name: fig-results-eta-faithfulness
# :alt: Test faithfulness of Ours with ten entries against eta, one panel for each data set with records.
#
# Test faithfulness, likewise (the paper's Fig. 9).
# ```
#
# How many gates are left: the percentage with $\mu > 0$, those more likely open than shut, mean over splits at
# the epoch that validation chose.

# %% tags=["hide-input"]
gates = main[main["measure"] == "open"].assign(percent=lambda rows: 100 * rows["value"])
shares = gates.pivot_table(index=["dataset", "method"], columns="eta", values="percent")
order = pd.MultiIndex.from_product([names, [m for m in METHODS if METHODS[m].gates]], names=["data set", "method"])
shares = shares.reindex(order[order.isin(shares.index)]).rename(index=titles)
epochs = main[main["method"] == "Ours"].drop_duplicates(run).groupby("eta")["best_epoch"].mean()
glue("results-epochs", ", ".join(f"{epoch:,.0f} at {eta:g}" for eta, epoch in epochs.items()) or "none", display=False)
shares.map("{:.3g}".format).rename(columns="{:g}".format).rename_axis(columns="η")

# %% [markdown]
# A share counts the gates at the epoch that validation chose, which need not be late: the mean epoch chosen for Ours is
# {glue:text}`results-epochs`. A large $\eta$ can leave many gates open because the best epoch came before they shut.
#
# ## What training costs
#
# Seconds to train one model. Ours are those of the run that validation chose at $U = 10$, mean over splits: a
# share of the time of a stack of runs trained as one program, on the device named above, until that run stopped.
# The paper's are of one model trained by itself on the authors' machines. Compare methods within a row; between the
# two rows of a data set, no more than orders of magnitude. Both count the time to pretrain within Pretrain and
# PretrainR.
#
# > Ours are seconds on the wall, two trainings side by side and at times other work on the same cores: we take a ratio
# > below {glue:text}`results-blur` to say nothing.

# %% tags=["hide-input"]
paper = pd.DataFrame(  # Table 1 of the paper
    {
        "glass": [635, 663, 573, 543, 541, 540],
        "vehicle": [2849, 2628, 2977, 2979, 1800, 1845],
        "segment": [19184, 19497, 18731, 19507, 10713, 11330],
        "cifar10": [2450, 2422, 1823, 1680, 1769, 1749],
    },
    index=["Ours", "Joint", "RPS", "RPSR", "Pretrain", "PretrainR"],
)
glue("results-blur", claims_fe.BLUR, display=False)
costs = ten[ten["part"] == "test"].drop_duplicates(run)
rows = {}
for name in costs["dataset"].unique():
    rows[name, "here"] = costs[costs["dataset"] == name].groupby("method")["seconds"].mean()
    rows[name, "paper"] = paper[name.split("-")[0]]
times = pd.DataFrame(rows, index=list(METHODS)).T.reindex(names, level=0).rename(index=titles)
times.map(lambda v: "–" if pd.isna(v) else f"{v:,.0f}" if v >= 100 else f"{v:.3g}")

# %% [markdown]
# ## The ten most influential images
#
# The ten CIFAR10 images with the largest $|\alpha_{nc}|$, first split, $\eta$ as chosen at
# $U = 10$. Beneath each: its class, the output that it speaks for, and its influence. The images may not be
# shared with this project; where they are not at hand, grey squares stand for them.

# %% tags=["hide-input"]
cifar10 = names[-1]
pictures = data.cifar10.at_hand(cifar10.removeprefix("cifar10-"))
label = data.cifar10.chosen()[1]
grey = np.full((32, 32, 3), 224, np.uint8)
counts = {}
for method in ("Ours", "Joint"):
    top = ten[(ten["dataset"] == cifar10) & (ten["method"] == method) & (ten["measure"] == "influence")]
    top = top[top["split"] == top["split"].min()].sort_values("U")
    fig = figures.nothing(f"No records of {method} on CIFAR10 yet.")
    if len(top):
        plt.close(fig)
        tiles = [grey if pictures is None else pictures[n] for n in top["example"]]
        classes = [data.cifar10.CLASSES[label[n]] for n in top["example"]]
        outputs = [data.cifar10.CLASSES[c] for c in top["output"]]
        captions = [f"{c}\n→ {o}\n{a:+.2f}" for c, o, a in zip(classes, outputs, top["value"])]
        counts[method] = {c: classes.count(c) for c in data.cifar10.CLASSES}
        fig = figures.images(
            tiles, captions, f"{method}: {len(set(classes))} of 10 classes, {titles[cifar10]}", columns=5
        )
    glue(f"results-images-{method}", fig, display=False)
    plt.close(fig)
pd.DataFrame(counts, index=data.cifar10.CLASSES) if counts else None

# %% [markdown]
# ```{glue:figure} results-images-Ours
# :name: fig-results-images-ours
# :alt: The ten images of largest influence under Ours, each with its class, the output it speaks for and its influence.
#
# Ours (the paper's Fig. 4).
# ```
#
# ```{glue:figure} results-images-Joint
# :name: fig-results-images-joint
# :alt: The ten images of largest influence under Joint, each with its class, the output it speaks for, its influence.
#
# Joint (the paper's Fig. 5).
# ```
