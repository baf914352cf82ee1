"""Fine-tuning R predictors at once so that their explanations are faithful: ID-ExpO and its rivals (ID-11).

    start = expo.pretrain(folds, seeds=[0])
    runs = Runs.grid(len(folds.split), lams=[0.1, 0.01], lam3s=[0.0], lrs=[0.01])
    tuned = expo.train("ID-ExpO", folds, runs, start, Settings(explainer="LIME", S=0.5))

A run's batches and masks come from its own generator, as in `lib.training`, with the same guarantees. Validation and
test explain the predicted class, with one set of masks for each split, the same for every run and epoch.
"""

import hashlib
import itertools
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lib import explainers, masks, metrics, regularizers
from lib.data import Folds
from lib.nets import Classifier, Network, Theta, log_probability
from lib.training.engine import (
    Program,
    check_axes,
    check_checkpoint,
    check_counts,
    check_device,
    check_folds,
    check_numbers,
    places,
)

METHODS = ("ID-ExpO", "ExpO-S", "ExpO-F", "CE-only")
EXPLAINERS = ("LIME", "KernelSHAP")
SHOWN = 8  # test rows whose contributions are kept beside the scores
SPEED, COLUMNS = ("chunk", "stack_rows"), ("explainer", "S", "deletion", "mixed")  # settings, see `Settings.recorded`
Criterion = tuple[str, float]  # an explainer and S


def check_criterion(criterion: Criterion) -> Criterion:
    """(explainer, S) itself; ValueError unless both make sense."""
    explainer, S = criterion
    if explainer not in EXPLAINERS:
        raise ValueError(f"explainer must be one of {', '.join(EXPLAINERS)}, got {explainer!r}")
    if not 0 < S <= 1:
        raise ValueError(f"S must be a share of the features in (0, 1], got {S}")
    return explainer, float(S)


@dataclass(frozen=True)
class Settings:
    """What the paper fixes for tables, and our reading of what it leaves open (book page "Readings")."""

    explainer: str = "LIME"  # which explanations ID-ExpO trains
    S: float = 0.5  # share of features inserted and deleted
    deletion: str = "A"  # form of Omega_Del
    M: int = 200  # masks
    eps: float = 0.01
    kernel: str = "L2"  # LIME's
    width: float = 0.75
    scaled: bool = True  # KernelSHAP's weights divided by their mean
    cosine_width: float = 0.25  # of ExpO-S's and ExpO-F's kernel
    fresh: bool = False  # masks of their own for every sample of a batch
    chunk: int | None = None  # masks held in memory at a time: the same gradient, less memory, more time
    keep: float = 1.0  # share of the masks that backward visits: below 1 faster and noisy
    mixed: bool = False  # training multiplies in bfloat16 (mixed precision): faster and rounded, scores are not
    T: float | None = None  # temperature of the soft masks; None: each sample's own
    epochs: int = 200
    patience: int = 20  # epochs without a better valscore
    check: int = 1  # epochs between two validations
    eta: float = 2.0  # weight of accuracy in the valscore that stops a run
    batch: int = 128
    momentum: float = 0.9
    weight_decay: float = 5e-4
    hidden: int = 256
    layers: int = 2
    stack_rows: int = 30_000  # rows multiplied together on a CPU

    def __post_init__(self):
        check_counts(self, "M", "epochs", "patience", "check", "batch", "hidden", "stack_rows")
        check_counts(self, "layers", least=0)
        check_numbers(self, "eps", "eta", "momentum", "weight_decay")
        check_numbers(self, "width", "cosine_width", positive=True)
        if self.chunk is not None:
            check_counts(self, "chunk")
        if self.T is not None:
            check_numbers(self, "T", positive=True)
        check_criterion((self.explainer, self.S))
        if self.deletion not in regularizers.DELETIONS:
            raise ValueError(f"deletion must be one of {', '.join(regularizers.DELETIONS)}, got {self.deletion!r}")
        if not self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")
        if self.kernel not in explainers.KERNELS:
            raise ValueError(f"kernel must be one of {', '.join(explainers.KERNELS)}, got {self.kernel!r}")
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep must be a share of the masks in (0, 1], got {self.keep}")

    def recorded(self) -> dict:
        """The settings that identify a record: no matter of speed, and not what has a column of its own there."""
        return {name: value for name, value in asdict(self).items() if name not in SPEED + COLUMNS}

    def weights(self, Z: Tensor, explainer: str) -> Tensor:
        """The explainer's kernel: masks (..., M, D) -> (..., M). ValueError if there is no such explainer."""
        check_criterion((explainer, self.S))
        if explainer == "KernelSHAP":
            return explainers.shapley_kernel(Z, self.scaled)
        return explainers.lime_kernel(Z, self.kernel, self.width)


@dataclass(frozen=True)
class Runs:
    """The run axis. lam: lambda1 = lambda2 of ID-ExpO, or the strength of ExpO; lam3: weight of ||phi||^2."""

    fold: tuple[int, ...]
    lam: tuple[float, ...]
    lam3: tuple[float, ...]
    lr: tuple[float, ...]
    seed: tuple[int, ...]

    def __post_init__(self):
        if len({len(values) for values in vars(self).values()}) != 1 or not self.fold:
            raise ValueError("runs need as many folds as lams, lam3s, learning rates and seeds, and at least one")
        for name in ("lam", "lam3", "lr"):
            if bad := [v for v in getattr(self, name) if not (v >= 0 and math.isfinite(v))]:
                raise ValueError(f"{name} must be a finite number of at least 0, got {bad[0]}")

    def __len__(self) -> int:
        return len(self.fold)

    @classmethod
    def grid(cls, folds: int, lams=(0.0,), lam3s=(0.0,), lrs=(0.01,), seeds=(0,)) -> "Runs":
        """Every split with every setting, splits fastest. ValueError if one of them has no value."""
        check_axes(folds=range(folds), lams=lams, lam3s=lam3s, lrs=lrs, seeds=seeds)
        cells = itertools.product(seeds, lrs, lam3s, lams, range(folds))
        return cls(*map(tuple, zip(*((f, lam, lam3, lr, seed) for seed, lr, lam3, lam, f in cells))))


@dataclass
class Tuned:
    """Every run at its best epoch by each of V criteria. Tensors have the run axis first."""

    method: str
    f: Classifier | Network
    bank: Theta  # (R, V, ...)
    folds: Folds
    runs: Runs
    settings: Settings
    criteria: tuple[Criterion, ...]
    background: Tensor
    scores: dict[str, Tensor]  # "val_accuracy", "test_insertion", ...: (R, V)
    curves: dict[str, Tensor]  # test means at s = 1 ... Q: "insertion", "deletion"; first rows' phi: "contributions"
    best_epoch: list[list[int]]  # (R, V)
    stopped_epoch: list[int]
    seconds: list[float]
    history: dict[str, np.ndarray]  # "epoch" (T,), "measure" (T, R, V)

    def theta(self, run: int = 0, criterion: int = 0) -> Theta:
        """One run's parameters, with a run axis of one."""
        return {n: t[[run], criterion] for n, t in self.bank.items()}

    @torch.no_grad()
    def explain(self, x: Tensor, explainer: str = "LIME", y: Tensor | None = None, run: int = 0, criterion: int = 0):
        """phi (B, Q) of inputs x (B, *input) as f sees them, for labels y (B,): by default those predicted.

        ValueError if x has other axes or NaN, or if y are not as many classes.
        """
        if x.shape[1:] != self.background.shape or not len(x):
            raise ValueError(f"x must be rows of {tuple(self.background.shape)}, got {tuple(x.shape)}")
        if y is not None and (y.shape != x.shape[:1] or y.is_floating_point()):
            raise ValueError(f"y must be a class for each of {len(x)} rows, got {y.dtype} {tuple(y.shape)}")
        _check_values("x", x, "y", y, self.folds.C)
        theta, fold = self.theta(run, criterion), self.runs.fold[run]
        y = self.f(theta, x[None]).argmax(-1) if y is None else y[None]
        Z = _test_masks(self.folds, [fold], self.settings.M, phi_size(x[None])).to(x)
        P = explainers.projection(Z, self.settings.weights(Z, explainer), self.settings.eps)
        return explainers.explain(self.f, theta, x[None], y, self.background, Z, P)[0][0]


def objective(
    method: str, f, theta: Theta, x: Tensor, y: Tensor, b: Tensor, Z: Tensor, lam: Tensor, lam3: Tensor,
    settings: Settings, generators: Sequence[torch.Generator] = (),
) -> Tensor:  # fmt: skip
    """Cross-entropy and what the method adds, mean over a batch x (R, B, Q), y (R, B), Z (R, M, Q) -> (R,) (ID-11)."""
    if method == "CE-only":
        return -log_probability(f(theta, x), y).mean(1)
    kind = settings.explainer if method == "ID-ExpO" else "cosine"
    k = settings.weights(Z, kind) if kind in EXPLAINERS else explainers.lime_kernel(Z, kind, settings.cosine_width)
    P = explainers.projection(Z, k, settings.eps)
    options = {"chunk": settings.chunk, "keep": settings.keep, "generators": generators}
    phi, y_tilde = explainers.explain(f, theta, x, y, b, Z, P, **options)
    if method == "ID-ExpO":
        r = masks.soft_mask(phi, masks.steps(phi.shape[-1], settings.S), settings.T)
        path = regularizers.follow(f, theta, x, y, b, r)
        both = regularizers.insertion(path) + regularizers.deletion(path, settings.deletion)
        return (-path.whole + lam[:, None] * both + lam3[:, None] * regularizers.size(phi)).mean(1)
    log_p = log_probability(f(theta, x), y)
    if method == "ExpO-S":
        penalty = regularizers.stability(y_tilde, log_p.exp(), k)
    elif method == "ExpO-F":
        penalty = regularizers.fidelity(y_tilde, Z, phi, k)
    else:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    return (-log_p + lam[:, None] * penalty).mean(1)


class Explained(NamedTuple):
    """What one explainer says of a set of rows, and its curves (R, B, K) at s = 1 ... K."""

    phi: Tensor  # (R, B, Q)
    curves: metrics.Curves

    def areas(self, S: float) -> tuple[Tensor, Tensor]:
        """Mean insertion and deletion over rows and s up to S Q, each (R,)."""
        n = len(masks.steps(self.phi.shape[-1], S))
        return tuple(c[..., :n].double().mean((1, 2)) for c in (self.curves.inserted, self.curves.deleted))


@torch.no_grad()
def explain_all(
    f, theta: Theta, x: Tensor, b: Tensor, Z: Tensor, S: dict[str, float], settings: Settings
) -> tuple[Tensor, dict[str, Explained]]:
    """Logits of rows x (R, B, Q), and each explainer's account of the classes they predict, up to its own S.

    Explainers share the perturbed predictions.
    """
    logits = f(theta, x)
    predicted = logits.argmax(-1)
    y_tilde, found = explainers.perturbed_probability(f, theta, x, predicted, b, Z), {}
    for explainer, share in S.items():
        P = explainers.projection(Z, settings.weights(Z, explainer), settings.eps)
        # A run that diverged predicts NaN: its valscore is NaN too, never a better one, and the others go on.
        phi = explainers.least_squares(P, y_tilde).nan_to_num()
        curves = metrics.curves(f, theta, x, predicted, b, phi, masks.steps(phi.shape[-1], share))
        found[explainer] = Explained(phi, curves)
    return logits, found


class _Program(Program):
    """Minibatch SGD with Nesterov momentum, a learning rate for each run."""

    moments = 1

    def __init__(self, method, folds, runs, settings, f, device, dtype, criteria, background, start: Theta | None):
        self.method, self.criteria, self.start_bank, self.b = method, criteria, start, background
        self.lam, self.lam3, self.lr = (
            torch.tensor(v, dtype=dtype, device=device) for v in (runs.lam, runs.lam3, runs.lr)
        )
        super().__init__((method, criteria), folds, runs, settings, f, device, dtype, criteria=len(criteria) or 1)
        given = hashlib.sha256()  # what no setting tells: a checkpoint from other predictors is another configuration
        for tensor in (background, *self.state["bank"].values()):
            given.update(tensor.cpu().numpy().tobytes())
        self.kind += (given.hexdigest(),)
        self.Q = phi_size(folds.x_train)
        self.masks = _test_masks(folds, range(len(folds.split)), settings.M, self.Q).to(device, dtype)

    def start(self) -> Theta:
        """The predictors given, else new ones."""
        if self.start_bank is None:
            return {n: t.to(self.device) for n, t in self.f.init(self.generators, self.dtype).items()}
        return {n: t.clone() for n, t in self.start_bank.items()}

    def rows(self, live: Tensor) -> Tensor:
        """The batch, its masked copies, and its copies with features inserted and deleted."""
        copies = 1 if self.method in ("CE-only", "Predictor") else 1 + self.settings.M
        if self.method == "ID-ExpO":
            copies += 2 * len(masks.steps(self.Q, self.settings.S))
        return torch.full((len(live),), float(self.settings.batch * copies))

    def advance(self, stack: Tensor, epochs: int) -> None:
        """Train some runs for some epochs (ID-11)."""
        settings, moments = self.settings, self.state["moments"]
        theta = {n: t[stack].clone().requires_grad_(n in self.trained) for n, t in self.state["bank"].items()}
        momentum = {n: moments[n][0][stack] for n in self.trained}
        generators = [self.generators[r] for r in stack]
        fold, lam, lam3, lr = self.fold[stack][:, None], self.lam[stack], self.lam3[stack], self.lr[stack]
        method = "CE-only" if self.method == "Predictor" else self.method
        f = self.f.mixed() if settings.mixed else self.f
        Z = None
        for _ in range(epochs):
            orders = [torch.randperm(self.folds.x_train.shape[1], generator=g, device=g.device) for g in generators]
            for batch in torch.stack(orders).split(settings.batch, 1):
                if method != "CE-only":
                    samples = batch.shape[1] if settings.fresh else None
                    Z = explainers.draw_masks(settings.M, self.Q, generators, samples, self.dtype)
                x, y = self.folds.x_train[fold, batch], self.folds.y_train[fold, batch]
                loss = objective(method, f, theta, x, y, self.b, Z, lam, lam3, settings, generators)
                grads = torch.autograd.grad(loss.sum(), [theta[n] for n in self.trained])
                sgd(theta, dict(zip(self.trained, grads)), momentum, lr, settings.momentum, settings.weight_decay)
        for n, tensor in theta.items():
            self.state["bank"][n][stack] = tensor.detach()
        for n in self.trained:
            moments[n][0][stack] = momentum[n]

    def measure(self, bank: Theta, stack: Tensor) -> Tensor:
        """valscore by each criterion; accuracy alone while predictors are pretrained."""
        x, y, Z = (values[self.fold[stack]] for values in (self.folds.x_val, self.folds.y_val, self.masks))
        if not self.criteria:
            return metrics.accuracy(self.f(bank, x), y)[:, None]
        S = {explainer: max(s for e, s in self.criteria if e == explainer) for explainer, _ in self.criteria}
        logits, found = explain_all(self.f, bank, x, self.b, Z, S, self.settings)
        accuracy, areas = metrics.accuracy(logits, y), [found[e].areas(s) for e, s in self.criteria]
        return torch.stack([metrics.valscore(accuracy, *pair, self.settings.eta) for pair in areas], 1)


@torch.no_grad()
def sgd(theta: Theta, grads: Theta, momentum: Theta, lr: Tensor, mu: float, weight_decay: float) -> None:
    """One step of torch.optim.SGD with Nesterov momentum, but with each run's own learning rate lr (R,)."""
    for n, grad in grads.items():
        grad = grad + weight_decay * theta[n]
        momentum[n].mul_(mu).add_(grad)
        theta[n] -= lr.view(-1, *(1,) * (grad.ndim - 1)) * (grad + mu * momentum[n])


def pretrain(
    folds: Folds, seeds: Sequence[int] = (0,), settings: Settings = Settings(), lr: float = 0.05, device: str = "cpu",
    progress: bool = True, dtype: torch.dtype = torch.float32, f: Classifier | Network | None = None,
) -> Tuned:  # fmt: skip
    """The predictors that fine-tuning starts from: cross-entropy alone, kept at their best validation accuracy."""
    runs = Runs.grid(len(folds.split), lrs=(lr,), seeds=tuple(seeds))
    return _run("Predictor", folds, runs, None, settings, (), f, None, device, None, 60.0, progress, dtype)


def train(
    method: str,
    folds: Folds,
    runs: Runs,
    start: Tuned | None,
    settings: Settings = Settings(),
    criteria: Sequence[Criterion] = (),
    f: Classifier | Network | None = None,
    background: Tensor | None = None,
    device: str = "cpu",
    checkpoint: str | os.PathLike | None = None,
    save_every: float = 60.0,
    progress: bool = True,
    dtype: torch.dtype = torch.float32,
) -> Tuned:
    """Fine-tune all runs of one method, and keep each at the best epoch by each criterion (ID-11).

    start: what `pretrain` gave for these folds and seeds; None takes a Network's own parameters. criteria: (explainer,
    S) pairs that choose epochs, by default the settings' own; methods that do not train an explanation are trained
    once for several. background: what masked features become (*input); by default 0, the training mean of
    standardised features. Raises ValueError for what cannot be trained.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    criteria = tuple(map(check_criterion, criteria)) or ((settings.explainer, settings.S),)
    return _run(method, folds, runs, start, settings, criteria, f, background, device, checkpoint, save_every, progress,
                dtype)  # fmt: skip


def _run(method, folds, runs, start, settings, criteria, f, background, device, checkpoint, every, progress, dtype):
    folds = folds.to(check_device(device))
    if folds.task != "classification":
        raise ValueError(f"insertion and deletion score a class's probability: {folds.name} is a {folds.task} task")
    shape = folds.x_train.shape[2:]
    if shape.numel() < 2:
        raise ValueError(f"{folds.name} has a single feature, so that there is nothing to rank")
    b = torch.zeros(shape, dtype=dtype) if background is None else background.to(dtype)
    if b.shape != shape:
        raise ValueError(f"background must have the shape of one input, {tuple(shape)}, got {tuple(b.shape)}")
    if bad := int((~b.isfinite()).sum()):
        raise ValueError(f"background must be finite, got {bad} NaN or infinite values")
    check_folds(runs, folds)
    _check_rows(folds)
    if f is None:
        f = start.f if start else Classifier((shape.numel(), *[settings.hidden] * settings.layers, folds.C))
    if settings.mixed and not isinstance(f, Classifier):
        raise ValueError(f"mixed is for a Classifier's layers, got a {type(f).__name__}: "
                         "use autocast in your module's forward")  # fmt: skip
    bank = None
    if start:
        at = places("start", start.runs, runs)
        _check_start(start, [start.runs.fold[i] for i in at], folds, list(runs.fold))
        bank = {n: t[at, 0] for n, t in start.bank.items()}
    if bank is None and method != "Predictor" and isinstance(f, Classifier):
        raise ValueError("start must be a pretrained predictor (see `pretrain`), got None")
    path = check_checkpoint(checkpoint)
    program = _Program(method, folds, runs, settings, f, device, dtype, criteria, b.to(device), bank)
    if isinstance(f, Network):
        _check_logits(f, program.state["bank"], folds.x_train[list(runs.fold), :8], folds.C)
    program.run(path, every, progress, label=method)
    state = program.state
    tuned = Tuned(
        method, f, state["best_bank"], folds, runs, settings, criteria, program.b, {}, {},
        state["best_epoch"].tolist(), state["stopped"].tolist(), state["seconds"].tolist(),
        program.history(),
    )  # fmt: skip
    return replace(tuned, **_report(tuned))


def _check_rows(folds: Folds) -> None:
    """ValueError unless every part has rows, finite features and labels of its classes."""
    for part in ("train", "val", "test"):
        x, y = getattr(folds, f"x_{part}"), getattr(folds, f"y_{part}")
        if not x.shape[1]:
            raise ValueError(f"{folds.name}: x_{part} must have at least one row, got none")
        _check_values(f"{folds.name}: x_{part}", x, f"{folds.name}: y_{part}", y, folds.C)


def _check_values(x_name: str, x: Tensor, y_name: str, y: Tensor | None, C: int) -> None:
    """ValueError unless inputs are finite and labels, if any, are of the C classes."""
    if bad := int((~x.isfinite()).sum()):
        raise ValueError(f"{x_name} must be finite, got {bad} NaN or infinite values")
    if y is not None and (y.min() < 0 or y.max() >= C):
        raise ValueError(f"{y_name} must be classes 0 to {C - 1}, got {y.min()} to {y.max()}")


@torch.no_grad()
def _check_logits(f, theta: Theta, x: Tensor, C: int) -> None:
    """ValueError unless f gives a logit for each class on inputs x (R, B, *input), and not their probabilities."""
    logits = f(theta, x)
    if logits.shape != (*x.shape[:2], C):
        raise ValueError(f"f must give {C} logits, one for each class, got outputs {tuple(logits.shape[1:])}")
    if (logits >= 0).all() and torch.allclose(logits.sum(-1), torch.ones((), dtype=logits.dtype, device=x.device)):
        raise ValueError("f must give logits, got probabilities: leave out the softmax at its end")


def _check_start(start: Tuned, earlier: list[int], folds: Folds, fold: list[int]) -> None:
    """ValueError unless start was trained on the very rows that each run trains on: others would leak test rows."""
    theirs, ours = start.folds.index_train[earlier].cpu(), folds.index_train[fold].cpu()
    if start.folds.name != folds.name or not torch.equal(theirs, ours):
        got, wanted = (f"{of.name}, splits {sorted({int(of.split[i]) for i in at})}"
                       for of, at in ((start.folds, earlier), (folds, fold)))  # fmt: skip
        raise ValueError(f"start must be pretrained on the same training rows, {wanted}, got {got}: see `pretrain`")


def measured(tuned: Tuned, criteria: Sequence[Criterion]) -> Tuned:
    """The same predictors measured by other criteria: what `pretrain` gave, say, by those of the runs it starts."""
    criteria = tuple(map(check_criterion, criteria))
    if not criteria:
        raise ValueError("criteria must name at least one (explainer, S), got none")
    bank = {n: t[:, :1].expand(-1, len(criteria), *t.shape[2:]) for n, t in tuned.bank.items()}
    best = [of[:1] * len(criteria) for of in tuned.best_epoch]
    history = tuned.history | {"measure": tuned.history["measure"][..., :1].repeat(len(criteria), -1)}
    other = replace(tuned, bank=bank, criteria=criteria, best_epoch=best, history=history)
    return replace(other, **_report(other))


@torch.no_grad()
def _report(tuned: Tuned) -> dict[str, dict[str, Tensor]]:
    """Scores (R, V) and curves (R, V, ...), each criterion's parameters by its own; a few runs at a time for memory."""
    criteria = tuned.criteria or ((tuned.settings.explainer, tuned.settings.S),)
    device = tuned.folds.x_train.device
    parts = [
        [_report_one(tuned, stack, v, criterion) for v, criterion in enumerate(criteria)]
        for stack in torch.arange(len(tuned.runs), device=device).split(1 if device.type == "cpu" else 8)
    ]

    def gathered(kind: str, name: str) -> Tensor:
        return torch.cat([torch.stack([part[kind][name] for part in row], 1) for row in parts]).cpu()

    return {kind: {name: gathered(kind, name) for name in found} for kind, found in parts[0][0].items()}


def _report_one(tuned: Tuned, stack: Tensor, v: int, criterion: Criterion) -> dict[str, dict[str, Tensor]]:
    """Scores (runs,) and curves (runs, ...) of some runs by one criterion."""
    folds, f, b, (explainer, S) = tuned.folds, tuned.f, tuned.background, criterion
    theta, fold = {n: t[stack, v] for n, t in tuned.bank.items()}, [tuned.runs.fold[r] for r in stack]
    Q, scores = phi_size(folds.x_train), {}
    Z = _test_masks(folds, fold, tuned.settings.M, Q).to(folds.x_train)
    for part in ("val", "test"):
        x, y = getattr(folds, f"x_{part}")[fold], getattr(folds, f"y_{part}")[fold]
        logits, found = explain_all(f, theta, x, b, Z, {explainer: S if part == "val" else 1.0}, tuned.settings)
        phi, curves = found[explainer]
        scores[f"{part}_accuracy"] = metrics.accuracy(logits, y)
        scores[f"{part}_insertion"], scores[f"{part}_deletion"] = found[explainer].areas(S)
    generators = [_generator(folds, i, 2, x.device) for i in fold]
    sensitivity = metrics.sensitivity_n(f, theta, x, logits.argmax(-1), b, phi, generators, min(4, Q - 1))
    scores |= {
        "test_sensitivity": sensitivity.mean(1),
        "test_contributions": phi.abs().mean((1, 2)),
        "test_masked": metrics.masked_accuracy(f, theta, x, y, b, Z),
    }
    shown = {"contributions": phi[:, :SHOWN].flatten(1)}
    return {
        "scores": scores,
        "curves": shown | {"insertion": curves.inserted.mean(1), "deletion": curves.deleted.mean(1)},
    }


def phi_size(x: Tensor) -> int:
    """Q of inputs (R, N, Q) or (R, N, C, H, W)."""
    return x.shape[-1] if x.ndim == 3 else x.shape[-2:].numel()


def _generator(folds: Folds, fold: int, purpose: int, device="cpu") -> torch.Generator:
    """A stream for one split and purpose, apart from the runs' own."""
    return torch.Generator(device).manual_seed(10**12 * purpose + int(folds.split[fold]))


def _test_masks(folds: Folds, fold: Sequence[int], M: int, D: int) -> Tensor:
    """The masks with which some splits' validation and test rows are explained, (splits, M, D)."""
    return explainers.draw_masks(M, D, [_generator(folds, i, 1) for i in fold])
