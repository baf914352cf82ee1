"""The page of FE's results: its tables, titles and numbers, on made-up records with a known answer."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from lib import data
from lib.study import figures, pages_fe, pages_lambda, runs_fe, timing
from tests.study.fe import TOLD, frame, timed


@pytest.fixture(scope="module")
def told():
    return frame(datasets=["glass", "vehicle"])


def ten(rows):
    return runs_fe.chosen(rows[rows["lam"] == 1])


# --- Which runs there are --------------------------------------------------------------------------------------------


def test_runs_at_lambda_one_are_counted_once(told):
    """Three etas of the gated methods, one of the others, six splits; every run has eight rows or more."""
    table = pages_fe.runs_table(told)
    assert list(table.index) == [(d, m) for d in ("glass", "vehicle") for m in runs_fe.METHODS]
    assert table.loc[("glass", "Ours"), ["splits", "ηs", "runs"]].tolist() == [6, 3, 18]
    assert table.loc[("glass", "RPS"), ["splits", "ηs", "runs"]].tolist() == [6, 1, 6]
    assert table.loc[("glass", "Ours"), "hours"] == pytest.approx(18 * 100 / 3600)
    shown = pages_fe.runs_shown(table)
    assert shown.loc[("Glass", "Ours")].to_dict() == {
        "splits": "6", "ηs": "3", "runs": "18", "epochs": "9", "best epoch": "5", "seconds": "100", "hours": "0.50",
    }  # fmt: skip


def test_hours_of_different_devices_are_not_added_up(told):
    two = told.assign(device=told["method"].map(lambda m: "cuda: A, 1" if m == "Ours" else "cpu: B, 1"), seconds=3600)
    runs = two[two["lam"] == 1].drop_duplicates(runs_fe.RUN)["device"].value_counts()
    assert (
        pages_fe.hours(two)
        == f"{runs['cpu: B, 1']:.1f} hours on a CPU (B); {runs['cuda: A, 1']:.1f} hours on a GPU (A)"
    )


# --- Scores ----------------------------------------------------------------------------------------------------------


def test_a_title_says_where_ours_is_surely_above_or_below(told):
    better = frame(datasets=["vehicle"], lams=(1.0,), scores=TOLD | {"Joint": (0.99, 0.6)})
    mixed = ten(pd.concat([told[told["dataset"] == "glass"], better]))
    assert pages_fe.against(ten(told), "accuracy", "Joint") == (
        "With 10 entries Ours is surely more accurate than Joint on all 2 data sets"
    )
    assert pages_fe.against(mixed, "accuracy", "Joint") == (
        "With 10 entries Ours is surely more accurate than Joint on Glass and less accurate than Joint on Vehicle"
    )
    same = ten(frame(scores=TOLD | {"Pretrain": TOLD["Ours"]}, datasets=["glass"], lams=(1.0,), noise=0.1))
    assert pages_fe.against(same, "faithfulness", "Pretrain") == (
        "With 10 entries Ours is nowhere surely more or less faithful than Pretrain"
    )
    alone = ten(told[told["method"] == "Ours"])
    assert pages_fe.against(alone, "accuracy", "Joint") == "Accuracy: no records of Ours and Joint yet"


def test_the_best_of_each_data_set_is_marked_and_a_mean_is_over_all_of_them(told):
    board = pages_fe.scoreboard(told, "faithfulness")
    best = board.map(lambda cell: str(cell).endswith("\u00a0*"))
    assert board.index[best["Glass"]].tolist() == board.index[best["Vehicle"]].tolist() == ["RPS", "RPSR"]
    assert board.loc["RPS"].tolist() == ["1.000\u00a0±\u00a00.000\u00a0*"] * 2 + ["1.000"]
    lacks = pages_fe.scoreboard(told[(told["method"] != "Joint") | (told["dataset"] == "glass")], "faithfulness")
    assert lacks.loc["Joint", ["Vehicle", "mean"]].tolist() == ["–", "–"]


def test_scores_are_of_test_rows_at_lambda_one(told):
    other = (told["part"] == "val") | (told["lam"] != 1)
    moved = told.assign(value=told["value"] + 0.1 * (other & (told["measure"] == "accuracy")))
    pd.testing.assert_frame_equal(*(pages_fe.scoreboard(rows, "accuracy") for rows in (told, moved)))


# --- Hyperparameters -------------------------------------------------------------------------------------------------


def test_curves_over_lambda_and_eta_say_what_they_show(told):
    found = pages_lambda.lambda_figures(told) | pages_fe.eta_figures(told)
    titles = {name: fig.get_suptitle().replace("\n", " ") for name, fig in found.items()}
    falls, rises = (f"a sure {way} on all 2 data sets" for way in ("fall", "rise"))  # both change by 0.04
    assert titles == {
        "lam-accuracy": f"Accuracy of Ours has {falls} up to λ = 1; {falls} beyond it",
        "lam-faithfulness": f"Faithfulness of Ours has {rises} up to λ = 1; {rises} beyond it",
        "eta-accuracy": "Accuracy of Ours is highest in the mean at η = 0.01 on Glass and η = 0.1 on Vehicle",
        "eta-faithfulness": "Faithfulness of Ours is highest in the mean at η = 0.01 on Glass and η = 0.1 on Vehicle",
    }
    moved = told.assign(value=told["value"] + 0.1 * (told["lam"] != 1))
    for name, fig in pages_fe.eta_figures(moved).items():
        assert figures.csv(fig) == figures.csv(found[name])
    one = told[(told["lam"] == 1) & ((told["eta"] == 0.01) | (told["method"] != "Ours"))]
    for fig in (pages_lambda.lambda_figures(one) | pages_fe.eta_figures(one)).values():
        assert any("yet" in text.get_text() for text in fig.findobj(plt.Text))
    plt.close("all")


def test_open_gates_and_kept_epochs_are_means_over_splits(told):
    ours = told[(told["method"] == "Ours") & (told["lam"] == 1)].drop_duplicates(runs_fe.RUN)
    gates = ours.assign(measure="open", value=0.1 * ours["split"] + ours["eta"], best_epoch=1000 * ours["eta"])
    table = pages_fe.open_gates(pd.concat([told, gates, gates.assign(lam=100.0, value=0.0)]))
    assert table.loc[("Glass", "Ours")].to_dict() == {"0.001": "25.1", "0.01": "26", "0.1": "35"}
    assert list(table.index) == [("Glass", "Ours"), ("Vehicle", "Ours")]
    assert pages_fe.chosen_epochs(gates) == "from 1 at η = 0.001 to 100 at η = 0.1"
    assert pages_fe.chosen_epochs(gates[:0]) == "of no run"


# --- Costs and images ------------------------------------------------------------------------------------------------


def test_seconds_are_told_as_ratios_of_medians(told):
    ten, ratios = runs_fe.chosen(told[told["lam"] == 1]), pages_fe.seconds_ratios(timed(noise=0.0))
    assert ratios.loc["Glass"].tolist() == ["2.00", "1.03", "1.50", "1.00"]
    assert list(ratios.index) == ["Glass", "Vehicle", "Segment", "CIFAR10 (EfficientNet-Lite0)"]
    alone = timed(noise=0.0).query("together == 1 or dataset == 'segment'")
    assert pages_fe.seconds_ratios(alone).iloc[:, -1].tolist() == ["–", "–", "1.00", "–"]
    table = pages_fe.seconds_table(ten, timed(noise=0.0))
    assert table.loc[("Glass", "an epoch, ms"), "Ours"] == "400"
    assert table.loc[("Glass", "10,000 epochs, s"), "RPS"] == "3,000"
    assert table.loc[("Glass", "until it stopped, s"), "Joint"] == "100"
    assert pages_fe.seconds_ratios(timing.NONE) == "No epoch has been timed yet."
    assert pages_fe.seconds_table(ten, timing.NONE).loc["Glass"].index.tolist() == [
        "until it stopped, s",
        "in the paper, s",
    ]


def test_the_most_influential_images_are_those_of_the_first_split(monkeypatch):
    """Ours picks one of each class, Joint ten of one; the second split's are others."""
    rows = frame(datasets=[runs_fe.CIFAR10], methods=["Ours", "Joint"], lams=(1.0,), splits=(3, 5)).assign(output=2.0)
    best = ten(rows.assign(example=rows["example"] + 20 * (rows["split"] == 5)))
    label = data.cifar10.chosen()[1]
    first = pages_fe.influential(best, runs_fe.CIFAR10, "Ours")
    assert set(first["split"]) == {3}
    assert first["label"].tolist() == [data.cifar10.CLASSES[label[int(n)]] for n in first["example"]]
    assert set(first["output"]) == {data.cifar10.CLASSES[2]}
    monkeypatch.setattr(data.cifar10, "at_hand", lambda name: None)
    found, counts = pages_fe.image_figures(best)
    assert counts["Ours"].tolist() == [1] * 10
    assert counts["Joint"].max() == 10
    assert found["images-Joint"].get_suptitle() == "The ten images of Joint show 1 of the 10 classes"
    assert len(figures.csv(found["images-Ours"]).splitlines()) == 11
    assert pages_fe.image_figures(best[:0])[1] is None
    plt.close("all")
