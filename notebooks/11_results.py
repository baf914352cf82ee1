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
# # Results
#
# Everything on this page is drawn from the records in `results/fe`, `results/fewer`, `results/pilots` and
# `results/timing`, which the experiment notebooks write; nothing is trained here. [The end](sec-results-runs) says what
# ran, and where that departs from the paper's grid. `make experiments` runs what is missing, and the page is made again
# when records arrive. What the numbers say about the claims of {cite:t}`iwata2021fewer` is on
# [a page of its own](01_claims).
#
# *CIFAR10* here is 1,000 of its images in a JPEG copy, each described by the outputs of EfficientNet-Lite0, which was
# trained on ImageNet, and not by the paper's ResNet-18 ([why](sec-results-runs)).
#
# All of it rests on our reading of a few points that the paper leaves open, listed with their evidence under
# [](30_readings). In short: an influence is $\max(0, \min(1, \mu)) \, s$, entries are ranked by its size, and
# $U$ counts entries $(n, c)$. For each split and each $U$, validation rows choose $\eta$: the one of largest geometric
# mean of accuracy and faithfulness, the smaller of two equals. Test rows play no part in any choice.

# %% tags=["parameters"]
results = "results/fe"  # a folder of records made by the experiment notebook
newer = "results/fewer"  # takes the place of a data set's records once its six methods are there
timings = "results/timing"  # seconds of an epoch
pilots = "results/pilots"  # records of the pilots of the second protocol
rows = "results/rows"  # what the rows of each split say before any model

# %% tags=["hide-input"]
from lib.study import figures, pages_fe, pages_lambda, processors, runs_fe, seeds, timing, words_fe
from lib.study import pilots as pilots_of
from lib.study import rows as rows_of
from lib.study.gluing import keep, whole_tables

figures.use()
whole_tables()
frame, lambdas = runs_fe.load(results, newer), runs_fe.load_lambdas(results, newer)
ten = runs_fe.chosen(frame[frame["lam"] == 1])  # the runs whose eta validation chose at U = 10

# %% [markdown]
# ## Accuracy and faithfulness with few examples
#
# A good explanation stays faithful as $U$ shrinks, and its predictor does not pay for it. RPS and RPSR predict by the
# explanation model itself, so they are faithful by construction, and few entries cost them accuracy instead. Where a
# curve of accuracy bends although the predictor does not know of $U$, another $\eta$ was chosen.

# %% tags=["hide-input"]
keep("results", pages_fe.score_figures(frame))
keep("results", {f"told-{measure}": words_fe.scores(ten, measure) for measure in runs_fe.SCORES})

# %% [markdown]
# ```{glue:figure} results-accuracy
# :name: fig-results-accuracy
# :alt: Test accuracy against U, the number of entries kept, a panel for each data set, a line for each method.
#
# Test accuracy against $U$, mean over splits with its standard error (the paper's Fig. 2). It is the plain one, here
# and below: splits share rows, so that the honest one is about twice as large ([](01_claims)). Filled markers: with
# gates. Methods stand a little apart so that equal ones can be seen.
# ```
#
# {glue:text}`results-told-accuracy` Pretrain and PretrainR share one predictor, so that their accuracies are the same.
#
# ```{glue:figure} results-faithfulness
# :name: fig-results-faithfulness
# :alt: Test faithfulness against U, the number of entries kept, a panel for each data set, a line for each method.
#
# Test faithfulness against $U$, drawn likewise (the paper's Fig. 3).
# ```
#
# {glue:text}`results-told-faithfulness`
#
# The same at $U = 10$ in numbers:

# %% tags=["hide-input"]
pages_fe.scoreboard(frame, "accuracy")

# %% [markdown]
# *Test accuracy at $U = 10$: mean over splits ± standard error, the best mean of each column marked \*.*

# %% tags=["hide-input"]
pages_fe.scoreboard(frame, "faithfulness")

# %% [markdown]
# *Test faithfulness at $U = 10$, likewise.*
#
# (sec-seeds)=
# ## A seed's noise and a split's
#
# A split decides which rows are trained on, a seed where training starts and what it draws. Where splits were trained
# with several seeds, the two can be told apart: the standard deviation over the seeds of a split, and that of the
# splits' means. The second contains a part of the first, the smaller the more seeds there are.

# %% tags=["hide-input"]
keep("results", {"seeds": seeds.told(ten), "seeds-counted": seeds.counted(ten)})
seeds.table(ten)

# %% [markdown]
# *Standard deviations of test scores at $U = 10$, over the seeds of a split and over splits.*
#
# {glue:text}`results-seeds-counted` {glue:text}`results-seeds`
#
# ## The weight of faithfulness
#
# $\lambda$ weighs the explanation's loss against the prediction's. Here Ours keeps ten entries, and
# $\eta$ is chosen again for each $\lambda$. {glue:text}`results-older-lambdas`

# %% tags=["hide-input"]
keep("results", pages_lambda.lambda_figures(lambdas))
keep("results", {f"moves-{measure}": words_fe.moves(lambdas, measure) for measure in runs_fe.SCORES})
keep("results", {"older-lambdas": words_fe.kept_lambdas(frame, lambdas)})

# %% [markdown]
# ```{glue:figure} results-lam-accuracy
# :name: fig-results-lambda-accuracy
# :alt: Test accuracy of Ours with ten entries against lambda, one panel for each data set with records.
#
# Test accuracy of Ours against $\lambda$ at $U = 10$ (the paper's Fig. 6). The title compares $\lambda = 1$ with the
# smallest, and the largest with 1.
# ```
#
# {glue:text}`results-moves-accuracy`
#
# ```{glue:figure} results-lam-faithfulness
# :name: fig-results-lambda-faithfulness
# :alt: Test faithfulness of Ours with ten entries against lambda, one panel for each data set with records.
#
# Test faithfulness, likewise (the paper's Fig. 7).
# ```
#
# {glue:text}`results-moves-faithfulness`

# %% tags=["hide-input"]
words_fe.changes_table(lambdas)

# %% [markdown]
# *Change of each score, mean over splits with its 95% interval. With few splits an interval may even end beyond what a
# difference of shares can be.*

# %% tags=["hide-input"]
pages_lambda.etas_taken(lambdas)

# %% [markdown]
# *How often validation takes each $\eta$, for each $\lambda$ (the number of runs in brackets). The best $\eta$ moves
# with $\lambda$, so where only some $\eta$ were run, all six might do better.*
#
# ## The price of a gate
#
# $\eta$ is what an open gate costs. Too little leaves more entries open than ten can stand for. Too much shuts them
# before they have learned. Validation may then keep an early epoch, at which they are open still, or find all of them
# shut: see the table below.

# %% tags=["hide-input"]
keep("results", pages_fe.eta_figures(frame))
keep("results", {f"best-{measure}": words_fe.best_eta(frame, measure) for measure in runs_fe.SCORES})

# %% [markdown]
# ```{glue:figure} results-eta-accuracy
# :name: fig-results-eta-accuracy
# :alt: Test accuracy of Ours with ten entries against eta, one panel for each data set with records.
#
# Test accuracy of Ours against $\eta$ at $U = 10$ (the paper's Fig. 8). The title names the $\eta$ of
# the highest mean, which others may equal: those that the sentence below calls not surely below it.
# ```
#
# {glue:text}`results-best-accuracy` *Not surely above*: the 95% interval of the difference, paired over splits and
# each $\eta$ by itself, reaches 0.
#
# ```{glue:figure} results-eta-faithfulness
# :name: fig-results-eta-faithfulness
# :alt: Test faithfulness of Ours with ten entries against eta, one panel for each data set with records.
#
# Test faithfulness, likewise (the paper's Fig. 9).
# ```
#
# {glue:text}`results-best-faithfulness`
#
# How many gates are left: the percentage with $\mu > 0$, those more likely open than shut, mean over splits at
# the epoch that validation chose.

# %% tags=["hide-input"]
keep("results", {"epochs": pages_fe.chosen_epochs(frame)})
pages_fe.open_gates(frame)

# %% [markdown]
# *Percentage of gates with $\mu > 0$, by $\eta$.*
#
# A share counts the gates at the epoch that validation chose, which need not be late: the mean epoch chosen for Ours
# goes {glue:text}`results-epochs`. A large $\eta$ can leave many gates open because the best epoch came before they
# shut.
#
# ## What training costs
#
# The paper's Table 1 fits one model trained through all epochs, by itself. Its first counterpart here is an epoch,
# timed in seconds of one core of the processor, of one model that computes $f$ for all examples, and what all epochs
# would come to. Then what the library needs: an epoch's share of ten splits trained as one program, and the seconds of
# the run that validation chose at $U = 10$ until it stopped, mean over splits, a share of its stack (of runs trained as
# one program) on the device named [below](sec-results-runs). CIFAR10's epochs are timed on the processor too, while the
# paper trains it on a GPU of its time. All count the time to pretrain within Pretrain and PretrainR.

# %% tags=["hide-input"]
timed = timing.load(timings)
keep("results", {"timed": timing.counted(timed)})
pages_fe.seconds_table(ten, timed)

# %% [markdown]
# *What training costs: ours, and the paper's Table 1 from its own machine. Rows are medians of the timings; those until
# a run stopped are means over splits, by the clock and beside other work. Compare methods within a row alone.*

# %% tags=["hide-input"]
pages_fe.seconds_ratios(timed)

# %% [markdown]
# *How many times as long an epoch takes: one method over another, and Ours alone over its share among ten splits that
# are trained as one program. Geometric means of the timings' ratios, which ratios of the medians need not equal.*
# {glue:text}`results-timed`
#
# [](01_claims) tests what the paper says of these ratios.
#
# ## Further measures
#
# Newer records say more. How often do the largest outputs of $h$ tie, which counts as unfaithful? How many distinct
# examples do ten entries belong to, since one example may speak for several classes? What are accuracy and faithfulness
# on those test rows that equal no training row? And how often do the ten nearest training examples in the space of $f$
# vote for what $g$ predicts? That last one is an explanation that needs no training at all. It also takes more: each
# row has ten neighbours of its own among all training rows, while ten entries are the same ten for every row.

# %% tags=["hide-input"]
table, told = words_fe.further(frame, ten)
keep("results", {"further": told, "repeated": words_fe.repeated(frame, ten, rows_of.read(f"{rows}/splits.csv"))})
table

# %% [markdown]
# *At $U = 10$ and the $\eta$ that validation chose, mean over splits: shares of test rows, but for distinct examples,
# which are counted. Ties are better few. Last, how often the ten nearest training rows, in the space of the method's
# own $f$, vote for what $g$ predicts.*
#
# {glue:text}`results-further`
#
# {glue:text}`results-repeated`
#
# ## The ten most influential images
#
# The ten CIFAR10 images with the largest $|\alpha_{nc}|$, first split, $\eta$ as chosen at
# $U = 10$. Beneath each: its class, the output that it speaks for, and its influence. The images may not be
# shared with this project. Where they are not at hand, bars of influence stand for them.

# %% tags=["hide-input"]
pictures, counts = pages_fe.image_figures(ten)
keep("results", pictures | {"classes": words_fe.classes(ten)})
keep("results", {f"pictured-{method}": words_fe.pictured(ten, method) for method in ("Ours", "Joint")})
counts

# %% [markdown]
# *How many of the ten images are of each class, first split.*
#
# {glue:text}`results-classes` [](01_claims) tests it.
#
# ```{glue:figure} results-images-Ours
# :name: fig-results-images-ours
# :alt: The ten images of largest influence under Ours, each with its class, the output it speaks for and its influence.
#
# Ours (the paper's Fig. 4).
# ```
#
# {glue:text}`results-pictured-Ours`
#
# ```{glue:figure} results-images-Joint
# :name: fig-results-images-joint
# :alt: The ten images of largest influence under Joint, each with its class, the output it speaks for, its influence.
#
# Joint (the paper's Fig. 5).
# ```
#
# {glue:text}`results-pictured-Joint`
#
# (sec-results-runs)=
# ## Which runs there are
#
# One row for each data set and method at $\lambda = 1$. Methods with gates were trained at each $\eta$, each run for
# at most {glue:text}`results-epochs-most:,` epochs, or until validation had not improved for so many gradient steps:
# {glue:text}`results-patience`. Epochs and seconds are means over runs; a run's seconds are its share of the stack that
# it was trained in; hours are of all runs together.

# %% tags=["hide-input"]
table = pages_fe.runs_table(frame)
keep("results", pages_fe.about(frame, lambdas, table))
keep("results", {"protocols": words_fe.protocols(frame), "processors": processors.told(frame)})
keep("results", {"processors-both": processors.compared(pilots_of.load("start", pilots), frame)})
pages_fe.runs_shown(table)

# %% [markdown]
# *Runs at $\lambda = 1$: how many, and how long they trained.*
#
# These are {glue:text}`results-runs` runs. Together they took {glue:text}`results-hours`, where the first stage that
# Pretrain and PretrainR share counts in each of their runs, so that somewhat less was spent.
# {glue:text}`results-processors`
#
# > What would another processor change? {glue:text}`results-processors-both`
#
# > Of the paper's grid, ten splits and five $\lambda$ on every data set, these are not recorded:
# > {glue:text}`results-missing`.
#
# > CIFAR10 differs from the paper's. Its images are a random 1,000 of our own drawing, JPEG copies enlarged from 32 to
# > 224 pixels, and described by the 1,000 outputs of the network named beside each result. The paper's ResNet-18 is a
# > parameter of the experiment, but its weights could not be had where these records were made.
#
# > There are two protocols. The first kept epochs by all $U$ together and started $S$ from 1. The second keeps them by
# > $U = 10$, counts ties of $h$ as unfaithful and starts $S$ where validation liked it best. Another start than 1
# > matters most on CIFAR10 ([](30_readings)). Records at $\lambda = 1$: {glue:text}`results-protocols`.
#
# > Ours, not the paper's: the values of $\lambda$ along Figures 6 and 7 and those of $U$, which its text does not
# > print.
# > Our splits are stratified, each class in the same share in every part; the paper does not say how they are
# > drawn.
