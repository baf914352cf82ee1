"""Paper ID after training: scores and curves of all runs, and any one run as a model that predicts and explains."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from lib import metrics
from lib.explainers import Explainer, Linear
from lib.nets import Theta
from lib.predictor import Predictor, check_labels
from lib.training.expo_step import Criterion, Settings, check_criterion
from lib.training.fitted import Alone, Fitted, check_finite, check_rows

SHOWN = 8  # test rows whose contributions are kept beside the scores


@dataclass(kw_only=True)
class Tuned(Fitted):
    """Every run of a method of ID, kept by each of V criteria. bank: (R, V, ...).

    scores: "val_accuracy", "test_insertion", ..., (R, V). best_epoch: (R, V). history: "epoch" (T,) and "measure"
    (T, R, V).
    """

    criteria: tuple[Criterion, ...]
    background: Tensor
    curves: dict[str, Tensor]  # means at each s of test rows: "insertion", "deletion"; first rows' phi: "contributions"

    def run(self, run: int = 0, criterion: int = 0) -> "Model":
        """One run, kept by one criterion, as a model without a run axis. ValueError if there is none such."""
        r, V = self._run(run), max(1, len(self.criteria))
        if not isinstance(criterion, int) or not 0 <= criterion < V:
            raise ValueError(f"criterion must lie between 0 and {V - 1}, got {criterion!r}")
        theta = {name: tensor[r, criterion] for name, tensor in self.bank.items()}
        split = int(self.folds.split[self.runs.fold[r]])
        lost = self._lost(r, self.best_epoch[r][criterion])
        return Model(Predictor(Alone(self.f), theta, self.background), split, self.settings, self.folds.C, lost)

    def measured(self, criteria: Sequence[Criterion]) -> "Tuned":
        """The same predictors measured by other criteria: pretrained ones, say, by those of the runs they start."""
        criteria = tuple(map(check_criterion, criteria))
        if not criteria:
            raise ValueError("criteria must name at least one (explainer, S), got none")
        bank = {n: t[:, :1].expand(-1, len(criteria), *t.shape[2:]) for n, t in self.bank.items()}
        best = [of[:1] * len(criteria) for of in self.best_epoch]
        history = self.history | {"measure": self.history["measure"][..., :1].repeat(len(criteria), -1)}
        return reported(replace(self, bank=bank, criteria=criteria, best_epoch=best, history=history))


@dataclass(frozen=True)
class Model:
    """One trained predictor of ID: it predicts, and any explainer explains it with its split's masks."""

    predictor: Predictor
    split: int
    settings: Settings
    C: int
    lost: str = ""  # why it has nothing to say: its run diverged before any epoch could be kept

    @property
    def theta(self) -> Theta:
        """The predictor's parameters."""
        return self.predictor.theta

    @torch.no_grad()
    def predict(self, x: Tensor) -> Tensor:
        """Logits of rows x (B, *input) as f sees them -> (B, C). ValueError if x has other axes or NaN."""
        check_finite(self.theta, self.lost)
        return self.predictor.logits(check_rows(x, self.predictor.b))

    @torch.no_grad()
    def explain(self, x: Tensor, explainer: Explainer | None = None, *, y: Tensor | None = None) -> Tensor:
        """phi (B, D) of inputs x (B, *input) as f sees them, for labels y (B,): by default those predicted.

        explainer: by default that of the settings. ValueError if x has other axes or NaN, if y are not as many classes,
        or if the model has diverged.
        """
        check_finite(self.theta, self.lost)
        x = check_rows(x, self.predictor.b)
        y = self.predictor.logits(x).argmax(-1) if y is None else check_labels(y, x.shape[:1], C=self.C).to(x.device)
        explainer, _ = check_criterion((explainer or self.settings.explainer, self.settings.S))
        drawn = {name: of[0] for name, of in measuring_draws([self.split], explainer, self.predictor.b).items()}
        return explainer.explain(self.predictor, x, y, **drawn).phi


# --- Measuring -------------------------------------------------------------------------------------------------------


class Account(NamedTuple):
    """What one explainer says of a set of rows, and its curves (R, B, K) at its K numbers s of cells."""

    phi: Tensor  # (R, B, D)
    curves: metrics.Curves
    explainer: Explainer
    shape: torch.Size  # of a row

    def areas(self, S: float) -> tuple[Tensor, Tensor]:
        """Mean insertion and deletion over rows and the explainer's s up to the share S, each (R,)."""
        n = len(self.explainer.steps(self.shape, S))
        return tuple(c[..., :n].double().mean((1, 2)) for c in (self.curves.inserted, self.curves.deleted))


@torch.no_grad()
def explain_all(
    predictor: Predictor, x: Tensor, *, S: dict[Explainer, float], draws: dict[Explainer, dict[str, Tensor]]
) -> tuple[Tensor, dict[Explainer, Account]]:
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
        # A run that diverged predicts NaN: it is stopped after this, and the others go on.
        phi = explained.phi.nan_to_num()
        shape = predictor.b.shape
        curves = metrics.curves(predictor, x, y, phi=phi, s=explainer.steps(shape, share), explainer=explainer)
        found[explainer] = Account(phi, curves, explainer, shape)
    return logits, found


@torch.no_grad()
def reported(tuned: Tuned) -> Tuned:
    """With scores (R, V) and curves (R, V, ...), each criterion's parameters by its own; some runs at a time."""
    criteria = tuned.criteria or ((tuned.settings.explainer, tuned.settings.S),)
    device = tuned.folds.x_train.device
    parts = [
        [_report_one(tuned, stack, v, criterion) for v, criterion in enumerate(criteria)]
        for stack in torch.arange(len(tuned.runs), device=device).split(1 if device.type == "cpu" else 8)
    ]

    def gathered(kind: str, name: str) -> Tensor:
        return torch.cat([torch.stack([part[kind][name] for part in row], 1) for row in parts]).cpu()

    found = {kind: {name: gathered(kind, name) for name in some} for kind, some in parts[0][0].items()}
    return replace(tuned, **found)


def _report_one(tuned: Tuned, stack: Tensor, v: int, criterion: Criterion) -> dict[str, dict[str, Tensor]]:
    """Scores (runs,) and curves (runs, ...) of some runs by one criterion."""
    folds, f, b, (explainer, S) = tuned.folds, tuned.f, tuned.background, criterion
    theta, fold = {n: t[stack, v] for n, t in tuned.bank.items()}, [tuned.runs.fold[r] for r in stack]
    predictor, scores, splits = Predictor(f, theta, b, stacked=True), {}, folds.split[fold].tolist()
    draws = draws_of_splits(splits, [criterion], b)
    for part in ("val", "test"):
        x, y = getattr(folds, f"x_{part}")[fold], getattr(folds, f"y_{part}")[fold]
        S_part = {explainer: S if part == "val" else 1.0}
        logits, found = explain_all(predictor, x, S=S_part, draws=draws)
        phi, curves = found[explainer][:2]
        scores[f"{part}_accuracy"] = metrics.accuracy(logits, y)
        scores[f"{part}_insertion"], scores[f"{part}_deletion"] = found[explainer].areas(S)
    D, features = phi.shape[-1], [_generator(split, 2, x.device) for split in splits]
    sets = [metrics.random_sets(D, g, n=min(4, D - 1), dtype=phi.dtype) for g in features]
    removed = torch.stack(sets)[:, None]
    sensitivity = metrics.sensitivity_n(predictor, x, logits.argmax(-1), phi=phi, removed=removed, explainer=explainer)
    Z = measuring_draws(splits, tuned.settings.neighbours, b)["Z"][:, 0]
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


# --- Draws -----------------------------------------------------------------------------------------------------------


def _generator(split: int, purpose: int, device="cpu") -> torch.Generator:
    """A stream for one split and purpose, apart from the runs' own."""
    return torch.Generator(device).manual_seed(10**12 * purpose + split)


def stacked(draws: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """What each run drew, with a run axis."""
    draws = list(draws)
    return {name: torch.stack([drawn[name] for drawn in draws]) for name in draws[0]}


def measuring_draws(splits: Sequence[int], explainer: Explainer, b: Tensor) -> dict[str, Tensor]:
    """With what an explainer explains some splits' validation and test rows."""
    drawn = stacked(explainer.draw(b.shape, _generator(split, 1)) for split in splits)
    return {n: t.to(b.device, b.dtype if t.is_floating_point() else t.dtype) for n, t in drawn.items()}


def draws_of_splits(
    splits: Sequence[int], criteria: Sequence[Criterion], b: Tensor
) -> dict[Explainer, dict[str, Tensor]]:
    """The draws of every criterion's explainer; the same object where they give the same perturbed predictions."""
    draws: dict[Explainer, dict[str, Tensor]] = {}
    for explainer, _ in criteria:
        own = measuring_draws(splits, explainer, b)
        alike = (draws[e] for e in draws if _predict_alike(e, explainer) and draws[e].keys() == own.keys())
        draws[explainer] = next((d for d in alike if all(torch.equal(d[n], own[n]) for n in own)), own)
    return draws


def _predict_alike(one: Explainer, other: Explainer) -> bool:
    """Whether both ask f about the same inputs where they draw the same masks: explainers of this library do."""
    if not (isinstance(one, Linear) and isinstance(other, Linear)) or one.segments != other.segments:
        return False
    return all(type(explainer)._predictions is Linear._predictions for explainer in (one, other))


def of_folds(draws: dict[Explainer, dict[str, Tensor]], fold: Tensor) -> dict[Explainer, dict[str, Tensor]]:
    """The draws of some folds; what was one object stays one."""
    picked = {id(drawn): {n: t[fold] for n, t in drawn.items()} for drawn in draws.values()}
    return {explainer: picked[id(drawn)] for explainer, drawn in draws.items()}
