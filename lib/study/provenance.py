"""Where a result comes from: device, versions, code, and the settings and their hash, as columns of a record."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
_PACKAGES = ("torch", "numpy", "scipy", "pandas", "scikit-learn")


def provenance(settings: Mapping, device: str | torch.device, *, version: int = 1) -> dict[str, str | int]:
    """Columns that say how a result came about.

    version: of the experiment, raised by hand when what it computes changes, so that a change of the code's shape
    alone makes no record stale.
    """
    own = {"experiment_version": version, "config": config_hash(settings), "settings": _json(settings)}
    return made_by(device) | own


def made_by(device: str | torch.device) -> dict[str, str]:
    """The device and its threads, the versions of Python and packages, and the commit: of what has no settings, too."""
    packages = (f"{name} {metadata.version(name)}" for name in _PACKAGES)
    return {
        "device": _device(torch.device(device)),
        "versions": ", ".join((f"python {platform.python_version()}", *packages)),
        "code": _code(),
    }


def config_hash(settings: Mapping) -> str:
    """12 hexadecimal digits that depend on the settings, not on their order, nor on 1 or 1.0, list or tuple."""
    return hashlib.sha256(_json(settings).encode()).hexdigest()[:12]


def _json(settings: Mapping) -> str:
    return json.dumps(_plain(settings), sort_keys=True)


def _plain(value):
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ValueError(f"settings must be made of numbers, text, lists and dictionaries, got {value!r}")


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{device.type}: {models[0] if models else platform.machine()}, {torch.get_num_threads()} threads"


def _code(root: Path = ROOT) -> str:
    """The commit, and whether lib and notebooks differ from it; `unknown` where there is no git."""

    def git(*words):
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return f"{commit} {'changed' if git('status', '--porcelain', '--', 'lib', 'notebooks') else 'clean'}"
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
