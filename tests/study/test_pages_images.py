"""Tables of the pages on images hold whatever there is."""

import pandas as pd
import pytest

from lib.study import pages_images, runs_images
from tests.study.images import frame

# --- The page --------------------------------------------------------------------------------------------------------


def test_leads_are_over_the_best_rival_that_there_is(front):
    assert pages_images.leads(front, "LIME", 0.5) == pytest.approx(
        {"insertion": 0.13, "1 − deletion": 0.1, "accuracy": 0.0}, abs=0.01
    )
    told = pages_images.lead_told(front, "LIME", 0.5)
    assert told.endswith("ID-ExpO has insertion 0.13 higher, 1 − deletion 0.10 higher and accuracy the same")
    fewer = front[front["method"] != "ExpO-F"]
    assert "against the best of ExpO-S and CE-only" in pages_images.lead_told(fewer, "LIME", 0.5)
    alone = front[front["method"].isin(["ID-ExpO", "CE-only"])]
    assert "against CE-only" in pages_images.lead_told(alone, "LIME", 0.5)
    assert "no records" in pages_images.lead_told(front[front["method"] == "ID-ExpO"], "LIME", 0.5)
    over = pages_images.over_told(front, "sensitivity", "sensitivity-4")
    assert "ID-ExpO's sensitivity-4 is 0.10 higher with Grad-CAM" in over
    assert over.endswith("The direction is the paper's, which finds it higher with ID-ExpO.")
    assert "no records" in pages_images.over_told(front[front["method"] == "ID-ExpO"], "sensitivity", "sensitivity-4")
    title = pages_images.front_figure(front).get_suptitle().replace("\n", " ")
    assert "against the best rival at η = 3 ID-ExpO is above in insertion and 1 − deletion" in title


def test_the_sentences_say_how_sure_they_are_and_what_the_paper_finds(front):
    told = pages_images.fronts_told(front)
    assert "up to 3 seeds" in told
    assert told.endswith("finds ID-ExpO above every rival in both scores at any η.")
    one = front[front["split"] == 0]
    worse = one["method"].eq("ID-ExpO") & one["explainer"].eq("LIME") & one["measure"].eq("insertion")
    told = pages_images.fronts_told(one.assign(value=one["value"] - 0.5 * worse))
    assert "one seed of each" in told
    assert told.endswith("here that is so for Grad-CAM, S = 0.3 HW and Grad-CAM, S = 0.5 HW alone.")
    assert "no records" in pages_images.fronts_told(front[front["method"] == "ID-ExpO"])
    verdicts = pd.DataFrame({"verdict": ["mixed", "reproduced", "not tested", "mixed"]})
    short = pages_images.short_told(front, verdicts)
    assert short.startswith("Grad-CAM, S = 0.5 HW: against the best rival")
    assert short.endswith("Of the paper's 4 claims about images: 1 reproduced, 2 mixed and 1 not tested.")


def test_tables_hold_whatever_there_is(front):
    changed = pages_images.changed(front)
    table = pages_images.quadrant_table(changed)
    assert table.loc["ID‑ExpO", "both rise, paper"] == "57.8%"
    assert float(table.loc["ID‑ExpO", "both rise"].rstrip("%")) > 85
    partial = pages_images.quadrant_table({"ID-ExpO": changed["ID-ExpO"]})
    assert partial.loc["CE‑only", "both rise"] == "–"
    told = pages_images.quadrants_told(changed)
    assert table.loc["ID‑ExpO", "both rise"] in told
    rise, fall = told.split("Both scores fall")
    assert rise.startswith("Both scores rise")
    assert "in the paper in 57.8%, and in 41.9% with ExpO-S" in rise
    assert "in the paper in 6.9%, and in 6.7% with ExpO-S" in fall
    assert "no records" in pages_images.quadrants_told({})
    robust = pages_images.robust(front, frame())
    assert robust.loc[("LIME,\u00a00.5", "PGD, ours"), "insertion"].startswith("0.2")
    assert robust.loc[("LIME,\u00a00.5", "robust ResNet-50, the paper's")].tolist() == ["0.854", "0.456", "0.778"]
    for figure in (pages_images.front_figure, pages_images.untrained_figure):
        assert len(figure(front).axes) == 8
        assert len(figure(front[front["method"] == "CE-only"]).axes) == 1
    assert len(pages_images.quadrant_figure(changed).axes) == 4


def test_runs_that_diverged_are_named():
    every = frame()
    assert pages_images.diverged_told(every) == "None of the recorded runs diverged."
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM").iloc[:1]
    lost = own.assign(part="train", measure="diverged", value=1.0, variant="logit", lam=0.1, lr=1e-3)
    told = pages_images.diverged_told(pd.concat([every, lost, lost.assign(value=0.0, variant="first order")]))
    assert told == "Diverged, and so without scores: Grad-CAM, logit (λ = 0.1, rate 0.001)."


def test_an_ablation_stands_beside_the_run_that_changes_nothing():
    every = frame().assign(S=0.5)
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM")
    changed = own.assign(variant="first order", value=own["value"] - 0.1)
    table = pages_images.ablations(pd.concat([every, changed]))
    assert list(table.loc["Grad-CAM"].index) == ["before fine-tuning", "as it is", "first order"]
    priced = runs_images.at(every, method="ID-ExpO", explainer="LIME").assign(lam3=0.001)
    assert "λ₃ = 0.001" in pages_images.ablations(pd.concat([every, priced])).loc["LIME"].index
    assert list(table.loc["LIME"].index) == ["before fine-tuning", "as it is"]
    gaps = table.loc["Grad-CAM"]["insertion"].astype(float)
    assert gaps["as it is"] - gaps["first order"] == pytest.approx(0.1, abs=0.002)
    assert gaps["as it is"] == pytest.approx(0.45, abs=0.003)  # at lambda 0.01 it is 0.1 worse
