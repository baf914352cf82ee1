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
# slope, so gradient descent cannot learn it. The way out is a gate that can also stand half open, and chance that
# decides where it stands, around a centre that we train {cite:p}`yamada2020feature`. A draw is often exactly 0 or
# exactly 1, and where it is neither it has a slope. [](03_hard_choice) puts this beside the way in which ID solves the
# same problem.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $S$, $s_{nc}$ | strength: the influence of an entry if its gate is open | $(N, C)$ |
# | $Z$, $z_{nc}$ | gates, from 0 (shut) to 1 | $(N, C)$ |
# | $\mu_{nc}$ | centre of a gate, trained | $(N, C)$ |
# | $\epsilon_{nc}$, $\sigma$ | its noise, and the spread of it | $(N, C)$, one number |
# | $\Omega(Z)$ | number of open gates | one number |
# | $\Phi$, $\varphi$ | distribution function and density of the standard normal |  |
# | $\eta$ | price of an open gate |  |

# %% tags=["parameters"]
sigma = 0.5  # spread of the gates' noise
dataset = "glass"  # a data set's name, or a CSV file, class last
epochs = 200  # of each training below

# %% tags=["hide-input"]
import math
from itertools import product

import matplotlib.pyplot as plt
import seaborn
import torch
from myst_nb import glue
from torch.special import ndtr as Phi  # of the standard normal

from lib import data, gates
from lib.check import check
from lib.study import figures
from lib.training import Runs, fit
from lib.training.fewer import Settings

figures.use()
torch.set_default_dtype(torch.float64)
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
# \begin{aligned}
# z_{nc} &= \max(0, \min(1, \mu_{nc} + \epsilon_{nc})), \\
# \epsilon_{nc} &\sim \mathcal{N}(0, \sigma^2)
# \end{aligned} \tag{FE-8}
# $$ (fe-8)
#
# Its centre $\mu_{nc}$ is trained like any other parameter.


# %%
def z(mu, eps):
    return (mu + eps).clamp(max=1).clamp(min=0)


mu = torch.linspace(-2, 3, 500, requires_grad=True)
eps = sigma * torch.randn(500, generator=rng)
z(mu, eps).sum().backward()
between = (mu + eps > 0) & (mu + eps < 1)
check("the library's gate", z(mu, eps), gates.sample(mu, eps), tol=0)
check("slope 1 between, else 0", mu.grad, between.double(), tol=0)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(figures.WIDTH, 2.6), sharey=True)
for ax, centre in zip(axes, (-0.25, 0.5, 1.25)):
    draws = z(torch.tensor(centre), sigma * torch.randn(100_000, generator=rng))
    inside = draws[(draws > 0) & (draws < 1)]
    share = [1 / len(draws)] * len(inside)
    seaborn.histplot(x=inside, bins=20, binrange=(0, 1), weights=share, color="#9ecae1", alpha=1, ax=ax)
    for end in (0.0, 1.0):
        share = (draws == end).double().mean().item()
        ax.bar(end, share, width=0.05, color=figures.METHODS["Ours"].color)
        ax.text(end, share + 0.02, f"{share:.0%}", ha="center", fontsize=11)
    ax.set(title=rf"$\mu$ = {centre}", xlabel="z", xticks=[0, 0.5, 1], xlim=(-0.2, 1.2), ylim=(0, 0.85))
axes[0].set_ylabel("share of draws")
figures.headline(fig, "Most draws of a decided gate are exactly 0 or exactly 1")
glue("gates-draws", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gates-draws
# :name: fig-gates-draws
# :alt: Histograms of a gate for three centres: most draws are 0 below 0, 1 above 1, and between at one half.
#
# Draws of {eq}`fe-8` for three centres. Dark: exactly 0, exactly 1.
# ```
#
# The slope tells how such a gate learns. In a draw between 0 and 1 the gate feels the data. Shut or fully open it feels
# nothing, until the noise of a later draw brings it back.
#
# Chance alone would not be enough. A random yes or no, 1 where $\mu + \epsilon > 0$ and 0 elsewhere, has a smooth
# average too, but each draw has slope 0, and so has the mean of these slopes. The straight piece between 0 and 1 is
# what makes drawing teach: nothing jumps there, so the slopes of draws are on average the slope of the average.

# %%
centres = torch.tensor([-0.5, 0.0, 0.5, 1.25], requires_grad=True)
noise = sigma * torch.randn(100_000, 4, generator=torch.Generator().manual_seed(1))
(slopes,) = torch.autograd.grad(z(centres, noise).mean(0).sum(), centres)
of_the_mean = Phi(centres / sigma) - Phi((centres - 1) / sigma)
check("slopes of draws, on average", slopes, of_the_mean.detach(), tol=0.01)

# %% [markdown]
# A shut gate is exactly 0, so by {eq}`fe-7` its entry is gone.

# %%
N, C, K = 30, 3, 8
S = torch.randn(N, C, generator=rng)
F_n, f_x = torch.randn(N, K, generator=rng), torch.randn(K, generator=rng)
A = z(-0.25, sigma * torch.randn(N, C, generator=rng)) * S
some = (A != 0).any(1)
print(f"{int(some.sum())} of {N} examples have an open gate")
without = A[some].T @ F_n[some] @ f_x
check("the rest may be deleted", A.T @ F_n @ f_x, without)

# %% [markdown]
# ## What open gates cost
#
# To get few examples we charge for each open gate. The number of open gates, $\Omega(Z)$, jumps with every draw. Its
# expectation does not jump, and it can be computed without any draws. A gate is open when
# $\mu_{nc} + \epsilon_{nc} > 0$, so
#
# $$
# \mathbb{E}[\Omega(Z)] = \sum_{n=1}^{N} \sum_{c=1}^{C} \Phi\!\left(\frac{\mu_{nc}}{\sigma}\right), \tag{FE-9}
# $$ (fe-9)
#
# with $\Phi$ the distribution function of the standard normal. Its density is $\varphi$.


# %%
def expected_open(mu, sigma):
    return Phi(mu / sigma).sum()


mu = torch.randn(N, C, generator=rng)
eps = sigma * torch.randn(20_000, N, C, generator=rng)
counts = (z(mu, eps) > 0).double().sum((1, 2))
expected, error = expected_open(mu, sigma), counts.std() / len(counts) ** 0.5
print(f"expected {expected:.2f} of {N * C}, counted {counts.mean():.2f}")
off = (counts.mean() - expected).abs()
check("within 3 standard errors", bool(off < 3 * error))
check("the library's", expected, gates.expected_open(mu, sigma))

# %% [markdown]
# What kind of charge is this? Without noise it counts the positive centres, an honest number of entries, with no
# slope. With noise it has a slope everywhere, the normal density, steepest at $\mu = 0$: gates about to shut are pushed
# hardest, and those far open or long shut are left alone.

# %%
count = (mu > 0).double().sum()
check("no noise, a count", expected_open(mu, 1e-9), count)
centres = torch.tensor([-1.0, 0.0, 0.5, 1.5], requires_grad=True)
expected_open(centres, sigma).backward()
print("slope at -1, 0, 0.5, 1.5:", *(f"{slope:.3f}" for slope in centres.grad))

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
# > no random number: by {eq}`fe-7` the expectation of $z_{nc} s_{nc}$ carries it along, and without it no influence
# > could be negative. And $\max(0, \min(1, \mu))$ is the gate at its average noise, which is not the average gate. We
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
    density = torch.exp(-((m / sigma) ** 2) / 2) / math.sqrt(2 * math.pi)
    return m * Phi(m / sigma) + sigma * density


def exact_mean(mu, sigma):
    return psi(mu, sigma) - psi(mu - 1, sigma)


mu = torch.linspace(-1.5, 2.5, 401)
exact, printed = exact_mean(mu, sigma), mu.clamp(0, 1)
gap = (exact - printed).abs()
print(f"largest gap {gap.max():.4f}, at mu = {mu[gap.argmax()]:.2f}")
check("the library's exact", exact, gates.exact_mean(mu, sigma))
check("the library's printed", printed, gates.clamped_mean(mu), tol=0)
check("no gap without noise", exact_mean(mu, 1e-9), printed)

# %% tags=["hide-input"]
centres = torch.arange(-1.5, 2.6, 0.25)
drawn = z(centres, sigma * torch.randn(20_000, 1, generator=rng)).mean(0)
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.2))
ax.plot(mu, exact, label="exact")
ax.plot(mu, printed, "--", label="as printed (FE-20)")
ax.plot(centres, drawn, "o", color=figures.INK, markersize=4, label="average of 20,000 draws")
ax.set(xlabel=r"centre of the gate, $\mu$", ylabel="mean of the gate, E[z]")
ax.set_title(f"The printed mean is off by at most {gap.max():.2f}")
ax.legend()
glue("gates-mean", fig, display=False)
glue("gates-gap", gap.max().item(), display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gates-mean
# :name: fig-gates-mean
# :alt: The exact mean is smooth and passes through averages of draws; the printed one has corners at 0 and 1.
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


def history(etas, **start):
    fixed = {"epochs": epochs, "patience": epochs, "sigma": sigma, "U": (10,)}
    runs, settings = Runs.grid(1, eta=etas), Settings(**fixed, **start)
    return fit("Ours", folds, runs, settings=settings, progress=False).history


epoch, share = map(history(etas).get, ("epoch", "open"))
steps = math.ceil(folds.x_train.shape[1] / Settings.batch)  # in an epoch
alone = torch.tensor(Settings.mu_start, requires_grad=True)  # a gate that feels nothing but the price
adam = torch.optim.Adam([alone], Settings.lr)
fallen = 0
while alone > 0:
    adam.zero_grad()
    (1e-2 * expected_open(alone, sigma)).backward()
    adam.step()
    fallen += 1
cliff = fallen / steps
print("open at the end:", *(f"{eta:g}: {s:.2f}," for eta, s in zip(etas, share[-1])))

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.2))
for eta, line, style in zip(etas, share.T, ("-", "--", "-.", ":")):
    ax.plot(epoch, line, style, label=rf"$\eta$ = {figures.number(eta)}")
ax.axvline(cliff, color="#999999", linewidth=1)
ax.set(xlabel="epoch", ylabel="share of gates\nmore open than shut", ylim=(-0.02, 1.05))
figures.headline(
    fig, f"Open at the end: {share[-1, 0]:.0%} of the gates at no price, {share[-1, -1]:.0%} at the highest"
)
figures.ends(ax)
glue("gates-training", fig, display=False)
glue("gates-cliff", cliff, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gates-training
# :name: fig-gates-training
# :alt: Share of open gates over the epochs. All stay open until near epoch 100; then a higher price shuts more.
#
# Share of gates with $\mu > 0$ over training on {eq}`fe-10`. Grey: the epoch at which a gate that feels nothing but the
# price arrives at 0.
# ```
#
# The cliff in {numref}`fig-gates-training` looks like an accident and is none. Adam rescales every gradient, so as long
# as the price is all that a gate feels, its centre falls by about the learning rate a step, whatever the price, and a
# little faster as the slope of {eq}`fe-9` grows. All start at the same $\mu$, so all that feel nothing else arrive at
# zero together: here after {glue:text}`gates-cliff:.0f` epochs. Gates that the data hold arrive later or never, and how
# many those are is what the price decides.
#
# ## Where gates start
#
# The paper does not say where $\mu$ and $S$ start, and it matters. The data speak to a gate through its strength: in a
# draw between 0 and 1 the slope of the loss at $\mu_{nc}$ is $s_{nc}$ times its slope at $\alpha_{nc}$, in any other
# it is 0. Start with tiny strengths, and hardly any gate has a reason to stay open.

# %%
share_from = {}
for mu_start, S_start in product((0.0, 0.5, 1.0), (0.01, 1.0)):
    line = history([1e-2], mu_start=mu_start, S_start=S_start)["open"][:, 0]
    share_from[mu_start, S_start] = line
    print(f"mu = {mu_start}, S ~ {S_start:4} N(0, 1): {line[-1]:.2f} open")

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(figures.WIDTH, 2.9), sharey=True)
for ax, mu_start in zip(axes, (0.0, 0.5, 1.0)):
    for S_start, style in ((1.0, "-"), (0.01, "--")):
        ax.plot(epoch, share_from[mu_start, S_start], style, label=f"S ~ {figures.number(S_start)} N(0, 1)")
    ax.set(title=rf"$\mu$ starts at {mu_start:g}", xlabel="epoch", ylim=(-0.02, 1.05))
axes[0].set_ylabel("share of gates\nmore open than shut")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
left = [f"{share_from[mu_start, 1.0][-1]:.0%} from μ = {mu_start:g}" for mu_start in (0.0, 0.5, 1.0)]
figures.headline(fig, f"Open after {epochs} epochs, with S from N(0, 1): {', '.join(left)}")
glue("gates-start", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} gates-start
# :name: fig-gates-start
# :alt: Share of open gates from six starts. From mu = 0 all shut at once; with small S more shut, and sooner.
#
# The same training at $\eta = 10^{-2}$ from six starts. At the end gates from $\mu = 0.5$ and from 1 still fall.
# ```
#
# From $\mu = 0$ nearly every gate is more shut than open within a few steps ({numref}`fig-gates-start`); with small
# strengths as well, none comes back. In this chapter $\mu$ starts at 0.5, as likely to be wholly open as to be wholly
# shut, and $S$ from a standard normal, as in the library unless `Settings(mu_start=..., S_start=...)` say otherwise.
# The [results](11_results) start $S$ where validation liked it best, at a hundredth or at a scale that each data set
# sets: fewer gates stay open then, and with ten entries that helped ([](30_readings)).
#
# [The objective](06_objective) writes down how the data pull.
#
# ## What was learned
#
# A gate is a Gaussian cut off at 0 and 1: its draws are real choices, and the expected number of open gates has a slope
# everywhere. Where $\mu$ and $S$ start matters, because the price pushes all gates at the same pace before the data
# have had a say.
