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
# # A hard choice made smooth
#
# Both papers ask a network to choose. FE chooses which training examples may explain a prediction, ID chooses which
# features of an input count among its most important. A choice is a yes or a no, and a yes or a no has no slope:
# move what decides it a little, and nothing happens, until everything does. Gradient descent cannot learn from that.
#
# Both papers make the choice smooth, and each in its own way. FE adds noise to a clamped line and calls the result a
# *gate*. ID replaces a step by a sigmoid and calls the result a *soft mask*. This chapter puts them side by side,
# because what they share explains why both work, and what they do not share explains most of what follows.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $\mu$ | centre of a gate, trained | one for each entry |
# | $\epsilon$, $\sigma$ | its noise, and the spread of it | like $\mu$ |
# | $z$ | the gate, between 0 and 1 | like $\mu$ |
# | $\phi$, $t$ | contribution of a feature, and the threshold it must pass | one for each feature; one for each $s$ |
# | $T$ | how steep the sigmoid is | one for each sample |
# | $r$ | the soft mask, between 0 and 1 | like $\phi$ |

# %% tags=["parameters"]
sigma = 0.5  # spread of the gate's noise
T = 4.0  # steepness of the soft mask

# %% tags=["hide-input"]
import json

import matplotlib.pyplot as plt
import torch
from IPython.display import HTML
from myst_nb import glue
from torch.special import ndtr as Phi  # of the standard normal

from lib import gates, masks
from lib.check import check
from lib.study import figures

figures.use()
torch.set_default_dtype(torch.float64)
rng = torch.Generator().manual_seed(0)

# %% [markdown]
# ## Four curves
#
# Let $u$ be what decides. The choice itself is a **step**: no below 0, yes above.
#
# A **gate** is drawn at random. Its centre is $u$, noise is added, and the sum is cut off at 0 and at 1, as in FE-8
# ([](05_gates)). One draw follows a line with two corners. The mean over draws has no corner at all.
#
# A **soft mask** is not random. It is the sigmoid of $T u$, as in ID-7 ([](13_soft_masks)), where $u = \phi - t$ is how
# far a contribution lies above its threshold.


# %%
def step(u):
    return (u > 0).double()


def gate(u, eps):
    return (u + eps).clamp(0, 1)


def mean_gate(u, sigma):
    return gates.exact_mean(u, sigma)


def soft(u, T):
    return torch.sigmoid(T * u)


u = torch.linspace(-2, 3, 501)
noise = sigma * torch.randn(50_000, 1, generator=rng)
some = u[::50]
check("the mean over draws", gate(some, noise).mean(0), mean_gate(some, sigma), tol=0.01)
phi = torch.tensor([3.0, 1.0, 0.0])
check("the library's soft mask", soft(phi - 0.5, T), masks.soft_mask(phi, [2], T)[0], tol=1e-12)

# %% tags=["hide-input"]
fig, axes = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.1), sharey=True)
ours = figures.METHODS["Ours"].color
axes[0].plot(u, step(u), color="#999999", linestyle=":", label="step")
axes[0].plot(u, gate(u, torch.tensor(-0.4 * sigma)), color="#6baed6", linestyle="--", label="gate, one draw")
axes[0].plot(u, mean_gate(u, sigma), color=ours, label="gate, mean")
axes[1].plot(u, step(u), color="#999999", linestyle=":")
axes[1].plot(u, soft(u, T), color="#d55e00", label="soft mask")
axes[0].set(xlabel=r"centre $\mu$", ylabel="how much is chosen", xlim=(-1.5, 2.5))
axes[1].set(xlabel=r"contribution above threshold, $\phi - t$", xlim=(-1.5, 1.5))
fig.legend(loc="outside lower center", ncols=4, fontsize=10)
figures.headline(fig, "A step has no slope; both papers give it one")
glue("choice-curves", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} choice-curves
# :name: fig-choice-curves
# :alt: Left: a step, one draw of a gate with corners, and the smooth mean of the gate. Right: a step and a sigmoid.
#
# Left, FE's gate. Right, ID's soft mask. Dotted in both: the hard choice.
# ```
#
# ## Two slopes, one knob each
#
# What a gradient feels is the slope. The slope of the gate's mean is the probability that a draw lands between the two
# corners. The slope of the soft mask is $T r (1 - r)$, largest where the mask is undecided.


# %%
def gate_slope(u, sigma):
    return Phi(u / sigma) - Phi((u - 1) / sigma)


def soft_slope(u, T):
    return T * soft(u, T) * (1 - soft(u, T))


leaf = u.clone().requires_grad_()
for name, curve, slope in (
    ("the gate's slope", mean_gate(leaf, sigma), gate_slope(u, sigma)),
    ("the soft mask's slope", soft(leaf, T), soft_slope(u, T)),
):
    (grad,) = torch.autograd.grad(curve.sum(), leaf)
    check(name, grad, slope, tol=1e-12)

# %% [markdown]
# Each has one knob of softness: the spread $\sigma$ of the noise, and $1/T$. Turn both to zero. The soft mask becomes
# the step. The gate does not: without noise it is still a line from 0 to 1, one unit wide. So a gate is a choice with a
# middle. Two things drive it out of there. The price of open gates (FE-9) pushes it towards shut. And noise makes $h$
# waver most in the middle, which costs loss, so the data settle it at one end or the other. Both need the knob: without
# noise the price has no slope, and nothing wavers.

# %%
away = u.abs() > 1e-2
check("no softness left: the soft mask is a step", soft(u, 1e5)[away], step(u)[away], tol=1e-12)
check("no noise left: the gate is a line with two corners", mean_gate(u, 1e-9), u.clamp(0, 1), tol=1e-8)

# %% [markdown]
# Move the two knobs. Thick: how much is chosen. Thin: its slope (the soft mask's divided by $T$, to fit). Dotted: the
# hard choice.

# %% tags=["hide-input"]
grid = torch.linspace(-2, 3, 101)
sigmas, temperatures = [0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0], [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


def rounded(values):
    return [round(v, 3) for v in values.tolist()]


player = {
    "u": rounded(grid),
    "gate": [[rounded(mean_gate(grid, s)), rounded(gate_slope(grid, s))] for s in sigmas],
    "soft": [[rounded(soft(grid, t)), rounded(soft_slope(grid, t) / t)] for t in temperatures],
    "shut": [[round(Phi(torch.tensor(-c / s)).item(), 3) for c in (-0.25, 0.5, 1.25)] for s in sigmas],
    "sigmas": sigmas,
    "temperatures": temperatures,
}
HTML(
    f'<div id="choice-player" data-player="{json.dumps(player, separators=(",", ":")).replace(chr(34), "&quot;")}">'
    "<noscript>Two sliders stand here where JavaScript is allowed. The figure above shows one setting.</noscript></div>"
    '<script src="../_static/choice.js" defer></script>'
)

# %% [markdown]
# ## What differs
#
# **Exact zeros.** A gate that is shut is exactly 0, and so is its slope. Its entry is gone from the sum, and an example
# whose gates are all shut is gone from the computation, which saves FE the work ([](10_speed)). A sigmoid is never 0. A
# soft mask always mixes a little of everything into everything, and to report a score ID goes back to hard masks.

# %%
draws = gate(torch.tensor(-0.25), noise)
print(f"a gate at -0.25 is exactly 0 in {(draws == 0).double().mean():.0%} of draws")
check("as often as the noise stays below 0.25", (draws == 0).double().mean(), Phi(torch.tensor(0.25 / sigma)), tol=0.01)
smallest = soft(torch.tensor(-2.0), T).item()
print(f"a soft mask two units below its threshold still lets in {smallest:.4f}")

# %% [markdown]
# **Who decides.** The centre $\mu$ of a gate is a parameter. It is trained for itself, belongs to one entry (a training
# example and a class), and is the same for every input that is explained. The contribution $\phi$ of a feature is no
# parameter. An explainer computes it anew for each input from the network's answers, so the gradient passes through the
# mask into $\phi$, and through $\phi$ into the network: that path is what ID trains.
#
# **How many.** A gate compares its centre with 0, and nobody says how many gates may open. A price $\eta$ for each open
# gate does that, and how many stay open is an outcome. A soft mask compares a contribution with a threshold $t_s$ that
# lies between the $s$-th and the next one, so the number $s$ is given, and the threshold moves to keep it.

# %%
phi = torch.randn(10, generator=rng)
moved = phi + 7
check(
    "all contributions up by 7, the same mask", masks.soft_mask(phi, [3], T), masks.soft_mask(moved, [3], T), tol=1e-9
)
for up in (0.0, 0.5, 1.0):
    print(f"all centres up by {up}: {gates.expected_open(phi[:, None] + up, sigma).item():.1f} of 10 gates open")

# %% [markdown]
# ## What was learned
#
# A choice can be trained once something smooth stands for it: noise and a price in FE, a sigmoid of the contributions
# in ID. A gate can shut exactly, and a price decides how many stay open. A soft mask never shuts quite, and the number
# $s$ of features is given.
#
# FE continues with [two models that share one network](04_models) and with [gates](05_gates), ID with
# [insertion and deletion](12_insertion_deletion) and with [soft masks](13_soft_masks).
