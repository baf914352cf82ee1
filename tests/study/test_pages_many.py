"""The page on a million rows: what it tells is what made-up records hold."""

import pandas as pd
import pytest

from lib.study import pages_many, runs_fe
from tests.study.fe import frame

GIB = 2**30


@pytest.fixture
def wide():
    """Steps of 4 and 8 ms where all gates would take 5 and 400; one more row of memory is 2,000 bytes."""
    rows = [("met", 10_000, 0.004, 0.005, 10_000, 0.9), ("met", 1_000_000, 0.008, 0.4, 110_000, 0.8)]
    names = ("way", "N", "seconds_step", "seconds_dense", "met", "accuracy")
    frame = pd.DataFrame([*rows, ("candidates", 1_000_000, None, None, None, 0.95)], columns=names)
    frame["seconds"] = [10.0, 60.0, 15.0]
    return frame.assign(faithfulness=0.7, faithfulness_all=0.99, bytes=1e6 + 2_000.0 * frame["N"])


def test_the_figure_has_both_lines_and_says_how_far_a_step_has_grown(wide):
    fig = pages_many.steps_figure(wide)
    assert "1,000,000 takes 2.0 times one at N = 10,000" in fig.get_suptitle().replace("\n", " ")
    dense, met = (line.get_ydata() for line in fig.axes[0].lines)
    assert list(dense) == pytest.approx([5, 400])
    assert list(met) == pytest.approx([4, 8])


def test_the_sentence_tells_what_grows_and_where_it_ends(wide):
    told = pages_many.told(wide)
    assert "a step is 50 times as fast" in told
    assert "adds 40 ns to a step" in told  # 4 ms over 100,000 rows more
    assert "2,000 bytes a row, so that 24 GiB end at about 13 million rows" in told


def test_what_some_candidates_give_is_told_beside_all_rows(wide):
    told = pages_many.worth(wide)
    assert told.startswith(
        "Not on this table, as far as so short a training shows: at N = 1,000,000 some rows as examples give "
    )
    assert "and accuracy 0.95, all of them faithfulness 0.70 and accuracy 0.80, and some take 0.25 times" in told
    assert pages_many.worth(wide.assign(accuracy=[0.9, 0.98, 0.95])).startswith("It depends")
    assert pages_many.worth(wide.assign(seconds=[10.0, 60.0, 75.0])).startswith("It depends")


def test_the_record_is_read_with_its_seconds():
    wide = pages_many.load()
    assert {"seconds", "seconds_step", "bytes", "met"} <= set(wide)
    assert wide["seconds"].min() > 0
    assert not wide.duplicated(["way", "N"]).any()


def test_tables_have_a_row_for_each_size_and_way(wide):
    table = pages_many.table(wide)
    assert list(table.index) == ["10,000", "1,000,000"]
    assert list(table.loc["1,000,000"]) == ["110,000", "8.0", "400.0", f"{2.001e9 / GIB:.2f}"]
    scores = pages_many.scores_table(wide)
    assert scores.loc[("1,000,000", "some rows may be examples"), "accuracy"] == "0.95"
    assert len(scores) == 3


def test_all_images_are_told_beside_the_papers(wide):
    ten = runs_fe.chosen(frame(datasets=[pages_many.FEW], lams=(1.0,)))
    few = [runs_fe.by_split(ten, pages_many.FEW, "Ours", measure=name).mean() for name in runs_fe.SCORES]
    told = pages_many.of_images(wide[wide["N"] == 10_000], ten)
    assert told.startswith("With 10,000 training images in place of 700, Ours has accuracy 0.90 for ")
    assert f"accuracy 0.90 for {few[0]:.2f} and faithfulness 0.70 for {few[1]:.2f} (one training" in told
    assert told.endswith("A step takes 4 ms, and 5 ms with gates for all of them.")
    assert "no records" in pages_many.of_images(wide[wide["N"] == 0], ten)
    assert "no records" in pages_many.of_images(wide, ten[ten["method"] == "RPS"])


def test_a_data_set_is_read_by_its_name():
    assert pages_many.load(dataset="no such table").empty


def test_without_records_the_page_says_so(tmp_path):
    empty = pages_many.load(tmp_path)
    for said in (
        pages_many.table(empty).data,
        pages_many.scores_table(empty).data,
        pages_many.told(empty),
        pages_many.worth(empty),
    ):
        assert "no records" in said
    assert len(pages_many.steps_figure(empty).axes) == 1
