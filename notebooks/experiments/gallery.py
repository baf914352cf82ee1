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
# # Experiment: maps and curves for the gallery
#
# For each explainer, the network of each method that validation chose by that explainer explains the first test images.
# Its maps and curves are recorded, image by image, and not the images: they lie in DATA_DIR, and the gallery's page
# takes them from there. It needs the records and the weights that `insertion_deletion_images` left.
#
#     python -m lib.run notebooks/experiments/gallery.py out.ipynb -p tuned a.parquet,b.parquet -p out my.parquet

# %% tags=["parameters"]
data = "cifar10-jpeg"  # cifar10, cifar10-jpeg, stl10 or a folder of your own, CLASS/file
split = 0  # of the records
size = 0  # pixels to a side that images of your own are scaled and cropped to; 0: they have one shape already
explainers = ["Grad-CAM", "LIME"]  # that networks were chosen by, and that explain
tuned = [
    "results/images/CE-only-A.parquet",
    "results/images/ID-ExpO-GradCAM-S0.5-A.parquet",
    "results/images/ID-ExpO-LIME-S0.5-A.parquet",
]  # records of each method by each explainer
weights = "runs/weights"  # the folder that their networks are in
S = 0.5  # share of the pixels that the networks were chosen by
seed = 0  # of the runs to choose among
test = 24  # images: the first so many of the test part
layer = "conv3_x"  # whose maps Grad-CAM takes
superpixels = 8  # of LIME and KernelSHAP, to a side
out = "runs/gallery.parquet"

# %%
import pandas as pd
import torch

from lib import metrics
from lib.data import images as sets
from lib.nets import resnet
from lib.parameters import lists
from lib.study import records
from lib.study.provenance import provenance
from lib.training.images import draws_of, explainer_for, predictor_of

VERSION = 2  # raised when what is computed changes
records.check_out(out)
explainers, tuned = lists(explainers=explainers, tuned=tuned)
images = sets.load(data, seed=split, test=test, size=size or None)
records.check_replaced(out, VERSION, paper="ID", dataset=images.name, split=split, seed=seed, explainer=explainers, S=S)
KEPT = "dataset method split seed lam lam3 lr deletion epochs best_epoch seconds trained width scale source".split()
val = pd.concat([records.read(path) for path in tuned])
val = val[(val["part"] == "val") & (val["dataset"] == images.name) & (val["S"] == S) & (val["seed"] == seed)]


# %%
def chosen(explainer, method):
    """A row of the run of this method that validation prefers, its network, and what that notes."""
    frame = val[(val["explainer"] == explainer) & (val["method"] == method)]
    if frame.empty:
        wanted = f"validation rows of {method} on {images.name} by {explainer} at S = {S}, seed {seed}"
        raise ValueError(f"tuned must have {wanted}, got none in {', '.join(map(str, tuned))}")
    score = frame.pivot_table(index="config", columns="measure", values="value")
    valscore = metrics.valscore(score["accuracy"], score["insertion"], score["deletion"])
    config = valscore.idxmax()
    kept = resnet.kept(weights, config, images.C, explainer=explainer, S=S)
    if kept is None:
        raise ValueError(
            f"weights must hold the network {config} of {method}, got none in {weights}: run its experiment"
        )
    return frame[frame["config"] == config].iloc[0], *kept


# %% [markdown]
# The curves begin at $s = 0$: the background alone, and the whole image. $s$ counts cells.


# %%
@torch.no_grad()
def explained(run, net, images, explainer):
    """The records of one network and explainer: in `shown`, one image after the other, what it says of each."""
    predictor = predictor_of(net, images)
    x = images.inputs(images.x_test)
    y = predictor.logits(x).argmax(-1)
    options = {"superpixels": superpixels} if explainer != "Grad-CAM" else {"layer": layer}
    by = explainer_for(explainer, net, images, **options)
    phi = by.explain(predictor, x, y, **draws_of([(by, S)], predictor.b)[by]).phi
    path = metrics.curves(predictor, x, y, phi=phi, s=range(1, phi.shape[1] + 1), explainer=by)
    nothing = predictor.log_probability(torch.zeros_like(x), y).exp()
    n = round(S * phi.shape[1])
    areas = {name: curve[:, :n].mean().item() for name, curve in (("ins", path.inserted), ("del", path.deleted))}
    right = (y == images.y_test).double().mean().item()
    for measure, shown, value, direction in (
        ("predicted", y, right, "higher"),
        ("confidence", path.whole, path.whole.mean().item(), "higher"),
        ("contributions", phi, phi.abs().mean().item(), "higher"),
        ("insertion", torch.cat([nothing[:, None], path.inserted], 1), areas["ins"], "higher"),
        ("deletion", torch.cat([path.whole[:, None], path.deleted], 1), areas["del"], "lower"),
    ):
        own = {"measure": measure, "value": value, "direction": direction, "explainer": explainer, "S": S}
        short = [float(f"{v:.6g}") for v in shown.double().flatten().tolist()]
        truth = {"classes": list(images.classes), "truth": images.y_test.tolist()}
        yield {**run[KEPT], "paper": "ID", "part": "test", "rows_test": len(y), "shown": short, **truth, **own}


# %%
methods = val["method"].unique()
if not len(methods):
    raise ValueError(f"tuned must have validation rows of {images.name}, S = {S}, seed {seed}, got none")
found = [(explainer, *chosen(explainer, method)) for explainer in explainers for method in methods]
rows = []
for explainer, run, net, noted in found:
    settings = {"experiment": "gallery", "run": run["config"], "digest": images.digest[:12], "test": test}
    about = provenance(settings | {"explainer": explainer, "S": S, "layer": layer}, "cpu", version=VERSION)
    rows.append(pd.DataFrame(explained(run, net, images.as_trained(noted), explainer)).assign(**about))
frame = pd.concat(rows, ignore_index=True)
records.write(frame, out)
frame.pivot_table(index=["explainer", "method", "lam", "lr"], columns="measure", values="value").round(3)
