"""Fine-tuning R predictors at once so that their explanations are faithful: ID-ExpO and its rivals (ID-11).

    start = expo.pretrain(folds, seeds=[0])
    runs = Runs.grid(len(folds.split), lams=[0.1, 0.01], lam3s=[0.0], lrs=[0.01])
    tuned = expo.train("ID-ExpO", folds, runs, start, Settings(explainer=LIME(), S=0.5))

A run's batches and masks come from its own generator, as in `lib.training`, with the same guarantees. Validation and
test explain the predicted class, with one set of masks for each split, the same for every run and epoch.
"""

import hashlib
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lib import masks, metrics, regularizers
from lib.data import Folds
from lib.explainers import LIME, Explained, Explainer, KernelSHAP, Linear
from lib.nets import Classifier, Network, Theta
from lib.predictor import Predictor
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
SHOWN = 8  # test rows whose contributions are kept beside the scores
SPEED, COLUMNS = ("chunk", "stack_rows"), ("explainer", "S", "deletion", "mixed")  # settings, see `Settings.recorded`
Criterion = tuple[Explainer, float]  # and S


def check_criterion(criterion: Criterion) -> Criterion:
    """(explainer, S) itself; ValueError unless both make sense."""
    explainer, S = criterion
    if not isinstance(explainer, Explainer):
        raise ValueError(f"explainer must be an Explainer, as LIME(), got {explainer!r}")
    if not 0 < S <= 1:
        raise ValueError(f"S must be a share of the cells in (0, 1], got {S}")
    return explainer, float(S)


LIMES = LIME()  # the paper's options for tables
LINEAR = [f.name for f in fields(Linear)]  # options of every explainer by masks


@dataclass(frozen=True)
class Settings:
    """What the paper fixes for tables, and our reading of what it leaves open (book page "Readings")."""

    explainer: Explainer = LIMES  # which explanations ID-ExpO trains
    S: float = 0.5  # share of cells inserted and deleted
    deletion: str = "A"  # form of Omega_Del
    around: LIME | None = None  # masks and weights of ExpO-S and ExpO-F; None: the explainer's, with a cosine kernel
    chunk: int | None = None  # values of s in one forward and backward: the same gradient, less memory, more time
    mixed: bool = False  # training multiplies in bfloat16 (mixed precision): faster and rounded, scores are not
    T: float | None = None  # temperature of the soft masks; None: each sample's own
    floor: float = 0.0  # on the range of phi that such a temperature is read off
    draws: int | None = None  # values of s at a step, drawn for each sample: cheaper and noisy; None: all
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
        check_counts(self, "epochs", "patience", "check", "batch", "hidden", "stack_rows")
        check_counts(self, "layers", least=0)
        check_numbers(self, "eta", "momentum", "weight_decay", "floor")
        if self.draws is not None:
            check_counts(self, "draws")
        if self.chunk is not None:
            check_counts(self, "chunk")
        if self.T is not None:
            check_numbers(self, "T", positive=True)
        check_criterion((self.explainer, self.S))
        if self.deletion not in regularizers.DELETIONS:
            raise ValueError(f"deletion must be one of {', '.join(regularizers.DELETIONS)}, got {self.deletion!r}")
        if not self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")

    def drawn_steps(self, shape: torch.Size, generator: torch.Generator, rows: int) -> Tensor | None:
        """`draws` values of s for each of some inputs, (rows, K), from a run's own generator; None where all count."""
        if self.draws is None:
            return None
        u = torch.rand(rows, generator=generator, device=generator.device, dtype=torch.float64)
        return masks.draw_steps(self.explainer.steps(shape, self.S), u, K=self.draws)

    @property
    def neighbours(self) -> LIME:
        """Whose masks and weights ExpO-S and ExpO-F take."""
        if self.around:
            return self.around
        own = {name: getattr(self.explainer, name) for name in LINEAR if isinstance(self.explainer, Linear)}
        return LIME(kernel="cosine", width=0.25, **own)

    def recorded(self) -> dict:
        """The settings that identify a record: no matter of speed, and not what has a column of its own there.

        Flat, as the first records have it: the options of both linear explainers, and the width of ExpO's kernel.
        """
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("explainer", "around")}
        options = (
            asdict(LIME()) | asdict(KernelSHAP()) | asdict(self.explainer) | {"cosine_width": self.neighbours.width}
        )
        flat = {name: value for name, value in (options | own).items() if name not in SPEED + COLUMNS}
        absent = {"segments": None, "draws": None, "floor": 0.0}  # of the first records
        return {name: value for name, value in flat.items() if name not in absent or value != absent[name]}


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
    def explain(
        self,
        x: Tensor,
        explainer: Explainer | None = None,
        *,
        y: Tensor | None = None,
        run: int = 0,
        criterion: int = 0,
    ) -> Tensor:
        """phi (B, D) of inputs x (B, *input) as f sees them, for labels y (B,): by default those predicted.

        explainer: by default that of the settings. ValueError if x has other axes or NaN, or if y are not as many
        classes.
        """
        if x.shape[1:] != self.background.shape or not len(x):
            raise ValueError(f"x must be rows of {tuple(self.background.shape)}, got {tuple(x.shape)}")
        if y is not None and (y.shape != x.shape[:1] or y.is_floating_point()):
            raise ValueError(f"y must be a class for each of {len(x)} rows, got {y.dtype} {tuple(y.shape)}")
        _check_values("x", x, "y", y, self.folds.C)
        explainer, _ = check_criterion((explainer or self.settings.explainer, self.settings.S))
        predictor = Predictor(self.f, self.theta(run, criterion), self.background, stacked=True)
        y = predictor.logits(x[None]).argmax(-1) if y is None else y[None]
        drawn = _test_draws(self.folds, [self.runs.fold[run]], explainer, self.background)
        return explainer.explain(predictor, x[None], y, **drawn).phi[0]


# --- The objective ---------------------------------------------------------------------------------------------------


def parts(
    method: str, predictor: Predictor, x: Tensor, y: Tensor, explained: Explained, *,
    lam: Tensor, lam3: Tensor, settings: Settings, drawn: dict[str, Tensor], s: Tensor | None = None,
) -> Iterator[Tensor]:  # fmt: skip
    """The objective of a batch in parts that can be differentiated one after the other, each (R,) (ID-11).

    explained: of x (R, B, *input) and y (R, B); where log f(x)_y is not in it, it is predicted with the first part.
    s (R, B, K): the values of s for each sample, by default all for each.
    """
    if method != "ID-ExpO":
        log_p = predictor.log_probability(x, y) if explained.log_p is None else explained.log_p
        yield (-log_p + lam[:, None] * _expo(method, explained, log_p, settings.neighbours, drawn)).mean(1)
        return
    phi, log_p, shape = explained.phi, explained.log_p, predictor.b.shape
    s = torch.tensor(settings.explainer.steps(shape, settings.S), device=x.device) if s is None else s
    K = s.shape[-1]
    for at, some in enumerate(s.split(settings.chunk or K, -1)):
        r = settings.explainer.expand(masks.soft_mask(phi, some, settings.T, floor=settings.floor), shape)
        path = regularizers.follow(predictor, x, y, r=r, whole=log_p)
        both = regularizers.insertion(path) + regularizers.deletion(path, settings.deletion)
        part = some.shape[-1] / K * lam[:, None] * both
        if at == 0:
            part = part - path.whole + lam3[:, None] * regularizers.size(phi)
        yield part.mean(1)


def _expo(method: str, explained: Explained, log_p: Tensor, around: LIME, drawn: dict[str, Tensor]) -> Tensor | float:
    """What the rivals add to the cross-entropy."""
    if method == "CE-only":
        return 0.0
    Z = drawn["Z"]
    if method == "ExpO-S":
        return regularizers.stability(explained.y_tilde, log_p.exp(), k=around.weights(Z))
    if method == "ExpO-F":
        return regularizers.fidelity(explained.y_tilde, explained.phi, Z=Z, k=around.weights(Z))
    raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")


def explained_by(method: str, settings: Settings) -> Explainer | None:
    """Whose explanations the method's objective is made of; None if it has none."""
    return {"ID-ExpO": settings.explainer, "ExpO-S": settings.neighbours, "ExpO-F": settings.neighbours}.get(method)


def objective(
    method: str, predictor: Predictor, x: Tensor, y: Tensor, *, lam: Tensor, lam3: Tensor, settings: Settings,
    drawn: dict[str, Tensor], s: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Cross-entropy and what the method adds, mean over a batch x (R, B, *input), y (R, B), in one graph (ID-11)."""
    options = {"lam": lam, "lam3": lam3, "settings": settings, "drawn": drawn, "s": s}
    return sum(parts(method, predictor, x, y, _explain(method, predictor, x, y, settings, drawn), **options))


def _explain(method: str, predictor: Predictor, x: Tensor, y: Tensor, settings: Settings, drawn) -> Explained:
    """What the objective needs of an explainer, and log f(x)_y where several parts need it."""
    explainer = explained_by(method, settings)
    explained = explainer.explain(predictor, x, y, **drawn) if explainer else Explained(x.new_zeros(()))
    if settings.chunk and explained.log_p is None:
        explained = explained._replace(log_p=predictor.log_probability(x, y))
    return explained


def gradient(
    method: str, predictor: Predictor, x: Tensor, y: Tensor, *, lam: Tensor, lam3: Tensor, settings: Settings,
    drawn: dict[str, Tensor], wanted: Sequence[str], s: Tensor | None = None,
) -> dict[str, Tensor]:  # fmt: skip
    """The gradient of the objective, to the parameters named in `wanted`, in two stages (ID-11).

    What the explainer gives becomes leaves; the objective's parts are differentiated one after the other, each freeing
    its graph; what has gathered on the leaves then goes once through the explainer. The same number as from one graph.
    """
    explained, theta = _explain(method, predictor, x, y, settings, drawn), [predictor.theta[n] for n in wanted]
    # A run that has diverged goes on as NaN by its other terms, where masks would refuse it for all.
    leaves = Explained(*(t if t is None else t.detach().nan_to_num().requires_grad_() for t in explained))
    heads = {name: t for name, t in leaves._asdict().items() if t is not None}
    total: list[Tensor | None] = [None] * (len(theta) + len(heads))
    options = {"lam": lam, "lam3": lam3, "settings": settings, "drawn": drawn, "s": s}
    for part in parts(method, predictor, x, y, leaves, **options):
        found = torch.autograd.grad(part.sum(), [*theta, *heads.values()], allow_unused=True)
        total = [a if b is None else b if a is None else a + b for a, b in zip(total, found)]
    onward = {n: g for n, g in zip(heads, total[len(theta) :]) if g is not None and getattr(explained, n).requires_grad}
    if onward:
        outputs = [getattr(explained, n) for n in onward]
        found = torch.autograd.grad(outputs, theta, list(onward.values()), allow_unused=True)
        total = [a if b is None else b if a is None else a + b for a, b in zip(total, found)]
    return {n: torch.zeros_like(t) if g is None else g for n, t, g in zip(wanted, theta, total)}


# --- Measuring -------------------------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """What one explainer says of a set of rows, and its curves (R, B, K) at s = 1 ... K."""

    phi: Tensor  # (R, B, D)
    curves: metrics.Curves

    def areas(self, S: float) -> tuple[Tensor, Tensor]:
        """Mean insertion and deletion over rows and s up to S D, each (R,)."""
        n = len(masks.steps(self.phi.shape[-1], S))
        return tuple(c[..., :n].double().mean((1, 2)) for c in (self.curves.inserted, self.curves.deleted))


@torch.no_grad()
def explain_all(
    predictor: Predictor, x: Tensor, *, S: dict[Explainer, float], draws: dict[Explainer, dict[str, Tensor]]
) -> tuple[Tensor, dict[Explainer, Measured]]:
    """Logits of rows x (R, B, *input), and each explainer's account of the classes they predict, up to its own S.

    Explainers that were given the very same draws share the perturbed predictions.
    """
    logits = predictor.logits(x)
    y, found, known = logits.argmax(-1), {}, {}
    for explainer, share in S.items():
        drawn = draws[explainer]
        explained = explainer.explain(predictor, x, y, **drawn, **known.get(id(drawn), {}))
        if explained.y_tilde is not None:
            known[id(drawn)] = {"y_tilde": explained.y_tilde}
        # A run that diverged predicts NaN: its valscore is NaN too, never a better one, and the others go on.
        phi = explained.phi.nan_to_num()
        s = masks.steps(phi.shape[-1], share)
        found[explainer] = Measured(phi, metrics.curves(predictor, x, y, phi=phi, s=s, explainer=explainer))
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
        self.draws = _draws_of(folds, range(len(folds.split)), criteria, background)

    def start(self) -> Theta:
        """The predictors given, else new ones."""
        if self.start_bank is None:
            return {n: t.to(self.device) for n, t in self.f.init(self.generators, self.dtype).items()}
        return {n: t.clone() for n, t in self.start_bank.items()}

    def rows(self, live: Tensor) -> Tensor:
        """The batch, its masked copies, and its copies with features inserted and deleted."""
        shape, copies = self.b.shape, 1
        if explainer := explained_by(self.method, self.settings):
            copies += explainer.inputs(shape)
        if self.method == "ID-ExpO":
            copies += 2 * (self.settings.draws or len(explainer.steps(shape, self.settings.S)))
        return torch.full((len(live),), float(self.settings.batch * copies))

    def advance(self, stack: Tensor, epochs: int) -> None:
        """Train some runs for some epochs (ID-11)."""
        settings, moments = self.settings, self.state["moments"]
        theta = {n: t[stack].clone().requires_grad_(n in self.trained) for n, t in self.state["bank"].items()}
        momentum = {n: moments[n][0][stack] for n in self.trained}
        generators = [self.generators[r] for r in stack]
        fold, lam, lam3, lr = self.fold[stack][:, None], self.lam[stack], self.lam3[stack], self.lr[stack]
        method = "CE-only" if self.method == "Predictor" else self.method
        predictor = Predictor(self.f.mixed() if settings.mixed else self.f, theta, self.b, stacked=True)
        explainer, drawn = explained_by(method, settings), {}
        options = {"lam": lam, "lam3": lam3, "settings": settings, "wanted": self.trained}
        for _ in range(epochs):
            orders = [torch.randperm(self.folds.x_train.shape[1], generator=g, device=g.device) for g in generators]
            for batch in torch.stack(orders).split(settings.batch, 1):
                if explainer:
                    drawn = _stacked(
                        explainer.draw(self.b.shape, g, rows=batch.shape[1], dtype=self.dtype) for g in generators
                    )
                x, y = self.folds.x_train[fold, batch], self.folds.y_train[fold, batch]
                s = None
                if settings.draws and method == "ID-ExpO":
                    s = torch.stack([settings.drawn_steps(self.b.shape, g, batch.shape[1]) for g in generators])
                grads = gradient(method, predictor, x, y, drawn=drawn, s=s, **options)
                sgd(theta, grads, momentum, lr, settings.momentum, settings.weight_decay)
        for n, tensor in theta.items():
            self.state["bank"][n][stack] = tensor.detach()
        for n in self.trained:
            moments[n][0][stack] = momentum[n]

    def measure(self, bank: Theta, stack: Tensor) -> Tensor:
        """valscore by each criterion; accuracy alone while predictors are pretrained."""
        fold = self.fold[stack]
        x, y, predictor = self.folds.x_val[fold], self.folds.y_val[fold], Predictor(self.f, bank, self.b, stacked=True)
        if not self.criteria:
            return metrics.accuracy(predictor.logits(x), y)[:, None]
        S = {explainer: max(s for e, s in self.criteria if e == explainer) for explainer, _ in self.criteria}
        logits, found = explain_all(predictor, x, S=S, draws=_of_folds(self.draws, fold))
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
    predictor, scores = Predictor(f, theta, b, stacked=True), {}
    draws = _draws_of(folds, fold, [criterion], b)
    for part in ("val", "test"):
        x, y = getattr(folds, f"x_{part}")[fold], getattr(folds, f"y_{part}")[fold]
        S_part = {explainer: S if part == "val" else 1.0}
        logits, found = explain_all(predictor, x, S=S_part, draws=draws)
        phi, curves = found[explainer]
        scores[f"{part}_accuracy"] = metrics.accuracy(logits, y)
        scores[f"{part}_insertion"], scores[f"{part}_deletion"] = found[explainer].areas(S)
    D, features = phi.shape[-1], [_generator(folds, i, 2, x.device) for i in fold]
    sets = [metrics.random_sets(D, g, n=min(4, D - 1), dtype=phi.dtype) for g in features]
    removed = torch.stack(sets)[:, None]
    sensitivity = metrics.sensitivity_n(predictor, x, logits.argmax(-1), phi=phi, removed=removed, explainer=explainer)
    Z = _test_draws(folds, fold, tuned.settings.neighbours, b)["Z"][:, 0]
    scores |= {
        "test_sensitivity": sensitivity.mean(1),
        "test_contributions": phi.abs().mean((1, 2)),
        "test_masked": metrics.masked_accuracy(predictor, x, y, r=tuned.settings.neighbours.expand(Z, b.shape)),
    }
    shown = {"contributions": phi[:, :SHOWN].flatten(1)}
    return {
        "scores": scores,
        "curves": shown | {"insertion": curves.inserted.mean(1), "deletion": curves.deleted.mean(1)},
    }


def _generator(folds: Folds, fold: int, purpose: int, device="cpu") -> torch.Generator:
    """A stream for one split and purpose, apart from the runs' own."""
    return torch.Generator(device).manual_seed(10**12 * purpose + int(folds.split[fold]))


def _stacked(draws: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """What each run drew, with a run axis."""
    draws = list(draws)
    return {name: torch.stack([drawn[name] for drawn in draws]) for name in draws[0]}


def _test_draws(folds: Folds, fold: Sequence[int], explainer: Explainer, b: Tensor) -> dict[str, Tensor]:
    """With what an explainer explains some splits' validation and test rows."""
    drawn = _stacked(explainer.draw(b.shape, _generator(folds, i, 1)) for i in fold)
    return {n: t.to(b.device, b.dtype if t.is_floating_point() else t.dtype) for n, t in drawn.items()}


def _draws_of(folds: Folds, fold, criteria: Sequence[Criterion], b: Tensor) -> dict[Explainer, dict[str, Tensor]]:
    """The draws of every criterion's explainer; the same object where they are the same."""
    draws: dict[Explainer, dict[str, Tensor]] = {}
    for explainer, _ in criteria:
        own = _test_draws(folds, fold, explainer, b)
        same = (d for d in draws.values() if d.keys() == own.keys() and all(torch.equal(d[n], own[n]) for n in own))
        draws[explainer] = next(same, own)
    return draws


def _of_folds(draws: dict[Explainer, dict[str, Tensor]], fold: Tensor) -> dict[Explainer, dict[str, Tensor]]:
    """The draws of some folds; what was one object stays one."""
    picked = {id(drawn): {n: t[fold] for n, t in drawn.items()} for drawn in draws.values()}
    return {explainer: picked[id(drawn)] for explainer, drawn in draws.items()}
