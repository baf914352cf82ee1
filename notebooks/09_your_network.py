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
# shows the ten images that explain it. The last section runs the full experiment on data of your own.

# %% tags=["parameters"]
split = 0
eta = 3e-3  # weight of the regulariser
epochs = 100
U = 10  # entries in an explanation

# %%
import dataclasses
import textwrap

import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from myst_nb import glue
from sklearn.datasets import load_digits
from torch import nn

from lib import data, figures, run
from lib.models import Network
from lib.training import Runs, Settings, train

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
# that similarities are not negative ([](01_models)).

# %%
torch.manual_seed(0)
f = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1, stride=2), nn.ReLU(),
    nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.ReLU(),
    nn.Flatten(), nn.Dropout(0.3),
    nn.Linear(128, 64), nn.ReLU(),
)  # fmt: skip

# %% [markdown]
# `Network` wraps it, and `train` takes it as `f`. An `nn.Module` is trained one run at a time; everything else is the
# same as for the paper's network.

# %%
U_values = (U, 20, 50, "all")
settings = Settings(epochs=epochs, patience=epochs, lr=3e-3, U=U_values)
runs = Runs.grid(1, [eta])
ours = train("Ours", folds, runs, settings, f=Network(f), progress=False)
print(f"accuracy {ours.scores['test_accuracy'][0, 0]:.2f}")
for u, value in zip(settings.U, ours.scores["test_faithfulness"][0]):
    print(f"faithfulness with {u:>3} entries {value:.2f}")

# %% [markdown]
# Your module keeps its own weights: the trained ones are `ours.theta`, and `load_state_dict` puts them into it. The
# check: the module, used without the library, gives the library's prediction.

# %%
f.load_state_dict({name: value[0] for name, value in ours.theta.items()})
x = folds.x_test[0]
with torch.no_grad():
    g = f.eval()(x) @ ours.bank["W"][0]
print("f and W alone give g:", torch.allclose(g, ours.predict(x), atol=1e-5))

# %% [markdown]
# ## The examples

# %% tags=["hide-input"]
e = ours.explain(x[0], U)
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
# ## The experiment on your data
#
# The runs behind [the results](07_results) are made by one notebook. It takes any CSV file as in [](08_explaining):
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
notebook = "notebooks/experiments/fewer_examples.py"
parameters = run.defaults(jupytext.read(notebook))
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
# names. What the library takes beyond the notebook's parameters stands in `Settings`:

# %%
fields = dataclasses.fields(Settings)
print(textwrap.fill(", ".join(field.name for field in fields), 70))
