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
# # Two models, one network
#
# A deep network answers, and keeps its reasons to itself. {cite:t}`iwata2021fewer` want reasons of one particular kind:
# *these training examples, and this much of each*. So they put a second model beside the first. One predicts; the
# other explains, by predicting the same thing from training examples alone. Both see the world through the same
# network.
#
# ```{glue:figure} models-architecture
# :name: fig-models-architecture
# :alt: x and x_n pass one network f. W turns f(x) into g(x); similarities and A turn f(x_n) and f(x) into h(x).
#
# The prediction model $g$ (below) and the explanation model $h$ (above) share $f$. Gates, the subject of
# [the next chapter](05_gates), decide which examples $h$ may use.
# ```
#
# | symbol | | shape |
# | --- | --- | --- |
# | $x$, $x_n$ | an input, a training example | $(D)$ |
# | $f(x)$ | what the network makes of it before its last layer | $(K)$ |
# | $W$ | the last layer | $(K, C)$ |
# | $A$, $\alpha_{nc}$ | influence of training example $n$ on class $c$: one *entry* | $(N, C)$ |
# | $k(x_n, x)$ | similarity of two examples | one number |
# | $g(x)$, $h(x)$ | prediction and explanation | $(C)$ |
# | $U$ | number of entries kept |  |

# %% tags=["parameters"]
dataset = "glass"  # a data set's name, or a CSV file, class last
epochs = 150  # of training for the prediction model

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import torch
from myst_nb import glue

from lib import data, examples
from lib.check import check
from lib.nets import respond
from lib.study import figures
from lib.training import Runs, fit
from lib.training.fewer import Settings

figures.use()
torch.set_default_dtype(torch.float64)

# %% tags=["remove-cell"]
fig = figures.architecture()
glue("models-architecture", fig, display=False)
plt.close(fig)

# %% [markdown]
# ## The prediction model
#
# Cut a network before its last layer. What is left is $f$, which turns an example $x$ into $K$ numbers. The last
# layer, a matrix $W$, turns those into one score for each of $C$ outputs, and $r$ turns scores into a prediction:
# the softmax where the outputs are classes, nothing at all for regression.
#
# $$
# g(x) = r\big(W^\top f(x)\big) \tag{FE-1}
# $$ (fe-1)
#
# In code an example is a row. The features of $B$ examples form a matrix `F`, and $W^\top f(x)$ becomes `F @ W`.


# %%
def r(scores):
    return scores.softmax(-1)


def g(F, W):
    return r(F @ W)  # (B, K) @ (K, C) -> (B, C)


# %% [markdown]
# To have something to explain, we train $f$ and $W$ on a small table of real data, as anyone would: cross entropy,
# Adam, dropout.

# %%
folds = data.folds(data.load(dataset), splits=[0], dtype=torch.float64)
settings = Settings(epochs=epochs, patience=epochs)
fitted = fit("Predictor", folds, Runs.grid(1), settings=settings, progress=False)
model = fitted.run()


def f(x):
    return model.f(model.theta, x)  # (B, D) -> (B, K)


x_n, x = folds.x_train[0], folds.x_test[0]
F_n, F, W = f(x_n), f(x), model.W
print(f"F_n {tuple(F_n.shape)}, F {tuple(F.shape)}, W {tuple(W.shape)}")

# %% [markdown]
# Two checks of {eq}`fe-1`: it is what the library predicts, and the largest score is the largest probability. Because
# of the second, the library never applies $r$ when all it needs is the class.

# %%
scores = model.predict(x)
check("the library's g", respond(scores, folds.task), g(F, W))
check("r keeps the order", scores.argsort(), g(F, W).argsort(), tol=0)

# %% [markdown]
# ## The explanation model
#
# The second model has no last layer. It remembers the $N$ training examples, looks how similar each of them is to $x$,
# and lets each raise or lower every score by its *influence* $\alpha_n \in \mathbb{R}^C$:
#
# $$
# h(x) = r\Big(\sum_{n=1}^{N} \alpha_n\, f(x_n)^\top f(x)\Big) \tag{FE-2}
# $$ (fe-2)
#
# The product in it is a similarity, measured where the network measures everything else:
#
# $$
# k(x_n, x) = f(x_n)^\top f(x) \tag{FE-3}
# $$ (fe-3)
#
# So $\alpha_{nc}$ is the statement "example $n$ speaks for class $c$, this loudly", and $h$ can only repeat such
# statements. All of them together form the matrix $A$, one row an example.


# %%
def k(F_n, F):
    return F_n @ F.T  # (N, K) @ (K, B) -> (N, B)


def h(A, F_n, F):
    return r(k(F_n, F).T @ A)  # (B, N) @ (N, C) -> (B, C)


# %% [markdown]
# The matrix product is the sum in {eq}`fe-2`, example by example. And since
# $\sum_n \alpha_n f(x_n)^\top f(x) = (A^\top F_n)\, f(x)$, nobody has to compute $N$ similarities to know $h$: a
# $C \times K$ matrix does. That is how the library has it.

# %%
rng = torch.Generator().manual_seed(0)
A = torch.randn(len(x_n), folds.C, generator=rng)
by_example = sum(A[n] * (F_n[n] @ F[0]) for n in range(len(x_n)))
fast = examples.explain_logits(A, F_n, F)
check("sum over examples", h(A, F_n, F)[0], r(by_example))
check("the library's h", h(A, F_n, F), r(fast))
check("similarities are at least 0", bool((k(F_n, F) >= 0).all()))

# %% [markdown]
# > **A condition that the paper leaves unsaid.** It reads $\alpha_{nc} > 0$ as "raises class $c$ wherever $x$ is
# > similar to $x_n$". Where $k(x_n, x) > 0$ that is so. But with a network that ends in, say, a tanh, $k$ can be
# > negative, and there the same influence lowers the score. Here that cannot happen, because $f$ ends in a ReLU and its
# > outputs are never negative.
#
# ## Can examples say all that $g$ says?
#
# Yes, if their vectors $f(x_n)$ span all $K$ dimensions, which takes at least $K$ of them. The scores of $h$ are
# $(F_n^\top A)^\top f(x)$, those of $g$ are $W^\top f(x)$: whenever $F_n^\top A = W$, the two models are one. (With
# weight decay on $W$ the optimum even has this form by itself: the representer theorem of
# {cite:t}`yeh2018representer`.) With more examples than units, $N > K$, there are many such $A$; the pseudo-inverse
# finds the smallest.

# %%
A = torch.linalg.pinv(F_n.T) @ W  # (N, C)
check("h = g on test rows", h(A, F_n, F), g(F, W))

# %% [markdown]
# ## Faithful or not
#
# With fewer examples the two will differ, and a reader of the explanation should know where. An explanation is
# *faithful* at $x$ where both models name the same class,
#
# $$
# \operatorname*{arg\,max}_c\, g_c(x) = \operatorname*{arg\,max}_c\, h_c(x), \tag{FE-4}
# $$ (fe-4)
#
# and *unfaithful* where they do not:
#
# $$
# \operatorname*{arg\,max}_c\, g_c(x) \ne \operatorname*{arg\,max}_c\, h_c(x). \tag{FE-5}
# $$ (fe-5)
#
# The true label appears in neither. So whether {eq}`fe-4` or {eq}`fe-5` holds is known for every new $x$, and an
# unfaithful explanation can be marked as such before anybody believes it.


# %%
def faithful(g, h):
    return g.argmax(-1) == h.argmax(-1)  # (B, C), (B, C) -> (B,)


# %% [markdown]
# Only the order of the scores counts: multiply all influences by one positive number and $h$ becomes more or less sure,
# but no less faithful. Turn their sign around, and it fails.

# %%
check("faithful everywhere", bool(faithful(g(F, W), h(A, F_n, F)).all()))
check("so with 10 A", bool(faithful(g(F, W), h(10 * A, F_n, F)).all()))
print("with -A, at", int(faithful(g(F, W), h(-A, F_n, F)).sum()), "test rows")

# %% [markdown]
# ## Why fewer examples is a problem
#
# An explanation by all entries of $A$ is exact and explains nothing: nobody reads that many. The obvious remedy is to
# keep the $U$ entries with the largest $|\alpha_{nc}|$ and drop the rest.

# %%
Us = [U for U in (5, 10, 20, 50, 100, 200, 400) if U < A.numel()] + [A.numel()]
kept = [examples.keep_top(A, U) for U in Us]
agree = torch.stack([faithful(g(F, W), h(A_U, F_n, F)) for A_U in kept])
share = agree.double().mean(1).tolist()  # for each U
naive = g(F, W).argmax(-1).bincount().max().item() / len(x)
some = max(U for U in Us if U <= 100)
print(f"U = {some}: {share[Us.index(some)]:.3f}, one class for all: {naive:.3f}")

# %% tags=["hide-input"]
fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.4))
ax.plot(Us, share, marker="o")
ax.axhline(naive, color="#555555", linestyle=":")
ax.annotate("always naming one class", (Us[0], naive + 0.02), color="#555555")
ax.set_xscale("log", base=10)
ax.set_xticks(Us, map(str, Us))
ax.minorticks_off()
ax.set(ylim=(0, 1.05), xlabel="U, entries kept", ylabel="faithful share of test rows\n(higher is better)")
says = f"h agrees with g on {share[Us.index(some)]:.0%} of test rows"
figures.headline(fig, f"With {some} of {Us[-1]:,} entries {says}")
glue("models-few", fig, display=False)
glue("models-some", some, display=False)
glue("models-share", share[Us.index(some)], display=False)
off = kept[Us.index(some)].T @ F_n - W.T
glue("models-off", (off.norm() / W.norm()).item(), display=False)
glue("models-naive", naive, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} models-few
# :name: fig-models-few
# :alt: The faithful share is 1 with all entries, and below a naive guess with up to nearly half of them.
#
# Faithfulness of $h$ when only the $U$ most influential entries of the exact $A$ are kept. Dotted: what an explanation
# would reach that always names the class that $g$ names most often.
# ```
#
# On Glass it does not work ({numref}`fig-models-few`). With {glue:text}`models-some` entries the explanation agrees
# with the prediction on {glue:text}`models-share:.0%` of the test rows; always naming one class would reach
# {glue:text}`models-naive:.0%`.
# The reason is that the pseudo-inverse spreads $W$ over all entries, large ones of both signs that cancel. Keep a few,
# and what cancelled them is gone: {glue:text}`models-some` entries leave a last layer that is off by
# {glue:text}`models-off:.0%` of the size of $W$.
#
# One could search harder for good entries. The paper does something better: it trains $f$, $W$ and $A$ together, so
# that the network becomes one that few examples can explain. For that the choice of entries must itself be trainable,
# which is what [gates](05_gates) are for.
#
# ## What was learned
#
# A prediction model $g$ and an explanation model $h$ share one network, and $h$ can only repeat what training examples
# say. With all entries $h$ can say everything that $g$ says; on Glass the largest few say something
# else.
