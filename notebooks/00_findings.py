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
# # Trained to be explained
#
# A deep model predicts, somebody asks why, and something simpler answers. That answer is an *explanation*, and it is
# worth something only if it is true, which means that what it names is what the prediction rests on. Nothing in the
# usual way of training asks that a model have such an explanation. Two papers change the training, and this book
# teaches, proves and reproduces them.
#
# - **FE**: [Training Deep Models to be Explained with Fewer Examples](https://arxiv.org/abs/2112.03508), by Tomoharu
#   Iwata and Yuya Yoshikawa {cite:p}`iwata2021fewer`. A prediction is explained by a handful of training examples. The
#   prediction model $g$ and an explanation model $h$ made of training examples are trained together, and stochastic
#   gates shut all examples but a few.
# - **ID**: [Explanation-Based Training with Differentiable Insertion/Deletion Metric-Aware
#   Regularizers](https://arxiv.org/abs/2310.12553), by Yuya Yoshikawa and Tomoharu Iwata
#   {cite:p}`yoshikawa2024insertion`. A prediction is explained by the parts of its input. The metrics that score such
#   an explanation, by adding or removing the parts that it names, become part of the loss.
#
# [One trick](03_hard_choice) carries both: a hard choice, *this example or not*, *this feature or not*, is made smooth
# so that it has a gradient.

# %% tags=["parameters", "remove-cell"]
results = "results/fe"  # a folder of records of FE
newer = "results/fewer"  # takes the place of a data set's records once its set there is complete
results_id = "results/id"  # records of ID on tables
results_forms = "results/forms"  # where Del-A was made again beside the other forms
results_images = "results/images"  # and on images
readings = "results/readings"  # other readings of FE

# %% tags=["remove-cell"]
from lib.study import (
    figures,
    lacking,
    pages_fe,
    pages_findings,
    pages_id,
    pages_images,
    records,
    runs_fe,
    runs_id,
    runs_images,
    words_fe,
    work_id,
)
from lib.study.gluing import keep

figures.use()
frame = runs_fe.load(results, newer)
ten = runs_fe.chosen(frame[frame["lam"] == 1])
frame_id = runs_id.load(results_id)
front = runs_id.fronts(frame_id)
lambdas = runs_fe.load_lambdas(results, newer)

drawn, told = {}, {}
drawn["six"], told["six-told"] = pages_findings.six(ten)
drawn["lambda"], told["lambda-told"] = pages_findings.along_lambda(lambdas)
drawn["tables"], told["tables-told"] = pages_findings.tables_lead(front)
told["pretrained"] = pages_id.beside(front, "pretrained")
drawn["surprises"], told["surprises-told"] = pages_findings.surprises(
    front, runs_id.front_of_forms(runs_id.load_forms(frame_id, results_forms)), records.read(readings)
)
told["relative"] = work_id.relative_told(front)
told["older-lambdas"] = words_fe.kept_lambdas(frame, lambdas)
told["missing-id"] = lacking.tables(front)
front_images = runs_images.fronts(runs_images.load(results_images))
told["images"], told["masks"] = pages_images.short_told(front_images), pages_images.masked_told(front_images)
told["missing"] = pages_fe.about(frame, lambdas, pages_fe.runs_table(frame))["missing"]
keep("findings", drawn | told)

# %% [markdown]
# ## What came out
#
# All numbers and titles below, and most sentences around them, are computed from committed records of full runs. FE was
# run twice, under two protocols ([](30_readings)). What follows is of the second, which keeps the epoch that scores
# best with ten entries and chooses on validation rows how large the strengths of influences are at first. Only what is
# said of that start under *What surprised* rests on short runs of the first. Bars are standard errors where a figure
# shows means, and 95% intervals where it shows differences: over splits for one data set, over data sets for a mean of
# several, over seeds on images. A difference is *surely* there if its own interval leaves out 0. That is less strict
# than the verdicts further down, which allow for the number of comparisons.
#
# | name | what it is |
# | --- | --- |
# | **Ours** | FE's method: prediction and explanation trained together, with gates |
# | Joint, Pretrain, RPS | its rivals without gates: trained together; explained later; predicting by the explanation |
# | PretrainR, RPSR | the last two with gates |
# | $\lambda$ | weight of the explanation's loss in Ours |
# | **ID-ExpO** | ID's method: a classifier fine-tuned so that its explanations have good insertions and deletions |
# | CE-only, ExpO-S, ExpO-F | its rivals: fine-tuned by cross-entropy alone, for stable, and for fitting explanations |
# | Del-A, -B, -C | three forms of ID-ExpO's term for deletion, of which the paper takes Del-A |
# | $\eta$ | in FE the price of an open gate; in ID's results how much accuracy counts beside insertion and deletion |
# | $S$ | in ID the share of features that are inserted and deleted; in FE the strengths of influences |
#
# ### Explained by a few examples
#
# An *entry* is the influence of one training example on one class. Ten entries are kept for all predictions.
#
# ```{glue:figure} findings-six
# :name: fig-findings-six
# :alt: Six methods as points in the plane of test accuracy and test faithfulness; up and to the right is better.
#
# FE's six methods with ten entries, mean over data sets; *CIFAR10* is 1,000 JPEG copies of images, described by
# EfficientNet-Lite0. Bars: standard errors over splits, widened as splits share rows. Filled: with gates. Faithful
# means that the explanation predicts what the model predicts. RPS and RPSR predict by their explanation and so are
# faithful by construction. More in [](11_results).
# ```
#
# {glue:text}`findings-six-told`
#
# ### The weight of the explanation
#
# ```{glue:figure} findings-lambda
# :name: fig-findings-lambda
# :alt: For each data set a path through the plane of accuracy and faithfulness, its points growing with lambda.
#
# Ours with ten entries as $\lambda$, the weight of its explanation's loss, grows with the markers from its smallest
# value to its largest, which are named; mean over splits at the $\eta$ that validation chose.
# ```
#
# {glue:text}`findings-lambda-told` The paper sees accuracy fall and faithfulness rise with $\lambda$.
# {glue:text}`findings-older-lambdas`
#
# ### Explained by a few features
#
# *Insertion* is how probable the predicted class is while only the most important features are shown, *deletion* how
# probable it stays without them. A good explanation has a high insertion and a low deletion.
#
# ```{glue:figure} findings-tables
# :name: fig-findings-tables
# :alt: Differences between ID-ExpO and its best rival in accuracy, insertion and one minus deletion, a row a table.
#
# ID-ExpO minus, in each score, whichever of its three rivals has the highest mean, at $\eta = 3$; mean over two
# explainers and two $S$ with 95% intervals. Tables are sorted by the loss of accuracy, the smallest first. Hollow: the
# interval contains 0. More in [](21_tables).
# ```
#
# {glue:text}`findings-tables-told` Beside the predictor before fine-tuning it has, in the mean,
# {glue:text}`findings-pretrained`.
#
# ID-ExpO is surer of what it predicts than its rivals, which can raise insertion whatever the explanation
# ([](20_what_works)). The rival here is the best at $\eta = 2$, and $f(x)$ is the probability of the class predicted.
# {glue:text}`findings-relative`
#
# On images, CIFAR-10's as JPEG copies, with a narrow ResNet-18 and explained by Grad-CAM or LIME:
# {glue:text}`findings-images` More in [](22_images).
#
# ### What surprised
#
# ```{glue:figure} findings-surprises
# :name: fig-findings-surprises
# :alt: Differences with intervals for what surprised, between regularisers, methods and starts.
#
# What the papers do not lead one to expect, each as a difference with its 95% interval.
# ```
#
# {glue:text}`findings-surprises-told`
#
# **On images.** {glue:text}`findings-masks` [](20_what_works) asks the same of tables.
#
# ## The claims at a glance
#
# The papers' conclusions, as far as numbers can test them, were put to a test; that an explanation is easier to
# interpret is for people to say. The verdicts are computed too, and a claim's label leads to its test.
# First FE, then ID on tables; those about images are [with their results](sec-images-claims). *Reproduced*: all its
# comparisons hold. *Mostly*: more than half hold, and none is against. *Mixed*: some hold, and some are against or no
# more than half hold. *Undecided*: none holds, and none is against. *Contradicted*: more are against than hold.
#
# ```{glue} claims-summary
# :doc: 01_claims.ipynb
# ```
#
# *FE's claims. ● holds, ○ undecided, × against, in at most eight marks; effect: mean over the data sets that the claim
# is about, with its 95% interval, or a dash where no mean says it.*
#
# ```{glue} claims-summary-id
# :doc: 01_claims.ipynb
# ```
#
# *ID's claims on tables, likewise; balance: twice the accuracy plus insertion plus one minus deletion. Comparisons are
# of single data sets, each by itself and corrected for being several, while the effect is a mean. So an effect can be
# sure where no comparison is, and the other way round.*
#
# ## What is not there yet
#
# Of FE's grid, ten splits and five $\lambda$ on every data set, these are not recorded: {glue:text}`findings-missing`.
# As for ID's results on the paper's six [tables](21_tables), {glue:text}`findings-missing-id`. Those on
# [images](22_images) are here as far as a small network and two CPU cores have come.
#
# ## Start here
#
# - **To learn how it works**: [try it](02_explorer) before any equation, read [the trick](03_hard_choice), then FE from
#   [](04_models) or ID from [](12_insertion_deletion). Either can be read alone. Each chapter takes one idea: why, the
#   equation, a function that reads like it, a check that it holds, a figure.
# - **To judge whether it works**: [](01_claims), and behind it the results of [FE](11_results) and
#   [ID](21_tables). [](30_readings) says how we read the papers where they are ambiguous, and
#   [](31_paper_and_code) measures where ID's released code departs from its text. [](../limits) says what all this does
#   not show, and what came after.
# - **To use it on your data**: [](24_your_table) takes a CSV file, [](25_your_network) a network of your own,
#   [](26_your_images) a folder of images. [](28_many_rows) is about very many rows, [](../grids) about clusters, and
#   [](../extending) names the one place for whatever you want to add.
#
# [](../notation) lists the symbols, and [](../equations) finds any equation, its function and its tests.
#
# ## Install, run, cite
#
# `make book` in the project's folder installs a locked environment and makes this book. `make test` checks it all. The
# library is `lib`, and each chapter runs on parameters of your own: `python -m lib.run notebooks/05_gates.py
# gates.ipynb -p sigma 0.3`. To cite the book or its library, see `CITATION.cff` there; please cite the papers, too
# ([](../bibliography)).
#
# The records that this copy was drawn from:

# %% tags=["remove-input"]
folders = {"FE, first protocol": results, "FE, second protocol": newer, "FE, other readings": readings}
pages_findings.versions(folders | {"ID on tables": results_id, "ID on images": results_images})

# %% [markdown]
# *Rows of measurements, the machines and the number of commits that made them, the version of their columns, and the
# day of the newest.*
