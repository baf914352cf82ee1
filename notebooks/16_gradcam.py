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
# # Grad-CAM and superpixels
#
# [LIME and KernelSHAP](15_explainers) ask the predictor about hundreds of masked inputs to explain one. Grad-CAM
# {cite}`selvaraju2017grad` looks inside instead. It takes the maps of one convolutional layer, asks how much the
# probability of the class rises with each of them, and adds the maps up with these slopes as weights. One pass forwards
# and one backwards explain a whole batch. In training this has a price: the explanation is made of a gradient already,
# so its own gradient is a second derivative.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $A_i$ | map number $i$ of a layer, a value at each position | $(H', W')$ |
# | $w_i$ | its weight for the class explained | one for each map |
# | $f(x)_y$, $p$ | probability of that class | one for each input |
# | $\phi$ | contributions: of the $H' W'$ cells, or of the pixels over which they lie | $(H', W')$, $(H, W)$ |
# | $\theta$ | parameters of the network | |
# | $s$, $r$ | number of cells, and the [mask](13_soft_masks) of the top $s$ | |

# %% tags=["parameters"]
width = 8  # of the network; the paper's is 64
epochs = 3  # of training for it
S_share = 0.5  # share of the cells inserted and deleted

# %% tags=["hide-input"]
from dataclasses import replace
from functools import partial

import matplotlib.pyplot as plt
import pandas as pd
import torch
from myst_nb import glue
from sklearn.datasets import load_digits, load_sample_image
from torch.nn.functional import cross_entropy

from lib import masks, metrics, regularizers
from lib.check import check
from lib.explainers import LIME, GradCAM, KernelSHAP, draw_masks, lime_kernel, squares
from lib.nets.resnet import Convolutional, resnet18
from lib.predictor import Predictor
from lib.study import figures

figures.use()
torch.set_default_dtype(torch.float64)
rng = torch.Generator().manual_seed(0)

# %% [markdown]
# ## Maps and weights
#
# The network is the paper's ResNet-18, but narrow, and its images are scikit-learn's handwritten digits: 8 x 8 pixels,
# each drawn as a square of 4 x 4. The layer `conv3_x` has 8 x 8 positions, so a *cell*, one position of the maps, lies
# over one pixel of the digit. The background, 0, is the mean grey.

# %%
digits = load_digits()
grey = torch.from_numpy(digits.images)  # (n, 8, 8)
grey, labels = (grey - grey.mean()) / grey.std(), torch.from_numpy(digits.target)
images = grey.repeat_interleave(4, 1).repeat_interleave(4, 2)
images = images[:, None].expand(-1, 3, -1, -1)  # (n, 3, 32, 32)

torch.manual_seed(0)
net = resnet18(C=10, width=width).double()
adam = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(epochs):
    for rows in torch.randperm(1500).split(64):
        adam.zero_grad()
        cross_entropy(net(images[rows]), labels[rows]).backward()
        adam.step()

# %%
f = Convolutional(net.eval())
theta = {n: t.detach().requires_grad_() for n, t in f.theta().items()}
predictor = Predictor(f, theta, torch.zeros(3, 32, 32))
x, shown = images[-96:], grey[-96:]
with torch.no_grad():
    y = predictor.logits(x).argmax(1)
print(f"accuracy {(y == labels[-96:]).double().mean():.3f} on {len(x)} digits")

# %% [markdown]
# Cut the network at the layer, into a stem that gives the maps $A_1, A_2, \ldots$ and a head that makes probabilities
# of them. The contributions are a weighted sum of the maps, without its negative part,
#
# $$
# \phi = \operatorname{expand}\Big( \operatorname{ReLU}\Big( \sum_i w_i A_i \Big) \Big), \tag{ID-13}
# $$ (id-13)
#
# and the weight of a map is the mean slope of the probability over its positions,
#
# $$
# w_i = \frac{1}{H' W'} \sum_{j=1}^{H'} \sum_{k=1}^{W'} \frac{\partial f(x)_y}{\partial A_{ijk}}. \tag{ID-14}
# $$ (id-14)


# %% tags=["plain"]
def plain_gradcam(stem, head, x, y):
    """ID-13 and ID-14 for one image x (3, H, W) -> phi of the cells (h, w)."""
    A = stem(x[None])  # (1, I, h, w)
    p = head(A).softmax(1)[0, y]
    (slope,) = torch.autograd.grad(p, A, create_graph=True)
    w = slope[0].mean((1, 2))
    return (w[:, None, None] * A[0]).sum(0).relu()


# %%
cam = GradCAM(layer="conv3_x", grid=(8, 8))
stem, head = (partial(part, theta) for part in f.split("conv3_x"))
with torch.no_grad():
    phi = cam.explain(predictor, x, y).phi  # (B, 64)
plainly = torch.stack([plain_gradcam(stem, head, x[n], y[n]).flatten() for n in range(8)])
check("plain and library", plainly, phi[:8])

# %% tags=["hide-input"]
some = [int((y == c).nonzero()[0, 0]) for c in y.unique().tolist()[:5]]
fig, axes = plt.subplots(2, len(some), figsize=(figures.WIDTH, 3.2), squeeze=False)
for n, (above, below) in zip(some, axes.T):
    above.imshow(shown[n], cmap="gray")
    below.imshow(phi[n].view(8, 8), cmap="cividis")
    above.set_title(f"predicted: {y[n]}", fontsize=11)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
figures.headline(fig, "Digits, and the cells that speak for the class")
glue("gradcam-maps", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gradcam-maps
# :name: fig-gradcam-maps
# :alt: Handwritten digits in the upper row; below each an 8 by 8 map with a few bright cells and many dark ones.
#
# Digits of the test rows, and $\phi$ for the predicted class; each map has its own scale, dark is 0.
# ```
#
# ## A gradient of a gradient
#
# Where $\phi$ is positive, its slope with respect to a parameter has two parts:
#
# $$
# \frac{\partial \phi_{jk}}{\partial \theta} = \sum_i \left( w_i \frac{\partial A_{ijk}}{\partial \theta}
# + A_{ijk} \frac{\partial w_i}{\partial \theta} \right).
# $$
#
# The first is how the maps move. The second is how their weights move, and since a weight is a slope of $f$, that is a
# second derivative of $f$. Parameters of the head reach $\phi$ in no other way ({numref}`fig-speed-inside` draws both
# parts). As in the last chapter, the check is a small step in all parameters: what the slopes promise, and what trying
# shows.

# %%
direction = {n: torch.randn(t.shape, generator=rng) * t.detach().abs().mean() for n, t in theta.items()}
weight = torch.randn(64, generator=rng)


def moved(h, order=2):
    step = {n: t.detach() + h * direction[n] for n, t in theta.items()}
    found = replace(cam, order=order).explain(predictor.at(step), x[:8], y[:8])
    return (found.phi @ weight).sum()


h = torch.zeros((), requires_grad=True)
second, first = (torch.autograd.grad(moved(h, order), h)[0] for order in (2, 1))
trying = (moved(torch.tensor(1e-7)) - moved(torch.tensor(-1e-7))) / 2e-7
check("by slope and by trying", second / trying, 1.0, tol=1e-4)
print(f"by trying {trying:.4f}, second order {second:.4f}, weights as constants {first:.4f}")

# %% [markdown]
# > **What no slope sees.** The head is made of ReLUs, so $w$ is not only curved: it jumps where a unit goes on or off,
# > and a larger step meets such jumps. The second derivative is exact between these jumps, and does not see them.
#
# How much does the second part matter for training? Take the regularisers {eq}`id-9` and {eq}`id-10` on soft masks of
# $\phi$, and differentiate them in three ways: with everything (order 2), with the weights $w$ held constant (order 1),
# and with all of $\phi$ held constant (order 0). The last one trains on masked inputs, and never asks for another
# explanation.

# %%
S = round(S_share * 64)
s = range(S // 4, S + 1, S // 4)  # four values are enough here


def omega(order, x, y):
    phi, log_p, _ = replace(cam, order=order).explain(predictor, x, y)
    r = cam.expand(masks.soft_mask(phi, s, floor=1e-3), x.shape[1:])
    path = regularizers.follow(predictor, x, y, r=r, whole=log_p)
    return (regularizers.insertion(path) + regularizers.deletion(path)).mean()


def gradient(value):
    parts = torch.autograd.grad(value, list(theta.values()))
    return torch.cat([part.flatten() for part in parts])


# %%
some, own = x[:16], y[:16]
ce = gradient(-predictor.log_probability(some, labels[-96:-80]).mean())
exact, *short = (gradient(omega(order, some, own)) for order in (2, 1, 0))
for name, part in zip(("weights as constants", "contributions as constants"), short):
    alone = torch.cosine_similarity(part, exact, dim=0)
    whole = torch.cosine_similarity(ce + 0.1 * part, ce + 0.1 * exact, dim=0)
    print(f"{name}: cosine {alone:.3f}, with the cross-entropy {whole:.3f}")

# %% [markdown]
# A cosine of 1 means the same direction. Beside the cross-entropy, at $\lambda = 0.1$, what is left out weighs less,
# because the larger part of the sum is the same in all three. The authors' code takes the weights as constants
# ([](31_paper_and_code)); the library's `order=1` does so too.
#
# ## Sure, and silent
#
# Networks are trained in single precision or less, and there Grad-CAM has a trap. The slope of a softmax with respect
# to its own logit is $p (1 - p)$, and in single precision $1 - p$ has no digits left once the network is sure. Write
# $m$ for the log-odds, the margin by which the class leads all others together. From $m = 17$ on $p$ rounds to 1, and
# the slope is exactly 0 instead of about $e^{-m}$. The slopes of the other logits survive, so the weights {eq}`id-14`
# do not vanish. They are wrong, since their largest part is missing.
#
# The cure is to differentiate $m$ rather than $p$,
#
# $$
# \begin{aligned}
# \frac{\partial f(x)_y}{\partial A} &= p\, (1 - p)\, \frac{\partial m}{\partial A}, \\
# m &= \log \frac{p}{1 - p},
# \end{aligned}
# $$
#
# which is the same function, with $p = \operatorname{sigmoid}(m)$ and $1 - p = \operatorname{sigmoid}(-m)$ each
# computed where it is accurate.


# %%
def by_softmax(m):
    logits = torch.stack([m, torch.zeros_like(m)], -1).requires_grad_()
    return torch.autograd.grad(logits.softmax(-1)[:, 0].sum(), logits)[0][:, 0]


def by_log_odds(m):
    return m.sigmoid() * (-m).sigmoid()


m = torch.tensor([17.0, 20.0, 40.0])
check("softmax in single precision, zero", by_softmax(m.float()), 0, tol=0)
ratio = by_log_odds(m.float()).double() * (1 + (-m).exp()) ** 2 / (-m).exp()
check("log-odds in single precision, right", ratio, 1.0, tol=1e-4)

# %% [markdown]
# The same on the network: its last layer four times as large makes it as sure as longer training would, and then both
# forms explain the test rows in single precision, to be compared with double precision.

# %%
surer = {n: t.detach() * (4 if n.startswith("fc") else 1) for n, t in theta.items()}
single = {n: t.float().requires_grad_() for n, t in surer.items()}
stem, head = (partial(part, single) for part in f.split("conv3_x"))
softmax = torch.stack([plain_gradcam(stem, head, x[n].float(), y[n]).flatten() for n in range(48)])
odds = cam.explain(predictor.at(single), x[:48].float(), y[:48]).phi
true = cam.explain(predictor.at(surer), x[:48], y[:48]).phi.detach()
scale = true.norm(dim=1).clamp(min=1e-300)
errors = {name: (p.detach() - true).norm(dim=1) / scale for name, p in (("softmax", softmax), ("log-odds", odds))}
check("log-odds, all maps", errors["log-odds"][true.amax(1) > 0], 0, tol=0.01)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.4))
m = torch.linspace(0, 40, 400, dtype=torch.float32)
known = true.amax(1) > 0
share = torch.linspace(0, 1, int(known.sum()))
for (name, error), slope, style in zip(errors.items(), (by_softmax, by_log_odds), ("-", "--")):
    value = slope(m).double()
    axes[0].plot(m, value.where(value > 0, torch.nan), style, label=name)
    axes[1].plot(share, error[known].clamp(min=1e-8).sort().values, style)
axes[0].set(yscale="log", xlabel="m, margin", ylabel="own slope", title="one softmax")
axes[1].set(yscale="log", xlabel="share of maps below", ylabel="relative error", title="maps, logits x 4")
fig.legend(loc="outside lower center", ncols=2)
figures.headline(fig, "Slopes in single precision, by softmax and by log-odds")
glue("gradcam-underflow", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gradcam-underflow
# :name: fig-gradcam-underflow
# :alt: Left, the slope of softmax ends at margin 17 while the other form goes on. Right, errors of maps, sorted.
#
# Left: slope of a probability with respect to its own logit; a line ends where it is 0. Right: error of $\phi$ for a
# network that is four times as sure, relative to double precision, sorted; lower is better.
# ```
#
# ## Zeros and ties
#
# The ReLU leaves many cells at exactly 0. They are all tied, and sometimes nothing else is left.

# %%
positive = (phi > 0).sum(1)
print(f"cells above 0: {phi.gt(0).double().mean():.0%}")
print(f"maps with fewer than {S} of them: {(positive < S).double().mean():.0%}, with none: {(positive == 0).sum()}")
silent = cam.explain(predictor, x, y).phi[positive == 0].sum()
check("no gradient through a map of zeros", gradient(silent), 0, tol=0)
r = masks.soft_mask(torch.zeros(64), [S])
check("its soft mask, 1/2 everywhere", r, 0.5, tol=0)

# %% [markdown]
# Where fewer than $s$ cells are positive, the $s$-th largest value is 0, and hard masks must say which of the zeros
# they take. By order {eq}`id-3` the first ones in reading order fill the mask up to $s$ cells. By threshold {eq}`id-5`
# all zeros are "not below the $s$-th", and the mask is the whole image.

# %%
n = int((positive - S // 2).abs().argmin())  # about half as many as s
rules = {ties: masks.hard_mask(phi[n], [S], ties=ties)[0] for ties in masks.TIES}
for ties, r in rules.items():
    print(f"{positive[n]} positive, s = {S}, {ties}: {int(r.sum())} cells")
print("scores (insertion, higher is better; deletion, lower is better)")
noise = torch.rand(phi.shape, generator=rng)
maps = {"Grad-CAM, first": (phi, "first"), "Grad-CAM, threshold": (phi, "threshold"), "a random map": (noise, "first")}
for name, (p, ties) in maps.items():
    path = metrics.curves(predictor, x[:48], y[:48], phi=p[:48], s=s, explainer=cam, ties=ties)
    print(f"{name}: {path.insertion.mean():.3f}, {path.deletion.mean():.3f}")

# %% tags=["hide-input"]
panels = {"digit": shown[n], r"$\phi$": phi[n].view(8, 8)} | {t: r.view(8, 8) for t, r in rules.items()}
fig, axes = plt.subplots(1, 4, figsize=(figures.WIDTH, 2.3))
for ax, (name, panel), cmap in zip(axes, panels.items(), ("gray", *["cividis"] * 3)):
    ax.imshow(panel, cmap=cmap, **({"vmin": 0, "vmax": 1} if name in rules else {}))
    ax.set(xticks=[], yticks=[], title=name)
    ax.grid(False)
figures.headline(fig, f"{positive[n]} cells of 64 are positive, s = {S}: two masks")
glue("gradcam-ties", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gradcam-ties
# :name: fig-gradcam-ties
# :alt: A digit, its map, and two masks. One adds cells from the top left in reading order, the other holds all cells.
#
# A digit, its contributions, and the cells that count among the top $s$ (bright) by each of the two rules.
# ```
#
# The rule moves the scores, though maps and network are the same: the threshold inserts more cells than the $s$ it is
# given. So the experiments score by `first` and by `threshold`, and put a random map beside them.
#
# **Almost equal contributions** are the other extreme. The [temperature](13_soft_masks) divides by the range of $\phi$,
# and that range carries the factor $p (1 - p)$: where the network is sure, it is next to nothing, and $T$ grows without
# bound. A floor on the range bounds it, and changes nothing where the range is larger.

# %%
spread, floor = phi.amax(1) - phi.amin(1), 1e-3
T, bounded = masks.temperature(phi), masks.temperature(phi, floor=floor)
check("above the floor, the same T", T[spread >= floor], bounded[spread >= floor], tol=0)
print(f"largest T: {T.max():.0e}, with the floor {bounded.max():.0e}")
print(f"maps below the floor: {(floored := (spread < floor).double().mean().item()):.0%}")
glue("gradcam-floored", floored, display=False)

# %% [markdown]
# Below the floor masks are flatter than {eq}`id-7` says, up to 1/2 everywhere. It is a reading, the setting `floor`,
# and how many maps it touches depends on how sure the network is: here {glue:text}`gradcam-floored:.0%` of them, of a
# network that is sure of most digits. For these the mask is not the paper's.
#
# ## Cells, not pixels
#
# To *expand* is to give each pixel what belongs to its cell. Pixels of a cell share their contribution, so sorting
# them would sort ties. The library keeps $\phi$ and masks on cells, and expands masks when it makes inputs.


# %%
def expand(phi, H, W):
    h, w = phi.shape
    return phi.repeat_interleave(H // h, 0).repeat_interleave(W // w, 1)


pixels = expand(phi[n].view(8, 8), 32, 32).flatten()
check("the library's", pixels, cam.expand(phi[n], x.shape[1:]), tol=0)
on_cells = cam.expand(masks.threshold_mask(phi[n], s), x.shape[1:])
on_pixels = masks.threshold_mask(pixels, [16 * cells for cells in s])
check("by threshold, the same masks", on_cells, on_pixels, tol=0)

# %% [markdown]
# A cell is 16 of the 32 x 32 pixels, and by 16 pixels $s$ grows in the paper, too. By order the two would differ: the
# first half of the pixels of a tied row of cells is no set of cells.
#
# ## Superpixels
#
# [LIME and KernelSHAP](15_explainers) explain images as well. They need parts to mask, and single pixels are poor
# parts: there are too many of them, and to lose one says nothing. So the image is cut into *superpixels* that are
# masked as one. The paper's are squares, 8 x 8 of them, which makes $D = 64$. A mask of cells is expanded to pixels,
# and the background, here the mean colour, shows where it is 0, in all channels alike.

# %%
photo = torch.tensor(load_sample_image("china.jpg")).double()[10:394, 23:407] / 255  # (384, 384, 3)
photo = photo.unflatten(0, (64, 6)).unflatten(2, (64, 6)).mean((1, 3)).permute(2, 0, 1)  # (3, 64, 64)
mean = photo.mean((1, 2), keepdim=True).expand_as(photo)
of_photo = LIME(segments=squares(64, 64, 8))  # superpixels of 8 x 8 pixels
z = draw_masks(2, 64, rng, dtype=torch.float64)
on_superpixels = masks.insert(photo, mean, of_photo.expand(z, photo.shape))  # (2, 3, 64, 64)
single = draw_masks(1, 64 * 64, rng, dtype=torch.float64)
on_single = masks.insert(photo, mean, single)
by_hand = torch.where(z[0].view(8, 8).repeat_interleave(8, 0).repeat_interleave(8, 1).bool(), photo, mean)
check("expand, then mask all channels", on_superpixels[0], by_hand)

# %% tags=["hide-input"]
pictures = {"a photograph": photo, "mask z": z[0].view(1, 8, 8).expand(3, -1, -1), "masked by it": on_superpixels[0]}
pictures |= {"by single pixels": on_single[0]}
fig, axes = plt.subplots(1, 4, figsize=(figures.WIDTH, 2.3))
for ax, (name, picture) in zip(axes, pictures.items()):
    ax.imshow(picture.permute(1, 2, 0), interpolation="nearest")
    ax.set_title(name, fontsize=11)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
figures.headline(fig, "About half is masked: whole superpixels, or pixels one by one")
glue("gradcam-superpixels", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gradcam-superpixels
# :name: fig-gradcam-superpixels
# :alt: A temple; a mask of 8 by 8 cells; the temple with these cells covered; the temple under pixel noise.
#
# A photograph by danielbuechele (CC BY 2.0), the JPEG file `china.jpg` of scikit-learn, cut and shrunk to 64 x 64
# pixels. The two pictures on the right have about half of their pixels masked.
# ```
#
# With single pixels masked at random the temple is still all there ({numref}`fig-gradcam-superpixels`), only noisier,
# and each mask says the same as any other. With superpixels masked, each mask hides something and shows something else.
#
# On the digits a superpixel of 4 x 4 pixels is one pixel of the drawing, and the contributions are those of
# {eq}`id-12`: predict $M$ masked images, fit, and give every pixel what belongs to its superpixel. Plainly, for one
# image:


# %%
def lime_of_image(f, x, y, b, Z, side, eps=0.01):
    """ID-12 for one image x (3, H, W), masks Z (M, D) of squares -> phi of the cells (D,)."""
    h, k = x.shape[1] // side, lime_kernel(Z)
    cells = Z.view(-1, 1, h, h)
    pixels = cells.repeat_interleave(side, 2).repeat_interleave(side, 3)  # (M, 1, H, W)
    y_tilde = f(pixels * x + (1 - pixels) * b).softmax(1)[:, y]
    system = Z.T @ (k[:, None] * Z) + eps * torch.eye(Z.shape[1])
    return torch.linalg.solve(system, Z.T @ (k * y_tilde))


# %%
segments, Z = squares(32, 32, 4), draw_masks(200, 64, rng, dtype=torch.float64)
explainers = {"LIME": LIME(segments=segments, chunk=20), "KernelSHAP": KernelSHAP(segments=segments, chunk=20)}
with torch.no_grad():
    found = {name: e.explain(predictor, x[:48], y[:48], Z=Z).phi for name, e in explainers.items()}
    plainly = lime_of_image(predictor.logits, x[0], y[0], predictor.b, Z, side=4)
check("plain and library", plainly, found["LIME"][0])
pixels = explainers["LIME"].expand(plainly, x.shape[1:]).view(32, 32)
check("expand, as for a map", pixels, expand(plainly.view(8, 8), 32, 32), tol=0)

# %%
found = {"Grad-CAM": phi[:48]} | found | {"a random map": noise[:48]}
asked = {"Grad-CAM": 1, "LIME": 200, "KernelSHAP": 200, "a random map": 0}
table = {}
for name, p in found.items():
    path = metrics.curves(predictor, x[:48], y[:48], phi=p, s=s, explainer=cam)
    table[name] = [path.insertion.mean().item(), path.deletion.mean().item(), asked[name]]
columns = ["insertion (higher)", "deletion (lower)", "predictions to explain one"]
pd.DataFrame.from_dict(table, orient="index", columns=columns).round(3)

# %% tags=["hide-input"]
some = [int((y[:48] == c).nonzero()[0, 0]) for c in y[:48].unique().tolist()[:5]]
fig, axes = plt.subplots(4, len(some), figsize=(figures.WIDTH, 5.4), squeeze=False)
for n, column in zip(some, axes.T):
    column[0].imshow(shown[n], cmap="gray")
    for ax, name in zip(column[1:], ("Grad-CAM", *explainers)):
        ax.imshow(found[name][n].view(8, 8), cmap="cividis")
for ax, name in zip(axes[:, 0], ("digit", "Grad-CAM", *explainers)):
    ax.set_ylabel(name)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
figures.headline(fig, "The same predictions, explained in three ways")
glue("gradcam-three", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gradcam-three
# :name: fig-gradcam-three
# :alt: Digits, and below each three maps of 8 by 8 cells. Grad-CAM's are dark on many; the other two look alike.
#
# $\phi$ for the predicted class by Grad-CAM and by LIME and KernelSHAP on superpixels. Each map has its own scale, dark
# is the smallest contribution, which in the two lower rows may be negative.
# ```
#
# The three do not agree, and they need not, because each answers another question ({numref}`fig-gradcam-three`).
# Grad-CAM looks at a layer that has seen the neighbourhood of each position, and drops what speaks against the class.
# LIME and KernelSHAP know of a superpixel only what hiding it does, for the class or against it. With 200 masks for 64
# parts, some of that is [chance](15_explainers). In the table they are far ahead of Grad-CAM, at two hundred times the
# price. That is no surprise, as insertion and deletion ask what they ask: what happens when cells are masked? Grad-CAM
# never masks anything, and ID-ExpO is a way to train a network for which its maps answer that question, too.
#
# ## What was learned
#
# Grad-CAM explains a batch by one pass forwards and one backwards; to train through it takes second derivatives, and
# log-odds where the network is sure. LIME and KernelSHAP explain images by superpixels, at hundreds of predictions
# each. Maps are zero on many cells, so say with each score how ties were broken, and show a random map beside it.
#
# These are digits and a network trained for seconds. The experiment on photographs is `insertion_deletion_images.py` in
# `notebooks/experiments`, on CIFAR-10 or a JPEG copy of it; [its results](22_images) have a page, and a
# [gallery](23_gallery) steps through them. The next chapter has the rivals of ID-ExpO: [stability and
# fidelity](17_stability_fidelity).
