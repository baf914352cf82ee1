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
# # Both at once
#
# One paper trains a model so that a few training examples explain it ([](06_objective)), the other so that a few
# features do ([](14_regularizers)). Neither asks whether one model can be both. Here it is trained, and measured.

# %% tags=["parameters"]
dataset = "vehicle"  # a data set's name, or a CSV file, class last
epochs = 60  # of the training on this page
lam = 1.0  # weight of l(g, h), agreement of prediction and explanation
eta = 1e-2  # price of an open gate
lam1 = 0.1  # weight of insertions and deletions
results = "results/both"  # records of the full runs

# %% tags=["hide-input"]
from dataclasses import replace

import jupytext
import matplotlib.pyplot as plt
import pandas as pd
import torch

from lib import data, examples, gates, masks, nets, regularizers
from lib.check import check
from lib.explainers import LIME
from lib.methods import METHODS
from lib.parameters import defaults
from lib.study import figures, pages_both, records, rows
from lib.study.gluing import keep
from lib.study.runs import titles
from lib.training import Runs, both, fit
from lib.training.draws import Draws
from lib.training.expo_fitted import measuring_draws as masks_of

figures.use()
folds = data.folds(data.load(dataset), [0], torch.float64)
x, y, C = folds.x_train[0], folds.y_train[0], folds.C
b = torch.zeros(x.shape[1], dtype=x.dtype)  # the background: the training mean
explainer = LIME()
print(f"{len(x)} training examples, {x.shape[1]} features, {C} classes")

# %% [markdown]
# ## One objective
#
# Paper FE's objective {eq}`fe-10` has $g$ fit the labels, $h$ fit $g$, and a price on every open gate. Paper ID's
# {eq}`id-11` has a classifier fit the labels, and asks that its probability come early when the features are inserted
# that its own explanation ranks first, and go early when they are deleted. The labels are to be fitted once. So what
# is left of the second objective, {eq}`id-9` and {eq}`id-10`, is added to the first:
#
# $$
# \begin{aligned}
# E ={}& \mathbb{E}[\ell(y, g(x))] + \lambda\, \mathbb{E}\big[\mathbb{E}_Z[\ell(g(x), h(x))]\big] \\
# &+ \eta\, \mathbb{E}_Z[\Omega(Z)] \\
# &+ \lambda_1\, \mathbb{E}[\Omega_\text{Ins}(x) + \Omega_\text{Del}(x)].
# \end{aligned}
# $$
#
# The predictor of the last line is the same $g$. Four choices were needed. Each changes as little of the
# two papers as we could:
#
# - *Dropout* acts on the first two terms, as in paper FE. The last line has none, since a predictor has none when it is
#   explained.
# - *The price of an explanation.* LIME predicts many masked copies of each row. Only some rows of each batch are
#   explained, drawn at random as the batch is, so that their mean is unbiased for the batch's
#   ({glue:text}`both-explained` of 32 in the full runs).
# - *Which form of deletion.* Paper ID's choice {eq}`id-10` has no lower bound. Fine-tuned for some epochs at a small
#   rate a classifier may stay clear of that. Trained from scratch with Adam it does not, as is shown below. So it is
#   {eq}`id-a3` here, one of the forms that the paper compares, which does not go below 0.
# - *Which epoch to keep.* Paper FE takes the geometric mean of accuracy and faithfulness on validation rows, paper ID a
#   weighted sum. Here it is the geometric mean of four: accuracy, faithfulness with ten entries, insertion, and
#   1 − deletion. Every run is kept by it, also those with a weight of 0.
#
# Term by term, for one minibatch, with the names of the equations and $S = 0.5\,Q$:


# %%
def objective(y, g, h, mu, x_explained, y_explained):
    first_three = examples.loss(y, g) + lam * examples.loss(g.softmax(-1), h) + eta * gates.expected_open(mu)
    phi = explainer.explain(predictor, x_explained, y_explained, Z=Z).phi
    r = masks.soft_mask(phi, explainer.steps(b.shape, 0.5))
    path = regularizers.follow(predictor, x_explained, y_explained, r=r)
    return first_three + lam1 * (regularizers.insertion(path) + regularizers.deletion(path, "C")).mean(-1)


# %% [markdown]
# The library takes the same step for many runs at once. Fed the same noise, it gives the same number.

# %%
settings = both.Settings(dropout=0.0, S_start=0.1, U=(10, "all"), epochs=epochs, patience=epochs)
f = nets.MLP((x.shape[1], 64, 64, 64), dropout=0.0)
run = Runs.grid(1, eta=[eta], lam=[lam], lam1=[lam1]).of("Both")
program = both.BothProgram(METHODS["Both"], folds, run, settings=settings, f=f)
bank, batch = program.state["bank"], torch.arange(32)[None]
what = program.subject(program.fold, **program.weights)
lib = program.loss(what, bank, batch, draws=Draws([torch.Generator().manual_seed(0)], x.dtype), settings=settings)

noise = torch.Generator().manual_seed(0)
eps = settings.sigma * torch.randn(len(x), C, generator=noise, dtype=x.dtype)
Z = explainer.draw(b.shape, noise, dtype=x.dtype)["Z"][None]
A = gates.gated(gates.sample(bank["mu"][0], eps), bank["S"][0])
theta = {name[2:]: tensor for name, tensor in bank.items() if name.startswith("f.")}
F_n = f(theta, x[None])[0]
F, g = F_n[:32], F_n[:32] @ bank["W"][0]
predictor = both.as_predictor(f, bank, b)
# The library's predictor has a run axis first.
mine = objective(y[None, :32], g[None], examples.explain_logits(A, F_n, F)[None], bank["mu"], x[None, :8], y[None, :8])
check("the same objective", lib, mine)

# %% [markdown]
# ## The form that is bounded
#
# The same short training with both forms of $\Omega_\text{Del}$, from the same start. The largest logit says how far
# a network has gone in order to make $\log f$ of a deleted input small.

# %%
folds = data.folds(data.load(dataset), [0])
settings = both.Settings(S_start="unit", U=(10, "all"), epochs=epochs, patience=epochs)
how = {"settings": settings, "progress": False}
runs = Runs.grid(1, eta=[eta], lam=[lam], lam1=[0.0, lam1])
reached = {}
for form in "AC":
    last = both.BothProgram(METHODS["Both"], folds, run, settings=replace(settings, deletion=form), f=nets.MLP(f.sizes))
    last.advance(torch.tensor([0]), epochs)
    g = both.as_predictor(last.f, last.state["bank"], last.b).logits(folds.x_val)
    reached[f"ID-{'10' if form == 'A' else 'A3'}"] = g.abs().max().item()
pd.DataFrame({"largest logit on validation rows": reached}).round(0)

# %% [markdown]
# *The largest logit, in size, that the network reaches with each form of the deletion regulariser, on one split after
# this short training.*
#
# ## One model, explained twice
#
# Once more with {eq}`id-a3`, and without the last line. Seconds of training are far from its end, and what the term
# for features changes here need not last: the full runs below say what becomes of these scores.

# %% tags=["hide-input"]
trained = fit("Both", folds, runs, **how)
found = {name.removeprefix("test_"): values for name, values in trained.scores.items() if name.startswith("test_")}
scores = {
    "accuracy": found["accuracy"][:, 0], "faithfulness, ten entries": found["faithfulness"][:, 0],
    "insertion": found["insertion"], "1 − deletion": 1 - found["deletion"],
}  # fmt: skip
pd.DataFrame(scores, index=["few examples", "few examples and few features"]).round(3)

# %% [markdown]
# *Test scores of one split after this short training, with the term for features left out and with it.*

# %% tags=["hide-input"]
model, table = trained.run(1), data.load(dataset)
one = folds.x_test[0, :1]
by_examples = model.explain(one[0], U=10)
b = torch.zeros(one.shape[1])
own = {n: t[[1]] for n, t in trained.bank.items()}
predictor = both.as_predictor(trained.f, own, b)
Z = masks_of([0], explainer, b)["Z"]
label = model.predict(one).argmax(-1)
with torch.no_grad():
    phi = explainer.explain(predictor, one[None], label[None], Z=Z).phi[0, 0]
fig, (left, right) = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.6))
at = by_examples.contribution.abs().argsort()
left.barh(range(len(at)), by_examples.contribution[at], color=figures.METHODS["Ours"].color)
names = [
    f"row {folds.index_train[0, n]}, {table.classes[c]}" for n, c in zip(by_examples.rows[at], by_examples.classes[at])
]
left.set_yticks(range(len(at)), names, fontsize=9)
left.set(title="ten examples", xlabel="adds to this class's output of h")
most = phi.abs().argsort()[-10:]
right.barh(range(len(most)), phi[most], color=figures.PLUS)
right.set_yticks(range(len(most)), [table.features[q][:18] for q in most], fontsize=9)
right.set(title="its features", xlabel=f"LIME's ϕ for {table.classes[label]}")
figures.headline(fig, f"A test row of {titles(table.name)}, predicted {table.classes[label]}")
same = by_examples.classes == label
keep("both", {"one": fig, "speak": (same & (by_examples.contribution > 0)).sum().item()})
keep("both", {"first": table.features[phi.abs().argmax()], "class": table.classes[label], "same": same.sum().item()})

# %% [markdown]
# ```{glue:figure} both-one
# :name: fig-both-one
# :alt: Bars of the ten training examples behind one prediction, and of the ten features that LIME ranks first for it.
#
# One prediction of the model trained for both, explained by ten training examples and by its features. Beside each bar
# on the left: the training row, and the class whose output it adds to.
# ```
#
# Of the ten entries {glue:text}`both-same` act on the output of the class predicted, {glue:text}`both-class`;
# {glue:text}`both-speak` of these speak for it. Of the features {glue:text}`both-first` has the largest contribution.
#
# ## Does one help the other?
#
# The full runs combine three prices $\eta$ with three weights $\lambda_1$, each 0 among them, from the same starts.
# They stop after {glue:text}`both-most_steps` steps, or {glue:text}`both-patience_steps` without a better epoch, sooner
# than those of [](11_results): they compare weights with each other and are not tuned as the papers' methods are.

# %% tags=["hide-input"]
cells = pages_both.load(results)
keep("both", {"about": pages_both.about(cells)} | pages_both.verdict(cells))
keep("both", {"fronts": pages_both.fronts(cells), "common": pages_both.common(rows.read(), cells)})
full = defaults(jupytext.read(records.ROOT / "notebooks/experiments/both.py"))
keep("both", {name: f"{full[name]:,}" for name in ("most_steps", "patience_steps", "explained")})

# %% [markdown]
# {glue:text}`both-about`
#
# ```{glue:figure} both-fronts
# :name: fig-both-fronts
# :alt: Insertion and one minus deletion against faithfulness with ten entries, for each table; a line for each eta.
#
# Test scores, mean over splits ± plain standard error. Along each line $\lambda_1$ grows from 0 to the larger marker.
# ```
#
# Does each term still do what it is for? {glue:text}`both-own`
#
# Does it help or harm what the other is for? {glue:text}`both-others` The table has all changes.

# %% tags=["hide-input"]
pages_both.effects_table(cells)

# %% [markdown]
# *Score at a term's largest weight minus that at weight 0, with 95% intervals over splits that share rows. Alone: the
# other term's weight is 0; beside the other: it is at its largest. Accuracy of h: how often the ten entries name the
# true class. Tables stand apart: two of them say little of others.*

# %% tags=["hide-input"]
pages_both.scores_table(cells)

# %% [markdown]
# *Test scores with ten entries, mean over splits ± plain standard error (as splits share rows, the honest one is about
# one and a half times as large). Naming the majority class has an accuracy of {glue:text}`both-common`.*
#
# To train both on a table of your own:
# `python -m lib.run notebooks/experiments/both.py out.ipynb -p data my.csv -p out mine.parquet`.
