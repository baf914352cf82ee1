"""One network in training: batches from its own generator, kept at its best, resumed exactly after an interruption.

Networks with convolutions run one at a time (see the chapter on speed), so there is no run axis here. A subclass of
`Single` says what a step's gradients are, how fast it learns and how it is measured.
"""

import copy
import hashlib
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lib.data.images import Images
from lib.options import identity
from lib.predictor import check_labels
from lib.progress import Bar
from lib.training import checkpoint as files
from lib.training import parallel

PATIENCE_FOR_NAN = 20  # refused steps in a row that end a training


class Single:
    """A network trained by SGD with Nesterov momentum; its epochs are kept by each of several measures.

    Subclasses define `gradients`, `rate` and `measure`. settings: a dataclass with batch, epochs, momentum,
    weight_decay and seed, which with `images` decides the result. per_epoch: images between two measurements.
    ValueError for labels that are no classes of the images.
    """

    def __init__(self, net: nn.Module, images: Images, settings, *, per_epoch: int | None = None, criteria: int = 1):
        self.net, self.images, self.settings = net, images, settings
        self.device = images.x_train.device
        N = len(images.x_train)
        if settings.batch < parallel.processes():
            raise ValueError(
                f"batch must be at least 1 for each of {parallel.processes()} processes, got {settings.batch}"
            )
        if not 1 <= settings.batch <= N:
            raise ValueError(f"batch must lie between 1 and the {N} training images, got {settings.batch}")
        for part in ("train", "val"):
            x, y = (getattr(images, f"{name}_{part}") for name in "xy")
            check_labels(y.cpu(), x.shape[:1], C=images.C, name=f"y_{part}")
        self.steps = max(1, (per_epoch or N) // settings.batch)  # in an epoch
        self.generator = torch.Generator().manual_seed(settings.seed)  # on the CPU: the same draws on any device
        self.optimiser = torch.optim.SGD(
            net.parameters(), lr=0.1, momentum=settings.momentum, nesterov=settings.momentum > 0,
            weight_decay=settings.weight_decay,
        )  # fmt: skip
        self.start, self.running = _digest(net.state_dict().values()), files.running(net, settings)
        self.state: dict[str, Any] = {
            "order": torch.empty(0, dtype=torch.int64), "at": 0, "step": 0, "refused": 0, "in_a_row": 0,
            "best": [-math.inf] * criteria, "best_epoch": [0] * criteria, "best_net": [None] * criteria,
            "history": [], "seconds": 0.0, "stepping": 0.0,
        }  # fmt: skip

    def gradients(self, rows: Tensor) -> None:
        """Put into every parameter's `grad` that of the loss on this process's part of some rows of the images."""
        raise NotImplementedError

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        raise NotImplementedError

    def measure(self) -> list[float]:
        """Validation measure by each criterion; higher is better."""
        raise NotImplementedError

    @property
    def epoch(self) -> int:
        """How many are done."""
        return self.state["step"] // self.steps

    @property
    def done(self) -> bool:
        """Whether the training has ended: by its length, without progress for long, or because it diverged."""
        last = max(self.state["best_epoch"])
        waited = self.epoch - last >= getattr(self.settings, "patience", math.inf)
        return self.epoch >= self.settings.epochs or waited or self.state["in_a_row"] >= PATIENCE_FOR_NAN

    def run(
        self, checkpoint: Path | None = None, *, every: float = 30.0, progress: bool = True, label: str = ""
    ) -> None:
        """Train to the end; saves every so many seconds, and resumes from the checkpoint if it exists."""
        checkpoint, every = files.check_path(checkpoint), files.check_every(every)
        if checkpoint and parallel.of_first(checkpoint.exists()):
            self.load(checkpoint)
        saved, total = time.monotonic(), self.settings.epochs * self.steps
        standing, options = {}, {"initial": self.state["step"], "label": label, "unit": "step", "shown": progress}
        with Bar(total, **options) as bar:
            while not self.done:
                started = time.perf_counter()
                self.advance()
                self.state["stepping"] += time.perf_counter() - started
                if self.state["step"] % self.steps == 0:
                    self.keep()
                    standing = {"best": f"{max(self.state['best']):.3f}", "refused": self.state["refused"]}
                self.state["seconds"] += time.perf_counter() - started
                bar.advance(1, **standing)
                if checkpoint and time.monotonic() - saved >= every:
                    self.save(checkpoint)
                    saved = time.monotonic()
        if checkpoint:
            self.save(checkpoint)

    def advance(self) -> None:
        """One step. One whose gradients are not finite is refused: nothing changes, and it is counted."""
        state, batch = self.state, self.settings.batch
        if state["at"] + batch > len(state["order"]):
            state["order"], state["at"] = torch.randperm(len(self.images.x_train), generator=self.generator), 0
        rows = state["order"][state["at"] : state["at"] + batch].to(self.device)
        buffers = [b.clone() for b in self.net.buffers()]
        self.optimiser.zero_grad(set_to_none=True)
        self.gradients(rows)
        parallel.add_gradients(self.net.parameters(), len(rows[parallel.own()]) / len(rows))
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(state["step"])
        norm = nn.utils.get_total_norm([p.grad for p in self.net.parameters() if p.grad is not None])
        if norm.isfinite():
            self.optimiser.step()
            state["in_a_row"] = 0
        else:
            state["refused"] += 1
            state["in_a_row"] += 1
            for buffer, before in zip(self.net.buffers(), buffers):
                buffer.copy_(before)
        state["at"] += batch
        state["step"] += 1

    def keep(self) -> None:
        """Measure, and keep the network where it is better than before by some criterion.

        A criterion whose patience has ended keeps what it has while others go on: what it would have kept alone.
        """
        state, patience = self.state, getattr(self.settings, "patience", math.inf)
        measured = parallel.of_first(self.measure())  # rounding may differ, and all must stop at one epoch
        state["history"].append(measured)
        for v, value in enumerate(measured):
            waiting = self.epoch - 1 - state["best_epoch"][v] < patience
            if waiting and value > state["best"][v]:  # never where it is NaN
                state["best"][v], state["best_epoch"][v] = value, self.epoch
                state["best_net"][v] = copy.deepcopy(self.net.state_dict())

    def best(self, criterion: int = 0) -> nn.Module:
        """The network as kept. ValueError if it never had a finite measure."""
        if self.state["best_net"][criterion] is None:
            raise ValueError(f"the training diverged: {self.state['refused']} steps had gradients that are not finite")
        net = copy.deepcopy(self.net)
        net.load_state_dict(self.state["best_net"][criterion])
        return net

    def fingerprint(self) -> str:
        """What decides the result, speed aside, and the code that is running; a checkpoint of another is refused."""
        words = repr((type(self).__name__, identity(self.settings), self.steps, self.images.digest, self.start))
        return f"{hashlib.sha256(words.encode()).hexdigest()} {self.running}"

    def save(self, path: Path) -> None:
        """Write the checkpoint, or warn of a disk that has no room for it; one of several processes does."""
        if not parallel.rank():
            files.write(path, self._kept() | {"fingerprint": self.fingerprint()})

    def _kept(self) -> dict:
        own = {"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}
        return own | {"state": self.state, "generator": self.generator.get_state()}

    def load(self, path: Path) -> None:
        """Take up a checkpoint, as the first process reads it. ValueError if it is damaged or another's."""
        own = None if parallel.rank() else files.read(path, self.fingerprint(), like=self._kept())
        kept = parallel.of_first(own)
        self.state = kept["state"]
        self.net.load_state_dict(kept["net"])
        self.optimiser.load_state_dict(kept["optimiser"])
        self.generator.set_state(kept["generator"])


def _digest(tensors) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
