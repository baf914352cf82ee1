"""What does the work on images: gains of random maps, in other explanations, of other copies; costs."""

import pandas as pd
import pytest

from lib.study import runs_images, work_images
from tests.study.images import frame


def test_what_a_random_map_gains_is_told(front):
    own = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion_random")
    told = work_images.controls_told(front.assign(value=front["value"] + 0.07 * own))
    assert "LIME, S = 0.5 HW: +0.13 with the explanation, +0.07 with a random map, 0.00 divided by f(x)." in told
    tuned = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion_threshold")
    ties = work_images.ties_told(front.assign(value=front["value"] + 0.3 * tuned))  # the start's alone is told
    assert "moves insertion by 0.10" in ties
    assert "less than training does (0.15)" in ties
    assert "No records" in work_images.controls_told(front[front["method"] == "CE-only"])
    assert "No records" in work_images.augmentation_told(front)
    masked = runs_images.at(front, method="CE-only", measure="insertion").assign(method="Masked")
    told = work_images.augmentation_told(pd.concat([front, masked.assign(value=masked["value"] + 0.2)]))
    assert "LIME, S = 0.5 HW: +0.20 and +0.13." in told
    few = front[~(front["method"].eq("ID-ExpO") & front["split"].gt(0))]
    ahead = few["method"].eq("CE-only") & few["split"].gt(0) & few["measure"].eq("insertion")
    told = work_images.controls_told(few.assign(value=few["value"] + 9 * ahead))  # of seeds that ID-ExpO lacks
    assert "LIME, S = 0.5 HW: +0.13 with the explanation, 0.00 with a random map" in told
    table = work_images.controls(front)
    assert float(table.loc[("LIME,\u00a00.5", "ID‑ExpO"), "deletion"]) == pytest.approx(0.4, abs=0.01)
    assert "No records" in work_images.backgrounds(front).data


def test_gains_in_other_explanations_stand_beside_the_gain_in_ones_own(front):
    every = frame()
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM", part="test")
    other = own.assign(explainer="LIME", value=own["value"] - 0.05)
    rival = runs_images.at(every, method="CE-only", explainer="Grad-CAM", part="test").assign(explainer="Occlusion")
    third = own.assign(explainer="Occlusion", value=own["value"] - 0.1)
    lower = [rival.assign(value=rival["value"] - 0.2), rival.assign(explainer="Integrated Gradients")]
    table = work_images.others(pd.concat([every, other, third, *lower]), front)
    row = table.loc[("Grad‑CAM,\u00a00.5", "LIME")]
    assert row["insertion"] == "+0.08"
    assert row["insertion, trained"] == "+0.13"
    assert table.loc[("Grad‑CAM,\u00a00.5", "Occlusion"), "insertion"] == "+0.23"  # CE-only's, chosen by Grad-CAM
    table = work_images.others(pd.concat([every, third]), front)
    assert table.loc[("Grad‑CAM,\u00a00.5", "Occlusion"), "insertion"] == "–"


def test_costs_are_told_for_the_cases_that_were_timed():
    cases = [("LIME", 200, 64, 4, 90.0), ("LIME", 50, 64, 4, 30.0), ("LIME", 200, 16, 4, 81.0),
             ("LIME", 200, 64, 0, 180.0), ("KernelSHAP", 200, 64, 4, 99.0), ("Grad-CAM", 0, 64, 4, 9.0),
             ("Grad-CAM", 0, 64, 0, 45.0)]  # fmt: skip
    rows = [{"explainer": e, "M": M, "D": D, "S": 0.5, "draws": K, "seed": seed, "measure": f"ms_{what}", "value": ms}
            for e, M, D, K, ms in cases for seed in range(3) for what in ("training", "explaining")]  # fmt: skip
    timed = pd.DataFrame(rows)
    told = work_images.costs_told(timed)
    assert "a step through LIME at M = 200 costs 4.0 times one through Grad-CAM; with four of them 10 times" in told
    assert "takes 33% of the time. A quarter of the cells takes 90% of it" in told
    assert "KernelSHAP takes 110%" in told
    assert "costs 5.0 times as much" in told
    shown = work_images.costs_table(timed)
    assert sorted(shown["training"], key=float) == ["9", "30", "45", "81", "90", "99", "180"]
    assert shown.loc["KernelSHAP", "training"] == "99"
    assert "no records" in work_images.costs_told(frame())


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


def test_runs_that_diverged_are_named():
    every = frame()
    one = every[every["seed"] == 0]
    assert work_images.spread_told(one) == "Of the run that changes nothing there is one seed."
    grid = pd.DataFrame({"purpose": ["images, what does the work: the logit", "claims: other"], "there": 0})
    grid["cell"] = ["K2", "PGD"]
    assert work_images.unrecorded_told(grid) == "Not recorded yet: K2."
    assert work_images.unrecorded_told(grid.assign(there=1)).startswith("All")
    assert work_images.diverged_told(every) == "None of the recorded runs diverged."
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM").iloc[:1]
    lost = own.assign(part="train", measure="diverged", value=1.0, variant="logit", lam=0.1, lr=1e-3)
    told = work_images.diverged_told(pd.concat([every, lost, lost.assign(value=0.0, variant="first order")]))
    assert told == "Diverged, and so without scores: Grad-CAM, logit (λ = 0.1, rate 0.001)."


def test_an_ablation_stands_beside_the_run_that_changes_nothing():
    every = frame().assign(S=0.5, lr=work_images.RATE)
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM")
    changed = own.assign(variant="first order", value=own["value"] - 0.1)
    told = work_images.spread_told(pd.concat([every, changed]))
    assert "Through Grad-CAM the 3 seeds of the run that changes nothing lie 0.00 in accuracy" in told
    assert "More than that changes with first order, accuracy −0.10, insertion −0.10 and 1 − deletion −0.10." in told
    table = work_images.ablations(pd.concat([every, changed]))
    assert list(table.loc["Grad-CAM"].index) == ["before fine-tuning", "as it is", "first order"]
    priced = runs_images.at(every, method="ID-ExpO", explainer="LIME").assign(lam3=0.001)
    assert "λ₃ = 0.001" in work_images.ablations(pd.concat([every, priced])).loc["LIME"].index
    assert list(table.loc["LIME"].index) == ["before fine-tuning", "as it is"]
    gaps = table.loc["Grad-CAM"]["insertion"].astype(float)
    assert gaps["as it is"] - gaps["first order"] == pytest.approx(0.1, abs=0.002)
    assert gaps["as it is"] == pytest.approx(0.45, abs=0.003)  # at lambda 0.01 it is 0.1 worse


def test_a_robust_network_stands_beside_the_papers_with_how_sure_it_is(front):
    every = frame()
    table = work_images.robust(front, every)
    assert table.loc[("LIME,\u00a00.5", "PGD, ours"), "insertion"].startswith("0.2")
    paper = table.loc[("LIME,\u00a00.5", "robust ResNet-50, the paper's")].tolist()
    assert paper == ["0.854", "0.456", "0.778", "–", "–", "–"]
    assert "no records" in work_images.robust_told(front, every)  # of how sure they are
    few = every[every["measure"].isin(["accuracy", "insertion", "1 − deletion"])]
    own = few.assign(method=few["method"].where(few["method"] == "PGD", "ID-ExpO"))

    def beside(rows, name, *, ours, theirs):
        one = rows[rows["measure"] == "accuracy"]
        return one.assign(measure=name, value=one["method"].map({"PGD": theirs, "ID-ExpO": ours}))

    kinds = {"confidence": {"ours": 0.9, "theirs": 0.5}, "deletion_share": {"ours": 0.6, "theirs": 0.55}}
    more = pd.concat([own, *(beside(own, name, **values) for name, values in kinds.items())])
    told = work_images.robust_told(more.assign(eta=3.0), more)
    assert "Grad-CAM: f(x) is 0.90 with ID-ExpO and 0.50 against attacks" in told
    assert "deletion divided by f(x) 0.60 with ID-ExpO and 0.55 against attacks." in told
