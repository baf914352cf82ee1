"""The page on both papers in one training: what it tells is what made-up records hold."""

import pandas as pd
import pytest

from lib.study import pages_both, records

TOLD = {  # of the two terms, at weight 0 or not: accuracy, faithfulness, accuracy of h, insertion, 1 - deletion
    (0.0, 0.0): (0.8, 0.5, 0.4, 0.6, 0.3), (0.01, 0.0): (0.8, 0.9, 0.7, 0.6, 0.3),
    (0.0, 0.1): (0.7, 0.5, 0.4, 0.9, 0.6), (0.01, 0.1): (0.7, 0.6, 0.5, 0.95, 0.5),
}  # fmt: skip


@pytest.fixture
def cells():
    """Two tables, four splits; a middle weight of lam1 that is nobody's largest."""
    rows = []
    for d in ("vehicle", "wine-quality-red"):
        for split in range(4):
            for (eta, lam1), values in TOLD.items():
                noisy = (v + 0.002 * ((split + i) % 3) for i, v in enumerate(values))
                rows.append(
                    {"dataset": d, "split": split, "eta": eta, "lam1": lam1, **dict(zip(pages_both.SCORES, noisy))}
                )
                if lam1:
                    rows.append({**rows[-1], "lam1": lam1 / 10, "insertion": 0.1})
    return pd.DataFrame(rows)


def test_an_effect_is_that_of_the_largest_weight_beside_one_of_the_other(cells):
    for term, other, score, expected in (
        ("lam1", 0.0, "insertion", 0.3), ("lam1", 0.01, "insertion", 0.35), ("lam1", 0.01, "faithfulness", -0.3),
        ("eta", 0.0, "faithfulness", 0.4), ("eta", 0.1, "faithfulness", 0.1), ("eta", 0.1, "insertion", 0.05),
    ):  # fmt: skip
        found = pages_both.effect(cells, term, score, other=other)
        assert list(found) == ["Vehicle", "wine-quality-red"]
        assert [one.difference for one in found.values()] == pytest.approx([expected] * 2, abs=1e-9)
    lacking = cells[(cells["split"] == 0) | (cells["dataset"] == "vehicle")]
    assert list(pages_both.effect(lacking, "lam1", "insertion", other=0.0)) == ["Vehicle"]


def test_the_verdict_says_help_and_harm(cells):
    told = pages_both.verdict(cells)
    assert told["own"].startswith("Alone, the price of gates surely changes faithfulness on Vehicle by +0.40 (0.40 to")
    assert "Beside the term for features, the price of gates surely changes faithfulness on Vehicle by" in told["own"]
    assert "Alone, the term for features surely changes insertion on Vehicle by +0.30" in told["own"]
    assert "Beside the price of gates, the term for features surely changes insertion on Vehicle by" in told["own"]
    first = "Beside the term for features, the price of gates surely changes insertion on Vehicle by +0.05 (0.05 to"
    assert told["others"].startswith(f"Some scores surely fall. {first}")
    assert "− deletion on wine-quality-red by −0.10 (−0.10 to −0.10). Beside the price of gates, the" in told["others"]
    assert "surely changes faithfulness on Vehicle by −0.30" in told["others"]
    assert "accuracy of g on wine-quality-red by −0.10 (−0.10 to −0.10)." in told["others"]
    harmless = cells.assign(faithfulness=0.5, accuracy_h=0.5, accuracy=0.5, deletion=0.5)
    assert pages_both.verdict(harmless)["others"].startswith("No score surely falls. ")
    same = cells.assign(insertion=0.5)
    same.loc[same["split"] == 1, "insertion"] += 0.1 * (same["eta"] > 0)
    told = pages_both.verdict(same)["others"]
    assert "insertion on Vehicle" not in told  # it changes by +0.02, which is not sure
    assert "surely changes 1 − deletion on Vehicle by" in told
    level = cells.assign(faithfulness=0.5 + 0.1 * (cells["split"] == 1) * (cells["eta"] > 0), accuracy_h=0.5)
    told = pages_both.verdict(level)["own"]
    assert "Beside the term for features, no change by the price of gates is sure: faithfulness on Vehicle +0" in told
    for text in pages_both.verdict(cells[cells["split"] == 0]).values():
        assert text.startswith("Two splits")


def test_the_majority_class_is_that_of_the_splits_there_are(cells):
    known = pd.DataFrame({"dataset": "vehicle", "split": range(5), "majority": [0.2] * 4 + [0.9]})
    known = pd.concat([known, known.assign(dataset="wine-quality-red", majority=0.4)])
    assert pages_both.common(known, cells) == "0.20 on Vehicle and 0.40 on wine-quality-red"


def test_tables_have_a_row_for_each_pair_and_each_score(cells):
    assert pages_both.effects_table(cells).shape == (2 * 5, 4)
    table = pages_both.scores_table(cells)
    assert len(table) == 2 * 6
    assert table.loc[("Vehicle", "0.01", "0.1"), "insertion"].startswith("0.95")
    assert "2 tables" not in pages_both.about(cells)
    assert "Vehicle (4 splits)" in pages_both.about(cells)


def test_the_fronts_have_a_line_for_each_weight_of_the_gates(cells):
    fig = pages_both.fronts(cells)
    assert len(fig.axes) == 4
    assert [len(ax.containers) for ax in fig.axes] == [2] * 4
    line = fig.axes[0].containers[1][0]
    assert line.get_xdata()[-1] == pytest.approx(0.6, abs=0.01)
    assert line.get_ydata()[[0, -1]] == pytest.approx([0.6, 0.95], abs=0.01)
    text = fig.get_suptitle().replace("\n", " ")
    each = "faithfulness 0.60 on Vehicle and 0.60 on wine-quality-red; insertion 0.95 on Vehicle and 0.95 on"
    assert text.startswith(f"With both terms: {each} wine")


def test_without_records_the_page_says_so(tmp_path):
    empty = pages_both.load(tmp_path)
    assert "no records" in pages_both.about(empty)
    assert "no records" in pages_both.scores_table(empty).data
    assert "no records" in pages_both.effects_table(empty).data
    assert "Two splits" in pages_both.verdict(empty)["own"]
    assert len(pages_both.fronts(empty).axes) == 1


def test_records_are_read_with_ten_entries_and_deletion_from_its_other_side(tmp_path):
    run = {
        "paper": "FE+ID", "dataset": "vehicle", "method": "Both", "split": 0, "seed": 0, "epochs": 1, "best_epoch": 1,
        "seconds": 1.0, "device": "cpu", "versions": "", "code": "", "config": "a", "settings": "{}", "diverged": 0,
        "experiment_version": 1, "eta": 0.01, "lam": 1.0, "lam1": 0.1, "explainer": "LIME", "S": 0.5, "deletion": "C",
    }  # fmt: skip
    told = [("accuracy", 10, 0.8), ("accuracy", 5, 0.1), ("faithfulness", 10, 0.9), ("faithfulness", 5, 0.1),
            ("accuracy_h", 10, 0.7), ("insertion", None, 0.6), ("deletion", None, 0.3)]  # fmt: skip
    rows = [{**run, "measure": m, "U": u, "value": v, "part": "test", "direction": "higher"} for m, u, v in told]
    rows += [{**row, "part": "val", "value": 0.0} for row in rows]
    records.write(pd.DataFrame(rows).astype({"U": "Int64"}), tmp_path / "vehicle.parquet")
    (row,) = pages_both.load(tmp_path).to_dict("records")
    assert row == {"dataset": "vehicle", "split": 0, "eta": 0.01, "lam1": 0.1, "accuracy": 0.8, "faithfulness": 0.9,
                   "accuracy_h": 0.7, "insertion": 0.6, "deletion": pytest.approx(0.7)}  # fmt: skip
