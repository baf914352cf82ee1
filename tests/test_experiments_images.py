"""The experiments on images, at the size of seconds: their own code, on a folder of pictures that the test draws."""

import contextlib
import copy
import io
import json
import time
from functools import partial
from types import SimpleNamespace

import jupytext
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lib.data import copies
from lib.data import images as sets
from lib.nets import resnet
from lib.nets.resnet import Convolutional
from lib.parameters import defaults
from lib.run import ROOT
from lib.study import records
from lib.training import images as training
from lib.training import measuring
from lib.training.pretraining import Pretrainer, accuracy
from lib.training.single import Single
from tests.data.pictures import stl10
from tests.image_sets import noise

STEPS = 3  # of a run, one in an epoch
TINY = {"batch": 64, "per_epoch": 64, "epochs": STEPS, "val": 8, "test": 4, "lams": [0.1], "lam3s": [0],
        "lrs": [1e-3], "M": 10, "draws": 2, "mixed": "no"}  # fmt: skip


def executed(name, **given):
    """What a notebook printed, run with parameters as papermill gives them, but in this process."""
    notebook = jupytext.read(ROOT / "notebooks" / "experiments" / f"{name}.py")
    assert given.keys() <= defaults(notebook).keys()
    names = {"__name__": name}
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(io.StringIO()):
        for cell in notebook.cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, f"{name}.py", "exec"), names)
            if "parameters" in cell.metadata.get("tags", []):
                names |= given
    return printed.getvalue()


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    """Decoded pictures lie in a folder of the tests'."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sets, "load", partial(sets.load, cache=tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes of 190 pictures, one bright and one dark: 266 to train on."""
    folder, rng = tmp_path_factory.mktemp("own") / "pictures", np.random.default_rng(0)
    for c, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for i in range(190):
            pixels = rng.integers(40 * c, 215 + 40 * c, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png", compress_level=0)
    return str(folder)


def pretrained(pictures, folder, **options):
    """The weights of a small network, trained on the pictures."""
    given = {"width": 2, "epochs": 2, "batch": 64, "lr": 0.05, "mixed": "no", "test": 4}
    paths = {"data": pictures, "weights": str(folder / "start.pt"), "out": str(folder / "start.parquet")}
    executed("pretraining_images", **given, **paths, **options)
    return folder / "start.pt"


@pytest.fixture(scope="module")
def start(pictures, tmp_path_factory):
    """The network that they start from."""
    return str(pretrained(pictures, tmp_path_factory.mktemp("start")))


@pytest.fixture
def cell(pictures, start, tmp_path):
    """A cell of the grid, and the runs that it trained: made(...) gives its records and what it printed."""

    def made(**given):
        tuned.clear()
        paths = {"data": pictures, "start": start, "weights": str(tmp_path), "out": str(tmp_path / "a.parquet")}
        printed = executed("insertion_deletion_images", **{**TINY, **paths, "explainers": ["Grad-CAM"], **given})
        return (records.read(tmp_path / "a.parquet") if (tmp_path / "a.parquet").exists() else None), printed

    tuned, tune = [], training.tune
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "tune", lambda *own, **options: tuned.append(own[2]) or tune(*own, **options))
        yield SimpleNamespace(made=made, tuned=tuned, folder=tmp_path, out=tmp_path / "a.parquet")


def same(a, b, but=()):
    """Whether two frames hold the same rows in the same order, bit by bit, lists too."""
    a, b = (frame.drop(columns=[*but]).reset_index(drop=True) for frame in (a, b))
    pd.testing.assert_frame_equal(a, b, check_exact=True)


# --- Pretraining -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("radius", "method"), [(0.0, "pretrained"), (8.0, "PGD")])
def test_a_network_is_trained_kept_and_recorded(radius, method, pictures, tmp_path):
    weights = pretrained(pictures, tmp_path, radius=radius, attack_steps=2)
    net, noted = resnet.load(weights, 2)
    frame = records.read(tmp_path / "start.parquet")
    assert set(frame["method"]) == {method} == {noted["method"]}
    images = sets.load(pictures, test=4)
    for part, value in zip(frame["part"], frame["value"]):
        assert value == accuracy(net, images, part)
    assert set(frame["config"]) == {noted["config"]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["start.parquet", "start.pt"]


def test_the_network_that_is_kept_is_that_of_the_best_epoch(pictures, tmp_path, monkeypatch):
    """The first one, as the second is said to be worse."""
    seen = []
    monkeypatch.setattr(
        Pretrainer, "measure", lambda own: seen.append(copy.deepcopy(own.net.state_dict())) or [-len(seen)]
    )
    net, _ = resnet.load(pretrained(pictures, tmp_path), 2)
    assert set(records.read(tmp_path / "start.parquet")["best_epoch"]) == {1}
    assert all(torch.equal(tensor, seen[0][name]) for name, tensor in net.state_dict().items())


# --- Runs of a cell --------------------------------------------------------------------------------------------------


def test_one_more_seed_trains_one_more_run_and_leaves_the_first_as_it_is(cell):
    """What ID-ExpO trains is measured, and what is in `also`; its network is kept."""
    first, _ = cell.made(method="ID-ExpO", also=["LIME"])
    assert len(cell.tuned) == 1
    assert set(first["part"]) == {"val", "test"}
    assert set(first["criterion"]) == set(first["trained"]) == {"Grad-CAM"}
    tests = first[first["part"] == "test"]
    lime, gradcam = (set(tests["measure"][tests["explainer"] == name]) for name in ("LIME", "Grad-CAM"))
    assert lime == gradcam
    both, _ = cell.made(method="ID-ExpO", also=["LIME"], seeds=[0, 1])
    assert [setting.seed for setting in cell.tuned] == [1]
    same(both[both["seed"] == 0], first)
    assert len(both) == 2 * len(first)
    kept = sorted(path.name for path in cell.folder.glob("*.pt"))
    assert kept == sorted(f"{config}-0.pt" for config in both["config"].unique())
    assert not list(cell.folder.glob("*.checkpoint"))


def test_what_is_recorded_is_of_the_epoch_that_is_kept(cell, pictures, monkeypatch):
    """The first one, as the later ones are said to be worse: validation's rows, test's rows and the network."""
    measure = training.Tuner.measure
    monkeypatch.setattr(training.Tuner, "measure", lambda own: [-own.epoch for _ in measure(own)])
    frame, _ = cell.made(method="ID-ExpO", also=["LIME"])
    assert set(frame["best_epoch"]) == {1}
    net, _ = resnet.load(next(cell.folder.glob("*.pt")), 2)
    images = sets.load(pictures, val=8, test=4)
    predictor = training.predictor_of(net, images)
    for part, name in (("val", "Grad-CAM"), ("test", "Grad-CAM"), ("test", "LIME")):  # whose masks are 200, not M
        own = frame[(frame["part"] == part) & (frame["explainer"] == name)].set_index("measure")["value"]
        explainer = training.explainer_for(name, net, images)
        drawn = training.draws_of([(explainer, 0.5)], predictor.b)[explainer]
        found = measuring.measured(predictor, images, part, explainer=explainer, S=0.5, drawn=drawn).areas(0.5)
        assert own[["accuracy", "insertion", "deletion"]].tolist() == pytest.approx(found)


def test_epochs_are_chosen_by_each_criterion_and_the_start_is_measured(cell):
    """CE-only's cell: two explainers, one that trains nothing, and the network that all runs start from."""
    options = {"method": "CE-only", "lams": [0], "explainers": ["Grad-CAM", "LIME"], "also": ["Occlusion"]}
    frame, _ = cell.made(**options)
    assert set(frame["method"]) == {"CE-only", "pretrained"}
    tests = frame[frame["part"] == "test"]
    for method in ("CE-only", "pretrained"):
        own = tests[tests["method"] == method]
        found = set(zip(own["criterion"], own["explainer"]))
        assert found == {("Grad-CAM", "Grad-CAM"), ("Grad-CAM", "Occlusion"), ("LIME", "LIME")}
    assert len(list(cell.folder.glob("*.pt"))) == 2
    same(cell.made(**options)[0], frame)
    assert not cell.tuned
    # Occlusion is measured, but has chosen no epoch.
    for lacks, more in (
        ("KernelSHAP", {"explainers": ["Grad-CAM", "LIME", "KernelSHAP"]}),
        ("Occlusion", {"explainers": ["Grad-CAM", "Occlusion"]}),
        ("Integrated Gradients", {"also": ["Integrated Gradients"]}),
    ):
        with pytest.raises(ValueError, match=rf"holds runs without \[\('{lacks}', 0.5\)\], and a run is trained and"):
            cell.made(**options | more)
    assert not cell.tuned


def test_an_explainer_that_is_unknown_is_refused_before_training(cell):
    with pytest.raises(ValueError, match=r"explainer must be one of .*, got 'Occlusions'"):
        cell.made(method="CE-only", lams=[0], also=["Occlusions"])
    assert not cell.tuned


def test_records_of_the_start_alone_stand_for_no_run(cell):
    """A measured network has CE-only's settings."""
    first, _ = cell.made(method="measured", lams=[0], also=[])
    assert set(first["method"]) == {"pretrained"}
    both, _ = cell.made(method="CE-only", lams=[0], also=[])
    assert len(cell.tuned) == 1
    same(both[both["method"] == "pretrained"], first)
    assert set(both["method"]) == {"CE-only", "pretrained"}


def test_a_network_may_be_measured_without_training(cell, pictures, tmp_path_factory):
    robust = pretrained(pictures, tmp_path_factory.mktemp("robust"), radius=4.0, attack_steps=1)
    frame, _ = cell.made(method="measured", start=str(robust), lams=[0], S_values=[0.3, 0.5], also=[])
    assert not cell.tuned
    assert set(frame["method"]) == {"PGD"}
    assert set(frame["part"]) == {"test"}
    assert set(frame["epochs"]) == {0}
    there = records.read(robust.with_suffix(".parquet"))
    accurate = there["value"][there["part"] == "test"].item()
    assert frame["value"][frame["measure"] == "accuracy"].tolist() == pytest.approx([accurate, accurate])
    assert set(frame["S"]) == {0.3, 0.5}


MEAN, STD = [0.5, 0.5, 0.25], [0.25, 0.25, 0.5]


@pytest.fixture
def bare(start, tmp_path):
    """The network that they start from as others save one: numbers alone, here for inputs by MEAN and STD."""
    (tmp_path / "theirs").mkdir()
    torch.save(resnet.load(start, 2)[0].state_dict(), tmp_path / "theirs" / "bare.pt")
    return tmp_path / "theirs" / "bare.pt"


def test_somebodys_network_is_measured_on_the_inputs_and_with_the_stem_that_are_said(cell, bare, pictures):
    """One call after the other into one file, whose records keep apart what was said, and which weights they were."""
    options = {"method": "measured", "start": str(bare), "lams": [0], "also": []}
    said = ({"stem": "unpooled"}, {"stem": "unpooled", "mean": MEAN, "std": STD}, {"stem": "cifar"})
    images, held = sets.load(pictures, val=8, test=4), 0
    for given in said:
        frame, printed = cell.made(**options, **given)
        net, _ = resnet.load(bare, 2, stem=given["stem"])
        own = images.standardised(MEAN, STD) if "mean" in given else images
        assert f"std {[round(value, 3) for value in own.std.tolist()]}" in printed
        p = training.predictor_of(net, own).logits(own.inputs(own.x_test)).softmax(-1).amax(-1).double().mean()
        new = frame.iloc[held:].set_index("measure")
        assert new.loc["confidence", "value"] == pytest.approx(p.item(), rel=1e-5)
        held = len(frame)
        same(cell.made(**options, **given)[0], frame)
    assert frame["config"].nunique() == len(said)
    net.fc.bias.data += 1
    torch.save(net.state_dict(), bare)
    assert cell.made(**options, **given)[0]["config"].nunique() == len(said) + 1


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"stem": ""}, "stem must be cifar or unpooled, got ''"),
        ({"stem": "small"}, "stem must be cifar or unpooled, got 'small'"),
        ({"mean": [127, 127, 64], "std": STD}, "mean must be three numbers between 0 and 1"),
        ({"mean": MEAN}, r"std must be three numbers between 0 and 1, got \[\]"),
        ({"new_head": True, "method": "measured"}, "new_head is for CE-only, got it for measured"),
        ({"size": -1}, "size must be pixels to a side"),
        ({"memory": -1}, "memory must be"),
        ({"budget": -1.0}, "budget must be seconds, or 0 for no limit, got -1.0"),
        ({"temperature": "batches"}, "temperature must be one of sample, batch, got 'batches'"),
        (
            {"method": "idexpo"},
            "method must be one of ID-ExpO, ExpO-S, ExpO-F, CE-only, Masked, measured, got 'idexpo'",
        ),
    ],
)
def test_what_is_said_of_a_network_is_checked_before_training(given, reason, cell, bare):
    options = {
        "method": "CE-only",
        "lams": [0],
        "start": str(bare),
        "stem": "cifar",
        "weights": str(cell.folder / "new"),
    }
    with pytest.raises(ValueError, match=reason):
        cell.made(**options | given)
    assert not cell.tuned
    assert not (cell.folder / "new").exists()


def test_a_new_last_layer_is_trained_and_is_a_start_for_others(cell, pictures, tmp_path):
    """Of a network for five classes, whose inputs have their own standardisation; untrained, it is not measured."""
    torch.manual_seed(1)
    theirs = resnet.resnet18(5, 2, "unpooled")
    torch.save(theirs.state_dict(), tmp_path / "five.pt")
    given = {"start": str(tmp_path / "five.pt"), "stem": "unpooled", "mean": MEAN, "std": STD}
    options = {"method": "CE-only", "lams": [0], "also": [], **given}
    with pytest.raises(ValueError, match="its last layer is for 5, which new_head leaves out"):
        cell.made(**options)
    frame, _ = cell.made(**options, new_head=True)
    assert set(frame["method"]) == {"CE-only"}
    (left,) = cell.folder.glob(f"{frame['config'].iloc[0]}-*.pt")
    tuned, noted = resnet.load(left, 2)
    assert (noted["mean"], noted["std"]) == (MEAN, STD)
    assert not torch.equal(tuned.conv1.weight, theirs.conv1.weight)
    again, _ = cell.made(method="ID-ExpO", start=str(left), also=[], out=str(tmp_path / "b.parquet"))
    same(again, frame)
    assert len(cell.tuned) == 1
    images = sets.load(pictures, val=8, test=4).standardised(MEAN, STD)
    assert json.loads(records.read(tmp_path / "b.parquet")["settings"].iloc[0])["digest"] == images.digest[:12]


def test_what_a_network_is_trained_on_may_be_scaled_and_fit_less_memory(cell, tmp_path, monkeypatch):
    """Pictures of several shapes, in passes of fewer inputs: the same network up to rounding."""
    rng = np.random.default_rng(1)
    for c, name in enumerate(("dark", "light")):
        (tmp_path / "shapes" / name).mkdir(parents=True)
        for i in range(100):
            pixels = rng.integers(40 * c, 215 + 40 * c, (32 + i % 3, 40 - i % 2, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "shapes" / name / f"{i}.png", compress_level=0)
    given = {"data": str(tmp_path / "shapes"), "size": 32}
    begun = pretrained(given["data"], tmp_path, size=32)
    assert resnet.load(begun, 2)[1]["mean"] == sets.load(given["data"], size=32).mean.tolist()
    options = {"method": "ID-ExpO", "start": str(begun), "also": [], "batch": 16, **given}
    rows, seen = [], Convolutional._apply
    monkeypatch.setattr(
        Convolutional, "_apply", lambda *own: rows.append(len(own[-1]) * torch.is_grad_enabled()) or seen(*own)
    )
    told, report = [], measuring.report
    monkeypatch.setattr(
        measuring, "report", lambda *own, memory, **more: (told.append(memory), report(*own, memory=memory, **more))[1]
    )
    whole, _ = cell.made(**options)
    assert (max(rows), told) == (64, [training.MEMORY["cpu"]])  # two values of s, inserted and deleted
    cell.out.unlink()
    rows.clear()
    fewer, _ = cell.made(**options, memory=32)
    assert (max(rows), told[1:]) == (32, [32])
    assert set(fewer["config"]) == set(whole["config"])
    np.testing.assert_allclose(fewer["value"], whole["value"], rtol=1e-3, atol=1e-4)


def test_what_a_stopped_run_left_is_gone_once_it_is_recorded(cell):
    options = {"method": "CE-only", "lams": [0], "also": []}
    frame, _ = cell.made(**options)
    left = cell.folder / f"{frame['config'].iloc[-1]}.checkpoint"
    left.write_bytes(b"of a run that was killed after its records were written")
    cell.made(**options)
    assert (cell.tuned, left.exists()) == ([], False)


@pytest.mark.parametrize("place", ["taken", "taken/inside"])
def test_a_folder_of_networks_that_cannot_be_is_refused(place, cell):
    (cell.folder / "taken").write_text("a file")
    with pytest.raises(ValueError, match=r"weights must be a folder that can be written, got .*taken"):
        cell.made(method="CE-only", lams=[0], weights=str(cell.folder / place))
    assert not cell.tuned


def test_images_of_96_pixels_have_maps_of_conv4_x_and_superpixels_of_12_pixels(cell, tmp_path, monkeypatch):
    """STL-10 from its own format, by the paper's shapes: 36 cells for Grad-CAM, 64 for LIME, s by 256 and 64 pixels."""
    stl10(tmp_path, monkeypatch, train=80)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    begun = pretrained("stl10", tmp_path, stem="plain")
    options = {"data": "stl10", "start": str(begun), "layer": "conv4_x", "draws": 3}
    frame, _ = cell.made(method="ID-ExpO", also=["LIME"], **options)
    (tuned,) = cell.tuned
    assert tuned.explainer.layer == "conv4_x"
    assert set(frame["dataset"]) == {"stl10"}
    assert set(frame["source"]) == {sets.SOURCES["stl10"]}
    assert [set(frame[rows]) for rows in ("rows", "rows_val", "rows_test")] == [{72}, {8}, {4}]
    tests = frame[frame["part"] == "test"].set_index("measure")
    gradcam, lime = (tests[tests["explainer"] == name] for name in ("Grad-CAM", "LIME"))
    assert set(gradcam.index) == set(lime.index) >= {"accuracy", "insertion", "deletion", "sensitivity", "masked"}
    assert np.isfinite(tests["value"]).all()
    for own, cells, values_of_s in ((gradcam, 6 * 6, 18), (lime, 8 * 8, 72)):
        assert len(own.loc["contributions", "shown"]) == 4 * cells
        assert len(own.loc["insertion", "curve"]) == len(own.loc["deletion", "curve"]) == values_of_s
    before, after = (resnet.load(path, 10)[0] for path in (begun, tmp_path / f"{frame['config'].iloc[0]}-0.pt"))
    assert after.conv1.weight.shape == (2, 3, 7, 7)
    assert not torch.equal(before.conv1.weight, after.conv1.weight)


def test_an_interrupted_run_goes_on_where_it_stopped(cell, monkeypatch):
    options = {"method": "ID-ExpO", "also": []}
    whole, _ = cell.made(**options)
    cell.out.unlink()
    advance, steps = Single.advance, []

    def interrupted(own):
        if len(steps) == 2:
            raise KeyboardInterrupt
        advance(own)
        steps.append(1)

    with monkeypatch.context() as patch:
        patch.setattr(Single, "advance", interrupted)
        run = Single.run
        patch.setattr(Single, "run", lambda own, path, **options: run(own, path, every=0.0, **options))
        with pytest.raises(KeyboardInterrupt):
            cell.made(**options)
    assert not cell.out.exists()
    assert len(list(cell.folder.glob("*.checkpoint"))) == 1
    monkeypatch.setattr(Single, "advance", lambda own: steps.append(1) or advance(own))
    again, _ = cell.made(**options)
    assert len(steps) == STEPS
    same(again, whole, but=["seconds"])
    assert not list(cell.folder.glob("*.checkpoint"))


def test_no_run_is_begun_that_would_not_end_within_the_budget(cell, monkeypatch):
    """A clock on which each run takes 100 s: after the first there are 50 s left."""
    clock, now, tune = [0.0], time.monotonic, training.tune

    def slow(*given, **options):
        clock[0] += 100
        return tune(*given, **options)

    monkeypatch.setattr(time, "monotonic", lambda: now() + clock[0])
    monkeypatch.setattr(training, "tune", slow)
    options = {"method": "ExpO-S", "seeds": [0, 1], "also": []}
    frame, printed = cell.made(**options, budget=150.0)
    assert set(frame["seed"]) == {0}
    assert "budget of 150.0 s: ExpO-S, lambda 0.1 and later runs are left out" in printed
    frame, printed = cell.made(**options, budget=150.0)
    assert set(frame["seed"]) == {0, 1}
    assert "left out" not in printed


def test_a_run_that_diverges_is_recorded_as_such_and_not_made_again(cell):
    options = {"method": "ID-ExpO", "lrs": [1e30, 1e-3], "also": []}
    frame, _ = cell.made(**options)
    lost, fine = (frame[frame["lr"] == lr] for lr in (1e30, 1e-3))
    assert lost[["measure", "value", "part", "best_epoch"]].values.tolist() == [["diverged", 1.0, "train", 0]]
    assert "diverged" not in set(fine["measure"])
    assert len(list(cell.folder.glob("*.pt"))) == 1
    same(cell.made(**options)[0], frame)
    assert not cell.tuned


def test_runs_of_another_split_get_no_rows_of_this_one(cell):
    options = {"method": "CE-only", "lams": [0], "explainers": ["LIME"]}
    first, _ = cell.made(**options, also=[])
    both, _ = cell.made(**options, also=["Occlusion"], split=1)
    same(both[both["split"] == 0], first)
    assert set(both["method"][both["split"] == 1]) == {"CE-only", "pretrained"}


# --- What is read off networks that are there ------------------------------------------------------------------------


def test_the_gallery_shows_the_curves_that_were_recorded(cell, pictures):
    frame, _ = cell.made(method="ID-ExpO", also=[], lrs=[1e-3, 1e-2], mean=MEAN, std=STD)  # which its network notes
    out = cell.folder / "gallery.parquet"
    given = {
        "data": pictures,
        "explainers": ["Grad-CAM"],
        "tuned": [str(cell.out)],
        "weights": str(cell.folder),
        "test": 4,
        "out": str(out),
    }
    executed("gallery", **given)
    shown = records.read(out).set_index("measure")
    score = frame[frame["part"] == "val"].pivot_table(index="lr", columns="measure", values="value")
    assert set(shown["lr"]) == {(2 * score["accuracy"] + score["insertion"] - score["deletion"]).idxmax()}
    own = frame[(frame["part"] == "test") & (frame["lr"] == shown["lr"].iloc[0])].set_index("measure")
    for measure in ("insertion", "deletion", "confidence", "contributions"):
        assert shown.loc[measure, "value"] == pytest.approx(own.loc[measure, "value"], rel=1e-4)
    assert shown.loc["predicted", "value"] == own.loc["accuracy", "value"]
    inserted, deleted = (np.reshape(shown.loc[name, "shown"], (4, 65)) for name in ("insertion", "deletion"))
    np.testing.assert_allclose(inserted[:, -1], shown.loc["confidence", "shown"], rtol=1e-4)
    np.testing.assert_allclose(deleted[:, 0], inserted[:, -1], rtol=1e-4)
    np.testing.assert_allclose(deleted[:, -1], inserted[:, 0], rtol=1e-4)
    (cell.folder / f"{own['config'].iloc[0]}-0.pt").unlink()
    with pytest.raises(ValueError, match="weights must hold the network"):
        executed("gallery", **given)


def test_costs_are_recorded_once_for_each_case(pictures, start, tmp_path):
    given = {"batch": 4, "rounds": 1, "M_values": [70, 80], "S_values": [0.3, 0.5], "draws_values": [2, 0]}
    given |= {"drawn_values": [1, 8, 32], "drawn_images": 4}
    executed("costs_images", data=pictures, start=start, out=str(tmp_path / "a.parquet"), **given)
    frame = records.read(tmp_path / "a.parquet")
    timed = frame["measure"].str.startswith("ms_")
    assert (frame.loc[timed, "value"] > 0).all()
    below = frame.loc[frame["measure"] == "below_floor", "value"]
    assert below.isin([0, 0.25, 0.5, 0.75, 1]).all()
    added = frame[frame["measure"].str.startswith("added_")].pivot_table(
        index="draws", columns="measure", values="value"
    )
    assert (added.diff().iloc[1:] < 0).all(axis=None)  # the more are drawn, the less is added
    assert added.loc[32].to_numpy() == pytest.approx([0, 0], abs=1e-6)  # all values
    assert (added["added_whole"] < added["added_alone"]).iloc[0]  # beside the cross-entropy's own noise
    assert len(below) == 1
    cases = frame[timed].groupby("explainer").apply(lambda own: len(own[["M", "D", "S", "draws"]].drop_duplicates()))
    assert cases.to_dict() == {"Grad-CAM": 5, "LIME": 6, "KernelSHAP": 6}
    for name, kinds in {"Grad-CAM": {"M": {0}, "D": {16, 64}}, "KernelSHAP": {"M": {70, 80}, "D": {16, 64}}}.items():
        own = frame[timed & (frame["explainer"] == name)]
        assert {column: set(own[column]) for column in kinds} == kinds


def test_copies_are_measured_with_the_same_maps_options(start, tmp_path, monkeypatch):
    """Two copies of twelve images, one of them coarser: each has the scores of its own pixels."""
    images = noise(12, C=2)
    exact, y = images.x_test.numpy(), images.y_test.numpy()
    monkeypatch.setattr(copies, "both", lambda: (exact, exact // 64 * 64, y))
    monkeypatch.setattr(sets, "load", lambda name, seed: images)
    net, _ = resnet.load(start, 2)
    resnet.save(net, tmp_path / "own.pt", config="c0ffee", mean=MEAN, std=STD)
    given = {"start": str(tmp_path / "own.pt"), "out": str(tmp_path / "a.parquet")}
    executed("copies_images", **given, test=10, explainers=["Grad-CAM"])
    frame = records.read(tmp_path / "a.parquet")
    assert len(frame) == 2 * 2 * 3
    assert set(frame["dataset"]) == {"cifar10-test-exact", "cifar10-test-jpeg"}
    images = images.standardised(MEAN, STD)
    predictor = training.predictor_of(net, images)
    for name, pixels in (("exact", exact), ("jpeg", exact // 64 * 64)):
        own = frame[(frame["dataset"] == f"cifar10-test-{name}") & (frame["measure"] == "accuracy")]
        right = predictor.logits(images.inputs(torch.from_numpy(pixels[:10]))).argmax(-1) == images.y_test[:10]
        assert set(own["value"]) == {right.double().mean().item()}
        assert all(len(samples) == 10 for samples in own["samples"])
