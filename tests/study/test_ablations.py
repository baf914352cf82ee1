"""What becomes of ID-ExpO's scores without each part: the choice, gains with their intervals, single rows."""

import json

import pandas as pd
import pytest

from lib.study import ablations, records
from tests.study.ablated import TOLD, frame


@pytest.fixture(scope="module")
def picked():
    return ablations.chosen(frame())


def test_validation_chooses_the_lambda(picked):
    assert set(picked.loc[picked["variant"] == "ID-ExpO", "lam"]) == {0.1}
    assert set(picked["part"]) == {"test"}
    better = frame()
    up = better["lam"].eq(0.01) & better["part"].eq("val")
    other = ablations.chosen(better.assign(value=better["value"] + 0.5 * up))
    assert set(other.loc[other["variant"] == "ID-ExpO", "lam"]) == {0.01}


def test_gains_are_over_ce_only_split_by_split_with_an_interval(picked):
    assert ablations.gain(picked, "ID-ExpO", "insertion", dataset="collins").to_numpy() == pytest.approx(0.3, abs=0.02)
    one = ablations.together(picked, "constant", "1 − deletion")
    assert one.difference == pytest.approx(0.36, abs=0.01)
    assert one.low < one.difference < one.high
    assert one.n == 2
    lost = ablations.together(picked, "shuffled", "insertion", over="ID-ExpO")
    assert lost.difference == pytest.approx(-0.24, abs=0.01)
    assert lost.high < 0
    same = ablations.together(picked, "ID-ExpO", "insertion", over="ID-ExpO")
    assert (same.difference, same.low, same.high) == (0, 0, 0)


def test_a_table_of_one_split_has_no_part_in_the_mean(picked):
    one = picked[(picked["dataset"] == "collins") | (picked["split"] == 0)]
    assert ablations.together(one, "Masked", "insertion").n == 1
    assert ablations.alone(one, "Masked", "insertion", dataset="wine-quality-red") is None
    assert ablations.together(picked[picked["split"] == 0], "Masked", "insertion") is None
    assert ablations.together(picked[picked["split"] < 2], "Masked", "insertion").n == 2  # two splits have a spread


def test_single_rows_are_counted_where_both_scores_rise():
    worse = TOLD | {"Masked": (0.8, 0.5, 0.2, 0.5)}
    shares = ablations.quadrants(ablations.chosen(frame(worse)), "Masked", "collins")
    assert shares.tolist() == [0, 1]
    mixed = TOLD | {"Masked": (0.8, 0.5, 0.5, 0.5)}
    assert ablations.quadrants(ablations.chosen(frame(mixed)), "Masked", "collins").tolist() == [0, 0]


def test_records_are_loaded_with_deletion_turned_and_variants_named(tmp_path):
    rows = frame(tables=["collins"]).query("measure in ('accuracy', '1 − deletion', '1 − deletion_random')")
    names = {"1 − deletion": "deletion", "1 − deletion_random": "deletion_random"}
    down = rows["measure"].isin(names)
    written = rows.assign(value=rows["value"].where(~down, 1 - rows["value"])).replace({"measure": names})
    settings = [json.dumps({"variant": v, "background": b}) for v, b in zip(rows["variant"], rows["background"])]
    constant = {"epochs": 9, "best_epoch": 5, "seconds": 1.0, "device": "cpu", "versions": "v", "code": "unknown"}
    written = written.assign(**constant, settings=settings, config=settings, paper="ID", direction="higher", S=0.5)
    written = written.assign(deletion="A", method=rows["variant"], seed=0, experiment_version=1)
    records.write(written.drop(columns="variant"), tmp_path / "collins.parquet")
    loaded = ablations.load(tmp_path)
    key = ["variant", "measure", "split", "lam", "part", "explainer", "background"]
    pd.testing.assert_series_equal(
        loaded.set_index(key)["value"].sort_index(), rows.set_index(key)["value"].sort_index()
    )
