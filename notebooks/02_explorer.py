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
# # Try it: one prediction, and why
#
# Before any equation, here is what the two papers do, on rows that you choose. A network predicts the class of a row of
# a table. The first player shows *which training examples* are behind its answer, as in FE, the second *which features*
# of the row, as in ID. Each compares a network that was trained for its predictions alone with one that was trained to
# be explained.
#
# Everything was computed when this book was built, by the code on this page. The players need no network and no mouse.
# The tabulator key moves between the controls, the arrow keys move a slider.

# %% tags=["parameters"]
datasets = ["vehicle", "glass"]  # classification tables: names, or CSV files with the class last
split = 0
eta = 1e-2  # FE's price of an open gate
lam = 0.1  # ID's weight of insertion and deletion
S = 0.5  # share of the features that ID-ExpO inserts and deletes in training
entries = 40  # of an explanation, at most, beside all of them

# %% tags=["hide-input"]
import pandas as pd
import torch

from lib import data, examples, metrics
from lib.check import check
from lib.explainers import LIME
from lib.study.gluing import player
from lib.training import Runs, expo, fewer, fit

MISSING = "A player stands here on the web page, with JavaScript. The tables show some of its numbers."
tables = {name: data.load(name) for name in datasets}
folds = {name: data.folds(table, [split]) for name, table in tables.items()}

# %% [markdown]
# ## Which examples?
#
# The *explanation model* $h$ names a few training examples. Each speaks for or against a class, with an **influence**
# that is the same for all rows. It counts as much as it is **similar** to the row at hand. Influence times similarity
# is its **contribution**, and the contributions to each class add up to what $h$ says. The least that one
# may ask of an explanation is that $h$, from these examples alone, names the class that the prediction model $g$ names.
# Then it is called *faithful*.
#
# *Ours* trained $g$ and $h$ together. *Pretrain* trained $g$ alone and fitted $h$ to it afterwards.

# %%
settings = fewer.Settings(epochs=200, patience=200, lr=3e-3, U=(10, "all"))
by_examples = {
    name: {
        "Ours": fit("Ours", own, Runs.grid(1, eta=[eta]), settings=settings, progress=False),
        "Pretrain": fit("Pretrain", own, Runs.grid(1), settings=settings, progress=False),
    }
    for name, own in folds.items()
}

# %% tags=["hide-input"]
rows = {
    (tables[name].name, method): {
        "accuracy of g": fitted.scores["test_accuracy"][0, 0].item(),
        "faithful with 10 entries": fitted.scores["test_faithfulness"][0, 0].item(),
        "with all": fitted.scores["test_faithfulness"][0, 1].item(),
    }
    for name, methods in by_examples.items()
    for method, fitted in methods.items()
}
pd.DataFrame(rows).T.rename_axis(["data", "trained by"]).round(2)


# %% tags=["hide-input"]
def digits(values, n=4):
    """Nested lists of numbers with so many significant digits."""
    short = [float(f"{v:.{n}g}") for v in torch.as_tensor(values).flatten().tolist()]
    return torch.tensor(short, dtype=torch.float64).view(torch.as_tensor(values).shape).tolist()


def of_examples(name, fitted):
    """What the player shows of one model: the entries, which are the same for all rows, and each row's numbers."""
    table, own, model = tables[name], folds[name], fitted.run()
    some = [model.explain(row, entries) for row in own.x_test[0]]
    every = [model.explain(row, model.influence.numel()) for row in own.x_test[0]]
    n = own.index_train[0, some[0].rows].numpy()
    return {
        "n": n.tolist(),
        "is": table.y[n].tolist(),
        "c": some[0].classes.tolist(),
        "a": digits(some[0].influence, 5),
        "k": digits(torch.stack([e.similarity for e in some]), 5),
        "z": (10 * own.x_train[0, some[0].rows]).round().int().tolist(),
        "g": digits(torch.stack([e.g for e in some])),
        "all": digits(torch.stack([e.h for e in every]), 6),
        "entries": model.influence.numel(),
    }


def described(name):
    """What both players say of a data set: names, and the test rows in tenths of a standard deviation."""
    table, own = tables[name], folds[name]
    return {
        "title": data.catalogue.title(table.name),
        "classes": list(table.classes),
        "features": list(table.features),
        "row": own.index_test[0].tolist(),
        "y": own.y_test[0].tolist(),
        "z": (10 * own.x_test[0]).round().int().tolist(),
    }


shown = {
    name: described(name) | {"models": {method: of_examples(name, fitted) for method, fitted in methods.items()}}
    for name, methods in by_examples.items()
}
player("explorer-examples", shown, script="explorer.js", otherwise=MISSING)

# %% [markdown]
# **What you see.** Below the controls stands whether the explanation is faithful, then the probabilities by $g$ and by
# $h$, then the entries, the most influential first. The coloured strips are the features of the row and of each
# example, orange above the training mean and blue below it, stronger the farther away. A similar example often has a
# similar strip, but similar here means similar to the network, which may look at other things than the eye.
#
# **What to try.**
#
# 1. Move U from 1 upwards. With one entry $h$ can hardly speak for more than one class. Where does it begin to agree
#    with $g$, and does it stay?
# 2. Step through rows with U held. The influences stay as they are. Only similarities change, and with them
#    contributions. An example that is not similar at all is silent.
# 3. Press the button: the next row at which $h$ and $g$ disagree. Then raise U until they agree, if they ever do.
# 4. Go to Pretrain. Its examples were found for a network that never heard of explanations.
#
# What you will find, over all rows of the player: the share that is faithful with U entries, and the share where that
# is *lost*: $h$ agrees with $g$ at some U and no longer at the next, whose entry speaks for another class.


# %% tags=["hide-input"]
def agreement(own):
    """Shares of the rows where h with U entries names g's class, by U, and where one entry more loses it."""
    a, k, c, g = (torch.tensor(own[key]) for key in "akcg")
    h = (torch.nn.functional.one_hot(c, g.shape[-1]) * (a * k)[..., None]).cumsum(1)  # (rows, entries, classes)
    agrees = examples.faithful(g[:, None], h).double()
    lost = (agrees.diff(dim=1) < 0).any(1).double()
    return {f"U = {U}": agrees[:, U - 1].mean().item() for U in (1, 3, 10, entries)} | {"lost": lost.mean().item()}


rows = {
    (tables[name].name, method): agreement(own) for name, of in shown.items() for method, own in of["models"].items()
}
pd.DataFrame(rows).T.rename_axis(["data", "trained by"]).round(2)

# %% [markdown]
# An entry may also speak *against* a class, which leaves the others equal. While two classes of $h$ are equal it names
# none, and that counts as not faithful ({eq}`fe-19`): a small share at $U = 1$ or $3$ can mean no more than that.
#
# The next table is the library's own answer for the first row at $U = 10$: what the player shows at its start.

# %% tags=["hide-input"]
first = datasets[0]
e = by_examples[first]["Ours"].run().explain(folds[first].x_test[0, 0], min(10, entries))
classes = tables[first].classes
pd.DataFrame(
    {
        "example": [f"{classes[tables[first].y[n]]} {n}" for n in folds[first].index_train[0, e.rows].tolist()],
        "class": [classes[c] for c in e.classes],
        "influence": e.influence,
        "similarity": e.similarity.double(),
        "contribution": e.contribution + 0.0,  # no minus zero
    }
).round(2)

# %% [markdown]
# The player adds up contributions in your browser, from numbers that were rounded. Here the same is done for every
# seventh row at four values of $U$, and compared with what the library says of its unrounded numbers.


# %%
def replayed(own, row, U):
    """h of one row by the player's numbers."""
    added = [a * k for a, k in zip(own["a"][:U], own["k"][row])]
    scores = torch.zeros(len(own["g"][0]), dtype=torch.float64)
    return scores.index_add(0, torch.tensor(own["c"][:U]), torch.tensor(added, dtype=torch.float64)).softmax(0)


ours, theirs, same = [], [], []
for name, methods in by_examples.items():
    for method, fitted in methods.items():
        own, model = shown[name]["models"][method], fitted.run()
        for row, x in enumerate(folds[name].x_test[0, ::7]):
            for U in (1, 3, 10, entries):
                e, h = model.explain(x, U), replayed(own, 7 * row, U)
                g = torch.tensor(own["g"][7 * row], dtype=torch.float64)
                ours.append(h)
                theirs.append(e.h)
                same.append(examples.faithful(g, h).item() == e.faithful)
check("the player's h", ours, theirs, tol=5e-3)
check("and whether it is faithful", all(same))

# %% [markdown]
# ## Which features?
#
# An explanation by features gives each of them a **contribution** to the class that was predicted. To see whether it
# is true one can put it to a bet. *Insertion* begins with nothing, every feature at its mean, and lets the
# features in, the largest contribution first: a good explanation makes the probability rise at once. *Deletion* begins
# with the row and takes them away in the same order: the probability should fall at once.
#
# *CE-only* is a network that was trained, and then fine-tuned, for its predictions alone. *ID-ExpO* was fine-tuned from
# the same start with insertion and deletion in its loss. LIME explains both.

# %%
by_features = {}
for name, own in folds.items():
    pretraining = expo.Settings(epochs=60, patience=60, hidden=64)
    tuning = expo.Settings(LIME(M=100), S=S, epochs=20, patience=20, hidden=64, batch=64)
    start = fit("pretrained", own, Runs.grid(1, lr=[0.05]), settings=pretraining, progress=False)
    rest = {"settings": tuning, "start": start, "progress": False}
    by_features[name] = {
        "CE-only": fit("CE-only", own, Runs.grid(1, lr=[3e-3]), **rest),
        "ID-ExpO": fit("ID-ExpO", own, Runs.grid(1, lr=[3e-3], lam=[lam]), **rest),
    }

# %% tags=["hide-input"]
rows = {
    (tables[name].name, method): {
        score: fitted.scores[f"test_{score}"].item() for score in ("accuracy", "insertion", "deletion")
    }
    for name, methods in by_features.items()
    for method, fitted in methods.items()
}
pd.DataFrame(rows).T.rename_axis(["data", "trained by"]).round(3)


# %% tags=["hide-input"]
def of_features(name, fitted):
    """What the player shows of one model: contributions to the class predicted, and the curves from s = 0 to Q."""
    x, model = folds[name].x_test[0], fitted.run()
    y, phi, Q = model.predict(x).argmax(-1), model.explain(x), x.shape[1]
    path = metrics.curves(model.predictor, x, y, phi=phi, s=range(1, Q + 1))
    nothing = model.predictor.log_probability(torch.zeros_like(x), y).exp()
    return {
        "y": y.tolist(),
        "phi": digits(phi),
        "inserted": digits(torch.cat([nothing[:, None], path.inserted], 1), 3),
        "deleted": digits(torch.cat([path.whole[:, None], path.deleted], 1), 3),
    }


shown_features = {
    name: described(name) | {"models": {method: of_features(name, fitted) for method, fitted in methods.items()}}
    for name, methods in by_features.items()
}
player("explorer-features", shown_features, script="explorer.js", otherwise=MISSING)

# %% [markdown]
# **What you see.** For each network, the class that it predicts, its two curves, and the features in the order of their
# contributions (values are in standard deviations from the mean). The numbers under the curves are insertion and
# deletion as the paper defines them, {eq}`id-1` and {eq}`id-2`, for the $s$ that you have set.
#
# **What to try.**
#
# 1. Move s by one from 0. How much does the first feature alone make of the prediction, and how much does its absence
#    take away?
# 2. Look for a row where the orders differ. Both networks see the same row, but training has changed which features
#    they rest on.
# 3. Look at the bars. Both panels share one scale. The paper says that contributions become larger (ID-C10).
# 4. Find a row where deletion rises on its way: a feature that, with those above it gone, spoke against the class.
#
# What you will find, over all rows of the players: the probability with the first feature alone and how much its
# absence takes away, the share of rows where both networks begin with another feature, the mean of the largest
# contribution, and the share of rows where deletion rises by more than 0.01 within the $s$ that the scores count.


# %% tags=["hide-input"]
def found(models, method):
    """What the list above asks of one network's rows."""
    own = {key: torch.tensor(values) for key, values in models[method].items()}
    first = {name: torch.tensor(model["phi"]).argmax(-1) for name, model in models.items()}
    steps = round(S * own["phi"].shape[1])
    return {
        "f by the first alone": own["inserted"][:, 1].mean().item(),
        "its absence takes": (own["deleted"][:, 0] - own["deleted"][:, 1]).mean().item(),
        "another first": (first["CE-only"] != first["ID-ExpO"]).double().mean().item(),
        "largest phi": own["phi"].amax(-1).mean().item(),
        "deletion rises": (own["deleted"][:, : steps + 1].diff(dim=1) > 0.01).any(1).double().mean().item(),
    }


rows = {
    (tables[name].name, method): found(own["models"], method)
    for name, own in shown_features.items()
    for method in own["models"]
}
pd.DataFrame(rows).T.rename_axis(["data", "trained by"]).round(2)

# %% [markdown]
# Which of this holds over many splits and data sets is another question. These are two tables, one split and trainings
# of seconds. [](01_claims) answers it from full runs, FE's chapters begin with [](04_models) and ID's with
# [](12_insertion_deletion). To explain a table of your own in this way, see [](24_your_table).
