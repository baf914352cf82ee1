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
# # Choosing and measuring
#
# Training leaves an influence for every example and every class. A reader wants a handful of them. This chapter keeps
# $U$ and asks two questions: how good is the prediction, and does what was kept still tell the truth about it?
#
# | symbol | | shape |
# | --- | --- | --- |
# | $\alpha_{nc}$, $\mathbb{E}[\alpha_{nc}]$ | influence of an entry, and its expectation over the gates | $(N, C)$ |
# | $U$ | entries kept: the most influential |  |
# | $\tilde A$, $\tilde\alpha_{nc}$ | the influences that are left, all others 0 | $(N, C)$ |
# | $\mathcal{D}_T$ | the test examples |  |
# | $I(\cdot)$ | 1 where a statement holds, else 0 |  |
# | $R^2$ | share of variance explained, in regression |  |

# %% tags=["parameters"]
dataset = "glass"  # a name, or a CSV file with the class last
splits = [0, 1, 2, 3, 4]  # their numbers seed them
eta = 1e-2  # weight of the regulariser
epochs = 400
U_values = [5, 10, 20, 30, 50, 100, "all"]  # entries kept

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd
import torch
from myst_nb import glue

from lib import data, examples, metrics
from lib.check import check
from lib.study import figures
from lib.training import Runs, fit
from lib.training.fewer import Settings

figures.use()

# %% [markdown]
# Two methods will be compared: ours, whose gates shut out most entries in training, and Joint, the same without gates.
# One run for each split.

# %%
folds = data.folds(data.load(dataset), splits, dtype=torch.float64)
settings = Settings(epochs=epochs, patience=epochs, U=tuple(U_values))
n_splits = len(splits)
how = {"settings": settings, "progress": False}
ours = fit("Ours", folds, Runs.grid(n_splits, eta=[eta]), **how)
joint = fit("Joint", folds, Runs.grid(n_splits), **how)

# %% [markdown]
# ## Keeping U entries
#
# With gates, the influence of an entry $(n, c)$ is its expectation $\mathbb{E}[\alpha_{nc}]$, as {eq}`fe-20` gives it.
# Without gates it is $\alpha_{nc}$ itself. The $U$ most influential of all $N \times C$ entries stay, the others become
# zero:
#
# $$
# \tilde\alpha_{nc} = \begin{cases}
# \mathbb{E}[\alpha_{nc}] & \text{if in the top } U \\
# 0 & \text{otherwise}
# \end{cases} \tag{FE-22}
# $$ (fe-22)
#
# We read "top" as largest in magnitude: an example that speaks loudly *against* a class explains as much as one that
# speaks for it.


# %%
def keep(A, U):
    alpha = A.abs()  # (N, C)
    smallest = alpha.flatten().topk(U).values[-1]
    return torch.where(alpha >= smallest, A, 0)


# %%
model = ours.run()
A = model.influence
kept = keep(A, 10)
print("entries", A.numel(), "kept", int((kept != 0).sum()))
check("as lib", kept, examples.keep_top(A, 10), tol=0)

# %% [markdown]
# Entries are counted, not examples. An example that speaks for one class and against another is counted twice:

# %%
many = keep(A, 30)
print("entries 30, examples", int((many != 0).any(1).sum()))

# %% [markdown]
# How fast does influence fall? Where it falls fast, little is lost by keeping the first few.

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.2))
top_share = {}
for method, trained in (("Ours", ours), ("Joint", joint)):
    size = trained.influence.abs().flatten(1).sort(1, descending=True).values
    share = (size.cumsum(1) / size.sum(1, keepdim=True)).mean(0)
    ax.plot(range(1, len(share) + 1), share, label=method, **figures.look(method) | {"marker": ""})
    top_share[method] = share[49].item()
ax.set_xscale("log")
ax.set(ylim=(0, 1.02), xlabel="entries, most influential first", ylabel="share of all influence")
ax.legend()
ax.set_title("How much of all influence the first entries hold")
glue("choosing-share", fig, display=False)
glue("choosing-ours-50", top_share["Ours"], display=False)
glue("choosing-joint-50", top_share["Joint"], display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} choosing-share
# :name: fig-choosing-share
# :alt: Two rising curves, one with gates and one without, of the influence that the first entries hold.
#
# The share of $\sum |\alpha_{nc}|$ that the most influential entries hold, mean over splits.
# ```
#
# With gates the first 50 entries hold {glue:text}`choosing-ours-50:.0%` of all influence, without them
# {glue:text}`choosing-joint-50:.0%` ({numref}`fig-choosing-share`).
#
# ## The explanation with U entries
#
# It is the explanation model of {eq}`fe-2` with $\tilde A$ in the place of $A$. The score of class $c$ is made of
# column $c$ alone; $\tilde\alpha_{n\,\cdot}$ is row $n$:
#
# $$
# h_c(x) = r\Big(\sum_{n=1}^{N} \tilde\alpha_{n\,\cdot}\, f(x_n)^\top f(x)\Big)_c \tag{FE-21}
# $$ (fe-21)


# %%
def h(A, F_n, F):
    return (F @ F_n.T @ A).softmax(-1)  # (B, K) (K, N) (N, C) -> (B, C)


# %% [markdown]
# > **Where we depart from the print.** The paper's formula sums over $c$ as well, within $h$. Then all classes would
# > get the same score, and $h$ would say nothing:

# %%
F_n = model.f(model.theta, folds.x_train[0])
F = model.f(model.theta, folds.x_test[0])
printed = kept.sum(1, keepdim=True).expand_as(kept)  # the sum over c
print("as printed:", h(printed, F_n, F)[0].numpy().round(3))
print("by column: ", h(kept, F_n, F)[0].numpy().round(3))

# %% [markdown]
# ## Two scores
#
# Both are shares of the test examples $\mathcal{D}_T$, and for both higher is better. *Accuracy* compares the
# prediction with the truth,
#
# $$
# \begin{aligned}
# & \text{Accuracy} = \frac{1}{|\mathcal{D}_T|} \sum_{(x, y) \in \mathcal{D}_T} \\
# & \quad I\big(y = \operatorname*{arg\,max}_c\, g_c(x)\big),
# \end{aligned} \tag{FE-18}
# $$ (fe-18)
#
# *faithfulness* compares the explanation with the prediction:
#
# $$
# \begin{aligned}
# & \text{Faithfulness} = \frac{1}{|\mathcal{D}_T|} \sum_{x \in \mathcal{D}_T} \\
# & \quad I\big(\operatorname*{arg\,max}_c\, g_c(x) \\[-1ex]
# & \qquad = \operatorname*{arg\,max}_c\, h_c(x)\big).
# \end{aligned} \tag{FE-19}
# $$ (fe-19)
#
# Where the largest outputs of $h$ tie, {eq}`fe-19` does not say which is meant. Such an $h$ names no class, so we count
# the row as unfaithful; the first of the tied classes would agree with $g$ by chance.
#
# Only accuracy depends on the label $y$. A model that is always wrong can be explained faithfully, and a right answer
# can come with an explanation that gives another one.


# %%
def accuracy(g, y):
    return (g.argmax(-1) == y).double().mean().item()


def faithfulness(g, h):
    tied = (h == h.amax(-1, keepdim=True)).sum(-1) > 1
    return ((g.argmax(-1) == h.argmax(-1)) & ~tied).double().mean().item()


# %%
g, y = model.predict(folds.x_test[0]), folds.y_test[0]
at_ten = U_values.index(10)
for name, ours_here in (
    ("accuracy", accuracy(g, y)),
    ("faithfulness", faithfulness(g, h(kept, F_n, F))),
):
    of_lib = ours.scores[f"test_{name}"][0, at_ten].item()
    check(f"{name} {ours_here:.3f} and the library's", ours_here, of_lib, tol=0)

# %% [markdown]
# Where no $g$ is trained (RPS and RPSR), $h$ with its $U$ entries is the prediction. Its faithfulness is 1 by
# definition, where $h$ ties too, and having few entries costs accuracy instead.
#
# ## Against U
#
# The scores of both methods for every $U$, mean and standard error over splits:

# %% tags=["hide-input"]
rows = [
    {"method": method, "split": split, "U": U, "measure": measure, "value": value.item()}
    for method, trained in (("Ours", ours), ("Joint", joint))
    for measure in ("accuracy", "faithfulness")
    for split, values in zip(splits, trained.scores[f"test_{measure}"])
    for U, value in zip(settings.U_values(A.numel()), values)
]
frame = pd.DataFrame(rows)
fig = figures.curves(
    frame, "U", "Scores with U entries, trained with gates and without", xlabel="U, entries kept",
    ylabel="score (higher is better)", panel="measure", last="all",
)  # fmt: skip
glue("choosing-curves", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} choosing-curves
# :name: fig-choosing-curves
# :alt: Two panels, accuracy and faithfulness against the number of entries kept, for Ours and for Joint.
#
# Accuracy of $g$ and faithfulness of $h$ after a short training. The runs of the paper's length are in
# [the results](11_results).
# ```
#
# Accuracy is flat because $g$ never sees $U$.

# %%
faith = frame[frame["measure"] == "faithfulness"]
faith.pivot_table(index="method", columns="U", values="value").round(2)

# %% [markdown]
# ## Three ways to rank
#
# "Top $U$" does not say by what entries are ranked. Beside the magnitude there are two other readings: the signed
# value, so that only entries that speak *for* a class are kept, and the gate $\max(0, \min(1, \mu_{nc}))$ alone, which
# is what the paper prints in {eq}`fe-20`. The library takes all three (`rank`). Here they rank the entries of one
# trained model. Given to training, `rank` is used when the epoch is chosen, too.

# %%
A, mu = ours.influence, ours.bank["mu"]
ten = examples.positions(A) < 10  # by magnitude
for rank in ("signed", "gate"):
    both = ten & (examples.positions(A, mu=mu, rank=rank) < 10)
    print(f"{rank:6} shares {both.sum() / n_splits:.1f} of ten entries")

# %% [markdown]
# What each reading costs is measured in [](30_readings).
#
# ## One number to choose by
#
# The weight $\eta$ and the epoch at which to stop are chosen on validation rows by the geometric mean,
# $\sqrt{\text{accuracy} \times \text{faithfulness}}$. The epoch is kept by this score at $U = 10$ (`Settings.keep`),
# and $\eta$ is chosen for each split and each $U$ by itself. The score is high only where both are:

# %%
a, b = torch.tensor([0.9, 0.7, 1.0]), torch.tensor([0.1, 0.7, 0.0])
print(metrics.geometric_mean(a, b).numpy().round(3))

# %% [markdown]
# ## Values instead of classes
#
# In regression there is no largest output to agree on, and the paper gives no score. We put the share of variance
# explained in the place of both: of $y$ by $g$ for accuracy, of $g$ by $h$ for faithfulness.
#
# $$
# R^2(\hat y, y) = 1 - \frac{\sum \|y - \hat y\|^2}{\sum \|y - \bar y\|^2}
# $$
#
# It is 1 for the truth itself and 0 for its mean; it has no lower bound.


# %%
def R2(prediction, target):
    residual = (target - prediction).square().sum()
    return 1 - residual / (target - target.mean(0)).square().sum()


# %%
y = torch.tensor([[1.0], [2.0], [6.0]])
for name, guess in (
    ("exact", y),
    ("mean", y.mean(0).expand_as(y)),
    ("reversed", y.flip(0)),
):
    print(f"{name:8} {R2(guess, y):6.3f} {metrics.r_squared(guess, y):6.3f}")

# %% [markdown]
# [](09_explaining) uses it on a real table.
#
# ## What was learned
#
# The $U$ entries of largest expected influence stay; accuracy asks whether $g$ is right, faithfulness whether $h$ with
# these entries still names what $g$ names. Both are measured on the same rows for every $U$. Their geometric mean on
# validation rows chooses the epoch, at $U = 10$, and $\eta$, for each $U$.
