"""The forests of the page of claims, on made-up records with a known answer."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lib.study import claims, figures, forests, runs_id
from lib.study.statistics import resampled
from tests.study import id
from tests.study.fe import compared, frame


@pytest.fixture(scope="module")
def tests_fe():
    return compared(frame(datasets=["glass", "vehicle"]))


@pytest.fixture(scope="module")
def tests_id():
    return id.compared(id.frame(tables=runs_id.TABLES[:2]))


def test_a_forest_has_an_interval_for_each_comparison(tests_fe):
    fig = forests.forest(tests_fe)
    shown = tests_fe[tests_fe["claim"].str.match(r"FE-C[1-5]") & tests_fe["low"].notna()]
    held = (shown["outcome"] == claims.HOLDS).sum()
    assert fig.get_suptitle() == f"{held} of {len(shown)} comparisons of C1 to C5 hold"
    bars = [np.vstack(found) for c in fig.axes[0].collections if (found := c.get_segments())]  # the legend's are empty
    ends = np.concatenate(bars)[:, 0]
    assert np.isin(shown[["low", "high"]].to_numpy().round(9), ends.round(9)).all()
    assert len(figures.csv(fig).splitlines()) == len(shown) + 1
    plt.close(fig)


def test_the_forest_of_tables_is_a_mean_over_explainers_and_S(tests_id):
    unsure = pd.Series([1, -0.9, 1, -0.9, 0.1])  # in place of one claim's differences
    each = [unsure if claim == "ID-C4a" else own for claim, own in zip(tests_id["claim"], tests_id["differences"])]
    fig = forests.forest_id(tests_id.assign(differences=each))
    rows = pd.read_csv(pd.io.common.StringIO(figures.csv(fig)))
    assert set(rows["claim"]) == set(forests.FOREST_ID)
    assert not rows.duplicated(["claim", "what", "dataset"]).any()
    cells = tests_id.query("claim == 'ID-C8a' and dataset == 'collins'")
    cells = cells[cells["what"].str.startswith("insertion")]
    assert len(cells) == 4  # two explainers, two S
    known = resampled(sum(cells["differences"]) / 4)
    (row,) = rows[
        (rows["claim"] == "ID-C8a") & (rows["dataset"] == "collins") & rows["what"].str.startswith("inse")
    ].itertuples()
    assert (row.value, row.low, row.high) == pytest.approx(known[:3], rel=1e-3)
    up, down = (rows["low"] > 0).sum(), (rows["high"] < 0).sum()
    assert up < (rows["value"] > 0).sum()
    assert fig.get_suptitle() == f"{up} of {len(rows)} means are surely above 0, {down} surely below"
    assert any("yet" in text.get_text() for text in forests.forest_id(tests_id[:0]).findobj(plt.Text))
    plt.close("all")


def row(claim, value, outcome, **other):
    """One comparison of the first forest, claimed to be above 0."""
    base = {"what": "accuracy, a − b", "dataset": "glass", "claimed": "> 0", "bound": 0.0}
    return (
        base | {"claim": claim, "value": value, "low": value - 0.05, "high": value + 0.05, "outcome": outcome} | other
    )


def test_the_first_forest_is_told_with_its_largest_difference_and_what_the_correction_undoes():
    rows = [
        row("FE-C2a", 0.3, claims.HOLDS), row("FE-C4a", 0.2, claims.HOLDS), row("FE-C4b", 0.06, claims.UNDECIDED),
        row("FE-C5a", 0.01, claims.UNDECIDED), row("FE-C5b", -0.7, claims.AGAINST),
        row("FE-C1", 0.06, claims.UNDECIDED, claimed="within ±0.05", bound=0.05),
        row("FE-C1", 0.0, claims.UNDECIDED, claimed="within ±0.06", bound=0.06), row("FE-C9a", 9.0, claims.HOLDS),
    ]  # fmt: skip
    assert forests.told(pd.DataFrame(rows)) == (
        "Of these comparisons, of 6 claims that ask for different things, 2 hold, 4 are undecided and 1 against. "
        "The largest that holds is accuracy, a − b on Glass, 0.30 (0.25 to 0.35). "
        "2 are undecided only because several are tested, though the interval lies on one side of the edge."
    )
    assert forests.told(pd.DataFrame(rows)[:0]) == "No records yet."


def test_the_second_forest_is_told_claim_by_claim(tests_id):
    text = forests.told_id(tests_id)
    assert text.startswith(
        "The highest mean is +0.30 (0.30 to 0.30), 1 − deletion, ID-ExpO − best rival, least over η (C8b)"
    )
    assert ", the lowest −0.0" in text
    assert " it is surely above 0, and surely below: sensitivity-4 (C4a) 2 and 0 of 2; " in text
    assert text.endswith("beyond its edge: none.")
    assert "; balance (C6a) 2 and 0 of 2; balance (C6b) 2 and 0 of 2; " in text
    assert "; insertion (C8a) 2 and 0 of 2; 1 − deletion (C8b) 2 and 0 of 2; " in text
    turned = tests_id["claim"].eq("ID-C4a") & tests_id["differences"].notna()
    less = tests_id["differences"].where(~turned, tests_id["differences"].map(lambda own: own if own is None else -own))
    assert "sensitivity-4 (C4a) 0 and 2 of 2" in forests.told_id(tests_id.assign(differences=less))
    assert forests.told_id(tests_id.assign(differences=less)).endswith("beyond its edge: C4a on 2.")
    short = tests_id["claim"].eq("ID-C8c") & tests_id["differences"].notna()  # about 0.01 behind: within the margin
    far = tests_id["differences"].where(
        ~short, tests_id["differences"].map(lambda own: own if own is None else own - 0.1)
    )
    assert forests.told_id(tests_id.assign(differences=far)).endswith("beyond its edge: C8c on 2.")
    assert forests.told_id(tests_id[:0]) == "No records yet."
