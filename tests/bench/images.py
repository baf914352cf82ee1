"""Explaining, training and measuring on images: lib and the plain forms, a network of width 16, noise of 32 x 32."""

import torch
from torch import Tensor, nn

from lib import masks, metrics
from lib.explainers import LIME, Explainer, GradCAM, draw_masks, lime_kernel, squares
from lib.nets.resnet import resnet18, split
from lib.training.images import MEMORY, Tuner, Tuning, predictor_of
from tests import plain
from tests.bench import DEVICE, Pair
from tests.image_sets import noise

S, SEGMENTS = 0.5, squares(32, 32, 4)


def id_gradcam_step() -> Pair:
    """A training step with Grad-CAM, 32 images: 4 of 32 values of s; plainly, all."""
    return steps(draws=4)._replace(floor=8)


def id_gradcam_exact() -> Pair:
    """A training step with Grad-CAM, 32 images: all values of s in both."""
    return steps()._replace(floor=2)


def id_lime_step() -> Pair:
    """A training step with LIME, 16 images: 4 of 8 values of s and a quarter of the masks backwards; plainly, all."""
    return steps(batch=16, draws=4, explainer=LIME(segments=SEGMENTS, keep=0.25))._replace(floor=2)


def steps(**settings) -> Pair:
    return taken(tuner(**settings))


def taken(tuned: Tuner) -> Pair:
    """A step by the plain form and by lib; both leave the gradient in the network."""
    rows = torch.arange(tuned.settings.batch)
    x, y = tuned.images.inputs(tuned.images.x_train[rows]), tuned.images.y_train[rows]

    def lib():
        tuned.net.zero_grad()
        tuned.gradients(rows)

    return Pair(lambda: plain_step(tuned.net, x, y, tuned.settings), lib)


def tuner(**settings) -> Tuner:
    """Tuning of a network with random weights, whose products cost what they cost."""
    images = noise(64, C=10).to(DEVICE)
    return Tuner(network(), images, Tuning(**{"batch": 32, "S": S, "augmented": False} | settings))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return resnet18(10, width=16).to(DEVICE).eval()


def plain_step(net: nn.Sequential, x: Tensor, y: Tensor, settings: Tuning) -> None:
    """Explanations image by image, one forward pass for each value of s and direction, and one graph (ID-11)."""
    net.zero_grad()
    phi = torch.stack([contributions(net, *pair, settings.explainer) for pair in zip(x, y)])
    every = settings.explainer.steps(x.shape[1:], settings.S)
    whole = log_probability(net, x, y)
    loss = -whole.mean()
    for s in every:
        r = pixels(masks.soft_mask(phi, [s], floor=settings.floor))
        inserted, deleted = log_probability(net, r * x, y), log_probability(net, (1 - r) * x, y)
        loss = loss - settings.lam / len(every) * (inserted + whole - deleted).mean()
    loss.backward()


def contributions(net: nn.Sequential, x: Tensor, y: Tensor, explainer: Explainer) -> Tensor:
    """phi (64,) of one image as the chapters write it, its gradient with it (ID-12, ID-13)."""
    functions = plain.functions()
    if isinstance(explainer, GradCAM):
        return functions.plain_gradcam(*split(net, explainer.layer), x, y).flatten()
    Z = draw_masks(explainer.M, 64, torch.Generator().manual_seed(0)).to(x)

    def f(cells: Tensor) -> Tensor:
        return net(pixels(cells[:, None]) * x)

    ones = torch.ones(64).to(x)
    return functions.plain_lime(f, ones, y, 0 * ones, Z, lime_kernel(Z), explainer.eps)


def log_probability(net: nn.Sequential, x: Tensor, y: Tensor) -> Tensor:
    return net(x).log_softmax(1).gather(1, y[:, None])[:, 0]


def pixels(cells: Tensor) -> Tensor:
    """Values of 64 squares (..., 64) for the pixels that they cover (..., 32, 32)."""
    return cells.unflatten(-1, (8, 8)).repeat_interleave(4, -2).repeat_interleave(4, -1)


def id_image_metrics(rows: int = 64, some: int = 8) -> Pair:
    """Insertion and deletion of 64 images at 32 values of s; plainly, image by image and step by step.

    The plain side is the chapter's loop on eight of them. On one thread it is the faster rival: Quantus' PixelFlipping
    was tried once beside it, by 64 images a batch (`id_image_metrics_quantus` in results/bench/ratios.csv). Its steps
    must divide the pixels of a channel, so that it takes 192 of 16 numbers in each direction where lib takes 32 of 48.
    """
    images, net = noise(rows, C=10).to(DEVICE), network()
    predictor, gradcam = predictor_of(net, images), GradCAM()
    x, y = images.inputs(images.x_train), images.y_train
    phi = torch.rand(rows, 64, generator=torch.Generator().manual_seed(0)).to(x)
    s = gradcam.steps(x.shape[1:], S)

    @torch.no_grad()
    def loop():
        for image, label, own in zip(x[:some], y, phi):
            order = own.argsort(descending=True, stable=True)
            for count in s:
                r = pixels(torch.zeros_like(own).index_fill_(0, order[:count], 1.0))
                for masked in (r * image, (1 - r) * image):
                    net(masked[None]).softmax(1)[0, label]

    def lib():
        at_once = MEMORY[torch.device(DEVICE).type] // (2 * len(s))
        for own in zip(x.split(at_once), y.split(at_once), phi.split(at_once)):
            metrics.curves(predictor, *own[:2], phi=own[2], s=s, explainer=gradcam)

    return Pair(loop, lib, rows / some, floor=3)
