"""Tables of the pages on images hold whatever there is."""

import re

import pandas as pd
import pytest
from scipy import stats

from lib.study import pages_images, runs_images, words
from tests.study.images import frame

# --- The page --------------------------------------------------------------------------------------------------------


def test_leads_are_over_the_best_rival_that_there_is(front):
    means = {measure: lead.mean() for measure, lead in pages_images.leads(front, "LIME", 0.5).items()}
    assert means == pytest.approx({"insertion": 0.13, "1 − deletion": 0.1, "accuracy": 0.0}, abs=0.01)
    told = pages_images.short_told(front)
    assert re.search(r"rival is \+0.1\d \(surely above 0 in 4 of 4\) in insertion, \+0.1\d ", told)
    assert "surely" not in pages_images.short_told(front[front["split"] == 0])
    for function in (pages_images.short_told, pages_images.fronts_told):
        assert "no records" in function(front[front["method"] == "ID-ExpO"])
    fewer = front[(front["method"] != "ExpO-F") | (front["explainer"] != "LIME")]
    assert "Not every rival has records with LIME, S = 0.3 HW and LIME, S = 0.5 HW." in pages_images.fronts_told(fewer)
    without = front[(front["method"] == "ID-ExpO") | (front["explainer"] != "LIME") | (front["S"] == 0.3)]
    assert pages_images.fronts_told(without).endswith("Without records of both: LIME, S = 0.5 HW.")
    over = pages_images.over_told(front, "sensitivity", "sensitivity-4", finding="it higher with ID-ExpO")
    assert "sensitivity-4 minus CE-only's at η = 2 is +0.10 (surely above 0 in 4 of 4)." in over
    table = pages_images.over_shown(front)
    assert table["sensitivity-4"].eq("+0.10 (0.10 to 0.10)").all()
    one = front["split"].eq(0) | front["explainer"].eq("LIME")
    assert pages_images.over_shown(front[one]).iloc[0, 0] == "+0.10"
    assert over.endswith("The direction is the paper's, which finds it higher with ID-ExpO.")
    assert pages_images.over_told(front, "masked", "accuracy").endswith("of 4).")
    alone = runs_images.at(front, method="CE-only").assign(method="Masked")
    every = pd.concat([front, alone.assign(value=alone["value"] + 0.2)])
    assert pages_images.over_told(every, "kept_half", "accuracy").endswith(
        "Random masks alone change CE-only's by +0.20."
    )
    assert "no records" in pages_images.over_told(front[front["method"] == "ID-ExpO"], "sensitivity", "sensitivity-4")
    title = pages_images.front_figure(front).get_suptitle().replace("\n", " ")
    assert "ID-ExpO minus its best rival at η = 3: insertion surely above 0 in 4 of 4, 1 − deletion surely" in title
    assert pages_images.front_figure(front[front["split"] == 0]).get_suptitle() == "ID-ExpO and its rivals"
    title = pages_images.untrained_figure(front).get_suptitle().replace("\n", " ")
    assert title == "Sensitivity-4, ID-ExpO minus CE-only at η = 2: surely above 0 in 4 of 4"


def test_a_lead_is_over_the_seeds_that_all_rivals_have(front):
    few = front[~(front["method"].isin(["ExpO-S", "ExpO-F"]) & front["split"].gt(0))]
    ahead = few["method"].eq("ID-ExpO") & few["split"].gt(0) & few["measure"].eq("insertion")
    found = pages_images.leads(few.assign(value=few["value"] + 9 * ahead), "LIME", 0.5)
    assert found["insertion"].mean() == pytest.approx(0.13, abs=0.01)
    assert "CE-only 3 seeds, ExpO-F 1 seed, ExpO-S 1 seed and ID-ExpO 3 seeds" in pages_images.seeds_told(few)


def test_a_gain_is_the_mean_over_the_seeds_that_both_have(front):
    one = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion") & front["split"].eq(1)
    found = pages_images.gains(front.assign(value=front["value"] + 0.3 * one), "insertion")
    assert found["insertion"].to_numpy() == pytest.approx([0.23] * 4, abs=0.01)


def test_a_difference_over_seeds_has_the_interval_of_students_t():
    gap = pd.Series([0.1, 0.2, 0.3])
    half = stats.t.ppf(0.975, 2) * 0.1 / 3**0.5
    assert words.over_seeds(gap) == f"+0.20 (−{half - 0.2:.2f} to {half + 0.2:.2f})"
    assert words.over_seeds(gap[:1]) == "+0.10"
    assert words.over_seeds(pd.Series([0.1, None])) == "+0.10"


def test_random_masks_alone_are_set_beside_id_expo_over_the_seeds_that_both_have(front):
    assert pages_images.masked_told(front[front["method"] != "Masked"]) == ""
    own = front[(front["method"] == "ID-ExpO") & (front["split"] == 0) & (front["S"] == 0.5)]
    ahead = 0.05 * own["measure"].eq("insertion") - own["split"] / 10
    rows = pd.concat([front[front["method"] != "Masked"], own.assign(method="Masked", value=own["value"] + ahead)])
    for measure, gain in (("insertion", 0.05), ("1 − deletion", 0.0)):  # beside ID-ExpO's own
        gaps = pages_images.masked_gaps(rows, measure)
        assert (gaps["Masked"] - gaps["ID-ExpO"]).to_numpy() == pytest.approx([gain, gain])
    told = pages_images.masked_told(rows)
    same = words.spanning(gaps["ID-ExpO"])
    assert told.endswith(f"They change 1 − deletion by {same}, ID-ExpO by {same}.")
    assert "(η = 2, 1 seed), where ID-ExpO changes it" in told
    assert "ahead of ID-ExpO with Grad-CAM, S = 0.5 HW and LIME, S = 0.5 HW." in told
    less = rows["method"].eq("Masked") & rows["explainer"].eq("LIME")
    told = pages_images.masked_told(rows.assign(value=rows["value"] - 0.1 * less))
    assert "ahead of ID-ExpO with Grad-CAM, S = 0.5 HW." in told
    two = pd.concat([rows, rows[rows["method"] == "Masked"].assign(split=1)])
    assert "(η = 2, 2 seeds)" in pages_images.masked_told(two)


def test_settings_are_counted_of_each_seed():
    every = runs_images.load()
    masked = every["method"].eq("Masked")
    assert (
        "Masked 2 settings, 3 seeds"
        in pages_images.runs_told(runs_images.of_the_grid(), every[~masked | every["lr"].eq(1e-3)])["choice"]
    )
    few = every[~masked | (every["lr"].eq(1e-3) & (every["seed"].eq(0) | every["lam"].eq(1)))]
    told = pages_images.runs_told(runs_images.of_the_grid(), few)["choice"]
    assert "Masked 1 to 2 settings, 3 seeds" in told


def test_a_larger_strength_is_told_with_what_it_changes_and_where_it_would_be_taken(tmp_path):
    """One seed of Grad-CAM at S = 0.5: 0.1 more insertion, 0.045 less accuracy, which eta weighs."""
    every = frame()
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM", S=0.5, seed=0, lam=0.1)
    by = own["measure"].map({"insertion": 0.1, "accuracy": -0.045}).fillna(0)
    edge = own.assign(lam=1.0, config="edge", value=own["value"] + by)
    told = pages_images.edge_told(every, edge)
    assert "λ = 1 gives ID-ExpO with Grad-CAM, S = 0.5 HW at η = 2 and for one seed accuracy 0.81 for 0.86, ins" in told
    assert "insertion 0.55 for 0.45 and 1 − deletion 0.60 for 0.60. Validation" in told
    assert told.endswith("Validation takes it at η = 0.5, 1, 1.5 and 2; 0 of its 1 runs diverged.")
    worse = edge.assign(value=own["value"] - 0.1)
    lost = worse[:1].assign(measure="diverged", config="lost", part="train")
    told = pages_images.edge_told(every, pd.concat([worse, lost]))
    assert told.endswith("Validation takes it at no η; 1 of its 2 runs diverged.")
    assert pages_images.edge_told(every, runs_images.beyond(tmp_path)) == ""


def test_how_each_method_was_trained_is_read_from_its_settings():
    every = runs_images.load()
    table = pages_images.training_shown(every)
    assert table.loc["CE‑only", "images"] == "40,000"
    assert table.loc["ID‑ExpO, LIME,\u00a00.5"].tolist() == [
        "20,000",
        32,
        4,
        200,
        "25%",
        "bfloat16",
        "0.1, 0.01",
        "0.001, 0.0001",
    ]
    assert table.loc["Masked", ["values of s", "masks M", "kept"]].tolist() == ["–", 50, "100%"]
    assert table.index.is_unique


def test_the_sentences_say_how_sure_they_are_and_what_the_paper_finds(front):
    assert "is +0.13 (surely above 0 in 4 of 4) in insertion, +0.10 (surely" in (pages_images.short_told(front))
    told = pages_images.fronts_told(front)
    assert pages_images.leads_shown(front).iloc[0, 0].startswith("+0.13 (")
    assert "CE-only 3 seeds, ExpO-F 3 seeds, ExpO-S 3 seeds and ID-ExpO 3 seeds" in told
    assert told.endswith("finds ID-ExpO above every rival in both scores at any η.")
    low = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion") & front["eta"].eq(0.5)
    told = pages_images.fronts_told(front.assign(value=front["value"] - 0.5 * low))
    assert told.endswith("here that is not so.")  # at another eta
    told = pages_images.fronts_told(front[front["method"] != "ExpO-F"])
    assert "Not every rival has records with Grad-CAM, S = 0.3 HW, Grad-CAM" in told
    assert told.endswith("at any η; not all rivals have records here.")
    one = front[front["split"] == 0]
    worse = one["method"].eq("ID-ExpO") & one["explainer"].eq("LIME") & one["measure"].eq("insertion")
    told = pages_images.fronts_told(one.assign(value=one["value"] - 0.5 * worse))
    assert "one seed of each" in told
    assert told.endswith("here that is so for Grad-CAM, S = 0.3 HW and Grad-CAM, S = 0.5 HW alone.")
    assert "no records" in pages_images.fronts_told(front[front["method"] == "ID-ExpO"])
    verdicts = pd.DataFrame({"verdict": ["mixed", "reproduced", "not tested", "mixed"]})
    assert pages_images.claims_told(verdicts) == (
        "Of the 4 statements that the paper's claims about images make: 1 reproduced, 2 mixed and 1 not tested."
    )


def test_figures_hold_whatever_there_is(front):
    for figure in (pages_images.front_figure, pages_images.untrained_figure):
        assert len(figure(front).axes) == 8
        assert len(figure(front[front["method"] == "CE-only"]).axes) == 1
