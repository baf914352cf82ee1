"""A small residual network and inputs for it."""

import torch

from lib.nets.resnet import Convolutional, resnet18
from lib.predictor import Predictor

WRONG_LABELS = [  # for 4 inputs and 5 classes
    (torch.tensor([0, 1, 2, -1]), "y must be classes 0 to 4, got -1 to 2"),
    (torch.tensor([0, 1, 2, 5]), "y must be classes 0 to 4, got 0 to 5"),
    (torch.zeros(4), "y must be an integer label for each input, .* got torch.float32"),
    (torch.zeros(3, dtype=torch.int64), "y must be an integer label for each input, .* got torch.int64 .3,."),
]


def network(width=4, C=5, seed=0, dtype=torch.float64, *, make=resnet18, stem="cifar"):
    """A ResNet whose batch norms have seen some images."""
    torch.manual_seed(seed)
    net = make(C, width, stem)
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(16, 3, 32, 32))
    return net.to(dtype).eval()


def inputs(n=4, C=5, seed=1, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 3, 32, 32, generator=generator, dtype=dtype), torch.arange(n) % C


def predictor(net):
    f = Convolutional(net)
    return Predictor(f, f.theta(), torch.zeros(3, 32, 32, dtype=net.fc.weight.dtype))
