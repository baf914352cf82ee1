"""A small pretraining on pictures of noise."""

import torch

from lib.nets.resnet import resnet18
from lib.training.pretraining import Pretrainer, Pretraining
from tests.image_sets import noise

SMALL = Pretraining(width=2, epochs=2, batch=8, lr=0.05)


def trainer(images=None, settings=SMALL):
    torch.manual_seed(0)
    return Pretrainer(resnet18(3, settings.width), images or noise(), settings)
