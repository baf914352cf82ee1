"""The claims on insertion and deletion: made-up records that tell the paper's story reproduce them, others do not."""

import json

import numpy as np
import pandas as pd
import pytest

from lib.study import claims, claims_id, records, runs_id

SETTINGS = runs_id.CONFIGURATION
# accuracy, insertion, 1 - deletion, masked, contributions, sensitivity, share of f(x) kept by half the features
TOLD = {"ID-ExpO": (0.85, 0.95, 0.8, 0.7, 0.2, 0.9, 0.9), "ExpO-S": (0.86, 0.85, 0.5, 0.5, 0.1, 0.8, 0.7),
        "ExpO-F": (0.86, 0.85, 0.5, 0.5, 0.1, 0.8, 0.7), "CE-only": (0.86, 0.85, 0.5, 0.5, 0.1, 0.8, 0.7)}  # fmt: skip
NAMES = ("accuracy", "insertion", "1 − deletion", "masked", "contributions", "sensitivity")
SURE = 0.8  # f(x)


def frame(told=TOLD, tables=runs_id.TABLES, steel=-0.2, forms=-0.1, worse=-0.2):
    """Five splits as `load` gives them; at lam 0.01 all scores are `worse` off, on validation as well.

    steel: what KernelSHAP costs on steel-plates-fault. forms: what Del-B and Del-C have over Del-A in insertion.
    """
    rng, rows = np.random.default_rng(0), []
    cells = [
        (d, m, form, e, S)
        for d in tables
        for m in told
        for form in ("ABC" if m == "ID-ExpO" else ["none"])
        for e in runs_id.EXPLAINERS
        for S in runs_id.S_VALUES
        if form in ("A", "none") or e == "LIME"
    ]
    for d, m, form, e, S in cells:
        for split in range(5):
            for lam in (0.1, 0.01):
                run = {"dataset": d, "method": m, "deletion": form, "explainer": e, "S": S, "split": split, "lam": lam}
                for name, value in zip(NAMES, told[m]):
                    value += forms * (form in "BC" and name == "insertion") + worse * (lam == 0.01)
                    value += (
                        steel
                        * (d == "steel-plates-fault" and (m, e) == ("ID-ExpO", "KernelSHAP"))
                        * (name == "accuracy")
                    )
                    value = max(value, 0.01) + 0.002 * rng.standard_normal()
                    curve = SURE * (told[m][6] + 0.002 * rng.standard_normal())
                    run["curve"] = [0.1, curve, 0.5, SURE] if name == "insertion" else None
                    rows += [{**run, "part": part, "measure": name, "value": value} for part in ("val", "test")]
    return pd.DataFrame(rows).assign(seed=0, lam3=0.0, lr=0.01, best_epoch=5)


def outcomes(records_, label):
    tests = claims_id.tests(records_)
    return set(tests.loc[(tests["claim"] == label) & (tests["splits"] > 0), "outcome"])


@pytest.fixture(scope="module")
def told():
    return frame()


def test_the_papers_story_is_reproduced(told):
    assert set(claims_id.verdicts(claims_id.tests(told))["verdict"]) == {"reproduced"}


@pytest.mark.parametrize("label", list(claims_id.CLAIMS))
def test_the_opposite_story_contradicts(label):
    turned = TOLD | {"ID-ExpO": (0.7, 0.7, 0.3, 0.3, 0.05, 0.6, 0.5)}
    if label == "ID-C4b":
        turned |= dict.fromkeys(("ExpO-S", "ExpO-F"), (0.86, 0.95, 0.6, 0.5, 0.1, 0.8, 0.7))
    steel = 0.4 if label == "ID-C9b" else 0.0  # with KernelSHAP more accuracy on steel-plates-fault contradicts it
    assert outcomes(frame(turned, steel=steel, forms=0.1), label) == {claims.AGAINST}


def test_the_numbers_are_those_that_the_claims_name():
    """Each lead over the best of three different rivals; ratios and losses against the method named."""
    told = TOLD | {"ExpO-S": (0.80, 0.90, 0.4, 0.50, 0.08, 0.7, 0.6), "ExpO-F": (0.84, 0.85, 0.6, 0.45, 0.09, 0.6, 0.5),
                   "CE-only": (0.82, 0.80, 0.5, 0.55, 0.10, 0.75, 0.65)}  # fmt: skip
    tests = claims_id.tests(frame(told))

    def values(label, *words):
        rows = tests[(tests["claim"] == label) & tests["what"].map(lambda what: all(word in what for word in words))]
        assert len(rows)
        return rows["value"].to_numpy()

    for label, words, expected in (
        ("ID-C4a", [], 0.9 - 0.75),
        ("ID-C4b", ["insertion", "ExpO-S"], 0.90 - 0.80),
        ("ID-C4b", ["1 − deletion", "ExpO-F"], 0.6 - 0.5),
        ("ID-C8a", ["insertion"], 0.95 - 0.90),
        ("ID-C8a", ["1 − deletion"], 0.8 - 0.6),
        ("ID-C8b", [], 0.85 - 0.84),
        ("ID-C9a", ["ExpO-S, LIME"], 0.85 - 0.80),
        ("ID-C9b", ["CE-only, KernelSHAP"], 0.65 - 0.82),
        ("ID-C10", [], 0.2 / 0.1),
        ("ID-C11a", [], 0.70 - 0.55),
        ("ID-C11b", [], 0.9 - 0.65),
    ):
        assert values(label, *words) == pytest.approx(expected, rel=0.05, abs=0.01), (label, words)
    claimed = tests.groupby("claim")["claimed"].unique().map(set)
    assert claimed["ID-C8a"] == {"> 0"}
    assert claimed["ID-C8b"] == {"> -0.05"}
    assert claimed["ID-C9a"] == {"within ±0.05"}
    assert claimed["ID-C9b"] == {"< 0"}
    assert claimed["ID-C4b"] == {"< 0.05"}


@pytest.mark.parametrize(
    ("label", "measure", "eta"),
    [
        ("ID-C6", "accuracy", 2.0),
        ("ID-C4a", "sensitivity", 2.0),
        ("ID-C8b", "accuracy", 3.0),
        ("ID-C9a", "accuracy", 3.0),
        ("ID-C9b", "accuracy", 3.0),
        ("ID-C10", "contributions", 2.0),
        ("ID-C11a", "masked", 2.0),
    ],
)
def test_a_claim_looks_at_its_own_eta_alone(label, measure, eta, told):
    front, values = runs_id.fronts(told), {}
    for other in (None, *runs_id.ETAS):
        moved = front["eta"].eq(other) & front["measure"].eq(measure) & front["deletion"].eq("A")
        changed = front.assign(value=front["value"] + 0.05 * moved)
        values[other] = [c.value for c in claims_id.CLAIMS[label].comparisons(changed, None)]
    assert [other for other in runs_id.ETAS if values[other] != values[None]] == [eta]


def test_leads_are_taken_where_they_are_least(told):
    front = runs_id.fronts(told)
    for eta, step, change in ((1.0, -0.05, -0.05), (2.5, 0.05, 0.0)):
        moved = front["eta"].eq(eta) & front["measure"].eq("insertion") & front["method"].eq("ID-ExpO")
        fronts = (front, front.assign(value=front["value"] + step * moved))
        pair = [next(iter(claims_id.CLAIMS["ID-C8a"].comparisons(rows, None))).value for rows in fronts]
        assert pair[1] - pair[0] == pytest.approx(change)


def test_balance_is_the_valscore_of_test_rows_at_eta_2():
    rows = [{"split": 0, "measure": m, "value": v} for m, v in zip(NAMES[:3], (0.5, 0.3, 0.11))]
    rows += [{**row, "value": row["value"] + 0.2} for row in rows]  # a second data set
    assert runs_id.balance(pd.DataFrame(rows)).to_dict() == pytest.approx({0: 2 * 0.6 + 0.4 + 0.21})


def test_steel_is_looked_at_with_the_smaller_S_alone(told):
    other = told.assign(value=told["value"].mask(told["S"].eq(0.5) & told["measure"].eq("accuracy"), 0.1))
    pair = [claims_id.tests(rows).query("claim == 'ID-C9a'")["value"] for rows in (told, other)]
    assert pair[0].equals(pair[1])


def test_c6_is_about_tables_with_all_three_forms_at_both_S(told):
    lacks_C = told[(told["deletion"] != "C") | (told["dataset"] != "collins")]
    verdicts = claims_id.verdicts(claims_id.tests(lacks_C))
    assert "collins" not in verdicts.loc["ID-C6", "tested on"]
    assert "qsar-biodeg" in verdicts.loc["ID-C6", "tested on"]
    one_S = told[~(told["deletion"].isin(["B", "C"]) & (told["S"] == 0.5))]
    assert claims_id.verdicts(claims_id.tests(one_S)).loc["ID-C6", "verdict"] == "not tested"


def test_a_split_that_one_rival_lacks_has_no_best_rival(told):
    part = runs_id.chosen(told[(told["method"] != "ExpO-F") | (told["split"] != 3)])
    where = {"dataset": "collins", "explainer": "LIME", "S": 0.5}
    assert list(runs_id.best_rival(part, "insertion", **where).index) == [0, 1, 2, 4]


def test_records_of_one_rival_too_few_are_no_best_rival(told):
    part = runs_id.chosen(told[told["method"] != "ExpO-F"])
    assert runs_id.best_rival(part, "insertion", dataset="collins", explainer="LIME", S=0.5).empty
    assert outcomes(told[told["method"] != "ExpO-F"], "ID-C8a") == set()


def test_a_table_that_lacks_one_S_does_not_count(told):
    verdicts = claims_id.verdicts(claims_id.tests(told[(told["dataset"] != "collins") | (told["S"] == 0.3)]))
    assert all("collins" not in names and "qsar" in names for names in verdicts.loc[["ID-C8a", "ID-C11a"], "tested on"])


def test_validation_chooses_and_eta_weighs_accuracy(told):
    assert set(runs_id.chosen(told)["lam"]) == {0.1}  # better in everything
    accurate = told["measure"].eq("accuracy") & told["lam"].eq(0.01) & told["part"].eq("val")
    traded = told.assign(value=told["value"] + 0.35 * accurate)  # 0.15 ahead there, and 0.4 behind in the other two
    assert set(runs_id.chosen(traded, 2)["lam"]) == {0.1}
    assert set(runs_id.chosen(traded, 3)["lam"]) == {0.01}
    assert (runs_id.chosen(traded, 3).query("measure == 'accuracy'")["value"] < 0.7).all()  # test rows do not choose
    assert set(runs_id.fronts(traded)["eta"]) == set(runs_id.ETAS)


def test_a_run_that_diverged_at_once_is_never_chosen(told):
    """Its parameters are still the pretrained predictor's, which may have the best valscore."""
    start = told["lam"].eq(0.01)
    lucky = told.assign(value=told["value"] + start, best_epoch=told["best_epoch"].mask(start, 0))
    assert set(runs_id.chosen(lucky)["lam"]) == {0.1}
    assert set(runs_id.chosen(lucky.assign(best_epoch=5))["lam"]) == {0.01}
    assert set(runs_id.chosen(lucky.assign(best_epoch=5, diverged=start * 9))["lam"]) == {0.1}


def written(path, settings=SETTINGS, table="collins", **columns):
    rows = frame(tables=[table]).query("measure in ('accuracy', '1 − deletion')")
    rows = rows.assign(measure=rows["measure"].replace("1 − deletion", "deletion"), direction="higher", paper="ID")
    constant = {
        "epochs": 9,
        "seconds": 1.0,
        "device": "cpu",
        "versions": "v",
        "code": "unknown",
        "experiment_version": 1,
    }
    rows = rows.assign(**constant, config="c", settings=json.dumps(settings), **columns)
    records.write(rows, path / f"{table}.parquet")
    return rows


def test_deletion_is_loaded_as_one_minus_deletion(tmp_path):
    rows, loaded = written(tmp_path), runs_id.load(tmp_path)
    value = loaded.loc[loaded["measure"] == "1 − deletion", "value"]
    assert np.allclose(value, 1 - rows.loc[rows["measure"] == "deletion", "value"])
    assert np.allclose(
        loaded.loc[loaded["measure"] == "accuracy", "value"], rows.query("measure == 'accuracy'")["value"]
    )


def test_the_precision_of_training_is_told_and_is_not_another_configuration(tmp_path):
    written(tmp_path, mixed=False)
    written(tmp_path, table="qsar-biodeg", mixed=True)
    told = runs_id.load(tmp_path).groupby("dataset")["mixed"].unique()
    assert {name: list(values) for name, values in told.items()} == {"collins": [False], "qsar-biodeg": [True]}


def test_records_of_other_settings_are_refused(tmp_path):
    written(tmp_path, SETTINGS | {"M": 50})
    with pytest.raises(ValueError, match=r"on collins are of another configuration, M is 50 where 200 is expected"):
        runs_id.load(tmp_path)


def test_no_other_explainer_method_or_table_changes_a_claim(told):
    """A new explainer, method or data set in the records leaves every comparison as it was."""
    shape = told[told["explainer"] == "LIME"]
    ce_only = told[told["method"] == "CE-only"]
    more = [shape.assign(explainer="Occlusion"), ce_only.assign(method="random masks", value=1),
            told[told["dataset"] == "collins"].assign(dataset="my-table")]  # fmt: skip
    before, after = (claims_id.tests(rows).drop(columns="differences") for rows in (told, pd.concat([told, *more])))
    pd.testing.assert_frame_equal(before, after)
