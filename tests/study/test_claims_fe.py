"""FE's claims: their verdicts on records made up so that one holds, fails, is undecided, or was never tested."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lib.study import claims, claims_fe, runs_fe, timing
from lib.study.statistics import clustered, resampled
from tests.study.fe import BEST, SECONDS, TOLD, compared, frame, timed, verdicts

# --- Verdicts --------------------------------------------------------------------------------------------------------


def test_all_claims_are_reproduced_where_all_is_as_told(told):
    assert set(verdicts(told, timed()).values()) == {"reproduced"}
    tests = compared(told, timed=timed())
    assert (tests["outcome"] == claims.HOLDS).all()
    assert (
        claims_fe.verdicts(tests).loc["FE-C2a", "tested on"] == "Glass, Vehicle, Segment, CIFAR10 (EfficientNet-Lite0)"
    )


def test_more_classes_under_joint_contradict_one_image_a_class(told):
    own = told[told["dataset"] == runs_fe.CIFAR10]
    swapped = own.assign(method=own["method"].replace({"Ours": "Joint", "Joint": "Ours"}))
    assert verdicts(swapped)["FE-C6"] == "contradicted"


OPPOSITE = {
    "FE-C1": {"Pretrain": (1.0, 0.3)},
    "FE-C2a": {"Pretrain": (0.9, 1.0)},
    "FE-C2b": {"PretrainR": (0.9, 1.2)},
    "FE-C3a": {"RPS": (1.0, 1)},
    "FE-C3b": {"RPSR": (1.0, 1)},
    "FE-C4a": {"Joint": (1.0, 0.6)},
    "FE-C4b": {"Joint": (0.8, 1.1)},
    "FE-C5a": {"RPS": (0.8, 1)},
    "FE-C5b": {"Pretrain": (0.9, 0.9)},
}


@pytest.mark.parametrize("label", OPPOSITE)
def test_the_opposite_is_contradicted(label):
    tests = compared(frame(scores=TOLD | OPPOSITE[label], datasets=["glass", "vehicle"], lams=(1.0,)))
    found = tests[(tests["claim"] == label) & (tests["splits"] > 0) & ~tests["given"]]
    assert set(found["outcome"]) == {claims.AGAINST}
    assert claims_fe.verdicts(tests).loc[label, "verdict"] == "contradicted"


def test_scores_that_differ_by_noise_alone_decide_nothing():
    same = dict.fromkeys(TOLD, (0.5, 0.5))
    tests = compared(frame(scores=same, datasets=["glass"], lams=(1.0,), noise=0.2, fall=0))
    outcomes = tests[tests["claim"].isin(["FE-C1", "FE-C2a", "FE-C2b", "FE-C4a", "FE-C4b"]) & (tests["splits"] > 0)][
        "outcome"
    ]
    assert set(outcomes) == {claims.UNDECIDED}
    assert claims_fe.verdicts(tests).loc["FE-C1", "verdict"] == "undecided"


def test_a_claim_true_of_three_data_sets_of_four_is_mixed_or_mostly(told):
    others = told[told["dataset"] != "vehicle"]
    worse = frame(scores=TOLD | {"Joint": (1.0, 0.6)}, datasets=["vehicle"])
    assert verdicts(pd.concat([others, worse]))["FE-C4a"] == "mixed"
    noisy = frame(scores=TOLD | {"Joint": (0.9, 0.6)}, datasets=["vehicle"], noise=0.1)
    assert verdicts(pd.concat([others, noisy]))["FE-C4a"] == "mostly"


def test_what_was_not_run_is_said(glass):
    assert set(verdicts(glass[glass["method"] == "Joint"]).values()) == {"not tested"}
    assert verdicts(glass)["FE-C6"] == "not tested"
    assert verdicts(glass[glass["lam"] == 1])["FE-C7a"] == "not tested"
    table = claims_fe.verdicts(compared(glass))
    assert table.loc["FE-C2a", "tested on"] == "Glass"
    assert table.loc["FE-C2a", [claims.HOLDS, claims.UNDECIDED, claims.AGAINST]].tolist() == [1, 0, 0]


def test_half_of_a_claim_does_not_stand_for_it(told, glass):
    found = verdicts(glass[glass["method"].isin(["RPS", "RPSR"])])  # faithful as told, but less accurate than Ours?
    assert (found["FE-C3a"], found["FE-C5b"], found["FE-C9a"]) == ("not tested",) * 3
    joint_on_glass_alone = told[(told["method"] != "Joint") | (told["dataset"] == "glass")]
    assert claims_fe.verdicts(compared(joint_on_glass_alone)).loc["FE-C4a", "tested on"] == "Glass"


def test_one_split_is_no_test(glass):
    assert verdicts(glass[glass["split"] == 0])["FE-C4a"] == "not tested"


def test_only_splits_that_both_methods_have_are_paired(glass):
    tests = compared(glass[(glass["method"] != "Joint") | (glass["split"] < 4)])
    assert set(tests.loc[(tests["claim"] == "FE-C4a") & (tests["dataset"] == "glass"), "splits"]) == {4}


def test_faithfulness_just_below_one_speaks_against_fe_c3(glass):
    wrong = glass.copy()
    row = (wrong["method"] == "RPS") & (wrong["measure"] == "faithfulness") & (wrong["part"] == "test")
    wrong.loc[row[row].index[3], "value"] = 0.999
    tests = compared(wrong)
    assert tests.loc[tests["outcome"] == claims.AGAINST, "what"].tolist() == ["faithfulness, lowest of RPS"]
    assert claims_fe.verdicts(tests).loc["FE-C3a", claims.AGAINST] == 1


def test_what_is_true_by_construction_does_not_count(glass):
    accurate = frame(datasets=["glass"], lams=(1.0,), scores=TOLD | {"RPS": (1.0, 1), "RPSR": (1.0, 1)})
    assert verdicts(accurate)["FE-C3a"] == "contradicted"
    assert claims_fe.verdicts(compared(glass)).loc["FE-C3a", claims.HOLDS] == 1


def test_etas_that_are_alike_everywhere_contradict_that_they_differ(monkeypatch):
    for dataset in BEST:
        monkeypatch.setitem(BEST, dataset, 0.01)
    tests = compared(frame(lams=(1.0,), methods=["Ours"])).query("claim == 'FE-C8'")
    assert tests["outcome"].tolist() == [claims.UNDECIDED, claims.AGAINST]
    assert tests["value"].tolist()[1] == 1  # one eta is the most faithful on all data sets
    assert claims.verdict(tests["outcome"]) == "contradicted"


def test_etas_are_those_of_one_seed_as_they_were_trained(told):
    """Neither a second seed, which chose otherwise, nor how often a run is noted down changes what is tested."""
    ours = told[(told["method"] == "Ours") & (told["lam"] == 1)]
    other = ours[ours["dataset"] == "glass"].assign(seed=1)
    worse = other["value"].where(other["eta"] == 0.1, other["value"] - 0.5)
    odd = ours[(ours["split"] == 0)].assign(measure="open", U=np.arange((ours["split"] == 0).sum()))
    both = pd.concat([ours, other.assign(value=worse), odd.assign(part="train")])
    etas = claims_fe.chosen_etas(runs_fe.chosen(both), list(BEST))
    assert {d: set(values) for d, values in etas.items()} == {d: {eta} for d, eta in BEST.items()}
    one, two = (compared(rows).query("claim == 'FE-C8'") for rows in (ours, both))
    assert one["p"].iloc[0] == two["p"].iloc[0] == claims_fe.kruskal(etas.values())
    assert one["what"].iloc[0] == two["what"].iloc[0]


@pytest.mark.parametrize(
    ("change", "label", "against"),
    [({"PretrainR": 0.4}, "FE-C9b", "PretrainR / Pretrain"), ({"Ours": 0.25}, "FE-C9a", "Ours / RPS"),
     ({"RPS": 0.15}, "FE-C9c", "RPS / Pretrain")],
)  # fmt: skip
def test_epochs_that_take_long_contradict(glass, change, label, against):
    tests = compared(glass, timed=timed(SECONDS | change)).query("claim == @label")
    assert f"seconds an epoch, {against}" in set(tests.loc[tests["outcome"] == claims.AGAINST, "what"])
    one, other = against.split(" / ")
    value = tests.loc[tests["what"] == f"seconds an epoch, {against}", "value"]
    seconds = SECONDS | change
    assert value.to_numpy() == pytest.approx(seconds[one] / seconds[other], rel=0.02)


def test_repeats_share_no_rows_so_that_their_test_is_students(glass):
    times = timed()
    row = compared(glass, timed=times).query("what == 'seconds an epoch, RPS / Pretrain' and splits > 0").iloc[0]
    one, other = (timing.plain(times, "segment", method) for method in ("RPS", "Pretrain"))
    known = resampled(np.log(one) - np.log(other), ratio=0)
    assert np.log([row["value"], row["low"], row["high"]]).tolist() == pytest.approx(known[:3])
    whole = claims_fe.verdicts(compared(glass, timed=times)).loc["FE-C9c"]
    assert whole["units"] == 1
    assert set(compared(glass, timed=times).query("claim == 'FE-C9b'")["claimed"]) == {"< 1.2"}
    assert np.log(whole["detectable"]) < 0.02  # of one comparison, half an interval, Student's


def test_seconds_that_differ_by_noise_alone_decide_nothing(glass):
    same = timed(dict.fromkeys(SECONDS, 0.3), noise=1.0)
    assert verdicts(glass, same)["FE-C9c"] == "undecided"
    assert verdicts(glass)["FE-C9a"] == "not tested"


def test_a_curve_over_lambda_may_be_of_other_records(told):
    """What the claims on lambda say follows from the second frame alone."""
    one = told[told["lam"] == 1]
    assert verdicts(one)["FE-C7a"] == "not tested"
    found = claims_fe.verdicts(compared(one, told[told["method"] == "Ours"]))["verdict"]
    assert all(found[f"FE-C7{letter}"] == "reproduced" for letter in "abcdef")
    high = compared(one, told[told["method"] == "Ours"]).query("claim == 'FE-C7f'")
    assert set(high["claimed"]) == {"> -0.05"}  # what is as faithful as at lambda 1 is high


@pytest.mark.parametrize(("measure", "label"), [("accuracy", "FE-C7e"), ("faithfulness", "FE-C7f")])
def test_a_training_that_stays_stable_contradicts(told, measure, label):
    """Accuracy that lasts at a large lambda is no collapse; faithfulness that falls is not high."""
    move = (0.3 if measure == "accuracy" else -0.9) * ((told["lam"] > 1) & (told["measure"] == measure))
    tests = compared(told.assign(value=told["value"] + move))
    assert set(tests.loc[(tests["claim"] == label) & (tests["splits"] > 0), "outcome"]) == {claims.AGAINST}


def test_the_best_eta_by_faithfulness_is_that_of_test_rows_at_ten_entries_and_lambda_one():
    cells = [
        ("test", 1.0, 10, "faithfulness", 0.01, 0.9), ("test", 1.0, 10, "faithfulness", 0.1, 0.8),
        ("val", 1.0, 10, "faithfulness", 0.1, 5.0), ("test", 10.0, 10, "faithfulness", 0.1, 5.0),
        ("test", 1.0, 30, "faithfulness", 0.1, 5.0), ("test", 1.0, 10, "accuracy", 0.1, 5.0),
    ]  # fmt: skip
    rows = pd.DataFrame(cells, columns=["part", "lam", "U", "measure", "eta", "value"])
    rows = rows.assign(dataset="glass", method="Ours")
    assert claims_fe.best_by_faithfulness(rows, "glass") == 0.01


def test_how_many_splits_must_differ_for_etas_to_be_seen_to():
    """Of two sets of ten, nine of ten in one: H of Kruskal and Wallis over 1 + 10 * 2/7, as splits share rows."""
    assert claims_fe.least_seen([10, 10]) == 9
    for odd, seen in ((8, False), (9, True)):
        groups = [np.arange(10) < odd, np.zeros(10)]
        p = stats.chi2.sf(stats.kruskal(*groups).statistic / (1 + 20 / 7), 1)
        assert claims_fe.kruskal(groups) == pytest.approx(p)
        assert (p < 0.05) == seen
    assert claims_fe.kruskal([np.zeros(5), np.zeros(4)]) == 1.0


def test_a_fall_beyond_lambda_1_is_not_taken_for_one_before(glass):
    """Accuracy that is flat up to lambda 1 and falls from there on: one claim of the two holds."""
    cut = 0.2 * (glass["lam"] > 1) * (glass["measure"] == "accuracy")
    trade = 0.02 * np.log10(glass["lam"].clip(upper=1)) * (glass["measure"] == "accuracy")
    tests = compared(glass.assign(value=glass["value"] - cut + trade))
    tests = tests[tests["claim"].isin(["FE-C7a", "FE-C7b"]) & (tests["splits"] > 0)]
    assert tests[["claim", "what", "outcome"]].to_numpy().tolist() == [
        ["FE-C7a", "change of accuracy, up to λ = 1", claims.UNDECIDED],
        ["FE-C7b", "change of accuracy, from λ = 1 on", claims.HOLDS],
    ]
    assert tests["value"].tolist() == pytest.approx([0.0, -0.24], abs=0.02)


def test_a_faithfulness_that_falls_with_lambda_contradicts_each_stretch_by_itself(glass):
    faithful = glass["measure"] == "faithfulness"
    for label, there in (("FE-C7c", glass["lam"] < 1), ("FE-C7d", glass["lam"] > 1)):
        change = 0.3 if label == "FE-C7c" else -0.3  # higher before 1, or lower after it
        tests = compared(glass.assign(value=glass["value"] + change * (there & faithful)))
        found = tests[tests["splits"] > 0].groupby("claim")["outcome"].agg(set)
        assert found[label] == {claims.AGAINST}
        assert found["FE-C7d" if label == "FE-C7c" else "FE-C7c"] == {claims.HOLDS}


def test_p_is_corrected_within_a_claim():
    noisy = frame(datasets=["glass", "vehicle"], lams=(1.0,), noise=0.1)
    tests = compared(noisy).query("claim == 'FE-C2b' and splits > 0")
    score = {m: faithfulness(noisy, m) for m in ("Ours", "PretrainR")}
    gaps = [score["Ours"][d] - score["PretrainR"][d] for d in ("glass", "vehicle")]
    known = stats.false_discovery_control([resampled(gap).p for gap in gaps])
    assert tests["p"].tolist() == pytest.approx(known.tolist())


def faithfulness(records, method):
    """Of the chosen runs: data set -> split -> value."""
    ten = runs_fe.chosen(records)
    return {d: runs_fe.by_split(ten, d, method, measure="faithfulness") for d in sorted(set(records["dataset"]))}


def test_the_whole_claim_is_the_mean_over_data_sets_whatever_their_splits(told):
    uneven = told[(told["dataset"] != "glass") | (told["split"] < 3)]
    row = claims_fe.verdicts(compared(uneven)).loc["FE-C2b"]
    ours, rival = (faithfulness(uneven, m) for m in ("Ours", "PretrainR"))
    means = [(ours[d] - rival[d]).dropna().to_numpy() for d in sorted(BEST)]
    known = clustered(means)
    assert row["effect"] == pytest.approx(np.mean([m.mean() for m in means]))
    assert row[["low", "high", "p", "units"]].tolist() == pytest.approx([known.low, known.high, known.p, 4])
    assert row["side"] == claims.HOLDS


def test_what_could_be_seen_is_half_an_interval_and_more_for_one_alone(told):
    tests = compared(told[told["dataset"].isin(["glass", "vehicle"])])
    row, cells = claims_fe.verdicts(tests).loc["FE-C2a"], tests.query("claim == 'FE-C2a' and splits > 0")
    assert row["detectable"] == pytest.approx(((cells["high"] - cells["low"]) / 2).median())
    assert row["alone"] > row["detectable"]
    alone = claims_fe.verdicts(tests[tests["dataset"] == "glass"]).loc["FE-C2a"]
    assert alone["alone"] == pytest.approx(alone["detectable"])  # one comparison needs no correction
