"""A small network and its fine-tuning on pictures of noise, for the tests of images."""

import copy
from dataclasses import replace

import torch

from lib.training.expo_step import explained_by
from lib.training.images import METHODS, Tuner, Tuning, explainer_for
from tests.explainers.convolutional import network
from tests.image_sets import noise

IMAGES = noise(12, C=3)

LAM = {"lam": 0.3, "lam3": 0.003, "lr": 1e-2}

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
    own.backward(x, images.y_train[:4], drawn=drawn, s=s)
    return {n: p.grad.clone() for n, p in own.net.named_parameters() if p.grad is not None}
