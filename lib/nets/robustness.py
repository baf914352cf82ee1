"""Weights that the package `robustness` leaves, by torchvision's names: those of the paper's robust ResNet-50.

Its file holds, under "model" and behind the prefix "module.", the network ("model."), the same once more as its
attacker's, and the standardisation of its inputs ("normalizer."). CIFAR's ResNets have no pool in their stem there.
"""

RENAMED = {"shortcut": "downsample", "linear": "fc"}


def is_its_own(found: dict) -> bool:
    """Whether a file's content is that package's."""
    return isinstance(found.get("model"), dict) and "module.normalizer.new_mean" in found["model"]


def translated(found: dict) -> dict:
    """Such a content as `lib.nets.resnet.save` would have it; about: mean and std of the inputs, between 0 and 1."""
    held = {name.removeprefix("module."): tensor for name, tensor in found["model"].items()}
    net = {_renamed(name.removeprefix("model.")): t for name, t in held.items() if name.startswith("model.")}
    about = {name: held[f"normalizer.new_{name}"].flatten().tolist() for name in ("mean", "std")}
    return {"net": net, "about": about, "unpooled": True}


def _renamed(name: str) -> str:
    return ".".join(RENAMED.get(part, part) for part in name.split("."))
