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
# # Reading one explanation
#
# So far explanations were counted. Here we read two, line by line: one that is faithful and one that is not. The
# data are silhouettes of four kinds of vehicle, a double-decker bus, a van and two cars, described by 18 measures
# of shape.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $\alpha_{nc}$ | influence of training example $n$ on class $c$ | one for each entry |
# | $k(x_n, x)$ | similarity of the example to $x$ | one for each example |
# | $\alpha_{nc}\, k(x_n, x)$ | contribution of the entry to the score of class $c$ | one for each entry |
# | $g(x)$, $h(x)$ | prediction and explanation | $(C)$ |
# | $U$ | entries in the explanation |  |

# %% tags=["parameters"]
dataset = "vehicle"  # a name, or a CSV file with the class last
split = 0
eta = 1e-2  # weight of the regulariser
epochs = 120
U = 10  # entries in an explanation

# %% tags=["hide-input"]
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from myst_nb import glue
from sklearn.datasets import load_wine
from sklearn.linear_model import LinearRegression

from lib import data
from lib.check import check
from lib.study import figures
from lib.training import Runs, fit
from lib.training.fewer import Settings

figures.use()

# %%
table = data.load(dataset)
folds = data.folds(table, [split], dtype=torch.float64)
settings = Settings(epochs=epochs, patience=epochs, U=(U,))
ours = fit("Ours", folds, Runs.grid(1, eta=[eta]), settings=settings, progress=False)
model = ours.run()
for name in ("accuracy", "faithfulness"):
    print(f"{name:12} {ours.scores[f'test_{name}'][0, 0]:.2f}")

# %% [markdown]
# ## One call
#
# `explain` takes one example as $f$ sees it and returns the $U$ entries of {eq}`fe-22`, the most influential first.
# Beside each entry stand its influence $\alpha_{nc}$, the similarity $k(x_n, x)$ of {eq}`fe-3`, and their product,
# which is what the entry adds to the score of class $c$ in {eq}`fe-2`. Entries of positive
# influence mostly speak for the example's own class, those of negative influence against another.


# %%
def table_of(e):
    example = folds.index_train[0][e.rows].numpy()
    name = np.array(table.classes)
    columns = {
        "is": name[table.y[example]],
        "class": name[e.classes],
        "influence": e.influence,
        "similarity": e.similarity,
        "contribution": e.contribution + 0.0,  # no minus zero
    }
    return pd.DataFrame(columns, pd.Index(example, name="example"))


def labels_of(entries):
    """Each entry's example and its class, and for or against which class it speaks."""
    speaks = np.where(entries["influence"] > 0, "for", "against")
    return [f"{kind} {n}, {way} {c}" for n, kind, way, c in zip(entries.index, entries["is"], speaks, entries["class"])]


# %%
x = folds.x_test[0]  # (B, D)
explained = [model.explain(row, U) for row in x]
good = max(range(len(x)), key=lambda i: explained[i].faithful)  # the first that is
table_of(explained[good]).round(2)

# %% [markdown]
# The influence is the same for every $x$: it says how loud a training example is at all. What changes from $x$ to $x$
# is the similarity, and where it is zero the example is silent. ($f$ ends in a ReLU: two examples that excite different
# units are not similar at all.) So read the last column. It is the complete reason of $h$, and adds up to its scores:

# %%
e = explained[good]
scores = torch.zeros_like(e.h).index_add(0, e.classes, e.contribution)
print("scores", scores.numpy().round(2))
check("softmax of them is h", scores.softmax(0), e.h)

# %% [markdown]
# A negative influence speaks *against* its class. The loudest entry of all can be one of these: "like this example?
# Then certainly no bus."

# %% tags=["hide-input"]
seen = torch.cat([x[[good]], folds.x_train[0, e.rows]])  # the row, then its examples
own = table_of(e)
labels = ["this row", *labels_of(own)]
fig, (left, right) = plt.subplots(1, 2, figsize=(figures.WIDTH, 4.2), width_ratios=(1.5, 1), sharey=True)
left.imshow(seen, cmap="RdBu_r", vmin=-2.5, vmax=2.5, aspect="auto")
left.axhline(0.5, color=figures.PAPER, linewidth=4)
left.set_yticks(range(len(seen)), labels, fontsize=10)
left.set(xlabel="features, red above their mean", xticks=[])
left.grid(False)
signs = [figures.PLUS if v > 0 else figures.MINUS for v in e.contribution]
right.barh(range(1, len(seen)), e.contribution, color=signs)
right.axvline(0, color=figures.INK, linewidth=0.8)
right.grid(axis="x")
right.set(xlabel="contribution")
figures.headline(fig, f"A test row and the {len(e.rows)} entries that explain it")
glue("explaining-row", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} explaining-row
# :name: fig-explaining-row
# :alt: Rows of coloured cells, the test row on top, its examples below, and beside each a bar of its contribution.
#
# The row that is explained, and below it the example of each entry; a column is a measure, blue below its mean. Beside
# it, what the entry adds to the score of the class that it speaks for (brown) or takes from it (grey). Where there is
# no bar, the example is not similar to the row at all.
# ```
#
# Look for what the examples that speak have in common with the row ({numref}`fig-explaining-row`). The eye finds
# little. Their similarity is measured in the space of $f$ {eq}`fe-3`, where training has brought together what shall be
# explained alike, and not among the measures of shape. An explanation by examples says which examples count; it does
# not say why they are alike.
#
# ## Faithful here?
#
# `e.faithful` says whether $g$ and $h$ name the same class, {eq}`fe-4`. No label is needed, so it is known for every
# new $x$, before anybody believes the explanation. Where the largest outputs of $h$ tie, it names none and is not
# faithful.

# %%
bad = min(range(len(x)), key=lambda i: explained[i].faithful)  # the first that is not
name = np.array(table.classes)
verdicts = {
    f"row {i}": {
        "g says": name[e.g.argmax()],
        "h says": name[e.h.argmax()],
        "faithful": e.faithful,
        "truth": name[folds.y_test[0, i]],
    }
    for i, e in ((good, explained[good]), (bad, explained[bad]))
}
pd.DataFrame(verdicts).T

# %% tags=["hide-input"]
fig, axes = plt.subplots(2, 1, figsize=(figures.WIDTH, 4.6), sharex=True)
for ax, i in zip(axes, (good, bad)):
    e, rows = explained[i], table_of(explained[i])
    speak = figures.bars(ax, e.contribution, labels_of(rows))
    says = f"g says {name[e.g.argmax()]}, h {name[e.h.argmax()]}"
    ax.set_title(f"{'' if e.faithful else 'un'}faithful: {says} ({speak} of {len(rows)} entries speak)")
axes[1].set_xlabel("contribution to the score of its class")
figures.headline(fig, "What two predictions rest on")
glue("explaining-bars", fig, display=False)
glue("explaining-good-score", scores.max().item(), display=False)
glue("explaining-bad-for", explained[bad].contribution.max().item(), display=False)
glue("explaining-bad-against", explained[bad].contribution.min().item(), display=False)
glue("explaining-good-class", str(name[explained[good].g.argmax()]), display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} explaining-bars
# :name: fig-explaining-bars
# :alt: Bars of what each entry adds to the score of its class, above for a faithful explanation, below for another.
#
# What entries add to the score of their class, for a faithful and an unfaithful explanation. The ten entries are the
# same in both. Only their similarity to $x$ differs, and those that are not similar at all are left out.
# ```
#
# In the upper half of {numref}`fig-explaining-bars`, two training examples of the predicted class say the same, and
# together raise its score to {glue:text}`explaining-good-score:.1f`. In the lower half hardly anything speaks *for* a
# class: no entry adds more than {glue:text}`explaining-bad-for:.1f`, and the loudest against one,
# {glue:text}`explaining-bad-against:.1f`, only says what $x$ is not. Several classes are in reach, and $h$ ends up with
# another one than $g$. The honest reading is that *this prediction is not explained*. It may still be right; only the
# explanation has to be set aside.
#
# ## Values instead of classes
#
# The paper defines its models for regression too, with the identity for $r$; for $\ell$ we take the squared error. Ours
# on scikit-learn's diabetes table, where ten measurements predict the disease's progression one year on:

# %%
U_values = [1, 2, 5, 10, 20, 50, 100, "all"]
progression = data.folds(data.load("diabetes"), splits=[0, 1, 2], dtype=torch.float64)
settings = Settings(epochs=300, patience=300, U=tuple(U_values))
runs = Runs.grid(3, eta=[3e-2])
value = fit("Ours", progression, runs, settings=settings, progress=False)

# %% [markdown]
# $R^2$ takes the place of both scores ([](08_choosing)): of $g$ against $y$, and of $h$ against $g$. Beside it, the
# $R^2$ of a linear regression on the same rows. The line predicts this table better than $g$ does: what is shown here
# is how well $h$ follows $g$, not that $g$ is good.

# %%
linear = []
for s in range(3):
    line = LinearRegression().fit(progression.x_train[s], progression.y_train[s])
    linear.append(line.score(progression.x_test[s], progression.y_test[s]))
R2 = value.scores["test_accuracy"][:, 0]
print(f"R2 of g {R2.mean():.2f}, linear {np.mean(linear):.2f}")

# %% tags=["hide-input"]
r2 = value.scores["test_faithfulness"]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.2))
sem = r2.std(0) / len(r2) ** 0.5
ax.errorbar(range(len(U_values)), r2.mean(0), yerr=sem, capsize=2, **figures.look("Ours"))
ax.set_xticks(range(len(U_values)), map(str, U_values))
ax.set(ylim=(min(0, ax.get_ylim()[0]), 1.02), xlabel="U, entries kept", ylabel="R² of h against g\n(higher is better)")
ax.set_title("How well h with U entries matches the values of g")
glue("explaining-r2", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} explaining-r2
# :name: fig-explaining-r2
# :alt: R squared of h against g, with standard errors, for growing numbers of entries kept.
#
# How well $h$ with $U$ entries reproduces the values of $g$: mean and standard error over three splits.
# ```
#
# To name the right class, $h$ must only be on the right side of a border. To name the right value it must match it, and
# {numref}`fig-explaining-r2` shows the price. For one row there is no "faithful or not" (`e.faithful` is `None`).
# Compare the two values:

# %%
e = value.run().explain(progression.x_test[0, 0], U=20)
mean, std = progression.y_mean[0, 0], progression.y_std[0, 0]
for name, v in (("g", e.g), ("h", e.h), ("y", progression.y_test[0, 0])):
    print(f"{name} {(v * std + mean).item():.0f}")

# %% [markdown]
# ## Your own table
#
# Any CSV file with a header, numbers as features and the class in its last column will do. Here is one with the
# chemistry of 178 Italian wines from three growers:

# %%
wine = load_wine(as_frame=True)
frame = wine.data.assign(grower=wine.target.map({0: "A", 1: "B", 2: "C"}))
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "wine.csv"
    frame.to_csv(file, index=False)
    table = data.load(str(file))

# %%
folds = data.folds(table, [0], dtype=torch.float64)
settings = Settings(epochs=300, patience=300, U=(5,))
mine = fit("Ours", folds, Runs.grid(1, eta=[1e-2]), settings=settings, progress=False)
e = mine.run().explain(folds.x_test[0, 0], U=5)
print("faithful:", e.faithful)
table_of(e).round(2)

# %% [markdown]
# A file with gaps is refused, and the error says where they are:

# %%
frame.loc[[3, 5], "alcohol"] = np.nan
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "wine.csv"
    frame.to_csv(file, index=False)
    try:
        data.load(str(file))
    except ValueError as error:
        print(error)

# %% [markdown]
# With values instead of classes in the last column: `data.from_csv(file, task="regression")`. To train
# and explain a table of your own from beginning to end, see [](24_your_table).
#
# ## What was learned
#
# Read the contributions: influence says how loud an example is at all, similarity whether it speaks about this $x$, and
# their product is all that $h$ knows. Whether an explanation is faithful is known for each $x$ without a label, so one
# that is not can be set aside.
