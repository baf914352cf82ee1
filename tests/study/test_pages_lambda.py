"""What is shown along lambda, on made-up records."""

import pytest

from lib.study import pages_lambda, runs_fe
from lib.study.statistics import Paired
from tests.study.fe import frame


@pytest.fixture(scope="module")
def told():
    return frame(datasets=["glass", "vehicle"])


def test_the_etas_that_validation_takes_stand_by_lambda_with_their_runs(told):
    """One split's favourite is moved, at one lambda."""
    lambdas = told[told["method"] == "Ours"]
    moved = (lambdas["part"] == "val") & (lambdas["lam"] == 100) & (lambdas["split"] == 0)
    best = lambdas["eta"] == lambdas["eta"].max()
    lambdas = lambdas.assign(value=lambdas["value"].mask(moved, best.astype(float)))
    table, ten = pages_lambda.etas_taken(lambdas), runs_fe.chosen(lambdas)
    assert list(table.columns) == [f"{lam:g}" for lam in sorted(set(lambdas["lam"]))]
    assert list(table.index) == ["Glass", "Vehicle"]
    for lam in table.columns:
        runs = runs_fe.at(ten, dataset="glass", lam=float(lam)).drop_duplicates(["split", "seed"])
        taken = {f"{eta:g} ({(runs['eta'] == eta).sum()})" for eta in set(runs["eta"])}
        assert set(table.loc["Glass", lam].split(", ")) == taken
    assert table.loc["Glass", "100"].endswith("(1)")
    assert "(1)" not in table.loc["Glass", "1"]
    assert pages_lambda.etas_taken(lambdas[lambdas["lam"] == 1]).empty
    one = lambdas[(lambdas["lam"] == 1) | (lambdas["dataset"] == "glass")]
    assert list(pages_lambda.etas_taken(one).index) == ["Glass"]


def test_a_title_says_where_a_score_surely_changes():
    up, down, unsure = (
        Paired(by, by - wide, by + wide, 0.5, 6) for by, wide in ((0.1, 0.05), (-0.1, 0.05), (0.1, 0.3))
    )
    told = pages_lambda.moved({"Glass": (up, down), "Vehicle": (unsure, down)})
    assert told == "a sure rise on Glass up to λ = 1; a sure fall on all 2 data sets beyond it"
    told = pages_lambda.moved({"Glass": (unsure, up)})
    assert told == "no sure change up to λ = 1; a sure rise on Glass beyond it"
