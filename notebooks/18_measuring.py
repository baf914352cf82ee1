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
# # Measuring
#
# ID-ExpO trains for insertion and deletion, so it is no surprise that it does well by them. This chapter collects what
# else one should look at: the number by which runs are chosen, a measure that nobody optimises, what masking does
# to a predictor, and two habits that decide how much a score is worth.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $\mathrm{Acc}$, $\mathrm{Ins}$, $\mathrm{Del}$ | accuracy, insertion, deletion of a predictor | one number each |
# | $\eta$ | weight of accuracy in the number to choose by |  |
# | $\phi$ | contributions | $(Q)$ |
# | $n$ | features removed at a time, for sensitivity-n |  |
# | $y$ | the class explained or scored: predicted, or the label | one for each input |

# %% tags=["parameters"]
dataset = "vehicle"  # a data set's name, or a CSV file, class last
lams = [0.01, 0.03, 0.1]  # lambda1 = lambda2 of ID-ExpO
epochs = 15  # of fine-tuning
S_share = 0.3  # share of the features inserted and deleted
n = 4  # features removed at a time, for sensitivity-n
etas = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]  # weights of accuracy
seeds = 20  # predictors that differ by chance alone

# %% tags=["hide-input"]
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from myst_nb import glue

from lib import data, masks, metrics
from lib.check import check
from lib.explainers import LIME
from lib.study import figures
from lib.training import Runs, fit
from lib.training.expo import Settings

figures.use()
torch.set_default_dtype(torch.float64)

# %% [markdown]
# One predictor, fine-tuned a few times: by cross-entropy alone, and by ID-ExpO with several $\lambda$.

# %%
folds = data.folds(data.load(dataset), splits=[0], dtype=torch.float64)
first = Settings(LIME(M=50), hidden=32, S=S_share, epochs=60, patience=60)
pretraining = {"settings": first, "progress": False}
start = fit("pretrained", folds, Runs.grid(1, lr=[0.05]), **pretraining)
settings = replace(first, epochs=epochs, patience=epochs, check=epochs)
how = {"start": start, "settings": settings, "progress": False}
plain = fit("CE-only", folds, Runs.grid(1), **how)
tuned = fit("ID-ExpO", folds, Runs.grid(1, lam=lams), **how)
x, y = folds.x_test[0], folds.y_test[0]  # (B, Q)
Q = x.shape[1]

# %%
candidates = {"before": (start, 0), "CE-only": (plain, 0)}
candidates |= {f"ID-ExpO, {lam:g}": (tuned, run) for run, lam in enumerate(lams)}
named = [f"{part}_{name}" for part in ("val", "test") for name in ("accuracy", "insertion", "deletion")]
rows = {name: [of.scores[n][run, 0].item() for n in named] for name, (of, run) in candidates.items()}
scores = pd.DataFrame.from_dict(rows, "index", columns=[n.replace("_", " ") for n in named])
scores.round(3)

# %% [markdown]
# ## One number to choose by
#
# Accuracy and the two scores pull in different directions, and training needs one number to stop by and to choose
# hyperparameters with. The paper adds them up:
#
# $$
# \begin{aligned}
# \mathrm{valscore}(\eta) ={}& \eta\, \mathrm{Acc} \\
# & + \mathrm{Ins} + 1 - \mathrm{Del}
# \end{aligned} \tag{ID-15}
# $$ (id-15)
#
# All three are measured on *validation* rows, and $\eta > 0$. With $\eta = 2$ accuracy weighs as much as the other two
# together, and that is the value that stops a training. This $\eta$ has nothing to do with the price of a gate in
# {eq}`fe-10`.


# %%
def valscore(Acc, Ins, Del, eta):
    return eta * Acc + Ins + 1 - Del


# %%
val = torch.tensor(scores.iloc[:, :3].to_numpy())  # (candidates, 3)
library = [metrics.valscore(*val.T, eta=eta) for eta in etas]
check("the library's", [valscore(*val.T, eta) for eta in etas], library, tol=0)
Acc, Ins, Del = torch.rand(3, 1000, generator=torch.Generator().manual_seed(0))
for eta in (0.5, 3.0):
    v = valscore(Acc, Ins, Del, eta)
    check(f"eta {eta}: 0 <= valscore <= {2 + eta}", bool(((v >= 0) & (v <= 2 + eta)).all()))

# %% [markdown]
# So $\eta$ is an exchange rate: one point of accuracy buys $\eta$ points of $\mathrm{Ins} - \mathrm{Del}$. Of two
# candidates, the more accurate one wins once $\eta$ exceeds their difference in $\mathrm{Ins} - \mathrm{Del}$ over
# their difference in accuracy. Let it choose among the five above:

# %%
chosen = {eta: scores.index[int(valscore(*val.T, eta).argmax())] for eta in etas}
picked = scores.loc[list(chosen.values())].iloc[:, 3:].set_index(pd.Index(etas, name="eta"))
picked.insert(0, "chosen", list(chosen.values()))
picked.round(3)

# %% [markdown]
# A larger $\eta$ never chooses a candidate of lower *validation* accuracy. To see why, write down that each of the two
# chosen candidates is the best at its own $\eta$. The sum of these two inequalities says that accuracy has not fallen.

# %%
accuracies = [scores.loc[chosen[eta], "val accuracy"] for eta in etas]
check("rises with eta", bool((np.diff(accuracies) >= 0).all()))

# %% [markdown]
# On test rows accuracy may fall nonetheless. They are other rows, and *before* was kept at the epoch of its best
# validation accuracy, which makes it look better there than it is. The paper shows its main results as fronts of points
# for $\eta$ from 0.5 to 3, and so do [the tables](21_tables). A reader can then choose the trade.
#
# ## Sensitivity-n
#
# Contributions claim more than an order. If $\phi_q$ is what feature $q$ adds, then removing a set of features should
# cost the sum of their contributions. {cite:t}`ancona2018towards` draw many random sets of $n$ features, and take the
# correlation between the sum and the real drop of $f(x)_y$. It lies between $-1$ and 1, higher is better.


# %%
def sensitivity(predictor, x, y, phi, removed):
    """One sample x (Q,): removed (sets, Q) of zeros and ones."""
    inputs = torch.where(removed.bool(), predictor.b, x)  # (sets, Q)
    p = predictor.probabilities(torch.cat([x[None], inputs]))[:, y]
    return torch.stack([removed @ phi, p[0] - p[1:]])  # (2, sets)


def random_sets(sets, Q, n, generator):
    ranks = torch.rand(sets, Q, generator=generator).argsort(-1)
    return (ranks.argsort(-1) < n).double()


# %%
model, sets = start.run(), 100
phi, predicted = model.explain(x), model.predict(x).argmax(-1)
removed = random_sets(sets, Q, n, torch.Generator().manual_seed(0))
ours = sensitivity(model.predictor, x[0], predicted[0], phi[0], removed).corrcoef()[0, 1]


def of_lib(phi):
    options = {"phi": phi, "removed": removed}
    return metrics.sensitivity_n(model.predictor, x, predicted, **options)


values = of_lib(phi)
check(f"{ours:.3f} and the library's", ours, values[0])

# %% [markdown]
# For a predictor that simply adds, with contributions $w_q (x_q - b_q)$, it is 1 for every $n$. But it forgives more
# than that: a correlation does not see scale, so $\phi$ may be ten times too large.

# %%
check("10 phi, same score", of_lib(10 * phi), values)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.4), width_ratios=(1, 1.1))
typical = int((values - values.median()).abs().argmin())
pair = sensitivity(model.predictor, x[typical], predicted[typical], phi[typical], removed)
axes[0].scatter(*pair, s=12, color=figures.INK, alpha=0.6, linewidth=0)
axes[0].set(xlabel="sum of their contributions", ylabel="drop of the prediction")
axes[0].set_title(f"one row: {values[typical]:.2f}")
styles = {"before": figures.INK, "CE-only": None, f"ID-ExpO, {lams[-1]:g}": None}
ns, lines = sorted({n, *((1, 2, 4, 6, 8, 12, Q - 1) if Q > 13 else range(1, Q))}), {}
for name in styles:
    of, run = candidates[name]
    own = of.run(run)
    phi_, y_ = own.explain(x), own.predict(x).argmax(-1)
    drawn = [metrics.random_sets(Q, torch.Generator().manual_seed(k), n=k, dtype=x.dtype) for k in ns]
    lines[name] = [metrics.sensitivity_n(own.predictor, x, y_, phi=phi_, removed=r).mean().item() for r in drawn]
    look = figures.look(name.split(",")[0]) if name != "before" else {"color": figures.INK, "linestyle": ":"}
    axes[1].plot(ns, lines[name], label=name, **look)
axes[1].set(xlabel="n, features removed", ylabel="sensitivity-n, mean", ylim=(0, 1))
axes[1].set_title("all test rows")
figures.ends(axes[1])
means = [f"{line[ns.index(n)]:.2f} {'before' if name == 'before' else f'by {name}'}" for name, line in lines.items()]
figures.headline(fig, f"Sensitivity-{n}, mean over test rows: {'; '.join(means)}")
glue("measuring-sensitivity", fig, display=False)
glue("measuring-sens-before", lines["before"][ns.index(n)], display=False)
glue("measuring-n", n, display=False)
last = list(styles)[-1]
glue("measuring-sens-id", lines[last][ns.index(n)], display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} measuring-sensitivity
# :name: fig-measuring-sensitivity
# :alt: Left, a rising cloud of points for one row. Right, sensitivity against n for three predictors.
#
# Left: random sets of features removed from one test row. Right: the mean correlation for different $n$; the paper
# takes $n = 4$.
# ```
#
# Here the mean at $n =$ {glue:text}`measuring-n` is {glue:text}`measuring-sens-before:.2f` before fine-tuning and
# {glue:text}`measuring-sens-id:.2f` after ID-ExpO with the largest $\lambda$ ({numref}`fig-measuring-sensitivity`). The
# paper reports gains on images; [](22_images) measures it there, and [](21_tables) on the paper's tables. An $n$ close
# to $Q$ says little, because almost everything is gone and all sets are nearly the same.
#
# ## Missingness
#
# Every explanation and every score in this part asks the predictor about masked inputs, and no such input was in the
# training data. What a network answers there is partly an accident: {cite:t}`jain2022missingness` call it *missingness
# bias*, and find that explanations inherit it. One remedy is to train on randomly masked inputs; the paper argues
# that its regularisers do much the same, as they too fit predictions of masked inputs.
#
# This is easy to measure. Mask a random share of the features of test rows, and see how often the predictor is still
# right, and how sure of itself it is.

# %%
shares = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
generator = torch.Generator().manual_seed(1)
ranks = torch.rand(30, Q, generator=generator).argsort(-1).argsort(-1)  # 30 random orders


@torch.no_grad()
def masked(of, run, share):
    """Accuracy and mean largest probability with this share of the features masked."""
    Z = (ranks >= round(share * Q)).double()  # (M, Q)
    predictor = of.run(run).predictor
    inputs = masks.insert(x, predictor.b, Z.expand(len(x), -1, -1))
    p = predictor.probabilities(inputs)  # (B, M, C)
    right = p.argmax(-1) == y[:, None]
    return right.double().mean().item(), p.amax(-1).mean().item()


# %%
at = {name: np.array([masked(*candidates[name], share) for share in shares]) for name in styles}
half = (ranks >= round(0.5 * Q)).double()
lib_s = metrics.masked_accuracy(model.predictor, x, y, r=half)
check("the library's", lib_s, at["before"][shares.index(0.5), 0])
summary = pd.DataFrame(
    {name: [*values[shares.index(0.5)], values[-1, 1]] for name, values in at.items()},
    ["accuracy, half masked", "confidence, half masked", "confidence, all masked"],
)
summary.T.round(3)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.5), sharey=True)
for name, values in at.items():
    look = figures.look(name.split(",")[0]) if name != "before" else {"color": figures.INK, "linestyle": ":"}
    for ax, column in zip(axes, values.T):
        ax.plot(shares, column, label=name, **look | {"markersize": 4})
guess = y.bincount().max().item() / y.numel()
axes[0].axhline(guess, color="#555555", linewidth=0.8)
axes[0].set(title="accuracy", xlabel="share of features masked", ylabel="mean over rows and masks", ylim=(0, 1.02))
axes[1].set(title="confidence", xlabel="share of features masked")
figures.ends(axes[1])
told = [f"{name} right in {values[shares.index(0.5), 0]:.0%}, sure of {values[shares.index(0.5), 1]:.0%}"
        for name, values in (("before", at["before"]), ("ID-ExpO", at[last]))]  # fmt: skip
figures.headline(fig, f"Half of the features masked: {'; '.join(told)}")
glue("measuring-masked", fig, display=False)
for name, values in (("before", at["before"]), ("ce", at["CE-only"]), ("id", at[last])):
    glue(f"measuring-right-{name}", float(values[shares.index(0.5), 0]), display=False)
    glue(f"measuring-sure-{name}", float(values[shares.index(0.5), 1]), display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} measuring-masked
# :name: fig-measuring-masked
# :alt: Accuracy falls quickly as features are masked, to the level of a guess; confidence falls much less.
#
# Accuracy and confidence (the largest probability) with a random share of the features masked. Thin line: naming the
# most frequent class.
# ```
#
# With half of the features masked the predictor is right in {glue:text}`measuring-right-before:.0%` of the cases and
# claims {glue:text}`measuring-sure-before:.0%` ({numref}`fig-measuring-masked`): a well calibrated predictor would be
# as sure as it is right. Cross-entropy alone leaves that as it is. ID-ExpO, on this table, does *not* help: accuracy on
# masked inputs goes to {glue:text}`measuring-right-id:.0%`, confidence to {glue:text}`measuring-sure-id:.0%`.
#
# > **Where we read the argument differently.** $\Omega_{\mathrm{Ins}}$ fits the label on masked inputs, as training
# > with random masks would. But $\Omega_{\mathrm{Del}}$ does the opposite: it takes inputs without their top features
# > and trains the label *away*. And the masks of both are not random. So whether the sum of the two leaves a
# > predictor better prepared for masking is an open question. [The claims](01_claims) test it on full runs
# > (`test_masked` among the scores), and [](22_images) shows it on images.
#
# ## Explained and scored
#
# Two classes are involved in each score: the one that is explained, and the one whose probability is taken. The paper's
# formulas write $y$ for both. Predicted class or label? Where the predictor is right they agree; elsewhere they do
# not.

# %%
s = masks.steps(Q, S_share)
phi = {"predicted": model.explain(x, y=predicted), "label": model.explain(x, y=y)}


def ins_del(explained, scored):
    curves = metrics.curves(model.predictor, x, scored, phi=phi[explained], s=s)
    return curves.insertion.mean().item(), curves.deletion.mean().item()


pairs = [(e, s) for e in phi for s in ("predicted", "label")]
table = {pair: ins_del(pair[0], predicted if pair[1] == "predicted" else y) for pair in pairs}
index = pd.MultiIndex.from_tuples(pairs, names=["explained", "scored"])
pd.DataFrame(list(table.values()), index, ["insertion", "deletion"]).round(3)

# %% tags=["hide-cell"]
glue("measuring-pp", table["predicted", "predicted"][0], display=False)
glue("measuring-pl", table["predicted", "label"][0], display=False)
glue("measuring-ll", table["label", "label"][0], display=False)
glue("measuring-wrong", (predicted != y).double().mean().item(), display=False)

# %% [markdown]
# On the {glue:text}`measuring-wrong:.0%` of the rows where the prediction is wrong, scoring the label asks of an
# explanation that it raise a class which the predictor rejects. So with the same explanation, insertion falls from
# {glue:text}`measuring-pp:.2f` to {glue:text}`measuring-pl:.2f`, because the score measures accuracy a second time. The
# harm comes from mixing the two. If the label is explained *and* scored, insertion is {glue:text}`measuring-ll:.2f`.
# (The authors' released code mixes, see [](31_paper_and_code).)
#
# We explain and score the predicted class on validation and test rows: that is what a user will ask about, for an $x$
# without a label. In training the label is explained and scored, as {eq}`id-11` writes, because the cross-entropy
# beside it is for the label too.
#
# ## Choose on validation, report on test
#
# The best of many candidates is partly the luckiest, and the rows on which it was chosen still carry that luck. Here
# are predictors of a small table, not even fine-tuned, which differ in nothing but their seed:

# %%
small = data.folds(data.load("glass"), splits=[0], dtype=torch.float64)
grid = Runs.grid(1, lr=[0.05], seed=range(seeds))
many = fit("pretrained", small, grid, **pretraining)
parts = {}
for part in ("val", "test"):
    triple = (many.scores[f"{part}_{name}"][:, 0] for name in ("accuracy", "insertion", "deletion"))
    parts[part] = metrics.valscore(*triple)
v, t = parts["val"], parts["test"]
best = int(v.argmax())
print(f"validation: mean {v.mean():.2f}, chosen {v[best]:.2f}, ahead by {v[best] - v.mean():+.2f}")
print(f"test:       mean {t.mean():.2f}, chosen {t[best]:.2f}, ahead by {t[best] - t.mean():+.2f}")
print(f"chosen on test itself: {t.max():.2f}")

# %% [markdown]
# The chosen one leads by less on test rows than on those that chose it: part of its lead was real, part was luck, and
# only rows that took no part in the choice can tell. Choosing on test rows would look better still, and prove nothing.
# So in this book validation rows choose, the epoch at which to stop as well as the hyperparameters for each $\eta$, and
# test rows only report. (Both means are over all seeds. Validation's may be the higher one because its rows had already
# chosen each predictor's epoch, or because test has the harder rows of this one split.)
#
# ## What was learned
#
# One number, $\eta$ times accuracy plus insertion minus deletion, chooses runs on validation rows; test rows only
# report. Sensitivity-n and accuracy on masked inputs look at what nobody optimised, and a score should say which class
# was explained and which was scored.
#
# How trainings of this kind are made fast is [the next chapter](19_speed_id).
