"""What does the work on images, in tables: controls, other backgrounds and explanations, ablations, costs, copies."""

import numpy as np
import pandas as pd
import pytest

from lib.study import runs_images, work_images
from tests.study.images import costs, frame


def test_deletion_stands_as_it_is_among_the_controls(front):
    table = work_images.controls(front)
    assert float(table.loc[("LIME,\u00a00.5", "ID‑ExpO"), "deletion"]) == pytest.approx(0.4, abs=0.01)


def test_backgrounds_are_compared_at_the_same_values_of_s(front):
    assert "No records" in work_images.backgrounds(front).data
    curve = np.zeros(8)
    curve[[2, 6]] = 0.6, 0.8  # every fourth value: the others must not count
    own = front[front["measure"].isin(["insertion", "1 − deletion"])].assign(curve=None)
    own["curve"] = [curve] * len(own)
    blurred = own[own["measure"] == "insertion"].assign(measure="insertion_blur", value=0.5)
    table = work_images.backgrounds(pd.concat([own, blurred], ignore_index=True))
    assert set(table["insertion"]) == set(table["deletion"]) == {"0.700"}
    assert set(table["blur"]) == {"0.500"}


def test_gains_in_other_explanations_stand_beside_the_gain_in_ones_own(front):
    every = frame()
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM", part="test")
    other = own.assign(explainer="LIME", value=own["value"] - 0.05)
    rival = runs_images.at(every, method="CE-only", explainer="Grad-CAM", part="test").assign(explainer="Occlusion")
    third = own.assign(explainer="Occlusion", value=own["value"] - 0.1)
    lower = [rival.assign(value=rival["value"] - 0.2), rival.assign(explainer="Integrated Gradients")]
    gains = work_images.elsewhere(pd.concat([every, other, third, *lower]), front)
    table = work_images.others(gains)
    row = table.loc[("Grad‑CAM,\u00a00.5", "LIME")]
    assert row["insertion"] == "+0.08"
    assert row["insertion, trained"] == "+0.13"
    assert table.loc[("Grad‑CAM,\u00a00.5", "Occlusion"), "insertion"] == "+0.23"  # CE-only's, chosen by Grad-CAM
    table = work_images.others(work_images.elsewhere(pd.concat([every, third]), front))
    assert table.loc[("Grad‑CAM,\u00a00.5", "Occlusion"), "insertion"] == "–"
    assert "No records" in work_images.others(gains[:0]).data


def test_an_ablation_stands_beside_the_run_that_changes_nothing():
    every = frame().assign(S=0.5, lr=work_images.RATE)
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM")
    changed = own.assign(variant="first order", value=own["value"] - 0.1)
    faster = runs_images.at(every, method="CE-only").assign(lr=1e-3, value=0.9)
    table = work_images.ablations(pd.concat([every, changed, faster]))
    assert list(table.loc["Grad-CAM"].index) == ["before fine-tuning", "CE-only", "as it is", "first order"]
    priced = runs_images.at(every, method="ID-ExpO", explainer="LIME").assign(lam3=0.001)
    assert "λ₃ = 0.001" in work_images.ablations(pd.concat([every, priced])).loc["LIME"].index
    assert list(table.loc["LIME"].index) == ["before fine-tuning", "CE-only", "as it is"]
    gaps = table.loc["Grad-CAM"]["insertion"].astype(float)
    assert gaps["as it is"] - gaps["first order"] == pytest.approx(0.1, abs=0.002)
    assert gaps["as it is"] == pytest.approx(0.45, abs=0.003)  # at lambda 0.01 it is 0.1 worse
    assert gaps["CE-only"] == pytest.approx(0.32, abs=0.003)


def test_a_robust_network_stands_beside_the_papers(front):
    table = work_images.robust(front, frame())
    assert table.loc[("LIME,\u00a00.5", "PGD, ours"), "insertion"].startswith("0.2")
    paper = table.loc[("LIME,\u00a00.5", "robust ResNet-50, the paper's")].tolist()
    assert paper == ["0.854", "0.456", "0.778", "–", "–", "–"]
    others = front.assign(value=front["value"].mask(front["eta"] != 3, 0.0))
    pd.testing.assert_frame_equal(work_images.robust(others, frame()), table)  # at the eta that keeps accuracy


def test_costs_come_with_the_range_of_their_rounds():
    shown = work_images.costs_table(costs())
    assert list(shown.index) == ["LIME"] * 4 + ["KernelSHAP", "Grad-CAM", "Grad-CAM"]
    assert shown.loc["KernelSHAP", "training"] == "99 (89\u00a0to\u00a0109)"
    assert "No records" in work_images.costs_table(frame()).data


def test_copies_are_paired_image_by_image():
    pairs = pd.DataFrame([
        {"explainer": "LIME", "S": 0.5, "measure": "accuracy", "value_exact": 0.8, "value_jpeg": 0.9,
         "samples_exact": [1, 1], "samples_jpeg": [1, 1]},
        {"explainer": "LIME", "S": 0.5, "measure": "deletion", "value_exact": 0.5, "value_jpeg": 0.4,
         "samples_exact": [0.5, 0.5], "samples_jpeg": [0.3, 0.5]},
    ])  # fmt: skip
    table, told = work_images.copies_shown(pairs)
    assert "accuracy is 0.900 as JPEG has them and 0.800 from" in told
    assert table.loc["LIME, S = 0.5 HW", "deletion"] == "+0.100\u00a0±\u00a00.100"
    assert told.endswith("The largest difference in a score is 0.100.")
    assert "no records" in work_images.copies_shown(pairs[:0])[1]
