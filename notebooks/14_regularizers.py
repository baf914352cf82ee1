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
# # The regularisers
#
# Two scores with slopes are at hand: the probability of $y$ along [soft masks](13_soft_masks), inserted and deleted. To
# train a predictor with them they must become something to minimise, and be added to what it is trained for anyway.
# How they are written down decides which inputs feel them, and when they stop pushing.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $f(\cdot)_y$, $u$ | probability of class $y$, and its log-odds | one for each input |
# | $a^{\mathrm{soft}}_s$, $d^{\mathrm{soft}}_s$ | $x$, its top $s$ features inserted, deleted softly | $(Q)$ |
# | $\Omega_{\mathrm{Ins}}$, $\Omega_{\mathrm{Del}}$ | the two regularisers | one for each sample |
# | $\lambda_1$, $\lambda_2$ | their weights; $\lambda_1 = \lambda_2 = \lambda$ |  |
# | $\lambda_3$ | weight of the size of $\phi$ |  |
# | $S$ | largest number of features inserted or deleted |  |

# %% tags=["plain"]
import torch
from torch.nn.functional import cross_entropy

# %% tags=["parameters"]
dataset = "vehicle"  # a data set's name, or a CSV file, class last
lam = 0.1  # weight of both regularisers
lr = 0.01  # learning rate
epochs = 10  # of fine-tuning
S_share = 0.3  # share of the features inserted and deleted
M = 64  # masks of the explainer

# %% tags=["hide-input"]
from copy import deepcopy
from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
from myst_nb import glue
from torch import nn
from torch.nn.functional import logsigmoid

from lib import data, metrics, regularizers
from lib.check import check
from lib.explainers import LIME
from lib.methods import METHODS
from lib.predictor import Predictor
from lib.regularizers import Path
from lib.study import figures
from lib.training import Runs, fit
from lib.training.expo import Settings
from lib.training.expo_step import objective

figures.use()
torch.set_default_dtype(torch.float64)
rng = torch.Generator().manual_seed(0)

# %% [markdown]
# ## Insertion
#
# For insertion, take logarithms along the way and turn the sign around:
#
# $$
# \Omega_{\mathrm{Ins}} = -\frac{1}{S} \sum_{s=1}^{S} \log f(a^{\mathrm{soft}}_s)_y
# \tag{ID-9}
# $$ (id-9)
#
# Each term is the cross-entropy of a masked input: "this is a $y$, even with so little of it to see".


# %%
def omega_ins(log_f_a):
    return -log_f_a.mean(-1)  # (B, S) -> (B,)


log_f_a, log_f_d = -torch.rand(2, 4, 5, generator=rng).exp()  # any, for S = 5
whole = -torch.rand(4, generator=rng).exp()  # log f(x)_y
path = Path(whole, log_f_a, log_f_d)
ours = omega_ins(log_f_a)
check("the library's", ours, regularizers.insertion(path))

# %% [markdown]
# Why the logarithm, when the score itself is a plain mean? The paper takes it for numerical stability. There is a
# second reason to like it: it pulls where insertion fails. Let $u$ be the log-odds of $y$, so that
# $f_y = \operatorname{sigmoid}(u)$. The slope of $-f_y$ is $-f_y (1 - f_y)$, and that of $-\log f_y$ is $-(1 - f_y)$.
# Where insertion fails worst, at $f_y \approx 0$, the plain score has no slope and the logarithm its full one.

# %%
u = torch.tensor([-20.0, -5.0, 0.0, 5.0], requires_grad=True)
for name, score in (("-f", -u.sigmoid()), ("-log f", -logsigmoid(u))):
    (slope,) = torch.autograd.grad(score.sum(), u)
    print(f"{name:6}", *(f"{v:+.4f}" for v in slope))

# %% [markdown]
# The logarithm is also safer to compute. Taken from the scores before the softmax it neither underflows nor divides by
# zero.
#
# ## Deletion, three ways
#
# The paper relates what deletion leaves to what there was:
#
# $$
# \Omega_{\mathrm{Del}} = -\frac{1}{S} \sum_{s=1}^{S}
# \log \frac{f(x)_y}{f(d^{\mathrm{soft}}_s)_y}
# \tag{ID-10}
# $$ (id-10)
#
# Its appendix compares this form, called Del-A,
#
# $$
# \Omega_{\mathrm{A}} = \Omega_{\mathrm{Del}}, \tag{ID-A1}
# $$ (id-a1)
#
# with two others. Del-B leaves $x$ itself out,
#
# $$
# \Omega_{\mathrm{B}} = \frac{1}{S} \sum_{s=1}^{S} \log f(d^{\mathrm{soft}}_s)_y, \tag{ID-A2}
# $$ (id-a2)
#
# and Del-C asks for "not $y$" as a cross-entropy would:
#
# $$
# \begin{aligned}
# \Omega_{\mathrm{C}} = -\frac{1}{S} \sum_{s=1}^{S} &\log\big(1 \\
# &- f(d^{\mathrm{soft}}_s)_y\big).
# \end{aligned} \tag{ID-A3}
# $$ (id-a3)


# %%
def omega_a(log_f_x, log_f_d):
    return -(log_f_x[:, None] - log_f_d).mean(-1)


def omega_b(log_f_d):
    return log_f_d.mean(-1)


def omega_c(log_f_d):
    return -torch.log(1 - log_f_d.exp()).mean(-1)


forms = {"A": omega_a(whole, log_f_d), "B": omega_b(log_f_d), "C": omega_c(log_f_d)}
for form, value in forms.items():
    library = regularizers.deletion(path, form)
    check(f"the library's {form}", value, library)

# %% [markdown]
# A and B look different and are nearly the same. In {eq}`id-10` the numerator does not depend on $s$, so it comes out
# of the sum: A is B plus the cross-entropy of $x$. Training with A is training with B and a larger weight on getting
# $x$ right. If A keeps accuracy better, this is why.

# %%
check("A = B + cross-entropy", forms["A"], forms["B"] - whole)

# %% [markdown]
# The difference that matters is the one to C. In log-odds $u$ of $y$ at the deleted input, B has the slope
# $1 - f_y$, C has $f_y$.

# %%
u = torch.linspace(-8, 8, 161, requires_grad=True)
curve = {"A and B": logsigmoid(u), "C": -logsigmoid(-u)}
slope = {name: torch.autograd.grad(v.sum(), u)[0] for name, v in curve.items()}
check("slope of B is 1 - f", slope["A and B"], 1 - u.sigmoid())
check("slope of C is f", slope["C"], u.sigmoid())

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.3))
looks = {name: figures.look(f"Del-{name}") | {"marker": ""} for name in "ABC"}
for name, look in (("A and B", looks["A"]), ("C", looks["C"] | {"linestyle": "--"})):
    axes[0].plot(u.detach(), curve[name].detach(), label=name, **look)
    axes[1].plot(u.detach(), slope[name], label=name, **look)
axes[0].set(title="value", ylabel="contribution to $\\Omega_{Del}$")
axes[1].set(title="slope", ylabel="how hard it\npushes u down", ylim=(-0.03, 1.03))
for ax in axes:
    ax.set_xlabel("u, log-odds of y after deletion")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
figures.headline(fig, "C lets go once deletion has worked, A and B never do")
glue("regularizers-forms", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} regularizers-forms
# :name: fig-regularizers-forms
# :alt: For low log-odds A and B fall without end at slope 1, C is flat at 0. For high ones it is the other way round.
#
# One term of each form, as a function of the log-odds of $y$ at the deleted input, and its slope.
# ```
#
# So they want different things ({numref}`fig-regularizers-forms`). C works on the deletions that fail, where $y$ is
# still likely, and leaves the others alone; it can never fall below zero. A and B push on where deletion has worked
# already and ask for more and more. They have no lower bound. What holds them back is the rest of the objective,
# because the same network must be right elsewhere.
#
# A case small enough to see all of it: a logistic predictor with log-odds $\beta\,(2 x_1 + x_2 - x_3)$ at $x = (1, 1,
# 1)$, explained by what each feature adds, $\phi = \beta\, (2, 1, -1)$, with hard masks. What would a larger $\beta$,
# a more decided predictor, bring?

# %%
beta = torch.linspace(0, 6, 61, requires_grad=True)
w, S = torch.tensor([2.0, 1.0, -1.0]), 2


def log_f(*kept):
    return logsigmoid(beta * (w * torch.tensor(kept)).sum())


inserted = torch.stack([log_f(1, 0, 0), log_f(1, 1, 0)], -1)
deleted = torch.stack([log_f(0, 1, 1), log_f(0, 0, 1)], -1)
simple = Path(log_f(1, 1, 1), inserted, deleted)
values = {"insertion": regularizers.insertion(simple)}
for form in "ABC":
    values[f"deletion {form}"] = regularizers.deletion(simple, form)
print("beta = 6:", ", ".join(f"{name} {value[-1]:.2f}" for name, value in values.items()))

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.2))
for (name, value), style in zip(values.items(), (":", "-", "--", "-.")):
    look = looks.get(name[-1], {"color": figures.INK})
    ax.plot(beta.detach(), value.detach(), label=name, **look | {"linestyle": style})
ax.set(xlabel=r"$\beta$, how decided the predictor is", ylabel="value (lower is better)")
ax.set_title("A and B reward ever larger scores, C and insertion have a floor")
figures.ends(ax)
glue("regularizers-simple", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} regularizers-simple
# :name: fig-regularizers-simple
# :alt: As the predictor gets more decided insertion falls to 0, A and B fall in straight lines, C stays above zero.
#
# The regularisers of a logistic predictor with three features, against the size of its weights, $S = 2$.
# ```
#
# Insertion and the ratio in A ask for larger weights, and with them for larger contributions
# ({numref}`fig-regularizers-simple`). The last term of the paper's objective puts a price on the size of the
# contributions, so that they do not diverge. (Those of {eq}`id-12` are bounded without it, as a fixed matrix times
# probabilities.)
#
# ## The whole objective
#
# $$
# \begin{aligned}
# \min_\theta \sum_{n=1}^{N} \Big[ &\mathcal{L}_{\mathrm{CE}}(f(x_n), y_n) \\
#   &+ \lambda_1 \Omega_{\mathrm{Ins}} + \lambda_2 \Omega_{\mathrm{Del}} \\
#   &+ \lambda_3 \lVert \phi_n \rVert^2 \Big]
# \end{aligned} \tag{ID-11}
# $$ (id-11)
#
# All terms are for the label $y_n$, and all but the first are computed from the explanation $\phi_n$. The paper calls
# training with them *ID-ExpO*, insertion/deletion metric-aware explanation-based optimization; with the first alone it
# is *CE-only*. As in the paper, $\lambda_1 = \lambda_2 = \lambda$. Plainly, for one sample, with the soft mask of
# {eq}`id-7` written out once more:


# %% tags=["plain"]
def soft_mask(phi, s):
    """r of ID-7, ID-8 for one sample (Q,) and s < Q; T takes no gradient."""
    T = len(phi.unique()) / (phi.max() - phi.min()).detach()
    value = phi.sort(descending=True).values
    return torch.sigmoid(T * (phi - (value[s - 1] + value[s]) / 2))


def plain_loss(f, x, y, b, phi, S, lam, lam3=0.0):
    """ID-11 for one sample, Omega_Del as in ID-10: x, b, phi (Q,), y a number."""
    log_f = f(x[None]).log_softmax(1)[0, y]
    omega_ins = omega_del = 0
    for s in range(1, S + 1):
        r = soft_mask(phi, s)
        a, d = r * x + (1 - r) * b, r * b + (1 - r) * x
        omega_ins = omega_ins - f(a[None]).log_softmax(1)[0, y] / S
        omega_del = omega_del - (log_f - f(d[None]).log_softmax(1)[0, y]) / S
    return -log_f + lam * (omega_ins + omega_del) + lam3 * phi.square().sum()


# %% [markdown]
# The explainer comes from the library for now; [the next chapter](15_explainers) writes it out. It has to be
# differentiable, because the parameters $\theta$ act on the objective in two ways: directly, through the masked
# inputs' probabilities, and through $\phi$, which says what is masked. {numref}`fig-speed-paths` draws both.


# %%
def lime(f, x, y, b, Z):
    """LIME of one sample x (Q,) by masks Z (M, Q)."""
    return LIME().explain(Predictor.of(f, b), x, y, Z=Z).phi


# %%
folds = data.folds(data.load(dataset), splits=[0], dtype=torch.float64)
X, Y, C = folds.x_train[0], folds.y_train[0], folds.C
(N, Q), b, S = X.shape, torch.zeros(X.shape[1]), round(S_share * X.shape[1])
settings = Settings(LIME(M=M), S=S_share, hidden=64, epochs=60, patience=60)
how = {"settings": settings, "progress": False}
start = fit("pretrained", folds, Runs.grid(1, lr=[0.05]), **how)


def network(theta):
    """The library's parameters as anybody's module."""
    layers = [nn.Linear(Q, 64), nn.Linear(64, 64), nn.Linear(64, C)]
    for layer, name in zip(layers, ("1", "2", "")):
        layer.weight.data = theta[f"W{name}"].detach().T.clone()
        layer.bias.data = theta[f"b{name}"][0].detach().clone()
    return nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])


# %% [markdown]
# The check: on one batch with the same masks, the library's {eq}`id-11` has the same value and the same slopes.

# %%
model, rows = start.run(), range(16)
f, theta = network(model.theta), {n: t.clone().requires_grad_() for n, t in model.theta.items()}
Z = torch.randint(2, (M, Q), generator=rng).to(X)


def mean_loss(explain):
    losses = [plain_loss(f, X[n], Y[n], b, explain(n), S, lam, 0.01) for n in rows]
    return sum(losses) / len(rows)


plainly = mean_loss(lambda n: lime(f, X[n], Y[n], b, Z))
options = {"method": METHODS["ID-ExpO"], "lam": lam, "lam3": 0.01}
options |= {"settings": settings, "drawn": {"Z": Z}}
library = objective(model.predictor.at(theta), X[:16], Y[:16], **options)
check("same objective", library, plainly)
(by_library,) = torch.autograd.grad(library, theta["W1"])
slopes = torch.autograd.grad(plainly, list(f.parameters()))
check("same slopes", by_library.T, slopes[0])

# %% [markdown]
# How much of the slope comes through $\phi$? To see it, hold $\phi$ fixed and compare.

# %%
phi = [lime(f, X[n], Y[n], b, Z).detach() for n in rows]
fixed, ce = mean_loss(lambda n: phi[n]), cross_entropy(f(X[:16]), Y[:16])
direct, ce = (torch.autograd.grad(v, list(f.parameters())) for v in (fixed, ce))
all_of_it, direct, ce = (torch.cat([g.flatten() for g in v]) for v in (slopes, direct, ce))
print(f"regularisers' slope: size {(all_of_it - ce).norm():.3f}")
print(f"its part through phi: size {(all_of_it - direct).norm():.3f}")
cosine = torch.cosine_similarity(all_of_it - ce, direct - ce, dim=0)
print(f"cosine of the slope with and without that part: {cosine:.2f}")

# %% [markdown]
# So here the part through $\phi$ is about a third of the regularisers' slope by length, and without it the direction
# would turn a little. Most of what training feels is the fit of the masked inputs.

# %% [markdown]
# ## Fine-tuning, plainly
#
# Shuffle the rows, take a batch, draw masks, explain each sample, add up {eq}`id-11`, and let SGD take a step.


# %% tags=["plain"]
def train_plain_id(
    f, x, y, b, explain, S, lam, lam3=0.0, lr=0.01, epochs=1, M=200, batch=128, seed=0
):  # fmt: skip
    """ID-11: fine-tunes one model f in place, a sample and a step at a time."""
    torch.manual_seed(seed)
    options = {"momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}
    sgd = torch.optim.SGD(f.parameters(), lr, **options)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(batch):
            Z = torch.randint(2, (M, x.shape[1])).to(x.dtype)
            loss = 0
            for n in rows:
                phi = explain(f, x[n], y[n], b, Z)
                loss = loss + plain_loss(f, x[n], y[n], b, phi, S, lam, lam3)
            sgd.zero_grad()
            (loss / len(rows)).backward()
            sgd.step()
    return f


# %% [markdown]
# The library trains many runs at once and batches all of this, but draws the same numbers. After three batches with few
# masks, both have arrived at the same parameters.

# %%
few = replace(folds, x_train=X[None, :96], y_train=Y[None, :96])
quick = Settings(LIME(M=8), S=S_share, hidden=64, epochs=1, batch=32)
how = {"start": start, "progress": False}
runs = Runs.grid(1, lam=[lam], lr=[lr])
library = fit("ID-ExpO", few, runs, settings=quick, **how).run()
library = network(library.theta)
plain = deepcopy(f)
train_plain_id(plain, X[:96], Y[:96], b, lime, S, lam, lr=lr, M=8, batch=32)
both = zip(plain.parameters(), library.parameters())
check("same parameters", *zip(*both))

# %% [markdown]
# ## Before and after
#
# Now a few epochs, with the cross-entropy alone and with {eq}`id-11`. Each run keeps its epoch of the best validation
# score, the `valscore` of [](18_measuring).

# %%
tuning = replace(settings, epochs=epochs, patience=epochs)
tuned, axes = {"before": start}, {"CE-only": {}, "ID-ExpO": {"lam": [lam]}}
for method, own in axes.items():
    runs = Runs.grid(1, lr=[lr], **own)
    tuned[method] = fit(method, folds, runs, settings=tuning, **how)


# %%
def measured(fitted):
    """Curves of test rows, the predicted class explained and scored, and a summary."""
    x, model = folds.x_test[0], fitted.run()
    y, phi = model.predict(x).argmax(-1), model.explain(x)
    path = metrics.curves(model.predictor, x, y, phi=phi, s=range(1, Q + 1))
    return path, {
        "accuracy": (y == folds.y_test[0]).double().mean().item(),
        "Ins (higher)": path.inserted[..., :S].mean().item(),
        "Del (lower)": path.deleted[..., :S].mean().item(),
        "mean size of phi": phi.norm(dim=1).mean().item(),
    }


found = {name: measured(model) for name, model in tuned.items()}
after = pd.DataFrame({name: summary for name, (_, summary) in found.items()}).T
after.round(3)

# %% tags=["hide-input"]
means = {name: (path.inserted.mean(0), path.deleted.mean(0)) for name, (path, *_) in found.items()}
looks = {name: figures.look(name) | {"markersize": 4} for name in ("CE-only", "ID-ExpO")}
looks["before"] = {"color": figures.INK, "linestyle": ":"}
fig = figures.paths(means, "Before and after a few epochs of fine-tuning", S, looks=looks)
glue("regularizers-after", fig, display=False)
for name in ("before", "CE-only", "ID-ExpO"):
    for key, column in (("ins", "Ins (higher)"), ("del", "Del (lower)"), ("acc", "accuracy")):
        glue(f"regularizers-{key}-{name}", float(after.loc[name, column]), display=False)
glue("regularizers-growth", float(after.loc["ID-ExpO"].iloc[-1] / after.loc["before"].iloc[-1]), display=False)
glue("regularizers-rows", len(folds.x_test[0]), display=False)
glue("regularizers-row", 1 / len(folds.x_test[0]), display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} regularizers-after
# :name: fig-regularizers-after
# :alt: Two panels of mean curves, insertion and deletion, before fine-tuning and after it, with and without.
#
# Mean curves of test rows before fine-tuning, after it with cross-entropy alone, and after it with {eq}`id-11`. Grey:
# the steps that were trained.
# ```
#
# With {eq}`id-11` deletion goes from {glue:text}`regularizers-del-before:.3f` to
# {glue:text}`regularizers-del-ID-ExpO:.3f` and insertion from {glue:text}`regularizers-ins-before:.3f` to
# {glue:text}`regularizers-ins-ID-ExpO:.3f` ({numref}`fig-regularizers-after`). More training alone, with the
# cross-entropy, leads to {glue:text}`regularizers-del-CE-only:.3f` and {glue:text}`regularizers-ins-CE-only:.3f`.
# Contributions change their mean size by a factor of {glue:text}`regularizers-growth:.2f`. Accuracy:
# {glue:text}`regularizers-acc-before:.3f` before, {glue:text}`regularizers-acc-ID-ExpO:.3f` after, and
# {glue:text}`regularizers-acc-CE-only:.3f` by cross-entropy.
#
# > **A teaching run is small**: one split, {glue:text}`regularizers-rows` test rows, one $\lambda$, a narrow network,
# > seconds. A single row is worth {glue:text}`regularizers-row:.1%` of accuracy. What holds over five splits and six
# > tables is in [](21_tables).
#
# ## What was learned
#
# Insertion and deletion become losses through the logarithm, which pulls hardest where insertion fails; forms A and B
# of deletion never let go, C does. The gradient reaches the network directly and through $\phi$, so an explainer that
# takes part must be differentiable.
