"""Fine-tuning a network so that its explanations of images are faithful (ID-11), one network at a time.

    net, _ = resnet.load("runs/weights/cifar10.pt", images.C)
    settings = Tuning(method="ID-ExpO", explainer=GradCAM(), S=0.5, lam=0.1, lr=1e-3, draws=4)
    tuned = tune(net, images, settings).best()

The objective is that of tables (`lib.training.expo`). What differs: cells instead of features, batch norm, and memory.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from lib import metrics
from lib.data.images import Images, augment
from lib.explainers import LIME, Attribution, GradCAM, KernelSHAP, Linear, squares
from lib.explainers.base import Explainer
from lib.explainers.changed import Changed
from lib.methods import ABLATIONS, ID
from lib.nets.resnet import NORMS, Convolutional
from lib.options import check_counts, check_flags, check_numbers, identity, is_whole, speed
from lib.predictor import Predictor
from lib.training import parallel
from lib.training.expo_fitted import draws_of_splits, stacked
from lib.training.expo_step import Criterion, Settings, check_criterion, check_trainable, explained_by, gradient
from lib.training.measuring import SCORED, measured
from lib.training.single import Single

METHODS = ID | ABLATIONS
NOT_RECORDED = ("chunk", "memory", "stack_rows", "hidden", "layers")  # matters of speed, and of tables
BACKGROUNDS = ("mean", "released")
KINDS = {
    "Grad-CAM": GradCAM, "LIME": LIME, "KernelSHAP": KernelSHAP, "Integrated Gradients": Attribution,
    "Occlusion": Attribution,
}  # fmt: skip
GIVEN = ("layer", "grid", "segments", "M", "method", "options")  # to an explainer by `explainer_for` itself
GRADCAM = GradCAM()  # the paper's options for CIFAR-10
MEMORY = {"cpu": 128, "cuda": 16_384}  # inputs in one forward and backward pass: activations of more leave the cache


@dataclass(frozen=True)
class Tuning(Settings):
    """What the paper fixes for images, and our reading of what it leaves open, beside what tables share."""

    method: str = "ID-ExpO"
    explainer: Explainer = GRADCAM
    floor: float = 1e-3
    lam: float = 0.1  # lambda_1 = lambda_2 of ID-ExpO, or the strength of ExpO
    lam3: float = 0.0
    lr: float = 1e-4
    epochs: int = 50
    patience: int = 10
    per_epoch: int | None = None  # images between two validations; None: all
    augmented: bool = True  # flips and crops, as in pretraining
    norm: str = "frozen"  # batch norm, see `Convolutional`
    scored: str = "predicted"  # class whose curves choose epochs; "label", the true one, is the released code's
    background: str = "mean"  # of the training images; "released": as the released code has it, see `background_of`
    memory: int | None = speed(None)  # inputs in one forward and backward pass, the same gradient; None: by the device
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        check_numbers(self, "lam", "lam3")
        check_numbers(self, "lr", positive=True)
        check_counts(self, "seed", least=0)
        check_flags(self, "augmented")
        for name, least in (("per_epoch", self.batch), ("memory", 1)):
            if getattr(self, name) is not None:
                check_counts(self, name, least=least)
        if self.draws is not None and self.method != "ID-ExpO":
            raise ValueError(f"{self.method} has no values of s, so its draws must be None, got {self.draws}")
        choices = {"method": METHODS, "norm": NORMS, "background": BACKGROUNDS, "scored": SCORED}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if METHODS[self.method].penalty == "path":
            check_trainable(self.explainer)

    def recorded(self) -> dict:
        """The settings that identify a record: no matter of speed, and not what has a column of its own there."""
        flat = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in NOT_RECORDED}
        for role in ("explainer", "around"):
            if options := flat.get(role) and asdict(flat[role]):
                superpixels = options.pop("segments", None)
                flat[role] = {n: v for n, v in options.items() if n != "chunk"} | {"name": getattr(self, role).name}
                flat[role] |= {} if superpixels is None else {"superpixels": max(superpixels) + 1}
        return {n: value for n, value in flat.items() if (n, value) != ("scored", "predicted")}  # as the first records


def background_of(images: Images, kind: str = "mean") -> Tensor:
    """What masked pixels become, (3, H, W): the mean colour, 0 as inputs are standardised.

    "released": the mean colour between 0 and 1, mixed into standardised inputs as the released code does, which is
    brighter than the mean.
    """
    if kind not in BACKGROUNDS:
        raise ValueError(f"background must be one of {', '.join(BACKGROUNDS)}, got {kind!r}")
    if kind == "mean":
        return images.background
    return images.mean[:, None, None].expand_as(images.background).clone()


def explainer_for(
    name: str, net: nn.Sequential, images: Images, *, layer: str = "conv3_x", superpixels: int = 8, M: int = 200,
    **options,
) -> Explainer:  # fmt: skip
    """Grad-CAM at a layer, or one on square superpixels, so many to a side; options are its own.

    LIME and KernelSHAP; Integrated Gradients and Occlusion are Captum's, for measuring alone. ValueError if there is no
    such explainer or option of it, or if the image cannot be cut into so many squares.
    """
    if name not in KINDS:
        raise ValueError(f"explainer must be one of {', '.join(KINDS)}, got {name!r}")
    known = [field.name for field in fields(KINDS[name]) if field.name not in GIVEN]
    if unknown := sorted(options.keys() - known):
        raise ValueError(f"an option of {name} must be one of {', '.join(known)}, got {', '.join(unknown)}")
    height, width = images.x_train.shape[1:3]
    if name == "Grad-CAM":
        cam, f = GradCAM(layer=layer, **options), Convolutional(net)
        with torch.no_grad():
            maps = f.split(layer)[0](f.theta(), images.background[None])
        cam = replace(cam, grid=tuple(maps.shape[-2:]))
        cam.cells(images.background.shape)  # refused here, before anything is trained
        return cam
    if not is_whole(superpixels, 1) or height % superpixels or width % (height // superpixels):
        raise ValueError("superpixels must be a whole number of squares to a side, with no rest of the image's "
                         f"{height} x {width} pixels, got {superpixels!r}")  # fmt: skip
    side = height // superpixels
    segments = squares(height, width, side)
    if name == "Integrated Gradients":
        return Attribution("IntegratedGradients", segments, **options)
    if name == "Occlusion":
        window = (3, side, side)
        windows = (("sliding_window_shapes", window), ("strides", window))
        return Attribution("Occlusion", segments, options=windows, **options)
    return KINDS[name](M=M, segments=segments, **options)


class Tuner(Single):
    """One network and one method; epochs are kept by the valscore of each criterion (ID-11, ID-15)."""

    def __init__(self, net: nn.Sequential, images: Images, settings: Tuning, *, criteria: Sequence[Criterion] = ()):
        self.criteria = tuple(map(check_criterion, criteria)) or ((settings.explainer, settings.S),)
        super().__init__(net, images, settings, per_epoch=settings.per_epoch, criteria=len(self.criteria))
        if settings.norm == "batch" and parallel.processes() > 1:
            raise ValueError("norm must be frozen where several processes train, each on its own rows, got batch")
        if settings.norm == "batch" and getattr(settings.explainer, "keep", 1) < 1:
            raise ValueError("keep must be 1 where norm is batch: backward needs the batch that forward had")
        if settings.T == "batch" and parallel.processes() > 1:
            raise ValueError("T must not be batch where several processes train, each on its own rows of one")
        self.b = background_of(images, settings.background)
        settings.check_draws(self.b.shape)
        self.memory = settings.memory or MEMORY[self.device.type]
        self.f = Convolutional(net, settings.norm, products=torch.bfloat16 if settings.mixed else None)
        self.chunked = in_chunks(settings, self.memory if settings.norm == "frozen" else None)
        self.draws = draws_of(self.criteria, self.b)
        self.state["parts"] = []  # accuracy, insertion and deletion of each criterion at each validation

    def fingerprint(self) -> str:
        criteria = [(explainer.name, identity(explainer), S) for explainer, S in self.criteria]
        return f"{super().fingerprint()} {criteria}"

    def rate(self, step: int) -> float:
        return self.settings.lr

    def gradients(self, rows: Tensor) -> None:
        images, settings, shape = self.images, self.settings, self.b.shape
        pixels, y = images.x_train[rows], images.y_train[rows]
        x = images.inputs(augment(pixels, self.generator) if settings.augmented else pixels)
        explainer, drawn, s = explained_by(METHODS[settings.method], self.chunked), {}, None
        if explainer:
            drawn = explainer.draw(shape, self.generator, rows=len(rows))
        if settings.method == "ID-ExpO":
            s = settings.drawn_steps(shape, self.generator, len(rows))
        own = parallel.own()  # what is drawn is drawn for the whole batch, masks that all rows share have an axis of 1
        drawn = {n: (t if len(t) == 1 else t[own]).to(self.device) for n, t in drawn.items()}
        self.backward(x[own], y[own], drawn=drawn, s=None if s is None else s[own].to(self.device))

    def backward(self, x: Tensor, y: Tensor, *, drawn: dict[str, Tensor], s: Tensor | None) -> None:
        """The objective's gradient on a batch x (B, 3, H, W), y (B,).

        The folded network's parameters are leaves for all chunks; what they gathered goes through the folding once.
        """
        theta = self.f.theta()
        wanted = [n for n, t in theta.items() if t.requires_grad]
        leaves = {n: t.detach().requires_grad_() if n in wanted else t for n, t in theta.items()}
        lam, lam3 = (x.new_tensor([value]) for value in (self.settings.lam, self.settings.lam3))
        found = gradient(
            Predictor(self.f, leaves, self.b), x[None], y[None], method=METHODS[self.settings.method], lam=lam,
            lam3=lam3, settings=self.chunked, drawn=stacked([drawn]), wanted=wanted, s=None if s is None else s[None],
        )  # fmt: skip
        torch.autograd.backward([theta[n] for n in wanted], [found[n] for n in wanted])

    @torch.no_grad()
    def measure(self) -> list[float]:
        predictor, found, S = predictor_of(self.net, self.images, self.settings.background), {}, {}
        for explainer, share in self.criteria:
            S[explainer] = max(share, S.get(explainer, 0.0))
        for explainer, share in S.items():
            found[explainer] = measured(predictor, self.images, "val", explainer=explainer, S=share,
                                        drawn=self.draws[explainer], memory=self.memory,
                                        scored=self.settings.scored)  # fmt: skip
        parts = [found[explainer].areas(share) for explainer, share in self.criteria]
        self.state["parts"].append([list(part) for part in parts])
        eta = self.settings.eta
        return [metrics.valscore(*map(torch.tensor, part), eta=eta).item() for part in parts]


def predictor_of(net: nn.Sequential, images: Images, background: str = "mean") -> Predictor:
    """A network as it is measured: in single precision, statistics frozen, no gradients."""
    f = Convolutional(net)
    return Predictor(f, {n: t.detach() for n, t in f.theta().items()}, background_of(images, background))


def in_chunks(settings: Tuning, memory: int | None) -> Tuning:
    """The same settings with so many inputs in memory at a time; None: all, as batch norm in training mode needs."""
    rows = math.ceil(settings.batch / parallel.processes())  # of one process
    chunk = None if memory is None else max(1, memory // rows)
    around = settings.around and _in_chunks(settings.around, chunk)
    explainer = _in_chunks(settings.explainer, chunk)
    return replace(settings, chunk=None if chunk is None else max(1, chunk // 2), explainer=explainer, around=around)


def _in_chunks(explainer: Explainer, chunk: int | None) -> Explainer:
    if isinstance(explainer, Changed):
        return replace(explainer, of=_in_chunks(explainer.of, chunk))
    return replace(explainer, chunk=chunk) if isinstance(explainer, Linear) else explainer


def draws_of(criteria: Sequence[Criterion], b: Tensor) -> dict[Explainer, dict[str, Tensor]]:
    """With what each explainer explains validation and test images: the same for every network and epoch."""
    every = draws_of_splits([0], criteria, b)
    return {explainer: {n: t[0] for n, t in drawn.items()} for explainer, drawn in every.items()}


def tune(
    net: nn.Sequential, images: Images, settings: Tuning, *, criteria: Sequence[Criterion] = (),
    checkpoint: Path | None = None, progress: bool = True,
) -> Tuner:  # fmt: skip
    """Fine-tune a network (it is changed) to the end; criteria: (explainer, S) pairs that choose epochs."""
    tuner = Tuner(net.to(images.x_train.device), images, settings, criteria=criteria)
    tuner.run(checkpoint, progress=progress, label=settings.method)
    return tuner
