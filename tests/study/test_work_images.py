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
    table = work_images.controls(front)
    assert float(table.loc[("LIME,\u00a00.5", "ID‑ExpO"), "deletion"]) == pytest.approx(0.4, abs=0.01)
    assert "No records" in work_images.backgrounds(front).data


def test_gains_in_other_explanations_stand_beside_the_gain_in_ones_own(front):
    every = frame()
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM", part="test")
    other = own.assign(explainer="LIME", value=own["value"] - 0.05)
    table = work_images.others(pd.concat([every, other]), front)
    row = table.loc[("Grad‑CAM,\u00a00.5", "LIME")]
    assert row["insertion"] == "+0.08"
    assert row["insertion, trained"] == "+0.13"


def test_costs_are_told_for_the_cases_that_were_timed():
    cases = [("LIME", 200, 4, 90.0), ("LIME", 50, 4, 30.0), ("Grad-CAM", 0, 4, 9.0), ("Grad-CAM", 0, 0, 45.0)]
    rows = [{"explainer": e, "M": M, "D": 64, "S": 0.5, "draws": K, "seed": seed, "measure": f"ms_{what}", "value": ms}
            for e, M, K, ms in cases for seed in range(3) for what in ("training", "explaining")]  # fmt: skip
    timed = pd.DataFrame(rows)
    told = work_images.costs_told(timed)
    assert "costs 10 times one through Grad-CAM" in told
    assert "takes 33% of the time" in told
    assert "costs 5.0 times as much" in told
    assert work_images.costs_table(timed)["training"].tolist() == ["90", "30", "9", "45"]
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
