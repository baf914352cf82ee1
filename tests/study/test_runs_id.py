"""ID's records: as they are loaded, and which runs validation chooses."""

import json

import numpy as np
import pandas as pd
import pytest

from lib.study import records, runs_id
from lib.study.runs import at
from tests.study.id import NAMES, SETTINGS, frame, outcomes


@pytest.fixture(scope="module")
def told():
    return frame()


def test_a_form_made_again_beside_the_others_takes_the_place_of_that_table_and_S_alone(told, monkeypatch):
    again = told.query("dataset == 'collins' and S == 0.3 and deletion == 'A' and explainer == 'LIME'").assign(
        value=9.0
    )
    monkeypatch.setattr(runs_id, "load", lambda folder: again)
    monkeypatch.setattr(runs_id.records, "files", lambda folder: ["a file"])
    found = runs_id.load_forms(told, "somewhere")
    assert len(found) == len(told)
    new = found["value"] == 9
    assert new.sum() == len(again)
    assert set(found.loc[new, "dataset"]) == {"collins"}
    rest = at(found, dataset="collins", S=0.3, deletion="A")
    assert set(rest.loc[rest["value"] != 9, "explainer"]) == {"KernelSHAP"}
    monkeypatch.setattr(runs_id.records, "files", lambda folder: [])
    assert runs_id.load_forms(told, "no such folder") is told


def test_tables_whose_forms_are_from_several_processors_are_found(told):
    assert runs_id.mixing(told) == []
    c = told["deletion"].eq("C") & told["dataset"].eq("collins") & told["S"].eq(0.3)
    for column, other in (("device", "cpu: EPYC, 1 threads"), ("mixed", False)):
        assert runs_id.mixing(told.assign(**{column: told[column].mask(c, other)})) == ["collins"]
    threads = told.assign(device=told["device"].where(~c, told["device"] + ", 2 threads"))
    assert runs_id.mixing(threads) == []


def test_balance_is_the_valscore_of_test_rows_at_eta_2():
    rows = [{"split": 0, "measure": m, "value": v} for m, v in zip(NAMES[:3], (0.5, 0.3, 0.11))]
    rows += [{**row, "value": row["value"] + 0.2} for row in rows]  # a second data set
    assert runs_id.balance(pd.DataFrame(rows)).to_dict() == pytest.approx({0: 2 * 0.6 + 0.4 + 0.21})


def test_ours_is_with_the_first_form_of_deletion_alone(told):
    """Del-B and Del-C of the made-up records have 0.1 less insertion."""
    own = runs_id.ours(runs_id.chosen(told), "insertion", dataset="collins", explainer="LIME", S=0.5)
    assert own.to_numpy() == pytest.approx([0.95] * 5, abs=0.01)


def test_the_best_rival_is_the_one_of_the_highest_mean():
    values = {
        "ID-ExpO": (0.9, 0.9, 0.9),
        "ExpO-S": (0.5, 0.1, 0.2),
        "ExpO-F": (0.3, 0.6, 0.1),
        "CE-only": (0.1, 0.2, 0.8),
    }
    rows = [
        {"method": m, "measure": "insertion", "split": s, "value": v} for m in values for s, v in enumerate(values[m])
    ]
    assert runs_id.best_rival(pd.DataFrame(rows), "insertion").to_dict() == {0: 0.1, 1: 0.2, 2: 0.8}


def test_a_least_lead_is_taken_where_it_is_least(told):
    cell = at(runs_id.fronts(told), dataset="collins", explainer="LIME", S=0.5)
    for eta, step, change in ((1.0, -0.05, -0.05), (2.5, 0.05, 0.0)):
        moved = cell["eta"].eq(eta) & cell["measure"].eq("insertion") & cell["method"].eq("ID-ExpO")
        other = cell.assign(value=cell["value"] + step * moved)
        pair = [runs_id.least_lead(rows, "insertion").mean() for rows in (cell, other)]
        assert pair[1] - pair[0] == pytest.approx(change)
    assert runs_id.least_lead(at(cell, method="ID-ExpO"), "insertion").empty


def test_a_methods_rows_are_of_the_first_form_of_deletion_alone(told):
    assert set(runs_id.of_method(told, "ID-ExpO")["deletion"]) == {"A"}
    assert set(runs_id.of_method(told, "CE-only")["method"]) == {"CE-only"}


def test_forms_are_compared_where_there_are_all_three_at_one_S():
    rows = at(frame(tables=["collins", "qsar-biodeg"]), explainer="LIME")
    lacking = rows["dataset"].eq("collins") & rows["S"].eq(0.5) & rows["deletion"].eq("C")
    lacking |= rows["dataset"].eq("qsar-biodeg") & rows["deletion"].ne("A") & rows["split"].eq(1)
    found = runs_id.front_of_forms(rows[~lacking])
    assert set(zip(found["dataset"], found["S"])) == {("collins", 0.3), ("qsar-biodeg", 0.3), ("qsar-biodeg", 0.5)}
    assert set(at(found, dataset="qsar-biodeg")["split"]) == {0, 2, 3, 4}
    assert set(found["deletion"]) == set("ABC")


def test_forms_are_chosen_among_the_settings_that_all_have():
    """Del-A's better lambda does not count where Del-C lacks it."""
    rows = at(frame(tables=["collins"]), explainer="LIME")
    assert set(runs_id.front_of_forms(rows)["lam"]) == {0.1}
    assert set(runs_id.front_of_forms(rows[rows["deletion"].ne("C") | rows["lam"].eq(0.01)])["lam"]) == {0.01}


def test_a_split_that_one_rival_lacks_has_no_best_rival(told):
    part = runs_id.chosen(told[(told["method"] != "ExpO-F") | (told["split"] != 3)])
    where = {"dataset": "collins", "explainer": "LIME", "S": 0.5}
    assert list(runs_id.best_rival(part, "insertion", **where).index) == [0, 1, 2, 4]


def test_records_of_one_rival_too_few_are_no_best_rival(told):
    part = runs_id.chosen(told[told["method"] != "ExpO-F"])
    assert runs_id.best_rival(part, "insertion", dataset="collins", explainer="LIME", S=0.5).empty
    assert outcomes(told[told["method"] != "ExpO-F"], "ID-C8a") == set()


def test_validation_chooses_and_eta_weighs_accuracy(told):
    assert set(runs_id.chosen(told)["lam"]) == {0.1}  # better in everything
    accurate = told["measure"].eq("accuracy") & told["lam"].eq(0.01) & told["part"].eq("val")
    traded = told.assign(value=told["value"] + 0.35 * accurate)  # 0.15 ahead there, and 0.4 behind in the other two
    assert set(runs_id.chosen(traded, 2)["lam"]) == {0.1}
    assert set(runs_id.chosen(traded, 3)["lam"]) == {0.01}
    assert (runs_id.chosen(traded, 3).query("measure == 'accuracy'")["value"] < 0.7).all()  # test rows do not choose
    assert set(runs_id.fronts(traded)["eta"]) == set(runs_id.ETAS)


def test_a_run_that_diverged_at_once_is_never_chosen(told):
    """Its parameters are still the pretrained predictor's, which may have the best valscore."""
    start = told["lam"].eq(0.01)
    lucky = told.assign(value=told["value"] + start, best_epoch=told["best_epoch"].mask(start, 0))
    assert set(runs_id.chosen(lucky)["lam"]) == {0.1}
    assert set(runs_id.chosen(lucky.assign(best_epoch=5))["lam"]) == {0.01}
    assert set(runs_id.chosen(lucky.assign(best_epoch=5, diverged=start * 9))["lam"]) == {0.01}  # later: what it kept


def written(path, settings=SETTINGS, table="collins", **columns):
    rows = frame(tables=[table]).query("measure in ('accuracy', '1 − deletion')")
    rows = rows.assign(measure=rows["measure"].replace("1 − deletion", "deletion"), direction="higher", paper="ID")
    constant = {
        "epochs": 9,
        "seconds": 1.0,
        "device": "cpu",
        "versions": "v",
        "code": "unknown",
        "experiment_version": 1,
    }
    rows = rows.assign(**constant, config="c", settings=json.dumps(settings), **columns)
    records.write(rows, path / f"{table}.parquet")
    return rows


def test_deletion_is_loaded_as_one_minus_deletion(tmp_path):
    rows, loaded = written(tmp_path), runs_id.load(tmp_path)
    value = loaded.loc[loaded["measure"] == "1 − deletion", "value"]
    assert np.allclose(value, 1 - rows.loc[rows["measure"] == "deletion", "value"])
    assert np.allclose(
        loaded.loc[loaded["measure"] == "accuracy", "value"], rows.query("measure == 'accuracy'")["value"]
    )


def test_the_precision_of_training_is_told_and_is_not_another_configuration(tmp_path):
    written(tmp_path, mixed=False)
    written(tmp_path, table="qsar-biodeg", mixed=True)
    told = runs_id.load(tmp_path).groupby("dataset")["mixed"].unique()
    assert {name: list(values) for name, values in told.items()} == {"collins": [False], "qsar-biodeg": [True]}


def test_records_of_other_settings_are_refused(tmp_path):
    written(tmp_path, SETTINGS | {"M": 50})
    with pytest.raises(ValueError, match=r"on collins are of another configuration, M is 50 where 200 is expected"):
        runs_id.load(tmp_path)


CURVES = pd.DataFrame({"measure": "insertion", "split": [0, 0, 1]}).assign(
    curve=[[0.1, 0.2, 0.3, 0.8], [0.0, 0.3, 0.4, 0.6], [0.1, 0.2, 0.5]]
)


def test_confidence_is_where_an_insertion_curve_ends():
    assert runs_id.confidence(CURVES).to_dict() == pytest.approx({0: 0.7, 1: 0.5})


def test_what_half_of_the_features_keep_is_a_share_of_the_whole():
    """The point after half of the steps: the second of four, the second of three."""
    assert runs_id.kept_by_half(CURVES).to_dict() == pytest.approx({0: (0.25 + 0.5) / 2, 1: 0.4})
