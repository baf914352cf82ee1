"""The page on the parts of ID-ExpO: its sentences and figure tell what made-up records hold."""

import pandas as pd
import pytest

from lib.study import ablations, figures, pages_ablations
from tests.study.ablated import TOLD, frame
from tests.study.id import KNOWN


@pytest.fixture(scope="module")
def picked():
    return ablations.chosen(frame())


def test_other_explanations_and_backgrounds_are_looked_at_by_themselves(picked):
    table, told = pages_ablations.transfer(picked)
    assert float(table.loc[("insertion", "LIME, another background"), "ID-ExpO"]) == pytest.approx(0.2, abs=0.02)
    assert float(table.loc[("insertion", "KernelSHAP"), "ID-ExpO"]) == pytest.approx(0.3, abs=0.02)
    assert list(table.columns[:2]) == ["pretrained", "ID-ExpO"]
    assert "ID-ExpO's gain in insertion is +0.30 (0.2" in told
    assert "it differs from that by 0.00 (0.00 to 0.00) by KernelSHAP and by −0.10 (−0." in told


def test_trainings_that_diverged_are_named_and_count():
    every = frame()
    assert pages_ablations.diverged(every) == pages_ablations.diverged(every[:0]) == "No training diverged."
    lost = every["variant"].eq("ID-ExpO") & every["lam"].eq(0.1) & every["split"].lt(2) & every["dataset"].eq("collins")
    told = pages_ablations.diverged(every.assign(diverged=9 * lost))
    never = "contributions as constants, contributions in random order and random masks alone"
    assert told.startswith(
        f"ID-ExpO at λ = 0.1 on collins (2 splits) diverged in training; no run of {never} did. Such a run counts"
    )
    one = every.assign(diverged=lost & every["split"].eq(1))
    assert "on collins (1 split) diverged" in pages_ablations.diverged(one)
    assert set(ablations.chosen(every.assign(diverged=9 * lost))["lam"]) == {0.1, 0.0}


def test_the_weight_of_random_masks_is_told(picked):
    own = picked[picked["variant"] == "Masked"].drop_duplicates(["dataset", "split"])
    first = picked["variant"].eq("Masked") & picked["split"].eq(0)
    told = pages_ablations.weights(picked.assign(lam=picked["lam"].mask(first, 0.001)))
    assert told == f"validation takes λ = 0.001 in {(own['split'] == 0).sum()} of {len(own)} splits"
    assert "nothing is recorded" in pages_ablations.weights(picked[:0])


def moved(picked, changes):
    """Scores of variants moved by so much: (variant, measure) -> change for each split of a table, or of all."""
    by = pd.Series(0.0, picked.index)
    for (variant, measure, *dataset), values in changes.items():
        own = picked["variant"].eq(variant) & picked["measure"].eq(measure)
        own &= picked["dataset"].eq(dataset[0]) if dataset else True
        by += own * (picked["split"].map(dict(enumerate(values))) if isinstance(values, tuple) else values)
    return picked.assign(value=picked["value"] + by)


def test_what_changes_less_than_the_margin_is_hardly_missed(picked):
    """Constants cost 0.03 and 0.04 on two tables, whose few intervals are wide: here the same on both."""
    same = moved(picked, {("constant", m): by for m, by in (("insertion", 0.03), ("1 − deletion", 0.04))})
    hardly = " Hardly missed in the mean, whose interval lies within ±0.05 in each score: the gradient through"
    assert hardly in pages_ablations.verdict(same)
    assert "Hardly" not in pages_ablations.verdict(moved(same, {("constant", "insertion"): -0.06}))


def test_what_is_needed_is_what_is_surely_missed(picked):
    """Constants lose nothing in insertion and gain in 1 - deletion; the two others lose in both."""
    some = moved(picked, {("constant", "insertion"): 0.03, ("constant", "1 − deletion"): 0.14})
    told = pages_ablations.verdict(some)
    needed, better = told.split(" Surely better without: ")
    assert needed.startswith("Over 2 tables, surely needed: the order of the contributions (insertion −0.24 and 1 − ")
    assert "; the regularisers in place of random masks (insertion −0.27 and 1 − deletion −0.38)." in needed
    assert "gradient" not in needed
    assert better.startswith("the gradient through the explanation (1 − deletion +0.10).")
    ahead = "Surely above 0, of 4 gains in two scores on 2 tables: 4 with ID-ExpO, 4 with contributions as constants, "
    assert pages_ablations.gains_title(some).startswith(ahead)
    alone = pages_ablations.singly(some)
    assert "each variant has 4 intervals of its difference from ID-ExpO" in alone
    lost, won = (
        "4 with contributions in random order and 4 with random masks alone",
        "2 with contributions as constants",
    )
    assert f"Surely below 0 are {lost}; surely above it {won}." in alone
    table = pages_ablations.parts_table(some)
    assert table.loc[("contributions in random order", "mean over tables"), "insertion"].startswith("−0.24 (−0.2")
    assert table.loc[("contributions in random order", "collins"), "insertion"].startswith("−0.24 (−0.2")
    assert table.loc[("contributions as constants", "mean over tables"), "accuracy"].startswith("+0.01 (")


UNSURE = {(v, m): (0.6, -0.6, 0.0) for v in pages_ablations.PARTS for m in pages_ablations.SCORES[:2]}


def test_a_sure_gain_over_ce_only_says_nothing_of_parts(picked):
    """ID-ExpO's own gain is sure, what each part does is not: no part is called needed, whatever its mean."""
    some = moved(picked, UNSURE)
    assert ablations.together(some, "ID-ExpO", "insertion").low > 0
    told = pages_ablations.verdict(some)
    assert told.startswith("Over 2 tables, no change is sure")
    assert "needed" not in told
    none = "0 with contributions as constants, 0 with them in random order and 0 with random masks alone"
    assert pages_ablations.gains_title(some).endswith(f"4 with ID-ExpO, {none}")  # these are ahead in the mean
    higher = pages_ablations.verdict(moved(some, {("constant", "1 − deletion"): 0.16}))
    assert higher.endswith("ID-ExpO is exceeded by contributions as constants (1 − deletion +0.12).")


def test_a_third_table_whose_few_splits_are_the_first_to_be_sure_changes_no_verdict(picked):
    """Two tables are unsure. Three splits of another lose 0.24: sure there, and not over the tables."""
    third = moved(picked[picked["dataset"] == "collins"].assign(dataset="steel-plates-fault"), {})
    both = pd.concat([moved(picked, UNSURE), third], ignore_index=True)
    one = ablations.alone(both, "shuffled", "insertion", dataset="steel-plates-fault", over="ID-ExpO")
    assert one.high < 0
    told = pages_ablations.verdict(both)
    assert told.startswith("Over 3 tables, no change is sure")
    assert "holds 0, and so few tables could show hardly any." in told
    alone = pages_ablations.singly(both)
    assert "Surely below 0 are 2 with contributions as constants, 2 with" in alone  # on steel-plates-fault
    alone = pages_ablations.verdict(third)
    assert alone.startswith("On one table alone, which says nothing of others, surely needed: ")
    few = picked[picked["split"] == 0]
    assert pages_ablations.verdict(few) == "Two splits of a table are needed to say what a part does."


def test_the_sentences_tell_the_numbers(picked):
    gains = pages_ablations.gains_table(picked)
    assert gains.loc["ID-ExpO", "insertion"].startswith("+0.30 (0.2")
    assert gains.loc["ID-ExpO", "accuracy"].startswith("−0.05")
    assert gains.loc["contributions in random order", "insertion"].startswith("+0.06")
    assert gains.loc["ID-ExpO", ["both rise", "both fall"]].tolist() == ["100%", "0%"]
    table, earned = pages_ablations.orders(picked)
    assert float(table.loc["ID-ExpO", ("insertion", "difference")]) == pytest.approx(0.3, abs=0.01)
    assert "ID-ExpO's insertion differs from CE-only's by +0.10 (0." in earned
    assert "order adds to that differs from what it adds with CE-only by +0.20 (0." in earned
    assert pages_ablations.about(picked)["tables"] == "collins (3 splits), wine-quality-red (3 splits)"
    assert "qsar-biodeg" in pages_ablations.about(picked)["missing"]
    scores = pages_ablations.scores_table(picked, KNOWN)
    assert len(scores) == 2 * (len(TOLD) + 1)
    assert scores.loc[("collins", "majority class"), ["accuracy", "insertion"]].tolist() == [
        "0.84\u00a0±\u00a00.00",
        "–",
    ]


def test_single_rows_calibration_and_the_gap_are_told_beside_ce_onlys(picked):
    wide = moved(picked, {("ID-ExpO", "gap", "collins"): 0.02, ("ID-ExpO", "calibration_error"): 0.05})
    text = pages_ablations.singles(wide)
    assert text.startswith("On single test rows both scores rise over CE-only's in 100% (ID-ExpO), 100% (contributions")
    assert "ID-ExpO's calibration error differs by +0.05 (0.04 to 0.06), and its gap of ϕ by 0.021 (0.0" in text
    assert text.endswith("on wine-quality-red: the features inserted stand surely further apart on collins.")


def test_a_figure_has_a_point_for_each_table_variant_and_score(picked):
    fig = pages_ablations.gains_figure(picked)
    assert [len(ax.containers) for ax in fig.axes] == [2 * len(ablations.VARIANTS)] * 3
    assert fig.get_suptitle().replace("\n", " ") == pages_ablations.gains_title(picked)
    assert len(figures.csv(fig).splitlines()) == 1 + 2 * len(ablations.VARIANTS) * 3


def test_without_records_the_page_says_so(tmp_path):
    none = ablations.chosen(ablations.load(tmp_path))
    assert ablations.datasets(none) == []
    for tell in (
        pages_ablations.gains_table,
        pages_ablations.parts_table,
        pages_ablations.singles,
        pages_ablations.verdict,
        pages_ablations.singly,
    ):
        assert tell(none) == pages_ablations.NOTHING
    assert pages_ablations.scores_table(none, KNOWN) == pages_ablations.NOTHING
