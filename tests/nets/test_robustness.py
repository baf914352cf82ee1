"""Weights of the package `robustness`: a ResNet-50 in its format is read, standardised, folded, cut and explained."""

import captum
import pytest
import torch
from PIL import Image

from lib.explainers.gradcam import GradCAM
from lib.nets import resnet, robustness
from lib.nets.resnet import Convolutional, resnet50
from lib.study import records
from tests.explainers.convolutional import inputs, network, predictor
from tests.image_sets import noise
from workflow.scale_b import script

MEAN, STD = (0.5, 0.25, 0.125), (0.25, 0.5, 0.2)


def written(path, net):
    """The network as that package's file has it, with what else such a file holds."""
    own = {n.replace("downsample", "shortcut").replace("fc.", "linear."): t for n, t in net.state_dict().items()}
    theirs = {f"module.{place}{name}": t for place in ("model.", "attacker.model.") for name, t in own.items()}
    for place in ("", "attacker."):
        for name, values in (("mean", MEAN), ("std", STD)):
            theirs[f"module.{place}normalizer.new_{name}"] = torch.tensor(values)[:, None, None]
    torch.save({"model": theirs, "epoch": 150, "optimizer": {"state": {}}}, path)
    return path


@pytest.fixture(scope="module")
def net():
    return network(dtype=torch.float32, make=resnet50, stem="unpooled")


def test_it_is_read_with_its_own_standardisation(tmp_path, net):
    """The same logits as the network's own, of pixels standardised by its own numbers and not by the images'."""
    again, about = resnet.load(written(tmp_path / "theirs.pt", net), 5)
    images = noise().standardised(about["mean"], about["std"])
    pixels = images.x_train[:4]
    x = (pixels.permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    assert torch.allclose(again.eval()(images.inputs(pixels)), net(x), atol=1e-5)
    assert again.state_dict().keys() == net.state_dict().keys()


def test_folded_it_is_the_network_and_cut_anywhere_too(tmp_path, net):
    again, (x, _) = resnet.load(written(tmp_path / "theirs.pt", net), 5)[0], inputs(dtype=torch.float32)
    f = Convolutional(again)
    expected = net(x)
    assert torch.allclose(f(f.theta(), x), expected, atol=1e-4)
    for layer in ("conv3_x", "conv4_x", "layer3.1"):
        stem, head = f.split(layer)
        assert torch.allclose(head(f.theta(), stem(f.theta(), x)), expected, atol=1e-4)


@pytest.mark.parametrize(("layer", "side"), [("conv3_x", 16), ("conv4_x", 8)])
def test_its_map_is_captums(tmp_path, net, layer, side):
    """LayerGradCam of the probability (ID-13, ID-14)."""
    again, (x, y) = resnet.load(written(tmp_path / "theirs.pt", net), 5)[0].double(), inputs()
    phi = GradCAM(layer=layer, grid=(side, side)).explain(predictor(again), x, y).phi
    whole = network(make=resnet50, stem="unpooled")
    place = whole.get_submodule(resnet.LAYERS[layer])
    theirs = captum.attr.LayerGradCam(lambda rows: whole(rows).softmax(-1), place)
    expected = torch.cat([theirs.attribute(x[[i]], target=int(y[i]), relu_attributions=True) for i in range(len(x))])
    assert torch.allclose(phi, expected.flatten(1), rtol=1e-4, atol=1e-9)
    assert phi.abs().max() > 0


def test_the_experiment_measures_it(tmp_path, net):
    """Its confidence is that of its own standardisation, and its records carry the method that was asked for."""
    images = noise(30, C=5)
    for number, (pixels, label) in enumerate(zip(images.x_train, images.y_train)):
        (tmp_path / "own" / "abcde"[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(tmp_path / "own" / "abcde"[label] / f"{number}.png")
    given = {"data": str(tmp_path / "own"), "start": str(written(tmp_path / "theirs.pt", net)), "called": "PGD"}
    given |= {"method": "measured", "explainers": ["Grad-CAM", "LIME"], "lams": [0], "lam3s": [0], "lrs": [1e-3]}
    given |= {"layer": "conv4_x", "weights": str(tmp_path), "out": str(tmp_path / "robust.parquet")}
    names = script("insertion_deletion_images", **given)
    frame = records.read(tmp_path / "robust.parquet")
    assert (set(frame["method"]), set(frame["explainer"])) == ({"PGD"}, {"Grad-CAM", "LIME"})
    pixels, label = names["images"].x_test, names["images"].y_test
    x = (pixels.permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    p, predicted = net(x).softmax(1).max(1)
    for measure, value in (("confidence", p.mean()), ("accuracy", (predicted == label).double().mean())):
        assert frame[frame["measure"] == measure]["value"].tolist() == pytest.approx([value.item()] * 2)


def test_other_files_are_none_of_its(tmp_path, net):
    for found in ({}, {"model": 3}, {"model": {"conv1.weight": 0}}, net.state_dict()):
        assert not robustness.is_its_own(found)
    with pytest.raises(ValueError, match=r"theirs.pt holds no ResNet-18 or ResNet-50 for 7 classes"):
        resnet.load(written(tmp_path / "theirs.pt", net), 7)
