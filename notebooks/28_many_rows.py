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
# # A million rows
#
# The explanation model of paper FE is a sum over all training examples, each with gates of its own. Does it go on with
# a million of them? The cost of a step must then depend on how many rows have an open gate, and not on $N$. This page
# takes the three parts of a step that grow with $N$ one at a time, and measures what is left.

# %% tags=["parameters"]
N = 20_000  # rows of the examples on this page
mu = -1.2  # where their gates stand
eta = 1e-2  # price of an open gate
dataset = "segment"  # a data set's name, or a CSV file, class last
results = "results/many"  # records of the full run

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd
import seaborn
import torch

from lib import data, examples, gates
from lib.check import check
from lib.study import figures, pages_many, runs_fe
from lib.study.gluing import keep
from lib.training import Runs, fit, many

figures.use()
torch.set_default_dtype(torch.float64)
sigma, C = gates.SIGMA, 4
generator = torch.Generator().manual_seed(0)

# %% [markdown]
# ## Draw only what opens
#
# A row whose gates are all shut adds nothing to $h$ and gets no gradient from it, so $f$ is evaluated on open rows
# alone ([](10_speed)). But to know which rows are open, every gate's noise was drawn, by {eq}`fe-8`. Where all $n$
# gates stand at the same $\mu$ far below zero, that is much noise for few openings. Each gate opens with probability
# $p = \Phi(\mu / \sigma)$ ({eq}`fe-9`), alone and alike. So the *number* that opens is binomial, and only for those a
# value is drawn, from the part of the normal distribution above $-\mu$:


# %%
def opened(n):
    p = gates.open_probability(torch.tensor(mu), sigma)
    rows = int(torch.binomial(torch.tensor(float(n)), p, generator=generator))
    u = torch.rand(rows, generator=generator)
    return mu - sigma * torch.special.ndtri(p * u)  # z, before it is held below 1


# %% tags=["hide-input"]
few = torch.cat([opened(N) for _ in range(20)]).clamp_max(1)
every = gates.sample(torch.full((20 * N,), mu), sigma * torch.randn(20 * N, generator=generator))
fig, ax = plt.subplots(figsize=(figures.WIDTH, 2.8))
edges = torch.linspace(0, float(every.max()), 25)
for z, name, look in ((every[every > 0], "all gates drawn", {"alpha": 0.4, "color": "#444444"}),
                      (few, "only what opens", {"color": "#0072b2", "element": "step", "fill": False})):  # fmt: skip
    seaborn.histplot(x=z.numpy(), bins=edges.numpy(), label=f"{name}: {len(z):,} open", ax=ax, **look)
ax.set(xlabel="z of the open gates", ylabel="gates")
ax.legend()
figures.headline(fig, f"Of {20 * N:,} gates at μ = {mu}: the same law, for {len(few) / (20 * N):.1%} of the draws")
law = (f"{len(z):,} gates, {z.mean():.4f} in the mean" for z in (every[every > 0], few))
keep("many", {"law": fig, "law-told": " and ".join(law)})

# %% [markdown]
# ```{glue:figure} many-law
# :name: fig-many-law
# :alt: Histogram of the values of open gates, once from drawing all gates and once from drawing only those that open.
#
# Values of open gates, drawn both ways. Tests compare the two laws, with several gates to a row, too.
# ```
#
# Open are {glue:text}`many-law-told`: first with the noise of all gates, then with that of the open ones alone.
#
# A row has $C$ gates, and we call it *met* once one of them has opened. `gates.opening_noise` draws the rows in the
# same way: how many open is binomial, which gate of a row is its first open one is geometric, and the gates after that
# one are drawn independently.
#
# ## Rows that were never open are all alike
#
# All gates start at one $\mu$. Until a row is first open, no gradient reaches its gates but that of the price,
# {eq}`fe-9`, which depends on $\mu$ alone. So they fall together, and one $\mu$ with Adam's two moments stands for
# every row that has not been met. Which rows open next is decided by a random order drawn before the training starts,
# as all of them are equally likely. Here is the fall of one such gate, by torch's Adam and as three numbers.

# %%
alone = torch.tensor([[mu]], requires_grad=True)
adam, first, second, m = torch.optim.Adam([alone], lr=1e-3), 0.0, 0.0, torch.tensor(mu)
for step in range(1, 301):
    adam.zero_grad()
    (eta * gates.expected_open(alone)).backward()
    adam.step()
    slope = eta * torch.exp(-((m / sigma) ** 2) / 2) / (2 * torch.pi) ** 0.5 / sigma
    first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
    m = m - 1e-3 * first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
check("the fall of an unmet gate", m, alone[0, 0], tol=1e-9)
print(f"from {mu} to {m:.3f} in 300 steps")

# %% [markdown]
# Nothing so far is an approximation. Given the same noise, the library's step (`lib/training/many.py`) gives the
# parameters and moments of a step with gates for all rows, which a test shows. What is a choice is where the gates
# start: from the paper's $\mu = 0.5$ nearly all rows are open at once. `many.mu_for` says where so many are as you
# want. The settings of many rows are all that a call needs:

# %%
folds = data.folds(data.load(dataset), [0], torch.float64)
there = folds.x_train.shape[1]
start = many.mu_for(there // 10, there, folds.C)  # a tenth of the rows are open at first
settings = many.Settings(mu_start=start, S_start=0.1, span=100, epochs=4, check=1, U=(10,))
model = fit("Ours", folds, Runs.grid(1, eta=[eta]), settings=settings, progress=False).run(0)
why = model.explain(folds.x_test[0, 0], U=10)
print(f"{len(why.rows)} entries of {there:,} rows with {folds.C} gates each")

# %% [markdown]
#
# ## Where too many are open
#
# If still more rows are open than a step can bear, a sample of them, weighted by how many each stands for, gives
# $A^\top F$ of {eq}`fe-2` without bias. The loss is not linear in it, so the loss does get a bias. Here it is, for
# made-up features and influences. The mean of $h$ before $r$ over the samples is as near to $h$ as chance allows (0.8
# standard errors, on average), that of the loss is not:

# %%
K, open_now, samples = 16, 2_000, 400
F_n, F = (torch.rand(n, K, generator=generator) for n in (open_now, 64))
A = torch.randn(open_now, C, generator=generator) / 400
g = examples.explain_logits(A, F_n, F)
whole = examples.loss(g.softmax(-1), g)
found = {}
for most in (1_000, 500, 250, 125):
    draws = many.Few(generator, torch.float64, last=torch.zeros(0, C), most=most)
    h = []
    for _ in range(samples):
        rows, weight, _ = draws.rows(torch.ones(1, open_now, 1, C))
        h.append(examples.explain_logits(A[rows[0]] * weight[0, :, None], F_n[rows[0]], F))
    h = torch.stack(h)
    spread, bias = h.std(0), examples.loss(g.softmax(-1).expand_as(h), h).mean() - whole
    off = ((h.mean(0) - g).abs() / (spread / samples**0.5)).mean()
    found[most] = {"mean of h off by": f"{off:.2f} standard errors", "spread of h": f"{spread.mean():.2f}",
                   "bias of the loss": f"{bias:+.3f}", "of the loss": f"{bias / whole:+.0%}"}  # fmt: skip
pd.DataFrame(found).T.rename_axis("rows sampled")

# %% [markdown]
# *Samples of so many of 2,000 open rows, 400 of each size: the mean of $h$, its spread, and what the loss gains.*
#
# The loss is convex in $h$ before $r$, so the bias is above 0: half its curvature times the variance, which falls as
# one over the rows that are sampled. As a price on noise it pulls towards smaller influences.
#
# ## Measured
#
# Rows from clusters around centres, some to a class, with more and more rows of the same kind.

# %% tags=["hide-input"]
wide = pages_many.load(results)
keep("many", {"steps": pages_many.steps_figure(wide), "told": pages_many.told(wide), "worth": pages_many.worth(wide)})
pages_many.table(wide)

# %% [markdown]
# *Processor time of a step on one thread, after 500 steps; memory at its peak, the table included.*
#
# ```{glue:figure} many-steps
# :name: fig-many-steps
# :alt: Milliseconds of a step against the number of rows, with gates for all rows and for those that have been open.
#
# Both axes by powers of ten. A line that rises by a decade for each decade of $N$ is of order $N$.
# ```
#
# {glue:text}`many-told`
#
# ### Is it worth it?
#
# A few rows explain a prediction, so must a million be candidates? The other way out is to let only some rows, drawn at
# random, be examples, while all rows train $g$ (`Settings(candidates=...)`). {glue:text}`many-worth`

# %% tags=["hide-input"]
pages_many.scores_table(wide)

# %% [markdown]
# *Test scores after 4,000 steps of 32 rows, in all rows of this table: of a million rows that is an eighth of one pass.
# One training each, $\eta$ not tuned: small differences are noise.*
#
# ### All images of CIFAR-10
#
# Made-up rows can be had in any number, but they are alike. The paper takes 1,000 images of CIFAR-10, and there are
# 50,000 to train on. Here are all of them, as JPEG copies, described by the same network and divided in the same
# proportions.

# %% tags=["hide-input"]
everything = pages_many.load(results, dataset=pages_many.IMAGES)
ten = runs_fe.chosen(runs_fe.load().query("lam == 1"))
keep("many", {"images": pages_many.of_images(everything, ten)})
pages_many.scores_table(everything)

# %% [markdown]
# *Test scores on CIFAR-10, all images.*
#
# {glue:text}`many-images`
#
# ## When a second machine pays
#
# Not for the explanation: a step evaluates at most `most` rows, whatever $N$ is, and only its bookkeeping grows with
# the rows met so far. It pays when the table no longer fits into memory, or when $g$ needs larger batches than one
# machine takes in the time. Then rows are dealt out. Each machine draws its own openings, since binomial numbers of
# parts add up to that of the whole, and sums its own part of $A^\top F$, a matrix of $C \times K$ numbers. These sums,
# and the gradients of $f$ and $W$, are all that is sent in a step: the engine is `torch.distributed` with one sum more
# than data-parallel training has, and every machine keeps the gates of its own rows. None of that is built here, as no
# table of this book needs it.
