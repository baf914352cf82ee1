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
# # Gates
#
# An explanation by few examples needs a choice for every entry of $A$: takes part, or does not. A yes or no has no
# slope, so gradient descent cannot learn it. The way out is to let chance decide, around a centre that we train. Each
# draw is as hard as before, and its average over draws is smooth in the centre {cite:p}`yamada2020feature`.

# %% tags=["parameters"]
sigma = 0.5  # spread of the gates' noise
dataset = "glass"  # a data set's name, or the path of a CSV file with the class last
epochs = 200  # of each training below

# %%
import math

import matplotlib.pyplot as plt
import torch
from myst_nb import glue
from torch.special import ndtr as Phi  # the standard normal's distribution function

from lib import data, figures, gates
from lib.training import Runs, Settings, train

figures.use()
rng = torch.Generator().manual_seed(0)

# %% [markdown]
# ## A gate on every entry
#
# Split each influence in two: a strength $s_{nc}$, how loudly example $n$ would speak for class $c$, and a gate
# $z_{nc} \in [0, 1]$, whether it may.
#
# $$
# A = Z \odot S \tag{FE-7}
# $$ (fe-7)
#
# The gate is a Gaussian, cut off at 0 and at 1:
#
# $$
# z_{nc} = \max(0, \min(1, \mu_{nc} + \epsilon_{nc})), \quad \epsilon_{nc} \sim \mathcal{N}(0, \sigma^2) \tag{FE-8}
# $$ (fe-8)
#
# Its centre $\mu_{nc}$ is trained like any other parameter.


# %%
def z(mu, eps):
    return (mu + eps).clamp(max=1).clamp(min=0)


mu = torch.linspace(-2, 3, 500, dtype=torch.float64, requires_grad=True)
eps = sigma * torch.randn(500, dtype=torch.float64, generator=rng)
z(mu, eps).sum().backward()
between = (mu + eps > 0) & (mu + eps < 1)
print("the library's gate:", torch.equal(z(mu, eps), gates.sample(mu, eps)))
print("slope 1 between, 0 outside:", torch.equal(mu.grad, between.double()))

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(figures.WIDTH, 2.6), sharey=True)
for ax, centre in zip(axes, (-0.25, 0.5, 1.25)):
    draws = z(torch.tensor(centre), sigma * torch.randn(100_000, generator=rng))
    inside = draws[(draws > 0) & (draws < 1)]
    ax.hist(inside, bins=20, range=(0, 1), weights=torch.full_like(inside, 1 / len(draws)), color="#9ecae1")
    for end in (0.0, 1.0):
        share = (draws == end).double().mean().item()
        ax.bar(end, share, width=0.05, color=figures.METHODS["Ours"].color)
        ax.text(end, share + 0.02, f"{share:.0%}", ha="center", fontsize=11)
    ax.set(title=rf"$\mu$ = {centre}", xlabel="z", xticks=[0, 0.5, 1], xlim=(-0.2, 1.2), ylim=(0, 0.85))
axes[0].set_ylabel("share of draws")
figures.headline(fig, "A gate is often wholly shut or wholly open, and in between at times")
glue("gates-draws", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gates-draws
# :name: fig-gates-draws
# :alt: Three histograms of a gate's draws. With its centre below 0 most are exactly 0, with its centre above 1 most
#   are exactly 1, and with its centre at one half they are spread evenly over shut, open and between.
#
# Draws of {eq}`fe-8` for three centres. Dark: exactly 0, exactly 1.
# ```
#
# The slope tells how such a gate learns. In a draw between 0 and 1 it feels the data; shut or fully open it feels
# nothing, and waits for the noise to bring it back. Being shut is meant literally: by {eq}`fe-7` the entry is gone.

# %%
N, C, K = 30, 3, 8
S, F_n, f_x = (torch.randn(shape, dtype=torch.float64, generator=rng) for shape in [(N, C), (N, K), (K,)])
Z = z(torch.full((N, C), -0.25), sigma * torch.randn(N, C, dtype=torch.float64, generator=rng))
is_open = (Z > 0).any(1)
scores = (Z * S).T @ F_n @ f_x
print(f"{int(is_open.sum())} of {N} examples have an open gate")
print("the others could as well be deleted:", torch.allclose(scores, (Z * S)[is_open].T @ F_n[is_open] @ f_x))

# %% [markdown]
# ## What open gates cost
#
# To get few examples we charge for each open gate. The number of open gates, $\Omega(Z)$, jumps with every draw; its
# expectation does not, and needs no draws at all. A gate is open when $\mu_{nc} + \epsilon_{nc} > 0$, so
#
# $$
# \mathbb{E}[\Omega(Z)] = \sum_{n=1}^{N} \sum_{c=1}^{C} \Phi\!\left(\frac{\mu_{nc}}{\sigma}\right), \tag{FE-9}
# $$ (fe-9)
#
# with $\Phi$ the distribution function of the standard normal.


# %%
def expected_open(mu, sigma):
    return Phi(mu / sigma).sum()


mu = torch.randn(N, C, dtype=torch.float64, generator=rng)
eps = sigma * torch.randn(20_000, N, C, dtype=torch.float64, generator=rng)
counts = (z(mu, eps) > 0).double().sum((1, 2))
off = (counts.mean() - expected_open(mu, sigma)) / (counts.std() / len(counts) ** 0.5)
print(f"expected {expected_open(mu, sigma):.2f} of {N * C}, counted {counts.mean():.2f} on average")
print("within 3 standard errors:", bool(off.abs() < 3))
print("the library's:", torch.allclose(expected_open(mu, sigma), gates.expected_open(mu, sigma)))

# %% [markdown]
# Two limits say what kind of charge this is. Without noise it counts the positive centres, an honest number of
# examples, with no slope. With noise it has a slope everywhere, the normal density, steepest at $\mu = 0$: undecided
# gates are pushed hardest, and those far open or long shut are left alone.

# %%
print("no noise, a count:", torch.isclose(expected_open(mu, 1e-9), (mu > 0).double().sum()).item())
centres = torch.tensor([-1.0, 0.0, 0.5, 1.5], requires_grad=True)
expected_open(centres, sigma).backward()
print("slope at -1, 0, 0.5, 1.5:", [round(slope, 3) for slope in centres.grad.tolist()])

# %% [markdown]
# ## How open a gate is on average
#
# Once trained, an explanation should not change from draw to draw. Each entry gets its expected influence:
#
# $$
# \mathbb{E}[\alpha_{nc}] \approx \max(0, \min(1, \mu_{nc}))\, s_{nc} \tag{FE-20}
# $$ (fe-20)
#
# > **Where we depart from the paper.** It prints {eq}`fe-20` with an equals sign and without $s_{nc}$. But $s_{nc}$ is
# > no random number: by {eq}`fe-7` the expectation of $z_{nc} s_{nc}$ carries it along, and without it every influence
# > would be positive. And $\max(0, \min(1, \mu))$ is the gate at its average noise, which is not the average gate. We
# > keep the factor, and use the printed mean unless told otherwise (`Settings(exact_mean=True)`).
#
# The average gate has a closed form. Clamping to $[0, 1]$ is a ReLU minus a ReLU one step to the right, and the mean of
# a ReLU of a Gaussian is known:
#
# $$
# \begin{aligned}
# \mathbb{E}[z] &= \psi(\mu) - \psi(\mu - 1), \\
# \psi(m) &= m\, \Phi\!\left(\tfrac{m}{\sigma}\right) + \sigma\, \varphi\!\left(\tfrac{m}{\sigma}\right).
# \end{aligned}
# $$


# %%
def psi(m, sigma):
    phi = torch.exp(-((m / sigma) ** 2) / 2) / math.sqrt(2 * math.pi)  # the standard normal density
    return m * Phi(m / sigma) + sigma * phi


def exact_mean(mu, sigma):
    return psi(mu, sigma) - psi(mu - 1, sigma)


mu = torch.linspace(-1.5, 2.5, 401, dtype=torch.float64)
gap = (exact_mean(mu, sigma) - gates.clamped_mean(mu)).abs()
print(f"largest gap {gap.max():.4f}, at mu = {mu[gap.argmax()]:.2f}")
print("the library's:", torch.allclose(exact_mean(mu, sigma), gates.exact_mean(mu, sigma)))
print("no gap without noise:", torch.allclose(exact_mean(mu, 1e-9), gates.clamped_mean(mu)))

# %% tags=["hide-input"]
centres = torch.arange(-1.5, 2.6, 0.25, dtype=torch.float64)
drawn = z(centres, sigma * torch.randn(20_000, 1, dtype=torch.float64, generator=rng)).mean(0)
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.2))
ax.plot(mu, exact_mean(mu, sigma), label="exact")
ax.plot(mu, gates.clamped_mean(mu), "--", label="as printed (FE-20)")
ax.plot(centres, drawn, "o", color=figures.INK, markersize=4, label="average of 20,000 draws")
ax.set(xlabel=r"centre of the gate, $\mu$", ylabel="mean of the gate, E[z]")
ax.set_title("The printed mean is right except for undecided gates")
ax.legend()
glue("gates-mean", fig, display=False)
glue("gates-gap", gap.max().item(), display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gates-mean
# :name: fig-gates-mean
# :alt: The mean of a gate against its centre. The exact curve is smooth and passes through the averages of draws; the
#   printed one has corners at 0 and 1, and departs from it there.
#
# The mean of a gate, three ways.
# ```
#
# The gap is at most {glue:text}`gates-gap:.3f`, at centres 0 and 1, where the noise spills over one edge only
# ({numref}`fig-gates-mean`). The printed mean has one property of its own: it is exactly zero for $\mu \le 0$, so a
# gate more likely shut than open counts for nothing.
#
# ## Gates in training
#
# Now let a model train, with four prices $\eta$ for an open gate, and watch the share of gates that are more likely
# open than shut.

# %%
folds = data.folds(data.load(dataset), splits=[0], dtype=torch.float64)
etas = [0, 1e-3, 1e-2, 1e-1]


def history(eta, **start):
    settings = Settings(epochs=epochs, patience=epochs, sigma=sigma, U=(10,), **start)
    runs = Runs.grid(folds=1, etas=eta)
    trained = train("Ours", folds, runs, settings, dtype=torch.float64, progress=False)
    return trained.history["epoch"], trained.history["open"]


epoch, share = history(etas)
steps = math.ceil(folds.x_train.shape[1] / Settings.batch)  # in an epoch
cliff = Settings.mu_start / Settings.lr / steps
print("open at the end:", {eta: round(open_share, 2) for eta, open_share in zip(etas, share[-1].tolist())})

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.2))
for eta, line, style in zip(etas, share.T, ("-", "--", "-.", ":")):
    ax.plot(epoch, line, style, label=rf"$\eta$ = {figures.number(eta)}")
ax.axvline(cliff, color="#999999", linewidth=1)
ax.set(xlabel="epoch", ylabel="share of gates\nmore open than shut", ylim=(-0.02, 1.05))
ax.set_title("Nothing moves for long, then most gates shut at once")
ax.legend(loc="lower left")
glue("gates-training", fig, display=False)
glue("gates-cliff", cliff, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gates-training
# :name: fig-gates-training
# :alt: Share of open gates over the epochs for four prices. All stay open until a marked epoch; then the higher the
#   price, the faster they shut. With no price they stay open.
#
# Share of gates with $\mu > 0$ over training on {eq}`fe-10`. Grey: the epoch at which a centre that loses Adam's
# learning rate with every step has come from 0.5 to 0.
# ```
#
# The cliff in {numref}`fig-gates-training` looks like an accident and is none. Adam rescales every gradient, so as long
# as the charge is all that a gate feels, its centre falls by about the learning rate a step, whatever the price. All
# start at the same $\mu$, so all arrive at zero together: here after {glue:text}`gates-cliff:.0f` epochs. What the
# price decides is which gates can resist, because the data pull them the other way.
#
# ## Where gates start
#
# The paper does not say where $\mu$ and $S$ start, and it matters. The data speak to a gate through its strength: the
# slope of the loss at $\mu_{nc}$ is $s_{nc}$ times its slope at $\alpha_{nc}$. Start with tiny strengths, and hardly
# any gate has a reason to stay open.

# %%
starts = [(mu_start, S_start) for mu_start in (0.0, 0.5, 1.0) for S_start in (0.01, 1.0)]
share_from = {s: history([1e-2], mu_start=s[0], S_start=s[1])[1][:, 0] for s in starts}
print("open at the end:", {s: round(line[-1].item(), 2) for s, line in share_from.items()})

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(figures.WIDTH, 2.9), sharey=True)
for ax, mu_start in zip(axes, (0.0, 0.5, 1.0)):
    for S_start, style in ((1.0, "-"), (0.01, "--")):
        ax.plot(epoch, share_from[mu_start, S_start], style, label=f"S ~ {figures.number(S_start)} N(0, 1)")
    ax.set(title=rf"$\mu$ starts at {mu_start:g}", xlabel="epoch", ylim=(-0.02, 1.05))
axes[0].set_ylabel("share of gates\nmore open than shut")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
figures.headline(fig, "Start low, and the gates shut before the data had a say")
glue("gates-start", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gates-start
# :name: fig-gates-start
# :alt: Share of open gates over the epochs for three start values of mu and two of S. From mu = 0 all gates shut at
#   once. From 0.5 and 1 they stay open for longer, and small start values of S let them shut sooner.
#
# The same training at $\eta = 10^{-2}$ from six starts.
# ```
#
# From $\mu = 0$ every gate is shut within a few steps ({numref}`fig-gates-start`); with small strengths as well, none
# comes back. We start at $\mu = 0.5$, where shut, open and between are about equally likely, and with $S$ from a
# standard normal. Both are arguments: `Settings(mu_start=..., S_start=...)`.
#
# What remains is to say what "the data pull" means. That is [the objective](03_objective).
