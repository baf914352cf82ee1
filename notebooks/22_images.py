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
# # Results on images
#
# Images are where {cite:t}`yoshikawa2024insertion` test their method first. Everything here is drawn from the records
# in `results/images`; nothing is trained on this page. The experiments are small: a ResNet-18 of width
# {glue:text}`images-width`, much shorter training than the paper's and {glue:text}`images-seeds`. [](sec-images-runs)
# at the end says what ran, and where it differs from the paper's.
#
# In short: {glue:text}`images-short` {glue:text}`images-masks` {glue:text}`images-outcomes` *Surely* means that an
# interval over seeds leaves out 0; the verdicts are stricter, as they allow for the number of comparisons.
#
# As on [](21_tables), the class predicted is the class explained and scored, test images play no part in any choice,
# and deletion is shown as one minus deletion, so that higher is always better.
#
# | name | |
# | --- | --- |
# | pretrained | the network before fine-tuning, from which all others start |
# | CE-only | fine-tuned for its predictions alone |
# | ExpO-S, ExpO-F | with the rivals' regularisers, [stability and fidelity](17_stability_fidelity) |
# | Masked | trained on cells masked at random, as augmentation: no rival of the paper's |
# | ID-ExpO | with the paper's regularisers: [insertion and deletion](14_regularizers) of the explanation named |
# | $S = 0.3\,HW$, $0.5\,HW$ | share of the $H \times W$ pixels that losses and scores insert and delete |
# | $\eta$ | weight of accuracy in the score {eq}`id-15` by which validation chooses hyperparameters |
# | cell | part of the image that is masked as one: a superpixel, or what lies under one position of Grad-CAM's maps |

# %% tags=["parameters"]
results = "results/images"  # a folder of records made by the experiment notebooks
results_edge = "results/images-edge"  # with a larger weight than the paper's
data = "cifar10-jpeg"  # or another set that has records there
scale = "A"  # the size of experiment: A, B or paper

# %% tags=["hide-input"]
from lib.study import (
    claims_images,
    comparisons,
    figures,
    pages_claims,
    pages_images,
    pages_quadrants,
    runs_images,
    words_images,
    work_images,
)
from lib.study.gluing import keep, whole_tables

figures.use()
whole_tables()
frame = runs_images.load(results, scale, data)
front = runs_images.fronts(frame)
grid = runs_images.of_the_grid(scale=scale)
tests = claims_images.tests(frame)
verdicts = claims_images.verdicts(tests)
keep("images", pages_images.runs_told(grid, frame))
keep("images", {"short": pages_images.short_told(front), "masks": pages_images.masked_told(front)})
keep("images", {"outcomes": pages_images.claims_told(verdicts)})
keep("images", words_images.words(front, frame))
keep("images", {"edge": pages_images.edge_told(frame, runs_images.beyond(results_edge, scale, data))})

# %% [markdown]
# ## Insertion and deletion against accuracy

# %% tags=["hide-input"]
keep("images", {"front": pages_images.front_figure(front), "fronts": pages_images.fronts_told(front)})
pages_images.leads_shown(front)

# %% [markdown]
# *ID-ExpO minus the best rival at $\eta = 3$: mean over seeds, with a 95% interval where there are several.*
#
# ```{glue:figure} images-front
# :name: fig-images-front
# :alt: Insertion and one minus deletion against accuracy, a row for each explainer and S, a line for each method.
#
# Mean over seeds with standard errors where there are several. Each line joins the hyperparameters that $\eta = 0.5$ to
# $3$ choose, the largest marker is $\eta = 3$; the star is the network before fine-tuning (the paper's Figures 2 and
# A.2).
# ```
#
# {glue:text}`images-fronts`

# %% [markdown]
# ## Measures that nobody trained
#
# Sensitivity-4 ([](18_measuring)) masks four cells at a time. The paper argues, without measuring it, that its
# regularisers counter missingness bias: that a network goes wrong where parts of an image are missing. Accuracy with a
# random half of the cells masked, and with the less important half masked, are our two readings of that.

# %% tags=["hide-input"]
keep("images", {"untrained": pages_images.untrained_figure(front)})
found = pages_images.over_told(front, "sensitivity", "sensitivity-4", finding="it higher with ID-ExpO")
masked = pages_images.over_told(front, "masked", "accuracy with a random half of the cells masked")
kept = pages_images.over_told(front, "kept_half", "accuracy with the less important half masked")
keep("images", {"over-sensitivity": found, "over-masked": masked, "over-kept": kept})
keep("images", {"missing": work_images.missing(front)})
pages_images.over_shown(front)

# %% [markdown]
# *ID-ExpO minus CE-only at $\eta = 2$: mean over seeds, with a 95% interval where there are several.*
#
# ```{glue:figure} images-untrained
# :name: fig-images-untrained
# :alt: Sensitivity-4 and accuracy on masked images against accuracy, a row for each explainer and S.
#
# Sensitivity-4 and accuracy with a random half of the cells masked, against accuracy, for all $\eta$ (the paper's
# Fig. 3 shows the first at $S = 0.3\,HW$).
# ```
#
# {glue:text}`images-over-sensitivity`
#
# {glue:text}`images-over-masked`
#
# {glue:text}`images-over-kept`
#
# ````{dropdown} Accuracy on test images, whole and masked, of each method at η = 2
# ```{glue} images-missing
# ```
# ````

# %% [markdown]
# ## Image by image
#
# A mean can rise because a few images gain much. The paper's Fig. 4 asks of each image whether both of its scores rose
# when the network was fine-tuned, here with Grad-CAM, $S = 0.5\,HW$, at $\eta = 2$.

# %% tags=["hide-input"]
changed = pages_quadrants.changed(front)
keep("images", {"quadrants": pages_quadrants.quadrant_figure(changed)})
told = {"quadrants-told": pages_quadrants.quadrants_told(changed)}
keep("images", told | {"quadrants-seeds": pages_quadrants.seeds_told(changed)})
pages_quadrants.quadrant_table(changed)

# %% [markdown]
# *Shares of test images in which insertion and one minus deletion both rise, and both fall, over the
# {glue:text}`images-quadrants-seeds`.*
#
# ```{glue:figure} images-quadrants
# :name: fig-images-quadrants
# :alt: Change of one minus deletion against change of insertion, a point for each test image, a panel for each method.
#
# Changes of single test images by fine-tuning, first seed alone; the table's shares are means over seeds.
# ```
#
# {glue:text}`images-quadrants-told`

# %% [markdown]
# ## What the scores rest on
#
# Ranges from here on take in the row of KernelSHAP, which the paper has not on images. A network that is surer of
# everything, or that has merely learned to cope with masks, has a higher insertion whatever
# its explanations say. Three controls tell. A map of random numbers knows nothing of the image: what it gains is not
# faithfulness. Dividing by $f(x)$ takes sureness out. And the rule for ties matters on Grad-CAM's maps, where ReLU sets
# many cells to 0: *first* inserts exactly $s$ cells, the first of equals ({eq}`id-3`), *by threshold* all that are not
# below the $s$-th value ({eq}`id-5`).

# %% tags=["hide-input"]
keep("images", {"scores": work_images.controls(front), "sureness": work_images.sureness(front)})
work_images.gained(front)

# %% [markdown]
# *What ID-ExpO adds to CE-only's insertion at $\eta = 2$, and what random masks alone add: along the explanation, along
# a random map (at every fourth value of $s$ where there are many), divided by $f(x)$, and with other backgrounds
# ([](sec-images-backgrounds)).*
#
# {glue:text}`images-controls` {glue:text}`images-ties`
#
# ````{dropdown} Insertion (higher is better) and deletion (lower is better) of each method at η = 2
# As they are, by a random map, by threshold, and divided by $f(x)$.
#
# ```{glue} images-scores
# ```
# ````
#
# A calibrated network has $f(x)$ minus accuracy near 0. A map that is all zero orders nothing. The gap at $S$ asks
# whether important cells stand apart: it is the drop from the $s$-th largest contribution to the next, as a share of
# the range of all. {glue:text}`images-gap`
#
# ````{dropdown} How sure the networks are and what their maps look like, at η = 2
# ```{glue} images-sureness
# ```
# ````
#
# (sec-images-backgrounds)=
#
# ### Other backgrounds, another class
#
# Training masks cells by the mean colour. Where a masked cell shows a blurred copy of the image instead, or noise, an
# insertion that was learned for that one colour would vanish. The released code explains the class predicted and scores
# the true one, which mixes accuracy into the scores.

# %% tags=["hide-input"]
keep("images", {"other-scores": work_images.backgrounds(front)})

# %% [markdown]
# {glue:text}`images-backgrounds`
#
# ````{dropdown} Insertion and deletion of each method with other backgrounds, and of the true class
# All of them at every fourth value of $s$ where there are many. A dash: recorded before this was measured.
#
# ```{glue} images-other-scores
# ```
# ````
#
# ### Explanations that were not trained
#
# The same networks, measured with an explanation other than the one that they trained: what ID-ExpO gains over CE-only
# there, and what it gains in its own.

# %% tags=["hide-input"]
work_images.others(work_images.elsewhere(frame, front))

# %% [markdown]
# *ID-ExpO minus CE-only at $\eta = 2$, in an explanation that was not trained and in the one that was. A dash: CE-only
# has no record of that explanation.*
#
# {glue:text}`images-elsewhere`
#
# ## What does the work
#
# ID-ExpO with one thing changed at a time. Through Grad-CAM: derivatives of first order only, or none ([](16_gradcam));
# the logit in place of the probability; batch norm in training mode; no floor on the range of contributions that a
# temperature is read off; the released code's background, temperature and class scored ([](31_paper_and_code)); $K$,
# more and fewer values of $s$ at a step. Through LIME: its kernel by cosine, and a price on contributions.

# %% tags=["hide-input"]
keep("images", {"unrecorded": words_images.unrecorded_told(grid)})
work_images.ablations(frame)

# %% [markdown]
# *Test scores of single runs, $S = 0.5\,HW$, $\lambda = 0.1$, rate $10^{-4}$ (which validation takes), one seed: a
# change within what seeds differ by says nothing. The logit, the released code's background and the kernel by cosine
# are measured as they train: their scores are of explanations of the logit, of that background, and of explanations
# with that kernel.*
#
# {glue:text}`images-spread`
#
# {glue:text}`images-orders` {glue:text}`images-unrecorded`
#
# ## A robust network
#
# A network trained against attacks is said to have better explanations by itself. Ours is of the same architecture,
# trained on images whose pixels an attack (PGD) may change by up to 8 of 255 grey levels: seven gradients, each a step
# of two levels, the first of random length. The paper's is a ResNet-50 that somebody else trained.

# %% tags=["hide-input"]
work_images.robust(front, frame)

# %% [markdown]
# *ID-ExpO at $\eta = 3$, and robust networks. Of the paper's network its accuracy and two scores are printed. It is as
# accurate as ID-ExpO; ours pays for its robustness in accuracy and is another kind of network, so that ID-C7 says
# little. It is one training, and the intervals there know the seeds of ID-ExpO alone.*
#
# {glue:text}`images-robust`
#
# (sec-images-costs)=
# ## What it costs
#
# The paper counts $O(B (E + S))$ for a step on $B$ images, where explaining one costs $E$: $O(M + D^2)$ for LIME and
# KernelSHAP, with $M$ masks of $D$ cells; Grad-CAM's, a backward pass, depends on the network. Measured in time of one
# core on an image:

# %% tags=["hide-input"]
work_images.costs_table(frame)

# %% [markdown]
# *Milliseconds of one CPU core an image: to train on it, to explain it, and to explain it after some steps of
# fine-tuning. Median and range of the rounds timed, all masks visited and all products in single precision. With
# superpixels the paper lets $s$ grow by as many pixels as there are superpixels, so that all its values are few.*
#
# {glue:text}`images-costs`

# %% tags=["remove-cell"]
copies, told = work_images.copies_shown(runs_images.copies(results, scale))
keep("images", {"copies": told})

# %% [markdown]
# (sec-images-copies)=
# ## What JPEG does
#
# {glue:text}`images-copies`

# %% tags=["remove-input"]
copies

# %% [markdown]
# *Scores on original pixels minus those on the JPEG copy, mean over images ± standard error.*
#
# (sec-images-claims)=
# ## The claims
#
# Verdicts come about as on [](01_claims), with seeds in the place of splits. A claim counts once all its comparisons
# have records, and one seed alone decides nothing.

# %% tags=["hide-input"]
keep("images", {"comparisons": comparisons.shown(tests[tests["splits"] > 0], repeats="repeats")})
keep("images", {"spoken": pages_claims.spoken(verdicts)})
pages_claims.at_a_glance(verdicts).assign(recorded=list(claims_images.lacking(tests).values()))

# %% [markdown]
# *The claims about images: verdicts, how many of their comparisons have records, and with how many repeats at most.
# Repeats are seeds, and rounds of timing in ID-C12, which is no matter of chance. A comparison of one seed has neither
# an interval nor p, and decides nothing. The paper means ID-C2 to C4 of both its sets; here they are CIFAR-10's.*
#
# ````{dropdown} Each claim in words: effect, p, and what could be seen
# ```{glue} images-spoken
# ```
# ````
#
# ````{dropdown} The comparisons that have records
# ```{glue} images-comparisons
# ```
# ````
#
# {glue:text}`images-margin` ID-C7 compares with a robust network of our own, far less accurate than the paper's, so
# that its two verdicts say little.
#
# What is behind these means can be looked at, image by image, in [the gallery](23_gallery).
#
# (sec-images-runs)=
# ## Which runs there are
#
# Of the {glue:text}`images-runs-asked` runs, of training and of measuring, that the project's grid asks for at this
# scale, {glue:text}`images-runs` are recorded, and {glue:text}`images-cells` of its {glue:text}`images-cells-asked`
# lists of settings are whole. `make experiments ONLY="images -A"` runs what is missing; the scale is what two CPU cores
# do in a day. Images to train on are drawn from {glue:text}`images-train:,`; how many are, the table below says.
# Another {glue:text}`images-val` choose hyperparameters, and {glue:text}`images-images:,` test images are measured.
# Training, the start's included, took {glue:text}`images-hours:.1f` hours on one core that had other work beside it.
#
# For each explainer and $S$ there are: {glue:text}`images-choice`. A method with fewer settings had less to choose
# from, and where there is one seed nothing can be said of what another seed would change. All runs fine-tune one
# network on one split, so the seeds say what the order of the images, the draws and the rate that validation takes
# change; another split, or another start, is not measured. {glue:text}`images-rates` {glue:text}`images-diverged`
# {glue:text}`images-strengths` {glue:text}`images-edge`
#
# > The runs differ from the paper's in ways that matter.
# >
# > - The images: {glue:text}`images-source`. JPEG has changed their pixels; what that does to the scores is measured
# >   [above](sec-images-copies).
# > - The paper's ResNet-18 has width 64. Ours has an accuracy of {glue:text}`images-start:.3f` on all test images
# >   before fine-tuning.
# > - Training is much shorter, with ten times the paper's learning rates, smaller batches and fewer values of $s$ at a
# >   step ([](19_speed_id) says how they are drawn). The table says how much of what each method sees; where a method
# >   and its rival saw different numbers of images, part of their difference may be that. The paper trains for up to 50
# >   epochs of 40,000 images in batches of 128.
# > - The soft masks' temperature has a floor ([](16_gradcam)): {glue:text}`images-floor` (on training images
# >   {glue:text}`images-below` with pretrained, see [](30_readings)). Their soft masks are softer than the paper's.
# > - Batch norm keeps the statistics of pretraining while a network is fine-tuned, and images are flipped and cropped
# >   in both trainings. Of fine-tuning the paper says neither.
# > - Fewer images choose and test: {glue:text}`images-val` and {glue:text}`images-images:,`, where the paper has 10,000
# >   of each.
# >
# > STL-10 and the weights of the paper's robust ResNet-50 could not be had. The library reads both, which is tested on
# > small files in their formats, and the grid lists their runs ([](../grids) has the commands). Claims about STL-10
# > read "not tested".

# %% tags=["hide-input"]
pages_images.training_shown(frame)

# %% [markdown]
# *How the methods compared here are trained: images seen in all, batch, values of $s$ drawn at a step, masks of LIME
# and KernelSHAP or of ExpO's neighbours, the share of them that backward visits, the precision of products, and the
# weights $\lambda$ and learning rates of which validation chooses. The paper tries three weights with every method.
# Where fewer stand here, the smaller ones are left out for their cost: at weight 0 each method is CE-only, so what is
# left out lies between two methods that are here.*

# %% tags=["hide-input"]
pages_images.runs_shown(grid)

# %% [markdown]
# *Runs of the project's grid at this scale: recorded, asked for, and what they are for.*
