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
# # What does the work
#
# ID-ExpO shows a predictor inputs with features masked, chooses what is masked by its own explanation, lets the
# gradient pass through that explanation, and rewards sureness on the way. Which of these earns its insertion and
# deletion? The first half of this page takes the parts away one at a time. The second looks at what the scores of
# [the results on tables](21_tables) rest on. Everything is drawn from records. [](22_images) asks the same of images.

# %% tags=["parameters"]
results = "results/what-works"  # records of the experiment that takes parts away
results_id = "results/id"  # records of the results on tables
rows = "results/rows"  # what the rows of each split say before any model

# %% tags=["hide-input"]
from lib.study import ablations, figures, pages_ablations, runs_id, work_id
from lib.study import rows as rows_known
from lib.study.gluing import keep, whole_tables

figures.use()
whole_tables()
frame = ablations.load(results)
picked = ablations.chosen(frame)
known = rows_known.read(f"{rows}/splits.csv")
keep("works", pages_ablations.about(picked) | {"diverged": pages_ablations.diverged(frame)})
keep("works", {"weights": pages_ablations.weights(picked), "singles": pages_ablations.singles(picked)})
keep("works", {"gains": pages_ablations.gains_figure(picked)})
keep("works", {"verdict": pages_ablations.verdict(picked), "singly": pages_ablations.singly(picked)})

# %% [markdown]
# ## Taking parts away
#
# Each variant starts from the same predictor and trains as ID-ExpO does ([](14_regularizers)), but for one part:
#
# - *contributions as constants*: the masks follow the explanation, and no gradient passes through it;
# - *contributions in random order*: the same contributions, dealt out to the features by chance, so that masks hide any
#   features, important or not, with the same two regularisers;
# - *random masks alone*: neither regulariser, but cross-entropy on inputs with features masked at random, weighted by
#   $\lambda$ ({glue:text}`works-weights`, by LIME's scores; a larger one may suit random masks better);
# - *CE-only*: fine-tuning without masks.
#
# LIME explains, $S = 0.5\,Q$. For each split validation chooses $\lambda$ from 0.1 and 0.01 by the valscore with
# $\eta = 2$. There are records of {glue:text}`works-tables`, and none yet of {glue:text}`works-missing`
# (`make experiments ONLY=what-works`). Few splits make wide intervals, and a mean over few tables says little about
# others. {glue:text}`works-diverged`
#
# ```{glue:figure} works-gains
# :name: fig-works-gains
# :alt: Gains over CE-only in insertion, one minus deletion and accuracy, a row a variant, a marker for each table.
#
# Gains over CE-only on test rows with 95% intervals over splits, which share rows (corrected as on [](01_claims)).
# ```
#
# What a part does is a variant minus ID-ExpO, split by split. A part is called needed only where that whole interval
# lies below 0 over the tables, not corrected for being several; ID-ExpO's gain over CE-only decides nothing here.
# {glue:text}`works-verdict`
#
# {glue:text}`works-singly`

# %% tags=["hide-input"]
pages_ablations.parts_table(picked)

# %% [markdown]
# *Each variant minus ID-ExpO with 95% intervals, mean over tables and on each. Below 0 in a score: the part that it
# lacks is missed.*

# %% tags=["hide-input"]
pages_ablations.gains_table(picked)

# %% [markdown]
# *Gains over CE-only with 95% intervals, mean over tables. Nothing here trains sensitivity-4. *Random masks
# alone* is trained to classify inputs masked at random, the first three see masked inputs only in their regularisers.
# Last: of
# single test rows, the share whose insertion and one minus deletion both rise over CE-only's, and the share where both
# fall.*

# %% tags=["hide-input"]
pages_ablations.scores_table(picked, known)

# %% [markdown]
# *Test scores of each variant, mean over splits ± plain standard error (as splits share rows, the honest one is about
# one and a half times as large). "Majority class" always names the most frequent class of the training rows. $f(x)$ −
# accuracy above 0: too sure. Gap of $\phi$: the step between the features inserted and the others, over the range of
# $\phi$.*
#
# {glue:text}`works-singles`
#
# ### What training did not use
#
# An explanation trained to score well may do so for its own explainer and background alone. So each predictor is also
# explained by KernelSHAP, and by LIME with a training row in place of the mean as background.

# %% tags=["hide-input"]
table, told = pages_ablations.transfer(picked)
keep("works", {"transfer": told})
table

# %% [markdown]
# *Gains over CE-only, mean over tables, by who measures.*
#
# {glue:text}`works-transfer`
#
# ### What an order earns
#
# A predictor that is sure whatever it is shown has a high insertion along any order of the features, and a random order
# measures how high. Only what the explanation adds to that is about explanations.

# %% tags=["hide-input"]
table, told = pages_ablations.orders(picked)
keep("works", {"orders": told})
table

# %% [markdown]
# *Insertion and one minus deletion along the explanation and along a random order, mean over tables.*
#
# {glue:text}`works-orders`

# %% tags=["hide-input"]
frame = runs_id.load(results_id)
front = runs_id.fronts(frame)

# %% [markdown]
# ## What the scores rest on
#
# The records of [the results on tables](21_tables) say more. A score can be high for reasons that have nothing to do
# with explanations: the task is trivial, the predictor is sure whatever it sees, or there was more to choose from.
# Last come measures that nobody trained. These are other runs than those above: the paper's whole grid, so that their
# scores differ a little.
#
# ### Accuracy, next to what is trivial

# %% tags=["hide-input"]
table, told = work_id.trivial(front, known)
keep("works", told)
table

# %% [markdown]
# *Test accuracy at $\eta = 3$, LIME, $S = 0.5\,Q$. "Majority class" always names the most frequent class of the
# training rows. Last column: test rows that equal a training row in all features.*
#
# ID-ExpO's accuracy minus the majority class's is below 0.02 on {glue:text}`works-trivial-at`. There accuracy is no
# evidence that anything was learned, and what an explanation of such a predictor is worth is open. Of the test rows
# {glue:text}`works-trivial-seen` were seen in training. They favour whatever remembers, and all methods alike.
#
# ### How sure the predictors are
#
# $\Omega_{\mathrm{Ins}}$ rewards a high $f(x)_y$ whatever the order of the features. A well calibrated predictor is as
# often right as it says.

# %% tags=["hide-input"]
table, told = work_id.calibration(front)
keep("works", told)
table

# %% [markdown]
# *Mean $f(x)$ of the predicted class minus accuracy, on test rows at $\eta = 2$. Above 0: too sure.*
#
# Over all tables the excess is {glue:text}`works-sure-CE-only:.3f` for CE-only and {glue:text}`works-sure-ID-ExpO:.3f`
# for ID-ExpO, {glue:text}`works-sure-pretrained:.3f` before fine-tuning. ID-ExpO's is the larger in
# {glue:text}`works-sure-more` cells of a table, an explainer and an $S$. The next table takes sureness out, to tell how
# much of its insertion is owed to it.

# %% tags=["hide-input"]
table, told = work_id.relative(front)
keep("works", told | {"leads": work_id.leads_figure(front)})
table

# %% [markdown]
# *ID-ExpO's lead over the best rival, and over the predictor before fine-tuning (pretrained), at $\eta = 2$: mean, and
# in how many cells it is above 0. Plain, and with insertion and deletion divided by the mean $f(x)$.*
#
# ```{glue:figure} works-leads
# :name: fig-works-leads
# :alt: ID-ExpO's leads in insertion and deletion, a row for each table; filled as they are, hollow divided by f of x.
#
# Leads of ID-ExpO over the best rival, one marker for each explainer and $S$: filled as they are, hollow with each
# score divided by $f(x)$. Right of 0: ID-ExpO is ahead.
# ```
#
# {glue:text}`works-relative` So far as a lead shrinks, it may have come from sureness.
#
# ### More settings to choose from
#
# ID-ExpO chooses among twelve settings, ExpO-S and ExpO-F among six, CE-only among two. The more there are, the luckier
# the best one.

# %% tags=["hide-input"]
table, told = work_id.selection(frame)
keep("works", told)
table

# %% [markdown]
# *ID-ExpO minus CE-only at $\eta = 2$, mean over cells, by the settings that it may choose from: both learning rates at
# one $\lambda$, as many as CE-only has; those at every $\lambda$, as many as ExpO has; or all
# {glue:text}`works-selection-most`.*
#
# {glue:text}`works-selection-told`
#
# ### Measures that nobody trained

# %% tags=["hide-input"]
keep("works", {"untrained": work_id.untrained(front)})
keep("works", {f"untrained-{m}": work_id.over_ce_only(front, m) for m in ("sensitivity", "masked")})

# %% [markdown]
# ```{glue:figure} works-untrained
# :name: fig-works-untrained
# :alt: Sensitivity-4 and accuracy on masked inputs against accuracy, a line for each method through its etas.
#
# Sensitivity-4 and accuracy with features masked at random, against accuracy, mean over the tables (the paper's Fig. 3
# shows the first on images). Each line joins the choices of $\eta = 0.5$ to $3$, the largest marker is $\eta = 3$; the
# star is the predictor before fine-tuning, and bars are standard errors.
# ```
#
# In sensitivity-4 ID-ExpO differs from CE-only by {glue:text}`works-untrained-sensitivity`, in accuracy on masked
# inputs by {glue:text}`works-untrained-masked`, at $\eta = 2$ and as means over all cells. The paper argues that
# robustness to masks comes with its regularisers. [](01_claims) tests both.
