"""What the page on a million rows shows: a figure, tables and sentences, from the records of results/many.

wide = pages_many.load()        # a row for each number of rows N and way, its measures as columns
wide = pages_many.load(dataset=pages_many.IMAGES)
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from lib.data import cifar10
from lib.data.splits import FRACTIONS
from lib.study import figures, records, runs_fe
from lib.study.numbers import two
from lib.study.runs import at

WAYS = {"met": "all rows may be examples", "candidates": "some rows may be examples"}
STEPS = {  # columns: as the figure names them
    "seconds_dense": ("gates for all rows", "#d55e00", "s"),
    "seconds_step": ("rows that have been open", "#0072b2", "o"),
}
FEW = "cifar10-efficientnet-lite0"  # the paper's 1,000 images
IMAGES = f"{FEW}-50000"  # all training images, described likewise
GIB = 2**30
NOISE = 0.02  # scores of two single trainings that differ by less are called equal
NOTHING = "There are no records of this run yet; make experiments ONLY=many makes them."


def load(folder: str | Path = records.ROOT / "results" / "many", *, dataset: str = "synthetic") -> pd.DataFrame:
    """A row for each way and N; none where there are no records."""
    if not records.files(folder) or (rows := at(records.read(folder), dataset=dataset)).empty:
        return pd.DataFrame(columns=["way", "N"])
    rows = rows.groupby(["way", "N"])
    wide = rows[["measure", "value"]].apply(lambda part: part.set_index("measure")["value"]).unstack()
    return wide.assign(seconds=rows["seconds"].first()).reset_index()


def of(wide: pd.DataFrame, way: str) -> pd.DataFrame:
    """The rows of one way, by N."""
    return wide[wide["way"] == way].set_index("N").sort_index()


def steps_figure(wide: pd.DataFrame) -> Figure:
    """Milliseconds of a step against N, both axes by powers of ten, with gates for all rows and for those met."""
    if wide.empty:
        return figures.nothing("There are no records of this run yet.")
    own = of(wide, "met")
    fig, ax = plt.subplots(figsize=(figures.WIDTH, 3.4))
    for column, (label, color, marker) in STEPS.items():
        ax.loglog(own.index, 1e3 * own[column], color=color, marker=marker, label=label)
    ax.set(xlabel="N, training rows", ylabel="milliseconds a step,\nlower is better")
    ax.legend()
    first, last = own.index[[0, -1]]
    grown = own["seconds_step"].iloc[-1] / own["seconds_step"].iloc[0]
    figures.headline(fig, f"A step at N = {last:,} takes {grown:.1f} times one at N = {first:,}")
    return fig


def table(wide: pd.DataFrame) -> pd.DataFrame | Markdown:
    """Per N: rows met, milliseconds of a step in both ways, memory, and the scores."""
    if wide.empty:
        return Markdown(NOTHING)
    own = of(wide, "met")
    return pd.DataFrame({
        "rows met": own["met"].map("{:,.0f}".format),
        "ms a step": (1e3 * own["seconds_step"]).map("{:.1f}".format),
        "ms, gates for all": (1e3 * own["seconds_dense"]).map("{:.1f}".format),
        "GiB at most": (own["bytes"] / GIB).map("{:.2f}".format),
    }).rename(index="{:,}".format)  # fmt: skip


def scores_table(wide: pd.DataFrame) -> pd.DataFrame | Markdown:
    """Test accuracy of g and faithfulness of h, a row for each N and way."""
    if wide.empty:
        return Markdown(NOTHING)
    columns = {"accuracy": "accuracy", "faithfulness": "faithful, ten entries", "faithfulness_all": "faithful, all"}
    rows = wide.assign(way=wide["way"].map(WAYS), N=wide["N"].map("{:,}".format)).set_index(["N", "way"])
    return rows[list(columns)].rename(columns=columns).map(two)


def told(wide: pd.DataFrame, memory: float = 24.0) -> str:
    """How far one machine of so many GiB goes, and what grows on the way there."""
    if len(own := of(wide, "met")) < 2:
        return NOTHING
    (first, last), (low, high) = own.index[[0, -1]], own["bytes"].iloc[[0, -1]]
    each = (high - low) / (last - first)
    saved = own["seconds_dense"].iloc[-1] / own["seconds_step"].iloc[-1]
    slope = (own["seconds_step"].iloc[-1] - own["seconds_step"].iloc[0]) / (own["met"].iloc[-1] - own["met"].iloc[0])
    met = own["met"].iloc[-1]
    at_end = own["seconds_dense"].iloc[-1] / (own["seconds_step"].iloc[-1] + slope * (last - met))
    return (
        f"At N = {last:,}, with {met / last:.0%} of the rows met, a step is {saved:.0f} times as fast as with gates "
        f"for all rows. Each row that has been met adds {1e9 * slope:.0f} ns to a step: once all are, it would "
        f"still be {at_end:.1f} times as fast. Memory grows by {each:,.0f} bytes a row, so that {memory:g} GiB end at "
        f"about {memory * GIB / each / 1e6:,.0f} million rows of such a table."
    )


def worth(wide: pd.DataFrame) -> str:
    """What a few candidates give in place of all rows after one training of as many steps, at the largest N of both."""
    if (some := of(wide, "candidates")).empty:
        return NOTHING
    N = some.index[-1]
    some, every = some.loc[N], of(wide, "met").loc[N]
    few, all_of_them = (
        " and ".join(f"{score} {two(rows[score])}" for score in ("faithfulness", "accuracy")) for rows in (some, every)
    )
    time = some["seconds"] / every["seconds"]
    worse = any(some[score] < every[score] - NOISE for score in ("faithfulness", "accuracy"))
    answer = (
        "It depends on what is asked" if worse or time > 1 else "Not on this table, as far as so short a training shows"
    )
    return (
        f"{answer}: at N = {N:,} some rows as examples give {few}, all of them {all_of_them}, and some take {time:.2f} "
        "times the processor's time of all."
    )


def of_images(wide: pd.DataFrame, ten: pd.DataFrame) -> str:
    """All images against the paper's 1,000: test accuracy, faithfulness with ten entries, and the time of a step.

    wide: of `IMAGES`. ten: the runs of paper FE that validation chose at U = 10.
    """
    few = {measure: runs_fe.by_split(ten, FEW, "Ours", measure=measure) for measure in runs_fe.SCORES}
    if (own := of(wide, "met")).empty or few["accuracy"].empty:
        return NOTHING
    N, row = own.index[0], own.iloc[0]
    scores = [f"{name} {two(row[name])} for {two(values.mean())}" for name, values in few.items()]
    return (
        f"With {N:,} training images in place of {round(FRACTIONS[0] * cifar10.N)}, Ours has {' and '.join(scores)} "
        f"(one training for the mean of {len(few['accuracy'])} splits). A step takes "
        f"{1e3 * row['seconds_step']:.0f} ms, and {1e3 * row['seconds_dense']:.0f} ms with gates for all of them."
    )
