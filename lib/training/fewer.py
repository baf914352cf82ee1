"""Paper FE in training: Algorithm 1 for R runs (splits x etas x lambdas x seeds) on stacked tensors.

Between two validations the live runs are cut into stacks of similar open share, each stack is trained by batched
products, and its rows go back to the bank. A run's random draws come from its own generator, so its result does not
depend on its neighbours beyond rounding. Bit for bit the same, on one device and with as many threads: a training
repeated with the same runs and settings, and one resumed from a checkpoint. Equal up to rounding: the same run in other
company.
"""

import math
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from lib import examples, gates, methods, metrics
from lib.data import Folds
from lib.methods import Examples as Method
from lib.nets import MLP, Network, stack_uniform
from lib.training.draws import Draws, RecordedSteps, steps_for
from lib.training.engine import Program
from lib.training.fewer_fitted import Subject, Trained, evaluate, influence, theta_of
from lib.training.fewer_step import Settings, adam, minibatch_loss
from lib.training.fitted import Fitted, as_start
from lib.training.runs import Runs, places


class FewerProgram(Program):
    """Algorithm 1 for R runs of one method: Adam on the objective's minibatch estimate."""

    moments, prefix = 2, "f."
    loss = staticmethod(minibatch_loss)

    def __init__(self, method: Method, folds: Folds, runs: Runs, *, settings: Settings, f, fixed=None):
        self.method, like = method, folds.x_train
        weights = {name: getattr(runs, name) for name in methods.NEUTRAL[method.paper]}
        self.weights = {n: torch.tensor(of, dtype=like.dtype, device=like.device) for n, of in weights.items()}
        super().__init__(method, folds, runs, settings=settings, f=f, fixed=fixed)
        R, N = len(runs), folds.x_train.shape[1]
        self.state["open"] = torch.ones(R, dtype=torch.float64)  # share of gates more likely open than shut
        self.state["rows"] = torch.full((R,), float(N))  # training examples expected to be open in a step
        self.begun = None  # on a GPU: the live runs, their parameters, optimiser and recorded steps

    def start(self) -> dict[str, Tensor]:
        """f, then W, then S and mu."""
        bank = {f"f.{n}": t.to(self.device) for n, t in self.f.init(self.generators, self.dtype).items()}
        N, C = self.folds.x_train.shape[1], self.folds.C
        if self.method.predictor == "g":
            K = self.f(theta_of(bank), self.folds.x_train[self.fold, :2]).shape[-1]
            bank["W"] = stack_uniform((K, C), self.generators, fan_in=K, dtype=self.dtype)
        if self.method.h_fits:
            bank["S"] = Draws(self.generators, self.dtype).noise((N, C))
        if self.method.gates:
            bank["mu"] = torch.full_like(bank["S"], self.settings.mu_start)
        if self.method.h_fits:
            unit = self.settings.S_start == "unit"
            bank["S"] *= 1 / self.spread(bank)[:, None, None] if unit else self.settings.S_start
        return bank

    @torch.no_grad()
    def spread(self, bank: dict[str, Tensor]) -> Tensor:
        """Standard deviation of h before r over training rows and outputs, with all entries, (R,)."""
        F = self.f(theta_of(bank), self.folds.x_train[self.fold])
        A = influence(bank, self.settings)
        return examples.explain_logits(A, F, F).flatten(1).std(1)

    def subject(self, fold: Tensor, **weights: Tensor) -> Subject:
        """What runs on these folds are about. Stage 2 sees features, and they stay: they are gathered once."""
        F_n = self.folds.x_train[fold] if self.method.pretrained else None
        return Subject(self.f, self.method, self.folds, fold, F_n=F_n, **weights)

    def rows(self, live: Tensor) -> Tensor:
        """The batch and the open examples."""
        return self.settings.batch + self.state["rows"][live].double()

    def advance(self, stack: Tensor, epochs: int) -> None:
        """Train some runs for some epochs (Algorithm 1). A GPU's recorded steps serve until a run stops."""
        state, begun, runs = self.state, None, stack.tolist()
        if self.device.type == "cuda":
            begun = self.begun if self.begun and self.begun[0] == runs else None
        if begun is None:
            self.begun = None  # its memory first
            begun = runs, *self.begin(stack)
        _, bank, moments, steps = begun
        if isinstance(steps, RecordedSteps):
            steps.left = 0  # what is left of the draws is in no checkpoint
            self.begun = begun
        draws = Draws([self.generators[r] for r in runs], self.dtype)
        with self.f.own_noise(self.generators[runs[0]]):
            for _ in range(epochs):
                for batch in draws.orders(self.folds.x_train.shape[1]).split(self.settings.batch, 1):
                    steps(batch, draws)
        for n, tensor in bank.items():
            state["bank"][n][stack] = tensor.detach()
            for moment, own in zip(state["moments"].get(n, ()), moments.get(n, ())):
                moment[stack] = own

    def begin(self, stack: Tensor):
        """Some runs' parameters, their optimiser and their step, to go on from where the state is."""
        state, settings = self.state, self.settings
        bank = {n: t[stack].clone().requires_grad_(n in self.trained) for n, t in state["bank"].items()}
        moments = {n: [moment[stack] for moment in state["moments"][n]] for n in self.trained}
        leaves, (first, second) = [bank[n] for n in self.trained], zip(*moments.values())
        taken = float(state["epoch"] * math.ceil(self.folds.x_train.shape[1] / settings.batch))
        step = torch.tensor(taken, device=self.device)
        weights = {name: of[stack] for name, of in self.weights.items()}
        eta, what = weights["eta"][:, None, None], self.subject(self.fold[stack], **weights | {"eta": None})

        def update(batch: Tensor, draws: Draws, settings: Settings = settings) -> None:
            loss = self.loss(what, bank, batch, draws=draws, settings=settings)
            gradients = dict(zip(self.trained, torch.autograd.grad(loss.sum(), leaves, materialize_grads=True)))
            with torch.no_grad():
                if self.method.gates:  # their cost has a slope that needs no value of it
                    gradients["mu"].addcmul_(eta, gates.open_density(bank["mu"], settings.sigma))
                adam(leaves, gradients.values(), (first, second), step=step.add_(1), lr=settings.lr)

        N, C = self.folds.x_train.shape[1], self.folds.C
        return bank, moments, steps_for(update, N, C, f=self.f, settings=settings, device=self.device)

    def measure(self, bank: dict[str, Tensor], stack: Tensor) -> Tensor:
        """Geometric mean of accuracy and faithfulness at U = `keep`, or at all entries where there are fewer."""
        U = [min(self.settings.keep, bank["S"][0].numel())] if self.method.h_fits else None
        what = self.subject(self.fold[stack])
        accuracy, faithfulness, _ = evaluate(what, bank, "val", settings=self.settings, U=U)
        return metrics.geometric_mean(accuracy, faithfulness)

    def observe(self, bank: dict[str, Tensor], stack: Tensor) -> None:
        """The share of open gates, and how many examples they leave open."""
        if "mu" in bank:
            self.state["open"][stack] = (bank["mu"] > 0).double().mean((1, 2)).cpu()
            shut = 1 - gates.open_probability(bank["mu"], self.settings.sigma)
            self.state["rows"][stack] = (1 - shut.prod(2)).sum(1).cpu().to(self.state["rows"].dtype)

    def observed(self) -> dict[str, Tensor]:
        return {"open": self.state["open"]}


def fit(name: str, folds: Folds, runs: Runs, *, settings: Settings, start: Fitted | None, f, train) -> Trained:
    """All runs of one method, each at its best epoch; `train` runs a program and says in what file its stage 1 is kept.

    f: by default the paper's MLP; a `Network` trains one run. start: a fitted "Predictor" that Pretrain and PretrainR
    share; made here where it is missing.
    """
    method = methods.named(name)
    if method.h_fits:
        settings.U_values(folds.x_train.shape[1] * folds.C)
    if f is None and start is not None and isinstance(start.f, Network):
        f = start.f
    if f is None:
        f = MLP((folds.x_train.shape[2:].numel(), *[settings.hidden] * settings.layers), settings.dropout)
    if not isinstance(f, MLP | Network):
        raise ValueError(f"f must be an MLP or a Network(module), got {type(f).__name__}")
    if start is not None and not (method.pretrained and start.method == "Predictor"):
        takes = "a fitted Predictor" if method.pretrained else "None"
        raise ValueError(f"start of {name} must be {takes}, got a fitted {start.method}")
    if start is not None:
        start = as_start(start, runs, folds, f=f)
    if not method.pretrained:
        program = train(FewerProgram(method, folds, runs, settings=settings, f=f))
        return finish(name, program, None)
    start = start or stage1(folds, runs, settings=settings, f=f, train=train)
    features, W, own = _on_features(start, folds, runs)
    f = MLP((W.shape[1],), dropout=0)
    program = train(FewerProgram(method, features, own, settings=settings, f=f, fixed={"W": W}))
    return finish(name, program, start)


def stage1(folds: Folds, runs: Runs, *, settings: Settings, f, train) -> Trained:
    """Pretrain's prediction model, once for each split and seed among the runs (FE-15)."""
    fold, seed = zip(*sorted(set(zip(runs.fold, runs.seed))))
    own = Runs(fold=fold, seed=seed).of("Predictor")
    return fit("Predictor", folds, own, settings=settings, start=None, f=f, train=partial(train, stage=".stage1"))


def _on_features(start: Trained, folds: Folds, runs: Runs) -> tuple[Folds, Tensor, Runs]:
    """Stage 2 sees f's outputs as its data, one fold for each run of stage 1: folds, W for each run, runs."""
    at = places("start", start.runs, runs)
    fold = torch.tensor(start.runs.fold, device=folds.x_train.device)
    own = {name: value[fold] for name, value in vars(folds).items() if isinstance(value, Tensor)}
    with torch.no_grad():
        own |= {name: start.f(start.theta, own[name]) for name in ("x_train", "x_val", "x_test")}
    return replace(folds, **own), start.bank["W"][at], replace(runs, fold=tuple(at))


def finish(name: str, program: FewerProgram, start: Trained | None) -> Trained:
    """Scores of every run at its best epoch."""
    state, scores = program.state, {}
    best = {n: t[:, 0] for n, t in state["best_bank"].items()}
    for part in ("val", "test"):
        pieces = [
            evaluate(program.subject(program.fold[rows]), {n: t[rows] for n, t in best.items()}, part,
                     settings=program.settings)
            for rows in torch.arange(len(program.runs)).split(10)
        ]  # fmt: skip
        for measure, values in zip(("accuracy", "faithfulness", "ties"), zip(*pieces)):
            scores[f"{part}_{measure}"] = torch.cat(values).cpu()
    seconds = state["seconds"].clone()
    diverged = state["diverged"].tolist()
    if start:  # its time belongs to every run that builds on it, and so does its divergence
        seconds += torch.tensor(start.seconds, dtype=torch.float64)[program.fold.cpu()]
        diverged = [own or start.diverged[fold] for own, fold in zip(diverged, program.runs.fold)]
    history = program.history()
    history["measure"] = history["measure"][..., 0]
    return Trained(
        method=name, f=program.f, bank=best, folds=program.folds, runs=program.runs, settings=program.settings,
        scores=scores, best_epoch=state["best_epoch"][:, 0].tolist(), stopped_epoch=state["stopped"].tolist(),
        diverged=diverged, seconds=seconds.tolist(), history=history, config=program.config,
        start=start,
    )  # fmt: skip
