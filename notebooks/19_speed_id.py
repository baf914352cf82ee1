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
# # Why training through explanations is fast
#
# One step on [the objective](14_regularizers) of ID-ExpO is a great deal of work. LIME asks the network about $M$
# masked inputs to explain a sample, the regularisers ask about $2S$ more, and all of it has to be kept in memory until
# the gradient comes back. This chapter draws the whole computation once, forwards and backwards. Then it goes
# through what the library does to make a step small enough and fast enough. Most of it changes nothing beyond rounding,
# and each such claim is checked. Three savings add noise or rounding, and for those the chapter measures how much.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $\theta$ | parameters of the network | |
# | $\phi$ | contributions of the $D$ cells, here features | $(B, D)$ |
# | $r$ | [soft masks](13_soft_masks), one for each value of $s$ | $(B, S, D)$ |
# | $Z$, $P$ | the explainer's $M$ masks, and what turns predictions into $\phi$ {eq}`id-12` | $(M, D)$, $(D, M)$ |
# | $\tilde{y}$ | predictions of the masked inputs | $(B, M)$ |
# | $S$, $K$ | number of values of $s$, and how many of them a step uses | |
#
# ```{margin} Timings
# All seconds on this page were measured while it was built, on one thread of the machine named on the
# [status page](../status.md). Trust their ratios.
# ```

# %% tags=["parameters"]
epochs = 4  # of training for the small network
rows = 64  # of a batch
M = 200  # masks of the explainer
S = 32  # values of s: half of 64 cells
lam = 0.1  # weight of both regularisers
runs = 10  # trained together at the end
repeats = 3  # the shortest of so many timings counts

# %% tags=["hide-input"]
import time

import matplotlib.pyplot as plt
import pandas as pd
import torch
from myst_nb import glue
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

from lib import data, explainers, masks, regularizers
from lib.check import check
from lib.explainers import LIME, GradCAM
from lib.methods import METHODS
from lib.nets import log_probability
from lib.nets.resnet import Convolutional, resnet18
from lib.predictor import Predictor
from lib.study import figures, ratios, records, runs_images, words_images
from lib.study.gluing import whole_tables
from lib.training import Runs, fit
from lib.training.expo import Settings
from lib.training.expo_step import gradient, objective
from tests import plain

torch.set_num_threads(1)
figures.use()
torch.set_default_dtype(torch.float64)
rng = torch.Generator().manual_seed(0)

# %% tags=["remove-cell"]
for name, fig in (("speed-paths", figures.two_paths()), ("speed-inside", figures.inside_explainers())):
    glue(name, fig, display=False)
    plt.close(fig)

# %% [markdown]
# ## Forwards and backwards
#
# ```{glue:figure} speed-paths
# :name: fig-speed-paths
# :alt: x, explainer, contributions, soft masks, masked inputs, f, loss. Two coloured paths lead back to theta.
#
# A training step of ID-ExpO. Grey arrows are computed forwards. The loss {eq}`id-11` is the cross-entropy (CE) of $x$
# and both regularisers (Ins and Del) of the masked inputs; its price on $\phi$ is not drawn. The gradient returns to
# the parameters $\theta$ by two paths: orange, through what $f$ says about the masked inputs; blue, through the masks
# into $\phi$, and through the explainer into what $\phi$ is made of.
# ```
#
# Read {numref}`fig-speed-paths` forwards first. The explainer turns $x$ into contributions $\phi$, the contributions
# become soft masks {eq}`id-7`, the masks make the inputs $a_s$ and $d_s$, and the same network scores them {eq}`id-9`,
# {eq}`id-10`. The parameters $\theta$ take part twice, in the explainer and in the scoring, and so the gradient comes
# back to them by two paths. The first asks for other predictions of the same masked inputs. The second asks for other
# masks.
#
# What the second path meets inside the explainer is drawn in {numref}`fig-speed-inside`. [LIME and
# KernelSHAP](15_explainers) fit a weighted least-squares model to what $f$ says about $M$ masked inputs. The
# contributions are a fixed matrix times these predictions {eq}`id-12`, so the gradient is multiplied by the same matrix
# and goes once through $f$, for each of the $M$. [Grad-CAM](16_gradcam) weights the maps $A_i$ of one layer by the mean
# slopes $w_i$ of the probability {eq}`id-13`, {eq}`id-14`. Slopes are a gradient already, so the gradient that comes
# back through them is a second derivative of $f$.
#
# ```{glue:figure} speed-inside
# :name: fig-speed-inside
# :alt: Above, masked inputs, f, predictions, least squares, phi. Below, stem, maps, head, slopes, phi. Arrows back.
#
# Two explainers from inside, forwards in grey. The blue arrow into $\phi$ is where the second path enters; from there
# blue leads back to $\theta$. Above: $P$ turns the predictions of $M$ masked inputs into $\phi$. Below: the network in
# two parts, a stem that makes the maps $A_i$ and a head that makes the probability $p_y$ of them. Double arrows are
# second derivatives.
# ```
#
# The example is a small network for scikit-learn's handwritten digits, whose 64 pixels are read as 64 features. That
# makes $D = 64$ and $S = 32$, the numbers of the paper's Grad-CAM on CIFAR-10 with $S = 0.5\,HW$. (Its LIME takes steps
# of 64 pixels there: eight values of $s$.)

# %%
digits = load_digits()
X, Y = torch.from_numpy(digits.data), torch.from_numpy(digits.target)
X = (X - X.mean(0)) / X.std(0).clamp_min(1e-6)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
adam = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(epochs):
    for batch in torch.randperm(1500).split(64):
        adam.zero_grad()
        cross_entropy(net(X[batch]), Y[batch]).backward()
        adam.step()

# %%
predictor = Predictor.of(net, b := torch.zeros(64))
theta = {n: t.detach().requires_grad_() for n, t in predictor.theta.items()}
held = {n: t.detach() for n, t in theta.items()}
x, y, s = X[:rows], Y[:rows], torch.arange(1, S + 1)
lime = LIME(M=M)
Z = explainers.draw_masks(M, 64, rng, dtype=torch.float64)


def explain(theta):
    return lime.explain(predictor.at(theta), x, y, Z=Z).phi


def omega(theta, phi, s=s):
    """Both regularisers for these values of s, mean over the batch (ID-9, ID-10)."""
    path = regularizers.follow(predictor.at(theta), x, y, r=masks.soft_mask(phi, s))
    return (regularizers.insertion(path) + regularizers.deletion(path)).mean()


def flat(parts):
    return torch.cat([part.flatten() for part in parts])


def slope(value):
    return flat(torch.autograd.grad(value, list(theta.values())))


# %%
whole = slope(omega(theta, explain(theta)))
orange = slope(omega(theta, explain(held)))  # contributions held
blue = slope(omega(held, explain(theta)))  # the scoring network held
check("the two paths add up to the whole", orange + blue, whole)
print(f"size of the whole {whole.norm():.3f}, orange path {orange.norm():.3f}, blue path {blue.norm():.3f}")

# %% [markdown]
# ## A leaf, and parts
#
# Kept as one graph, the step holds the activations of $M + 2S + 1$ inputs for each sample until the gradient comes
# back. But the middle of {numref}`fig-speed-paths` is narrow: all that the scoring needs of the explainer is $\phi$,
# $D$ numbers a sample. So cut there. Treat $\phi$ as if it were a parameter, a *leaf* of the graph. Now the
# regularisers are a sum over $s$, and a sum can be differentiated part by part: take some values of $s$, go forwards
# and backwards, free the memory, and go on. What has gathered at the leaf then goes back through the explainer, once.


# %%
def in_parts(chunk):
    """The slope of omega, `chunk` values of s at a time."""
    phi = explain(theta)
    leaf = phi.detach().requires_grad_()
    total, at_leaf = 0, 0
    for some in s.split(chunk):
        part = len(some) / S * omega(theta, leaf, some)
        *own, up = torch.autograd.grad(part, [*theta.values(), leaf])
        total, at_leaf = total + flat(own), at_leaf + up
    through = torch.autograd.grad(phi, list(theta.values()), at_leaf)
    return total + flat(through)


for chunk in (S, 8, 5):
    check(f"parts of {chunk}, the same slope", in_parts(chunk), whole)

# %% [markdown]
# The library does the same for the whole objective {eq}`id-11` (`gradient` in `lib/training/expo_step.py`), where
# $\log f(x)_y$ is a second leaf.
#
# The explainer has the larger pile, $M$ predictions a sample, and a similar trick. The slope with respect to
# $\tilde{y}$ is known before anything has to be kept: it is $P^\top$ times the slope at $\phi$. So the library predicts
# without keeping and, on the way back, predicts again, some masks at a time. That costs a second forward pass.
#
# Both sizes are set by a budget: so many inputs may be in memory at a time (`memory` in `lib/training/images.py`). Here
# is what it buys, in bytes that autograd holds at the worst moment of a step.


# %%
class Held:
    """What autograd keeps, in bytes: now, and at most."""

    now = most = 0

    def __init__(self, tensor):
        self.tensor = tensor
        Held.now += tensor.nbytes
        Held.most = max(Held.most, Held.now)

    def __del__(self):
        Held.now -= self.tensor.nbytes


def step(explainer=lime, drawn=None, **settings):
    """The gradient of ID-11 by the library, and the most bytes that were held for it."""
    Held.now = Held.most = 0
    options = {"method": METHODS["ID-ExpO"], "lam": lam, "lam3": 0.001, "wanted": list(theta)}
    options |= {"settings": Settings(explainer, **settings), "drawn": drawn or {"Z": Z}}
    with torch.autograd.graph.saved_tensors_hooks(Held, lambda kept: kept.tensor):
        found = gradient(predictor.at(theta), x, y, **options)
    return flat(found.values()), Held.most


# %%
options = {"settings": Settings(lime), "drawn": {"Z": Z}, "method": METHODS["ID-ExpO"], "lam": lam, "lam3": 0.001}
in_one_graph = slope(objective(predictor.at(theta), x, y, **options))
exact, most = step()
check("the library's step, the slope of one graph", exact, in_one_graph)
chunks, memory = [1, 2, 4, 8, 16, 32], {"values of s": [], "masks": [], "both": []}
for chunk in chunks:
    in_masks = LIME(M=M, chunk=2 * chunk)  # a value of s is two inputs
    for name, (explainer, own) in zip(memory, ((lime, chunk), (in_masks, None), (in_masks, chunk))):
        found, kept = step(explainer, chunk=own)
        check(f"{name} in parts of {chunk}", found, exact)
        memory[name].append(kept / 1e6)

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.2))
ax.axhline(most / 1e6, color="#999999", linestyle=":")
ax.annotate("nothing in parts", (2, most / 1e6), xytext=(0, 4), textcoords="offset points", color="#555555")
for (name, values), style in zip(memory.items(), ("--s", "-.^", "-o")):
    ax.plot([2 * c for c in chunks], values, style, label=f"{name} in parts")
ax.set(xscale="log", yscale="log", xlabel="inputs of a sample in memory at a time", ylabel="MB held at most")
ax.set_ylim(top=2 * most / 1e6)
ax.set_xticks([2 * c for c in chunks], [str(2 * c) for c in chunks])
ax.minorticks_off()
ax.set_title(f"In parts, a step holds {most / 1e6 / memory['both'][0]:.0f} times less")
ax.legend(loc="lower right")  # two of the lines end at one point
glue("speed-memory", fig, display=False)
glue("speed-memory-all", most / 1e6, display=False)
glue("speed-memory-budget", memory["both"][chunks.index(8)], display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} speed-memory
# :name: fig-speed-memory
# :alt: Memory against the size of a part on log scales. Only with both in parts does the line fall all the way.
#
# The most that autograd holds during a step on {glue:text}`speed-rows` samples, with the values of $s$ in parts, the
# explainer's masks in parts, and both. Dotted: one graph for each.
# ```
#
# Cutting one of the two into parts is not enough, because the other then sets the peak ({numref}`fig-speed-memory`).
# With both, sixteen inputs a sample at a time take {glue:text}`speed-memory-budget:.0f` MB in the place of
# {glue:text}`speed-memory-all:.0f`.
#
# ## Fewer masks on the way back
#
# Going back costs about twice as much as going forward, and many masks hardly matter for the slope, because their entry
# of $P^\top$ times the slope at $\phi$ is small. With `keep` below 1 only a share of them is visited, each drawn with
# probability in proportion to that entry and weighted to make up for the chance of being left out. On average that is
# the exact slope.

# %%
shares, draws, noise = [0.05, 0.1, 0.25, 0.5], 20, []
for keep in shares:
    some = LIME(M=M, keep=keep)
    u = [{"Z": Z, "u": torch.rand(rows, generator=rng)} for _ in range(draws)]
    off = torch.stack([(step(some, drawn)[0] - exact) / exact.norm() for drawn in u])
    noise.append(off.norm(dim=1).square().mean().sqrt().item())
    print(f"keep {keep:4}: error {noise[-1]:.3f}, of the mean of {draws} draws {off.mean(0).norm():.3f}")

# %% tags=["hide-input"]
glue("speed-keep", noise[shares.index(0.25)], display=False)
glue("speed-rows", str(rows), display=False)

# %% [markdown]
# The errors are relative to the size of the objective's gradient. A single draw with a quarter of the masks is off by
# {glue:text}`speed-keep:.1%` of it, in this batch of {glue:text}`speed-rows`. The tables in this book keep every mask.
# Training on images with LIME keeps a quarter.
#
# ## Fewer values of s
#
# {eq}`id-9` and {eq}`id-10` are means over $s = 1, \dots, S$. A mean can be estimated from a sample, and a step of
# stochastic gradient descent is a sample anyway. So draw $K$ of the $S$ values for each input, the same for insertion
# and deletion. The draw is *systematic*: one random start, then every $S/K$-th value. Whatever the start, the values
# are spread evenly over the curve, and each is drawn with probability $K/S$.


# %%
def draw(u, K):
    """K of the numbers 1 ... S from one u in [0, 1), also where K does not divide S."""
    return 1 + ((u + torch.arange(K)) * S / K).long()


starts = (torch.arange(S) + 0.5) / S  # the draw changes at multiples of 1 / S: these are all there are
for K in (4, 5):
    drawn = torch.stack([draw(u, K) for u in starts])
    check("the library's draw", drawn, masks.draw_steps(s.tolist(), starts, K=K), tol=0)
    check(f"K = {K}: each value {K}/{S} of the time", drawn.flatten().bincount()[1:] / S, K / S)
print("K = 4, two draws:", *(draw(u, 4).tolist() for u in starts[[3, 17]]))

# %% [markdown]
# What noise does that add? It can be computed without drawing. For each sample and each $s$ take the gradient of the
# two terms that belong to it, through both paths. Then the gradient of every possible draw is a mean of some of them.


# %%
P = explainers.projection(Z, explainers.lime_kernel(Z), eps=lime.eps)


def log_f(x, y):
    return predictor.at(theta).logits(x).log_softmax(-1)[..., y]


def gradients(x, y):
    """Of one sample: its cross-entropy (|theta|,), and its two terms for each s (S, |theta|)."""
    r = masks.soft_mask(P @ log_f(Z * x, y).exp(), s)  # b is 0
    own, a, d = log_f(torch.cat([x[None], r * x, (1 - r) * x]), y).split([1, S, S])
    terms, leaves = d - own - a, list(theta.values())
    by_s = torch.autograd.grad(terms, leaves, torch.eye(S), is_grads_batched=True, retain_graph=True)
    return slope(-own.sum()), torch.cat([part.flatten(1) for part in by_s], 1)


ce, by_s = (torch.stack(part) for part in zip(*(gradients(x[n], y[n]) for n in range(rows))))
omega_n = by_s.mean(1)  # (rows, |theta|), all values of s
check("their mean is the slope", omega_n.mean(0), whole)


# %%
def size(difference):
    """Mean square length over all leading axes."""
    return difference.square().sum(-1).mean().item()


batch_noise = {"regulariser": size(omega_n - omega_n.mean(0)), "whole": size((of := ce + lam * omega_n) - of.mean(0))}
Ks, added = [1, 2, 4, 8, 16], {"regulariser": [], "whole": []}
for K in Ks:
    of_draw = torch.stack([by_s[:, draw(u, K) - 1].mean(1) for u in starts])  # (starts, rows, |theta|)
    check(f"K = {K}: no bias", of_draw.mean(0), omega_n)
    for (name, own), weight in zip(batch_noise.items(), (1, lam**2)):
        added[name].append(weight * size(of_draw - omega_n) / own)
independent = [size(by_s - omega_n[:, None]) / K / batch_noise["regulariser"] for K in Ks]
table = {"added to the regulariser's variance": added["regulariser"], "by independent draws": independent}
table |= {"added to the whole gradient's": added["whole"]}
pd.DataFrame(table, pd.Index(Ks, name="K")).T.map("{:.1%}".format)

# %% [markdown]
# The variance of a gradient is the mean square distance of a sample's gradient from the batch's mean. The table says by
# what share drawing adds to it, for the regularisers alone and for the whole gradient, where the cross-entropy
# stands beside $\lambda$ times the regularisers. Systematic draws add less than independent ones, because neighbouring
# values of $s$ nearly repeat each other.
#
# What it saves depends on the explainer. Grad-CAM explains by one pass, so that nearly all of a step is insertion and
# deletion. Here is a step of a ResNet-18 of width 16 on 32 images of 32 x 32 pixels, timed for several $K$. (Its
# weights are random, and so are the images. Time does not depend on either.)

# %% tags=["hide-input"]
torch.manual_seed(0)
conv = Convolutional(resnet18(C=10, width=16).eval())
parameters = {n: t.detach().float().requires_grad_() for n, t in conv.theta().items()}
images = torch.randn(32, 3, 32, 32, dtype=torch.float32)
classes = torch.randint(10, (32,))


def seconds(act, repeats=repeats):
    """The shortest wall time of several."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return min(times)


# %%
def gradcam_step(K, f=conv):
    """A step of ID-ExpO with Grad-CAM from K values of s for each image: its gradient."""
    net = Predictor(f, parameters, torch.zeros(3, 32, 32, dtype=torch.float32))
    some = masks.draw_steps(range(1, S + 1), torch.rand(32, generator=rng), K=K)
    return gradient(
        net, images, classes, method=METHODS["ID-ExpO"], lam=lam, lam3=0.0, wanted=list(parameters), drawn={},
        settings=Settings(GradCAM(), floor=1e-3, chunk=8), s=some,
    )  # fmt: skip


gradcam_step(1)  # the first call of all is slower
rounds = [{K: seconds(lambda K=K: gradcam_step(K), 1) for K in (2, 4, 8, 16, S)} for _ in range(2)]
cost = {K: min(times[K] for times in rounds) for K in rounds[0]}

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.3))
for (name, values), style in zip(added.items(), ("--s", "-o")):
    axes[0].plot(Ks, values, style, label="alone" if name == "regulariser" else "whole")
axes[0].set(xscale="log", yscale="log", xlabel="K, values of s at a step", ylabel="variance added by drawing")
axes[0].set_xticks(Ks, map(str, Ks))
axes[1].bar([str(K) for K in cost], [v / cost[S] for v in cost.values()], color="#0072b2", width=0.6)
for at, value in enumerate(cost.values()):
    axes[1].text(at, value / cost[S] + 0.02, f"{value / cost[S]:.0%}", ha="center", fontsize=11)
axes[1].set(xlabel="K", ylabel="time of a step, all = 1", ylim=(0, 1.12))
axes[0].minorticks_off()
figures.ends(axes[0])
four = added["whole"][Ks.index(4)]
figures.headline(fig, f"K = 4: {cost[4] / cost[S]:.0%} of Grad-CAM's time, {four:.0%} more variance with LIME")
glue("speed-draws", fig, display=False)
glue("speed-four-time", cost[4] / cost[S], display=False)
glue("speed-four-whole", four, display=False)
glue("speed-four-own", added["regulariser"][Ks.index(4)], display=False)
plt.close(fig)

# %% tags=["remove-cell"]
timed = records.read("results/images/costs-A.parquet")
for name, K in (("four", 4), ("all", 0)):
    ms = runs_images.costs(timed, "training", "LIME", S=0.5, draws=K).median()
    glue(f"speed-lime-{name}", float(ms), display=False)
glue("speed-added", words_images.added_told(timed), display=False)

# %% [markdown]
# ```{glue:figure} speed-draws
# :name: fig-speed-draws
# :alt: Left, added variance falls as more values are drawn. Right, bars of a step's time, which grows with them.
#
# Left: variance that drawing $K$ of {glue:text}`speed-S` values adds to the regularisers alone and to the whole
# gradient, relative to the variance between samples (digits, LIME). Right: time of a step with Grad-CAM.
# ```
#
# The two panels are of two experiments. With Grad-CAM on images four values cost {glue:text}`speed-four-time:.0%` of
# the time. With LIME on the digits they add {glue:text}`speed-four-whole:.1%` to the whole gradient's variance, and
# {glue:text}`speed-four-own:.0%` to the regularisers' own ({numref}`fig-speed-draws`). A batch's choice of samples
# shakes the gradient far more than that. {glue:text}`speed-added`
#
# LIME saves almost nothing in this way. On CIFAR-10 (JPEG copies) it has eight values of $s$ at $S = 0.5\,HW$, which
# are 16 masked inputs beside the 200 that explain, and those stay whatever $K$ is. Training on an image took
# {glue:text}`speed-lime-four:.0f` milliseconds of a core with four of them and {glue:text}`speed-lime-all:.0f` with all
# (recorded for [the results on images](22_images), with every mask on the way back).
#
# The setting is `draws`. It is for training alone: validation and test scores always use every value of $s$.
#
# ## One projection
#
# $P$ in {eq}`id-12` is made of masks and their weights, so inputs that share their masks share $P$. It takes one
# solution of a $D \times D$ system for the batch, not one for each input, and explaining becomes a matrix product. With
# masks of their own (`fresh`), every input needs a system of its own.

# %%
own = Z.expand(rows, -1, -1)
shared, each = (lime.explain(predictor.at(held), x, y, Z=masks_).phi for masks_ in (Z, own))
check("one projection or one for each, the same contributions", shared, each)
kernel = explainers.lime_kernel
one = seconds(lambda: explainers.projection(Z, kernel(Z), eps=0.01))
many = seconds(lambda: explainers.projection(own, kernel(own), eps=0.01))
print(f"one for each of {rows} inputs: {many / one:.0f} times the time of one")

# %% [markdown]
# ## One forward
#
# The input itself, its insertions and its deletions are all questions to the same network. They go through it as one
# batch, and $f(x)_y$, which {eq}`id-10` and the cross-entropy both need, is computed once.

# %%
r = masks.soft_mask(explain(held), s)


def together():
    return regularizers.follow(predictor.at(held), x, y, r=r)


def apart():
    own = predictor.at(held)
    a = [own.log_probability(masks.insert(x, b, r[:, [k]]), y[:, None]) for k in range(S)]
    d = [own.log_probability(masks.delete(x, b, r[:, [k]]), y[:, None]) for k in range(S)]
    return own.log_probability(x, y), torch.cat(a, 1), torch.cat(d, 1)


check("together as apart", tuple(together()), apart())
print(f"apart takes {seconds(apart) / seconds(together):.1f} times as long")

# %% [markdown]
# What comes out of the network are the scores of all classes, and what is wanted is the logarithm of one probability.
# Written with `log_softmax` and a choice of column, autograd keeps the whole table of logarithms and fills another one
# with zeros on the way back. The library has one node for it, with its gradient written by hand. It also goes by way of
# the log-odds of [Grad-CAM's chapter](16_gradcam), so that a probability next to 1 keeps its digits.

# %%
logits = torch.randn(20_000, 10, generator=rng, dtype=torch.float32).requires_grad_()
label = torch.randint(10, (20_000,), generator=rng)


def by_parts():
    return logits.log_softmax(-1).gather(-1, label[:, None])[:, 0]


def as_one():
    return log_probability(logits, label)


check("the same logarithms", as_one(), by_parts(), tol=1e-5)
slopes = [torch.autograd.grad(form().sum(), logits)[0] for form in (as_one, by_parts)]
check("the same slopes", *slopes, tol=1e-5)
times = [seconds(lambda form=form: torch.autograd.grad(form().sum(), logits)) for form in (by_parts, as_one)]
print(f"in parts takes {times[0] / times[1]:.1f} times as long")
sure, zero = torch.tensor([[30.0, 0.0]], dtype=torch.float32), torch.tensor([0])
print(f"at a margin of 30: {sure.log_softmax(-1)[0, 0]:.1e} in parts, {log_probability(sure, zero)[0]:.1e} as one")

# %% [markdown]
# ## A whole batch of maps
#
# Grad-CAM needs the slope of each input's own probability with respect to its own maps {eq}`id-14`. Asked sample by
# sample, each answer costs a backward pass through the whole batch, and the cost grows with the square of the batch.
# But no sample's score depends on another one's maps as long as batch norm keeps its statistics. So the slope of the
# *sum* of all scores holds every sample's slope at once.

# %%
stem, head = conv.split("conv3_x")
maps = stem(parameters, images).detach().requires_grad_()
score = head(parameters, maps).log_softmax(-1).gather(-1, classes[:, None])[:, 0]


def one_by_one():
    return [torch.autograd.grad(score[n], maps, retain_graph=True)[0][n] for n in range(len(images))]


def at_once():
    return torch.autograd.grad(score.sum(), maps, retain_graph=True)[0]


check("the same slopes", torch.stack(one_by_one()), at_once(), tol=1e-5)
print(f"one by one takes {seconds(one_by_one, 1) / seconds(at_once):.0f} times as long, batch of {len(images)}")

# %% [markdown]
# With its statistics kept, batch norm need not be computed at all. It multiplies each channel by a number and adds
# another one, and so does a convolution with a bias. So the two are one convolution: with mean $\mu$, variance $v$,
# scale $\gamma$ and shift $\beta$,
#
# $$\gamma\,\frac{W x - \mu}{\sqrt{v + \epsilon}} + \beta = (a W)\,x + (\beta - a \mu), \qquad
# a = \frac{\gamma}{\sqrt{v + \epsilon}}.$$
#
# This holds for every $x$, as $\mu$ and $v$ do not depend on it, and so the folded network is the same function but for
# rounding. The library folds once a step (`fold` in `lib/nets/resnet.py`), and all masked inputs go through the
# network without batch norm. Folding is a few products that autograd differentiates: what the step gathers at $a W$ and
# $\beta - a \mu$ goes back through them once, to $W$, $\gamma$ and $\beta$, which are what is trained. With
# `norm="batch"` the mean and variance are those of the batch at hand, as in pretraining. Then nothing can be folded,
# a step cannot run in parts, and the sum's slope mixes the samples.

# %% [markdown]
# ## Mixed precision
#
# `Settings(mixed=True)` multiplies in bfloat16, which keeps 8 significant bits of 24. Parameters, sums and losses stay
# in single precision, and scores are always measured without it. Whether it pays depends on the device, since a
# processor without instructions for bfloat16 has to imitate them.

# %%
half = Convolutional(conv.net, products=torch.bfloat16)
rng.manual_seed(1)
single = flat(gradcam_step(4).values())
rng.manual_seed(1)  # the same values of s
mixed = flat(gradcam_step(4, half).values())
cosine = torch.cosine_similarity(mixed, single, dim=0)
check("nearly the same direction", bool(cosine > 0.98))
rounds = [[seconds(lambda f=f: gradcam_step(4, f), 1) for f in (half, conv)] for _ in range(repeats)]
ratio = min(times[0] for times in rounds) / min(times[1] for times in rounds)
print(f"cosine of the two gradients {cosine:.4f}")
print(f"mixed takes {ratio:.2f} times as long as single precision here")

# %% [markdown]
# ## The run axis
#
# An experiment on tables asks for hundreds of trainings of one small network: splits, $\lambda$, learning rates, seeds.
# As in [FE's chapter](10_speed), all tensors carry a leading axis of independent runs, and one batched product
# serves them all. Each run draws from its own generator, so its result does not depend on its company.

# %%
folds = data.folds(data.load("vehicle"), range(runs), dtype=torch.float64)
settings = Settings(LIME(M=M), S=0.3, hidden=64, epochs=1, batch=32)
how = {"settings": settings, "progress": False}
start = fit("pretrained", folds, Runs.grid(runs, lr=[0.05]), **how)
company = fit("ID-ExpO", folds, Runs.grid(runs, lam=[lam]), start=start, **how)
alone = fit("ID-ExpO", folds, Runs.grid(1, lam=[lam]), start=start, **how)
check("alone as in company", alone.run().theta["W1"], company.run().theta["W1"], tol=1e-9)


# %%
def milliseconds(R):
    """Milliseconds for an epoch of one run in a stack of R, in single precision."""
    table = data.folds(data.load("vehicle"), range(R))
    begun = fit("pretrained", table, Runs.grid(R, lr=[0.05]), **how)
    own = Settings(LIME(M=M), S=0.3, hidden=64, epochs=2, batch=32)
    trained = fit("ID-ExpO", table, Runs.grid(R, lam=[lam]), start=begun, settings=own, progress=False)
    return 1e3 * sum(trained.seconds) / R / own.epochs


def plain_epoch(some=32):
    """Milliseconds for an epoch of the chapters' loop, timed on some of its rows."""
    of, (x, y) = plain.functions(), (folds.x_train[0].float(), folds.y_train[0])
    f = nn.Sequential(nn.Linear(18, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)).float()

    def explain(f, x, y, b, Z):
        return of.plain_lime(f, x, y, b, Z, kernel(Z), 0.01)

    args = f, x[:some], y[:some], torch.zeros(18, dtype=torch.float32), explain
    return 1e3 * seconds(lambda: of.train_plain_id(*args, 5, lam, M=M, batch=some), 1) * len(x) / some


measured = {"plain loop": plain_epoch(), "lib, 1 run": milliseconds(1), f"lib, {runs} runs": milliseconds(runs)}

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 2.4))
bars = ax.barh(list(measured), list(measured.values()), color=["#999999", "#56B4E9", "#0072B2"])
ax.bar_label(bars, fmt="{:,.0f}", padding=3)
ax.invert_yaxis()
ax.set(xlabel="milliseconds for an epoch of one run (lower is better)")
ax.grid(axis="x")
faster = measured["plain loop"] / measured[f"lib, {runs} runs"]
ax.set_title(f"{runs} runs at once: {faster:,.0f} times the plain loop's speed")
ax.margins(x=0.12)
glue("speed-id-runs", fig, display=False)
glue("speed-S", str(S), display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} speed-id-runs
# :name: fig-speed-id-runs
# :alt: Bars of milliseconds for an epoch of one run: the plain loop, lib with one run and with ten.
#
# An epoch of ID-ExpO with LIME on Vehicle, one thread; the plain loop is that of [](14_regularizers).
# ```
#
# Convolutions gain nothing from stacking on a processor, so networks for images are trained one at a time, several
# processes beside each other. `make bench` measures whole trainings against the plain loops, prints the ratios and
# keeps them in `results/bench/ratios.csv`.
#
# For images it measures single steps and scores, of a ResNet-18 of width 16 (`tests/bench/images.py`). The table below
# is read from that file and was not measured on this build.

# %% tags=["remove-cell"]
whole_tables()
of_images = ["id_gradcam_step", "id_gradcam_exact", "id_lime_step", "id_image_metrics", "id_image_metrics_quantus"]
kept = ratios.read().query("measure in @of_images")
glue("speed-bench", ratios.made(kept), display=False)

# %% tags=["hide-input"]
ratios.table(kept, of_images)

# %% [markdown]
# *Times as fast as the plain form, median and [quartiles] of pairs timed in turn, and what was asked of the library
# beforehand.*
#
# Measured: {glue:text}`speed-bench`.
#
# The plain step explains image by image, takes one forward pass for each value of $s$ and each direction, and keeps one
# graph. The image metrics are compared with the plain loop and not with PixelFlipping of Quantus, which was the slower
# rival where it was tried (last row): its steps must divide the pixels of a channel, so that it takes 192 of 16 numbers
# in each direction where the library takes 32 of 48.
#
# ## What was learned
#
# Explainer and scoring are joined by $\phi$ alone, so cutting the gradient there lets a step run in parts of any size
# and changes nothing. Most of the rest is asking each question once; drawing a few values of $s$, with Grad-CAM, is the
# one large saving that adds noise, and the noise is small beside that of the batch.
