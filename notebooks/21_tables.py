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
# # Results on tables
#
# Six tables, two explainers, four ways to fine-tune the same predictors. Everything here is drawn from the records in
# `results/id`, which the experiment notebook writes; nothing is trained on this page. [The end](sec-tables-runs) says
# what ran and what it cost, and `make experiments` runs what is missing. What the numbers say about the claims of
# {cite:t}`yoshikawa2024insertion` is on [](01_claims), the reading of the paper that they rest on under
# [](30_readings). [](22_images) has the paper's other experiments.
#
# In short: an explanation is of the class that the predictor predicts, and that class is scored. Hyperparameters are
# chosen for each split by the valscore on validation rows, {eq}`id-15`, with accuracy weighted by $\eta$ from 0.5 to 3.
# Test rows play no part in any choice. Validation and test rows of a split are explained with one set of masks.
# Deletion is shown as one minus deletion, so that higher is always better.

# %% tags=["parameters"]
results = "results/id"  # a folder of records made by the experiment notebook
results_single = "results/single"  # one cell of two tables again, trained in single precision
results_processor = "results/processors"  # and on another processor
results_forms = "results/forms"  # Del-A again, where Del-B and Del-C are from another processor
results_edge = "results/id-edge"  # with a larger weight than the grid has
rows = "results/rows"  # what the rows of each split say before any model

# %% tags=["hide-input"]
from lib.study import figures, pages_findings, pages_forms, pages_id, pages_id_runs, runs_id, work_id
from lib.study import rows as rows_known
from lib.study.gluing import keep, whole_tables

figures.use()
whole_tables()
frame = runs_id.load(results)
front = runs_id.fronts(frame)
known = rows_known.read(f"{rows}/splits.csv")

# %% [markdown]
# ## The tables
#
# The paper's Table A.1 counts the class as a feature for most of them; here it is not counted. `collins-23` is collins
# with its row's identifier, number, corpus and genre as features, 23 in all, as the paper counts. But these four name
# the row, and the genre gives its class away. `collins` leaves them out.

# %% tags=["hide-input"]
pages_id.tables_about(frame)

# %% [markdown]
# *The tables: their rows, the features used and the classes.*
#
# ## What ID-ExpO leads in, and what it pays
#
# One row for each table, one marker for each explainer and $S$, at $\eta = 3$. Tables stand in the order of what they
# pay in accuracy.

# %% tags=["hide-input"]
leads, told = pages_findings.tables_lead(front, cells=True)
keep("tables", {"leads": leads, "leads-told": told})
keep("tables", {f"beside-{method}": pages_id.beside(front, method) for method in ("CE-only", "pretrained")})

# %% [markdown]
# ```{glue:figure} tables-leads
# :name: fig-tables-leads
# :alt: Differences between ID-ExpO and its best rival in accuracy, insertion and one minus deletion, a row a cell.
#
# ID-ExpO minus the best of its three rivals (of the highest mean over splits) with 95% intervals; hollow where 0 lies
# within.
# ```
#
# {glue:text}`tables-leads-told`
#
# The best rival is the best by its means on test rows, and so a little lucky. Beside CE-only alone ID-ExpO has, in the
# mean, {glue:text}`tables-beside-CE-only`; beside the predictor before fine-tuning,
# {glue:text}`tables-beside-pretrained`.
#
# ## Insertion and deletion against accuracy
#
# The same table by table, through all $\eta$ (the paper's Figures A.5 and A.7 to A.9), with a panel for each score,
# explainer and $S$. Each line joins the hyperparameters that $\eta = 0.5$ to $3$ choose; its largest marker is
# $\eta = 3$. Up and to the right is better.
# Standard errors are plain ones, here and below: splits share rows, so that the honest ones are about one and a half
# times as large ([](01_claims)).

# %% tags=["hide-input"]
keep("tables", {f"front-{name}": pages_id.front_figure(front, name) for name in pages_id.SHOWN})
keep("tables", {f"told-{name}": work_id.front_told(front, known, name) for name in pages_id.SHOWN})

# %% [markdown]
# ````{dropdown} collins
# ```{glue:figure} tables-front-collins
# :name: fig-tables-collins
# :alt: Insertion and one minus deletion against accuracy on collins, a line for each method.
#
# collins: mean over splits with standard errors; the star is the predictor before fine-tuning.
# ```
#
# {glue:text}`tables-told-collins`
# ````
#
# ````{dropdown} mfeat-fourier
# ```{glue:figure} tables-front-mfeat-fourier
# :name: fig-tables-mfeat-fourier
# :alt: Insertion and one minus deletion against accuracy on mfeat-fourier, a line for each method.
#
# mfeat-fourier: mean over splits with standard errors; the star is the predictor before fine-tuning.
# ```
#
# {glue:text}`tables-told-mfeat-fourier`
# ````
#
# ````{dropdown} one-hundred-plants-shape
# ```{glue:figure} tables-front-one-hundred-plants-shape
# :name: fig-tables-one-hundred-plants-shape
# :alt: Insertion and one minus deletion against accuracy on one-hundred-plants-shape, a line for each method.
#
# one-hundred-plants-shape: mean over splits with standard errors; the star is the predictor before fine-tuning.
# ```
#
# {glue:text}`tables-told-one-hundred-plants-shape`
# ````
#
# ````{dropdown} qsar-biodeg
# ```{glue:figure} tables-front-qsar-biodeg
# :name: fig-tables-qsar-biodeg
# :alt: Insertion and one minus deletion against accuracy on qsar-biodeg, a line for each method.
#
# qsar-biodeg: mean over splits with standard errors; the star is the predictor before fine-tuning.
# ```
#
# {glue:text}`tables-told-qsar-biodeg`
# ````
#
# ````{dropdown} steel-plates-fault
# ```{glue:figure} tables-front-steel-plates-fault
# :name: fig-tables-steel-plates-fault
# :alt: Insertion and one minus deletion against accuracy on steel-plates-fault, a line for each method.
#
# steel-plates-fault: mean over splits with standard errors; the star is the predictor before fine-tuning.
# ```
#
# {glue:text}`tables-told-steel-plates-fault`
# ````
#
# ````{dropdown} wine-quality-red
# ```{glue:figure} tables-front-wine-quality-red
# :name: fig-tables-wine-quality-red
# :alt: Insertion and one minus deletion against accuracy on wine-quality-red, a line for each method.
#
# wine-quality-red: mean over splits with standard errors; the star is the predictor before fine-tuning.
# ```
#
# {glue:text}`tables-told-wine-quality-red`
# ````
#
# ````{dropdown} collins-23
# ```{glue:figure} tables-front-collins-23
# :name: fig-tables-collins-23
# :alt: Insertion and one minus deletion against accuracy on collins-23, a line for each method.
#
# collins-23: mean over splits with standard errors; the star is the predictor before fine-tuning. ID-ExpO was trained
# on another processor than its rivals, each from a start of its own, which a processor's rounding changes.
# ```
#
# {glue:text}`tables-told-collins-23`
# ````


# %% [markdown]
# What these scores rest on, next to what is trivial, how sure the predictors are, and which part of the method earns
# them, is looked at [on a page of its own](20_what_works).
#
# ## Which deletion regulariser
#
# ID-ExpO with LIME and each of Del-A, Del-B and Del-C ({eq}`id-a1`, {eq}`id-a2`, {eq}`id-a3`), averaged for each $S$
# over the tables that have records of all three there (the paper's Fig. A.1). Each form is chosen on validation rows
# among the settings that all three have. Where Del-A above is from another processor than the other two, one that was
# trained again beside them takes its place here (`results/forms`).

# %% tags=["hide-input"]
keep("tables", pages_forms.forms_told(runs_id.load_forms(frame, results_forms), front, known))

# %% [markdown]
# ```{glue:figure} tables-forms-figure
# :name: fig-tables-forms
# :alt: Insertion and one minus deletion against accuracy for the three deletion regularisers, a row for each S.
#
# Three forms of the deletion regulariser with LIME, over {glue:text}`tables-forms`: means with standard errors. Each
# line joins $\eta = 0.5$ to $3$, the largest marker is $\eta = 3$. The title is about $\eta = 2$ and the smaller $S$.
# ```
#
# {glue:text}`tables-forms-told` [Claim ID-C6](01_claims) has each table and $S$ by itself.
# {glue:text}`tables-forms-mixed`
#
# ```{glue} tables-forms-table
# ```
#
# *The three forms at $\eta = 2$ and the smaller $S$, mean over the same tables. Balance: twice the accuracy plus
# insertion plus one minus deletion. "Pretrained" is before fine-tuning; last, always naming the most frequent class of
# the training rows.*
#
# In the mean {glue:text}`tables-forms-accurate` has the highest accuracy at this $S$.
#
# Del-A and Del-B differ by a multiple of the cross-entropy ([](14_regularizers)), so they can be expected to be close.
# Del-C has a lower bound, 0, which it nears as soon as the class is unlikely on deleted inputs. Del-A goes on to reward
# making it unlikelier still, and may pay for that in accuracy.
#
# ## Are the differences real?
#
# ID-ExpO minus each rival at $\eta = 3$, tested over five splits at the 5% level. The paper does so for
# steel-plates-fault, with a paired t-test that takes splits to be independent. They share rows, and the t-test that
# allows for it ([](01_claims)) has intervals one and a half times as wide. So \* marks what that one finds, and ∘ what
# only the paper's does. Neither is corrected for the number of tests.

# %% tags=["hide-input"]
pages_id.differences(front, known, "steel-plates-fault")

# %% [markdown]
# *steel-plates-fault: ID-ExpO minus each rival, minus the predictor before fine-tuning and, in accuracy, minus always
# naming the most frequent class. \* p < 0.05 by the corrected t-test; ∘ by the paper's alone.*

# %% tags=["hide-input"]
others = [name for name in pages_id.SHOWN if name != "steel-plates-fault"]
keep("tables", {f"differences-{name}": pages_id.differences(front, known, name) for name in others})

# %% [markdown]
# The same on the other tables, with the same marks:
#
# ````{dropdown} collins
# ```{glue} tables-differences-collins
# ```
# ````
#
# ````{dropdown} mfeat-fourier
# ```{glue} tables-differences-mfeat-fourier
# ```
# ````
#
# ````{dropdown} one-hundred-plants-shape
# ```{glue} tables-differences-one-hundred-plants-shape
# ```
# ````
#
# ````{dropdown} qsar-biodeg
# ```{glue} tables-differences-qsar-biodeg
# ```
# ````
#
# ````{dropdown} wine-quality-red
# ```{glue} tables-differences-wine-quality-red
# ```
# ````
#
# ````{dropdown} collins-23
# ```{glue} tables-differences-collins-23
# ```
# ````

# %% [markdown]
# ## A measure that nobody trained: sensitivity-n
#
# The correlation over random sets of four removed features between their summed contributions and the drop of the
# prediction, at $\eta = 2$, with the predictors before fine-tuning for comparison.

# %% tags=["hide-input"]
table, told = pages_id.sensitivity(front)
keep("tables", told | {"sensitivity": table})

# %% [markdown]
# With KernelSHAP, ID-ExpO has a higher mean than every rival in {glue:text}`tables-sensitivity-above-KernelSHAP`
# comparisons of a table and an $S$, and a higher one than the predictors it started from in
# {glue:text}`tables-sensitivity-rose-KernelSHAP`; with LIME in {glue:text}`tables-sensitivity-above-LIME` and
# {glue:text}`tables-sensitivity-rose-LIME`. The paper's tables count here, collins-23 does not.
#
# ````{dropdown} Sensitivity-4 of each method, mean over splits ± standard error
# ```{glue} tables-sensitivity
# ```
# ````

# %% [markdown]
# ## What becomes of the contributions
#
# The paper's Fig. A.6 shows one wine of the test set under ID-ExpO and CE-only. Ours is the first test row of the first
# split, LIME, $S = 0.5\,Q$, hyperparameters at $\eta = 2$; no other was looked at. Above it, the mean size of a
# contribution on each table.

# %% tags=["hide-input"]
keep("tables", pages_id.wine_told(front))
pages_id.contributions(front)

# %% [markdown]
# *Mean size of a contribution with LIME.*
#
# ```{glue:figure} tables-wine
# :name: fig-tables-wine
# :alt: Bars of the contributions of eleven features of one wine, with ID-ExpO and with CE-only.
#
# Contributions of one test sample of wine-quality-red (the paper's Fig. A.6).
# ```
#
# {glue:text}`tables-wine-told` See [claim ID-C10](01_claims).
#
# (sec-tables-runs)=
# ## Which runs there are, and what they cost
#
# The full grid has, for each table, 60 runs of ID-ExpO for each explainer and $S$ (two learning rates, three $\lambda$,
# two $\lambda_3$, five splits), with LIME as many again for each of Del-B and Del-C, 30 runs each of ExpO-S and ExpO-F,
# and 10 of CE-only. Del-B and Del-C have 15 runs instead of 60 on the two widest tables, which cost most: three
# $\lambda$, the larger learning rate and $\lambda_3 = 0.001$. They have none on collins-23. Rivals do not train an
# explanation: they are trained once, and keep the best epoch for each explainer and $S$.
#
# Seconds are a run's share of its program's training, to the epoch where it stopped; validation comes on top. A program
# trains all runs of a cell; on the GPU up to ten of them ran side by side and waited for each other. Minutes are those
# of all recorded runs of a row together.

# %% tags=["hide-input"]
keep("tables", pages_id_runs.costs_told(frame))
pages_id_runs.costs_shown(pages_id_runs.costs(frame))

# %% [markdown]
# *Runs recorded on each processor, of how many in the full grid; means over runs; minutes of all runs of a row
# together.*
#
# Training the recorded runs took {glue:text}`tables-minutes`, added up over programs that ran side by side. One core of
# a CPU would need about {glue:text}`tables-hours` hours for the full grid, as `workflow/grid.yaml` estimates.
# `make experiments` runs it all on a CPU, on a GPU `make experiments CORES=10 CONFIG="device=cuda mixed=yes"`, ten
# programs at a time.
#
# > The paper's grid of all four methods is complete but for {glue:text}`tables-less`. Del-B and Del-C have records on
# > {glue:text}`tables-forms`, {glue:text}`tables-forms-lack`.

# %% [markdown]
# ### What validation chose
#
# Of all choices of ID-ExpO with Del-A, over splits, explainers, $S$ and $\eta$, the share that falls on each value of
# a hyperparameter.

# %% tags=["hide-input"]
keep("tables", {"chosen": pages_id_runs.choices_told(front, frame["lam"].max())})
pages_id_runs.choices(front)

# %% [markdown]
# *Share of choices that falls on each value.*
#
# {glue:text}`tables-chosen`
#
# ### Beyond the grid's edge
#
# Where validation takes the largest $\lambda$ nearly always, a larger one may serve better still. So ID-ExpO with LIME
# and $S = 0.5\,Q$ is trained on two such tables with $\lambda = 1$, and with $\lambda = 0.1$ again beside it, at the
# larger learning rate and on one processor. These runs enter nothing else in this book.

# %% tags=["hide-input"]
table, told = pages_id_runs.edge(pages_id_runs.beyond(results_edge))
keep("tables", {"edge": told})
table

# %% [markdown]
# *How often validation takes the larger $\lambda$, over splits and $\eta$; and test scores with the larger alone minus
# those with the smaller alone at $\eta = 2$, with 95% intervals over splits.*
#
# {glue:text}`tables-edge`
#
# ### What mixed precision changes
#
# Nearly all of the time goes into products with the layers' weights. Where the table says *mixed*, training does them
# in bfloat16, with 8 significant bits instead of 24 (`Settings(mixed=True)`), and sums them in single precision. The
# explainer's least squares, validation and test are never rounded. One cell of two tables was trained both ways, from
# the same start and with the same random numbers: ID-ExpO with LIME, $S = 0.3\,Q$. Means of its runs' test scores, and
# their differences with standard errors over splits:

# %% tags=["hide-input"]
single = runs_id.load(results_single)
means, told = pages_id_runs.twice(single, frame, ("single", "mixed"), known=known)
keep("tables-mixed", told)
means

# %% [markdown]
# *Test scores with training in single and in mixed precision.*
#
# The largest of the {glue:text}`tables-mixed-compared` differences is {glue:text}`tables-mixed-most:.1f` standard
# errors. {glue:text}`tables-mixed-same` of {glue:text}`tables-mixed-runs` runs are best at the same epoch; the others
# part ways while they train, as runs do that differ in rounding alone.

# %% [markdown]
# ### What another processor changes
#
# Records of this book come from several machines. Some runs of that cell were trained a third time, in single precision
# as the first time, on {glue:text}`tables-processor-on` with other versions of Python and PyTorch. Seeds, draws and
# splits are the same. Sums are rounded differently from the first step on, in the training of the predictor that is
# fine-tuned, too.

# %% tags=["hide-input"]
other = runs_id.load(results_processor)
means, told = pages_id_runs.twice(single, other, ("GPU", "CPU"), known=known)
keep("tables-processor", told | {"on": told["on"][1], "rest": pages_id_runs.once_only(frame, single, other)})
means

# %% [markdown]
# *Test scores of the same {glue:text}`tables-processor-runs` runs on a GPU and on a CPU, standard errors over
# {glue:text}`tables-processor-splits` splits.*
#
# The largest of the {glue:text}`tables-processor-compared` differences is {glue:text}`tables-processor-most:.1f`
# standard errors, and {glue:text}`tables-processor-same` of {glue:text}`tables-processor-runs` runs are best at the
# same epoch. A single run's 1 − deletion moves by {glue:text}`tables-processor-apart:.2f` in the mean, where mixed
# precision on one machine moves it by {glue:text}`tables-mixed-apart:.2f`. Means over splits move less, here by up to
# {glue:text}`tables-processor-moved:.2f`. A difference of that size between methods that were trained on different
# machines, as on collins-23, says nothing of the methods. {glue:text}`tables-forms-apart` Only some runs of one setting
# were repeated. {glue:text}`tables-processor-rest`
