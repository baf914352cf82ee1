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
# # LIME and KernelSHAP
#
# An explainer that takes part in training must be fast, because it explains every sample in every step, and
# differentiable, because the objective {eq}`id-11` asks how $\phi$ changes with the predictor. LIME and KernelSHAP only
# ask the predictor about inputs and never look inside. Still they are both fast and differentiable, once they are
# written as one weighted least squares.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $Z$, $z_m$ | masks of zeros and ones: which parts of the input are kept | $(M, D)$ |
# | $\tilde{x}_m$, $\tilde{y}_m$ | a masked input, and its probability of class $y$ | $(D)$, one number |
# | $K$ | weights of the masks, on a diagonal | $(M, M)$ |
# | $\varepsilon$ | ridge of the least squares | |
# | $P$ | the matrix that turns $\tilde{y}$ into contributions | $(D, M)$ |
# | $\phi$ | contributions | $(D)$ |

# %% tags=["plain"]
import torch

# %% tags=["parameters"]
dataset = "vehicle"  # a data set's name, or a CSV file, class last
epochs = 60  # of training for the predictor
M = 200  # masks
eps = 0.01  # of the least squares
S_share = 0.3  # share of the features inserted and deleted

# %% tags=["hide-input"]
import math
from itertools import product

import matplotlib.pyplot as plt
import pandas as pd
from myst_nb import glue
from sklearn.linear_model import Ridge

from lib import data, explainers, metrics
from lib.check import check
from lib.explainers import LIME
from lib.study import figures
from lib.training import Runs, fit
from lib.training.expo import Settings

figures.use()
torch.set_default_dtype(torch.float64)
rng = torch.Generator().manual_seed(0)

# %% [markdown]
# ## Perturb, predict, fit
#
# Cut the input into $D$ parts: superpixels of an image, or simply the features of a vector, $D = Q$. A *mask* $z_m
# \in \{0, 1\}^D$ says which parts are kept; the others show the background. Draw $M$ masks, ask the predictor about
# each masked input $\tilde{x}_m$, and collect the answers $\tilde{y}_m = f(\tilde{x}_m)_y$. Then find the linear
# function of $z$ that comes closest to them, each mask counting by a weight $K_{mm}$. Its coefficients are the
# contributions:
#
# $$
# \begin{aligned}
# \phi &= \operatorname{expand}\big(P\, \tilde{y}\big), \\
# P &= (Z^\top K Z + \varepsilon I)^{-1} Z^\top K,
# \end{aligned} \tag{ID-12}
# $$ (id-12)
#
# with the masks as rows of $Z \in \{0, 1\}^{M \times D}$, their weights on the diagonal of $K$, and a little ridge
# $\varepsilon$. To expand is to give each pixel what belongs to its superpixel; vectors need none of it. Plainly, for
# one sample:


# %% tags=["plain"]
def plain_lime(f, x, y, b, Z, k, eps):
    """ID-12 for one sample: x, b (Q,), masks Z (M, Q), weights k (M,) -> phi (Q,)."""
    perturbed = torch.stack([z * x + (1 - z) * b for z in Z])
    y_tilde = f(perturbed).softmax(1)[:, y]
    K = torch.diag(k)
    system = Z.T @ K @ Z + eps * torch.eye(len(x), dtype=x.dtype)
    return torch.linalg.solve(system, Z.T @ K @ y_tilde)


# %% [markdown]
# The library does it for a whole batch. Where samples share their masks they share $P$, so that explaining is one batch
# of predictions and one product.

# %%
folds = data.folds(data.load(dataset), splits=[0], dtype=torch.float64)
settings = Settings(epochs=epochs, patience=epochs, hidden=64)
grid = Runs.grid(1, lr=[0.05])
trained = fit("pretrained", folds, grid, settings=settings, progress=False)
predictor, x = trained.run().predictor, folds.x_test[0]  # (B, Q)
f, theta = predictor.logits, predictor.theta  # (B, Q) -> (B, C)
(B, Q), y = x.shape, f(x).argmax(1)
b, S = torch.zeros(Q), round(S_share * Q)
Z = explainers.draw_masks(M, Q, rng, dtype=torch.float64)  # (M, Q)
k = explainers.lime_kernel(Z)


phi = LIME(eps=eps).explain(predictor, x, y, Z=Z).phi.detach()  # (B, Q)
plainly = torch.stack([plain_lime(f, x[n], y[n], b, Z, k, eps) for n in range(5)])
check("plain and library", phi[:5], plainly)
two = LIME(segments=(0, 0, 1, 1))  # four pixels, two superpixels
print("expand:", two.expand(torch.tensor([0.3, 0.1]), (1, 2, 2)).tolist())

# %% [markdown]
# That {eq}`id-12` solves the least squares problem
#
# $$
# \begin{aligned}
# \phi = \operatorname*{arg\,min}_\phi &\sum_{m=1}^{M} K_{mm} (\tilde{y}_m - \phi^\top z_m)^2 \\
# &+ \varepsilon \lVert \phi \rVert^2,
# \end{aligned}
# $$
#
# is confirmed by scikit-learn, which calls it a weighted ridge regression without intercept.

# %%
y_tilde = f(Z * x[0] + (1 - Z) * b).softmax(1)[:, y[0]].detach()
ridge = Ridge(alpha=eps, fit_intercept=False).fit(Z, y_tilde, sample_weight=k)
check("scikit-learn's ridge", phi[0], torch.from_numpy(ridge.coef_))

# %% [markdown]
# All of it for one test row:

# %% tags=["hide-input"]
few, line = 14, Z @ phi[0]
inputs = torch.where(Z[:few].bool(), x[0], torch.nan)
fig = plt.figure(figsize=(figures.WIDTH, 6.6))
upper, lower = fig.subfigures(2, 1, height_ratios=(1, 1))
one, two, three = upper.subplots(1, 3, width_ratios=(1, 1, 0.7), sharey=True)
four, five = lower.subplots(1, 2)
one.imshow(Z[:few], cmap="gray", aspect="auto", interpolation="nearest")
two.set_facecolor("#e6e6e6")
two.imshow(inputs, cmap="RdBu_r", vmin=-x[0].abs().max(), vmax=x[0].abs().max(), aspect="auto")
three.barh(range(few), y_tilde[:few], color="#0072b2")
for ax, name, below in ((one, "1  masks", "feature"), (two, "2  masked inputs", "feature"), (three, "3  ask f", None)):
    ax.set_title(name)
    ax.set_xlabel(below or "probability")
    ax.grid(False)
one.set_ylabel("mask m")
three.set_xlim(0, 1)
four.scatter(line, y_tilde, s=6 + 40 * (k - k.min()) / (k.max() - k.min()), color=figures.INK, alpha=0.5, linewidth=0)
ends = [min(line.min(), y_tilde.min()).item(), max(line.max(), y_tilde.max()).item()]
four.plot(ends, ends, color="#d55e00")
four.set(xlabel=r"fitted, $\phi^\top z_m$", ylabel="answered", title="4  fit a line")
five.bar(range(Q), phi[0], color=[figures.PLUS if v > 0 else figures.MINUS for v in phi[0]])
five.axhline(0, color=figures.INK, linewidth=0.8)
five.set(xlabel="feature", ylabel=r"contribution $\phi$", title="5  read off its coefficients")
figures.headline(fig, "How LIME explains one prediction")
glue("explainers-lime", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} explainers-lime
# :name: fig-explainers-lime
# :alt: Black and white masks, the inputs they leave, bars of probabilities, a cloud around a line, and contributions.
#
# The first masks (white: kept), what they leave of the row (grey: background), and the probability of the row's class
# for each; red and blue: above and below the mean. Below left, all masks: what the network answered against the fit
# $\phi^\top z_m$, larger dots for masks that count more; on the orange diagonal both are equal. Below right, the
# coefficients of the fit, one for each feature: the contributions.
# ```
#
# Where the dots of {numref}`fig-explainers-lime` leave the line, features do not simply add up, and no contributions
# could say so.
#
# ## No intercept
#
# A linear function through the origin says that nothing is left when all features are gone. But $f(b)_y$ is not zero,
# about $1/C$ if the background says nothing. This base has to go somewhere, and it goes into the contributions. A
# predictor that always answers $\frac{1}{4}$ shows how much:

# %%
every = torch.tensor(list(product([0.0, 1.0], repeat=8)))
for name, z in ((f"our {M} masks", Z), ("all masks of 8 features", every)):
    P = explainers.projection(z, explainers.lime_kernel(z), eps=eps)
    constant = P @ torch.full((len(z),), 0.25)
    print(f"{name}: mean {constant.mean():.4f}, spread {constant.std():.4f}")

# %% [markdown]
# With all masks it is the same amount for every feature, since they are all in the same position, and an equal shift
# changes no order. With few random masks it varies from feature to feature. What an intercept would change for our
# explanations:


# %%
def weighted_mean(values):
    return (k * values).sum(-1, keepdim=True) / k.sum()


answers = explainers.perturbed_probability(predictor, x, y, Z=Z).detach()  # (B, M)
P_centred = explainers.projection(Z - weighted_mean(Z.T).T, k, eps=eps)
with_intercept = (answers - weighted_mean(answers)) @ P_centred.T


def overlap(one, other):
    """Share of the top S features that two explanations have in common."""
    tops = (p.argsort(-1, descending=True)[:, :S] for p in (one, other))
    first, second = (torch.zeros(B, Q).scatter(1, top, 1) for top in tops)
    return (first * second).sum(1).mean().item() / S


shift = phi - with_intercept
print(f"shift {shift.mean():.4f}, its spread in a sample {shift.std(1).mean():.4f}")
print(f"top {S} in common: {overlap(phi, with_intercept):.2f}")

# %% [markdown]
# > **A consequence.** With the base spread over the contributions, their sign is no statement about "for" or "against":
# > a feature that says neither gets the shift, not 0. Their order, on which
# > insertion and deletion rest, is nearly the same. We keep {eq}`id-12` as printed.
#
# ## Which masks count
#
# LIME and KernelSHAP differ in $K$ alone. LIME's weight falls with the distance of a mask from all ones; the paper
# names an L2 kernel for images, and in its appendix a cosine kernel for [ExpO](17_stability_fidelity), but prints
# neither formula nor width. We take the form that the package of LIME's authors uses, $\exp(-d^2 / 2w^2)$, with $d =
# \lVert 1 - z \rVert / \sqrt{D}$ for L2 and $d = 1 - \cos(1, z)$. If $n$ of $D$ parts are kept, that is $d^2 = 1 - n/D$
# and $d = 1 - \sqrt{n/D}$.


# %%
def l2(z, width=0.75):
    distance = (1 - z).norm() / len(z) ** 0.5
    return torch.exp(-(distance**2) / (2 * width**2))


def cosine(z, width=0.25):
    distance = 1 - z.sum() / (z.norm() * len(z) ** 0.5).clamp(min=1)
    return torch.exp(-(distance**2) / (2 * width**2))


for kind, kernel in (("L2", l2), ("cosine", cosine)):
    one_by_one, width = torch.stack([kernel(z) for z in Z]), kernel.__defaults__[0]
    library = explainers.lime_kernel(Z, kind, width)
    check(f"the library's {kind}", one_by_one, library)

# %% [markdown]
# KernelSHAP's weight comes from a theorem: with it, and with all masks, the coefficients are the Shapley values of game
# theory. For a mask that keeps $n$ of $D$ parts it is
#
# $$
# K(n) = \frac{D - 1}{\binom{D}{n}\, n\, (D - n)}.
# $$
#
# It is largest for masks that keep almost nothing or almost everything, and infinite at both ends. For all ones the
# library takes a thousand times the largest finite weight, for all zeros none, which is exact: that row of $Z$ is zero.


# %%
def shapley(n, D):
    return (D - 1) / (math.comb(D, n) * n * (D - n))


raw = explainers.shapley_kernel(Z, scaled=False)
inner = (Z.sum(1) > 0) & (Z.sum(1) < Q)
plainly = torch.tensor([shapley(int(n), Q) for n in Z[inner].sum(1)])
scaled = raw / plainly.mean()
check("the library's, raw", plainly, raw[inner])
check("the library's, scaled", scaled, explainers.shapley_kernel(Z))

# %% tags=["hide-input"]
steps = torch.tril(torch.ones(Q, Q))  # masks with 1, 2, ... Q ones
fig, axes = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.6))
for kind, width, style in (("L2", 0.75, "-"), ("L2", 0.25, "--"), ("cosine", 0.25, ":")):
    weight = explainers.lime_kernel(steps, kind, width)
    axes[0].plot(range(1, Q + 1), weight, style, label=f"{kind}, {width}")
for D, style in ((Q, "-"), (32, "--"), (76, ":")):
    axes[1].plot([n / D for n in range(1, D)], [shapley(n, D) for n in range(1, D)], style)
    axes[1].annotate(f"D = {D}", (0.5, (4 if D < 50 else 1e4) * shapley(D // 2, D)), ha="center", fontsize=11)
axes[0].set(title="LIME", xlabel="n, features kept", ylabel="weight of a mask", ylim=(0, 1.02))
axes[1].set(title="KernelSHAP, raw", xlabel="n / D, share kept", yscale="log")
axes[0].legend()
figures.headline(fig, "LIME looks near x; KernelSHAP's weights vanish in between")
glue("explainers-kernels", fig, display=False)
glue("explainers-least", f"{min(shapley(n, 76) for n in range(1, 76)):.0e}", display=False)
glue("explainers-own", f"{plainly.mean().item():.0e}", display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} explainers-kernels
# :name: fig-explainers-kernels
# :alt: LIME's weights rise with the features kept. Shapley weights are U-shaped and, for many features, tiny between.
#
# Weight of a mask by how much it keeps. Left: LIME's kernels, with their widths. Right, logarithmic: the Shapley
# kernel.
# ```
#
# ## Tiny weights
#
# A mask of fair coins keeps about half of the parts, and there the Shapley weight is smallest
# ({numref}`fig-explainers-kernels`). In our draw it is {glue:text}`explainers-own` on average, and down to
# {glue:text}`explainers-least` for the 76 features of mfeat-fourier, one of the paper's tables. Compared with such
# weights even a small $\varepsilon$ is large. With more parts, $Z^\top K Z$ becomes negligible beside $\varepsilon I$,
# and what is left of {eq}`id-12` is $\phi \approx Z^\top K \tilde{y} / \varepsilon$. That is tiny, and it is a weighted
# count and no longer a fit. Multiplying all weights by one number changes nothing in least squares, except for what the
# ridge weighs beside them. So the library divides KernelSHAP's weights by their mean, which leaves the fit alone and
# gives $\varepsilon$ about the same meaning for both explainers.

# %%
kernels = {"LIME": k, "SHAP, raw": raw, "SHAP, scaled": scaled}


def score(phi):
    path = metrics.curves(predictor, x, y, phi=phi, s=range(1, S + 1))
    return path.insertion.mean().item(), path.deletion.mean().item()


def fitted(kernel, eps):
    """Contributions from the answers that we have."""
    return answers @ explainers.projection(Z, kernel, eps=eps).T


rows = {}
for (name, kernel), ridge in product(kernels.items(), (0.0, 1e-4, 0.01, 1.0)):
    found, unridged = fitted(kernel, ridge), fitted(kernel, 0.0)
    size = (found.norm() / unridged.norm()).item()
    rows[name, ridge] = [size, overlap(found, unridged), *score(found)]
columns = ["size", f"top {S} in common", "Ins (higher)", "Del (lower)"]
index = pd.MultiIndex.from_tuples(rows, names=["kernel", "eps"])
pd.DataFrame(list(rows.values()), index, columns).round(3)

# %% tags=["hide-input"]
glue("explainers-raw-size", rows["SHAP, raw", 0.01][0], display=False)
glue("explainers-raw-top", rows["SHAP, raw", 0.01][1], display=False)
glue("explainers-scaled-size", rows["SHAP, scaled", 0.01][0], display=False)

# %% [markdown]
# Sizes and common features are relative to $\varepsilon = 0$. At the paper's $\varepsilon = 0.01$ raw weights leave
# {glue:text}`explainers-raw-size:.1%` of the size and {glue:text}`explainers-raw-top:.0%` of the top features, scaled
# ones {glue:text}`explainers-scaled-size:.1%` of the size. Training through raw weights would train the weighted count
# $Z^\top K \tilde{y}$, not a fit. They are there nonetheless, as `KernelSHAP(scaled=False)`.
#
# The kernel's form and width, in contrast, matter less than one might fear:

# %%
rows = {}
widths = ("L2", 0.25), ("L2", 0.75), ("L2", 3.0), ("cosine", 0.25), ("cosine", 1.0)
for kind, width in widths:
    found = fitted(explainers.lime_kernel(Z, kind, width), eps)
    rows[f"{kind}, {width}"] = [overlap(found, phi), *score(found)]
pd.DataFrame.from_dict(rows, orient="index", columns=columns[1:]).round(3)

# %% [markdown]
# ## Shapley values, exactly
#
# Is it true about the Shapley values? For the eight features that say most, with all others masked throughout, every
# mask can be tried, and the values follow from their definition as what a feature adds, on average over all orders in
# which features may arrive. Before the fit $f(b)_y$ must be taken off, as a Shapley value says nothing about the base.

# %%
D, row = 8, 0
every = torch.tensor(list(product([0.0, 1.0], repeat=D)))
eight = phi[row].argsort(descending=True)[:D]  # the others are masked
padded = torch.zeros(len(every), Q).index_copy(1, eight, every)
value = f(padded * x[row] + (1 - padded) * b).softmax(1)[:, y[row]].detach()


def shapley_value(q):
    """Sum over masks without q of (their share of orders) * (what q adds)."""
    without = (every[:, q] == 0).nonzero()[:, 0]
    with_q = without + 2 ** (D - 1 - q)
    n = every[without].sum(1)
    share = torch.tensor([1 / (D * math.comb(D - 1, int(m))) for m in n])
    return (share * (value[with_q] - value[without])).sum()


exact = torch.stack([shapley_value(q) for q in range(D)])
gain = value - value[0]
check("they add up to f(x with these eight) - f(b)", exact.sum(), gain[-1])
for whole in (1.0, 100.0, 10_000.0):
    P = explainers.projection(every, explainers.shapley_kernel(every, whole=whole), eps=0.0)
    off = (P @ gain - exact).abs().max()
    print(f"all ones weigh {whole:6,.0f}: off by {off:.0e}")
shift = P @ value - exact
print(f"f(b) left in: all shifted by {shift.mean():.3f}, spread {shift.std():.3f}")

# %% [markdown]
# They are the Shapley values, up to the finite weight of all ones. And with the base left in, as in {eq}`id-12`, they
# are all shifted by one amount.
#
# ## How many masks?
#
# With 18 features there are a quarter of a million masks, and we draw a few. Two draws give two explanations.

# %%
Ms = [25, 50, 100, 200, 400, 800]
agreement = {"LIME": [], "KernelSHAP": []}
for count in Ms:
    draws = [explainers.draw_masks(count, Q, rng, dtype=torch.float64) for _ in range(16)]
    for name, line in agreement.items():
        explainer = explainers.named(name, eps=eps)
        found = [explainer.explain(predictor, x, y, Z=z).phi for z in draws]
        alike = [overlap(*pair) for pair in zip(found[::2], found[1::2])]
        line.append(sum(alike) / len(alike))

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3))
for (name, line), style in zip(agreement.items(), ("-o", "--s")):
    ax.plot(Ms, line, style, label=name)
ax.set(xscale="log", xlabel="M, masks", ylabel=f"top {S} in common\nof two draws", ylim=(0, 1.02))
ax.set_xticks(Ms, map(str, Ms))
ax.minorticks_off()
shared = ", ".join(f"{line[Ms.index(200)]:.0%} with {name}" for name, line in agreement.items())
figures.headline(fig, f"Of the top {S}, two draws of 200 masks share {shared}")
figures.ends(ax)
glue("explainers-masks", fig, display=False)
glue("explainers-lime-200", agreement["LIME"][Ms.index(200)], display=False)
glue("explainers-shap-200", agreement["KernelSHAP"][Ms.index(200)], display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} explainers-masks
# :name: fig-explainers-masks
# :alt: The share of top features that two draws have in common rises with the number of masks, for KernelSHAP less.
#
# Share of the top features on which explanations by two draws of masks agree, mean over eight pairs and test rows.
# ```
#
# At the paper's $M = 200$, two draws agree on {glue:text}`explainers-lime-200:.0%` of the top features with LIME and
# on {glue:text}`explainers-shap-200:.0%` with KernelSHAP ({numref}`fig-explainers-masks`). KernelSHAP gives most weight
# to masks that keep almost nothing or almost all. Fair coins seldom draw such masks, so the few that happen to come
# decide. So masks are drawn from a seed, and everything that is to be compared is
# explained with the same ones.
#
# ## Through the explainer
#
# $P$ depends on masks and weights alone, never on the predictor. So $\phi = P \tilde{y}$ is linear in the
# predictions, and its slope is $P$ times theirs: nothing more than ordinary backpropagation through $M$ predictions.
# The check is a small step in the parameters: how a score made of $\phi$ changes, by slopes and by trying.

# %%
direction = {n: torch.randn(t.shape, generator=rng) for n, t in theta.items()}
weight = torch.randn(Q, generator=rng)
lime = LIME(eps=eps)


def moved(h):
    step = {n: t + h * direction[n] for n, t in theta.items()}
    found = lime.explain(predictor.at(step), x[:8], y[:8], Z=Z)
    return (found.phi @ weight).sum()


h = torch.zeros((), requires_grad=True)
(by_slope,) = torch.autograd.grad(moved(h), h)
by_trying = (moved(1e-7) - moved(-1e-7)) / 2e-7
print(f"by slope {by_slope:.5f}, by trying {by_trying:.5f}")

# %% [markdown]
# How this is done for a large batch without holding all $M$ predictions in memory, and how fewer masks can be visited
# on the way back, is in [the chapter on speed](19_speed_id).
#
# ## What was learned
#
# LIME and KernelSHAP are one weighted least squares and differ in the weights alone; with shared masks, explaining a
# batch is one matrix product, and its slope is ordinary backpropagation. With few masks chance is part of the
# explanation, and compared with tiny weights even a small ridge is large.
#
# Both explainers see the predictor from outside. [The next chapter](16_gradcam) looks inside a network for images.
