"""What has no records is named, on made-up records."""

import pytest

from lib.study import lacking, pages_fe, runs_fe, runs_id
from tests.study import id
from tests.study.fe import frame


@pytest.fixture(scope="module")
def told():
    return frame(datasets=["glass", "vehicle"])


def test_what_has_no_records_is_named(told, monkeypatch):
    """Six of ten splits and three of five lambdas; nothing of a data set, a method, or one split."""
    short = ["4 of 10 splits", "other λ than 1"]
    assert lacking.examples(told, told, "glass") == short
    assert lacking.examples(told[told["method"] != "RPS"], told, "glass") == ["RPS", *short]
    assert lacking.examples(told, told, "segment") == ["all methods", "other λ than 1"]
    monkeypatch.setitem(lacking.PLANNED, "eta", 3)
    whole = frame(datasets=["glass"], lams=(0.01, 0.1, 1.0, 10.0, 100.0), splits=range(10))
    assert lacking.examples(whole, whole, "glass") == []
    one = whole[(whole["method"] != "RPS") | (whole["split"] < 9)]
    assert lacking.examples(one, whole, "glass") == ["1 of 10 splits"]
    part = whole[(whole["lam"] == 1) | ((whole["split"] < 3) & (whole["eta"] < 0.1))]
    rest = "other λ than 1 beyond 3 of 10 splits and 2 of 3 η"
    assert lacking.examples(whole, runs_fe.common(part[part["method"] == "Ours"]), "glass") == [rest]
    few = whole[(whole["lam"] == 1) | (whole["eta"] < 0.1)]
    rest = "other λ than 1 beyond 10 of 10 splits and 2 of 3 η"
    assert lacking.examples(whole, runs_fe.common(few[few["method"] == "Ours"]), "glass") == [rest]
    new = whole.assign(settings='{"keep": 10, "patience_steps": 1, "epochs": 1}')
    assert lacking.examples(new, whole, "glass") == ["other λ than 1 under the second protocol"]
    assert lacking.examples(new, new, "glass") == []
    about = pages_fe.about(whole, whole, pages_fe.runs_table(whole))
    assert about["missing"].startswith("Vehicle: all methods and other λ than 1; Segment: ")
    assert "Glass" not in about["missing"]
    assert about["patience"] == "20,000 on Glass"
    assert about["runs"] == f"{10 * (3 * 3 + 3):,}"


def test_tables_that_lack_a_form_or_a_rival_are_named():
    front = runs_id.fronts(id.frame())
    assert lacking.tables(front) == "they are complete"
    wide = front["dataset"].isin(runs_id.TABLES[-2:]) & front["deletion"].isin(["B", "C"])
    assert lacking.tables(front[~wide]) == f"they lack Del-B and Del-C on {' and '.join(runs_id.TABLES[-2:])}"
    half = (front["method"] == "ExpO-S") & (front["explainer"] == "LIME") & (front["S"] == 0.3)
    assert lacking.tables(front[~half]) == "they lack ExpO-S on all 6 tables"
