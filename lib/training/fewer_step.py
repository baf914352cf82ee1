"""Paper FE, one step: the objective on a minibatch, with f evaluated on the open examples alone, and Adam."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lib import examples, gates
from lib.nets import predict_logits
from lib.options import check_counts, check_flags, check_numbers, flat, is_number, is_whole, reading, speed, training
from lib.training.draws import Draws
from lib.training.fewer_fitted import Subject, theta_of

BETAS, EPS = (0.9, 0.999), 1e-8  # of Adam


@dataclass(frozen=True)
class Settings:
    """What the paper fixes, and our reading of what it leaves open (book page "Readings")."""

    epochs: int = training(10_000)
    patience: int = training(1_000)  # epochs without a better validation measure before a run stops
    check: int = training(10)  # epochs between two validations
    batch: int = training(32)
    lr: float = training(1e-3)
    hidden: int = training(64)  # units a layer, K
    layers: int = training(3)  # hidden layers; W makes four
    dropout: float = training(0.3)
    sigma: float = training(gates.SIGMA)
    J: int = training(1)
    mu_start: float = reading(0.5)
    S_start: float | str = reading(1.0)  # S ~ N(0, S_start^2); "unit": h's first outputs before r have unit spread
    U: tuple[int | str, ...] = training((5, 10, 20, 30, 50, 100, "all"))
    keep: int = reading(10)  # the U whose geometric mean of accuracy and faithfulness on validation chooses the epoch
    rank: str = reading("magnitude")  # how influence is ranked (FE-22)
    exact_mean: bool = reading(False)  # E[z] in closed form instead of FE-20's max(0, min(1, mu))
    through_g: bool = reading(True)  # l(g, h) also moves g
    drop_examples: bool = reading(True)  # dropout on f(x_n) as on f(x)
    open_rows: bool = speed(True)  # evaluate f only on examples with an open gate: exact, and faster
    stack_rows: int = speed(10_000)  # rows multiplied together on a CPU: they fit its cache

    def __post_init__(self):
        check_counts(self, "epochs", "patience", "check", "batch", "hidden", "J", "keep", "stack_rows")
        check_counts(self, "layers", least=0)
        check_numbers(self, "lr", positive=True)
        if self.S_start != "unit":
            check_numbers(self, "S_start")
        check_flags(self, "exact_mean", "through_g", "drop_examples", "open_rows")
        if not is_number(self.mu_start):
            raise ValueError(f"mu_start must be a finite number, got {self.mu_start!r}")
        if self.S_start == "unit" and self.mu_start <= 0 and not self.exact_mean:
            raise ValueError(f"mu_start must be above 0 where S_start is unit, as h is 0 below, got {self.mu_start}")
        if not isinstance(self.U, tuple | list) or not self.U:
            raise ValueError(f"U must hold at least one value, as (10, 'all'), got {self.U!r}")
        object.__setattr__(self, "U", tuple(self.U))
        gates.check_sigma(self.sigma)
        if self.rank not in examples.RANKS:
            raise ValueError(f"rank must be one of {', '.join(examples.RANKS)}, got {self.rank!r}")

    def U_values(self, entries: int) -> list[int]:
        """U as numbers, "all" being N x C = entries. ValueError where two are equal."""
        values = [entries if U == "all" else examples.check_U(U, entries) for U in self.U]
        if len(set(values)) < len(values):
            raise ValueError(f"U must be different numbers, got {self.U} with N x C = {entries}")
        return values

    def recorded(self) -> dict:
        """The settings that identify a record."""
        return flat(self)


def in_epochs(rows: int, **steps: int) -> int:
    """So many gradient steps of the default batch, rounded up to epochs of so many rows.

    ValueError unless steps, given by the name that it has where it is typed, is a whole number of at least 1.
    """
    ((name, value),) = steps.items()
    if not is_whole(value, 1):
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    return math.ceil(value / math.ceil(rows / Settings.batch))


def minibatch_loss(
    what: Subject, bank: dict[str, Tensor], batch: Tensor, *, draws: Draws, settings: Settings
) -> Tensor:
    """One step's objective for each run of a stack: row numbers batch (R, B) -> (R,) (FE-11).

    Where f is fixed, the features of the examples need not be computed.
    """
    f, method, folds, fold = what.f, what.method, what.folds, what.fold
    F_n, B, R = what.F_n, batch.shape[1], batch.shape[0]
    mu, h, rows, own = bank.get("mu"), None, batch[:, :0], [0] * R
    if method.h_fits:
        A, N, valid = bank["S"], bank["S"].shape[1], None
        eps = settings.sigma * draws.noise((N, settings.J, A.shape[2])) if method.gates else None
        if F_n is None and method.gates and settings.open_rows:
            rows, valid, own = draws.rows(mu.detach()[:, :, None] + eps)
        elif F_n is None:
            rows, own = torch.arange(N, device=A.device).expand(R, -1), [N] * R
        A = drawn(A, mu, eps, rows=rows, valid=valid)
        A, A_shape = A.flatten(2), A.shape
    x = at(folds.x_train, fold, torch.cat([batch, rows], 1))
    dropped = x.shape[1] if settings.drop_examples else B
    bits = draws.bits(dropped, [B + n if settings.drop_examples else B for n in own], f.n_draws)
    theta = theta_of(bank)
    F, F_dropped = f(theta, x[:, :dropped], bits).split([B, dropped - B], 1)
    if F_n is None:
        F_n = F_dropped if settings.drop_examples else f(theta, x[:, B:])
    g = predict_logits(F, bank["W"]) if "W" in bank else None
    if method.h_fits:
        h = examples.explain_logits(A, F_n, F).unflatten(2, A_shape[2:]).transpose(1, 2)  # (R, J, B, C)
    y = at(folds.y_train, fold, batch)
    options = {"sigma": settings.sigma, "task": folds.task, "through_g": settings.through_g}
    return examples.objective(method, y, g=g, h=h, mu=mu, lam=what.lam, eta=what.eta, **options)


def drawn(S: Tensor, mu: Tensor | None, eps: Tensor | None, *, rows: Tensor, valid: Tensor | None) -> Tensor:
    """A for draws eps (R, N, J, C) of the gates, at the valid ones among rows (R, M), or everywhere (FE-7, FE-8)."""
    if valid is not None:
        index = rows[..., None].expand(-1, -1, S.shape[2])
        S, mu = S.gather(1, index) * valid[..., None], mu.gather(1, index)
        eps = eps.gather(1, index[:, :, None].expand(-1, -1, eps.shape[2], -1))
    A = S[:, :, None]
    return A if eps is None else gates.gated(gates.sample(mu[:, :, None], eps), A)


def at(values: Tensor, fold: Tensor, rows: Tensor) -> Tensor:
    """Each run's rows (R, M) of its own fold's values (folds, N, ...): (R, M, ...)."""
    flat = (fold[:, None] * values.shape[1] + rows).flatten()
    return values.flatten(0, 1).index_select(0, flat).unflatten(0, rows.shape)


def adam(parameters, gradients, moments, *, step: Tensor, lr: float) -> None:
    """A step of torch's fused Adam on lists of tensors, as `torch.optim.Adam` takes it, with one count of steps.

    moments: the list of the first and the list of the second.
    """
    gradients = [gradient.contiguous() for gradient in gradients]  # it reads memory in order, whatever the strides
    torch._fused_adam_(
        parameters, gradients, *moments, [], [step] * len(parameters), lr=lr, beta1=BETAS[0], beta2=BETAS[1], eps=EPS,
        weight_decay=0.0, amsgrad=False, maximize=False,
    )  # fmt: skip
