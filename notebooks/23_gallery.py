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
# # A gallery of explanations
#
# Scores are means over images. What is behind them can be looked at: this page steps through test images one by one, in
# the order in which the split has them, so that nobody has picked them. It is our counterpart of the paper's Figures 5
# and A.3.
#
# The explanations are by {glue:text}`gallery-explainers` ([](16_gradcam)). With each explainer, two networks are shown.
# Both began as the same ResNet-18 of a quarter of the paper's width. *CE-only* trained on for its predictions alone,
# *ID-ExpO* with insertion and deletion of this explainer's maps in its loss. Of each method's runs we take the one that
# validation chose by this explainer, so another explainer may come with other networks and other predictions. The
# images are those of the JPEG copy of CIFAR-10. Curves here are at every number of cells; for the means of [the
# results](22_images) LIME's superpixels are inserted and deleted four at a time, as the paper counts pixels.

# %% tags=["parameters"]
results = "results/gallery"  # records made by notebooks/experiments/gallery.py
scale = "A"  # of the experiment: its networks have a quarter of the paper's width
shown = 3  # images in the figure; the player has all

# %% tags=["hide-input"]
import base64
import io
import json
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image

from lib.check import check
from lib.data import images as sets
from lib.study import figures, gluing, records
from lib.study.words import listed

figures.use()
frame = records.read(results)
frame = frame[frame["scale"] == scale]
first = frame.iloc[0]
n, S, classes, truth = int(first["rows_test"]), first["S"], list(first["classes"]), first["truth"].tolist()


def of_network(rows):
    """What one network says of each image: classes (n,), maps (n, D), curves from s = 0 to D, their means up to S."""
    found = {m: np.asarray(v).reshape(n, -1) for m, v in zip(rows["measure"], rows["shown"])}
    phi, inserted, deleted = found["contributions"], found["insertion"], found["deletion"]
    D = phi.shape[1]
    own = SimpleNamespace(phi=phi, inserted=inserted, deleted=deleted, D=D, side=round(D**0.5), steps=round(S * D))
    own.y = found["predicted"][:, 0].astype(int)
    own.insertion, own.deletion = (curve[:, 1 : own.steps + 1].mean(1) for curve in (inserted, deleted))
    return own


explainers = {
    name: {method: of_network(rows) for method, rows in own.groupby("method", sort=True)}
    for name, own in frame.groupby("explainer", sort=True)
}

# %% [markdown]
# The record holds maps and curves, and not the images, which are no part of this project. They are read from `DATA_DIR`
# if they are there, and the record says which they must be.

# %% tags=["hide-input"]
try:
    images = sets.load(first["dataset"], seed=int(first["split"]), test=n)
except ValueError:
    images = None
if images:
    digests = {json.loads(text)["digest"] for text in frame["settings"]}
    check("they are the images that were explained", digests == {images.digest[:12]})
    check("and of the classes that the record names", images.y_test, truth, tol=0)
else:
    print("DATA_DIR has no such images: maps and curves are shown without them.")


# %% tags=["hide-input"]
def thumbnail(pixels):
    """A drawn image as text, for a page."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def rounded(values, digits):
    """Significant digits; the maps keep those that decide their order."""
    return [[float(f"{v:.{digits}g}") for v in row] for row in values]


player = {
    "classes": classes,
    "y": truth,
    "background": "rgb({:.0f}, {:.0f}, {:.0f})".format(*(255 * images.mean)) if images else "#888888",
    "images": [thumbnail(own) for own in images.x_test.numpy()] if images else [None] * n,
    "explainers": {
        name: {
            "side": models["CE-only"].side,
            "models": {
                method: {
                    "y": own.y.tolist(),
                    "phi": rounded(own.phi, 6),
                    "inserted": rounded(own.inserted, 3),
                    "deleted": rounded(own.deleted, 3),
                }
                for method, own in models.items()
            },
        }
        for name, models in explainers.items()
    },
}
missing = f"A player stands here on the web page, with JavaScript. The figure below shows {shown} of its images."
gluing.player("gallery-player", player, script="gallery.js", otherwise=missing)

# %% [markdown]
# **What you see.** A *cell* is a part of the image that is masked as one, an eighth of it in each direction. For each
# network there are three pictures. First the map of the class that it predicts, bright where a cell speaks most for
# that class and dark where it does not, or speaks against it. Then the image with only the $s$ first cells of the map,
# and the image without them. Cells that are gone have the mean colour of all training images, as in training. Below,
# how sure the network is of its class at every $s$. These curves are jagged because they are of single images: one cell
# more can change what the network sees. The scores average over $s$ and over images.
#
# **What to try.**
#
# 1. Set s to 8, an eighth of the image, and step through the images. How much of the object can you recognise in the
#    middle picture? How sure is each network?
# 2. Look at where the blue curve leaves the ground, and at how soon the orange one falls.
# 3. Many cells of Grad-CAM's maps are exactly 0. Past the last positive cell the order of cells says nothing any more,
#    and both curves go on in reading order ([](16_gradcam)). LIME orders all cells: its numbers fall below 0 where a
#    cell speaks against the class.
# 4. Look for maps that moved away from the object. A map on the background can have a good curve too. Insertion and
#    deletion ask what the network uses, not what you would use.

# %% tags=["hide-input"]
lines = [(row, name) for row in range(shown) for name in explainers]
size = (figures.WIDTH, 1.9 * len(lines))
fig, axes = plt.subplots(len(lines), 4, figsize=size, width_ratios=(1, 1, 1, 1.6), squeeze=False)
for (row, name), (image, *maps, curves) in zip(lines, axes):
    models = explainers[name]
    D, side, steps = (getattr(models["CE-only"], size) for size in ("D", "side", "steps"))
    for ax in (image, *maps):
        ax.set(xticks=[], yticks=[], xlim=(0, side), ylim=(side, 0), aspect="equal")
        ax.grid(False)
    for ax in (image, *maps) if images else ():
        ax.imshow(images.x_test[row].numpy(), extent=(0, side, side, 0))
    image.set_title(f"in truth:\n{classes[truth[row]]}", fontsize=11, fontweight="normal")
    image.set_ylabel(name, fontsize=11)
    for ax, (method, own) in zip(maps, models.items()):
        heat = own.phi[row].reshape(side, side)
        options = {"extent": (0, side, side, 0), "cmap": "inferno", "vmin": 0, "vmax": max(heat.max(), 1e-30)}
        ax.imshow(heat, alpha=0.6, **options)
        ax.set_title(f"{method}:\n{classes[own.y[row]]}", fontsize=11, fontweight="normal")
        for curve, line in ((own.inserted, "-"), (own.deleted, ":")):
            curves.plot(curve[row], line, color=figures.METHODS[method].color)
    curves.set(ylim=(0, 1.03), xlim=(0, D), xticks=[0, steps, D], yticks=[0, 1])
axes[-1, -1].set_xlabel("s, cells", fontsize=11)
figures.headline(fig, "What two networks rest on, image by image")


def counted(models):
    """How many images have both scores better under ID-ExpO, and how many both worse."""
    before, after = models["CE-only"], models["ID-ExpO"]
    gained, spared = after.insertion > before.insertion, after.deletion < before.deletion
    return (gained & spared).sum(), (~gained & ~spared).sum()


both, neither = zip(*map(counted, explainers.values()))
told = {
    name: listed(f"{count} by {explainer}" for explainer, count in zip(explainers, counts))
    for name, counts in (("both", both), ("neither", neither))
}
gluing.keep("gallery", {"figure": fig, "n": n, "S": float(S), "explainers": listed(explainers), **told})

# %% [markdown]
# ```{glue:figure} gallery-figure
# :name: fig-gallery
# :alt: Rows of test images, each with the maps of two networks over it and their insertion and deletion curves.
#
# The first images of the player, a row for each explainer. Left to right: the image and its true class; the map and the
# predicted class of each network, brighter where a cell counts more; probability of that class while cells are inserted
# (lines) and deleted (dotted), grey for CE-only and blue for ID-ExpO.
# ```

# %% tags=["hide-input"]
table = {
    (name, method): {
        "right": np.mean(own.y == np.array(truth)),
        "sure of it": own.deleted[:, 0].mean(),
        "insertion ↑": own.insertion.mean(),
        "deletion ↓": own.deletion.mean(),
        "cells at 0": (own.phi == 0).mean(),
    }
    for name, models in explainers.items()
    for method, own in models.items()
}
pd.DataFrame(table).T.round(3)

# %% [markdown]
# *The player's images: the share predicted right, the mean probability of the class predicted, mean scores, and the
# share of cells whose contribution is 0.*
#
# Of these {glue:text}`gallery-n` images, insertion and deletion of a share {glue:text}`gallery-S` of the cells are both
# better under ID-ExpO than under CE-only for {glue:text}`gallery-both`, and both worse for
# {glue:text}`gallery-neither`. The paper's Figure 4 counts over 1,000 images, and against another network: it compares
# each method with the network before fine-tuning, as [](22_images) does on its test images. So few images as here, from
# one run with one seed, show what the scores are about. They do not show how large an effect is.
