"""Training through explanations of images: chunks, draws of s, what is kept, and what is measured."""

import copy
import json
from dataclasses import fields, replace

import pandas as pd
import pytest
import torch

from lib import masks, metrics
from lib.explainers import GradCAM, squares
from lib.study import records
from lib.study.provenance import config_hash
from lib.training.expo_step import explained_by, objective
from lib.training.images import METHODS, Tuner, Tuning, background_of, draws_of, explainer_for, predictor_of
from lib.training.measuring import calibration_error, elsewhere, gap, measured, report
from tests.image_sets import noise
from tests.test_gradcam import network

IMAGES = noise(12, C=3)
LAM = {"lam": 0.3, "lam3": 0.05, "lr": 1e-2}
CASES = {
    "Grad-CAM": {"method": "ID-ExpO", "draws": 3, "name": "Grad-CAM"},
    "all s": {"method": "ID-ExpO", "S": 0.1, "name": "Grad-CAM"},
    "LIME": {"method": "ID-ExpO", "name": "LIME"},
    "KernelSHAP": {"method": "ID-ExpO", "name": "KernelSHAP", "deletion": "B"},
    "ExpO-S": {"method": "ExpO-S", "name": "LIME"},
    "ExpO-F": {"method": "ExpO-F", "name": "LIME"},
    "CE-only": {"method": "CE-only", "name": "Grad-CAM"},
    "Masked": {"method": "Masked", "name": "LIME"},
    "one temperature": {"method": "ID-ExpO", "draws": 3, "name": "Grad-CAM", "T": "batch"},
}


def tuner(case="Grad-CAM", seed=0, net=None, **options):
    net = net or network(4, C=3, dtype=torch.float32)
    own = dict(CASES[case])
    name = own.pop("name")
    explainer = explainer_for(name, net, IMAGES, **({} if name == "Grad-CAM" else {"M": 12}))
    settings = Tuning(**{"explainer": explainer, "batch": 4, "epochs": 2, "seed": seed, **LAM, **own, **options})
    return Tuner(copy.deepcopy(net), IMAGES, settings)


def gradient(own, double=True):
    if double:
        own.net.double()
        own.b = own.b.double()
    own.generator.manual_seed(3)
    images = replace(own.images, mean=own.images.mean.double(), std=own.images.std.double()) if double else own.images
    own.images = images
    x = images.inputs(images.x_train[:4]).to(own.b.dtype)
    method = own.settings.method
    explainer = explained_by(METHODS[method], own.chunked)
    drawn = explainer.draw(own.b.shape, own.generator, rows=4, dtype=x.dtype) if explainer else {}
    s = own.settings.drawn_steps(own.b.shape, own.generator, 4) if method == "ID-ExpO" else None
    own.net.zero_grad()
    own.backward(x, images.y_train[:4], drawn, s)
    return {n: p.grad.clone() for n, p in own.net.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("case", CASES)
def test_chunks_have_the_gradient_of_the_whole(case):
    """However few inputs are in memory at a time, to rounding, for every parameter (ID-11)."""
    whole = gradient(tuner(case, memory=10**6))
    for memory in (1, 24):
        part = gradient(tuner(case, memory=memory))
        assert part.keys() == whole.keys()
        for name, value in whole.items():
            assert torch.allclose(part[name], value, rtol=1e-8, atol=1e-11), name


@pytest.mark.parametrize("case", CASES)
def test_two_stages_have_the_gradient_of_one_graph(case):
    """`objective` differentiated at once, batch norm unfolded by autograd (ID-11)."""
    own = tuner(case, memory=10**6)
    ours = gradient(own)
    own.generator.manual_seed(3)
    explainer = explained_by(METHODS[own.settings.method], own.settings)
    drawn = explainer.draw(own.b.shape, own.generator, rows=4, dtype=torch.float64) if explainer else {}
    s = own.settings.drawn_steps(own.b.shape, own.generator, 4) if own.settings.method == "ID-ExpO" else None
    predictor = replace(predictor_of(own.net, own.images), theta=own.f.theta(), b=own.b)
    x, y = own.images.inputs(own.images.x_train[:4]).double(), own.images.y_train[:4]
    loss = objective(
        predictor, x[None], y[None], method=METHODS[own.settings.method], lam=torch.tensor([0.3], dtype=torch.float64),
        lam3=torch.tensor([0.05], dtype=torch.float64), settings=own.settings,
        drawn={n: t[None] for n, t in drawn.items()}, s=None if s is None else s[None],
    )  # fmt: skip
    names = [n for n, _ in own.net.named_parameters()]
    for name, grad in zip(names, torch.autograd.grad(loss.sum(), list(own.net.parameters()))):
        assert torch.allclose(ours[name], grad, rtol=1e-7, atol=1e-10), name


@pytest.mark.parametrize("case", ["Grad-CAM", "LIME"])
def test_an_interrupted_fine_tuning_is_resumed_bit_for_bit(case, tmp_path):
    path, whole = tmp_path / "c.pt", tuner(case)
    whole.run(progress=False)
    broken = tuner(case)
    for _ in range(2):
        broken.advance()
    broken.save(path)
    resumed = tuner(case)
    resumed.run(path, progress=False)
    assert resumed.state["history"] == whole.state["history"]
    assert resumed.state["parts"] == whole.state["parts"]
    for name, tensor in whole.best().state_dict().items():
        assert torch.equal(tensor, resumed.best().state_dict()[name]), name


def test_frozen_batch_norm_stays_frozen_and_training_mode_moves_it():
    for norm, moved in (("frozen", False), ("batch", True)):
        own = tuner(norm=norm)
        before = own.net.bn1.running_mean.clone()
        own.advance()
        assert (own.net.bn1.running_mean != before).any() == moved


def test_training_raises_what_it_trains():
    """Insertion minus deletion of the training images, after some steps (ID-9, ID-10)."""
    own = tuner(lam=1.0, lam3=0.0, lr=0.003, draws=8, augmented=False)
    scores = []
    for _ in range(2):
        found = measured(predictor_of(own.net, IMAGES), IMAGES, "train", own.settings.explainer, S=0.5, drawn={})
        scores.append(found.inserted.mean() - found.deleted.mean())
        for _ in range(20):
            own.advance()
    assert scores[1] > scores[0] + 0.01


# --- Fewer values of s -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "K"), [(32, 4), (32, 1), (32, 5), (19, 4), (7, 7)])
def test_the_systematic_draw_meets_every_value_alike(n, K):
    """Over a fine grid of starts every s comes with the same share, also where K does not divide n."""
    s = list(range(1, n + 1))
    u = (torch.arange(n * K * 20) + 0.5) / (n * K * 20)
    drawn = masks.draw_steps(s, u, K=K)
    assert drawn.shape == (len(u), K)
    share = drawn.flatten().bincount(minlength=n + 1)[1:].double() / len(u)
    assert torch.allclose(share, torch.full_like(share, K / n), atol=1e-9)
    assert (drawn.diff(dim=-1) > 0).all()


def test_a_mean_over_drawn_values_is_unbiased_and_varies_less_than_a_uniform_one():
    s, u = list(range(1, 33)), torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    curve = torch.tensor([(i / 32) ** 2 for i in range(33)], dtype=torch.float64)
    systematic = curve[masks.draw_steps(s, u, K=4)].mean(-1)
    uniform = curve[torch.randint(1, 33, (20_000, 4), generator=torch.Generator().manual_seed(1))].mean(-1)
    error = systematic.std() / 20_000**0.5
    assert abs(systematic.mean() - curve[1:].mean()) < 4 * error
    assert systematic.var() < 0.3 * uniform.var()


@pytest.mark.parametrize("case", ["Grad-CAM", "LIME"])
def test_drawn_values_give_the_whole_gradient_on_average(case):
    """Over all starts of the draw: the regulariser is a mean over s, and so is its gradient."""
    own = tuner(case, draws=None, memory=10**6)
    whole = gradient(own)
    steps, total, K = own.settings.explainer.steps(own.b.shape, own.settings.S), {}, 3
    starts = (torch.arange(len(steps)) + 0.5) / len(steps)
    x, y = own.images.inputs(own.images.x_train[:4]).double(), own.images.y_train[:4]
    for u in starts:
        own.generator.manual_seed(3)
        drawn = own.settings.explainer.draw(own.b.shape, own.generator, rows=4, dtype=torch.float64)
        own.net.zero_grad()
        own.backward(x, y, drawn, masks.draw_steps(steps, u.expand(4), K=K))
        for name, p in own.net.named_parameters():
            total[name] = total.get(name, 0) + p.grad / len(steps)
    for name, value in whole.items():
        assert torch.allclose(total[name], value, rtol=1e-6, atol=1e-9), name


def test_draws_are_for_methods_with_values_of_s():
    with pytest.raises(ValueError, match="draws"):
        Tuning(method="CE-only", draws=4)
    with pytest.raises(ValueError, match="K must"):
        masks.draw_steps([1, 2], torch.rand(3), K=3)


# --- Measuring -------------------------------------------------------------------------------------------------------


def plain_curve(net, x, y, phi, s, side, delete, ties="first"):
    """f(.)_y with the top s cells replaced or kept, pixel by pixel, one image and one s at a time."""
    order = phi.argsort(descending=True, stable=True).tolist()
    top = set(order[:s]) if ties == "first" else {q for q in range(len(phi)) if phi[q] >= phi[order[s - 1]]}
    masked, cells = x.clone(), x.shape[-1] // side
    for row in range(x.shape[-2]):
        for column in range(x.shape[-1]):
            if ((row // side * cells + column // side) in top) == delete:
                masked[:, row, column] = 0
    return net(masked[None]).softmax(-1)[0, y].item()


@pytest.mark.parametrize("name", ["Grad-CAM", "LIME"])
def test_scores_are_those_of_a_plain_loop(name):
    """All channels of a pixel are replaced, the class predicted is explained and scored (ID-1, ID-2)."""
    net = network(4, C=3, dtype=torch.float32)
    explainer = explainer_for(name, net, IMAGES, **({} if name == "Grad-CAM" else {"M": 12}))
    predictor = predictor_of(net, IMAGES)
    drawn = draws_of([(explainer, 0.5)], predictor.b)[explainer]
    found = measured(predictor, IMAGES, "test", explainer, S=0.1, drawn=drawn, memory=7)
    net.eval()
    for i in (0, 5):
        x = IMAGES.inputs(IMAGES.x_test[[i]])[0]
        y = net(x[None]).argmax().item()
        assert found.right[i] == (y == IMAGES.y_test[i])
        for k, s in enumerate(found.steps):
            for delete, curve in ((False, found.inserted), (True, found.deleted)):
                assert curve[i, k].item() == pytest.approx(plain_curve(net, x, y, found.phi[i], s, 4, delete), abs=1e-5)


@pytest.mark.parametrize("kind", ["blur", "noise", "label"])
def test_other_backgrounds_and_the_true_class_are_those_of_a_plain_loop(kind):
    """The same maps; masked cells show the mean over 9 x 9 pixels or noise, or the label's class is followed."""
    net = network(4, C=3, dtype=torch.float32)
    explainer, predictor = explainer_for("Grad-CAM", net, IMAGES), predictor_of(net, IMAGES)
    first = measured(predictor, IMAGES, "test", explainer, S=0.5, drawn={})
    options = {"memory": 20, "generator": torch.Generator().manual_seed(5)}
    inserted, deleted = elsewhere(predictor, IMAGES, "test", explainer, first, kind, **options)
    steps = list(range(3, 33, 4))
    assert inserted.shape == deleted.shape == (12, len(steps))
    x, net = IMAGES.inputs(IMAGES.x_test), net.eval()
    drawn = torch.randn(x[:1].shape, generator=torch.Generator().manual_seed(5))[0]  # of the first image
    i, k = 0, 2
    y = IMAGES.y_test[i].item() if kind == "label" else net(x[[i]]).argmax().item()
    top = set(first.phi[i].argsort(descending=True, stable=True)[: steps[k]].tolist())
    for delete, found in ((False, inserted), (True, deleted)):
        own = x[i].clone()
        for row in range(32):
            for column in range(32):
                if ((row // 4 * 8 + column // 4) in top) == delete:
                    near = x[i][:, max(0, row - 4) : row + 5, max(0, column - 4) : column + 5].mean((1, 2))
                    shown = {"blur": near, "noise": drawn[:, row, column], "label": torch.zeros(3)}
                    own[:, row, column] = shown[kind]
        assert found[i, k].item() == pytest.approx(net(own[None]).softmax(-1)[0, y].item(), abs=1e-5)


def test_epochs_may_be_chosen_by_the_true_classs_curves():
    """As the released code scores: on images whose class is predicted wrong the curves are others, accuracy is not."""
    ways = [tuner(scored=scored) for scored in ("predicted", "label")]
    for own in ways:
        own.measure()
    (predicted,), (label,) = (own.state["parts"][0] for own in ways)
    assert predicted[0] == label[0] < 1
    assert predicted[1] != label[1]


def test_settings_recorded_before_there_were_more_are_still_the_same():
    """A record's configuration is found again from the options that made it, or runs would be made twice."""
    row = pd.read_parquet(records.ROOT / "results" / "images" / "ID-ExpO-GradCAM-S0.5-A.parquet").iloc[0]
    told = json.loads(row["settings"])
    of_explainer = {n: v for n, v in told["explainer"].items() if n != "name"}
    explainer = GradCAM(**of_explainer | {"grid": tuple(of_explainer["grid"])})
    own = {f.name: told[f.name] for f in fields(Tuning) if f.name in told and f.name != "explainer"}
    beside = {name: told[name] for name in ("experiment", "digest", "start")}
    assert config_hash(beside | Tuning(explainer=explainer, **own).recorded()) == row["config"]
    assert Tuning(scored="label").recorded()["scored"] == "label"


def test_the_tie_rules_part_where_cells_are_equal():
    """`first` takes s cells, `threshold` all that are not below; where cells are distinct they agree (ID-3, ID-5)."""
    phi = torch.tensor([[0.5, 0.0, 0.0, 0.9]])
    assert masks.hard_mask(phi, [3]).tolist() == [[[1, 1, 0, 1]]]
    assert masks.hard_mask(phi, [3], ties="threshold").tolist() == [[[1, 1, 1, 1]]]
    distinct = torch.tensor([[0.5, 0.1, 0.2, 0.9]])
    assert torch.equal(masks.hard_mask(distinct, [1, 3]), masks.hard_mask(distinct, [1, 3], ties="threshold"))
    with pytest.raises(ValueError, match="ties"):
        masks.hard_mask(phi, [1], ties="random")


def test_each_sample_may_have_its_own_values_of_s():
    phi, s = torch.rand(5, 9), torch.randint(1, 10, (5, 3))
    for mask in (masks.top_mask, masks.threshold_mask, masks.soft_mask):
        own = torch.stack([mask(phi[i], s[i].tolist()) for i in range(5)])
        assert torch.allclose(mask(phi, s), own)
    for wrong in (s[:4], s * 0, s + 9):
        with pytest.raises(ValueError, match="s must"):
            masks.top_mask(phi, wrong)


def test_a_floor_on_the_range_leaves_other_maps_as_they_are():
    """It changes T only where phi's range is below it, and keeps the flattest maps from the steepest masks."""
    phi = torch.rand(50, 64) * torch.logspace(-6, 0, 50)[:, None]
    spread = phi.amax(-1) - phi.amin(-1)
    plain, floored = masks.temperature(phi), masks.temperature(phi, floor=1e-3)
    above = spread >= 1e-3
    assert above.any()
    assert not above.all()
    assert torch.equal(plain[above], floored[above])
    assert torch.allclose(floored[~above], torch.tensor(64 / 1e-3))
    assert masks.temperature(torch.zeros(1, 4), floor=1e-3) == 1
    tiny = torch.tensor([1e-39, 0, 0], requires_grad=True)
    masks.soft_mask(tiny, [1], floor=1e-3).sum().backward()
    assert tiny.grad.isfinite().all()


def test_a_report_holds_each_measure_once_and_counts_flat_maps():
    net = network(4, C=3, dtype=torch.float32)
    explainer = explainer_for("Grad-CAM", net, IMAGES)
    predictor = predictor_of(net, IMAGES)
    rows = report(predictor, IMAGES, "test", explainer, S=(0.3, 0.5), drawn={})
    assert len({(row["S"], row["measure"]) for row in rows}) == len(rows)
    value = {(row["S"], row["measure"]): row["value"] for row in rows}
    found = measured(predictor, IMAGES, "test", explainer, S=0.5, drawn={})
    assert value[0.5, "insertion"] == pytest.approx(found.areas(0.5)[1])
    assert value[0.3, "deletion"] == pytest.approx(found.areas(0.3)[2])
    assert value[0.5, "confidence"] == pytest.approx(found.p.mean().item())
    assert value[0.5, "insertion_share"] == pytest.approx((found.inserted.mean(1) / found.p).mean().item(), rel=1e-5)
    curve = next(row["curve"] for row in rows if row["measure"] == "deletion" and row["S"] == 0.3)
    assert curve == pytest.approx(found.deleted[:, :19].mean(0).tolist(), rel=1e-3)
    with torch.no_grad():
        net.fc.weight.zero_()  # no class depends on anything: every map is zero
    rows = report(predictor_of(net, IMAGES), IMAGES, "test", explainer, S=(0.5,), drawn={})
    assert {row["measure"]: row["value"] for row in rows}["zero_maps"] == 1


def test_calibration_error_and_gap_by_hand():
    """Two bins, 0.9 confident and right half of the time, 0.2 confident and never right."""
    p, right = torch.tensor([0.9, 0.9, 0.2, 0.2]), torch.tensor([True, False, False, False])
    assert calibration_error(p, right).item() == pytest.approx((0.8 + 0.4) / 4)
    assert gap(torch.tensor([[4.0, 3.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]]), 2).tolist() == [0.5, 0.0]


def test_backgrounds_are_the_mean_colour_or_the_released_codes():
    assert (background_of(IMAGES) == 0).all()
    released = background_of(IMAGES, "released")
    assert torch.allclose(released[:, 0, 0], IMAGES.mean)
    assert tuner(background="released").b.equal(released)


def test_epochs_are_kept_by_the_valscore_of_each_criterion():
    own = tuner()
    lime = explainer_for("LIME", own.net, IMAGES, M=12)
    own = Tuner(
        own.net, IMAGES, own.settings, [(own.settings.explainer, 0.3), (own.settings.explainer, 0.5), (lime, 0.5)]
    )
    scores = own.measure()
    for score, part in zip(scores, own.state["parts"][0]):
        assert score == pytest.approx(metrics.valscore(*map(torch.tensor, part), eta=2.0).item())
    assert len(set(scores)) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "Ours"),
        ("norm", "layer"),
        ("background", "blur"),
        ("lam", -1),
        ("T", "all"),
        ("T", 0),
        ("scored", "best"),
        ("memory", 0),
        ("draws", 0),
        ("S", 2),
    ],
)
def test_settings_that_make_no_sense_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        Tuning(**{name: value})


def test_explainers_go_by_name():
    net = network(4, C=3, dtype=torch.float32)
    assert explainer_for("Grad-CAM", net, IMAGES, layer="conv4_x").grid == (4, 4)
    assert explainer_for("LIME", net, IMAGES).segments == squares(32, 32, 4)
    with pytest.raises(ValueError, match="explainer must be one of"):
        explainer_for("SHAP", net, IMAGES)
