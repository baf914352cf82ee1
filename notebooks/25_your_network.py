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
# # Your own network
#
# Nothing in {eq}`fe-1` and {eq}`fe-2` says what $f$ is. Anything will do that turns one example into $K$ numbers and
# can be differentiated. This chapter takes a small convolutional network and scikit-learn's handwritten digits, and
# shows the ten images that explain it. Then it fine-tunes a network on a table of one's own by the second paper. The
# last section runs the full experiment on data of your own.

# %% tags=["parameters"]
split = 0
eta = 3e-3  # weight of the regulariser
epochs = 100
U = 10  # entries in an explanation

# %%
import dataclasses
import tempfile
import textwrap
from pathlib import Path

import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from myst_nb import glue
from sklearn.datasets import load_digits, load_wine
from torch import nn

from lib import data, run
from lib.check import check
from lib.explainers import LIME
from lib.nets import Network
from lib.parameters import defaults
from lib.study import figures
from lib.training import Runs, expo, fit
from lib.training.fewer import Settings

figures.use()

# %% [markdown]
# ## Rows of any shape
#
# The digits come as 64 numbers a row. `folds` splits them like any table (pixels share a scale, so nothing is
# standardised), and `shaped` folds the rows back into images. To save time we train on three in ten.

# %%
digits = load_digits()
names = tuple(map(str, digits.target_names))
table = data.Table(
    "digits", digits.data / 16, digits.target, "classification",
    tuple(digits.feature_names), names, "scikit-learn",
)  # fmt: skip
fractions = (0.3, 0.1, 0.6)
flat = data.folds(table, [split], fractions=fractions, standardise=False)
folds = flat.shaped(1, 8, 8)
print("x_train", tuple(folds.x_train.shape))

# %% [markdown]
# ## Any nn.Module
#
# The network must end before its last layer: $W$ is added by the library, and so is $A$. It should end in a ReLU, so
# that similarities are not negative ([](04_models)).

# %%
torch.manual_seed(0)
f = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, stride=2), nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.ReLU(),
    nn.Flatten(), nn.Dropout(0.3),
    nn.Linear(128, 64), nn.ReLU(),
)  # fmt: skip

# %% [markdown]
# `Network` wraps it, and `fit` takes it as `f`. An `nn.Module` is trained one run at a time; everything else is the
# same as for the paper's network.

# %%
U_values = (U, 20, 50, "all")
settings = Settings(epochs=epochs, patience=epochs, lr=3e-3, U=U_values)
runs = Runs.grid(1, eta=[eta])
ours = fit("Ours", folds, runs, settings=settings, f=Network(f), progress=False)
model = ours.run()
print(f"accuracy {ours.scores['test_accuracy'][0, 0]:.2f}")
for u, value in zip(settings.U, ours.scores["test_faithfulness"][0]):
    print(f"faithfulness with {u:>3} entries {value:.2f}")

# %% [markdown]
# Your module keeps its own weights: the trained ones are `model.theta`, and `load_state_dict` puts them into it. The
# check: the module, used without the library, gives the library's prediction.

# %%
f.load_state_dict(model.theta)
x = folds.x_test[0]
with torch.no_grad():
    g = f.eval()(x) @ model.W
check("f and W alone give g", g, model.predict(x), tol=1e-5)

# %% [markdown]
# ## The examples

# %% tags=["hide-input"]
e = model.explain(x[0], U)
rows = folds.index_train[0][e.rows].numpy()
pictures = [np.repeat(1 - digits.images[n][..., None] / 16, 3, axis=2) for n in rows]
captions = [f"{'for' if a > 0 else 'against'} {c}: {a:+.1f}" for a, c in zip(e.influence, e.classes)]
covered = len(set(e.classes[e.influence > 0].tolist()))
fig = figures.images(pictures, captions, f"The first {U} images speak for {covered} of the 10 digits")
glue("network-images", fig, display=False)
glue("network-covered", covered, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} network-images
# :name: fig-network-images
# :alt: Ten small images of handwritten digits, each with the digit it speaks for or against and its influence.
#
# The ten most influential entries, with the class each speaks for or against and its influence $\alpha_{nc}$.
# ```
#
# The first ten entries speak for {glue:text}`network-covered` digits ({numref}`fig-network-images`). The others can
# hardly be named by an $h$ of ten entries, which is why its faithfulness rises so much with the next ten.
#
# ## Fine-tuned for its explanations
#
# The second paper takes a network as it is, last layer and all, and fine-tunes it so that LIME or KernelSHAP explain it
# more faithfully ([](14_regularizers)). The module now gives the scores of the classes. The table is a CSV file:

# %%
wine = load_wine(as_frame=True)
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "my.csv"
    grower = wine.target.map({0: "A", 1: "B", 2: "C"})
    wine.data.assign(grower=grower).to_csv(file, index=False)
    table = data.load(str(file))
folds = data.folds(table, [split])
Q, C = len(table.features), len(table.classes)
print(f"{len(table.x)} rows, {Q} features, {C} classes")

# %% [markdown]
# Say it is trained already, by a loop of your own:

# %%
torch.manual_seed(0)
mine = nn.Sequential(nn.Linear(Q, 64), nn.Tanh(), nn.Linear(64, C))
optimiser = torch.optim.Adam(mine.parameters(), 1e-2)
for _ in range(20):
    optimiser.zero_grad()
    nn.functional.cross_entropy(mine(folds.x_train[0]), folds.y_train[0]).backward()
    optimiser.step()

# %% [markdown]
# `Network` wraps it as before. Without a `start`, `fit` begins with the module's own parameters
# (`fit("pretrained", ..., f=Network(mine))` would train it from there first). CE-only, the same fine-tuning without
# the regularisers, shows what merely training on would do.

# %%
settings = expo.Settings(LIME(M=50), S=0.3, batch=32, epochs=30, patience=30)
results = {}
for method, lam in (("CE-only", 0.0), ("ID-ExpO", 0.1)):
    options = {"settings": settings, "f": Network(mine), "progress": False}
    results[method] = fit(method, folds, Runs.grid(1, lam=[lam]), **options)
named = ("accuracy", "insertion", "deletion")
rows = {m: [t.scores[f"test_{n}"].item() for n in named] for m, t in results.items()}
pd.DataFrame.from_dict(rows, "index", columns=named).round(3)

# %% [markdown]
# Higher accuracy and insertion are better, lower deletion is. `explain` gives the contributions, here of the first test
# row for the class it is taken to be, with LIME; `KernelSHAP()` is the other choice. As before, the trained
# parameters can go back into the module:

# %%
tuned = results["ID-ExpO"].run()
phi = tuned.explain(folds.x_test[0])  # (B, Q)
top = phi[0].argsort(descending=True)[:3]
print("most important:", ", ".join(table.features[q] for q in top))
mine.load_state_dict(tuned.theta)
with torch.no_grad():
    scores = mine(folds.x_test[0])
right = (scores.argmax(1) == folds.y_test[0]).double()
print("accuracy of the module:", round(right.mean().item(), 3))

# %% [markdown]
# ## The experiment on your data
#
# The runs behind [the results](11_results) are made by one notebook. It takes any CSV file as in [](09_explaining):
#
# ```
# python -m lib.run notebooks/experiments/fewer_examples.py out.ipynb \
#     -p data my.csv -p method Ours -p etas 1e-3,1e-2 \
#     -p splits 0,1,2 -p out my-records.parquet
# ```
#
# `out.ipynb` is the executed notebook, `my-records.parquet` the scores, one row for each. A run that is stopped can be
# taken up again if you gave it a `checkpoint`. These are its parameters:

# %%
notebook = run.ROOT / "notebooks/experiments/fewer_examples.py"
parameters = defaults(jupytext.read(notebook))
pd.DataFrame({"default": parameters}).map(str)

# %% [markdown]
# A name that is not among them is refused before anything runs, and so is a value of another type:

# %%
for given in ({"eta": "0.1"}, {"epochs": "many"}):
    try:
        run.run(notebook, "never.ipynb", given)
    except ValueError as error:
        print(textwrap.fill(str(error), 70))

# %% [markdown]
# Those who prefer papermill itself, or a scheduler around it, can have the notebook as `.ipynb`
# (`jupytext --to ipynb`); its `parameters` cell is tagged as papermill expects. Papermill only warns about unknown
# names. The second paper's experiment, `insertion_deletion_tabular.py` in the same folder, is used in the same way.
# What the library takes beyond the first notebook's parameters stands in `Settings`:

# %%
fields = dataclasses.fields(Settings)
print(textwrap.fill(", ".join(field.name for field in fields), 70))
