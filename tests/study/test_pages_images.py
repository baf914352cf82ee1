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
    assert "minus the best rival at η = 3: +0.13 insertion" in pages_images.lead_told(front, "LIME", 0.5)
    fewer = front[front["method"] != "ExpO-F"]
    assert "minus the best of ExpO-S and CE-only" in pages_images.lead_told(fewer, "LIME", 0.5)
    alone = front[front["method"].isin(["ID-ExpO", "CE-only"])]
    assert "minus CE-only" in pages_images.lead_told(alone, "LIME", 0.5)
    assert "no records" in pages_images.lead_told(front[front["method"] == "ID-ExpO"], "LIME", 0.5)
    assert "+0.10 (LIME, S = 0.5 HW)" in pages_images.over_told(front, "sensitivity")
    title = pages_images.front_figure(front).get_suptitle().replace("\n", " ")
    assert "against the best rival at η = 3 ID-ExpO is above in insertion and 1 − deletion" in title


def test_tables_hold_whatever_there_is(front):
    changed = pages_images.changed(front)
    table = pages_images.quadrant_table(changed)
    assert table.loc["ID‑ExpO", "both rise, paper"] == "57.8%"
    assert float(table.loc["ID‑ExpO", "both rise"].rstrip("%")) > 85
    partial = pages_images.quadrant_table({"ID-ExpO": changed["ID-ExpO"]})
    assert partial.loc["CE‑only", "both rise"] == "–"
    assert "both scores rise" in pages_images.quadrants_told(changed)
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
