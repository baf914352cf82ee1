"""The records on images: what is chosen and compared, which ablation a run is, the grid."""

import json

import pandas as pd
import pytest

from lib.study import claims_images, pages_images, records, runs_id, runs_images, work_images
from tests.study.images import frame


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
    assert set(away["method"]) == {"ID-ExpO"}
    assert set(away["explainer"]) == {"Occlusion"}
    assert set(away["lam"]) == {0.1}  # of the runs chosen alone
    assert set(away["variant"]) == {""}
    worse = (both["seed"] == 1) & (both["lam"] == 0.1) & (both["part"] == "val") & (both["method"] == "ID-ExpO")
    away = runs_images.untrained(both.assign(value=both["value"].mask(worse, 0.0)))
    assert away.groupby("seed")["lam"].unique().map(list).to_dict() == {0: [0.1], 1: [0.01], 2: [0.1]}  # each its own


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
        ({"draws": None}, "K = all"),  # where the others take 4
        ({"explainer": {"name": "LIME", "kernel": "cosine"}}, "kernel by cosine"),
        ({"T": "batch", "scored": "label"}, "one temperature for a batch, epochs chosen by the true class"),
        ({"explainer": {"name": "LIME"}, "draws": 2}, ""),
        ({"background": "pink"}, "background pink"),
    ],
)  # fmt: skip
def test_an_ablation_is_told_by_its_settings(changed, words):
    plain = {"method": "ID-ExpO", "explainer": {"name": "Grad-CAM", "order": 2}, "draws": 4, "norm": "frozen"}
    assert runs_images.variant(plain | changed, draws=4) == words


def test_the_committed_records_are_read_and_say_which_runs_there_are():
    every = runs_images.load()
    assert set(every["scale"]) == {"A"}
    assert every.loc[every["measure"] == "1 − deletion", "value"].between(0, 1).all()
    grid = runs_images.of_the_grid()
    there = grid.set_index("cell")["there"]
    assert there["pretraining"] == 1
    assert (grid["there"] <= grid["runs"]).all()
    ours = every[(every["method"] == "ID-ExpO") & (every["trained"] == "Grad-CAM") & (every["trained_S"] == 0.5)]
    assert there["ID-ExpO-GradCAM-S0.5"] == ours.loc[ours["variant"] == "", "config"].nunique()
    with pytest.raises(ValueError, match="no records of fine-tuning on stl10"):
        runs_images.load(data="stl10")


def test_quadrants_count_the_images_that_rise_and_fall_in_both():
    """Both rise, one of them, the other, both fall, nothing changes; deletion's fall is a rise of 1 - deletion."""
    before = pd.DataFrame({"measure": ["insertion", "1 − deletion"], "samples": [[0.5] * 5, [0.5] * 5], "split": 0})
    after = before.assign(samples=[[0.6, 0.6, 0.4, 0.4, 0.5], [0.4, 0.6, 0.2, 0.7, 0.5]])
    both = pd.concat([after.assign(split=0), before.assign(split=1)])
    changed = runs_images.changes(both, before)
    assert changed.loc[changed["split"] == 0, "1 − deletion"].to_numpy() == pytest.approx([0.1, -0.1, 0.3, -0.2, 0])
    shares = runs_images.quadrants(changed)
    assert shares.loc[0].to_dict() == {"first": 0.2, "third": 0.2}
    assert shares.loc[1].to_dict() == {"first": 0, "third": 0}


def test_variants_come_with_the_records(tmp_path):
    rows = pd.read_parquet(records.ROOT / "results" / "images" / "ID-ExpO-GradCAM-S0.5-A.parquet")
    settings = json.loads(rows["settings"].iloc[0])
    rows["settings"] = json.dumps(settings | {"norm": "batch"})
    rows.to_parquet(tmp_path / "a.parquet")
    assert set(runs_images.load(tmp_path)["variant"]) == {"batch norm in training mode"}
    rows["settings"] = json.dumps(settings | {"draws": None})
    rows.to_parquet(tmp_path / "a.parquet")
    assert set(runs_images.load(tmp_path)["variant"]) == {""}  # where all runs take every value of s, none is changed


def test_the_criterion_is_recorded_or_the_explanation_itself(tmp_path):
    rows = pd.read_parquet(records.ROOT / "results" / "images" / "ID-ExpO-LIME-S0.5-A.parquet")
    rows.drop(columns="criterion", errors="ignore").to_parquet(tmp_path / "a.parquet")
    older = runs_images.load(tmp_path)
    assert set(older["criterion"]) == {"LIME"}
    assert set(older["explainer"]) == {"LIME", "Grad-CAM"}
    rows.assign(criterion="Grad-CAM", method="CE-only", trained="none").to_parquet(tmp_path / "a.parquet")
    assert set(runs_images.load(tmp_path)["criterion"]) == {"Grad-CAM"}


def test_the_papers_own_grid_is_that_which_names_no_scale():
    grid = runs_images.of_the_grid(scale="paper")
    assert len(grid)
    assert set(grid["there"]) == {0}


def test_a_folder_of_few_records_makes_a_page_or_says_what_lacks(tmp_path):
    """Whatever cells there are; without any fine-tuning there is nothing to show."""
    folder = records.ROOT / "results" / "images"
    for name, told in (("pretraining-A", None), ("ID-ExpO-GradCAM-S0.5-A", "no records"), ("CE-only-A", "CE-only")):
        (tmp_path / f"{name}.parquet").write_bytes((folder / f"{name}.parquet").read_bytes())
        if told is None:
            with pytest.raises(ValueError, match="no records of fine-tuning on cifar10-jpeg at scale A"):
                runs_images.load(tmp_path)
            continue
        every = runs_images.load(tmp_path)
        front = runs_images.fronts(every)
        assert told in pages_images.fronts_told(front)
        assert 0 < pages_images.runs_told(runs_images.of_the_grid(), every)["start"] < 1
        for shown in (work_images.ablations(every), work_images.controls(front), work_images.robust(front, every)):
            assert len(shown)
        assert runs_images.copies(tmp_path).empty
        verdicts = claims_images.verdicts(claims_images.tests(every))["verdict"]
        assert set(verdicts.drop("ID-C5b")) == {"not tested"}  # which asks for CE-only alone, and has one seed


def test_the_gallery_shows_the_networks_that_validation_chooses():
    """Those of the first seed at eta 2; when records change the choice, the gallery is to be made again."""
    shown = records.read(records.ROOT / "results" / "gallery").drop_duplicates(["method", "explainer"])
    front = runs_images.at(runs_images.fronts(runs_images.load()), eta=2, S=0.5, seed=0, measure="accuracy")
    found = 0
    for method, explainer, settings in shown[["method", "explainer", "settings"]].itertuples(index=False):
        chosen = runs_images.at(front, method=method, explainer=explainer)["config"]
        assert set(chosen) <= {json.loads(settings)["run"]}, (method, explainer)
        found += len(chosen)
    assert found >= 4


def test_a_network_is_one_network_in_all_that_is_recorded_of_it():
    """However many explanations measured it, and in how many calls: its confidence on test images is one number."""
    rows = runs_images.at(records.read(records.ROOT / "results" / "images"), part="test", measure="confidence")
    each = rows.groupby(["method", "config", "best_epoch"])["value"]
    assert len(each) > 40
    assert (each.max() - each.min()).max() < 1e-6
