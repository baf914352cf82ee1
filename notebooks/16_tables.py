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
# `results/id`, which the experiment notebook writes; nothing is trained on this page, and `make experiments` runs what
# is missing. What the numbers say about the claims of {cite:t}`yoshikawa2024insertion` is on [](18_claims), the reading
# of the paper that they rest on under [](19_readings).
#
# In short: an explanation is of the class that the predictor predicts, and that class is scored. Hyperparameters are
# chosen for each split by the valscore on validation rows, {eq}`id-15`, with accuracy weighted by $\eta$ from 0.5 to 3.
# Test rows play no part in any choice. Validation and test rows of a split are explained with one set of masks.
# Deletion is shown as one minus deletion, so that higher is always better.

# %% tags=["parameters"]
results = "results/id"  # a folder of records made by the experiment notebook
results_single = "results/single"  # one cell of two tables again, trained in single precision

# %% tags=["hide-input"]
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from myst_nb import glue

from lib.study import claims_id, figures, records
from lib.training.expo import METHODS

figures.use()
pd.set_option("display.max_colwidth", None)
frame = claims_id.load(results)
front = claims_id.fronts(frame)
there = [name for name in (*claims_id.TABLES, "collins-23") if name in set(frame["dataset"])]


def whole(label):
    """The name of a method or an S, which must not break within on a phone."""
    short = label in METHODS or str(label).startswith("S =")
    return label.replace("-", "\u2011").replace(" ", "\u00a0") if short else label


# %% [markdown]
# ## The tables
#
# The paper's Table A.1 counts the class as a feature for most of them; here it is not counted. `collins-23` is collins
# with its row's identifier, number, corpus and genre as features, 23 in all, as the paper counts; but the genre gives
# the class away. The 19 others are honest, and `collins` means these.

# %% tags=["hide-input"]
about = frame.dropna(subset="features").drop_duplicates("dataset").set_index("dataset").reindex(there)
spec = pd.DataFrame(
    {
        "samples": about["rows"],
        "features": about["features"].str.split(", ").str.len(),
        "classes": about["classes"],
    }
)
spec.astype("Int64").rename_axis(None)

# %% [markdown]
# ## Which runs there are, and what they cost
#
# The full grid has, for each table, 60 runs of ID-ExpO for each explainer and $S$ (two learning rates, three $\lambda$,
# two $\lambda_3$, five splits), with LIME as many again for each of Del-B and Del-C (not for collins-23), 30 runs each
# of ExpO-S and ExpO-F, and 10 of CE-only. Rivals do not train an explanation: they are trained once, and keep the best
# epoch for each explainer and $S$.
#
# Seconds are a run's share of its program's training, to the epoch where it stopped; validation comes on top. A program
# trains all runs of a cell; up to ten of them shared the GPU and waited for each other. Minutes are
# those of all recorded runs of a row together.

# %% tags=["hide-input"]
run = ["dataset", "method", "deletion", "split", "seed", *claims_id.HYPER]
trained = frame[frame["method"].isin(METHODS)]
expo = trained["method"] == "ID-ExpO"
one = pd.concat([trained[expo].drop_duplicates([*run, "explainer", "S"]), trained[~expo].drop_duplicates(run)])
FULL = {"ID-ExpO": 60 * (4 + 4), "ExpO-S": 30, "ExpO-F": 30, "CE-only": 10}  # Del-B and Del-C with LIME only


def planned(dataset, method):
    """Runs of the full grid; collins-23 is not trained with Del-B and Del-C."""
    return 60 * 4 if (dataset, method) == ("collins-23", "ID-ExpO") else FULL[method]


each = {"runs": ("split", "size"), "s": ("seconds", "mean"), "epochs": ("epochs", "mean"), "mixed": ("mixed", "mean")}
per = one.groupby(["dataset", "method"]).agg(**each).reindex([(d, m) for d in there for m in METHODS])
per["of"] = [planned(*key) for key in per.index]
full = per["s"] * per["of"] / 3600
costs = pd.DataFrame(
    {
        "runs": per["runs"].fillna(0).astype(int),
        "of": per["of"],
        "epochs": per["epochs"].map("{:.0f}".format, na_action="ignore"),
        "seconds": per["s"].map("{:.3g}".format, na_action="ignore"),
        "precision": per["mixed"].map(lambda share: {0: "single", 1: "mixed"}.get(share, "both"), "ignore"),
        "minutes": (per["runs"] * per["s"] / 60).map("{:.1f}".format, na_action="ignore"),
    }
)
minutes = (
    one.groupby(one["device"].str.replace("(cpu|cuda): ", "", regex=True).str.split(",").str[0])["seconds"].sum() / 60
)
own = one[(one["method"] == "ID-ExpO") & (one["deletion"] == "A")].drop_duplicates(["dataset", *claims_id.HYPER])
settings = own.groupby("dataset").size()
less = [f"{name}, where ID-ExpO has {n} of 12 settings" for name, n in settings[settings < 12].items()]
glue("tables-minutes", "; ".join(f"{m:.0f} minutes on {device}" for device, m in minutes.items()), display=False)
glue("tables-estimate", float((per["s"] * per["of"]).sum() / 60), display=False)
glue("tables-less", "; ".join(less) or "no table", display=False)
costs.fillna("–").rename_axis([None, None]).rename(index=whole)

# %% [markdown]
# Training the recorded runs took {glue:text}`tables-minutes`, added up over programs that ran side by side; the full
# grid of the tables listed would take {glue:text}`tables-estimate:.0f`. One core of a CPU would need over a hundred
# hours, as estimated from a smaller grid that was run before there was a GPU. `make experiments` runs it all on a CPU,
# `make experiments CORES=10 CONFIG="device=cuda mixed=true"` on a GPU, ten programs at a time.
#
# > The GPU was at hand for a quarter of an hour. The paper's grid of all four methods is complete but for
# > {glue:text}`tables-less`: that table was run on a CPU. Del-B and Del-C have records on {glue:text}`tables-forms`,
# > not on the two widest tables.

# %% [markdown]
# ### What validation chose
#
# Of all choices of ID-ExpO with Del-A, over splits, explainers, $S$ and $\eta$, the share that falls on each value of
# a hyperparameter. The larger learning rate is nearly always the better one; which $\lambda$ is best depends on the
# table.

# %% tags=["hide-input"]
picked = front[(front["deletion"] == "A") & (front["measure"] == "accuracy")]
shares = {
    (title, f"{value:g}"): (picked[column] == value).groupby(picked["dataset"]).mean()
    for column, title in (("lam", "λ"), ("lam3", "λ₃"), ("lr", "learning rate"))
    for value in sorted(set(picked[column]), reverse=True)
}
pd.DataFrame(shares).reindex(claims_id.TABLES).dropna().map("{:.0%}".format).rename_axis(None)

# %% [markdown]
# ### What mixed precision changes
#
# Nearly all of the time goes into products with the layers' weights. Where the table says *mixed*, training does them
# in bfloat16, with 8 significant bits instead of 24 (`Settings(mixed=True)`), and sums them in single precision. The
# explainer's least squares, validation and test are never rounded. One cell of two tables was trained both ways, from
# the same start and with the same random numbers: ID-ExpO with LIME, $S = 0.3\,Q$. Means of its runs' test scores, and
# their differences with standard errors:

# %% tags=["hide-input"]
key = ["dataset", "method", "explainer", "S", "deletion", "split", "seed", *claims_id.HYPER]
both = [every[every["part"] == "test"] for every in (claims_id.load(results_single), frame)]
pairs = both[0].merge(both[1], on=[*key, "measure"], suffixes=("", " mixed"))
pairs["gap"] = pairs["value mixed"] - pairs["value"]
gaps = pairs.groupby(["dataset", "measure"], sort=False)["gap"].agg(["mean", "sem"])
once = pairs.drop_duplicates(key)
same = once["best_epoch"] == once["best_epoch mixed"]
glue("tables-mixed-runs", len(once), display=False)
glue("tables-mixed-same", int(same.sum()), display=False)
glue("tables-mixed-most", float((gaps["mean"] / gaps["sem"]).abs().max()), display=False)
glue("tables-mixed-compared", len(gaps), display=False)
means = pairs.groupby(["dataset", "measure"], sort=False)[["value", "value mixed"]].mean().map("{:.3f}".format)
means.columns = ["single", "mixed"]
means = means.assign(difference=[records.plus_minus(*gap, "+.4f") for gap in gaps.to_numpy()])
means.rename_axis([None, None]).rename(
    index={"contributions": "mean |φ|", "masked": "accuracy, masked", "sensitivity": "sensitivity-4"}
)

# %% [markdown]
# The largest of the {glue:text}`tables-mixed-compared` differences is {glue:text}`tables-mixed-most:.1f` standard
# errors. {glue:text}`tables-mixed-same` of {glue:text}`tables-mixed-runs` runs are best at the same epoch; the others
# part ways while they train, as runs do that differ in rounding alone.
#
# ## Insertion and deletion against accuracy
#
# One figure for each table (the paper's Figures A.5 and A.7 to A.9). Each line joins the hyperparameters that
# $\eta = 0.5$ to $3$ choose; its largest marker is $\eta = 3$. Up and to the right is better.


# %% tags=["hide-input"]
def panels(rows):
    """Scores on test rows, their explainer and S as the panel's name."""
    rows = rows[rows["measure"].isin(["accuracy", "insertion", "1 − deletion"])]
    return rows.assign(panel=[claims_id.name(e, S) for e, S in zip(rows["explainer"], rows["S"])])


def lead(rows, measure, explainer, S):
    """Mean lead of ID-ExpO over the best rival, for a title."""
    where = {"explainer": explainer, "S": S}
    gap = (claims_id.ours(rows, measure, **where) - claims_id.best_rival(rows, measure, **where)).dropna()
    return f"{round(gap.mean(), 2) + 0.0:+.2f} {measure}" if len(gap) else ""


main = front[front["deletion"].isin(["A", "none"]) & front["method"].isin(METHODS)]
for name in (*claims_id.TABLES, "collins-23"):
    rows = panels(main[main["dataset"] == name])
    rows = rows[rows["panel"].isin(rows.loc[rows["method"] == "ID-ExpO", "panel"])]
    if rows.empty:
        fig = figures.nothing(f"No records of ID-ExpO on {name} yet.")
    else:
        explainer, S = max(zip(rows["explainer"], rows["S"]))  # LIME and 0.5 where recorded
        three = rows[rows["eta"] == 3]
        gaps = [lead(three, measure, explainer, S) for measure in ("insertion", "1 − deletion", "accuracy")]
        leads = f"ID-ExpO minus best rival at η = 3 ({claims_id.name(explainer, S)}): {', '.join(gaps)}"
        title = f"{name}: {leads if all(gaps) else 'not every rival has records'}"
        found = [claims_id.name(e, S) for e in claims_id.EXPLAINERS for S in claims_id.S_VALUES]
        fig = figures.fronts(rows, title, [p for p in found if p in set(rows["panel"])])
    glue(f"tables-front-{name}", fig, display=False)
    plt.close(fig)

# %% [markdown]
# ```{glue:figure} tables-front-collins
# :name: fig-tables-collins
# :alt: Insertion and one minus deletion against accuracy on collins, a line for each method.
#
# collins: mean over splits with standard errors.
# ```
#
# ```{glue:figure} tables-front-mfeat-fourier
# :name: fig-tables-mfeat-fourier
# :alt: Insertion and one minus deletion against accuracy on mfeat-fourier, a line for each method.
#
# mfeat-fourier: mean over splits with standard errors.
# ```
#
# ```{glue:figure} tables-front-one-hundred-plants-shape
# :name: fig-tables-one-hundred-plants-shape
# :alt: Insertion and one minus deletion against accuracy on one-hundred-plants-shape, a line for each method.
#
# one-hundred-plants-shape: mean over splits with standard errors.
# ```
#
# ```{glue:figure} tables-front-qsar-biodeg
# :name: fig-tables-qsar-biodeg
# :alt: Insertion and one minus deletion against accuracy on qsar-biodeg, a line for each method.
#
# qsar-biodeg: mean over splits with standard errors.
# ```
#
# ```{glue:figure} tables-front-steel-plates-fault
# :name: fig-tables-steel-plates-fault
# :alt: Insertion and one minus deletion against accuracy on steel-plates-fault, a line for each method.
#
# steel-plates-fault: mean over splits with standard errors.
# ```
#
# ```{glue:figure} tables-front-wine-quality-red
# :name: fig-tables-wine-quality-red
# :alt: Insertion and one minus deletion against accuracy on wine-quality-red, a line for each method.
#
# wine-quality-red: mean over splits with standard errors.
# ```
#
# ```{glue:figure} tables-front-collins-23
# :name: fig-tables-collins-23
# :alt: Insertion and one minus deletion against accuracy on collins-23, a line for each method.
#
# collins-23: mean over splits with standard errors.
# ```

# %% [markdown]
# ## Which deletion regulariser
#
# ID-ExpO with LIME and each of Del-A, Del-B and Del-C ({eq}`id-a1`, {eq}`id-a2`, {eq}`id-a3`), averaged for each $S$
# over the tables that have records of all three there (the paper's Fig. A.1).

# %% tags=["hide-input"]
forms = claims_id.all_forms(front[front["dataset"].isin(claims_id.TABLES)])
forms = panels(forms).assign(method=lambda rows: "Del-" + rows["deletion"])
over = {S: ", ".join(sorted(set(rows["dataset"]))) for S, rows in forms.groupby("S")}
apart = [f"{names} (S = {S:g} Q)" for S, names in over.items()] if len(set(over.values())) > 1 else set(over.values())
glue("tables-forms", "; ".join(apart) or "none yet", display=False)
fig = figures.nothing("No records of all three forms yet.")
if len(forms):
    plt.close(fig)
    mean = forms.groupby(["panel", "S", "method", "eta", "measure", "split"], as_index=False)["value"].mean()
    two = mean[(mean["eta"] == 2) & (mean["S"] == mean["S"].min())]
    balance = {m: claims_id.balance(rows).mean() for m, rows in two.groupby("method")}
    told = ", ".join(f"{m} {v:.2f}" for m, v in balance.items())
    title = f"2 accuracy + insertion + 1 − deletion at η = 2, S = {two['S'].min():g} Q: {told}"
    fig = figures.fronts(mean, title, sorted(set(mean["panel"])))
    kept = two.pivot_table(index="method", columns="measure", values="value")
    for (form, measure), value in kept.stack().items():
        glue(f"tables-{form}-{measure.removeprefix('1 − ')}", float(value), display=False)
glue("tables-forms-figure", fig, display=False)
plt.close(fig)

# %% [markdown]
# ```{glue:figure} tables-forms-figure
# :name: fig-tables-forms
# :alt: Insertion and one minus deletion against accuracy for the three deletion regularisers, a row for each S.
#
# Three forms of the deletion regulariser with LIME, averaged over {glue:text}`tables-forms`.
# ```
#
# Del-A and Del-B can hardly be told apart: they differ by a multiple of the cross-entropy ([](12_regularizers)). Del-C
# is the one that keeps accuracy: at $\eta = 2$ and the smaller $S$ it is {glue:text}`tables-Del-C-accuracy:.3f`, with
# Del-A {glue:text}`tables-Del-A-accuracy:.3f`, while insertion ({glue:text}`tables-Del-C-insertion:.3f` and
# {glue:text}`tables-Del-A-insertion:.3f`) and one minus deletion ({glue:text}`tables-Del-C-deletion:.3f` and
# {glue:text}`tables-Del-A-deletion:.3f`) are close. Del-C has a lower bound, 0, which it nears as soon as the
# class is unlikely on deleted inputs; Del-A goes on to reward making it unlikelier still. That may be why.
#
# ## Are the differences real?
#
# ID-ExpO minus each rival at $\eta = 3$: paired t-tests over five splits at the 5 % level, as the paper does for
# steel-plates-fault. Stars mark p below 0.05, not corrected for the number of tests; [](18_claims) corrects. Splits
# share rows, so the tests are somewhat too sure of themselves.


# %% tags=["hide-input"]
HEADS = {"accuracy": "accuracy", "insertion": "insertion", "1 − deletion": "1 − del.", "sensitivity": "sens.-4"}


def short(explainer, S):
    return f"{explainer}, {S:g}"


def differences(name):
    """ID-ExpO minus each rival, every explainer, S and measure: difference, * where p < 0.05."""
    three, table = main[(main["eta"] == 3) & (main["dataset"] == name)], {}
    for explainer, S, rival in product(claims_id.EXPLAINERS, claims_id.S_VALUES, claims_id.RIVALS):
        for measure, head in HEADS.items():
            own = claims_id.ours(three, measure, explainer=explainer, S=S)
            other = claims_id.by_split(three, measure, explainer=explainer, S=S, method=rival)
            both = own.index.intersection(other.index)
            if len(both) > 1:
                gap = records.paired(own[both], other[both])
                star = "\u00a0*" if gap.p < 0.05 else ""
                table.setdefault(head, {})[short(explainer, S), whole(rival)] = f"{gap.difference:+.3f}{star}"
    return pd.DataFrame(table).rename_axis([None, "minus"])


differences("steel-plates-fault")

# %% [markdown]
# The same on all the other tables:

# %% tags=["hide-input"]
for name in [name for name in claims_id.TABLES if name in there and name != "steel-plates-fault"]:
    display(Markdown(f"*{name}*"), differences(name))

# %% [markdown]
# ## A measure that nobody trained: sensitivity-n
#
# The correlation over random sets of four removed features between their summed contributions and the drop of the
# prediction. Mean over splits ± standard error at $\eta = 2$; the predictors before fine-tuning for comparison.

# %% tags=["hide-input"]
two = front[(front["eta"] == 2) & front["deletion"].isin(["A", "none"]) & (front["measure"] == "sensitivity")]
summary = records.mean_sem(two, ["dataset", "explainer", "S", "method"])
summary["text"] = [records.plus_minus(mean, sem) for mean, sem in zip(summary["mean"], summary["sem"])]
summary["column"] = [short(*row) for row in summary[["explainer", "S"]].itertuples(index=False)]
wide = summary.pivot(index=["dataset", "method"], columns="column", values="text")
columns = [c for e, S in product(claims_id.EXPLAINERS, claims_id.S_VALUES) if (c := short(e, S)) in wide]
order = [key for key in product(there, ("pretrained", *METHODS)) if key in wide.index]
wide = wide.reindex(order)[columns].rename(index=whole).rename_axis(["sensitivity-4", None]).rename_axis(columns=None)

means = summary.pivot(index=["dataset", "explainer", "S"], columns="method", values="mean").dropna(subset="ID-ExpO")
above = means["ID-ExpO"] > means[[m for m in METHODS[1:] if m in means]].max(axis=1)
for explainer, rows in means.groupby("explainer"):
    rose = rows["ID-ExpO"] > rows["pretrained"]
    told = f"{above[rows.index].sum()} of {len(rows)}", f"{rose.sum()} of {len(rows)}"
    for name, text in zip(("above", "rose"), told):
        glue(f"tables-sensitivity-{name}-{explainer}", text, display=False)
wide.fillna("–")

# %% [markdown]
# With KernelSHAP, ID-ExpO has a higher mean than every rival in {glue:text}`tables-sensitivity-above-KernelSHAP`
# comparisons of a table and an $S$, and a higher one than the predictors it started from in
# {glue:text}`tables-sensitivity-rose-KernelSHAP`; with LIME in {glue:text}`tables-sensitivity-above-LIME` and
# {glue:text}`tables-sensitivity-rose-LIME`.

# %% [markdown]
# ## What becomes of the contributions
#
# The paper's Fig. A.6 shows one wine of the test set under ID-ExpO and CE-only. Ours is the first test row of the first
# split, LIME, $S = 0.5\,Q$, hyperparameters at $\eta = 2$; no other was looked at. Above it, the mean size of a
# contribution on each table.

# %% tags=["hide-input"]
chosen = claims_id.at(front, eta=2, explainer="LIME", measure="contributions")
chosen = chosen[chosen["deletion"].isin(["A", "none"])]
wine = claims_id.at(chosen, dataset="wine-quality-red", S=0.5, split=chosen["split"].min()).set_index("method")
fig = figures.nothing("No records of wine-quality-red yet.")
if {"ID-ExpO", "CE-only"} <= set(wine.index):
    plt.close(fig)
    features = wine["features"].iloc[0].split(", ")
    fig, ax = plt.subplots(figsize=(figures.WIDTH, 5.2))
    for i, method in enumerate(("ID-ExpO", "CE-only")):
        place = np.arange(len(features)) + 0.2 * (2 * i - 1)
        phi = np.asarray(wine.loc[method, "curve"])[: len(features)]
        ax.barh(place, phi, height=0.38, color=figures.METHODS[method].color, label=method)
    ax.set_yticks(range(len(features)), features)
    ax.invert_yaxis()
    ax.axvline(0, color=figures.INK, linewidth=1)
    ax.set_xlabel("contribution φ to the predicted class")
    ax.grid(axis="x")
    fig.legend(loc="outside lower center", ncols=2)
    size = {m: np.abs(np.asarray(wine.loc[m, "curve"])[: len(features)]).mean() for m in ("ID-ExpO", "CE-only")}
    figures.headline(fig, f"One wine: mean |φ| {size['ID-ExpO']:.3f} with ID-ExpO, {size['CE-only']:.3f} with CE-only")
glue("tables-wine", fig, display=False)
plt.close(fig)
means = records.mean_sem(chosen, ["dataset", "S", "method"])
means = means.pivot(index=["dataset", "S"], columns="method", values="mean")
means.reindex(columns=[m for m in ("pretrained", *METHODS) if m in means]).map(
    "{:.3f}".format, na_action="ignore"
).fillna("–").rename(columns=whole).rename_axis(columns="|φ|")

# %% [markdown]
# ```{glue:figure} tables-wine
# :name: fig-tables-wine
# :alt: Bars of the contributions of eleven features of one wine, with ID-ExpO and with CE-only.
#
# Contributions of one test sample of wine-quality-red (the paper's Fig. A.6).
# ```
