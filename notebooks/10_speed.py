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
# # Why training is fast
#
# [Algorithm 1](06_objective), written as it is printed, passes all $N$ training examples through $f$ for every
# minibatch of 32. The grid of the [results](11_results) asks for hundreds of such trainings, each hundreds to thousands
# of epochs long. Four ideas make it a matter of hours on two cores. They leave out work and no accuracy. Three of them
# change nothing beyond rounding, and one changes the probability of dropout by less than $2^{-16}$.
#
# | symbol | | shape |
# | --- | --- | --- |
# | $N$, $C$, $K$ | training examples, classes, units of the last layer but one |  |
# | $A$ | influences | $(N, C)$ |
# | $F_n$, $f(x)$ | features of all training examples, and of an input | $(N, K)$, $(K)$ |
# | $z$ | a gate; an example is open in a draw if one of its gates is above 0 |  |
# | $R$ | runs that are trained together |  |
#
# ```{margin} Timings
# All seconds on this page were measured while it was built, on one thread of the machine named on the
# [status page](../status.md). Trust their ratios.
# ```

# %% tags=["parameters"]
epochs = 3  # of each training that is timed
N_values = [1_000, 10_000, 100_000]  # rows of the synthetic tables
repeats = 3  # the shortest of so many timings counts

# %% tags=["remove-cell"]
import time

import matplotlib.pyplot as plt
import torch
from myst_nb import glue

from lib import data, examples
from lib.check import check
from lib.methods import METHODS
from lib.nets import MLP, stack_uniform
from lib.study import figures, runs_fe
from lib.training import Runs, fit
from lib.training.draws import Draws
from lib.training.fewer import Settings, minibatch_loss
from lib.training.fewer_fitted import Subject
from tests import plain

torch.set_num_threads(1)
figures.use()
folds = data.folds(data.load("vehicle"), range(10))

# %% [markdown]
# ## Sum in the right order
#
# The explanation model {eq}`fe-2` weighs $N$ similarities for every row it predicts. The sum may be read in two ways,
#
# $$
# \sum_n \alpha_n \bigl(f(x_n)^\top f(x)\bigr)
# = \Bigl(\sum_n \alpha_n f(x_n)^\top\Bigr) f(x)
# = (A^\top F_n)\, f(x),
# $$
#
# and the second needs one $C \times K$ matrix instead of $N$ similarities a row. Once that matrix is there, $h$ costs
# as little as the last layer of $g$.

# %%
random = torch.Generator().manual_seed(0)
shapes = (1, 592, 4), (1, 592, 64), (1, 32, 64)
A, F_n, F = (torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes)
plainly = torch.einsum("rnc,rnk,rbk->rbc", A, F_n, F)
ours = examples.explain_logits(A, F_n, F)
check("same logits", ours, plainly, tol=1e-10)

# %% [markdown]
# ## Closed gates cost nothing
#
# A gate that is closed in this draw has $z = 0$: its example adds nothing to $h$, and no gradient flows back to it. So
# $f$ is evaluated on the minibatch and on the *open rows* alone. As the gates close, training speeds up by itself.


# %%
def bank_and_batch(N, share, D=64, C=4, K=64):
    """One model on N random rows, of which a share has open gates in every draw."""
    random = torch.Generator().manual_seed(0)
    f = MLP((D, K, K, K))
    bank = {f"f.{name}": value for name, value in f.init([random]).items()}
    bank["W"] = stack_uniform((K, C), [random], fan_in=K, dtype=torch.float32)
    bank["S"] = torch.randn(1, N, C, generator=random)
    mu = torch.where(torch.arange(N) < share * N, 10.0, -10.0)
    bank["mu"] = mu[None, :, None].repeat(1, 1, C)
    rows = torch.randn(1, N, D, generator=random)
    return f, {name: value.requires_grad_() for name, value in bank.items()}, rows


def step(f, bank, rows, **settings):
    """The objective of one minibatch and its gradient; the same draws at every call."""
    table = Table(x_train=rows, y_train=torch.zeros(rows.shape[:2], dtype=torch.int64))
    draws = Draws([torch.Generator().manual_seed(1)], torch.float32)
    fold = torch.zeros(1, dtype=torch.int64)
    what, batch = Subject(f, METHODS["Ours"], table, fold), torch.arange(32)[None]
    loss = minibatch_loss(what, bank, batch, draws=draws, settings=Settings(**settings))
    return torch.autograd.grad(loss.sum(), [bank["f.W1"], bank["W"], bank["S"]])


# %% tags=["remove-cell"]
class Table:
    """What a step needs of lib.data.Folds."""

    task = "classification"

    def __init__(self, x_train, y_train):
        self.x_train, self.y_train = x_train, y_train


# %%
f, bank, rows = bank_and_batch(N=500, share=0.1)
f.dropout = f.n_draws = 0  # drawn for evaluated rows alone: compare without it
pairs = zip(step(f, bank, rows), step(f, bank, rows, open_rows=False))
check("same gradients", *zip(*pairs), tol=1e-5)

# %% [markdown]
# How much a step costs as the table grows, with every row open and with one in ten:


# %%
def seconds(act, repeats=repeats):
    """The shortest wall time of several."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        act()
        times.append(time.perf_counter() - started)
    return min(times)


def epoch_seconds(N, share):
    """Seconds of an epoch: one step, times the steps in it."""
    model = bank_and_batch(N, share)
    return seconds(lambda: step(*model)) * N / 32


def costs(share):
    return [epoch_seconds(N, share) for N in N_values]


cost = {share: costs(share) for share in (1.0, 0.1)}

# %% tags=["hide-input"]
ratio = cost[0.1][-1] / cost[1.0][-1]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.6))
for (share, values), colour, marker in zip(cost.items(), ("#0072B2", "#D55E00"), "os"):
    ax.loglog(N_values, values, color=colour, marker=marker, label=f"{share:.0%}\nopen rows")
ax.set(xlabel="training examples N", ylabel="seconds an epoch (lower is better)")
ax.set_title(f"Ten per cent open rows cost {ratio:.0%} of all, at N = {N_values[-1]:,}")
figures.ends(ax)
glue("speed-scaling", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} speed-scaling
# :name: fig-speed-scaling
# :alt: Seconds an epoch against N on log scales: a line for all rows open, one below it for ten per cent open.
#
# One model of 64 features and 64 units. An epoch has N / 32 steps and each passes the open rows through f, so its cost
# grows with the square of N: a table of 100,000 rows is for a GPU, or for few open rows
# ([](28_many_rows)).
# ```
#
# ## Dropout by the handful
#
# A plain step draws a Bernoulli number for every unit of every example, and that can take longer than its arithmetic.
# A unit needs no float to decide its fate. We draw 64 random bits for four units, and compare each 16 of them
# with a threshold; the probability of a drop is then exact to $2^{-16}$.

# %%
shape, p = (592, 64), 0.3
uniform = torch.Generator().manual_seed(0)
bernoulli = seconds(lambda: torch.empty(shape).bernoulli_(1 - p), 20)
draws = Draws([uniform], torch.float32)
bits = seconds(lambda: draws.bits(592, [592], 64), 20)
glue("speed-dropout", bernoulli / bits, display=False)

# %% [markdown]
# Drawing bits is {glue:text}`speed-dropout:.1f` times faster here. In the backward pass nothing is stored for it: where
# a layer's output is positive, the unit was neither dropped nor silenced by its ReLU, so the output is its own mask.
#
# ## The run axis
#
# Ten splits, six weights $\eta$: sixty trainings of one small network, whose layers are too small to keep a processor
# busy. All tensors in `lib` carry a leading axis of $R$ independent runs, and one batched product serves them all. Runs
# are stacked with others of like open share, a run that stops early leaves its stack, and each draws its random numbers
# from its own generator, so that no result depends on the company it keeps.


# %%
def run_alone_and_in_company():
    """The first split's W, trained by itself and among ten, in double precision."""
    double = data.folds(data.load("glass"), range(10), dtype=torch.float64)
    options = {"settings": Settings(epochs=2), "progress": False}
    alone = fit("Ours", double, Runs.grid(1, eta=[1e-2]), **options)
    together = fit("Ours", double, Runs.grid(10, eta=[1e-2]), **options)
    return alone.bank["W"][0], together.bank["W"][0]


pair = run_alone_and_in_company()
check("alone as in company", *pair, tol=1e-9)

# %%
x, y = folds.x_train[0], folds.y_train[0]
train_plain = plain.functions().train_plain


def milliseconds(R, **settings):
    """Milliseconds for one epoch of one model in a stack of R."""
    settings = Settings(epochs=epochs, **settings)
    trained = [fit("Ours", folds, Runs.grid(R), settings=settings, progress=False) for _ in range(repeats)]
    return 1e3 * min(sum(one.seconds) for one in trained) / R / epochs


plainly = seconds(lambda: train_plain(x, y, folds.C, 0, 1, epochs, 0))
measured = {"plain loop": 1e3 * plainly / epochs}
measured |= {"lib, 1 run": milliseconds(1), "lib, 10 runs": milliseconds(10)}
measured["lib, 10 runs, closed gates"] = milliseconds(10, mu_start=-10)

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(6, 2.8))
bars = ax.barh(list(measured), list(measured.values()), color=["#999999", "#56B4E9", "#0072B2", "#D55E00"])
ax.bar_label(bars, fmt="%.0f", padding=3)
ax.invert_yaxis()
ax.set(xlabel="milliseconds for an epoch of one model (lower is better)")
ax.set_title(f"Ten runs at once: {measured['plain loop'] / measured['lib, 10 runs']:.1f} times the plain loop's speed")
ax.margins(x=0.12)
glue("speed-runs", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} speed-runs
# :name: fig-speed-runs
# :alt: Bars of milliseconds for an epoch of one model: the plain loop, one run, ten runs, ten runs with closed gates.
#
# Vehicle, {glue:text}`speed-N` training examples, one thread. All gates start open; the last bar, with every gate shut,
# is the limit that training nears as they close.
# ```
#
# `make bench` measures the same over whole trainings, plain loop on one thread and library on two, in turn, prints the
# ratios and keeps them in `results/bench/ratios.csv`.
#
# > **On a GPU** launching a step's hundreds of small operations takes longer than the operations. There a step is
# > recorded once as a CUDA graph, with every example open so that shapes stay, and then replayed
# > (`training.RecordedSteps`), and `make bench` prints the speed of that as well. On a GPU that was at hand for a
# > quarter of an hour (an NVIDIA H200) recorded steps gave what plain ones give (`tests/test_gpu.py`). Alone they were
# > not timed there, but CIFAR10's runs in [the results](11_results) were made on another: {glue:text}`speed-gpu`.
#
# ## What was learned
#
# Summing in the right order, leaving out closed examples, cheap random bits and a leading axis of runs: four ways to
# leave out work and no accuracy. The cost of an epoch grows with the open rows, so training gets faster as the gates
# shut.
#
# The second paper has other costs, and [a chapter of its own](19_speed_id) on them.

# %% tags=["remove-cell"]
glue("speed-N", str(folds.x_train.shape[1]), display=False)
glue("speed-gpu", runs_fe.rates(runs_fe.load()), display=False)
