"""Training R runs (splits x etas x lambdas x seeds) as one program: Algorithm 1 on stacked tensors.

All parameters live in one bank of tensors with a leading run axis. Between two validations the live runs are cut
into stacks of similar open share, each stack is trained by batched products, and its rows go back to the bank.
A run's random draws come from its own generator, so its result does not depend on its neighbours beyond rounding.
Bit for bit the same, on one device and with as many threads: a training repeated with the same runs and settings, and
one resumed from a checkpoint. Equal up to rounding: the same run in other company.
"""

import gc
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lib import examples, gates, metrics
from lib.data import Folds
from lib.examples import METHODS, PREDICTOR, Method
from lib.nets import MLP, Network, predict_logits, stack_uniform
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

FULL_RANGE = (-(2**63), None)  # random_ over all 64 bits
BLOCK_NUMBERS = 2**23  # 16-bit random numbers that a run draws at once on a GPU, 16 MiB


@dataclass(frozen=True)
class Settings:
    """What the paper fixes, and our reading of what it leaves open (book page "Readings")."""

    epochs: int = 10_000
    patience: int = 1_000  # epochs without a better validation measure before a run stops
    check: int = 10  # epochs between two validations
    batch: int = 32
    lr: float = 1e-3
    hidden: int = 64  # units a layer, K
    layers: int = 3  # hidden layers; W makes four
    dropout: float = 0.3
    sigma: float = gates.SIGMA
    J: int = 1
    mu_start: float = 0.5
    S_start: float | str = 1.0  # S ~ N(0, S_start^2); "unit": h's first outputs before r have unit spread
    U: tuple[int | str, ...] = (5, 10, 20, 30, 50, 100, "all")
    keep: int = 10  # the U whose geometric mean of accuracy and faithfulness on validation chooses the epoch
    rank: str = "magnitude"  # how influence is ranked (FE-22)
    exact_mean: bool = False  # E[z] in closed form instead of FE-20's max(0, min(1, mu))
    through_g: bool = True  # l(g, h) also moves g
    drop_examples: bool = True  # dropout on f(x_n) as on f(x)
    open_rows: bool = True  # evaluate f only on examples with an open gate: exact, and faster
    stack_rows: int = 10_000  # rows multiplied together on a CPU: fits its cache; results are the same up to rounding

    def __post_init__(self):
        check_counts(self, "epochs", "patience", "check", "batch", "hidden", "J", "keep", "stack_rows")
        check_counts(self, "layers", least=0)
        check_numbers(self, "lr", positive=True)
        if self.S_start != "unit":
            check_numbers(self, "S_start")
        if not math.isfinite(self.mu_start):
            raise ValueError(f"mu_start must be a finite number, got {self.mu_start}")
        if not self.U:
            raise ValueError("U must hold at least one value, got none")
        gates.check_sigma(self.sigma)
        if self.rank not in examples.RANKS:
            raise ValueError(f"rank must be one of {', '.join(examples.RANKS)}, got {self.rank!r}")

    def U_values(self, entries: int) -> list[int]:
        """U as numbers, "all" being N x C = entries."""
        return [entries if U == "all" else examples.check_U(U, entries) for U in self.U]


@dataclass(frozen=True)
class Runs:
    """The run axis: one entry a run. fold: position on the folds' split axis."""

    fold: tuple[int, ...]
    eta: tuple[float, ...]
    lam: tuple[float, ...]
    seed: tuple[int, ...]

    def __post_init__(self):
        if not len(self.fold) == len(self.eta) == len(self.lam) == len(self.seed) > 0:
            raise ValueError("runs need as many folds as etas, lambdas and seeds, and at least one")
        for name, values in (("eta", self.eta), ("lam", self.lam)):
            if bad := [v for v in values if not (v >= 0 and math.isfinite(v))]:
                raise ValueError(f"{name} must be a finite number of at least 0, got {bad[0]}")

    def __len__(self) -> int:
        return len(self.fold)

    @classmethod
    def grid(cls, folds: int, etas=(0.0,), lams=(1.0,), seeds=(0,)) -> "Runs":
        """Every split with every eta, lambda and seed, splits fastest. ValueError if one of them has no value."""
        check_axes(folds=range(folds), etas=etas, lams=lams, seeds=seeds)
        cells = [(f, e, l, s) for s in seeds for l in lams for e in etas for f in range(folds)]
        return cls(*map(tuple, zip(*cells)))


@dataclass
class Trained:
    """Every run at its best epoch. Tensors have the run axis first."""

    method: str
    f: MLP | Network
    bank: dict[str, Tensor]  # "f.*": network, "W" (R, K, C), "S" and "mu" (R, N, C)
    folds: Folds  # what f sees (for Pretrain's stage 2, the features of stage 1)
    runs: Runs
    settings: Settings
    scores: dict[str, Tensor]  # "val_accuracy", "val_faithfulness", "val_ties", "test_...": (R, U values)
    best_epoch: list[int]
    stopped_epoch: list[int]
    seconds: list[float]  # a run's share of its stacks' time, stage 1 included
    history: dict[str, np.ndarray]  # "epoch" (T,), "measure" and "open" (T, R)
    stage1: "Trained | None" = None

    @property
    def theta(self) -> dict[str, Tensor]:
        """Parameters of f, (R, ...)."""
        return _theta(self.bank)

    @property
    def influence(self) -> Tensor:
        """E[alpha] (R, N, C) (FE-20)."""
        return examples.expected_influence(
            self.bank["S"], self.bank.get("mu"), self.settings.exact_mean, self.settings.sigma
        )

    @torch.no_grad()
    def predict(self, x: Tensor, run: int = 0) -> Tensor:
        """W^T f(x) of one run, rows x (B, ...) as f sees them -> (B, C); where h predicts (RPS), h with all entries."""
        theta, rows = {n: t[[run]] for n, t in self.theta.items()}, x[None]
        F = self.f(theta, rows)
        if "W" in self.bank:
            return predict_logits(F, self.bank["W"][[run]])[0]
        F_n = self.f(theta, self.folds.x_train[[self.runs.fold[run]]])
        return examples.explain_logits(self.influence[[run]], F_n, F)[0]

    @torch.no_grad()
    def explain(self, x: Tensor, U: int = 10, run: int = 0) -> examples.Explanation:
        """The U training examples behind one prediction: x (D, ...), one row as f sees it (FE-2, FE-4, FE-22)."""
        theta = {n: t[[run]] for n, t in self.theta.items()}
        F_n, F = self.f(theta, self.folds.x_train[[self.runs.fold[run]]])[0], self.f(theta, x[None, None])[0, 0]
        mu = self.bank["mu"][[run]] if "mu" in self.bank else None
        A, g = self.influence[run], None
        if "W" in self.bank:
            g = predict_logits(F, self.bank["W"][run])
        return examples.explain(A, F_n, F, g, U, self.folds.task, mu=mu, rank=self.settings.rank)


class Draws:
    """All random numbers of a stack of runs, each from its own run's generator."""

    def __init__(self, generators: Sequence[torch.Generator], dtype: torch.dtype):
        self.generators, self.dtype, self.device = generators, dtype, generators[0].device

    def orders(self, N: int) -> Tensor:
        """A shuffled epoch for each run, (R, N)."""
        return torch.stack([torch.randperm(N, generator=g, device=self.device) for g in self.generators])

    def noise(self, shape: Sequence[int]) -> Tensor:
        """Standard normal, (R, *shape)."""
        out = torch.empty(len(self.generators), *shape, dtype=self.dtype, device=self.device)
        for r, g in enumerate(self.generators):
            out[r].normal_(generator=g)
        return out

    def bits(self, rows: int, own_rows: Sequence[int], n_draws: int) -> Tensor:
        """16-bit random numbers (R, rows, n_draws), of which run r draws only its first own_rows[r] rows."""
        words = -(-rows * n_draws // 4)
        out = torch.zeros(len(self.generators), words, dtype=torch.int64, device=self.device)
        for r, g in enumerate(self.generators):
            out[r, : -(-own_rows[r] * n_draws // 4)].random_(*FULL_RANGE, generator=g)
        return out.view(torch.int16)[:, : rows * n_draws].unflatten(1, (rows, n_draws))


def _theta(bank: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[2:]: tensor for name, tensor in bank.items() if name.startswith("f.")}


def open_rows(Z: Tensor) -> tuple[Tensor, Tensor, list[int]]:
    """Examples with any open gate: Z (R, N, J, C) -> rows (R, M), valid (R, M), and each run's count.

    A closed row (z = 0 throughout) adds nothing to h and receives no gradient, so leaving it out is exact.
    Runs with fewer than M open rows are padded with row 0, not valid.
    """
    is_open = (Z > 0).flatten(2).any(2)
    counts = is_open.sum(1)
    own = counts.tolist()
    run, row = is_open.nonzero(as_tuple=True)
    place = torch.arange(len(run), device=Z.device) - (counts.cumsum(0) - counts)[run]
    rows = torch.zeros(Z.shape[0], max(own), dtype=torch.int64, device=Z.device)
    rows[run, place] = row
    return rows, torch.arange(max(own), device=Z.device) < counts[:, None], own


def minibatch_loss(
    f: MLP | Network, bank: dict[str, Tensor], method: Method, folds: Folds, fold: Tensor, batch: Tensor,
    lam: Tensor, eta: Tensor, draws: Draws, settings: Settings, F_n: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """One step's objective for each run of a stack: row numbers batch (R, B) -> (R,) (FE-11).

    F_n (R, N, K): features of all examples where f is fixed, so that they need not be computed.
    """
    B, R = batch.shape[1], batch.shape[0]
    mu, h, rows, own = bank.get("mu"), None, batch[:, :0], [0] * R
    if method.h_fits:
        A = bank["S"][:, :, None]  # (R, N, J, C)
        if method.gates:
            eps = settings.sigma * draws.noise((mu.shape[1], settings.J, mu.shape[2]))
            Z = gates.sample(mu[:, :, None], eps)
            A = gates.gated(Z, A)
        A, A_shape = A.flatten(2), A.shape
    if method.h_fits and F_n is None:
        if method.gates and settings.open_rows:
            rows, valid, own = open_rows(Z)
            A = A.gather(1, rows[..., None].expand(-1, -1, A.shape[2])) * valid[..., None]
        else:
            rows, own = torch.arange(A_shape[1], device=A.device).expand(R, -1), [A_shape[1]] * R
    x = folds.x_train[fold[:, None], torch.cat([batch, rows], 1)]
    dropped = x.shape[1] if settings.drop_examples else B
    bits = draws.bits(dropped, [B + n if settings.drop_examples else B for n in own], f.n_draws)
    theta = _theta(bank)
    F, F_dropped = f(theta, x[:, :dropped], bits).split([B, dropped - B], 1)
    if F_n is None:
        F_n = F_dropped if settings.drop_examples else f(theta, x[:, B:])
    g = predict_logits(F, bank["W"]) if "W" in bank else None
    if method.h_fits:
        h = examples.explain_logits(A, F_n, F).unflatten(2, A_shape[2:]).transpose(1, 2)  # (R, J, B, C)
    y = folds.y_train[fold[:, None], batch]
    return examples.objective(method, y, g, h, mu, lam, eta, settings.sigma, folds.task, settings.through_g)


class RecordedSteps:
    """Training steps of one stack, recorded once as a CUDA graph for each batch size and then replayed.

    A replay is one launch where a step has hundreds, each of them longer than its arithmetic. Shapes must not change,
    so every training example is evaluated, open or not, and random numbers are drawn for a block of steps at once.
    Without CUDA the same steps run unrecorded, which is how they are tested.
    """

    def __init__(self, update, N: int, C: int, f: MLP, settings: Settings, block: int | None = None):
        self.update, self.n_draws = update, f.n_draws
        self.settings = replace(settings, open_rows=False)
        self.gates, self.rows = (N, settings.J, C), settings.batch + (N if settings.drop_examples else 0)
        numbers = 2 * N * settings.J * C + self.rows * f.n_draws  # 16 bits each
        self.block = block or min(32, max(1, BLOCK_NUMBERS // numbers))  # a run's own: the same in any company
        self.left = 0  # steps whose draws are still unused
        self.inputs: dict[int | str, Tensor] = {}  # a recorded step reads "eps", "bits", and row numbers by their size
        self.graphs: dict[int, torch.cuda.CUDAGraph | None] = {}

    def noise(self, shape: Sequence[int]) -> Tensor:
        """This step's share of the block, (R, N, J, C)."""
        return self.inputs["eps"]

    def bits(self, rows: int, own_rows: Sequence[int], n_draws: int) -> Tensor:
        """This step's share of the block, (R, rows, n_draws)."""
        return self.inputs["bits"][:, :rows]

    def __call__(self, batch: Tensor, draws: Draws) -> None:
        """One step on the row numbers batch (R, B)."""
        if self.left == 0:
            self.left, rows = self.block, self.block * self.rows
            self.eps = draws.noise((self.block, *self.gates))
            self.bit = draws.bits(rows, [rows] * len(batch), self.n_draws).unflatten(1, (self.block, self.rows))
        self.left -= 1
        size = batch.shape[1]
        for name, value in ((size, batch), ("eps", self.eps[:, self.left]), ("bits", self.bit[:, self.left])):
            if name in self.inputs:
                self.inputs[name].copy_(value)
            else:
                self.inputs[name] = value.clone()
        self._replay(size)

    def _replay(self, size: int) -> None:
        """The first step of a size runs unrecorded (a graph needs everything warm), the second is recorded."""
        step = partial(self.update, self.inputs[size], self, self.settings)
        if not self.inputs["eps"].is_cuda:
            step()
        elif size not in self.graphs:
            self.graphs[size], side = None, torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                step()
            torch.cuda.current_stream().wait_stream(side)
        else:
            if self.graphs[size] is None:
                gc.collect()  # an older graph that is freed while this one is recorded would spoil it
                self.graphs[size] = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self.graphs[size]):
                    step()
            self.graphs[size].replay()


def steps_for(update, N: int, C: int, f: MLP | Network, settings: Settings, device: torch.device):
    """The step itself on a CPU; recorded on a GPU, unless f is somebody's module that may not allow it."""
    return RecordedSteps(update, N, C, f, settings) if device.type == "cuda" and isinstance(f, MLP) else update


@torch.no_grad()
def evaluate(
    f, bank, method: Method, folds: Folds, fold: Tensor, part: str, settings: Settings, *,
    U: Sequence[int] | None = None, rows: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Accuracy (or R^2) of the prediction, faithfulness and ties of h for each U, (R, U values) (FE-18, FE-19, FE-21).

    part: "val" or "test"; of its rows, those of the mask rows (R, B) alone. Where h itself predicts it is faithful by
    definition. Without an explanation model all have one column, faithfulness is 1 and no row is tied.
    """
    theta, W, mu = _theta(bank), bank.get("W"), bank.get("mu")
    x, y = getattr(folds, f"x_{part}")[fold], getattr(folds, f"y_{part}")[fold]
    share = metrics.share if rows is None else partial(metrics.share, rows=rows)
    F = f(theta, x)
    g = predict_logits(F, W) if method.predictor == "g" else None
    if not method.h_fits:
        ones = torch.ones(len(fold), 1, dtype=torch.float64, device=F.device)
        right = metrics.r_squared(g, y) if folds.task == "regression" else share(metrics.right(g, y))
        return right[:, None], ones, 0 * ones
    F_n = f(theta, folds.x_train[fold])
    A = examples.expected_influence(bank["S"], mu, settings.exact_mean, settings.sigma)
    place, scores = examples.positions(A, mu, settings.rank), []
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


class _Program(Program):
    """Algorithm 1 for R runs of one method: Adam on the objective's minibatch estimate."""

    moments = 2

    def __init__(self, method: Method, folds: Folds, runs: Runs, settings: Settings, f, fixed, device, dtype):
        self.method = method
        self.lam, self.eta = (torch.tensor(v, dtype=dtype, device=device) for v in (runs.lam, runs.eta))
        super().__init__(method, folds, runs, settings, f, device, dtype, fixed)
        R, N = len(runs), folds.x_train.shape[1]
        self.state["open"] = torch.ones(R, dtype=torch.float64)  # share of gates more likely open than shut
        self.state["rows"] = torch.full((R,), float(N))  # training examples expected to be open in a step
        self.begun = None  # on a GPU: the live runs, their parameters, optimiser and recorded steps

    def start(self) -> dict[str, Tensor]:
        """f, then W, then S and mu."""
        bank = {f"f.{n}": t.to(self.device) for n, t in self.f.init(self.generators, self.dtype).items()}
        N, C = self.folds.x_train.shape[1], self.folds.C
        if self.method.predictor == "g":
            K = self.f(_theta(bank), self.folds.x_train[self.fold, :2]).shape[-1]
            bank["W"] = stack_uniform((K, C), K, self.generators, self.dtype)
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
        F = self.f(_theta(bank), self.folds.x_train[self.fold])
        A = examples.expected_influence(bank["S"], bank.get("mu"), self.settings.exact_mean, self.settings.sigma)
        return examples.explain_logits(A, F, F).flatten(1).std(1)

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
        _, bank, adam, steps = begun
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
        for n in self.trained:
            for moment, kept in zip(state["moments"][n], ("exp_avg", "exp_avg_sq")):
                moment[stack] = adam.state[bank[n]][kept]

    def begin(self, stack: Tensor):
        """Some runs' parameters, their optimiser and their step, to go on from where the state is."""
        state, settings = self.state, self.settings
        bank = {n: t[stack].clone().requires_grad_(n in self.trained) for n, t in state["bank"].items()}
        adam = torch.optim.Adam(
            [bank[n] for n in self.trained], lr=settings.lr, fused=True, capturable=self.device.type == "cuda"
        )
        step = torch.tensor(float(state["epoch"] * math.ceil(self.folds.x_train.shape[1] / settings.batch)))
        for n in self.trained:
            m, v = (moment[stack] for moment in state["moments"][n])
            adam.state[bank[n]] = {"step": step.clone().to(self.device), "exp_avg": m, "exp_avg_sq": v}
        fold, lam, eta = self.fold[stack], self.lam[stack], self.eta[stack]
        F_n = self.folds.x_train[fold] if self.method.pretrained else None  # stage 2 sees features, and they stay

        def update(batch: Tensor, draws: Draws, settings: Settings = settings) -> None:
            loss = minibatch_loss(self.f, bank, self.method, self.folds, fold, batch, lam, eta, draws, settings, F_n)
            adam.zero_grad()
            loss.sum().backward()
            adam.step()

        N, C = self.folds.x_train.shape[1], self.folds.C
        return bank, adam, steps_for(update, N, C, self.f, settings, self.device)

    def measure(self, bank: dict[str, Tensor], stack: Tensor) -> Tensor:
        """Geometric mean of accuracy and faithfulness at U = `keep`, or at all entries where there are fewer."""
        U = [min(self.settings.keep, bank["S"][0].numel())] if self.method.h_fits else None
        accuracy, faithfulness, _ = evaluate(
            self.f, bank, self.method, self.folds, self.fold[stack], "val", self.settings, U=U
        )
        return metrics.geometric_mean(accuracy, faithfulness)

    def observe(self, bank: dict[str, Tensor], stack: Tensor) -> None:
        """The share of open gates, and how many examples they leave open."""
        if "mu" in bank:
            self.state["open"][stack] = (bank["mu"] > 0).double().mean((1, 2)).cpu()
            shut = 1 - gates.open_probability(bank["mu"], self.settings.sigma)
            self.state["rows"][stack] = (1 - shut.prod(2)).sum(1).cpu().to(self.state["rows"].dtype)

    def observed(self) -> dict[str, Tensor]:
        return {"open": self.state["open"]}


def train(
    method: str,
    folds: Folds,
    runs: Runs,
    settings: Settings = Settings(),
    f: MLP | Network | None = None,
    device: str = "cpu",
    checkpoint: str | os.PathLike | None = None,
    save_every: float = 60.0,
    progress: bool = True,
    stage1: Trained | None = None,
    dtype: torch.dtype = torch.float32,
) -> Trained:
    """Train all runs of one method and return each at its best epoch on validation rows.

    method: a key of `examples.METHODS`, or "Predictor" (FE-15). f: by default the paper's MLP; a `Network` trains one
    run. checkpoint: a file to save to every save_every seconds and to resume from; removed by the caller.
    stage1: a trained "Predictor" that Pretrain and PretrainR share; made here when missing. Raises ValueError for
    unknown methods, devices that are not there, U beyond N x C, and checkpoints of another configuration.
    """
    terms = {**METHODS, "Predictor": PREDICTOR}.get(method)
    if terms is None:
        raise ValueError(f"method must be one of {', '.join(METHODS)} or Predictor, got {method!r}")
    folds = folds.to(check_device(device))
    check_folds(runs, folds)
    if terms.h_fits:
        settings.U_values(folds.x_train.shape[1] * folds.C)
    if f is None:
        f = MLP((folds.x_train.shape[2], *[settings.hidden] * settings.layers), settings.dropout)
    if not isinstance(f, MLP | Network):
        raise ValueError(f"f must be an MLP or a Network(module), got {type(f).__name__}")
    path = check_checkpoint(checkpoint)
    fixed, program_f, program_folds, program_runs = {}, f, folds, runs
    if terms.pretrained:
        stage1 = stage1 or train_stage1(
            folds, runs, settings, f=f, device=device, checkpoint=path and path.with_name(f"{path.name}.stage1"),
            save_every=save_every, progress=progress, dtype=dtype,
        )  # fmt: skip
        program_folds, W, program_runs = _on_features(stage1, folds, runs)
        fixed, program_f = {"W": W}, MLP((W.shape[1],), dropout=0)
    program = _Program(terms, program_folds, program_runs, settings, program_f, fixed, torch.device(device), dtype)
    program.run(path, save_every, progress, label=method)
    return _finish(method, program, stage1)


def train_stage1(folds: Folds, runs: Runs, settings: Settings, **options) -> Trained:
    """Pretrain's prediction model, once for each split and seed among the runs (FE-15)."""
    unique = sorted(set(zip(runs.fold, runs.seed)))
    fold, seed = zip(*unique)
    stage1 = Runs(fold, (0.0,) * len(unique), (0.0,) * len(unique), seed)
    return train("Predictor", folds, stage1, settings, **options)


def _on_features(stage1: Trained, folds: Folds, runs: Runs) -> tuple[Folds, Tensor, Runs]:
    """Stage 2 sees f's outputs as its data, one fold for each run of stage 1: folds, W for each run, runs."""
    at = places("stage1", stage1.runs, runs)
    fold = torch.tensor(stage1.runs.fold, device=folds.x_train.device)
    own = {name: value[fold] for name, value in vars(folds).items() if isinstance(value, Tensor)}
    with torch.no_grad():
        own |= {name: stage1.f(stage1.theta, own[name]) for name in ("x_train", "x_val", "x_test")}
    return replace(folds, **own), stage1.bank["W"][at], replace(runs, fold=tuple(at))


def _finish(method: str, program: _Program, stage1: Trained | None) -> Trained:
    state, scores = program.state, {}
    best = {n: t[:, 0] for n, t in state["best_bank"].items()}
    for part in ("val", "test"):
        pieces = [
            evaluate(program.f, {n: t[rows] for n, t in best.items()}, program.method, program.folds,
                     program.fold[rows], part, program.settings)
            for rows in torch.arange(len(program.runs)).split(10)
        ]  # fmt: skip
        for name, values in zip(("accuracy", "faithfulness", "ties"), zip(*pieces)):
            scores[f"{part}_{name}"] = torch.cat(values).cpu()
    seconds = state["seconds"].clone()
    if stage1:  # its time belongs to every run that builds on it
        seconds += torch.tensor(stage1.seconds, dtype=torch.float64)[program.fold.cpu()]
    history = program.history()
    history["measure"] = history["measure"][..., 0]
    return Trained(
        method, program.f, best, program.folds, program.runs, program.settings, scores,
        state["best_epoch"][:, 0].tolist(), state["stopped"].tolist(), seconds.tolist(), history, stage1,
    )  # fmt: skip
