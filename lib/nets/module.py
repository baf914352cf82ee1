"""Anybody's nn.Module as a network of the library."""

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lib.nets.mlp import Theta


class Network:
    """Anybody's nn.Module as f, at R = 1: rows of any shape in, (B, K) out.

    Its own dropout and batch norm are in train mode when bits are given, as `lib.training.fewer` does; afterwards it is
    in the mode that it was in. Parameters without requires_grad stay as they are.
    `lib.training.expo` never does: there they are off and frozen, so that a sample's explanation does not depend on its
    batch.
    """

    n_draws = 0  # its random layers draw from torch's global generator, see own_noise

    def __init__(self, module: nn.Module):
        if not isinstance(module, nn.Module):
            raise ValueError(f"f must be an nn.Module, got {type(module).__name__}")
        if any(map(nn.parameter.is_lazy, (*module.parameters(), *module.buffers()))):
            raise ValueError("f must know its shapes, got lazy layers in it: give it some rows first")
        self.module = module
        frozen = [name for name, tensor in module.named_parameters() if not tensor.requires_grad]
        self.untrained = frozenset([*frozen, *(name for name, _ in module.named_buffers())])

    def __repr__(self) -> str:
        return f"Network({' '.join(repr(self.module).split())})"

    def init(self, generators: Sequence[torch.Generator], dtype=torch.float32) -> Theta:
        """The module's own parameters and buffers, as they are, with a run axis of one."""
        if len(generators) != 1:
            raise ValueError(f"an nn.Module trains one run at a time, got {len(generators)} runs")
        tensors = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        cast = {n: t.to(dtype) if t.is_floating_point() else t for n, t in tensors.items()}
        return {name: t.detach().clone()[None] for name, t in cast.items()}

    @torch.no_grad()
    def check(self, x: Tensor) -> None:
        """ValueError unless the module makes rows (B, K) of rows x (B, *input), and leaves these as they are."""
        given, generator = x.clone(), torch.Generator(x.device)
        try:
            theta = {name: tensor[0].to(x.device) for name, tensor in self.init([generator], x.dtype).items()}
            with self.own_noise(generator), self._mode(False):
                out = torch.func.functional_call(self.module, theta, (given,))
        except Exception as error:  # whatever a module raises
            reason = str(error).split("\n")[0]
            raise ValueError(f"f must take rows of the shape {tuple(x.shape[1:])}, got an error: {reason}") from error
        if not isinstance(out, Tensor) or out.ndim != 2 or len(out) != len(x):
            got = tuple(out.shape) if isinstance(out, Tensor) else f"a {type(out).__name__}"
            raise ValueError(f"f must give one tensor, a row of numbers for each of {len(x)} rows, got {got}")
        if given._version:  # counts what was done in place
            raise ValueError("f must leave its input as it is, got one that changes it in place: use ReLU() and not "
                             "ReLU(inplace=True), x * 2 and not x.mul_(2)")  # fmt: skip

    @contextlib.contextmanager
    def own_noise(self, generator: torch.Generator):
        """Inside, torch's global generator is seeded from the run's own; afterwards it is as it was."""
        devices = [generator.device] if generator.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(torch.randint(2**62, (), generator=generator, device=generator.device).item())
            yield

    def __call__(self, theta: Theta, x: Tensor, bits: Tensor | None = None) -> Tensor:
        with self._mode(bits is not None):
            return torch.func.functional_call(self.module, {k: v[0] for k, v in theta.items()}, (x[0],))[None]

    @contextlib.contextmanager
    def _mode(self, training: bool):
        """Inside, the module is in a mode. What was set to evaluation within a module that trains stays so."""
        modes, whole = [(part, part.training) for part in self.module.modules()], self.module.training
        for part, own in modes:
            part.training = training and (own or not whole)
        try:
            yield
        finally:
            for part, own in modes:
                part.training = own
