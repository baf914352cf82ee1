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
# # From hard masks to soft ones
#
# The scores of [](12_insertion_deletion) see nothing of $\phi$ but its order, so they have no slope with respect to
# it. This chapter gives them one. First "among the top $s$" becomes a comparison with a threshold, and then that
# comparison is allowed to answer with more than yes and no. [](03_hard_choice) puts the result beside FE's gates.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $\phi$, $\phi_{(s)}$ | contributions, and the $s$-th largest of them | $(Q)$, one number |
# | $t_s$ | threshold that the top $s$ pass | one for each $s$ |
# | $T$ | temperature: how steeply a mask falls at the threshold | one for each sample |
# | $r$ | mask: how much of each feature is shown, from 0 to 1 | $(Q)$, one for each $s$ |
# | $a$, $d$ | $x$ with the top $s$ features inserted, deleted | $(Q)$, one for each $s$ |

# %% tags=["parameters"]
dataset = "vehicle"  # a data set's name, or a CSV file, class last
epochs = 60  # of training for the predictor
S_share = 0.3  # share of the features inserted and deleted

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import torch
from myst_nb import glue

from lib import data, masks, regularizers
from lib.check import check
from lib.study import figures
from lib.study.gluing import player
from lib.training import Runs, fit
from lib.training.expo import Settings

figures.use()
torch.set_default_dtype(torch.float64)
rng = torch.Generator().manual_seed(0)

# %% [markdown]
# ## A threshold instead of an order
#
# Write $\phi_{(s)}$ for the $s$-th largest contribution. A feature is among the top $s$ if it reaches that value, and
# so insertion and deletion are
#
# $$
# a(x, \phi, b, s)_q = \begin{cases} x_q & \phi_q \ge \phi_{(s)}, \\ b_q & \text{otherwise,} \end{cases}
# \tag{ID-5}
# $$ (id-5)
#
# $$
# d(x, \phi, b, s)_q = \begin{cases} b_q & \phi_q \ge \phi_{(s)}, \\ x_q & \text{otherwise.} \end{cases}
# \tag{ID-6}
# $$ (id-6)
#
# From here on code computes the mask first, so that $a(x, \phi, b, s)$ becomes `a(x, b, r)` with `r` made of $\phi$
# and $s$.


# %%
def r_hard(phi, s):
    value = phi.sort(descending=True).values[s - 1]  # the s-th largest
    return (phi >= value).double()


def a(x, b, r):
    return r * x + (1 - r) * b


def d(x, b, r):
    return r * b + (1 - r) * x


# %% [markdown]
# This is {eq}`id-3` and {eq}`id-4` again, unless $\phi_{(s)} = \phi_{(s+1)}$. Then the threshold lets both in, and the
# mask can hold more than $s$ features; by order, the first of the two would win.

# %%
phi = torch.randn(8, generator=rng)
mask = r_hard(phi, 3)
check("no ties, the same", mask, masks.top_mask(phi, [3])[0], tol=0)
check("the library's", mask, masks.threshold_mask(phi, [3])[0], tol=0)
tied = torch.tensor([0.5, 0.2, 0.2, 0.1])
print("by threshold:", r_hard(tied, 2).int().tolist())
print("by order:    ", masks.top_mask(tied, [2])[0].int().tolist())

# %% [markdown]
# > **Ties are the rule in images.** All pixels of a superpixel share one contribution. So there $s$ grows by whole
# > superpixels. For scoring, the library breaks ties by order, so that a mask holds $s$ features and not one more.
#
# ## Soft masks
#
# A comparison is a step. Rounded off, it is a sigmoid: far above the threshold a feature is wholly in, far below wholly
# out, in between partly. The *temperature* $T$ decides how far is far. The masked inputs become mixtures,
#
# $$
# \begin{aligned}
# a^{\mathrm{soft}}_s &= r \odot x + (1 - r) \odot b, \\
# r_q &= \operatorname{sigmoid}(T (\phi_q - t_s)),
# \end{aligned} \tag{ID-7}
# $$ (id-7)
#
# $$
# d^{\mathrm{soft}}_s = r \odot b + (1 - r) \odot x, \tag{ID-8}
# $$ (id-8)
#
# and the threshold moves to the middle between the last feature that is in and the first that is out:
#
# $$
# t_s = \tfrac{1}{2} \big(\phi_{(s)} + \phi_{(s+1)}\big).
# $$
#
# > **A reading.** With $s = Q$ there is no next one. We put $t_Q$ by $1/(2T)$ below the smallest contribution. For
# > images, one $r$ serves all channels of a pixel.


# %%
def t(phi, s):
    value = phi.sort(descending=True).values
    return (value[s - 1] + value[s]) / 2  # s < Q


def r(phi, s, T):
    return torch.sigmoid(T * (phi - t(phi, s)))


x, b = torch.randn(8, generator=rng), torch.zeros(8)
ours = masks.soft_mask(phi, [3], T=2.0)
check("the library's r", r(phi, 3, 2.0), ours[0])
check("its a", a(x, b, ours[0]), masks.insert(x, b, ours)[0])
both = a(x, b, ours[0]) + d(x, b, ours[0])
check("still complementary", both, x + b)

# %% [markdown]
# > **A warning about the name.** Elsewhere a temperature divides, and a higher one makes things softer. The paper's $T$
# > multiplies, so here a *larger* $T$ makes masks *harder*. We keep its name for it.
#
# As $T$ grows, soft becomes hard. Only a tie at the threshold never gets there: $\phi_{(s)} =
# \phi_{(s+1)}$ puts both exactly on it, and $r = \frac{1}{2}$ at every $T$.

# %%
for T in (1, 10, 100):
    print(f"T = {T:3}: off by {(r(phi, 3, T) - r_hard(phi, 3)).abs().max():.4f}")
print("tied:", r(tied, 2, 1000).numpy().round(3) + 0.0)

# %% [markdown]
# ## What the slope says
#
# Now small changes of $\phi$ count. At fixed $T$ the slope of one mask value is
#
# $$
# \frac{\partial r_q}{\partial \phi_p} = T\, r_q (1 - r_q) \left([p = q] - \frac{\partial t_s}{\partial \phi_p}\right),
# $$
#
# largest for features near the threshold, those about which the mask is undecided. It has two parts, because $t_s$ is
# made of contributions too. Raising a feature lets it in. If it is one of the two at the threshold, raising it also
# lifts the threshold and pushes all others out. Because of the second part, a mask does not change when all
# contributions rise by the same amount.

# %%
weight = torch.randn(8, generator=rng)  # of any score that is made of r
leaf = phi.clone().requires_grad_()
(through,) = torch.autograd.grad((weight * r(leaf, 3, 2.0)).sum(), leaf)
t_fixed = torch.sigmoid(2.0 * (leaf - t(phi, 3)))
(fixed,) = torch.autograd.grad((weight * t_fixed).sum(), leaf)
check("shifted, same mask", r(phi + 7, 3, 2.0), r(phi, 3, 2.0))
print(f"slopes sum to {through.sum().abs():.3f}, with t fixed to {fixed.sum():.3f}")

# %% [markdown]
# > **A reading.** We let the slope pass through $t_s$. The authors' code holds $t_s$ fixed.
#
# ## The temperature of a sample
#
# One $T$ cannot suit all samples, since a gap that is wide in one explanation is noise in another. The paper computes
# $T$ from each $\phi$, from its range and its number of distinct values,
#
# $$
# T = \frac{\#\phi}{\max_q \phi_q - \min_q \phi_q},
# $$
#
# about one over the mean gap between neighbours. That makes the unit of $\phi$ irrelevant.


# %%
def temperature(phi):
    return len(phi.unique()) / (phi.max() - phi.min())


check("the library's T", temperature(phi), masks.temperature(phi))
own, scaled = r(phi, 3, temperature(phi)), 1000 * phi
check("scaled, same mask", r(scaled, 3, temperature(scaled)), own)
even = torch.arange(8.0)
print("even gaps:", r(even, 3, temperature(even)).numpy().round(2))

# %% [markdown]
# The last line tells how soft this is. With even gaps $g$, $T$ is about $1/g$, the last feature inside lies $g/2$ above
# the threshold, and so it is in by little more than half. Soft masks are a blur over several features, and that is on
# purpose, because slopes vanish near 0 and near 1.
#
# $T$ depends on $\phi$, so it has a slope as well. Scaling all contributions changes no mask, and if that slope is
# followed, the slope in this direction is zero too. The library takes $T$ as a constant when it computes slopes. Masks
# still do not depend on the size of $\phi$, but the slope does not know it. It acts as if larger contributions made
# harder masks:


# %%
def along(T_of):
    """Slope of a score made of r, in the direction of phi itself."""
    leaf = (phi - phi.mean()).requires_grad_()
    (slope,) = torch.autograd.grad((weight * r(leaf, 3, T_of(leaf))).sum(), leaf)
    return (slope * leaf).sum()


followed, held = along(temperature), along(lambda leaf: temperature(leaf.detach()))
print(f"along phi, T followed: {followed.abs():.3f}, T held: {held:.3f}")

# %% [markdown]
# With $T$ held, training pushes contributions up wherever harder masks would score better, and down where they would
# score worse. No growth ever pays, since the next step's $T$ takes it back, so nothing stops the push by itself.
#
# > **A reading.** The paper does not say which it does. It reports that contributions grow, and {eq}`id-11` charges for
# > their size: both have a reason where $T$ is held.
#
# ## From soft to hard, on real explanations
#
# The same predictor as before, explained by LIME, with the class it predicts.

# %%
table = data.load(dataset)
folds = data.folds(table, splits=[0], dtype=torch.float64)
settings = Settings(epochs=epochs, patience=epochs, hidden=64)
grid = Runs.grid(1, lr=[0.05])
trained = fit("pretrained", folds, grid, settings=settings, progress=False)
model, X = trained.run(), folds.x_test[0]  # (B, Q)
Q, y, phi = X.shape[1], model.predict(X).argmax(-1), model.explain(X)
S, b = round(S_share * Q), torch.zeros(Q)


def path(r):
    """Probability of y along masks r (B, K, Q): inserted, deleted, two of (B, K)."""
    p = regularizers.follow(model.predictor, X, y, r=r)
    return p.inserted.exp(), p.deleted.exp()


# %% tags=["hide-input"]
with torch.no_grad():
    every = range(1, Q + 1)
    factors = [10 ** (k / 8) for k in range(-8, 17)]  # times a sample's own T
    own = masks.temperature(phi)
    soft = [path(masks.soft_mask(phi, every, own * factor)) for factor in factors]
    hard = path(masks.top_mask(phi, every))
won = hard[0][:, :S].mean(1) - hard[1][:, :S].mean(1)
row = won.argsort()[len(won) // 2].item()  # neither the best nor the worst
order = phi[row].argsort(descending=True)

# %% [markdown]
# Play the temperature on one row. Bars are the mask, outlines the hard one. The curves show what masks of every size
# make of the prediction.

# %% tags=["hide-input"]
digits = [[[round(v, 3) for v in part[row].tolist()] for part in pair] for pair in soft]
shown = {
    "names": [table.features[q] for q in order],
    "phi": [round(v, 5) for v in phi[row, order].tolist()],
    "t": [round(v, 5) for v in masks.thresholds(phi[row], every).tolist()],
    "T": own[row].item(),
    "factors": factors,
    "soft": digits,
    "hard": [[round(v, 3) for v in part[row].tolist()] for part in hard],
    "s": min(S, 3),
}
missing = "The temperature plays on the web page, with JavaScript. The figure below stops it at four places."
player("soft-player", shown, script="soft.js", otherwise=missing)

# %% tags=["hide-input"]
stops = [0, 4, 8, 16]  # 0.1, about 0.3, 1 and 10 times
s = min(S, 3)
fig, axes = plt.subplots(2, 4, figsize=(figures.WIDTH, 4.6), sharey=True)
for (above, below), k in zip(axes.T, stops):
    mask = masks.soft_mask(phi[row, order], [s], own[row] * factors[k])[0]
    above.bar(range(Q), mask, color=["#0072b2" if q < s else "#9ecae1" for q in range(Q)])
    above.set_title(f"{factors[k]:.2g} T", fontsize=11)
    above.set_xticks([])
    above.set_xlabel("features", fontsize=11)
    for part, (curve, sharp), style in zip(("inserted", "deleted"), zip(soft[k], hard), ("#0072b2", "#d55e00")):
        below.plot(every, curve[row], color=style, label=part)
        below.plot(every, sharp[row], ":", color=style, linewidth=1.2, label=f"{part}, hard")
    below.set(xlabel="s", ylim=(0, 1.03))
axes[0, 0].set_ylabel(f"mask r, s = {s}")
axes[1, 0].set_ylabel("probability")
fig.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
figures.headline(fig, "The larger T, the closer to hard masks")
glue("soft-stops", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} soft-stops
# :name: fig-soft-stops
# :alt: Masks and curves at four temperatures: at first a gentle slope over all features, at last a step.
#
# One test row, at four multiples of its own temperature. Above: the mask $r$ for one $s$, features in order of their
# contribution, the top $s$ dark. Below: the curves by soft and (dotted) by hard masks.
# ```
#
# At its own $T$ a mask says "rather these than those" ({numref}`fig-soft-stops`), at ten times that it is all but hard.
# The curves by soft masks show it too: they begin with more than one feature's worth, and never show all of $x$.
#
# ## How soft is soft enough?
#
# Two wishes pull $T$ in opposite directions. The score with soft masks should be close to the score that is meant, and
# it should have a slope.

# %%
levels = factors[::4]
gap, slope = [], []
for factor in levels:
    leaf = phi.clone().requires_grad_()
    up, down = path(masks.soft_mask(leaf, range(1, S + 1), own * factor))
    score = (up - down).mean(1)
    (grad,) = torch.autograd.grad(score.sum(), leaf)
    gap.append((score.detach() - won).abs().mean().item())
    effect = (grad * leaf.std(1, keepdim=True)).abs().detach()
    slope.append((effect > 1e-3).double().mean().item())

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(figures.WIDTH, 3))
names = "distance from the\nhard score", "share of contributions\nthat are felt"
for ax, values, name in zip(axes, (gap, slope), names):
    ax.plot(levels, values, marker="o", markersize=5)
    ax.axvline(1, color="#999999", linewidth=1)
    ax.set_xscale("log")
    ax.set(xlabel="times the sample's own T", ylabel=name, ylim=(0, None))
at_own = levels.index(1.0)
figures.headline(fig, f"At its own T: {gap[at_own]:.2f} from the hard score, {slope[at_own]:.0%} of contributions felt")
glue("soft-slope", fig, display=False)
glue("soft-gap-own", gap[at_own], display=False)
glue("soft-slope-own", slope[at_own], display=False)
glue("soft-slope-hot", slope[-1], display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} soft-slope
# :name: fig-soft-slope
# :alt: With rising temperature the distance from the hard score falls to 0, and so does the share of felt slopes.
#
# Insertion minus deletion over the first $S$ steps, mean over test rows. Left: mean distance between soft and hard
# score. Right: share of contributions that are felt: their slope, times the standard deviation of the sample's $\phi$,
# is above 0.001. Grey: the paper's $T$.
# ```
#
# The paper's choice is on the soft side ({numref}`fig-soft-slope`): {glue:text}`soft-slope-own:.0%` of all
# contributions have a say, at the price of a score that is off by {glue:text}`soft-gap-own:.2f`. At a hundred times
# that temperature few are left ({glue:text}`soft-slope-hot:.0%`), and training would only touch features at the
# threshold.
#
# ## One temperature for all?
#
# The authors' code takes one scale for a whole batch. But explanations differ in theirs. How decided is a mask then?
# Say that it is 1 where every $r$ is 0 or 1, and 0 where every $r$ is a half.

# %%
spread = phi.amax(1) - phi.amin(1)
few = spread.argsort()[[0, len(spread) // 2, -1]]  # smallest, middle, largest
common = (1 / (1 / own).mean()).expand(len(own))
print("range of phi      ", *(f"{v:.2f}" for v in spread[few]))
for name, T in (("own T,    decided", own), ("common T, decided", common)):
    decided = (2 * masks.soft_mask(phi, range(1, S + 1), T) - 1).abs().mean((1, 2))
    print(name, *(f"{v:.2f}" for v in decided[few]))

# %% [markdown]
# With a common $T$, samples with small contributions get softer masks and those with large ones harder masks, no matter
# how good their explanations are. With a $T$ of their own, samples are treated more alike.
#
# The two scores now have slopes. [The next chapter](14_regularizers) turns them into something to minimise.
#
# ## What was learned
#
# A mask is a comparison with a threshold between the $s$-th and the next contribution, and a sigmoid in its place gives
# both scores a slope. The larger $T$, the harder the mask; the paper's $T$, each sample's own, is on the soft side,
# where nearly half of the contributions are felt.
