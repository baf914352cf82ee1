"""ResNets of any width, cut in two at any layer, with their batch norm folded away or left in training mode.

    net = resnet18(C=10, width=64)            # an nn.Module, the names of its parameters are torchvision's
    f = Convolutional(net)                    # f(theta, x): logits, theta = f.theta() or leaves with its values
    stem, head = f.split("conv3_x")           # x -> maps A -> logits, functions of (theta, .) too

Folding is differentiable and done once a step: gradients reach the convolutions and the batch norm's scale and shift.
With the statistics frozen no sample depends on another one of its batch, which explanations of a batch rely on.
"""

import copy
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call

from lib import writing
from lib.nets import robustness

if TYPE_CHECKING:  # an import of seconds, see below
    from torchvision.models.resnet import BasicBlock, Bottleneck

LAYERS = {"conv2_x": "layer1", "conv3_x": "layer2", "conv4_x": "layer3", "conv5_x": "layer4"}  # the paper's names
STEMS = ("cifar", "unpooled", "plain")
NORMS = ("frozen", "batch")
Theta = dict[str, Tensor]


def resnet18(C: int, width: int = 64, stem: str = "cifar") -> nn.Sequential:
    """ResNet-18 for C classes from torchvision's blocks, `width` channels in its first stage (64 in the paper).

    stem: "cifar", a 3x3 convolution and a max pool, which gives 8x8 maps at conv3_x for 32x32 pixels; "unpooled", the
    same without the pool: 8x8 at conv4_x; "plain", torchvision's 7x7 convolution of stride 2, which gives 6x6 maps at
    conv4_x for 96x96 pixels.
    """
    from torchvision.models.resnet import BasicBlock  # here, as this import takes seconds

    return _resnet(BasicBlock, (2, 2, 2, 2), C, width=width, stem=stem)


def resnet50(C: int, width: int = 64, stem: str = "cifar") -> nn.Sequential:
    """ResNet-50, of bottleneck blocks; arguments as those of `resnet18`."""
    from torchvision.models.resnet import Bottleneck

    return _resnet(Bottleneck, (3, 4, 6, 3), C, width=width, stem=stem)


def _resnet(
    Block: "type[BasicBlock | Bottleneck]", counts: tuple[int, ...], C: int, *, width: int, stem: str
) -> nn.Sequential:
    """Four stages of so many blocks each, every stage but the first with half the rows and columns."""
    if stem not in STEMS:
        raise ValueError(f"stem must be one of {', '.join(STEMS)}, got {stem!r}")
    if C < 2 or width < 1:
        raise ValueError(f"C must be at least 2 and width at least 1, got {C} and {width}")
    kernel, stride, padding = (7, 2, 3) if stem == "plain" else (3, 1, 1)

    def stage(number: int, inputs: int) -> nn.Sequential:
        own, stride = width * 2**number, 2 if number else 1
        shortcut, outputs = None, own * Block.expansion
        if stride > 1 or inputs != outputs:
            shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        further = (Block(outputs, own) for _ in range(counts[number] - 1))
        return nn.Sequential(Block(inputs, own, stride, shortcut), *further)

    out = width * Block.expansion
    net = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, width, kernel, stride, padding, bias=False),
            bn1=nn.BatchNorm2d(width),
            relu=nn.ReLU(),  # not in place: the network may be cut before it
            maxpool=nn.Identity() if stem == "unpooled" else nn.MaxPool2d(3, 2, 1),
            layer1=stage(0, width),
            layer2=stage(1, out),
            layer3=stage(2, 2 * out),
            layer4=stage(3, 4 * out),
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(8 * out, C),
        )
    )
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return net.to(memory_format=torch.channels_last)


def fold(net: nn.Module) -> Theta:
    """Parameters of `twin(net)`: each convolution takes up the batch norm behind it, statistics frozen.

    scale (W x - mean) / sqrt(var + eps) + shift = (a W) x + (shift - a mean) with a = scale / sqrt(var + eps).
    """
    modules, theta = dict(net.named_modules()), {}
    for name, module in modules.items():
        if isinstance(module, nn.Conv2d):
            norm = modules[_norm_behind(name)]
            a = norm.weight * (norm.running_var + norm.eps).rsqrt()
            theta[f"{name}.weight"] = module.weight * a[:, None, None, None]
            theta[f"{name}.bias"] = norm.bias - a * norm.running_mean
        elif isinstance(module, nn.Linear):
            theta |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
    return theta


def twin(net: nn.Module) -> nn.Module:
    """The same network without batch norm, its convolutions with a bias: what `fold` gives parameters for."""
    net = copy.deepcopy(net)
    for name, module in list(net.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            parent, _, own = name.rpartition(".")
            setattr(net.get_submodule(parent), own, nn.Identity())
        elif isinstance(module, nn.Conv2d):
            module.bias = nn.Parameter(torch.zeros_like(module.weight[:, 0, 0, 0]))
    return net


def _norm_behind(conv: str) -> str:
    """The name of the batch norm behind a convolution, as torchvision has them: conv2, bn2; shortcuts: 0, 1."""
    parent, _, own = conv.rpartition(".")
    return f"{parent}.{'1' if own == '0' else own.replace('conv', 'bn')}".lstrip(".")


def split(net: nn.Sequential, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
    """The network up to a layer, and what comes after it: "conv3_x" as in the paper, "layer2" or "layer2.0".

    ValueError if there is no such layer, or if its output is no map.
    """
    outer, _, inner = LAYERS.get(layer, layer).partition(".")
    children = dict(net.named_children())
    maps = list(children)[: list(children).index("avgpool")]
    if outer not in maps or (inner and inner not in dict(children[outer].named_children())):
        known = ", ".join([*LAYERS, *maps])
        raise ValueError(f"layer must be one of {known}, or a block of one, as in layer2.0, got {layer!r}")
    stem, head = OrderedDict(), OrderedDict()
    for at, (name, module) in enumerate(children.items()):
        if name == outer and inner:
            blocks = list(module.named_children())
            cut = [n for n, _ in blocks].index(inner) + 1
            stem[name], head[name] = (nn.Sequential(OrderedDict(b)) for b in (blocks[:cut], blocks[cut:]))
        else:
            (stem if at <= maps.index(outer) else head)[name] = module
    # A block of the second half keeps its number as its name, so that parameters are found by their names.
    return nn.Sequential(stem), nn.Sequential(head)


class Convolutional:
    """A network as a function f(theta, x) of its parameters, x (n, 3, H, W) -> logits (n, C).

    norm: "frozen" folds batch norm away; "batch" normalises by the batch at hand, as in training, which couples the
    samples of a batch. products: the type that layers multiply in (torch.bfloat16 for mixed precision); logits
    come in the type of x.
    """

    def __init__(self, net: nn.Sequential, norm: str = "frozen", *, products: torch.dtype | None = None):
        if norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {norm!r}")
        self.net, self.norm, self.products = net, norm, products
        self.shape = twin(net) if norm == "frozen" else net

    def theta(self) -> Theta:
        """All that f multiplies with, differentiable in the network's parameters."""
        if self.norm == "frozen":
            return fold(self.net)
        return dict(self.net.named_parameters()) | dict(self.net.named_buffers())

    def __call__(self, theta: Theta, x: Tensor) -> Tensor:
        return self._apply(self.shape, theta, x).to(x.dtype)

    def split(self, layer: str) -> tuple[Callable, Callable]:
        """stem(theta, x) -> maps (n, I, h, w) of a layer, and head(theta, maps) -> logits (see `split`)."""
        stem, head = split(self.shape, layer)
        return (lambda theta, x: self._apply(stem, theta, x).to(x.dtype)), (
            lambda theta, A: self._apply(head, theta, A).to(A.dtype)
        )

    def _apply(self, part: nn.Module, theta: Theta, x: Tensor) -> Tensor:
        part.train(self.norm == "batch")
        names = [n for n, _ in (*part.named_parameters(), *part.named_buffers())]
        with torch.autocast(x.device.type, self.products, enabled=self.products is not None):
            own = {n: theta[n] for n in names}
            return functional_call(part, own, (x.contiguous(memory_format=torch.channels_last),))


def save(net: nn.Module, path: str | Path, **about) -> Path:
    """Write a network's parameters with what is worth knowing about it (plain values), whole or not at all."""
    path = Path(path)
    with writing.whole(path) as partial:
        unpooled = isinstance(net.get_submodule("maxpool"), nn.Identity)
        torch.save({"net": net.state_dict(), "about": about, "unpooled": unpooled}, partial)
    return path


def kept(folder: str | Path, config: str, C: int, **noted) -> tuple[nn.Sequential, dict] | None:
    """The network that the run `config` left in a folder with these notes, and all that it notes, or None (`save`)."""
    for path in sorted(Path(folder).glob(f"{config}-*.pt")):
        net, about = load(path, C)
        if noted.items() <= about.items():
            return net, about
    return None


def check_place(path: str | Path, name: str = "weights") -> Path:
    """The path, for `save` to write to after a long training.

    ValueError, by this name, if it cannot be written, or if a file is there that holds no network.
    """
    writing.check_home(name, path)
    path = Path(path)
    if not writing.takes_files(writing.nearest(path.parent)):
        raise ValueError(f"{name} must be a place that can be written, got {path}")
    try:
        free = not path.exists() or {"net", "conv1.weight"} & set(_read(path))
    except Exception:  # torch raises a different one for each kind of file
        free = False
    if not free:
        raise ValueError(f"{name} must be a new file or a network's, got {path}, which is something else: move it away")
    return path


def _read(path: str | Path) -> dict:
    found = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(found, dict):
        raise TypeError(f"it holds a {type(found).__name__} in place of parameters by name")
    return found


def load(path: str | Path, C: int, *, stem: str = "", new_head: bool = False) -> tuple[nn.Sequential, dict]:
    """A ResNet-18 or ResNet-50 for C classes, and what `save` noted; or somebody's parameters by torchvision's names.

    Depth and width are read off the parameters, which may lie under "state_dict" and begin with "module.". A file of
    the package `robustness` has no pool in its stem and notes `mean` and `std` of its inputs (see
    `Images.as_trained`).
    stem: of STEMS, needed where a 3x3 convolution begins parameters of others, as no pool is seen in these; empty for
    what the file says. new_head: leave out the last layer, which then starts at random, as it was for other classes.
    ValueError if the file holds none that fit.
    """
    if not Path(path).is_file():
        raise ValueError(f"there is no file of weights at {str(path)!r}")
    try:
        found = _read(path)
        if robustness.is_its_own(found):
            found = robustness.translated(found)
        found = found.get("state_dict", found)  # beside an optimiser's, as scripts save it
        theta, about = (found["net"], {**found.get("about", {})}) if "net" in found else (found, {})
        theta = {n.removeprefix("module."): t for n, t in theta.items()}  # where several GPUs trained it
        width, kernel = theta["conv1.weight"].shape[0], theta["conv1.weight"].shape[-1]
        make = resnet50 if "layer1.0.conv3.weight" in theta else resnet18
        net = make(C, width, _stem_of(found, kernel, stem))
        other = new_head or len(theta["fc.weight"]) != C
        own = {n: t for n, t in net.state_dict().items() if other and n.startswith("fc.")}
        net.load_state_dict({**theta, **own})
        _check_finite(net)
        if own and not new_head:
            raise ValueError(f"its last layer is for {len(theta['fc.weight'])}, which new_head leaves out")
    except Exception as error:  # torch raises a different one for each kind of damage
        raise ValueError(f"{path} holds no ResNet-18 or ResNet-50 for {C} classes: {_reason(error)}") from error
    return net, about


def _check_finite(net: nn.Module) -> None:
    """ValueError, naming the first, unless all parameters are finite and all variances at least 0."""
    for name, tensor in net.state_dict().items():
        if not tensor.isfinite().all() or (name.endswith("running_var") and (tensor < 0).any()):
            raise ValueError(f"{name} must hold finite numbers, and none below 0 if they are variances")


def _stem_of(found: dict, kernel: int, stem: str) -> str:
    """Which of STEMS a file's network has: a kernel of 7x7 tells it, and of a pool behind another what `save` noted."""
    said = "plain" if kernel == 7 else ""
    if not said and "unpooled" in found:
        said = "unpooled" if found["unpooled"] else "cifar"
    if said and stem not in ("", said):
        raise ValueError(f"its stem is {said}, so stem must be that or empty, got {stem!r}")
    if not said and stem not in ("cifar", "unpooled"):
        raise ValueError(f"a pool may follow its stem or not, so stem must be cifar or unpooled, got {stem!r}")
    return said or stem


def _reason(error: Exception) -> str:
    """What is wrong with weights, in a line: torch says first that there were errors, then names every parameter."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if isinstance(error, pickle.UnpicklingError):
        return "it is no file of parameters, as torch.save(net.state_dict(), path) writes it"
    lines = [line.strip() for line in str(error).splitlines()] or [type(error).__name__]
    reason = lines[1] if lines[0].startswith("Error(s)") else lines[0]
    return reason if len(reason) <= 160 else f"{reason[:160]} ..."
