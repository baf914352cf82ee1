"""Paper FE after training: scores of all runs, and any one run as a model that predicts and explains by examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from lib import examples, methods, metrics
from lib.data import Folds
from lib.methods import Examples as Method
from lib.nets import MLP, Network, Theta, predict_logits
from lib.training.fitted import Alone, Fitted, check_finite, check_rows


@dataclass(frozen=True)
class Subject:
    """What stays the same while some runs train: network, method, data, each run's fold and weights."""

    f: MLP | Network
    method: Method
    folds: Folds
    fold: Tensor  # (R,)
    lam: Tensor | float = 1.0  # (R,)
    eta: Tensor | float | None = 0.0  # (R,)
    lam1: Tensor | float = 0.0  # (R,)
    F_n: Tensor | None = None  # (R, N, K), features of the examples where f is fixed


def theta_of(bank: dict[str, Tensor]) -> Theta:
    """The parameters of f in a bank, where their names start with "f."."""
    return {name[2:]: tensor for name, tensor in bank.items() if name.startswith("f.")}


def influence(bank: dict[str, Tensor], settings) -> Tensor:
    """E[alpha] of the S and mu in a bank, by the reading of the settings (FE-20)."""
    return examples.expected_influence(bank["S"], bank.get("mu"), exact_mean=settings.exact_mean, sigma=settings.sigma)


@torch.no_grad()
def evaluate(
    what: Subject, bank: dict[str, Tensor], part: str, *, settings, U: Sequence[int] | None = None,
    rows: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Accuracy (or R^2) of the prediction, faithfulness and ties of h for each U, (R, U values) (FE-18, FE-19, FE-21).

    part: "val" or "test"; of its rows, those of the mask rows (R, B) alone. U: by default those of the settings. Where
    h itself predicts it is faithful by definition. Without an explanation model all have one column, faithfulness is 1
    and no row is tied.
    """
    f, method, folds, fold = what.f, what.method, what.folds, what.fold
    theta, W, mu = theta_of(bank), bank.get("W"), bank.get("mu")
    x, y = getattr(folds, f"x_{part}")[fold], getattr(folds, f"y_{part}")[fold]
    share = metrics.share if rows is None else partial(metrics.share, rows=rows)
    F = f(theta, x)
    g = predict_logits(F, W) if method.predictor == "g" else None
    if not method.h_fits:
        ones = torch.ones(len(fold), 1, dtype=torch.float64, device=F.device)
        right = metrics.r_squared(g, y) if folds.task == "regression" else share(metrics.right(g, y))
        return right[:, None], ones, 0 * ones
    F_n = f(theta, folds.x_train[fold]) if what.F_n is None else what.F_n
    A = influence(bank, settings)
    place, scores = examples.positions(A, mu=mu, rank=settings.rank), []
    for u in U or settings.U_values(A[0].numel()):
        h = examples.explain_logits(A * (place < u), F_n, F)
        predicted = h if g is None else g
        if folds.task == "regression":
            right, agree, ties = metrics.r_squared(predicted, y), metrics.r_squared(h, predicted), torch.zeros(len(h))
        else:
            agree = ~h.isnan().any(-1) if g is None else examples.faithful(g, h)
            right, agree, ties = share(metrics.right(predicted, y)), share(agree), share(examples.tied(h))
        scores.append((right, agree, ties.to(right)))
    return tuple(torch.stack(values, 1) for values in zip(*scores))


@dataclass(kw_only=True)
class Trained(Fitted):
    """Every run of a method of FE. bank: "f.*" of the network, "W" (R, K, C), "S" and "mu" (R, N, C).

    scores: "val_accuracy", "val_faithfulness", "val_ties", "test_...", (R, U values). history: "epoch" (T,), "measure"
    and "open" (T, R). Stage 2 of Pretrain(R) sees the features of `start`, its stage 1.
    """

    start: "Trained | None" = None

    @property
    def theta(self) -> Theta:
        """Parameters of f, (R, ...)."""
        return theta_of(self.bank)

    @property
    def influence(self) -> Tensor:
        """E[alpha] (R, N, C) (FE-20)."""
        return influence(self.bank, self.settings)

    def evaluate(
        self, part: str, *, run: int | None = None, bank=None, settings=None, **options
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`evaluate` of all runs, or of one, by other settings or for other parameters if they are given."""
        runs = list(range(len(self.runs))) if run is None else [self._run(run)]
        bank = bank or (self.bank if run is None else {n: t[runs] for n, t in self.bank.items()})
        fold = torch.tensor([self.runs.fold[r] for r in runs], device=self.folds.x_train.device)
        what = Subject(self.f, methods.named(self.method), self.folds, fold)
        return evaluate(what, bank, part, settings=settings or self.settings, **options)

    def run(self, run: int = 0) -> "Model":
        """One run as a model without a run axis. ValueError if there is no such run."""
        r = self._run(run)
        bank, lost = {name: tensor[r] for name, tensor in self.bank.items()}, ""
        f, theta, data, fold = self.f, theta_of(bank), self.folds, self.runs.fold[r]
        if self.start:  # what stage 2 sees as data are the features of one run of stage 1
            f, theta = self.start.f, {name: tensor[fold] for name, tensor in self.start.theta.items()}
            lost = self.start._lost(fold, self.start.best_epoch[fold])
            data, fold = self.start.folds, self.start.runs.fold[fold]
        lost = lost or self._lost(r, self.best_epoch[r])
        A = influence(bank, self.settings) if "S" in bank else None
        mu, W = bank.get("mu"), bank.get("W")
        return Model(Alone(f), theta, W, A, mu, data.x_train[fold], data.task, self.settings.rank, lost)


@dataclass(frozen=True)
class Model:
    """One trained model of FE: it predicts by g, or by h where there is no g, and explains by training examples."""

    f: Alone
    theta: Theta
    W: Tensor | None  # (K, C)
    influence: Tensor | None  # E[alpha] (N, C) (FE-20)
    mu: Tensor | None  # (N, C)
    x_train: Tensor  # (N, ...) the examples, as f sees them
    task: str
    rank: str
    lost: str = ""  # why it has nothing to say: its run diverged before any epoch could be kept

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """W^T f(x), rows x (B, ...) as f sees them -> (B, C); where h predicts (RPS), h with all entries, before r.

        ValueError if x has other axes or NaN, or if the model has diverged.
        """
        check_finite(self._parameters(), self.lost)
        F = self.f(self.theta, check_rows(x, self.x_train[0]))
        if self.W is not None:
            return predict_logits(F, self.W)
        return examples.explain_logits(self.influence, self.f(self.theta, self.x_train), F)

    @torch.no_grad()
    def explain(self, x: Tensor, U: int = 10) -> examples.Explanation:
        """The U training examples behind one prediction: x (D, ...), one row as f sees it (FE-2, FE-4, FE-22)."""
        if self.influence is None:
            raise ValueError("this model has no explanation model: it is a prediction model alone")
        check_finite(self._parameters(), self.lost)
        like = self.x_train[0]
        if isinstance(x, Tensor) and x.shape != like.shape:
            raise ValueError(f"x must be one row {tuple(like.shape)}, got {tuple(x.shape)}")
        x = check_rows(x[None] if isinstance(x, Tensor) else x, like)
        F_n, F = self.f(self.theta, self.x_train), self.f(self.theta, x)[0]
        g = None if self.W is None else predict_logits(F, self.W)
        return examples.explain(self.influence, F_n, F, g=g, U=U, task=self.task, mu=self.mu, rank=self.rank)

    def _parameters(self) -> Theta:
        own = {"W": self.W, "influence": self.influence}
        return self.theta | {name: tensor for name, tensor in own.items() if tensor is not None}
