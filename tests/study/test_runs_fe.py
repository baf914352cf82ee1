"""FE's records: which run validation chooses, which folder a data set is read from, which settings are refused."""

import numpy as np
import pandas as pd
import pytest

from lib.study import grid, records, runs_fe
from tests.study.fe import BEST, settings
from tests.study.test_records import rows


def test_eta_is_chosen_by_the_geometric_mean_on_validation():
    # The arithmetic mean would take 1.0, accuracy alone would take 0, and test values would take 1.0.
    scores = {0.0: (0.95, 0.5), 0.01: (0.75, 0.72), 1.0: (0.5, 1.0)}
    chosen = runs_fe.choose_eta(rows(scores))
    assert set(chosen["eta"]) == {0.01}
    assert set(chosen["part"]) == {"val", "test"}
    assert len(chosen) == 8


def test_a_tie_goes_to_the_smaller_eta_whatever_the_order():
    frame = rows({1.0: (0.9, 0.4), 0.01: (0.4, 0.9), 0.0: (0.1, 0.1)})
    assert set(runs_fe.choose_eta(frame)["eta"]) == {0.01}
    assert set(runs_fe.choose_eta(frame.iloc[::-1])["eta"]) == {0.01}


def test_a_run_that_kept_no_epoch_is_not_chosen():
    frame = rows({0.0: (0.9, 0.9), 1.0: (0.5, 0.5)})
    assert set(runs_fe.choose_eta(frame)["eta"]) == {0.0}
    assert set(runs_fe.choose_eta(frame.assign(best_epoch=9 * (frame["eta"] > 0)))["eta"]) == {1.0}


def test_every_split_lambda_and_U_chooses_for_itself():
    one = rows({0.0: (0.9, 0.9), 1.0: (0.1, 0.1)}, splits=[0])
    two = rows({0.0: (0.1, 0.1), 1.0: (0.9, 0.9)}, splits=[1])
    three = rows({0.0: (0.1, 0.1), 1.0: (0.9, 0.9)}, splits=[0], U=20)
    four = rows({0.0: (0.1, 0.1), 1.0: (0.9, 0.9)}, splits=[0], lam=10.0)
    chosen = runs_fe.choose_eta(pd.concat([one, two, three, four]))
    assert chosen.groupby(["split", "U", "lam"])["eta"].unique().explode().tolist() == [0.0, 1.0, 1.0, 1.0]


def test_methods_without_eta_pass_and_negative_scores_do_not_win():
    joint = rows({np.nan: (0.4, 0.3)}, methods=["Joint"])
    assert len(runs_fe.choose_eta(pd.concat([rows(), joint], ignore_index=True)).query("method == 'Joint'")) == 8
    negative = rows({0.0: (-2.0, -3.0), 1.0: (0.1, 0.1)})
    assert set(runs_fe.choose_eta(negative)["eta"]) == {1.0}


def test_a_run_without_both_validation_measures_is_refused():
    frame = rows()
    half = frame[~((frame["measure"] == "faithfulness") & (frame["eta"] == 1.0) & (frame["split"] == 1))]
    for bad in (half, frame[frame["part"] == "test"], frame.assign(measure="accuracy").drop_duplicates("eta")):
        with pytest.raises(ValueError, match="records must hold accuracy and faithfulness on validation"):
            runs_fe.choose_eta(bad)


def test_two_configurations_of_a_run_are_not_averaged():
    with pytest.raises(ValueError, match=r"records must be of one configuration for each run, got several of .*glass"):
        runs_fe.choose_eta(pd.concat([rows(), rows(config="0ther")]))
    assert len(runs_fe.choose_eta(pd.concat([rows(), rows(splits=[5], config="0ther")])))  # of different runs


@pytest.mark.parametrize(
    ("dataset", "splits", "etas", "lams", "expected"),
    [("glass", 10, 6, 5, True), ("glass", 9, 6, 5, False), ("glass", 10, 5, 5, False), ("glass", 10, 6, 1, True),
     ("cifar10-resnet18", 5, 6, 5, True)],
)  # fmt: skip
def test_a_newer_set_takes_over_when_it_is_complete(dataset, splits, etas, lams, expected):
    every = [{"dataset": dataset, "method": m, "split": s, "eta": float(e), "lam": float(lam)}
             for m in runs_fe.METHODS for s in range(splits) for e in range(etas if m in runs_fe.GATED else 1)
             for lam in range(1, 1 + (lams if m == "Ours" else 1))]  # fmt: skip
    grid = pd.DataFrame(every)
    assert runs_fe.is_complete(grid) == expected
    assert runs_fe.has_lambdas(grid) == (lams == 5)
    assert not runs_fe.has_lambdas(grid[(grid["method"] != "Ours") | (grid["lam"] < 5)])
    assert not runs_fe.is_complete(grid[grid["method"] != "RPSR"])
    assert not runs_fe.is_complete(grid[(grid["method"] != "Joint") | (grid["split"] != 1)])


def test_a_data_set_is_read_from_one_folder(tmp_path, monkeypatch):
    settings = '{"experiment": "fewer_examples"}'
    monkeypatch.setattr(runs_fe, "CONFIGURATION", {"experiment": "fewer_examples"})
    for folder, names in (("old", ["glass", "vehicle"]), ("new", ["glass"])):
        for name in names:
            both = rows(dataset=name, settings=settings, note=folder, methods=("Ours", "Joint"))
            records.write(both, tmp_path / folder / f"{name}.parquet")
    old = runs_fe.load(tmp_path / "old", tmp_path / "new")  # not complete there
    assert set(old["note"]) == {"old"}
    monkeypatch.setattr(runs_fe, "is_complete", lambda rows: True)
    both = runs_fe.load(tmp_path / "old", tmp_path / "new")
    assert both.groupby("dataset")["note"].unique().map(list).to_dict() == {"glass": ["new"], "vehicle": ["old"]}
    assert set(runs_fe.load(tmp_path / "old", tmp_path / "nowhere")["note"]) == {"old"}
    lambdas = runs_fe.load_lambdas(tmp_path / "old", tmp_path / "new")  # one lambda only
    assert set(lambdas["note"]) == {"old"}
    assert set(lambdas["method"]) == {"Ours"}


def test_a_curve_over_lambda_compares_the_same_splits_seeds_and_etas():
    """At lambda 1 there is more: a split, a seed, an eta that no other lambda has. One data set has lambda 1 alone."""
    grid = pd.DataFrame([("glass", s, seed, e, lam) for lam in (0.1, 1.0, 10.0) for s in range(3) for seed in range(2)
                         for e in (0.1, 0.2) if lam == 1 or (s < 2 and seed == 0 and e == 0.1)],
                        columns=["dataset", "split", "seed", "eta", "lam"])  # fmt: skip
    alone = pd.DataFrame({"dataset": "segment", "split": range(3), "seed": 0, "eta": 0.1, "lam": 1.0})
    kept = runs_fe.common(pd.concat([grid, alone]))
    assert len(kept) == 3 * 2 + 3
    one = kept[(kept["dataset"] == "glass") & (kept["lam"] == 1)]
    assert one[["split", "seed", "eta"]].to_numpy().tolist() == [[0, 0, 0.1], [1, 0, 0.1]]


def test_the_protocol_of_a_data_set_is_told_by_its_settings():
    frame = pd.concat([rows(dataset="glass", settings='{"keep": 10}'), rows(dataset="vehicle", settings="{}")])
    assert [runs_fe.is_newer(frame, name) for name in ("glass", "vehicle", "segment")] == [True, False, False]


def test_chosen_runs_are_those_validation_likes_best_at_ten(told):
    other = told["value"].where((told["U"] != 5) | (told["eta"] != 0.1), 1.0)  # at U = 5 it would choose another eta
    ten = runs_fe.chosen(told.assign(value=other))
    ours = ten[(ten["method"] == "Ours") & (ten["lam"] == 1)]
    assert ours.groupby("dataset")["eta"].unique().map(list).to_dict() == {d: [eta] for d, eta in BEST.items()}
    assert set(ten.loc[ten["measure"] == "accuracy", "U"]) == {10}
    assert set(ten.loc[ten["measure"] == "influence", "U"]) == set(range(1, 11))


def test_rates_are_those_of_gpus_by_method(told):
    """Ten epochs of 0.5 s and thirty of 0.1 s, however many rows a run has; a CPU's runs are left out."""
    gpu = told.assign(device="cuda: A GPU", epochs=10, seconds=0.5)
    gpu.loc[gpu["method"] == "Joint", ["epochs", "seconds"]] = [30, 0.1]
    both = pd.concat([gpu[gpu["method"].isin(["Ours", "Joint"])], told[told["method"] == "RPS"]])
    assert runs_fe.rates(both).startswith("3 (Joint) to 50 ms (Ours) for an epoch of one run")
    assert runs_fe.rates(both).endswith("(A GPU)")
    assert runs_fe.rates(told) == "none yet"


def test_classes_are_those_of_the_images(told):
    ten = runs_fe.chosen(told)
    assert set(runs_fe.classes_picked(ten, runs_fe.CIFAR10, "Ours")) == {10}
    assert set(runs_fe.classes_picked(ten, runs_fe.CIFAR10, "Joint")) == {1}


# --- Records ---------------------------------------------------------------------------------------------------------


def written(frame, tmp_path):
    records.write(frame, tmp_path / "a.parquet")
    return runs_fe.load(tmp_path, None)


def test_records_of_todays_experiment_are_read(told, tmp_path):
    assert len(written(told, tmp_path)) == len(told)


@pytest.mark.parametrize("change", [{"hidden": 32}, {"patience_steps": 1}, {"sigma": 1.0}, {"epochs": 20}])
def test_records_of_another_configuration_are_refused(change, told, tmp_path):
    other = told.assign(settings=[settings(name, **change) for name in told["dataset"]])
    with pytest.raises(ValueError, match=f"of another configuration, {next(iter(change))} is"):
        written(other, tmp_path)


def test_one_data_set_has_one_configuration(told, tmp_path):
    other = told["settings"].where(told["method"] != "Joint", settings("glass", patience=7))
    with pytest.raises(ValueError, match="patience is"):
        written(told.assign(settings=other)[told["dataset"] == "glass"], tmp_path)


def test_the_grid_runs_cifar10_with_the_settings_that_its_records_must_have():
    """Each parameter of its run in grid.yaml is wanted of the records, and nothing else differs from the tables'."""
    run = next(run for run in grid.read() if run.out == f"results/fe/{runs_fe.CIFAR10}/Ours-lambda1.parquet")
    wanted, tables = runs_fe.CIFAR10_CONFIGURATION, runs_fe.CONFIGURATION
    given = {name: value for name, value in run.given.items() if name in wanted}
    assert given == {name: value for name, value in wanted.items() if value != tables[name]}


def test_settings_that_change_speed_alone_may_differ(told, tmp_path):
    glass = told[told["dataset"] == "glass"]
    assert len(written(glass.assign(settings=settings("glass", stack_rows=20)), tmp_path)) == len(glass)


def test_a_missing_column_is_refused(told, tmp_path):
    told.drop(columns="seconds").to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="missing column seconds"):
        runs_fe.load(tmp_path, None)
