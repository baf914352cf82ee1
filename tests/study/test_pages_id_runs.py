"""Which runs of ID on tables there are, what validation chose and runs made twice, on made-up records."""

import pandas as pd
import pytest

from lib.study import pages_id_runs, runs_id
from tests.study.id import KNOWN, frame

GPU, CPU = "cuda: NVIDIA H200", "cpu: AMD EPYC, 1 threads"


@pytest.fixture(scope="module")
def front():
    return runs_id.fronts(frame(tables=["collins", "qsar-biodeg"]))


def priced(device, seconds, tables=("collins",)):
    """Records with what a run cost."""
    return frame(tables=tables).assign(device=device, seconds=seconds, epochs=9, mixed=0)


def test_costs_of_two_processors_are_never_added_up():
    gpu, cpu = priced(GPU, 1.0), priced(CPU, 60.0)
    both = pd.concat([gpu[gpu["deletion"] != "C"], cpu[cpu["deletion"] == "C"]])
    table = pages_id_runs.costs(both)
    rows = table.xs("ID-ExpO", level=1)
    rows = rows.droplevel(0)
    assert rows["seconds"].to_dict() == {"AMD EPYC": 60.0, "NVIDIA H200": 1.0}
    assert rows["runs"].to_dict() == {"AMD EPYC": 20, "NVIDIA H200": 60}  # five splits, two lambdas, S and explainers
    shown = pages_id_runs.costs_shown(table)
    minutes = shown[shown["on"] == "AMD EPYC"]["minutes"]
    assert minutes.to_dict() == {("collins", "ID\u2011ExpO"): "20.0"}
    told = pages_id_runs.costs_told(both)
    assert told["minutes"].startswith("20 minutes on AMD EPYC; ")
    less = "collins, where ID-ExpO has 2 of 12 settings, run on NVIDIA H200, and its rivals 30 of 70 runs"
    assert told["less"] == less
    two = pages_id_runs.costs_told(priced(GPU, 1.0, tables=("collins", "qsar-biodeg")))["less"]
    assert two == "; ".join(less.replace("collins", name) for name in ("collins", "qsar-biodeg"))
    without = pages_id_runs.costs(both[both["method"] != "ExpO-S"])
    assert without.loc[("collins", "ExpO-S", "–"), "of"] == 30


def test_what_is_chosen_most_often_is_told(front):
    assert pages_id_runs.choices_told(front, 0.1) == (
        "The larger learning rate is chosen in 100% of them. The λ chosen most often is 0.1, the "
        "largest tried, on collins and qsar-biodeg."
    )
    some = front["dataset"].eq("collins") & front["split"].lt(3)
    moved = front.assign(lam=front["lam"].mask(some, 0.01), lr=front["lr"].mask(front["split"].eq(0), 0.001))
    assert pages_id_runs.choices_told(moved, 0.5) == (
        "The larger learning rate is chosen in 80% of them. The λ chosen most often is 0.1 on qsar-biodeg; "
        "0.01 on collins."
    )


def edged(**change):
    """Records with lambda 1 beside 0.1, which differ on validation by `val` and on test rows by `test`."""
    rows = frame(tables=["collins", "wine-quality-red"]).query("lam == 0.1 and S == 0.5 and explainer == 'LIME'")
    rows = rows[rows["method"].eq("ID-ExpO") & rows["deletion"].eq("A")]
    by = rows["part"].map({part: change.get(part, 0.0) for part in ("val", "test")})
    large = rows.assign(lam=1.0, value=rows["value"] + by, diverged=7 * rows["split"].eq(0))
    return pd.concat([rows.assign(diverged=0), large], ignore_index=True)


def test_a_larger_lambda_is_taken_where_validation_says_so():
    table, told = pages_id_runs.edge(edged(val=0.1, test=-0.1))
    assert table["λ = 1 taken"].tolist() == ["30 of 30"] * 2
    assert table.loc["collins", "insertion"].startswith("−0.10 (−0.1")
    assert "validation takes it in 30 of 30 choices on collins and 30 of 30 choices on wine-quality-red" in told
    assert "By itself it surely lowers accuracy on collins and wine-quality-red, insertion on collins and wine" in told
    table, told = pages_id_runs.edge(edged(val=-0.1))
    assert table["λ = 1 taken"].tolist() == ["0 of 30"] * 2
    assert "over splits and η; 2 of its 10 runs diverged and count by the epoch kept before. By itself it" in told
    assert told.endswith("By itself it surely changes nothing.")


def test_what_is_not_recorded_yet_is_said(tmp_path):
    table, told = pages_id_runs.edge(pages_id_runs.beyond(tmp_path))
    assert table.data == pages_id_runs.NOT_YET
    assert told.startswith("Until then")


def test_runs_made_twice_are_compared_run_by_run():
    one = frame(tables=["collins"]).assign(device="cuda: NVIDIA H200", best_epoch=3)
    test = one["measure"].eq("accuracy") & one["part"].eq("test")
    later = 3 + one["split"].eq(0)
    moved = one.assign(value=one["value"] + 0.01 * test, best_epoch=later, device="cpu: EPYC, 1 threads")
    means, told = pages_id_runs.twice(one, moved[moved["split"] < 4], ("GPU", "CPU"), known=KNOWN)
    assert means.loc[("collins", "majority class")].tolist() == ["0.840", "0.840", "–"]
    assert means.loc[("collins", "accuracy"), "difference"].startswith("+0.0100")
    assert means.loc[("collins", "insertion"), "difference"].startswith("+0.0000")
    assert told["same"] * 4 == told["runs"] * 3
    assert told["apart"] == pytest.approx(0)
    assert told["on"] == ["NVIDIA H200", "EPYC"]
    assert told["splits"] == 4
    assert pages_id_runs.once_only(one, one, moved).startswith("Every processor")
    third = pd.concat([one, one.assign(device="cpu: Intel(R) Xeon(R) Processor, 1 threads", dataset="other")])
    assert pages_id_runs.once_only(third, one, moved) == "Nothing was run again for Intel Xeon (other)."


def test_the_error_of_runs_made_twice_is_over_splits():
    """Runs of one split that all move alike are one observation, however many they are."""
    one = frame(tables=["collins"]).assign(device=GPU)
    by = one["split"].map(dict(enumerate((0.0, 0.01, 0.02, 0.03, 0.04)))) * one["measure"].eq("accuracy")
    means, _ = pages_id_runs.twice(one, one.assign(value=one["value"] + by, device=CPU), ("GPU", "CPU"), known=KNOWN)
    error = 0.01 * (2.5 / 5) ** 0.5
    assert means.loc[("collins", "accuracy"), "difference"] == f"+0.0200\u00a0±\u00a0{error:.4f}"
