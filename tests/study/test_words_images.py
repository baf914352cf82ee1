"""What the page of results on images says of its controls, ablations, a robust network and costs."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lib.study import runs_images, words_images, work_images
from tests.study.images import costs, frame


def beside(rows, name, values):
    """Rows of another measure, of a value for each method."""
    one = rows[rows["measure"] == "accuracy"]
    return one.assign(measure=name, value=one["method"].map(values))


def test_what_a_random_map_gains_is_told(front):
    own = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion_random")
    told = words_images.controls_told(front.assign(value=front["value"] + 0.07 * own))
    assert "+0.13 above CE-only's with the explanation, +0.07 with a random map, and 0.00 divided by f(x)." in told
    assert "No records" in words_images.controls_told(front[front["method"] == "CE-only"])
    few = front[~(front["method"].eq("ID-ExpO") & front["split"].gt(0))]
    ahead = few["method"].eq("CE-only") & few["split"].gt(0) & few["measure"].eq("insertion")
    told = words_images.controls_told(few.assign(value=few["value"] + 9 * ahead))  # of seeds that ID-ExpO lacks
    assert "+0.13 above CE-only's with the explanation, 0.00 with a random map" in told


def test_what_the_tie_rule_moves_is_told_of_the_start(front):
    tuned = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion_threshold")
    ties = words_images.ties_told(front.assign(value=front["value"] + 0.3 * tuned))
    assert "moves insertion by 0.10" in ties
    assert ties.endswith("training moves it by 0.15.")


def test_what_is_gained_is_tabled_form_by_form(front):
    own = front["method"].eq("ID-ExpO") & front["measure"].eq("insertion_random")
    table = work_images.gained(front.assign(value=front["value"] + 0.07 * own))
    assert table["with the explanation"].eq("+0.13").all()
    assert table["random map"].eq("+0.07").all()
    assert table["random masks alone"].eq("–").all()
    masked = runs_images.at(front, method="CE-only").assign(method="Masked")
    table = work_images.gained(pd.concat([front, masked.assign(value=masked["value"] + 0.2)]))
    assert table["random masks alone"].eq("+0.20").all()
    assert table.index[0] == "Grad‑CAM,\u00a00.3"


def test_whether_important_cells_stand_apart(front):
    assert "No records" in words_images.gap_told(front)
    told = words_images.gap_told(pd.concat([front, beside(front, "gap", {"ID-ExpO": 0.03, "CE-only": 0.01})]))
    assert told == "ID-ExpO's gap at S minus CE-only's is 0.020, above 0 in 4 of 4 rows."


def test_what_is_left_of_a_gain_under_another_background(front):
    assert "No records" in words_images.backgrounds_told(front)
    plain = front[front["measure"] != "insertion"]
    found = {"insertion": (0.4, 0.2), "insertion_blur": (0.4, 0.3), "insertion_noise": (0.08, 0.1)}
    more = [beside(front, name, {"ID-ExpO": own, "CE-only": rival}) for name, (own, rival) in found.items()]
    every = pd.concat([plain, *more], ignore_index=True)
    told = words_images.backgrounds_told(every)
    assert words_images.backgrounds_told(every.assign(value=every["value"].mask(every["eta"] != 2, 0.9))) == told
    assert "+0.20 above CE-only's where masked cells show the mean colour, +0.10 under a blur and −0.02 under" in told
    assert "under noise, where it is low for CE-only too. Of the gain 50% are left under a blur and −10%" in told


def test_gains_elsewhere_are_told_beside_ones_own_and_a_random_maps(front):
    every = frame()
    assert "No records" in words_images.elsewhere_told(every, front)
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM", part="test")
    told = words_images.elsewhere_told(
        pd.concat([every, own.assign(explainer="LIME", value=own["value"] - 0.05)]), front
    )
    assert "insertion gains +0.08 (+0.13 in the one trained) and 1 − deletion gains +0.05 (+0.10" in told
    assert "A random map's insertion gains 0.00:" in told


def test_changes_are_told_beside_the_spread_of_seeds():
    every = frame().assign(S=0.5, lr=work_images.RATE)
    own = runs_images.at(every, method="ID-ExpO", explainer="Grad-CAM")
    changed = own.assign(variant="first order", value=own["value"] - 0.1)
    told = words_images.spread_told(pd.concat([every, changed]))
    assert "Through Grad-CAM another seed of the run that changes nothing would lie within 0.00 in insertion" in told
    assert "Further from it lie first order, insertion −0.10, 1 − deletion −0.10 and accuracy −0.10. Of 3 such" in told
    assert "about 0.2 would lie that far off by chance alone." in told  # 0.15
    apart = pd.concat([every, changed])
    plain = apart["method"].eq("ID-ExpO") & apart["variant"].eq("") & apart["measure"].eq("insertion")
    apart = apart.assign(value=apart["value"] + plain * apart["seed"].map({0: 0.02, 1: 0.0, 2: -0.02}))
    half = stats.t.ppf(0.975, 2) * 0.02 * (4 / 3) ** 0.5  # of a further run, beside the mean of three
    told = words_images.spread_told(apart)
    assert f"would lie within {half:.2f} in insertion, 0.00 in 1 − deletion" in told
    assert "Further from it lie first order, 1 − deletion −0.08" in words_images.spread_told(
        apart.assign(value=apart["value"] + 0.02 * apart["variant"].eq("first order"))
    )
    further = apart.assign(value=apart["value"] - 0.02 * apart["variant"].eq("first order"))
    assert "Further from it lie first order, insertion −0.12" in words_images.spread_told(further)
    assert words_images.spread_told(every).endswith("in 95 of 100 cases.")
    assert words_images.spread_told(every[every["seed"] == 0]) == "Of the run that changes nothing there is one seed."
    assert "Not all orders" in words_images.orders_told(every)
    constants = own.assign(variant="contributions as constants", value=own["value"] - 0.05)
    told = words_images.orders_told(pd.concat([every, changed, constants]))
    assert "change by +0.15 and +0.10 with derivatives of second order, +0.05 and 0.00 with first order" in told
    assert told.endswith("come 67% of the rise in insertion and 50% of that in 1 − deletion.")
    worse = constants.assign(value=constants["value"] - 0.2)
    told = words_images.orders_told(pd.concat([every, changed, worse]))
    assert told.endswith("come none of the rise in insertion and none of that in 1 − deletion.")


def test_what_is_not_recorded_is_named():
    grid = pd.DataFrame({"purpose": ["images, what does the work: the logit", "claims: other"], "there": 0})
    grid["cell"] = ["K2", "PGD"]
    assert words_images.unrecorded_told(grid) == "Not recorded yet: K2."
    assert words_images.unrecorded_told(grid.assign(there=1)).startswith("All")


def test_runs_that_diverged_are_named_with_what_of_them_is_shown(front):
    every = frame()
    assert words_images.diverged_told(every, front) == "None of the recorded runs diverged."
    one = every["config"].eq("ID-ExpO Grad-CAM 0.5 0 0.1")
    refused = every.assign(refused=every["refused"].mask(one, 20))
    assert words_images.diverged_told(refused, front) == "None of the recorded runs diverged."  # it went on to its end
    ended = refused.assign(epochs=every["epochs"].mask(one, 3), best_epoch=every["best_epoch"].mask(one, 2))
    told = words_images.diverged_told(ended, front)
    assert told.endswith("Grad-CAM, S = 0.5 HW, as it is (λ = 0.1, rate 0.001): epoch 2 is kept, "
                         "which validation chooses at η = 0.5 to 3.")  # fmt: skip
    lost = ended.assign(best_epoch=ended["best_epoch"].mask(one, 0), config=ended["config"].mask(one, "another"))
    assert words_images.diverged_told(lost, front).endswith("(λ = 0.1, rate 0.001): nothing is kept.")


def test_a_robust_network_is_told_with_what_sureness_explains(front):
    every = frame()
    assert "no records" in words_images.robust_told(front, every)  # of how sure they are
    few = every[every["measure"] == "accuracy"]
    own = few.assign(method=few["method"].where(few["method"] == "PGD", "ID-ExpO"))
    kinds = {"confidence": (0.9, 0.5), "insertion": (0.5, 0.3), "insertion_share": (0.4, 0.45),
             "1 − deletion": (0.4, 0.5), "deletion_share": (0.6, 0.52)}  # fmt: skip
    added = (beside(own, name, {"ID-ExpO": ours, "PGD": theirs}) for name, (ours, theirs) in kinds.items())
    more = pd.concat([own, *added])
    told = words_images.robust_told(more.assign(eta=3.0), more)
    found = (
        "f(x) +0.40, insertion +0.20 (−0.05 divided by f(x)), deletion +0.10 (+0.08 divided by f(x); lower is better)"
    )
    assert f"Grad-CAM: {found}. LIME: {found}." in told


def test_how_often_the_largest_strength_is_taken_is_told_by_method():
    """ID-ExpO is worse by far at its smaller lambda; ExpO-S gets one that is better by far at one seed of three."""
    every = frame()
    alone = every[every["lam"] == 0.1]
    assert words_images.strengths_told(alone, runs_images.fronts(alone)) == "No method has several λ yet."
    other = alone[alone["method"] == "ExpO-S"].assign(lam=0.01, config="weaker")
    by = np.where(other["seed"] == 0, 0.5, -0.5) * (other["measure"] == "accuracy")
    both = pd.concat([every, other.assign(value=other["value"] + by)])
    count = len(runs_images.CELLS) * len(runs_images.ETAS)
    assert words_images.strengths_told(both, runs_images.fronts(both)) == (
        f"Among several λ validation takes the largest in {2 * count} of {3 * count} choices of ExpO-S (λ = 0.1) and "
        f"{3 * count} of {3 * count} choices of ID-ExpO (λ = 0.1), over all η, explainers, S and seeds."
    )


def test_how_far_seeds_lie_apart_is_told_by_rate(front):
    every = frame()
    assert words_images.rates_told(every, front) == ""
    calm = every.assign(lr=1e-4)
    away = every["method"].eq("ID-ExpO") & every["seed"].eq(1) & every["measure"].eq("accuracy")
    told = words_images.rates_told(pd.concat([every.assign(value=every["value"] + 0.2 * away), calm]), front)
    assert told == "Accuracies of ID-ExpO's seeds lie up to 0.20 apart at the rate 0.001, and up to 0.00 at 0.0001."
    alone = front[~(front["method"].eq("ExpO-S") & front["seed"].gt(0) & front["S"].eq(0.3))]
    told = words_images.rates_told(pd.concat([every, calm]), alone)
    assert told.endswith("at η = 2 of ExpO-S (Grad-CAM, S = 0.3 HW and LIME, S = 0.3 HW).")


def test_maps_below_the_floor_are_counted():
    every = frame()
    assert words_images.floor_told(every) == "No maps are recorded yet"
    own = runs_images.at(every, explainer="Grad-CAM", part="test", measure="accuracy")
    maps = np.zeros((4, 64))
    maps[:3, 0] = 0.0009, 0.0002, 1
    kept = own.assign(measure="contributions", shown=[maps.ravel()] * len(own))
    assert "75% with CE-only and 75% with ID-ExpO have a range below 0.001" in words_images.floor_told(
        pd.concat([every, kept])
    )
    shared = kept["config"].mask(kept["method"].eq("pretrained"), kept.query("method == 'CE-only'")["config"].iloc[0])
    assert "75% with pretrained, " in words_images.floor_told(pd.concat([every, kept.assign(config=shared)]))


@pytest.mark.parametrize(("gain", "said"), [(0.03, "ID-ExpO's own gains, +0.03, do so too in 4 of 4 rows"), (0.2, "")])
def test_a_margin_that_the_method_does_not_exceed_says_little(front, gain, said):
    other = front[front["measure"] != "sensitivity"]
    told = words_images.margin_told(pd.concat([other, beside(front, "sensitivity", {"ID-ExpO": gain, "CE-only": 0.0})]))
    assert said in told
    assert bool(told) == bool(said)


def test_costs_are_told_for_the_cases_that_were_timed():
    told = words_images.costs_told(costs())
    assert "LIME at M = 200 costs 4.0 times one through Grad-CAM (3.5 in the closest of 3 rounds)" in told
    assert "with four of them 10 times" in told
    assert "takes 33% of the time. A quarter of the cells takes 90% of it" in told
    assert "KernelSHAP takes 110%" in told
    assert "costs 5.0 times as much" in told
    assert "no records" in words_images.costs_told(frame())
    assert words_images.costs_told(costs()).endswith("Explaining was timed before fine-tuning alone.")
    after = runs_images.at(costs(), measure="ms_explaining").assign(measure="ms_explaining_after")
    told = words_images.costs_told(pd.concat([costs(), after.assign(value=1.05 * after["value"])]))
    assert told.endswith("after some steps it takes 1.05 times as long (median of 21 timings).")
    table = work_images.costs_table(pd.concat([costs(), after]))
    assert table["explaining, after"].tolist() == table["explaining"].tolist()


def test_the_share_of_maps_below_the_floor_is_told_where_it_is_recorded():
    assert words_images.below_told(costs()) == "an unknown share"
    assert words_images.below_told(pd.DataFrame([{"measure": "below_floor", "value": 0.43}])) == "43%"


def test_what_drawing_adds_is_told_where_it_is_recorded():
    assert "not recorded" in words_images.added_told(costs())
    rows = [{"measure": f"added_{name}", "draws": K, "value": value * 4 / K}
            for K in (2, 4) for name, value in (("whole", 0.03), ("alone", 0.9))]  # fmt: skip
    told = words_images.added_told(pd.DataFrame(rows))
    assert "4 values add 3% to the whole gradient's variance and 90% to the regularisers' own." in told


def test_every_sentence_has_its_name(front):
    told = words_images.words(front, frame())
    assert all(isinstance(sentence, str) for sentence in told.values())
    assert len(told) == 15
