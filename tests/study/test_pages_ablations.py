"""The page on the parts of ID-ExpO: its sentences and figure tell what made-up records hold."""

import pytest

from lib.study import ablations, figures, pages_ablations
from tests.study.ablated import TOLD, frame


@pytest.fixture(scope="module")
def picked():
    return ablations.chosen(frame())


def test_other_explanations_and_backgrounds_are_looked_at_by_themselves(picked):
    table, told = pages_ablations.transfer(picked)
    assert float(table.loc[("insertion", "LIME, another background"), "ID-ExpO"]) == pytest.approx(0.2, abs=0.02)
    assert float(table.loc[("insertion", "KernelSHAP"), "ID-ExpO"]) == pytest.approx(0.3, abs=0.02)
    assert "insertion, 100% by KernelSHAP, 6" in told


def test_what_is_needed_is_what_leaves_less_than_half(picked):
    needed, spare = pages_ablations.verdict(picked).split("half or more")
    assert "the order of the contributions" in needed
    assert "random masks" in needed
    assert "the gradient through the explanation (9" in spare


def test_of_no_sure_gain_no_share_is_told(picked):
    """Where ID-ExpO is as good as CE-only a share would be a number divided by noise."""
    ours = (picked["variant"] == "ID-ExpO") & picked["measure"].isin(pages_ablations.SCORES[:2])
    level = picked.assign(value=picked["value"].where(~ours, 0.0))
    assert pages_ablations.gained(picked) == ["insertion", "1 − deletion"]
    assert pages_ablations.gained(level) == []
    assert "No sure gain" in pages_ablations.gains_title(level)
    assert "cannot be told from 0" in pages_ablations.verdict(level)
    assert "is not sure here" in pages_ablations.transfer(level)[1]


def test_the_sentences_tell_the_numbers(picked):
    gains = pages_ablations.gains_table(picked)
    assert gains.loc["ID-ExpO", "insertion"].startswith("+0.30 (0.2")
    assert gains.loc["ID-ExpO", "accuracy"].startswith("−0.05")
    assert gains.loc["contributions in random order", "insertion"].startswith("+0.06")
    assert gains.loc["ID-ExpO", ["both rise", "both fall"]].tolist() == ["100%", "0%"]
    table, earned = pages_ablations.orders(picked)
    assert float(table.loc["ID-ExpO", ("insertion", "difference")]) == pytest.approx(0.3, abs=0.01)
    assert (
        "ID-ExpO's insertion differs from CE-only's by +0.10. What the explanation's order adds to that is 0.20 more"
        in earned
    )
    assert pages_ablations.about(picked)["tables"] == "collins (3 splits), wine-quality-red (3 splits)"
    assert "qsar-biodeg" in pages_ablations.about(picked)["missing"]
    assert len(pages_ablations.scores_table(picked)) == 2 * len(TOLD)


def test_a_figure_has_a_point_for_each_table_variant_and_score(picked):
    fig = pages_ablations.gains_figure(picked)
    assert [len(ax.containers) for ax in fig.axes] == [2 * len(ablations.VARIANTS)] * 3
    left = [f"{ablations.kept(picked, v, 'insertion'):.0%}" for v in ("constant", "shuffled", "Masked")]
    title = f"{left[0]} as constants, {left[1]} in random order, {left[2]} by random masks"
    assert fig.get_suptitle().replace("\n", " ") == f"Of ID-ExpO's gain in insertion there is left: {title}"
    assert len(figures.csv(fig).splitlines()) == 1 + 2 * len(ablations.VARIANTS) * 3


def test_without_records_the_page_says_so(tmp_path):
    none = ablations.chosen(ablations.load(tmp_path))
    assert ablations.datasets(none) == []
    for tell in (
        pages_ablations.gains_table,
        pages_ablations.verdict,
        pages_ablations.scores_table,
    ):
        assert tell(none) == pages_ablations.NOTHING
