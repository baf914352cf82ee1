"""A seed's noise beside a split's, on made-up records with a known answer."""

import numpy as np
import pandas as pd
import pytest

from lib.study import seeds


def runs(values, dataset="glass", method="Ours", measure="accuracy"):
    """Test rows of chosen runs: values[split][seed]."""
    rows = [(split, seed, value) for split, each in enumerate(values) for seed, value in enumerate(each)]
    frame = pd.DataFrame(rows, columns=["split", "seed", "value"])
    return frame.assign(dataset=dataset, method=method, measure=measure, lam=1.0, part="test")


def test_a_seeds_and_a_splits_standard_deviation_by_hand():
    """The third split has one seed and says nothing of seeds."""
    found = seeds.spread(runs([(0.1, 0.3), (0.5, 0.9), (0.7,)])).iloc[0]
    assert found["seed"] == pytest.approx(np.sqrt((0.02 + 0.08) / 2))
    assert found["split"] == pytest.approx(np.std([0.2, 0.7], ddof=1))
    assert found["splits"] == 2
    others = runs([(0.9, 0.1), (0.2, 0.4), (0.7,)]).assign(lam=10.0)
    assert seeds.spread(pd.concat([runs([(0.1, 0.3), (0.5, 0.9), (0.7,)]), others])).iloc[0].equals(found)


def test_where_a_seed_moves_as_much_as_a_split_is_named():
    alike, apart = [(0.1, 0.5), (0.5, 0.1), (0.3, 0.32)], [(0.1, 0.11), (0.5, 0.51), (0.9, 0.91)]
    both = pd.concat([runs(apart), runs(alike, method="Joint"), runs(alike, measure="faithfulness")])
    assert seeds.told(both) == (
        "On Glass a seed moves accuracy at least as much as a split under Joint (Ours: seed 0.007, split 0.400). "
        "On Glass a seed moves faithfulness at least as much as a split under Ours (Ours: seed 0.231, split 0.006)."
    )
    table = seeds.table(both)
    assert table.loc[("Glass", "Ours")].tolist() == ["0.007", "0.400", "0.231", "0.006"]
    one = runs([(0.1,), (0.2,)])
    assert seeds.told(one) == "No split has several seeds yet."
    assert seeds.table(one).iloc[0, 0] == "no split has several seeds yet"


def test_seeds_are_counted_for_each_data_set_of_the_method_that_has_least():
    one, two = [(0.1,), (0.2,)], [(0.1, 0.2), (0.3, 0.4)]
    assert seeds.counted(runs(one)).startswith("No split has several seeds of all methods, so")
    whole = "Where splits have several seeds we take their mean: all 2 splits of Glass have 2."
    assert seeds.counted(runs(two)) == whole
    half = seeds.counted(pd.concat([runs(two), runs([(0.1, 0.2), (0.3,)], method="Joint"), runs(one, "vehicle")]))
    assert "mean: 1 of 2 splits of Glass have 2; a split of one seed counts like one of several; on all other" in half
    assert half.endswith("is not measured by itself.")
    several = pd.concat([runs([(0.1, 0.2, 0.3)] * 2), runs(two, "vehicle"), runs(one, "segment")])
    assert "their mean: all 2 splits of Glass have 3 and all 2 splits of Vehicle have 2; on all" in seeds.counted(
        several
    )
