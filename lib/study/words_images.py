"""What the page of results on images says in words of its controls, ablations, a robust network and costs.

Each function gives a sentence or several, from whatever records there are; the tables beside them are `work_images`'s.
"""

import json

import numpy as np
import pandas as pd
from scipy import stats

from lib.study.claims import MARGIN
from lib.study.numbers import signed, three, two
from lib.study.pages_images import SCORES, gains
from lib.study.runs import at
from lib.study.runs_id import by_split
from lib.study.runs_images import EXPLAINERS, cell, costs, main, name
from lib.study.words import listed, percent, spanning
from lib.study.work_images import RATE, at_some, elsewhere, means, robust_and_ours

# --- What the scores rest on -----------------------------------------------------------------------------------------


def controls_told(front: pd.DataFrame) -> str:
    """ID-ExpO's gain in insertion over CE-only, how much a random map gains too, and what dividing by f(x) leaves."""
    own = gains(front, "insertion", "insertion_random", "insertion_share")
    if own.empty:
        return "No records of ID-ExpO and CE-only yet."
    plain, random, share = (spanning(own[measure]) for measure in own)
    return (f"ID-ExpO's insertion is {plain} above CE-only's with the explanation, {random} with a random map, and "
            f"{share} divided by f(x).")  # fmt: skip


def ties_told(front: pd.DataFrame) -> str:
    """How far the two tie rules part on the network before fine-tuning, beside what ID-ExpO gains."""
    table = means(cell(front, "Grad-CAM", 0.5, eta=2), ("insertion", "insertion_threshold"))
    if not {"ID-ExpO", "pretrained"} <= set(table.index):
        return "No records of ID-ExpO with Grad-CAM yet."
    rule = table.loc["pretrained", "insertion_threshold"] - table.loc["pretrained", "insertion"]
    gain = table.loc["ID-ExpO", "insertion"] - table.loc["pretrained", "insertion"]
    return (f"With Grad-CAM at S = 0.5 HW the tie rule alone moves insertion by {two(rule)} on the network before "
            f"fine-tuning; training moves it by {two(gain)}.")  # fmt: skip


def gap_told(front: pd.DataFrame) -> str:
    """Whether important cells stand apart more than without ID-ExpO's regularisers."""
    if (gaps := gains(front, "gap")["gap"]).empty:
        return "No records of ID-ExpO's gap and CE-only's yet."
    more = (gaps > 0).sum()
    return f"ID-ExpO's gap at S minus CE-only's is {spanning(gaps, three)}, above 0 in {more} of {len(gaps)} rows."


def backgrounds_told(front: pd.DataFrame) -> str:
    """What is left of ID-ExpO's gain in insertion where masked cells show what training did not mask with."""
    own = gains(at_some(front), "insertion", "insertion_blur", "insertion_noise")
    if own.empty:
        return "No records of ID-ExpO and CE-only under other backgrounds yet."
    color, blur, noise = (spanning(own[measure]) for measure in own)
    left = own.div(own["insertion"], axis=0)
    of_blur, of_noise = (spanning(left[f"insertion_{kind}"], percent) for kind in ("blur", "noise"))
    plain = means(at(at_some(front), eta=2.0, method="CE-only"), ["insertion", "insertion_noise"]).iloc[0]
    low = ", where it is low for CE-only too" if plain["insertion_noise"] < plain["insertion"] else ""
    return (f"ID-ExpO's insertion is {color} above CE-only's where masked cells show the mean colour, {blur} under a "
            f"blur and {noise} under noise{low}. Of the gain {of_blur} are left under a blur and {of_noise} under "
            "noise.")  # fmt: skip


def elsewhere_told(frame: pd.DataFrame, front: pd.DataFrame) -> str:
    """What ID-ExpO gains in explanations that it did not train, beside its own and a random map."""
    if (table := elsewhere(frame, front).dropna()).empty:
        return "No records of explanations that were not trained yet."
    own = {m: (spanning(table[m]), spanning(table[f"{m}, trained"])) for m in SCORES[:2]}
    told = listed(f"{measure} gains {away} ({home} in the one trained)" for measure, (away, home) in own.items())
    random = spanning(gains(front, "insertion_random")["insertion_random"])
    return (f"In explanations that were not trained {told}. A random map's insertion gains {random}: that much of a "
            "gain is no explanation's.")  # fmt: skip


# --- What does the work ----------------------------------------------------------------------------------------------


def at_one_rate(frame: pd.DataFrame, explainer: str) -> pd.DataFrame:
    """Test rows of ID-ExpO and its ablations at the lambda and rate of the ablations, S = 0.5 HW."""
    own = cell(frame, explainer, 0.5, part="test", method="ID-ExpO", trained=explainer)
    return at(own, lam=0.1, lam3=0.0, lr=RATE)


def spread_told(frame: pd.DataFrame) -> str:
    """How far another seed of the run that changes nothing would lie from its mean, and which changes move scores more.

    By explainer: half the 95% interval of a further run (Student's t).
    """
    told = []
    for explainer in EXPLAINERS:
        own = at_one_rate(frame, explainer)
        each = {m: at(own, variant="", measure=m).groupby("seed")["value"].mean() for m in SCORES}
        if (n := len(each["accuracy"])) < 2:
            continue
        half = {m: stats.t.ppf(0.975, n - 1) * values.std() * np.sqrt(1 + 1 / n) for m, values in each.items()}
        told.append(f"Through {explainer} another seed of the run that changes nothing would lie within "
                    f"{listed(f'{two(by)} in {m}' for m, by in half.items())} of the mean of its {n} seeds, in 95 of "
                    "100 cases.")  # fmt: skip
        ones = at(own, seed=0).query("variant != ''").pivot_table(index="variant", columns="measure", values="value")
        moved = ones.reindex(columns=SCORES) - pd.Series({m: values.mean() for m, values in each.items()})
        more = [f"{v}, {listed(f'{m} {signed(by)}' for m, by in found.items())}" for v, row in moved.iterrows()
                if (found := {m: row[m] for m in SCORES if abs(row[m]) > half[m]})]  # fmt: skip
        if len(ones):
            n, what = int(moved.notna().sum().sum()), "; ".join(more)
            lucky = f"Of {n} such differences about {0.05 * n:.1f} would lie that far off by chance alone."
            told.append(f"Further from it lie {what}. {lucky}" if more else "No change lies further from it.")
    return " ".join(told) or "Of the run that changes nothing there is one seed."


def orders_told(frame: pd.DataFrame) -> str:
    """How much of the gain over the start each order of derivatives through Grad-CAM brings, one seed each."""
    own = at(at_one_rate(frame, "Grad-CAM"), seed=0).pivot_table(index="variant", columns="measure", values="value")
    start = means(cell(frame, "Grad-CAM", 0.5, part="test"), SCORES)
    orders = {"": "derivatives of second order", "first order": "first order", "contributions as constants": "none"}
    if not set(orders) <= set(own.index) or "pretrained" not in start.index:
        return "Not all orders of derivatives through Grad-CAM are recorded yet."
    rise = own.loc[list(orders)] - start.loc["pretrained"]
    told = listed(f"{listed(signed(rise.loc[key, m]) for m in SCORES[:2])} with {words}"
                  for key, words in orders.items())  # fmt: skip
    share = rise.loc["contributions as constants"] / rise.loc[""]
    left = [percent(share[m]) if share[m] > 0 else "none" for m in SCORES[:2]]
    return (f"Over the network before fine-tuning insertion and 1 − deletion change by {told} (one seed). Without "
            f"any derivative through the explanation come {left[0]} of the rise in insertion and {left[1]} of that in "
            "1 − deletion.")  # fmt: skip


def unrecorded_told(grid: pd.DataFrame) -> str:
    """Which changes the grid asks for and no run has made yet, by their cells' names. grid: `of_the_grid`."""
    own = grid[grid["purpose"].str.contains("what does the work") & (grid["there"] == 0)]
    return (
        f"Not recorded yet: {listed(own['cell'])}." if len(own) else "All of them that the grid asks for are recorded."
    )


def diverged_told(frame: pd.DataFrame, front: pd.DataFrame) -> str:
    """Which runs of ID-ExpO ended by steps that were not finite, what of them counts, and where they are shown."""
    runs = at(frame, method="ID-ExpO")
    planned = runs["settings"].map(lambda text: json.loads(text)["epochs"])
    ended = runs[(runs["refused"] > 0) & (runs["epochs"] < planned)].drop_duplicates("config")
    told = []
    for run in ended.itertuples():
        what = f"{name(run.trained, run.trained_S)}, {run.variant or 'as it is'} (λ = {run.lam:g}, rate {run.lr:g})"
        etas = front.loc[front["config"] == run.config, "eta"]
        chosen = f", which validation chooses at η = {spanning(etas, '{:g}'.format)}" if len(etas) else ""
        told.append(f"{what}: {f'epoch {run.best_epoch} is kept' if run.best_epoch else 'nothing is kept'}{chosen}")
    if not told:
        return "None of the recorded runs diverged."
    return f"Ended by steps that were not finite, so that they count by the best epoch before: {'; '.join(told)}."


# --- A robust network, the runs, and costs ---------------------------------------------------------------------------


def robust_told(front: pd.DataFrame, frame: pd.DataFrame) -> str:
    """How much surer ID-ExpO is at S = 0.5, and what dividing by that leaves of its leads in both scores."""
    kinds = ["confidence", "insertion", "insertion_share", "1 − deletion", "deletion_share"]
    told = []
    for explainer in EXPLAINERS:
        both = robust_and_ours(front, frame, explainer=explainer, S=0.5).values()
        own, theirs = (pd.Series({m: by_split(rows, m).mean() for m in kinds}) for rows in both)
        if (gap := own - theirs).notna().all():
            gap["1 − deletion"] *= -1
            sure, plain, share, deleted, left = gap.map(signed)
            told.append(f"{explainer}: f(x) {sure}, insertion {plain} ({share} divided by f(x)), deletion {deleted} "
                        f"({left} divided by f(x); lower is better).")  # fmt: skip
    if not told:
        return "There are no records of a network trained against attacks yet."
    return ("A network that is less sure has less to lose when cells are deleted, and less to win when they are "
            "inserted. ID-ExpO minus the network trained against attacks, S = 0.5 HW. " + " ".join(told))  # fmt: skip


def rates_told(frame: pd.DataFrame, front: pd.DataFrame) -> str:
    """How far seeds of ID-ExpO lie apart at each learning rate, and what is shown of one seed at the larger."""
    own = main(at(frame, method="ID-ExpO", part="test", measure="accuracy"))
    key = ["trained", "trained_S", "lam", "lr"]
    apart = own.groupby(key)["value"].agg(["size", np.ptp]).query("size > 1")["ptp"].groupby("lr").max()
    if len(apart) < 2:
        return ""
    low, high = apart.index.min(), apart.index.max()
    shown = at(front, eta=2.0, measure="accuracy").query("method != 'pretrained'")
    alone = shown[(shown.groupby(["method", "explainer", "S"])["seed"].transform("size") == 1) & (shown["lr"] == high)]
    where = {m: listed(map(name, rows["explainer"], rows["S"])) for m, rows in alone.groupby("method")}
    found = listed(f"{m} ({cells})" for m, cells in where.items())
    told = f" One seed at the larger rate is all that is shown at η = 2 of {found}." if where else ""
    return (f"Accuracies of ID-ExpO's seeds lie up to {two(apart[high])} apart at the rate {high:g}, and up to "
            f"{two(apart[low])} at {low:g}.{told}")  # fmt: skip


def strengths_told(frame: pd.DataFrame, front: pd.DataFrame) -> str:
    """How often validation takes the largest of several lambdas, which may then be too small: by method."""
    key = ["method", "explainer", "S", "seed"]
    tried = main(at(frame, part="val", measure="accuracy")).groupby(key)["lam"].agg(["nunique", "max"])
    choices = at(front, measure="accuracy").merge(tried[tried["nunique"] > 1].reset_index(), on=key)
    if choices.empty:
        return "No method has several λ yet."
    told = []
    for (method, largest), rows in choices.groupby(["method", "max"]):
        told.append(f"{(rows['lam'] == largest).sum()} of {len(rows)} choices of {method} (λ = {largest:g})")
    return f"Among several λ validation takes the largest in {listed(told)}, over all η, explainers, S and seeds."


def floor_told(frame: pd.DataFrame) -> str:
    """How many of the maps that records keep have a range below the floor of the soft masks' temperature."""
    rows = at(frame, part="test", measure="contributions", explainer="Grad-CAM", criterion="Grad-CAM", variant="")
    rows = rows[rows["shown"].notna()].drop_duplicates(["config", "method"])  # the start has a config that CE-only has
    if rows.empty:
        return "No maps are recorded yet"
    floor = json.loads(at(frame, method="ID-ExpO")["settings"].iloc[0])["floor"]
    each = rows["shown"].map(lambda phi: (np.ptp(np.reshape(phi, (-1, 64)), axis=1) < floor).mean())
    own = each.groupby(rows["method"]).mean()
    told = listed(f"{percent(own[m])} with {m}" for m in ("pretrained", "CE-only", "ID-ExpO") if m in own)
    return f"of the few test maps that records keep, {told} have a range below {floor:g}"


def margin_told(front: pd.DataFrame) -> str:
    """Beside ID-C4b: where ID-ExpO's own gains in sensitivity-4 stay below the margin that ExpO's must stay below."""
    own = gains(front, "sensitivity")["sensitivity"]
    if (small := (own < MARGIN).sum()) == 0:
        return ""
    return (f"ID-C4b asks that what ExpO-S and ExpO-F gain in sensitivity-4 stay below {MARGIN:g}. ID-ExpO's own "
            f"gains, {spanning(own)}, do so too in {small} of {len(own)} rows, where it says little.")  # fmt: skip


def costs_told(frame: pd.DataFrame) -> str:
    """What M, D, S and the explainer make of the time to train on an image."""

    def ms(explainer, **where):
        return costs(frame, "training", explainer, **{"S": 0.5, "draws": 4} | where).median()

    lime, fewer, coarse, shap = ms("LIME"), ms("LIME", M=50), ms("LIME", D=16), ms("KernelSHAP")
    own, every, lime_every = ms("Grad-CAM"), ms("Grad-CAM", draws=0), ms("LIME", draws=0)
    rounds = np.divide(*(costs(frame, "training", explainer, S=0.5, draws=0) for explainer in ("LIME", "Grad-CAM")))
    if np.isnan([lime, fewer, coarse, shap, own, every, lime_every]).any():
        return "There are no records of costs yet."
    return (
        f"With all values of s, as in the paper, a step through LIME at M = 200 costs {lime_every / every:.1f} times "
        f"one through Grad-CAM ({rounds.min():.1f} in the closest of {rounds.count()} rounds); with four of them "
        f"{lime / own:.0f} times. LIME's cost grows with its masks: a quarter "
        f"of them takes {fewer / lime:.0%} of the time. A quarter of the cells takes {coarse / lime:.0%} of it, so "
        f"that D hardly counts beside M, and KernelSHAP takes {shap / lime:.0%}. Grad-CAM's is nearly all insertions "
        f"and deletions: with all values of s a step costs {every / own:.1f} times as much. {after_told(frame)}"
    )


def after_told(frame: pd.DataFrame) -> str:
    """What explaining costs after some steps of fine-tuning, beside before: by case and round."""
    keys = ["explainer", "M", "D", "S", "draws", "seed"]
    each = (at(frame, measure=f"ms_explaining{when}").set_index(keys)["value"] for when in ("_after", ""))
    if (ratio := np.divide(*each).dropna()).empty:
        return "Explaining was timed before fine-tuning alone."
    return (f"Explaining runs the same program before fine-tuning and after: after some steps it takes "
            f"{ratio.median():.2f} times as long (median of {len(ratio)} timings).")  # fmt: skip


def below_told(frame: pd.DataFrame) -> str:
    """The share of the start's maps whose range lies below the floor of the temperature."""
    below = at(frame, measure="below_floor")["value"]
    return percent(below.iloc[0]) if len(below) else "an unknown share"


def added_told(frame: pd.DataFrame, K: int = 4) -> str:
    """What drawing K values of s adds to the variance of Grad-CAM's gradient, whole and of the regularisers alone."""
    found = {name: at(frame, measure=f"added_{name}", draws=K)["value"] for name in ("whole", "alone")}
    if any(values.empty for values in found.values()):
        return "What drawing adds with Grad-CAM is not recorded yet."
    whole, alone = (percent(values.iloc[0]) for values in found.values())
    return (f"With Grad-CAM on CIFAR-10's JPEG copies, on the network that all results on them start from, at "
            f"λ = 0.1, {K} values add {whole} to the whole gradient's variance and {alone} to the regularisers' "
            "own.")  # fmt: skip


def words(front: pd.DataFrame, frame: pd.DataFrame) -> dict[str, str]:
    """All of these that need no grid, by name."""
    both = {"elsewhere": elsewhere_told(frame, front), "diverged": diverged_told(frame, front),
            "robust": robust_told(front, frame), "rates": rates_told(frame, front),
            "strengths": strengths_told(frame, front)}  # fmt: skip
    of_front = {"controls": controls_told, "ties": ties_told, "gap": gap_told,
                "backgrounds": backgrounds_told, "margin": margin_told}  # fmt: skip
    of_frame = {
        "spread": spread_told,
        "orders": orders_told,
        "floor": floor_told,
        "below": below_told,
        "costs": costs_told,
    }
    told = {key: function(front) for key, function in of_front.items()}
    return told | {key: function(frame) for key, function in of_frame.items()} | both
