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
# # Six methods
#
# Is it worth training everything at once? To find out, the paper takes its own objective apart. Leave out the gates, or
# the prediction model, or train in two steps instead of one: that makes five rivals, each a few terms of {eq}`fe-10`,
# or $\ell(y, h)$ in their place.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $g$, $h$ | prediction and explanation | $(B, C)$ |
# | $\mathbb{E}_Z$ | mean over the gates' noise |  |
# | $\lambda$, $\eta$ | weight of faithfulness, price of an open gate |  |
# | $\Omega(Z)$ | number of open gates |  |
# | $U$ | entries kept afterwards |  |

# %% tags=["parameters"]
dataset = "glass"  # a data set's name, or a CSV file, class last
splits = 3  # how many
epochs = 300  # of training
eta = 1e-2  # price of an open gate

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd
import torch
from myst_nb import glue
from torch.nn.functional import cross_entropy

from lib import data, examples, gates
from lib.check import check
from lib.methods import FE as METHODS
from lib.study import figures
from lib.training import Runs, fit
from lib.training.fewer import Settings

figures.use()

# %% [markdown]
# ## What each leaves out
#
# **Joint** has no gates and no charge. The two models learn together, and $h$ may use every example.
#
# $$
# \begin{aligned}
# E ={}& \mathbb{E}[\ell(y, g(x))] \\
# &+ \lambda\, \mathbb{E}[\ell(g(x), h(x))]
# \end{aligned} \tag{FE-12}
# $$ (fe-12)
#
# **RPS**, short for representer point selection {cite:p}`yeh2018representer`, has no $g$. The explanation itself
# predicts, so it is always faithful: nothing is left that it could contradict.
#
# $$
# E = \mathbb{E}[\ell(y, h(x))] \tag{FE-13}
# $$ (fe-13)
#
# **RPSR** is the same with gates and their price.
#
# $$
# \begin{aligned}
# E ={}& \mathbb{E}\big[\mathbb{E}_Z[\ell(y, h(x))]\big] \\
# &+ \eta\, \mathbb{E}_Z[\Omega(Z)]
# \end{aligned} \tag{FE-14}
# $$ (fe-14)
#
# > **Not quite the RPS of its authors.** They explain a network that is already trained, by a formula for $A$. Here, as
# > in the paper, $f$ and $A$ are trained to predict.
#
# **Pretrain** goes in two steps, as people do who want to explain a network that they already have. First the network,
#
# $$
# E = \mathbb{E}[\ell(y, g(x))], \tag{FE-15}
# $$ (fe-15)
#
# then, with $f$ and $W$ as they are, its explanation.
#
# $$
# E = \mathbb{E}[\ell(g(x), h(x))] \tag{FE-16}
# $$ (fe-16)
#
# **PretrainR** is the same with gates in the second step.
#
# $$
# \begin{aligned}
# E ={}& \mathbb{E}\big[\mathbb{E}_Z[\ell(g(x), h(x))]\big] \\
# &+ \eta\, \mathbb{E}_Z[\Omega(Z)]
# \end{aligned} \tag{FE-17}
# $$ (fe-17)
#
# ## One table
#
# Six methods, but only four questions: is $g$ fitted to the labels, to what is $h$ fitted, are there gates, was the
# network trained before? The library has no code for any single method. It has this table,

# %%
pd.DataFrame({name: vars(method) for name, method in METHODS.items()}).T

# %% [markdown]
# and one `objective`, which adds the terms that the table asks for. Here it is beside the equations, written out. (It
# weighs $\ell(g, h)$ by $\lambda$ in every method; for Pretrain and PretrainR that is 1.)

# %%
rng = torch.Generator().manual_seed(0)
lam, N, C, B = 1.0, 40, 3, 16
g, h = torch.randn(2, B, C, generator=rng)
y, mu = torch.randint(C, (B,), generator=rng), torch.randn(N, C, generator=rng)
fit_g, fit_h = cross_entropy(g, y), cross_entropy(h, y)
agree = cross_entropy(h, g.softmax(1))
charge = gates.expected_open(mu)
written_out = {
    "Ours": fit_g + lam * agree + eta * charge,
    "Joint": fit_g + lam * agree,
    "RPS": fit_h,
    "RPSR": fit_h + eta * charge,
    "Pretrain": agree,
    "PretrainR": agree + eta * charge,
}


# %%
def E(method, mu, eta, h=h):
    terms = {"g": g, "h": h[None], "mu": mu}  # one draw of h
    return examples.objective(METHODS[method], y, **terms, lam=lam, eta=eta)


for method, value in written_out.items():
    check(f"{method:9} {value:.4f} and the library", E(method, mu, eta), value)

# %% [markdown]
# Three methods are the other three with gates. When every gate is sure to be open and costs nothing, the difference is
# gone.

# %%
for_sure, eps = torch.full((N, C), 1e3), 0.5 * torch.randn(N, C, generator=rng)
S, k = torch.randn(N, C, generator=rng), torch.randn(B, N, generator=rng)
Z = gates.sample(for_sure, eps)
check("all gates open", bool((Z == 1).all()))
for gated, bare in {"Ours": "Joint", "RPSR": "RPS", "PretrainR": "Pretrain"}.items():
    with_gates = E(gated, for_sure, 0.0, k @ gates.gated(Z, S))
    check(f"{gated} is {bare}", with_gates, E(bare, for_sure, 0.0, k @ S), tol=0)

# %% [markdown]
# ## Side by side
#
# All six on one small table of real data, with the same splits, the same start of $f$ and the same price of gates. How
# many entries they may use, $U$, is decided afterwards: the $U$ of largest $|\alpha_{nc}|$ stay, the rest becomes zero.

# %%
folds = data.folds(data.load(dataset), range(splits), dtype=torch.float64)
runs = Runs.grid(splits)
U = (5, 10, 20, 50, 100, "all")
settings = Settings(epochs=epochs, patience=epochs, U=U)
how = {"settings": settings, "progress": False}
stage1, trained = fit("Predictor", folds, runs, **how), {}
for name, method in METHODS.items():
    own = Runs.grid(splits, eta=[eta]) if method.gates else runs
    start = stage1 if method.pretrained else None
    trained[name] = fit(name, folds, own, start=start, **how)

# %%
check("Pretrain keeps its last layer", trained["Pretrain"].bank["W"], stage1.bank["W"], tol=0)
for method in ("RPS", "RPSR"):
    share = trained[method].scores["test_faithfulness"]
    check(f"{method} is always faithful", bool((share == 1).all()))

# %% tags=["hide-input"]
Us = settings.U_values(folds.x_train.shape[1] * folds.C)
rows = [
    (method, split, Us[u], measure, run.scores[f"test_{measure}"][split, u].item())
    for method, run in trained.items()
    for measure in ("accuracy", "faithfulness")
    for split in range(splits)
    for u in range(len(Us))
]
table = pd.DataFrame(rows, columns=["method", "split", "U", "measure", "value"])
ten = table[table["U"] == 10].groupby(["method", "measure"], sort=False)["value"]
title = "Six methods, explained with U entries"
axes = {"xlabel": "U, entries kept", "ylabel": "share of test rows"}
fig = figures.curves(table, "U", title, **axes, panel="measure", last="all")
glue("methods-curves", fig, display=False)
for name, cell in {"own": "Ours", "other": "Pretrain"}.items():
    glue(f"methods-{name}-accuracy", float(ten.mean()[cell, "accuracy"]), display=False)
glue("methods-own-faithful", float(ten.mean()["Ours", "faithfulness"]), display=False)
plt.close(fig)
ten.mean().unstack().rename_axis(columns="U = 10").round(2)

# %% [markdown]
# ```{glue:figure} methods-curves
# :name: fig-methods-curves
# :alt: Two panels, accuracy and faithfulness against the number of entries kept, with a line for each of six methods.
#
# Accuracy of the prediction and faithfulness of its explanation (higher is better) with $U$ entries. Mean over the
# splits, with standard errors.
# ```
#
# The two panels of {numref}`fig-methods-curves` belong together. What to expect of each method, and what Glass shows,
# for which this page was written:
#
# - Pretrain predicts well, as nothing disturbs it, but few examples tell another story than its network does. Gates
#   alone mend that only in part (PretrainR): the network was never asked to be explicable.
# - RPS and RPSR are faithful for free. What few entries cost them is accuracy, because the prediction itself is made of
#   only $U$ entries.
# - Joint has no price on entries. Here it is unfaithful with many entries as well as with few, and its error bars are
#   wide: its epoch is kept, as that of all methods, by the score at ten entries, and this training is short.
# - Ours trains the network for both. With ten entries it gives up some accuracy, {glue:text}`methods-own-accuracy:.2f`
#   against Pretrain's {glue:text}`methods-other-accuracy:.2f`, and is faithful on
#   {glue:text}`methods-own-faithful:.0%` of the rows. No other method with a $g$ of its own comes near that.
#
# ```{admonition} A sketch, not a result
# :class: note
# Some seconds of training, one price, and no tuning: enough to see why the methods differ, too little to judge them.
# Full runs over ten splits do, in [](11_results).
# ```
#
# What it means to keep $U$ entries, and how the two scores are taken, is [the next chapter](08_choosing).
#
# ## What was learned
#
# Six methods differ in four questions: is $g$ fitted, to what is $h$ fitted, are there gates, was the network trained
# before. Here explaining a finished network without gates (Pretrain) fails when few entries may speak, and training
# together without gates does not help.
