"""ResNets: their shapes, their batch norm folded away, and their two halves."""

import pytest
import torch

from lib.nets import resnet
from lib.nets.resnet import Convolutional, fold, resnet18, resnet50
from tests.explainers.convolutional import inputs, network

MAKERS = pytest.mark.parametrize("make", [resnet18, resnet50])


@MAKERS
def test_at_width_64_it_is_torchvisions(make):
    """The same names, shapes and outputs, for images of 96 pixels."""
    import torchvision

    torch.manual_seed(0)
    ours, other = make(10, 64, "plain").eval(), getattr(torchvision.models, make.__name__)(num_classes=10).eval()
    ours.load_state_dict(other.state_dict())
    x = torch.randn(2, 3, 96, 96)
    assert (ours(x) - other(x)).norm() < 1e-5 * other(x).norm()


@MAKERS
def test_its_convolutions_start_with_torchvisions_spread(make):
    import torchvision

    torch.manual_seed(0)
    ours, other = make(10, 64, "plain").state_dict(), getattr(torchvision.models, make.__name__)().state_dict()
    for name in (name for name, t in other.items() if t.ndim == 4):
        assert ours[name].std().item() == pytest.approx(other[name].std().item(), rel=0.05), name


@MAKERS
@pytest.mark.parametrize(
    ("stem", "side", "layer", "maps"),
    [
        ("cifar", 32, "conv3_x", 8),
        ("cifar", 32, "conv4_x", 4),
        ("unpooled", 32, "conv4_x", 8),
        ("plain", 96, "conv4_x", 6),
        ("plain", 96, "conv3_x", 12),
    ],
)
def test_maps_have_the_papers_sizes(make, stem, side, layer, maps):
    f = Convolutional(make(10, 2, stem))
    A = f.split(layer)[0](f.theta(), torch.randn(1, 3, side, side))
    assert A.shape[-2:] == (maps, maps)


@MAKERS
def test_folded_batch_norm_is_unfolded_forwards_and_backwards(make):
    net, (x, _) = network(make=make), inputs()
    f = Convolutional(net)
    c = torch.randn(4, 5, dtype=torch.float64)
    sides = []
    for logits in (f(f.theta(), x), net(x)):
        sides.append([logits, *torch.autograd.grad((logits * c).sum(), list(net.parameters()))])
    for ours, theirs in zip(*sides):
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-11)
    assert not any("bn" in name or "downsample.1" in name for name in fold(net))


def test_batch_norm_in_training_mode_is_the_modules_own():
    net, (x, _) = network(), inputs()
    f, other = Convolutional(net, "batch"), network()
    assert torch.allclose(f(f.theta(), x), other.train()(x))
    assert torch.equal(net.bn1.running_mean, other.bn1.running_mean)
    assert not torch.allclose(f(f.theta(), x)[:2], f(f.theta(), x[:2]))


@pytest.mark.parametrize("layer", ["conv1", "relu", "maxpool", "conv2_x", "layer1.0", "layer2.1", "conv5_x"])
@pytest.mark.parametrize("norm", ["frozen", "batch"])
def test_two_halves_are_the_whole(layer, norm):
    net, (x, _) = network(), inputs()
    f = Convolutional(net, norm)
    stem, head = f.split(layer)
    assert torch.allclose(head(f.theta(), stem(f.theta(), x)), f(f.theta(), x))


@pytest.mark.parametrize(("layer", "name"), [("relu", "relu"), ("conv3_x", "layer2"), ("layer1.0", "layer1.0")])
@pytest.mark.parametrize("norm", ["frozen", "batch"])
def test_the_first_half_ends_with_what_the_layer_gives(layer, name, norm):
    net, (x, _) = network(), inputs()
    f, given = Convolutional(net, norm), []
    net.get_submodule(name).register_forward_hook(lambda module, taken, out: given.append(out))
    net.train(norm == "batch")(x)
    assert torch.allclose(f.split(layer)[0](f.theta(), x), given[0])


@pytest.mark.parametrize("layer", ["fc", "avgpool", "layer5", "layer2.7", ""])
def test_a_layer_that_is_none_is_named(layer):
    with pytest.raises(ValueError, match="layer must be one of"):
        Convolutional(resnet18(3, 2)).split(layer)


def test_mixed_precision_stays_near():
    net, (x, _) = network(8, dtype=torch.float32), inputs(dtype=torch.float32)
    exact, rounded = (f(f.theta(), x) for f in (Convolutional(net), Convolutional(net, products=torch.bfloat16)))
    assert rounded.dtype == torch.float32
    assert (exact - rounded).norm() < 2**-4 * exact.norm()
    assert not torch.equal(exact, rounded)


def test_weights_are_read_back_and_others_refused(tmp_path):
    net = network(dtype=torch.float32)
    path = resnet.save(net, tmp_path / "w" / "a.pt", accuracy=0.5)
    again, about = resnet.load(path, 5)
    assert about == {"accuracy": 0.5}
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in net.state_dict().items())
    torch.save(net.state_dict(), tmp_path / "bare.pt")
    assert resnet.load(tmp_path / "bare.pt", 5, stem="cifar")[1] == {}
    other, _ = resnet.load(path, 7, new_head=True)
    kept = {n: t for n, t in other.state_dict().items() if not n.startswith("fc.")}
    assert all(torch.equal(t, net.state_dict()[n]) for n, t in kept.items())
    assert other.fc.weight.shape[0] == 7
    (tmp_path / "text.pt").write_text("no weights")
    torch.save(net, tmp_path / "whole.pt")
    torch.save([1], tmp_path / "list.pt")
    said = "holds no ResNet-18 or ResNet-50 for"
    unlike = (
        rf"text.pt {said} 5 classes: it is no file of parameters, as torch.save\(net.state_dict\(\), path\) writes it"
    )
    for file, C, reason in (
        ("w/a.pt", 7, said), ("text.pt", 5, unlike), ("whole.pt", 5, f"{said} 5 classes: it is no file of parameters"),
        ("list.pt", 5, "it holds a list in place of parameters by name"), ("none.pt", 5, "there is no file of weights"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=reason):
            resnet.load(tmp_path / file, C)


def test_weights_are_read_as_scripts_of_others_save_them(tmp_path):
    theta = network(dtype=torch.float32).state_dict()
    several = {f"module.{name}": tensor for name, tensor in theta.items()}
    for saved in (several, {"state_dict": theta, "epoch": 3}, {"state_dict": several}, {"net": theta}):
        torch.save(saved, tmp_path / "a.pt")
        again = resnet.load(tmp_path / "a.pt", 5, stem="cifar")[0].state_dict()
        assert all(torch.equal(tensor, again[name]) for name, tensor in theta.items())


@pytest.mark.parametrize(
    ("change", "C", "reason"),
    [
        ({}, 7, "its last layer is for 5, which new_head leaves out"),
        ({"layer1.2.conv1.weight": torch.zeros(1)}, 5, r"Unexpected key\(s\) in state_dict: .layer1.2.conv1.weight"),
        ({"layer1.2.conv1.weight": torch.zeros(1)}, 7, r"Unexpected key\(s\)"),  # the head is not all
        ({f"layer9.{i}": torch.zeros(1) for i in range(99)}, 5, r"Unexpected key\(s\) .{,150} \.\.\.$"),
        ({"bn1.bias": torch.zeros(9)}, 5, "size mismatch for bn1.bias"),
        ({"conv1.weight": None}, 5, "it lacks 'conv1.weight'"),
        ({"fc.weight": None}, 5, "it lacks 'fc.weight'"),
        ({"bn1.bias": torch.full((4,), torch.nan)}, 5, "bn1.bias must hold finite numbers"),
        ({"bn1.running_var": torch.full((4,), -1.0)}, 5, "bn1.running_var must hold finite numbers, and none below 0"),
    ],
)
def test_weights_that_do_not_fit_say_why_in_a_line(change, C, reason, tmp_path):
    theta = network(dtype=torch.float32).state_dict() | change
    torch.save({name: tensor for name, tensor in theta.items() if tensor is not None}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=f"a.pt holds no ResNet-18 or ResNet-50 for {C} classes: {reason}"):
        resnet.load(tmp_path / "a.pt", C, stem="cifar")


@pytest.mark.parametrize("stem", resnet.STEMS)
def test_the_stem_of_somebodys_parameters_is_told_and_not_guessed(stem, tmp_path):
    """A pool leaves no trace in them. What they or their file do say is not contradicted either."""
    net, (x, _) = network(stem=stem, dtype=torch.float32), inputs(dtype=torch.float32)
    torch.save(net.state_dict(), tmp_path / "bare.pt")
    resnet.save(net, tmp_path / "own.pt")
    for name in ("bare.pt", "own.pt"):
        assert torch.equal(resnet.load(tmp_path / name, 5, stem=stem)[0].eval()(x), net(x))
    silent = stem != "plain"
    if silent:
        with pytest.raises(ValueError, match=r"bare.pt .* stem must be cifar or unpooled, got ''$"):
            resnet.load(tmp_path / "bare.pt", 5)
    for other in {*resnet.STEMS, "small"} - {stem}:
        with pytest.raises(ValueError, match=f"its stem is {stem}, so stem must be that or empty, got '{other}'"):
            resnet.load(tmp_path / "own.pt", 5, stem=other)
    for other in ("plain", "small") if silent else ("cifar", "unpooled"):
        with pytest.raises(ValueError, match=f"stem must be .*, got '{other}'"):
            resnet.load(tmp_path / "bare.pt", 5, stem=other)


def test_the_network_of_a_run_is_found_by_its_notes(tmp_path):
    assert resnet.kept(tmp_path, "c0ffee", 5, S=0.5) is None
    nets = [network(dtype=torch.float32) for _ in range(3)]
    for n, (net, config) in enumerate(zip(nets, ("c0ffee", "c0ffee", "other"))):
        net.fc.bias.data.fill_(n)
        resnet.save(net, tmp_path / f"{config}-{n}.pt", explainer="LIME", S=n / 2)
    net, about = resnet.kept(tmp_path, "c0ffee", 5, explainer="LIME", S=0.5)
    assert torch.equal(net.fc.bias, nets[1].fc.bias)
    assert about.items() >= {"explainer": "LIME", "S": 0.5}.items()
    assert resnet.kept(tmp_path, "c0ffee", 5, explainer="LIME", S=1.0) is None
    assert resnet.kept(tmp_path, "c0ffee", 5, explainer="Grad-CAM", S=0.5) is None


@MAKERS
@pytest.mark.parametrize("stem", resnet.STEMS)
def test_depth_and_stem_are_read_back(tmp_path, make, stem):
    net, (x, _) = network(make=make, stem=stem, dtype=torch.float32), inputs(dtype=torch.float32)
    again, _ = resnet.load(resnet.save(net, tmp_path / "a.pt"), 5)
    assert torch.equal(again.eval()(x), net(x))


def test_weights_replace_no_file_of_anything_else(tmp_path):
    """Asked before a training, so that nothing that somebody has is lost at its end."""
    for name, net in (("none.pt", None), ("own.pt", {"net": {}, "about": {}}), ("bare.pt", {"conv1.weight": 0})):
        if net:
            torch.save(net, tmp_path / name)
        assert resnet.check_place(tmp_path / name) == tmp_path / name
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"mine": 1}, tmp_path / "dict.pt")
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    for name in ("list.pt", "dict.pt", "mine.csv", "."):
        with pytest.raises(ValueError, match=r"weights must be a new file or a network's, got .*: move it away"):
            resnet.check_place(tmp_path / name)
    assert (tmp_path / "mine.csv").read_text() == "a,b\n1,2\n"
    with pytest.raises(ValueError, match=r"tuned must be a place that can be written, got /proc/new/x\.pt"):
        resnet.check_place("/proc/new/x.pt", "tuned")


@pytest.mark.parametrize(("options", "word"), [({"C": 1}, "C"), ({"width": 0}, "width"), ({"stem": "small"}, "stem")])
def test_networks_that_make_no_sense_are_named(options, word):
    with pytest.raises(ValueError, match=word):
        resnet18(**{"C": 3} | options)
