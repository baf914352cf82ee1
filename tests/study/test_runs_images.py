"""The records on images: what is chosen and compared, which ablation a run is, changes of single images, the grid."""

import json

import numpy as np
import pandas as pd
import pytest

from lib.study import pages_images, records, runs_id, runs_images, work_images

# accuracy, insertion, 1 - deletion, sensitivity, accuracy on masked inputs, with the less important half masked
TOLD = {"pretrained": (0.86, 0.3, 0.5, 0.1, 0.4, 0.5), "CE-only": (0.86, 0.32, 0.5, 0.1, 0.4, 0.5),
        "ExpO-S": (0.85, 0.31, 0.5, 0.1, 0.4, 0.5), "ExpO-F": (0.85, 0.31, 0.5, 0.1, 0.4, 0.5),
        "ID-ExpO": (0.86, 0.45, 0.6, 0.2, 0.5, 0.6), "PGD": (0.7, 0.25, 0.55, 0.1, 0.4, 0.5)}  # fmt: skip
NAMES = ("accuracy", "insertion", "1 − deletion", "sensitivity", "masked", "kept_half")
BESIDE = {"insertion_random": 0.2, "insertion_threshold": 0.4, "insertion_share": 0.5}
N = 40  # test images


def frame(told=TOLD, seeds=(0, 1, 2), loss=0.2, worse=-0.1):
    """As `load` gives them; ID-ExpO loses `loss` of accuracy at S = 0.3, and all scores are `worse` at lambda 0.01."""
    rng, rows = np.random.default_rng(0), []
    for method, values in told.items():
        for explainer, S in runs_images.CELLS:
            for seed in seeds if method not in ("pretrained", "PGD") else seeds[:1]:
                for lam in (0.1, 0.01) if method == "ID-ExpO" else (0.1,):
                    run = {"method": method, "explainer": explainer, "S": S, "seed": seed, "lam": lam,
                           "trained": explainer if method == "ID-ExpO" else "none",
                           "best_epoch": 0 if method in ("pretrained", "PGD") else 3}  # fmt: skip
                    for name, value in [*zip(NAMES, values), *BESIDE.items()]:
                        value += worse * (lam == 0.01) + 0.0005 * rng.standard_normal()
                        value -= loss * (name == "accuracy" and method == "ID-ExpO" and S == 0.3)
                        part = 1 - value if name == "1 − deletion" else value
                        samples = part + 0.05 * rng.standard_normal(N) if name in NAMES[1:3] else None
                        rows += [{**run, "part": part, "measure": name, "value": value, "samples": samples}
                                 for part in ("val", "test") if part == "test" or run["best_epoch"]]  # fmt: skip
    every = pd.DataFrame(rows).assign(dataset="cifar10-jpeg", deletion="none", lam3=0.0, lr=1e-3, variant="")
    every.loc[every["method"] == "ID-ExpO", "deletion"] = "A"
    return every.assign(trained_S=every["S"], split=every["seed"])


@pytest.fixture(scope="module")
def front():
    return runs_images.fronts(frame())


def test_validation_chooses_for_each_seed_and_the_start_stands_at_every_eta(front):
    own = runs_images.at(front, method="ID-ExpO", explainer="LIME", S=0.5, measure="insertion")
    assert set(own["lam"]) == {0.1}
    assert len(own) == 3 * len(runs_id.ETAS)
    start = runs_images.at(front, method="pretrained", explainer="LIME", S=0.5, measure="insertion")
    assert sorted(start["eta"]) == list(runs_id.ETAS)


def test_an_ablation_and_an_explanation_that_was_not_trained_are_no_rivals():
    every = frame()
    own = every[every["method"] == "ID-ExpO"]
    ablation, other = own.assign(variant="first order", value=own["value"] + 1), own.assign(explainer="Occlusion")
    both = pd.concat([every, ablation, other[other["part"] == "test"]], ignore_index=True)
    assert runs_images.main(both).equals(every.set_axis(range(len(every))))
    away = runs_images.untrained(both)
    assert set(away["explainer"]) == {"Occlusion"}
    assert set(away["lam"]) == {0.1}  # of the runs chosen alone
    assert set(away["variant"]) == {""}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"method": "ExpO-S", "norm": "batch"}, ""),
        ({"explainer": {"name": "Grad-CAM", "order": 1}}, "first order"),
        ({"explainer": {"name": "Grad-CAM", "order": 0, "output": "logit"}},
         "contributions as constants, the logit explained"),
        ({"norm": "batch"}, "batch norm in training mode"),
        ({"draws": 16}, "K = 16"),
        ({"draws": None}, "K = all"),
        ({"explainer": {"name": "LIME", "kernel": "cosine"}}, "LIME's kernel by cosine"),
        ({"explainer": {"name": "LIME"}, "draws": 2}, ""),
        ({"background": "pink"}, "background pink"),
    ],
)  # fmt: skip
def test_an_ablation_is_told_by_its_settings(changed, words):
    plain = {"method": "ID-ExpO", "explainer": {"name": "Grad-CAM", "order": 2}, "draws": 4, "norm": "frozen"}
    assert runs_images.variant(plain | changed) == words


def test_the_committed_records_are_read_and_say_which_runs_there_are():
    every = runs_images.load()
    assert set(every["scale"]) == {"A"}
    assert every.loc[every["measure"] == "1 − deletion", "value"].between(0, 1).all()
    grid = runs_images.of_the_grid(records.ROOT / "results" / "images")
    there = grid.set_index("cell")["there"]
    assert there["pretraining"] == 1
    assert (grid["there"] <= grid["runs"]).all()
    ours = every[(every["method"] == "ID-ExpO") & (every["trained"] == "Grad-CAM") & (every["trained_S"] == 0.5)]
    assert there["ID-ExpO-GradCAM-S0.5"] == ours.loc[ours["variant"] == "", "config"].nunique()
    with pytest.raises(ValueError, match="no records of stl10"):
        runs_images.load(data="stl10")


def test_a_cell_asks_for_the_product_of_its_values():
    assert runs_images.asked({"lams": "0.1,0.01", "lam3s": 0, "lrs": "1e-3,1e-4", "seeds": "0,1,2"}) == 12
    assert runs_images.asked({"width": 16}) == 1


def test_quadrants_count_the_images_that_rise_and_fall_in_both():
    """Four images: both rise, only insertion, both fall, nothing changes; deletion's fall is a rise of 1 - deletion."""
    before = pd.DataFrame({"measure": ["insertion", "1 − deletion"], "samples": [[0.5] * 4, [0.5] * 4], "split": 0})
    after = before.assign(samples=[[0.6, 0.6, 0.4, 0.5], [0.4, 0.6, 0.7, 0.5]])
    both = pd.concat([after.assign(split=0), before.assign(split=1)])
    changed = runs_images.changes(both, before)
    assert changed.loc[changed["split"] == 0, "1 − deletion"].to_numpy() == pytest.approx([0.1, -0.1, -0.2, 0])
    shares = runs_images.quadrants(changed)
    assert shares.loc[0].to_dict() == {"first": 0.25, "third": 0.25}
    assert shares.loc[1].to_dict() == {"first": 0, "third": 0}


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
    assert robust.loc[("LIME, S = 0.5 HW", "PGD, ours"), "insertion"].startswith("0.2")
    assert robust.loc[("LIME, S = 0.5 HW", "robust ResNet-50, the paper's")].tolist() == ["0.854", "0.456", "0.778"]
    for figure in (pages_images.front_figure, pages_images.untrained_figure):
        assert len(figure(front).axes) == 8
        assert len(figure(front[front["method"] == "CE-only"]).axes) == 1
    assert len(pages_images.quadrant_figure(changed).axes) == 4


def test_an_ablation_stands_beside_the_run_that_changes_nothing():
    every = frame().assign(S=0.5)
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM")
    changed = own.assign(variant="first order", value=own["value"] - 0.1)
    table = pages_images.ablations(pd.concat([every, changed]))
    assert list(table.index) == ["before fine-tuning", "as it is", "first order"]
    gaps = table["insertion"].astype(float)
    assert gaps["as it is"] - gaps["first order"] == pytest.approx(0.1, abs=0.002)


def test_what_a_random_map_gains_is_told(front):
    own = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion_random")
    told = work_images.controls_told(front.assign(value=front["value"] + 0.07 * own))
    assert "LIME, S = 0.5 HW: insertion +0.13, a random map's +0.07, divided by f(x) 0.00." in told
    assert "moves insertion by 0.10" in work_images.ties_told(front)
    assert "less than training does (0.15)" in work_images.ties_told(front)
    assert "No records" in work_images.controls_told(front[front["method"] == "CE-only"])
    table = work_images.controls(front)
    assert float(table.loc[("LIME, S = 0.5 HW", "ID‑ExpO"), "deletion"]) == pytest.approx(0.4, abs=0.01)
    assert work_images.backgrounds(front).empty


def test_gains_in_other_explanations_stand_beside_the_gain_in_ones_own(front):
    every = frame()
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM", part="test")
    other = own.assign(explainer="LIME", value=own["value"] - 0.05)
    table = work_images.others(pd.concat([every, other]), front)
    row = table.loc[("Grad-CAM, S = 0.5 HW", "LIME")]
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
    told = work_images.copies_told(pairs)
    assert "predicts 0.900 right as JPEG has them and 0.800 from" in told
    assert "deletion +0.10 ± 0.100 (LIME, S = 0.5 HW)" in told
    assert "no records" in work_images.copies_told(pairs[:0])


def test_variants_come_with_the_records(tmp_path):
    rows = pd.read_parquet(records.ROOT / "results" / "images" / "ID-ExpO-GradCAM-S0.5-A.parquet")
    settings = json.loads(rows["settings"].iloc[0])
    rows["settings"] = json.dumps(settings | {"norm": "batch"})
    rows.to_parquet(tmp_path / "a.parquet")
    assert set(runs_images.load(tmp_path)["variant"]) == {"batch norm in training mode"}
