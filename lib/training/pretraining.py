"""Networks for images before any explanation is trained: cross-entropy on flipped and moved images, or PGD's.

net = pretrain(images, Pretraining(width=16, epochs=60), checkpoint=Path("runs/cifar.pt")).best()
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lib.data.images import Images, augment
from lib.nets.resnet import STEMS, Convolutional, resnet18
from lib.options import check_counts, check_flags, check_numbers, is_number
from lib.training import parallel
from lib.training.measuring import in_single_precision
from lib.training.single import Single


@dataclass(frozen=True)
class Pretraining:
    """A network and its training. The paper says flips and crops and no more; the rest is our reading."""

    width: int = 64  # channels of the first stage
    stem: str = "cifar"
    epochs: int = 60
    batch: int = 128
    lr: float = 0.1  # the highest: it rises to there over `warm` of the steps, then falls to 0 as a cosine
    warm: float = 0.2
    momentum: float = 0.9
    weight_decay: float = 5e-4
    radius: float = 0.0  # of PGD's attack in grey levels of 255, largest over pixels and channels; 0: none
    attack_step: float = 2.0  # grey levels
    attack_steps: int = 7
    mixed: bool = False  # layers multiply in bfloat16
    seed: int = 0

    def __post_init__(self):
        check_counts(self, "width", "epochs", "attack_steps")
        check_counts(self, "batch", least=2)  # of which batch norm takes its statistics
        check_counts(self, "seed", least=0)
        check_numbers(self, "lr", "attack_step", positive=True)
        check_numbers(self, "momentum", "weight_decay", "radius")
        check_flags(self, "mixed")
        if not is_number(self.warm) or not 0 < self.warm < 1:
            raise ValueError(f"warm must be a share of the steps in (0, 1), got {self.warm!r}")
        if not self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")
        if self.stem not in STEMS:
            raise ValueError(f"stem must be one of {', '.join(STEMS)}, got {self.stem!r}")


class Pretrainer(Single):
    """Cross-entropy in training mode, one cycle of learning rates, kept by validation accuracy."""

    def __init__(self, net: nn.Module, images: Images, settings: Pretraining):
        if parallel.processes() > 1:
            raise ValueError("pretraining is for one process, as its batch norm sees the whole batch")
        super().__init__(net, images, settings)
        self.products = torch.bfloat16 if settings.mixed else None
        self.folded = Convolutional(net, products=self.products)  # of the parameters that are trained, for attacks

    def rate(self, step: int) -> float:
        s, at = self.settings, (step + 1) / (self.settings.epochs * self.steps)
        if at < s.warm:
            return s.lr * at / s.warm
        return s.lr * (1 + math.cos(math.pi * (at - s.warm) / (1 - s.warm))) / 2

    def gradients(self, rows: Tensor) -> None:
        y = self.images.y_train[rows]
        x = self.images.inputs(augment(self.images.x_train[rows], self.generator))
        if self.settings.radius:
            x = self._attacked(x, y)
        self.net.train()
        with torch.autocast(x.device.type, self.products, enabled=self.settings.mixed):
            logits = self.net(x)
        cross_entropy(logits.float(), y).backward()

    def _attacked(self, x: Tensor, y: Tensor) -> Tensor:
        f, s = self.folded, self.settings
        unit = (1 / 255 / self.images.std)[:, None, None]  # a grey level as the network sees it
        theta = {n: t.detach() for n, t in f.theta().items()}
        low, high = (self.images.inputs(torch.full((1, 1, 1, 3), v, device=x.device)) for v in (0, 255))
        start = torch.rand(len(x), generator=self.generator)  # of the radius, a share for each image
        options = {"unit": unit, "low": low, "high": high, "start": start.to(x.device)}
        return pgd(
            lambda rows: f(theta, rows), x, y, radius=s.radius, step=s.attack_step, steps=s.attack_steps, **options
        )

    @torch.no_grad()
    def measure(self) -> list[float]:
        """Validation accuracy, on images as they are."""
        return [accuracy(self.net, self.images, "val", products=self.products)]


def pgd(f, x: Tensor, y: Tensor, *, radius: float, step: float, steps: int, unit, low, high, start) -> Tensor:
    """x moved to where the cross-entropy is larger, by at most `radius` in each number, in steps along its sign.

    radius, step: in units `unit` (broadcast against x), inside [low, high]. start: the first step's share of the
    radius, (n,). Madry et al. (2018) start at random in the cube; we start along the first gradient's sign, which needs
    one random number an image. The two were not compared.
    """
    moved = x
    for k in range(steps):
        moved = moved.detach().requires_grad_()
        (slope,) = torch.autograd.grad(cross_entropy(f(moved), y, reduction="sum"), moved)
        length = step if k else radius * start[:, None, None, None]
        moved = (moved + length * unit * slope.sign()).clamp(x - radius * unit, x + radius * unit)
        moved = torch.minimum(torch.maximum(moved, low), high)
    return moved.detach()


@in_single_precision()
@torch.no_grad()
def accuracy(
    net: nn.Module, images: Images, part: str, *, products: torch.dtype | None = None, batch: int = 500
) -> float:
    """Share of one part's images whose class the network predicts."""
    f = Convolutional(net, products=products)
    theta, right = f.theta(), []
    pixels, labels = getattr(images, f"x_{part}"), getattr(images, f"y_{part}")
    for x, y in zip(pixels.split(batch), labels.split(batch)):
        right.append(f(theta, images.inputs(x)).argmax(-1) == y)
    return torch.cat(right).double().mean().item()


def pretrain(
    images: Images, settings: Pretraining, *, checkpoint: Path | None = None, progress: bool = True
) -> Pretrainer:
    """A network for these images from a random start, trained to the end; on the images' own device."""
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        net = resnet18(images.C, settings.width, settings.stem)
    trainer = Pretrainer(net.to(images.x_train.device), images, settings)
    trainer.run(checkpoint, progress=progress, label="PGD" if settings.radius else "pretraining")
    return trainer


def in_bfloat16(mixed: str, device: str | torch.device) -> bool:
    """Whether to multiply in bfloat16: yes, no, or auto, where the device gains from it. ValueError for other words."""
    if mixed not in ("yes", "no", "auto"):
        raise ValueError(f"mixed must be yes, no or auto, got {mixed!r}")
    return gains_from_bfloat16(device) if mixed == "auto" else mixed == "yes"


def gains_from_bfloat16(device: str | torch.device) -> bool:
    """Whether this device multiplies bfloat16 faster than single precision; most CPUs take twice as long for it."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
