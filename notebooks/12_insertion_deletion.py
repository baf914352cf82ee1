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
# # Insertion and deletion
#
# The second paper explains a prediction by the features of $x$ instead of by other examples. An explanation is one
# number for each feature, $\phi \in \mathbb{R}^Q$, its *contribution*. Nobody knows the true contributions, so how can
# one tell a good explanation from a bad one? By making it bet. If these really are the features that count, then
# bringing them back into an empty input should bring the prediction back, and taking them out of $x$ should destroy
# it. {cite:t}`yoshikawa2024insertion` turn the two bets into training; here we only score them.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $x$, $Q$ | an input, and how many features it has | $(Q)$ |
# | $f(x)_y$ | probability of class $y$ | one for each input |
# | $\phi$ | contributions of the features to it | $(Q)$ |
# | $b$ | background: what stands where a feature is missing | $(Q)$ |
# | $s$, $S$ | number of features inserted or deleted, and the largest one | |
# | $a$, $d$ | $x$ with its top $s$ features inserted, deleted | $(Q)$ |
#
# ```{glue:figure} insdel-papers
# :name: fig-insdel-papers
# :alt: Two rows of boxes. Above, gates choose examples for h. Below, soft masks choose features for f.
#
# The two papers side by side. Each lets something choose (orange) and then asks whether what was chosen is enough. FE
# chooses among training examples, ID among the features of $x$.
# ```
#
# ```{admonition} Letters that change their meaning
# :class: note
# From here on $f$ is the whole predictor, with a softmax at its end, where the first part used $g$. In code `f` gives
# the scores before that softmax. $S$ is a number of features and no longer a strength. [](../notation.md) lists all
# clashes.
# ```

# %% tags=["plain"]
import torch

# %% tags=["parameters"]
dataset = "vehicle"  # a data set's name, or a CSV file, class last
epochs = 60  # of training for the predictor
explainer = "LIME"  # or KernelSHAP
S_share = 0.3  # share of the features inserted and deleted

# %% tags=["hide-input"]
from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
from myst_nb import glue

from lib import data, explainers, masks, metrics
from lib.check import check
from lib.study import figures
from lib.training import Runs, fit
from lib.training.expo import Settings

figures.use()
torch.set_default_dtype(torch.float64)

# %% tags=["remove-cell"]
fig = figures.both_papers()
glue("insdel-papers", fig, display=False)
plt.close(fig)

# %% [markdown]
# ## A predictor, its explanations, a background
#
# We train a small network and have it explained by one of the explainers of [a later chapter](15_explainers), whose
# inside does not matter yet. The explained class $y$ is the predicted one.

# %%
table = data.load(dataset)
folds = data.folds(table, splits=[0], dtype=torch.float64)
settings = Settings(epochs=epochs, patience=epochs, hidden=64)
grid = Runs.grid(1, lr=[0.05])
trained = fit("pretrained", folds, grid, settings=settings, progress=False)
model, x = trained.run(), folds.x_test[0]  # (B, Q)
predictor, f = model.predictor, model.predictor.logits  # (B, Q) -> (B, C)
Q, y = x.shape[1], f(x).argmax(1)
phi = model.explain(x, explainers.named(explainer))  # (B, Q)
S = round(S_share * Q)
print(f"{len(x)} test rows, Q = {Q} features, S = {S}")
print(f"accuracy {(y == folds.y_test[0]).double().mean():.2f}")

# %% [markdown]
# An input cannot simply lack a feature; something must stand in its place. This is the *background* $b$. Ours is the
# training mean, and as features are standardised, it is zero everywhere.

# %%
b = torch.zeros(Q)
check("training mean is 0", folds.x_train[0].mean(0), b)

# %% [markdown]
# ## Hard masks
#
# Let $\operatorname{top}_s(\phi)$ be the $s$ features of largest contribution. Insertion keeps $x$ there and shows the
# background elsewhere,
#
# $$
# \begin{aligned}
# &a(x, \phi, b, s)_q \\
# &\quad = \begin{cases} x_q & q \in \operatorname{top}_s(\phi), \\ b_q & \text{otherwise.} \end{cases}
# \end{aligned} \tag{ID-3}
# $$ (id-3)
#
# Deletion does the opposite:
#
# $$
# \begin{aligned}
# &d(x, \phi, b, s)_q \\
# &\quad = \begin{cases} b_q & q \in \operatorname{top}_s(\phi), \\ x_q & \text{otherwise.} \end{cases}
# \end{aligned} \tag{ID-4}
# $$ (id-4)
#
# Largest means largest with its sign: a feature that speaks strongly *against* class $y$ comes last.


# %%
def top(phi, s):
    return phi.argsort(descending=True, stable=True)[:s]


def a(x, phi, b, s):
    masked, q = b.clone(), top(phi, s)
    masked[q] = x[q]
    return masked


def d(x, phi, b, s):
    masked, q = x.clone(), top(phi, s)
    masked[q] = b[q]
    return masked


# %% [markdown]
# The library does this for all samples and all $s$ at once, with a mask $r$ of zeros and ones. What one of {eq}`id-3`
# and {eq}`id-4` shows, the other hides. And inserting the last $Q - s$ features, which are the first by $-\phi$, is the
# same as deleting the first $s$.

# %%
s = 5
r = masks.top_mask(phi, [s])  # (B, 1, Q)
one, rest = a(x[0], phi[0], b, s), d(x[0], phi[0], b, s)
check("the library's a", masks.insert(x, b, r)[0, 0], one, tol=0)
check("the library's d", masks.delete(x, b, r)[0, 0], rest, tol=0)
check("complementary", one + rest, x[0] + b, tol=0)
check("a by -phi is d", a(x[0], -phi[0], b, Q - s), rest, tol=0)

# %% [markdown]
# ## The two scores
#
# Insert one feature, two, up to $S$, and take the mean probability of class $y$ on the way,
#
# $$
# \mathrm{Ins} = \frac{1}{S} \sum_{s=1}^{S} f(a(x, \phi, b, s))_y, \tag{ID-1}
# $$ (id-1)
#
# where higher is better. Deleting, lower is better:
#
# $$
# \mathrm{Del} = \frac{1}{S} \sum_{s=1}^{S} f(d(x, \phi, b, s))_y. \tag{ID-2}
# $$ (id-2)
#
# Before the mean is taken there are two curves, and we keep those. Here they are first computed plainly, one sample and
# one step at a time. The library is held to this loop, both in what it computes and in how fast it is.


# %% tags=["plain"]
@torch.no_grad()
def plain_curves(f, x, y, b, phi, steps):
    """ID-1 to ID-4 before the mean: x, phi (B, Q), b (Q,) -> two (B, len(steps))."""
    inserted = torch.empty(len(x), len(steps), dtype=x.dtype)
    deleted = torch.empty_like(inserted)
    for n in range(len(x)):
        order = phi[n].argsort(descending=True, stable=True)
        for k, s in enumerate(steps):
            a, d = b.clone(), x[n].clone()
            a[order[:s]], d[order[:s]] = x[n, order[:s]], b[order[:s]]
            inserted[n, k] = f(a[None]).softmax(1)[0, y[n]]
            deleted[n, k] = f(d[None]).softmax(1)[0, y[n]]
    return inserted, deleted


# %%
def curves(phi, y=y, b=b):
    """The library's, for every s from 1 to Q."""
    over, s = replace(predictor, b=b), range(1, Q + 1)
    return metrics.curves(over, x, y, phi=phi, s=s)


path = curves(phi)
inserted, deleted = path.inserted, path.deleted  # (B, Q)
plainly = plain_curves(f, x[:20], y[:20], b, phi[:20], range(1, Q + 1))
check("plain and library", plainly, (inserted[:20], deleted[:20]))
print(f"Ins {inserted[:, :S].mean():.3f}, Del {deleted[:, :S].mean():.3f}")

# %% [markdown]
# ## One explanation and its curves

# %% tags=["hide-input"]
won = inserted[:, :S].mean(1) - deleted[:, :S].mean(1)
row = won.argsort()[len(won) // 2].item()  # neither the best nor the worst
names, kind = table.features, table.classes[y[row]]
order = top(phi[row], Q)
fig, (left, right) = plt.subplots(1, 2, figsize=(figures.WIDTH, 4.6), width_ratios=(1, 1.2))
left.barh(range(Q), phi[row, order], color=[figures.PLUS if v > 0 else figures.MINUS for v in phi[row, order]])
left.set_yticks(range(Q), [names[q] for q in order], fontsize=10)
left.invert_yaxis()
left.axvline(0, color=figures.INK, linewidth=0.8)
left.grid(axis="x")
left.set(xlabel=r"contribution $\phi$")
ends = f(torch.stack([b, x[row]])).softmax(1)[:, y[row]]
up = torch.cat([ends[:1], inserted[row]])
down = torch.cat([ends[1:], deleted[row]])
right.axvspan(0, S, color=figures.FAINT, alpha=0.5)
right.plot(up, marker="o", markersize=4, label="inserted", clip_on=False)
right.plot(down, marker="s", markersize=4, label="deleted", clip_on=False)
right.set(xlabel="s, features inserted or deleted", ylabel=f"probability of {kind}", ylim=(-0.03, 1.05))
right.set_xlim(0, Q)
right.legend(loc="center right")
figures.headline(fig, "One prediction, its contributions and its curves")
glue("insdel-example", fig, display=False)
glue("insdel-example-ins", inserted[row, :S].mean().item(), display=False)
glue("insdel-example-del", deleted[row, :S].mean().item(), display=False)
glue("insdel-S", S, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} insdel-example
# :name: fig-insdel-example
# :alt: Bars of each feature's contribution, and two curves of the probability while features are inserted and deleted.
#
# Left: contributions of one test row, largest first, brown above 0 and grey below. Right: the probability of its class
# while they are inserted and deleted in this order. Grey: the first {glue:text}`insdel-S` steps, over
# which {eq}`id-1` and {eq}`id-2` average.
# ```
#
# Every point of the upper curve is an input of its own, and these are the inputs that the network was shown:

# %% tags=["hide-input"]
on = torch.cat([torch.zeros(1, Q), masks.top_mask(phi[row], range(1, Q + 1))])  # (Q + 1, Q)
shown = torch.where(on.bool(), x[row], torch.nan)[:, order].T  # features in the order of their contribution
reach = x[row].abs().max()
fig, (above, below) = plt.subplots(2, 1, figsize=(figures.WIDTH, 5.6), height_ratios=(1, 2.6), sharex=True)
above.bar(range(Q + 1), up, color="#0072b2", width=0.9)
above.set(ylim=(0, 1.05), ylabel=f"probability\nof {kind}")
below.set_facecolor("#e6e6e6")
image = below.imshow(shown, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto")
below.set_yticks(range(Q), [names[q] for q in order], fontsize=10)
below.set(xlabel="s, features inserted", xticks=range(0, Q + 1, max(1, Q // 6)))
below.grid(False)
fig.colorbar(image, ax=below, location="bottom", shrink=0.5, label="value, standardised (0: training mean)")
figures.headline(fig, "One row, its features switched on one by one")
glue("insdel-one-by-one", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} insdel-one-by-one
# :name: fig-insdel-one-by-one
# :alt: A staircase of coloured cells: in each column one more feature shows its value. Above it bars of probability.
#
# Each column is one input $a(x, \phi, b, s)$. A grey cell shows the background, a coloured one the row's own value.
# Above, what the network says to that input.
# ```
#
# The row of {numref}`fig-insdel-example` is a typical one: Ins = {glue:text}`insdel-example-ins:.2f`,
# Del = {glue:text}`insdel-example-del:.2f`. Its curves also show why $S$ is smaller than $Q$. Beyond the first few
# features they mostly report that all is decided. The last features, with negative contributions, speak against the
# class: letting them in lowers the probability again. Finding these is another task than finding what makes the
# prediction.
#
# ## Curves on average
#
# A score means little without something to compare it with. A random order asks what luck can do, and the explanation
# turned around, $-\phi$, shows the other extreme.

# %%
rng = torch.Generator().manual_seed(0)
chance = torch.randn(phi.shape, generator=rng)
orders = {explainer: phi, "random": chance, "turned around": -phi}
paths = {name: curves(order) for name, order in orders.items()}
scores = {
    "Ins, higher is better": [p.inserted[..., :S].mean().item() for p in paths.values()],
    "Del, lower is better": [p.deleted[..., :S].mean().item() for p in paths.values()],
}
pd.DataFrame(scores, paths).round(3)

# %% tags=["hide-input"]
means = {name: (p.inserted.mean(0), p.deleted.mean(0)) for name, p in paths.items()}
fig = figures.paths(means, "Curves by the explanation, by chance, and turned around", S)
glue("insdel-curves", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} insdel-curves
# :name: fig-insdel-curves
# :alt: Two panels of mean curves, insertion and deletion, for the explanation, a random order and the order reversed.
#
# Mean curves over all test rows. Grey: the steps that count.
# ```
#
# The distance from the random order says how much the explanation found ({numref}`fig-insdel-curves`). The distance
# from a probability of 1 in insertion and of 0 in deletion, within the first {glue:text}`insdel-S` features, is what
# training can still gain.
#
# ## Who is explained, who is scored
#
# Both formulas leave open which class is explained, which is scored, and what the background $b$ shows. A score means
# nothing unless these three are stated. In this book $\phi$ explains the *predicted* class, the *predicted* class is
# scored, and the background is the training mean. The steps are $s = 1, \dots, S$, and the score is their plain mean.
#
# (sec-insdel-protocols)=
# ## One explanation, five protocols
#
# Others chose differently, and few say so beside the number. Here are our protocol, that of the paper's released
# code, and those of three libraries, all computed by us, from curves that start at $s = 0$ (the background alone, or
# all of $x$) and go on to $s = Q$.


# %%
def whole(y=y, b=b):
    """Curves from s = 0 to Q, two of (B, Q + 1)."""
    p = curves(phi, y, b)
    a, d, end = p.inserted, p.deleted, p.whole[:, None]
    return torch.cat([d[:, -1:], a], 1), torch.cat([end, d], 1)


def of_rows(backgrounds):
    """The same with a background for each row."""
    each = enumerate(backgrounds)
    own = [[c[[n]] for c in whole(b=b_n)] for n, b_n in each]
    return [torch.cat(parts) for parts in zip(*own)]


def plain_mean(curve):
    return curve[:, 1:].mean(1)


def trapezoid(curve, at):
    """Area under the curve at the steps `at`, over their actual distances."""
    return torch.trapezoid(curve[:, at], torch.tensor(at) / Q, dim=1)


def ten_steps(curve):
    """Eleven points, as if evenly spaced even where Q / 10 is no whole number."""
    at = torch.linspace(0, Q, 11).long()
    return torch.trapezoid(curve[:, at], dx=0.1, dim=1)


# %% [markdown]
# - **Ours**: {eq}`id-1` and {eq}`id-2` with $S = Q$, so that it is comparable. The **authors' code** has the same
#   mean, but scores the true class while it explains the predicted one.
# - **xplique**: the trapezoid rule with both end points, 10 steps, and a background of zeros in the units of the input.
#   We take the table's own units: a silhouette all of whose measures are zero.
# - **Quantus** (`PixelFlipping`): deletion only, and "black", the smallest value found in $x$. The curve begins after
#   the first flip, so that no point tells what was there before, and its area counts steps: it grows with $Q$.
#   Contributions are normalised first, which leaves their order alone.
# - **torch-cam** (pull request 419): the trapezoid rule over the shares that were really masked, both end points.

# %%
zero = (-folds.x_mean / folds.x_std)[0, 0].to(x)  # zero in the table's units
black = x.min(1).values[:, None].expand(-1, Q)  # each row's own
truth, every = folds.y_test[0], list(range(Q + 1))
area = torch.trapezoid(of_rows(black)[1][:, 1:], dim=1)
table_of = {
    "ours": [plain_mean(curve) for curve in whole()],
    "authors' code": [plain_mean(curve) for curve in whole(truth)],
    "xplique": [ten_steps(curve) for curve in whole(b=zero)],
    "Quantus": [None, area],
    "Quantus, per step": [None, area / (Q - 1)],
    "torch-cam": [trapezoid(curve, every) for curve in whole()],
}
shown = [["" if v is None else f"{v.mean():.3f}" for v in p] for p in table_of.values()]
pd.DataFrame(shown, table_of, ["insertion", "deletion"])

# %% [markdown]
# The explanation is the same in every line. To see what moves the number, change one thing at a time from ours:

# %%
changes = {
    "ours": [plain_mean(curve) for curve in whole()],
    "trapezoid, both ends": [trapezoid(curve, every) for curve in whole()],
    "... and 10 steps": [ten_steps(curve) for curve in whole()],
    "true class scored": [plain_mean(curve) for curve in whole(truth)],
    "zero in raw units": [plain_mean(curve) for curve in whole(b=zero)],
    "black": [plain_mean(curve) for curve in of_rows(black)],
    f"S = {S}": [curve[:, 1 : S + 1].mean(1) for curve in whole()],
}
means = [[v.mean().item() for v in pair] for pair in changes.values()]
one_by_one = pd.DataFrame(means, changes, ["insertion", "deletion"])
one_by_one.round(3)

# %% [markdown]
# One of these differences is harmless. For equal steps the trapezoid rule with both ends and the
# plain mean differ by half the distance of the two ends, over $Q$:
#
# $$
# \mathrm{mean} - \mathrm{trapezoid} = \frac{c_Q - c_0}{2Q},
# $$
#
# for a curve $c_0, \dots, c_Q$. It is the same for every explanation of $x$, since the ends do not depend on $\phi$. No
# comparison of two explanations changes.

# %%
for name, curve in zip(("insertion", "deletion"), whole()):
    gap = plain_mean(curve) - trapezoid(curve, every)
    expected = (curve[:, -1] - curve[:, 0]) / (2 * Q)
    check(f"{name}: gap {gap.mean():+.3f}, as expected", gap, expected)

# %% tags=["hide-input"]
right_rows = y == truth
for name, value in {
    "own": one_by_one.loc["ours", "deletion"],
    "zero": one_by_one.loc["zero in raw units", "deletion"],
    "black": one_by_one.loc["black", "deletion"],
    "own-ins": one_by_one.loc["ours", "insertion"],
    "zero-ins": one_by_one.loc["zero in raw units", "insertion"],
    "black-ins": one_by_one.loc["black", "insertion"],
    "truth": one_by_one.loc["true class scored", "insertion"],
    "accuracy": right_rows.double().mean().item(),
}.items():
    glue(f"insdel-{name}", float(value), display=False)

# %% tags=["hide-input"]
pairs = {"mean": whole(), "raw zero": whole(b=zero), "black": of_rows(black)}
means = {name: [curve.mean(0) for curve in pair] for name, pair in pairs.items()}
fig = figures.paths(means, "One explanation, three backgrounds", first=0)
glue("insdel-backgrounds", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} insdel-backgrounds
# :name: fig-insdel-backgrounds
# :alt: Two panels of mean curves, insertion and deletion of one explanation, for three backgrounds.
#
# The same explanation, whole curves, three backgrounds.
# ```
#
# The other differences do matter. Scoring the true class mixes accuracy into the score: where the prediction is wrong,
# a faithful explanation raises a class that does not count (insertion {glue:text}`insdel-truth:.2f` instead of
# {glue:text}`insdel-own-ins:.2f`, at an accuracy of {glue:text}`insdel-accuracy:.2f`). And the background decides which
# question is asked ({numref}`fig-insdel-backgrounds`). From the mean to zero in raw units, insertion goes from
# {glue:text}`insdel-own-ins:.2f` to {glue:text}`insdel-zero-ins:.2f`, with black to {glue:text}`insdel-black-ins:.2f`:
# an explanation that was made with one background is scored with another, at inputs that resemble none of the data. For
# images, where libraries come from, zero is at least a colour.
#
# So numbers from different tools cannot be compared, even for the same explanation of the same prediction. That is why
# the library gives curves before scores, and states its protocol beside them.
#
# ## Why this cannot be trained as it is
#
# Both scores depend on nothing but the order of $\phi$. A change that keeps the order changes neither of them, and one
# that swaps two features moves them by a jump.

# %%
stretched = curves(phi.sinh() ** 3)
check("same order, same curves", stretched.inserted, path.inserted, tol=0)
nudged = curves(phi + 1e-9 * torch.randn(phi.shape, generator=rng))
check("nudged, same curves", nudged.deleted, path.deleted, tol=0)

# %% [markdown]
# A slope that is zero wherever it exists teaches nothing. [Soft masks](13_soft_masks) give it one.
#
# ## What was learned
#
# An explanation is scored by the curve of $f(x)_y$ while its top features are inserted into an empty input or deleted
# from $x$; the protocol, above all the background, belongs to the score.
# Both scores see nothing of $\phi$ but its order, so they have no slope to train by.
