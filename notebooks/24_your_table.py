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
# # Your table
#
# Give this chapter a CSV file and the name of the column to be predicted. It trains ordinary networks, and others that
# are trained to be explained by a few training examples and by a few features. It compares them and ends in a page of
# figures about your data:
#
# ```
# python -m lib.run notebooks/24_your_table.py mine.ipynb -p data my.csv -p target grower \
#     -p categories colour -p drop bottle
# ```
#
# In Jupyter, open `notebooks/24_your_table.py` as a notebook and change the next cell. With papermill alone:
# `jupytext --to ipynb -o - notebooks/24_your_table.py | papermill - mine.ipynb -p data my.csv -p target grower`.

# %% tags=["parameters"]
data = ""  # your CSV file; empty: the one that is written below
target = ""  # its column of classes; empty: the last
categories = []  # columns of words, to be encoded
drop = []  # columns to leave out
keep = []  # features though they lie in equal steps, as row numbers do
splits = [0, 1, 2]  # numbers of the splits into training, validation and test rows
etas = [1e-2, 1e-1]  # weights of paper FE's regulariser, of which validation rows choose
lams = [0.01, 0.1]  # weights of paper ID's, likewise
epochs = 200  # at most, for FE
tuning_epochs = 20  # at most, for ID
explainer = "LIME"  # or KernelSHAP
M = 100  # masked copies of a row, from which it is explained
S = 0.5  # share of the features inserted and deleted
row = 0  # the row explained at the end: a number among the test rows of the first split
folder = ""  # where to keep what was trained, so that a second call is quick

# %% tags=["hide-input"]
import tempfile
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from myst_nb import glue
from sklearn.datasets import load_wine

from lib import data as tables
from lib import explainers as explaining
from lib.check import check
from lib.options import is_whole
from lib.parameters import lists
from lib.study import before_after, figures
from lib.training import Runs, expo, fewer, fit

figures.use()

# %% [markdown]
# ## A file as people have it
#
# Without a file of yours, this is the chemistry of 178 Italian wines from three growers, saved as a spreadsheet in
# Europe would: semicolons between values and commas in them, a column that numbers the bottles, the colour in words.

# %%
categories, drop, keep = lists(categories=categories, drop=drop, keep=keep)
splits, etas, lams = lists(splits=splits, etas=etas, lams=lams)
if not data:
    wine = load_wine(as_frame=True)
    colour = pd.cut(wine.data["color_intensity"], [0, 3, 6, 99], labels=["pale", "medium", "deep"])
    grower = wine.target.map({0: "Ferrari", 1: "Rossi", 2: "Verdi"})
    frame = wine.data.drop(columns="color_intensity").assign(colour=colour)
    frame.insert(0, "grower", grower)
    frame.insert(0, "bottle", range(1, len(frame) + 1))
    data = str(Path(tempfile.mkdtemp()) / "wines.csv")
    frame.to_csv(data, index=False, sep=";", decimal=",")
    target, categories, drop = "grower", ["colour"], ["bottle"]

# %% [markdown]
# Separators and decimal commas are read off the file. Whatever could make a model that only seems to work is refused in
# one line that says what to do: no header, a column that numbers the rows, gaps, dates, and words that nobody called
# categories. Here is what this file is refused for, one thing after the other:

# %%
for said in ({"target": target}, {"target": target, "categories": categories}):
    try:
        tables.load(data, **said)
    except ValueError as error:
        print(textwrap.fill(f"{list(said)}: " + str(error).replace(data, Path(data).name), 74))

# %%
table = tables.load(data, target=target, categories=categories, drop=drop, keep=keep)
folds = tables.folds(table, splits)
for line in Path(data).read_text(encoding="utf-8-sig").splitlines()[:2]:
    print(line[:70], "...")
print(f"{len(table.x)} rows, {len(table.features)} features, classes {', '.join(table.classes)}")

# %% [markdown]
# All that is asked for is put together before anything is trained, so that no word is refused after minutes of work.

# %%
settings = fewer.Settings(epochs=epochs, patience=epochs, S_start="unit", U=(10,))
tuning = expo.Settings(explaining.named(explainer, M=M), S=S, epochs=tuning_epochs, batch=32)
expo.check_settings("ID-ExpO", tuning, folds.x_train.shape[2:])
by_eta = Runs.grid(len(splits), eta=etas)
by_lam = Runs.grid(len(splits), lam=lams, lr=[0.01])
if not is_whole(row, 0, folds.x_test.shape[1] - 1):
    raise ValueError(f"row must be a number from 0, of {folds.x_test.shape[1]} test rows, got {row!r}")

# %% [markdown]
# ## A few examples
#
# *Before* is a network trained to predict, whose explanation model $h$ was fitted afterwards (Pretrain). *After* was
# trained so that few training examples explain it (Ours, {eq}`fe-10`). Both have the same layers and see the same rows.
# Of several weights $\eta$, validation rows choose ([](08_choosing)).

# %%
kept = folder or None
options = {"settings": settings, "weights": kept, "progress": False}
pretrain = fit("Pretrain", folds, Runs.grid(len(splits)), **options)
ours = fit("Ours", folds, by_eta, **options)
by_examples = before_after.compared(
    {"before": before_after.of_examples(pretrain), "after": before_after.of_examples(ours)}
)
print(before_after.told(by_examples))
before_after.shown(by_examples)

# %% [markdown]
# ## A few features
#
# *Before* is a classifier trained on cross-entropy alone. *Trained on* is the same after fine-tuning by cross-entropy,
# and *after* is fine-tuned by ID-ExpO ({eq}`id-11`). What differs between these two is the regulariser's doing.

# %%
options = {"settings": tuning, "weights": kept, "progress": False}
start = fit("pretrained", folds, Runs.grid(len(splits), lr=[0.01]), **options)
options["start"] = start
onward = fit("CE-only", folds, Runs.grid(len(splits), lr=[0.01]), **options)
tuned = fit("ID-ExpO", folds, by_lam, **options)
start = start.measured([(tuning.explainer, S)])
models = {"before": start, "trained on": onward, "after": tuned}
by_features = before_after.compared({who: before_after.of_features(fitted) for who, fitted in models.items()})
print(before_after.told(by_features))
before_after.shown(by_features)

# %% [markdown]
# Read a gain in insertion and 1 − deletion together with accuracy and calibration. A network may reach the first two
# by being surer of everything, which its calibration error shows ([](20_what_works)). Differences smaller than the
# standard errors over {glue:text}`own-splits` splits say nothing.
#
# ## The page
#
# All of it in one picture, with the reasons of one prediction: the test row `row` of the first split.

# %% tags=["hide-input"]
glue("own-splits", len(splits), display=False)
first = {who: fitted.run(run := before_after.best(fitted)[0]) for who, fitted in models.items()}
x = folds.x_test[0, row]
by_example = ours.run(before_after.best(ours)[0]).explain(x, U=10)
phi = {who: model.explain(x[None])[0] for who, model in first.items()}
predicted = table.classes[first["after"].predict(x[None]).argmax()]
numbers = folds.index_train[0][by_example.rows].tolist()
speaks = ["for" if influence > 0 else "against" for influence in by_example.influence]
labels = [
    f"row {n}, {table.classes[table.y[n]]}, {way} {table.classes[c]}"
    for n, way, c in zip(numbers, speaks, by_example.classes)
]

fig, axes = plt.subplots(5, 1, figsize=(figures.WIDTH, 14), height_ratios=(3, 4, 4, 4, 4))
figures.before_after(axes[0], by_examples)
axes[0].set_title("Explained by ten entries")
figures.before_after(axes[1], by_features)
axes[1].set_title(f"Explained by features, {explainer}")
for (who, fitted), color in zip(models.items(), figures.own.COLORS):
    for part, line in (("insertion", "-"), ("deletion", "--")):
        curve = fitted.curves[part][before_after.best(fitted), 0].mean(0)
        axes[2].plot(range(1, len(curve) + 1), curve, line, color=color, label=f"{who}, {part}")
axes[2].set(title="Inserted and deleted, the most important first", xlabel="features", ylim=(0, 1.02),
            ylabel="probability of\nthe predicted class")  # fmt: skip
axes[2].legend(ncols=3, loc="upper center", bbox_to_anchor=(0.45, -0.28), fontsize=9)
speak = figures.bars(axes[3], by_example.contribution, labels)
word = "faithful" if by_example.faithful else "not faithful here"
axes[3].set(
    title=f"One row by examples ({word}; {speak} of {len(labels)} speak)",
    xlabel="added to the score of the class named last",
)
figures.bars(axes[4], phi["after"], table.features, top=8)
axes[4].set(title=f"The same row by features: taken for {predicted}", xlabel=f"contribution to {predicted}")
figures.headline(fig, f"{table.name}: before and after training for explanations")
glue("own-page", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} own-page
# :name: fig-own-page
# :alt: Five panels: scores before and after by examples and by features, curves, and bars for one row's reasons.
#
# Test rows, means and standard errors over the splits. The last two panels explain two different networks: if
# these predict different classes, trust neither alone.
# ```
#
# ## A new row, and tomorrow
#
# A row that comes later has the table's units. `folds.seen` standardises it by the training rows of a split, as the
# network saw them, and a model is kept in a file like any other:

# %%
print("in this order:", textwrap.shorten(", ".join(table.features), 60))
new = table.x[[int(folds.index_test[0, row])]]  # stands for numbers of yours, one row or several
model = ours.run(before_after.best(ours)[0])
kept = Path(tempfile.mkdtemp()) / "model.pt"
torch.save(model, kept)
again = torch.load(kept, weights_only=False)  # of a file that you trust, as any pickle
seen = folds.seen(new, fold=0)
check("the same prediction tomorrow", again.predict(seen), model.predict(x[None]))
print("taken for", table.classes[again.predict(seen).argmax()])

# %% [markdown]
# With `folder` set, `fit` itself finds what it has trained before.
#
# Where to begin on a table of yours: with `S_start="unit"`, which validation rows liked best on most data sets of
# [](30_readings), and the library's default of 1 on none; with a weight $\eta$ of 0.01 and one more to each side of it;
# with weights of ID-ExpO's regulariser of 0.01 and 0.1, of which the larger costs more accuracy. The experiments run on
# a GPU by `-p device cuda`, and FE's predicts values instead of classes by `-p task regression`.
#
# Rows are counted from 0, without the header. For the full experiment with records of every run, see
# [](25_your_network); for images, [](26_your_images); for one model explained by both, [](27_both).
