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
# # Your images
#
# Give this chapter a folder that holds a folder of images for each class, and a ResNet-18 of torchvision's if you have
# one, or a ResNet-50. It fine-tunes the network so that Grad-CAM ([](16_gradcam)) or LIME ([](15_explainers)) explains
# it more faithfully, keeps it, and ends in a page of figures about your images:
#
# ```
# python -m lib.run notebooks/26_your_images.py mine.ipynb \
#     -p images my_images -p size 96 -p weights my_resnet18.pt \
#     -p layer conv4_x -p tuned tuned.pt
# ```
#
# Torchvision's weights for ImageNet have another last layer and inputs of their own:
#
# ```
# python -m lib.run notebooks/26_your_images.py mine.ipynb \
#     -p images my_images -p size 224 -p weights resnet18.pt \
#     -p new_head True -p layer conv4_x -p tuned tuned.pt \
#     -p mean 0.485,0.456,0.406 -p std 0.229,0.224,0.225
# ```
#
# In Jupyter, open `notebooks/26_your_images.py` as a notebook and change the next cell. With papermill alone:
# `jupytext --to ipynb -o - notebooks/26_your_images.py | papermill - mine.ipynb -p images my_images -p size 96`.

# %% tags=["parameters"]
images = ""  # your folder, CLASS/file; empty: the one that is made below
size = 0  # pixels to a side that your images are scaled and cropped to; 0: they have one shape already
weights = ""  # a state_dict of torchvision's resnet18 or resnet50; empty: a narrow network is trained here
new_head = False  # whether its last layer is for other classes, as ImageNet's is, and has to be trained first
mean = []  # of its inputs, three numbers between 0 and 1; []: what its file says, or else your images' own
std = []
stem = ""  # cifar or unpooled, if its first convolution is 3x3, with a max pool or without; "": what its file says
width = 8  # of the narrow network
epochs = 8  # of training before any explanation is
lam = 0.1  # weight of the regulariser
lr = 1e-3  # of the fine-tuning
tuning_epochs = 4
explainer = "Grad-CAM"  # or LIME, KernelSHAP
layer = "conv3_x"  # whose maps Grad-CAM weighs; conv4_x goes with images of 96 pixels
superpixels = 8  # squares to a side that LIME and KernelSHAP explain
S = 0.5  # share of the cells inserted and deleted
draws = 4  # values of s at a step, cheaper and noisy; 0 for all
tuned = ""  # file for the fine-tuned network, which `weights` takes again; empty: it is not kept
seed = 0
device = "cpu"  # or "cuda"

# %% tags=["hide-input"]
import copy
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from myst_nb import glue
from PIL import Image
from sklearn.datasets import load_digits

from lib.check import check
from lib.data.images import load
from lib.nets import resnet
from lib.parameters import vectors
from lib.study import before_after, figures
from lib.training.images import Tuning, draws_of, explainer_for, predictor_of, tune
from lib.training.measuring import measured, report
from lib.training.pretraining import Pretrainer, Pretraining, pretrain

figures.use()

# %% [markdown]
# ## A folder as people have it
#
# Without a folder of yours, these are 600 of scikit-learn's handwritten digits, each a picture of its own in a folder
# of its digit, drawn in white on a ground of random colour, so that the colour says nothing.

# %%
if not images:
    digits, rng = load_digits(), np.random.default_rng(0)
    images = tempfile.mkdtemp()
    for n in range(600):
        ink = digits.images[n].repeat(4, 0).repeat(4, 1)[..., None] / 16
        picture = 255 * ink + (1 - ink) * rng.integers(0, 120, 3)
        folder = Path(images) / str(digits.target[n])
        folder.mkdir(exist_ok=True)
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"{n}.png")
pictures = load(images, size=size or None, seed=seed).to(device)
print("training, validation, test:", *(len(getattr(pictures, f"y_{part}")) for part in ("train", "val", "test")))
print("classes:", ", ".join(pictures.classes))

# %% [markdown]
# ## Your network
#
# The parameters of the library's ResNet-18 have torchvision's names, so that a `state_dict` saved from there can be
# loaded. Nothing but its numbers is read. They say neither how the inputs were standardised nor whether a max pool
# follows a first convolution of 3x3, so give `mean` and `std`, without which your images' own are taken, and `stem`,
# unless your file notes them as this library's own do. The check: both give the same logits.

# %%
from torchvision.models import resnet18

theirs = resnet18(num_classes=pictures.C).eval()
with tempfile.TemporaryDirectory() as folder:
    torch.save(theirs.state_dict(), Path(folder) / "theirs.pt")
    ours, _ = resnet.load(Path(folder) / "theirs.pt", pictures.C)
x = pictures.inputs(pictures.x_train[:2]).cpu()
with torch.no_grad():
    check("torchvision's logits", ours.eval()(x), theirs(x), tol=1e-4)

# %% [markdown]
# With `weights` yours is taken. ImageNet's, say, has a last layer for other classes: `new_head` replaces it, and trains
# the network for yours first. Here a narrow one is trained from nothing. All settings are checked before that, so that
# a slip shows at once.

# %%
batch = min(32, len(pictures.y_train))
start = Pretraining(width=width, epochs=epochs, batch=batch, lr=0.05, seed=seed)
torch.manual_seed(seed)  # of a new head
net, noted = resnet.resnet18(pictures.C, width), {}
if weights:
    net, noted = resnet.load(weights, pictures.C, stem=stem, new_head=new_head)
mean, std = vectors(mean=mean, std=std)
pictures = pictures.as_trained(noted, mean=mean, std=std)
net = net.to(device)
by = explainer_for(explainer, net, pictures, layer=layer, superpixels=superpixels)
options = {"explainer": by, "S": S, "lr": lr, "epochs": tuning_epochs, "batch": batch, "seed": seed}
settings = {
    "trained on": Tuning(method="CE-only", lam=0.0, **options),
    "after": Tuning(method="ID-ExpO", lam=lam, draws=draws or None, **options),
}
settings["after"].check_draws(pictures.background.shape)
if tuned:
    resnet.check_place(tuned, "tuned")

# %%
if not weights:
    net = pretrain(pictures, start, progress=False).best()
elif new_head:
    trainer = Pretrainer(net, pictures, start)
    trainer.run(progress=False)
    net = trainer.best()

# %% [markdown]
# ## Fine-tuned for its explanations
#
# *Trained on* goes through as many epochs of cross-entropy alone, *after* through ID-ExpO ({eq}`id-11`), from the same
# network. Epochs are kept by the valscore of validation images.

# %%
nets = {"before": net}
for who, setting in settings.items():
    nets[who] = tune(copy.deepcopy(net), pictures, setting, progress=False).best()
if tuned:
    resnet.save(nets["after"], tuned, mean=pictures.mean.tolist(), std=pictures.std.tolist())

# %%
predictors = {who: predictor_of(each, pictures) for who, each in nets.items()}
drawn = draws_of([(by, S)], predictors["before"].b)[by]
reports = {who: report(f, pictures, "test", explainer=by, S=[S], drawn=drawn) for who, f in predictors.items()}
frame = before_after.compared({who: before_after.of_images(rows) for who, rows in reports.items()})
print(before_after.told(frame))
before_after.shown(frame)

# %% [markdown]
# The folder is divided by `seed`: of each ten images about seven train, one chooses epochs and two are measured here.
# This is one split and one seed. A second `seed` shows how far these numbers move by themselves. Read insertion and
# $1 -$ deletion together with accuracy and calibration, as for [tables](24_your_table).
#
# ## The page
#
# Below the scores stands the first test image of each of up to four classes, with its heat map before and after. A map
# is scaled by its own largest value, so that maps show where and not how much.

# %% tags=["hide-input"]
labels = pictures.y_test.tolist()
rows = [labels.index(c) for c in sorted(set(labels))[:4]]
found = {who: measured(f, pictures, "test", explainer=by, S=S, drawn=drawn) for who, f in predictors.items()}


def heat(ax, who, n):
    """The image in grey, what speaks for its class over it."""
    phi = by.expand(found[who].phi[n], predictors[who].b.shape).reshape(pictures.x_test.shape[1:3]).cpu()
    ax.imshow(pictures.x_test[n].float().mean(-1).cpu(), cmap="gray")
    ax.imshow(phi / phi.max().clamp_min(1e-30), cmap="viridis", alpha=0.6, vmin=0, vmax=1)
    ax.axis("off")


fig = plt.figure(figsize=(figures.WIDTH, 10.5), layout="constrained")
top, middle, low = fig.subfigures(3, 1, height_ratios=(3, 3, 4.5))
figures.before_after(top.subplots(), frame)
ax = middle.subplots()
for (who, own), color in zip(found.items(), figures.own.COLORS):
    for part, line in (("inserted", "-"), ("deleted", "--")):
        ax.plot(own.steps, getattr(own, part).mean(0).cpu(), line, color=color, label=f"{who}, {part}")
ax.set(xlabel="cells, the most important first", ylabel="probability of\nthe predicted class", ylim=(0, 1.02))
ax.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.45, -0.28), fontsize=9)
axes = low.subplots(3, len(rows), squeeze=False)
for column, n in zip(axes.T, rows):
    column[0].imshow(pictures.x_test[n].cpu())
    column[0].axis("off")
    column[0].set_title(pictures.classes[labels[n]])
    for ax, who in zip(column[1:], ("before", "after")):
        heat(ax, who, n)
        ax.set_title(who, fontsize=10, fontweight="normal")
figures.headline(fig, f"{pictures.name if weights or size else 'Images'}: before and after training for {explainer}")
glue("own-images-page", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} own-images-page
# :name: fig-own-images-page
# :alt: Scores and curves before and after fine-tuning, and four images with their Grad-CAM heat maps before and after.
#
# Test images. Curves may gain although no person would draw such a map, because they ask what the network uses.
# ```
#
# For several seeds, the rivals and all of their records, run the experiment that the book's own results come from. Each
# such line is one job of a cluster:
#
# ```
# python -m lib.run notebooks/experiments/insertion_deletion_images.py \
#     out.ipynb -p data my_images -p size 96 -p start my_resnet18.pt \
#     -p layer conv4_x -p out my.parquet
# ```
#
# Another network than these two needs what `Convolutional` in `lib/nets/resnet.py` gives: a function of its parameters
# and, for Grad-CAM, a cut at a layer. Images of many shapes are scaled by `size`. Grey ones, and ones with
# transparency, have to be made RGB first, as the error says.
