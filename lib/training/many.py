"""FE's Ours on very many rows, one run at a time: what takes a step is what is open, not what there is.

    settings = many.Settings(mu_start=many.mu_for(1_000, N, C), S_start=0.1)
    fitted = fit("Ours", folds, Runs.grid(1, eta=[0.01]), settings=settings)

Rows that have never been open are all alike: no gradient has reached them but that of FE-9, which depends on mu alone,
and they started together. One mu with its two moments stands for them, the number of those that open is binomial, and
which they are is a matter of a random order drawn beforehand. Rows that have been open, the first of that order, have
gates and moments of their own. Nothing of this is an approximation: the law of every step is that of `fewer`.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lib import gates, methods, metrics
from lib.data import Folds
from lib.nets import MLP
from lib.options import check_counts, training
from lib.training import fewer
from lib.training.draws import Draws, open_rows
from lib.training.fewer_fitted import Subject, Trained, evaluate
from lib.training.fewer_step import BETAS, EPS, adam
from lib.training.fitted import Fitted
from lib.training.runs import Runs

GATES = ("S", "mu")
ROWS = ("x_train", "y_train", "index_train")


@dataclass(frozen=True)
class Settings(fewer.Settings):
    """FE's, and what makes a step short. An epoch is `span` steps, whose batches are drawn from all rows."""

    span: int = training(1_000)
    most: int = training(2_000)  # open rows that a step evaluates; of more, a sample stands for all
    candidates: int | None = training(None)  # how many rows, drawn at random, may be examples; None: all

    def __post_init__(self):
        super().__post_init__()
        check_counts(self, "span", "most", *("candidates",) * (self.candidates is not None))


def mu_for(rows: float, N: int, C: int, *, sigma: float = gates.SIGMA) -> float:
    """The mu at which so many of N rows of C gates are expected to have one open."""
    if not 0 < rows < N:
        raise ValueError(f"rows must lie between 0 and N = {N}, got {rows}")
    p = -math.expm1(math.log1p(-rows / N) / C)
    return sigma * torch.special.ndtri(torch.tensor(p, dtype=torch.float64)).item()


class Few(Draws):
    """Draws of one run of which the last rows' noise is known, and of whose open rows at most some are evaluated."""

    def __init__(self, generator: torch.Generator, dtype: torch.dtype, *, last: Tensor, most: int):
        super().__init__([generator], dtype)
        self.last, self.most = last.to(dtype), most

    def noise(self, shape) -> Tensor:
        """Standard normal, (1, *shape), but for the last rows."""
        n = shape[0] - len(self.last)
        return torch.cat([super().noise((n, *shape[1:])), self.last.view(1, -1, *shape[1:])], 1)

    def rows(self, Z: Tensor) -> tuple[Tensor, Tensor, list[int]]:
        """The open rows; of more than `most` a sample, weighted so that A^T F is right in the mean (FE-2)."""
        rows, valid, own = open_rows(Z)
        if own[0] <= self.most:
            return rows, valid, own
        some = torch.randperm(own[0], generator=self.generators[0])[: self.most]
        return rows[:, some], torch.full((1, self.most), own[0] / self.most, dtype=Z.dtype), [self.most]


class ManyProgram(fewer.FewerProgram):
    """FE's program for one run whose rows are met one by one."""

    def __init__(self, method: methods.Examples, folds: Folds, runs: Runs, *, settings: Settings, f):
        self.gated = settings.candidates or folds.x_train.shape[1]  # rows that have gates
        super().__init__(method, folds, runs, settings=settings, f=f)
        order = torch.randperm(folds.x_train.shape[1], generator=self.generators[0])
        self.folds = replace(folds, **{name: getattr(folds, name)[:, order] for name in ROWS})
        self.state["met"] = 0
        self.state["unmet"] = torch.tensor([settings.mu_start, 0.0, 0.0], dtype=torch.float64)  # mu and its moments

    def start(self) -> dict[str, Tensor]:
        bank = super().start()
        return bank | {name: bank[name][:, : self.gated].clone() for name in GATES}

    def examples(self, n: int) -> Folds:
        """The folds with the first n training rows alone."""
        return replace(self.folds, **{name: getattr(self.folds, name)[:, :n] for name in ROWS})

    def subject(self, fold: Tensor, **weights: Tensor) -> Subject:
        """What is scored: rows that may not be examples are left out."""
        return Subject(self.f, self.method, self.examples(self.gated), fold, **weights)

    def advance(self, stack: Tensor, epochs: int) -> None:
        """Train the run for `epochs` times `span` steps (Algorithm 1)."""
        taken = self.state["epoch"] * self.settings.span
        for step in range(taken + 1, taken + epochs * self.settings.span + 1):
            self.step(step)
        self.state["bank"]["mu"][:, self.state["met"] :] = self.state["unmet"][0].item()

    def step(self, step: int) -> None:
        """Meet the rows that open for the first time, then one step of Adam on the rows that have been met (FE-11)."""
        state, settings, (generator,) = self.state, self.settings, self.generators
        opened = self.meet(generator)
        own = {n: t[:, : state["met"]] if n in GATES else t for n, t in state["bank"].items()}
        own = {n: t.detach().requires_grad_() for n, t in own.items()}
        draws = Few(generator, self.dtype, last=opened, most=settings.most)
        batch = torch.randint(self.folds.x_train.shape[1], (1, settings.batch), generator=generator)
        what = Subject(self.f, self.method, self.folds, self.fold, **self.weights)
        loss = fewer.minibatch_loss(what, own, batch, draws=draws, settings=settings)
        leaves = list(own.values())
        gradients = torch.autograd.grad(loss.sum(), leaves, materialize_grads=True)
        moments = [[m[:, : t.shape[1]] for m in state["moments"][n]] for n, t in own.items()]
        with torch.no_grad():
            adam(leaves, gradients, map(list, zip(*moments)), step=torch.tensor(float(step)), lr=settings.lr)
        self.fall(step)

    def meet(self, generator: torch.Generator) -> Tensor:
        """Give rows that open now their own gates, and return their noise, (rows, J C)."""
        state, (mu, first, second) = self.state, self.state["unmet"].tolist()
        n, C = state["met"], state["bank"]["mu"].shape[2]
        options = {"gates": self.settings.J * C, "generator": generator, "sigma": self.settings.sigma}
        opened = gates.opening_noise(self.gated - n, mu, **options)
        new = slice(n, n + len(opened))
        for tensor, value in zip((state["bank"]["mu"], *state["moments"]["mu"]), (mu, first, second)):
            tensor[:, new] = value
        state["met"] = new.stop
        return opened

    def fall(self, step: int) -> None:
        """Adam's step for the rows that are still unmet: FE-9 alone moves them."""
        mu, first, second = self.state["unmet"].tolist()
        slope = gates.open_density(torch.tensor(mu, dtype=torch.float64), self.settings.sigma)
        gradient = self.runs.eta[0] * slope.item()
        first += (1 - BETAS[0]) * (gradient - first)
        second += (1 - BETAS[1]) * (gradient**2 - second)
        size = math.sqrt(second / (1 - BETAS[1] ** step)) + EPS
        mu -= self.settings.lr * first / (1 - BETAS[0] ** step) / size
        self.state["unmet"] = torch.tensor([mu, first, second], dtype=torch.float64)

    def measure(self, bank: dict[str, Tensor], stack: Tensor) -> Tensor:
        """As `fewer`, without the rows that are unmet where their mu is below 0.

        These have no influence then; where `exact_mean` asks for E[z] itself, a slight one, which final scores count.
        """
        n = self.gated if self.state["unmet"][0] > 0 else min(self.gated, max(self.state["met"], self.settings.keep))
        what = Subject(self.f, self.method, self.examples(n), self.fold)
        own = bank | {name: bank[name][:, :n] for name in GATES}
        U = min(self.settings.keep, own["S"][0].numel())
        accuracy, faithfulness, _ = evaluate(what, own, "val", settings=self.settings, U=[U])
        return metrics.geometric_mean(accuracy, faithfulness)


def fit(name: str, folds: Folds, runs: Runs, *, settings: Settings, start: Fitted | None, f, train) -> Trained:
    """One run of Ours. ValueError for what cannot be trained so: several runs, another method, start or network."""
    N = folds.x_train.shape[1]
    if name != "Ours" or len(runs) > 1 or start is not None or f is not None:
        raise ValueError(f"many rows are for one run of Ours with FE's own network, got {len(runs)} of {name}")
    if folds.x_train.device.type != "cpu" or settings.S_start == "unit" or not settings.open_rows:
        raise ValueError("many rows are for a CPU, with S_start a number and open_rows")
    if (settings.candidates or 1) > N:
        raise ValueError(f"candidates must be at most N = {N}, got {settings.candidates}")
    settings.U_values((settings.candidates or N) * folds.C)
    f = MLP((folds.x_train.shape[2:].numel(), *[settings.hidden] * settings.layers), settings.dropout)
    program = train(ManyProgram(methods.named(name), folds, runs, settings=settings, f=f))
    return replace(fewer.finish(name, program, None), folds=program.examples(program.gated))
