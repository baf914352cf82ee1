"""Which runs of ID on tables there are, what they cost, what validation chose, and what became of runs made twice."""

from pathlib import Path

import pandas as pd
from IPython.display import Markdown

from lib.study import grid, records, runs_id
from lib.study.measures import labels
from lib.study.numbers import spanned
from lib.study.pages_id import there, whole
from lib.study.rows import majority
from lib.study.runs import at
from lib.study.runs_id import HYPER, METHODS, RIVALS, SETTING, TABLES, chosen, fronts, ours
from lib.study.statistics import plus_minus, resampled
from lib.study.words import listed

RUN = ["dataset", "method", "deletion", "split", "seed", *HYPER]
FULL = {"ID-ExpO": 60 * (4 + 4), "ExpO-S": 30, "ExpO-F": 30, "CE-only": 10}  # Del-B and Del-C with LIME only
FORMS = {"collins-23": 0, "mfeat-fourier": 15 * 4, "one-hundred-plants-shape": 15 * 4}  # of Del-B and Del-C, if not all
GRIDS = ("id-rivals", "id", "id-forms")  # of workflow/grid.yaml
NOT_YET = "Not recorded yet: make experiments ONLY=id-edge makes these runs."


def trained_once(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each training: rivals are trained once for all explainers and S."""
    trained = frame[frame["method"].isin(METHODS)]
    expo = trained["method"] == "ID-ExpO"
    return pd.concat([trained[expo].drop_duplicates([*RUN, "explainer", "S"]), trained[~expo].drop_duplicates(RUN)])


def planned(dataset: str, method: str) -> int:
    """Runs of the full grid; collins-23 is not trained with Del-B and Del-C, the wide tables in the small grid."""
    return 60 * 4 + FORMS[dataset] if dataset in FORMS and method == "ID-ExpO" else FULL[method]


def processor(rows: pd.DataFrame) -> pd.Series:
    """What each row was trained on, in short."""
    return rows["device"].str.replace(r"(cpu|cuda): |\(R\)| Processor", "", regex=True).str.split(",").str[0]


def costs(frame: pd.DataFrame) -> pd.DataFrame:
    """For each table, method and processor: runs there are and of how many, epochs, seconds, precision."""
    each = {"runs": ("split", "size")} | {name: (name, "mean") for name in ("seconds", "epochs", "mixed")}
    one = trained_once(frame)
    per = one.assign(processor=processor(one)).groupby(["dataset", "method", "processor"]).agg(**each)
    cells = [(d, m) for d in there(frame) for m in METHODS]
    rows = [row for cell in cells for row in [key for key in per.index if key[:2] == cell] or [(*cell, "–")]]
    per = per.reindex(pd.MultiIndex.from_tuples(rows, names=per.index.names))
    return per.assign(of=[planned(*key[:2]) for key in per.index])


def costs_shown(per: pd.DataFrame) -> pd.DataFrame:
    """`costs` in digits."""
    shown = pd.DataFrame(
        {
            "runs": per["runs"].fillna(0).astype(int),
            "of": per["of"],
            "epochs": per["epochs"].map("{:.0f}".format, na_action="ignore"),
            "seconds": per["seconds"].map("{:.3g}".format, na_action="ignore"),
            "precision": per["mixed"].map(lambda share: {0: "single", 1: "mixed"}.get(share, "both"), "ignore"),
            "minutes": (per["runs"] * per["seconds"] / 60).map("{:.1f}".format, na_action="ignore"),
        }
    )
    shown["on"] = shown.index.get_level_values("processor")
    return shown.fillna("–").droplevel("processor").rename_axis([None, None]).rename(index=whole)


def costs_told(frame: pd.DataFrame) -> dict:
    """What the text says of the runs, by name: minutes of each processor by itself, and what the full grid asks for."""
    one = trained_once(frame)
    minutes = one.groupby(processor(one))["seconds"].sum() / 60
    own = at(one, method="ID-ExpO", deletion="A")
    settings = own.drop_duplicates(["dataset", *HYPER]).groupby("dataset").size()
    on = own.assign(processor=processor(own)).groupby("dataset")["processor"].unique().map(listed)
    rivals = one[one["method"].isin(RIVALS)].groupby("dataset").size()
    whole_rivals = sum(FULL[rival] for rival in RIVALS)
    less = [f"{d}, where ID-ExpO has {n} of 12 settings, run on {on[d]}, and its rivals {rivals.get(d, 0)} of "
            f"{whole_rivals} runs" for d, n in settings[settings < 12].items()]  # fmt: skip
    hours = sum(run.minutes for run in grid.read() if run.grid in GRIDS) / 60
    return {
        "minutes": "; ".join(f"{m:.0f} minutes on {name}" for name, m in minutes.items()),
        "less": "; ".join(less) or "no table",
        "hours": f"{hours:.0f}",
    }


def choices(front: pd.DataFrame) -> pd.DataFrame:
    """Of all choices of ID-ExpO with Del-A on a table, the share that falls on each value of a hyperparameter."""
    picked = at(front, deletion="A", measure="accuracy")
    shares = {
        (title, f"{value:g}"): (picked[column] == value).groupby(picked["dataset"]).mean()
        for column, title in (("lam", "λ"), ("lam3", "λ₃"), ("lr", "learning rate"))
        for value in sorted(set(picked[column]), reverse=True)
    }
    return pd.DataFrame(shares).reindex(TABLES).dropna().map("{:.0%}".format).rename_axis(None)


def choices_told(front: pd.DataFrame, tried: float) -> str:
    """How often the larger learning rate is chosen, and which lambda most often on each table; the largest tried."""
    picked = at(front[front["dataset"].isin(TABLES)], deletion="A", measure="accuracy")
    larger = (picked["lr"] == picked["lr"].max()).mean()
    most = picked.groupby("dataset")["lam"].agg(lambda lam: lam.value_counts().idxmax())
    each = "; ".join(
        f"{lam:g}{', the largest tried,' if lam == tried else ''} on {listed(most.index[most == lam])}"
        for lam in sorted(set(most), reverse=True)
    )
    return f"The larger learning rate is chosen in {larger:.0%} of them. The λ chosen most often is {each}."


# --- Beyond the grid's edge ------------------------------------------------------------------------------------------


def beyond(folder: str | Path) -> pd.DataFrame:
    """Records of runs with a lambda larger than the grid's, and with its largest; empty where there are none."""
    return runs_id.load(folder) if records.files(folder) else pd.DataFrame()


def edge(frame: pd.DataFrame) -> tuple[pd.DataFrame | Markdown, str]:
    """How often validation takes the larger lambda, and what it changes by itself at eta 2, table by table."""
    if frame.empty:
        return Markdown(NOT_YET), "Until then nothing is said of it."
    small, large = sorted(frame["lam"].unique())[-2:]
    picked, rows, sure = fronts(frame), {}, {"raises": {}, "lowers": {}}
    alone = [chosen(at(frame, lam=lam)) for lam in (large, small)]
    for d in dict.fromkeys(frame["dataset"]):
        taken = at(picked, dataset=d, measure="accuracy")["lam"] == large
        row = {f"λ = {large:g} taken": f"{taken.sum()} of {len(taken)}"}
        for measure in ("accuracy", "insertion", "1 − deletion"):
            own, other = (ours(rows_, measure, dataset=d) for rows_ in alone)
            gap = (own - other).dropna()
            one = resampled(gap) if len(gap) > 1 else None
            row[measure] = spanned(one)
            if one and one.side:
                sure["raises" if one.side > 0 else "lowers"].setdefault(measure, []).append(d)
        rows[d] = row
    table = pd.DataFrame(rows).T
    taken = listed(f"{row.iloc[0]} choices on {d}" for d, row in table.iterrows())
    runs = at(frame, lam=large).drop_duplicates(["dataset", "split", "seed", *HYPER])
    ended = f"{(runs['diverged'] > 0).sum()} of its {len(runs)} runs diverged and count by the epoch kept before"
    found = "; ".join(
        f"surely {way} {listed(f'{measure} on {listed(names)}' for measure, names in each.items())}"
        for way, each in sure.items()
        if each
    )
    return table, (
        f"Where λ = {large:g} is offered beside {small:g}, validation takes it in {taken}, over splits and η; {ended}. "
        f"By itself it {found or 'surely changes nothing'}."
    )


# --- Runs made twice -------------------------------------------------------------------------------------------------


def twice(
    one: pd.DataFrame, other: pd.DataFrame, names: tuple[str, str], *, known: pd.DataFrame
) -> tuple[pd.DataFrame, dict]:
    """Test scores of the runs that both frames have, made in the two ways that are named, and what the text says.

    known: `lib.study.rows.read`, for the majority class's accuracy beside them.

    Standard errors are over splits, whose runs start from one predictor: theirs are averaged first.
    """
    key = [*SETTING, "split", "seed", *HYPER]
    both = [every[every["part"] == "test"] for every in (one, other)]
    pairs = both[0].merge(both[1], on=[*key, "measure"], suffixes=("", " other"))
    pairs["gap"] = pairs["value other"] - pairs["value"]
    splits = pairs.groupby(["dataset", "measure", "split"], sort=False)["gap"].mean()
    gaps = splits.groupby(level=[0, 1], sort=False).agg(["mean", "sem"])
    once = pairs.drop_duplicates(key)
    means = pairs.groupby(["dataset", "measure"], sort=False)[["value", "value other"]].mean().map("{:.3f}".format)
    means.columns = [*names]
    means = means.assign(difference=[plus_minus(mean, sem, "+.4f") for mean, sem in gaps.to_numpy()])
    common = {(d, "majority class"): [f"{majority(known, d)[own].mean():.3f}"] * 2 + ["–"]
              for d, own in once.groupby("dataset")["split"].unique().items()}  # fmt: skip
    means = pd.concat([means, pd.DataFrame(common, index=means.columns).T]).sort_index(level=0, sort_remaining=False)
    return means.rename_axis([None, None]).rename(index=labels()), {
        "runs": len(once),
        "splits": once["split"].nunique(),
        "same": int((once["best_epoch"] == once["best_epoch other"]).sum()),
        "most": float((gaps["mean"] / gaps["sem"]).abs().max()),
        "moved": float(gaps["mean"].abs().max()),
        "apart": float(at(pairs, measure="1 − deletion")["gap"].abs().mean()),
        "compared": len(gaps),
        "on": [", ".join(processor(every).unique()) for every in both],
    }


def once_only(frame: pd.DataFrame, *compared: pd.DataFrame) -> str:
    """Which processors' records have no counterpart on another, as none of the compared frames comes from them."""
    known = {name for every in compared for name in processor(every)}
    own = frame.assign(processor=processor(frame))
    rest = own[~own["processor"].isin(known)].groupby("processor")["dataset"].unique().map(listed)
    if rest.empty:
        return "Every processor that records of this page come from is one of these."
    return f"Nothing was run again for {listed(f'{name} ({names})' for name, names in rest.items())}."
