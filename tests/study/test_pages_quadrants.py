"""Image by image, as the page of images shows it."""

from lib.study import pages_quadrants
from lib.study.words import over_seeds


def test_shares_stand_beside_the_papers_whatever_there_is(front):
    changed = pages_quadrants.changed(front)
    table = pages_quadrants.quadrant_table(changed)
    assert table.loc["ID‑ExpO", "both rise, paper"] == "57.8%"
    assert float(table.loc["ID‑ExpO", "both rise"].rstrip("%")) > 85
    partial = pages_quadrants.quadrant_table({"ID-ExpO": changed["ID-ExpO"]})
    assert partial.loc["CE‑only", "both rise"] == "–"
    told = pages_quadrants.quadrants_told(changed)
    assert table.loc["ID‑ExpO", "both rise"] in told
    rise, fall = told.split("Both scores fall")
    assert rise.startswith("Both scores rise")
    assert "in the paper in 57.8%, and in 41.9% with ExpO-S" in rise
    assert "in the paper in 6.9%, and in 6.7% with ExpO-S" in fall
    alone = pages_quadrants.quadrants_told({m: changed[m] for m in ("ID-ExpO", "CE-only")})
    each = pages_quadrants.by_seed({m: changed[m] for m in ("ID-ExpO", "CE-only")})
    gap = over_seeds(each["ID-ExpO", "first"] - each["CE-only", "first"])
    assert "(" in gap
    assert f"with CE-only, of CE-only the best: {gap}; in the paper" in alone
    assert "; in the paper in 57.8%, and in 34.6% with CE-only" in alone
    assert "no records" in pages_quadrants.quadrants_told({})
    assert len(pages_quadrants.quadrant_figure(changed).axes) == 4


def test_shares_are_over_the_seeds_that_all_methods_have(front):
    """ID-ExpO falls everywhere under the first seed, which is the one that CE-only has."""
    changed = pages_quadrants.changed(front)
    first = changed["ID-ExpO"]["split"] == 0
    own = changed["ID-ExpO"].assign(**{"insertion": changed["ID-ExpO"]["insertion"].where(~first, -1.0)})
    few = {"ID-ExpO": own, "CE-only": changed["CE-only"][changed["CE-only"]["split"] == 0]}
    assert pages_quadrants.shares(few).loc["ID-ExpO", "first"] == 0
    assert pages_quadrants.shares({"ID-ExpO": own}).loc["ID-ExpO", "first"] > 0.5
    assert pages_quadrants.seeds_told(few) == "seed that all of them have"
    assert pages_quadrants.seeds_told(changed) == "3 seeds that all of them have"
