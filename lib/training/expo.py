"""Paper ID in training: R predictors fine-tuned at once so that their explanations are faithful (ID-11).

    start = fit("pretrained", folds, Runs.grid(5, lr=[0.05]))
    tuned = fit("ID-ExpO", folds, Runs.grid(5, lam=[0.1, 0.01]), settings=Settings(LIME(), S=0.5), start=start)

A run's batches and masks come from its own generator, with the guarantees of `lib.training.fewer`. Validation and test
explain the predicted class, with one set of masks for each split, the same for every run and epoch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lib import methods, metrics
from lib.data import Folds
from lib.methods import Features as Method
from lib.nets import Classifier, Network, Theta
from lib.options import identity
from lib.predictor import Predictor
from lib.training.engine import Program
from lib.training.expo_fitted import Tuned, draws_of_splits, explain_all, of_folds, reported, stacked
from lib.training.expo_step import Criterion, Settings, check_criterion, check_trainable, explained_by, gradient
from lib.training.fitted import Fitted, as_start
from lib.training.runs import Runs, places


class ExpoProgram(Program):
    """Minibatch SGD with Nesterov momentum, a learning rate for each run."""

    moments = 1

    def __init__(
        self, method: Method, folds: Folds, runs: Runs, *, settings: Settings, f, criteria: tuple[Criterion, ...],
        background: Tensor, bank: Theta | None,
    ):  # fmt: skip
        self.method, self.criteria, self.start_bank, self.b = method, criteria, bank, background
        self.lam, self.lam3, self.lr = (background.new_tensor(v) for v in (runs.lam, runs.lam3, runs.lr))
        kind = method, [(identity(explainer), explainer.name, S) for explainer, S in criteria]
        super().__init__(kind, folds, runs, settings=settings, f=f, criteria=len(criteria) or 1)
        self.draws = draws_of_splits(folds.split.tolist(), criteria, background)

    def given(self) -> list[Tensor]:
        """Another background or other predictors to start from make another configuration."""
        return [self.b, *(super().given() if self.start_bank is None else self.start_bank.values())]

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
        if self.method.penalty == "path":
            copies += 2 * (self.settings.draws or len(explainer.steps(shape, self.settings.S)))
        return torch.full((len(live),), float(self.settings.batch * copies))

    def advance(self, stack: Tensor, epochs: int) -> None:
        """Train some runs for some epochs (ID-11)."""
        settings, moments = self.settings, self.state["moments"]
        theta = {n: t[stack].clone().requires_grad_(n in self.trained) for n, t in self.state["bank"].items()}
        momentum = {n: moments[n][0][stack] for n in self.trained}
        generators = [self.generators[r] for r in stack]
        fold, lam, lam3, lr = self.fold[stack][:, None], self.lam[stack], self.lam3[stack], self.lr[stack]
        predictor = Predictor(self.f.mixed() if settings.mixed else self.f, theta, self.b, stacked=True)
        explainer, drawn = explained_by(self.method, settings), {}
        options = {"lam": lam, "lam3": lam3, "settings": settings, "wanted": self.trained, "method": self.method}
        for _ in range(epochs):
            orders = [torch.randperm(self.folds.x_train.shape[1], generator=g, device=g.device) for g in generators]
            for batch in torch.stack(orders).split(settings.batch, 1):
                if explainer:
                    drawn = stacked(
                        explainer.draw(self.b.shape, g, rows=batch.shape[1], dtype=self.dtype) for g in generators
                    )
                x, y = self.folds.x_train[fold, batch], self.folds.y_train[fold, batch]
                s = None
                if settings.draws and self.method.penalty == "path":
                    s = torch.stack([settings.drawn_steps(self.b.shape, g, batch.shape[1]) for g in generators])
                grads = gradient(predictor, x, y, drawn=drawn, s=s, **options)
                sgd(theta, grads, momentum, lr=lr, mu=settings.momentum, weight_decay=settings.weight_decay)
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
        logits, found = explain_all(predictor, x, S=S, draws=of_folds(self.draws, fold))
        accuracy, areas = metrics.accuracy(logits, y), [found[e].areas(s) for e, s in self.criteria]
        return torch.stack([metrics.valscore(accuracy, *pair, eta=self.settings.eta) for pair in areas], 1)


@torch.no_grad()
def sgd(theta: Theta, grads: Theta, momentum: Theta, *, lr: Tensor, mu: float, weight_decay: float) -> None:
    """One step of torch.optim.SGD with Nesterov momentum, but with each run's own learning rate lr (R,)."""
    for n, grad in grads.items():
        grad = grad + weight_decay * theta[n]
        momentum[n].mul_(mu).add_(grad)
        theta[n] -= lr.view(-1, *(1,) * (grad.ndim - 1)) * (grad + mu * momentum[n])


def fit(
    name: str, folds: Folds, runs: Runs, *, settings: Settings, start: Fitted | None, f, train,
    criteria: Sequence[Criterion] = (), background: Tensor | None = None,
) -> Tuned:  # fmt: skip
    """All runs of one method, each kept at its best epoch by each criterion; `train` runs a program.

    start: fitted "pretrained" predictors of these folds and seeds; None takes a Network's own parameters. criteria:
    (explainer, S) pairs that choose epochs, by default the settings' own; methods that train no explanation are trained
    once for several. background: what masked features become (*input); by default 0, the training mean.
    """
    method, like = methods.named(name), folds.x_train
    if folds.task != "classification":
        raise ValueError(f"insertion and deletion score a class's probability: {folds.name} is a {folds.task} task")
    if like.shape[2:].numel() < 2:
        raise ValueError(f"{folds.name} has a single feature, so that there is nothing to rank")
    b = _background(background, like)
    if start is not None and not (isinstance(start, Tuned) and start.method == "pretrained"):
        raise ValueError(f'start of {name} must be predictors fitted as "pretrained", got a fitted {start.method}')
    criteria = tuple(map(check_criterion, criteria))
    if method.started:
        criteria = criteria or ((settings.explainer, settings.S),)
    elif criteria or start:
        raise ValueError(f"{name} is kept by its accuracy and starts anew: it takes neither start nor criteria")
    if len(set(criteria)) < len(criteria):
        raise ValueError(f"criteria must differ, got {[(explainer.name, S) for explainer, S in criteria]}")
    check_settings(name, settings, like.shape[2:])
    if f is None:
        sizes = like.shape[2:].numel(), *[settings.hidden] * settings.layers, folds.C
        f = start.f if start and isinstance(start.f, Network) else Classifier(sizes)
    if not isinstance(f, Classifier | Network):
        raise ValueError(f"f must be a Classifier or a Network(module), got {type(f).__name__}")
    if settings.mixed and not isinstance(f, Classifier):
        raise ValueError(f"mixed is for a Classifier's layers, got a {type(f).__name__}: "
                         "use autocast in your module's forward")  # fmt: skip
    bank = None
    if start:
        start, at = as_start(start, runs, folds, f=f), places("start", start.runs, runs)
        bank = {n: t[at, 0] for n, t in start.bank.items()}
    if bank is None and method.started and isinstance(f, Classifier):
        raise ValueError('start must be predictors fitted as "pretrained", got None')
    options = {"settings": settings, "f": f, "criteria": criteria, "background": b, "bank": bank}
    program = ExpoProgram(method, folds, runs, **options)
    _check_logits(f, program.state["bank"], like[list(runs.fold), :8], folds.C)
    return _finish(name, train(program))


def check_settings(name: str, settings: Settings, shape: torch.Size) -> None:
    """ValueError unless the settings make sense for a method, on inputs of this shape."""
    if methods.named(name).penalty == "path":
        check_trainable(settings.explainer)
        settings.check_draws(shape)
    elif settings.deletion != "A":
        raise ValueError(
            f"deletion is a form of ID-ExpO's regulariser: {name} takes A alone, got {settings.deletion!r}"
        )
    elif settings.draws is not None:
        raise ValueError(f"{name} has no values of s, so its draws must be None, got {settings.draws}")


def _finish(name: str, program: ExpoProgram) -> Tuned:
    """Scores and curves of every run at its best epochs."""
    state = program.state
    return reported(Tuned(
        method=name, f=program.f, bank=state["best_bank"], folds=program.folds, runs=program.runs,
        settings=program.settings, scores={}, curves={}, best_epoch=state["best_epoch"].tolist(),
        stopped_epoch=state["stopped"].tolist(), diverged=state["diverged"].tolist(),
        seconds=state["seconds"].tolist(), history=program.history(), config=program.config,
        criteria=program.criteria, background=program.b,
    ))  # fmt: skip


def _background(background: Tensor | None, like: Tensor) -> Tensor:
    """The background of inputs like (S, N, *input), (*input); ValueError unless it has their shape and is finite."""
    shape = like.shape[2:]
    if not isinstance(background, Tensor | None):
        raise ValueError(f"background must be a tensor, got {type(background).__name__}")
    b = like.new_zeros(shape) if background is None else background.to(like)
    if b.shape != shape:
        raise ValueError(f"background must have the shape of one input, {tuple(shape)}, got {tuple(b.shape)}")
    if bad := int((~b.isfinite()).sum()):
        raise ValueError(f"background must be finite, got {bad} NaN or infinite values")
    return b


@torch.no_grad()
def _check_logits(f, theta: Theta, x: Tensor, C: int) -> None:
    """ValueError unless f gives a logit for each class on inputs x (R, B, *input), and not their probabilities."""
    logits = f(theta, x)
    if logits.shape != (*x.shape[:2], C):
        raise ValueError(f"f must give {C} logits, one for each class, got outputs {tuple(logits.shape[1:])}")
    if (logits >= 0).all() and torch.allclose(logits.sum(-1), torch.ones((), dtype=logits.dtype, device=x.device)):
        raise ValueError("f must give logits, got probabilities: leave out the softmax at its end")
