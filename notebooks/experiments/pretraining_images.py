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
# # Experiment: a network for images
#
# What the experiments on images start from: a ResNet-18 trained on cross-entropy, or against PGD's attacks for the
# comparison with a robust network. Its weights are kept outside the repository, its accuracy becomes a record.
#
# With a `radius` every step trains on images that PGD (Madry et al. 2018) has moved to where the loss is larger:
# `attack_steps` gradients for each image, each followed by a step of `attack_step` along its sign, and no pixel further
# from where it was than the radius. All are in grey levels of 255 and in the records' settings. One thing differs from
# the original, which starts at a random point of the cube. Here the first step goes from the image itself along its
# gradient's sign, by a share of the radius drawn for each image. That keeps something random in the start for one
# number an image from the run's generator, in place of one for each pixel. The two starts were not compared. The attack
# sees the network as it is measured, with batch norm's running statistics, while the step that follows it normalises by
# the statistics of its batch.
#
#     python -m lib.run notebooks/experiments/pretraining_images.py out.ipynb -p data my_images -p width 16

# %% tags=["parameters"]
data = "cifar10"  # cifar10, cifar10-jpeg, stl10 or a folder of your own, CLASS/file
split = 0  # number of the split, which seeds it
train = 0  # images of each part: the first so many, 0 for all
val = 0
test = 0
size = 0  # pixels to a side that images of your own are scaled and cropped to; 0: they have one shape already
width = 64  # channels of the first stage
stem = "cifar"  # or "plain", for images of 96 x 96 pixels, or "unpooled"
epochs = 60
batch = 128  # in memory at once, as batch norm takes its statistics
lr = 0.1  # the highest of the cycle
radius = 0.0  # of PGD's attack, in grey levels of 255; 0 for none
attack_step = 2.0  # of PGD, in grey levels along the gradient's sign
attack_steps = 7  # of PGD, a gradient each; the first step's length is random, up to the radius
mixed = "auto"  # multiply in bfloat16: yes, no, or auto, where the device gains from it
scale = "paper"  # what the records call this size of experiment: A, B, paper
seed = 0
device = "cpu"  # or "cuda"
threads = 1  # of the processor, for one process
weights = "runs/weights/pretrained.pt"  # a training that was interrupted goes on from beside it
out = "runs/pretraining.parquet"

# %%
from pathlib import Path

import pandas as pd

from lib.data import images as sets
from lib.nets import resnet
from lib.study import records
from lib.study.provenance import provenance
from lib.training.engine import check_device, use_threads
from lib.training.pretraining import Pretraining, accuracy, in_bfloat16, pretrain

VERSION = 1  # raised when what is computed changes
use_threads(threads)
records.check_out(out, weights=weights)
resnet.check_place(weights)
bfloat16 = in_bfloat16(mixed, check_device(device))
attack = {"radius": radius, "attack_step": attack_step, "attack_steps": attack_steps}
options = {"width": width, "stem": stem, "epochs": epochs, "batch": batch, "lr": lr, "mixed": bfloat16, "seed": seed}
settings = Pretraining(**options, **attack)
parts = {"train": train or None, "val": val or None, "test": test or None}
images = sets.load(data, seed=split, size=size or None, **parts).to(device)
method = "PGD" if radius else "pretrained"
records.check_replaced(
    out, VERSION, paper="ID", dataset=images.name, method=method, split=split, seed=seed, width=width
)
f"{images.source}: {len(images.x_train)} images to train on, {images.C} classes"

# %%
checkpoint = Path(weights).with_suffix(".checkpoint")
trainer = pretrain(images, settings, checkpoint=checkpoint)
net = trainer.best()

# %% [markdown]
# ## Records

# %%
described = {"experiment": "pretraining_images", "digest": images.digest, **vars(settings)}
about = provenance(described, device, version=VERSION)
scores = {part: accuracy(net, images, part) for part in ("val", "test")}
run = {
    "method": method,
    "dataset": images.name,
    "split": split,
    "seed": seed,
    "explainer": "none",
    "S": 0.0,
    "deletion": "none",
    "lam": 0.0,
    "lam3": 0.0,
    "lr": lr,
    "epochs": epochs,
    "best_epoch": trainer.state["best_epoch"][0],
    "refused": trainer.state["refused"],
    "seconds": trainer.state["seconds"],
    "measure": "accuracy",
    "direction": "higher",
    "scale": scale,
    "width": width,
    "rows": len(images.x_train),
    "source": images.source,
}
frame = pd.DataFrame([{**run, "part": part, "value": value} for part, value in scores.items()])
records.write(frame.assign(paper="ID", **about), out)
noted = {"config": about["config"], "method": method, "dataset": images.name, "digest": images.digest}
noted |= {"mean": images.mean.tolist(), "std": images.std.tolist()}  # of its inputs
resnet.save(net, weights, **noted, accuracy=scores["test"], epochs=epochs)
checkpoint.unlink(missing_ok=True)
frame[["part", "measure", "value", "seconds"]].round(3)
