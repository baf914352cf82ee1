"""Both papers in one training: a model that few training examples and few features explain (FE-10 with ID-9, ID-10).

    E = l(y, g) + lambda l(g, h) + eta E[Omega(Z)] + lambda_1 (Omega_Ins + Omega_Del)

The first three terms are FE's, as `fewer` trains them; the last is ID-11's for the same g, with dropout off, as a
predictor is when it is explained. Epochs are kept by what all four terms are for, on validation rows.

Omega_Del is ID-A3. The paper's choice, ID-10, has no lower bound: fine-tuning for some epochs at a small rate stays
clear of that, training from scratch with Adam does not (page "Both at once").
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lib import masks, methods, metrics, regularizers
from lib.data import Folds
from lib.explainers import Explainer
from lib.nets import MLP, predict_logits
from lib.options import check_counts, identity, reading, training
from lib.predictor import Predictor
from lib.training import fewer
from lib.training.draws import Draws
from lib.training.expo_fitted import draws_of_splits, explain_all, of_folds, stacked
from lib.training.expo_step import LIMES, check_criterion, check_deletion, check_trainable
from lib.training.fewer_fitted import Subject, Trained, theta_of
from lib.training.fitted import Fitted
from lib.training.runs import Runs


@dataclass(frozen=True)
class Settings(fewer.Settings):
    """FE's, and what of ID's is trained beside."""

    explainer: Explainer = reading(LIMES)
    S: float = training(0.5)  # share of features inserted and deleted
    deletion: str = training("C")  # form of Omega_Del, bounded below
    explained: int = training(8)  # rows of a batch that are explained: their mean is unbiased for that of all

    def __post_init__(self):
        super().__post_init__()
        check_counts(self, "explained")
        check_criterion((self.explainer, self.S))
        check_trainable(self.explainer)
        check_deletion(self.deletion)

    def recorded(self) -> dict:
        """The settings that identify a record."""
        return super().recorded() | {"explainer": identity(self.explainer)}


def as_predictor(f, bank: dict[str, Tensor], b: Tensor) -> Predictor:
    """g of R runs as paper ID sees it: f and W of a bank, without dropout."""
    return Predictor(lambda bank, x: predict_logits(f(theta_of(bank), x), bank["W"]), bank, b, stacked=True)


def features_loss(
    predictor: Predictor, x: Tensor, y: Tensor, *, settings: Settings, drawn: dict[str, Tensor]
) -> Tensor:
    """Omega_Ins + Omega_Del, mean over a batch x (..., B, *input), y (..., B) -> (...).

    drawn: what the explainer drew.
    """
    explainer, shape = settings.explainer, predictor.b.shape
    # A run that has diverged goes on as NaN by its predictions, where masks would refuse it for all.
    phi = explainer.explain(predictor, x, y, **drawn).phi.nan_to_num()
    r = explainer.expand(masks.soft_mask(phi, explainer.steps(shape, settings.S)), shape)
    path = regularizers.follow(predictor, x, y, r=r)
    return (regularizers.insertion(path) + regularizers.deletion(path, settings.deletion)).mean(-1)


class BothProgram(fewer.FewerProgram):
    """FE's program with one term more in its objective and one criterion more in its measure."""

    def __init__(self, method: methods.Both, folds: Folds, runs: Runs, *, settings: Settings, f):
        super().__init__(method, folds, runs, settings=settings, f=f)
        self.b = folds.x_train.new_zeros(folds.x_train.shape[2:])  # the training mean
        self.masks = draws_of_splits(folds.split.tolist(), [(settings.explainer, settings.S)], self.b)

    def loss(self, what: Subject, bank: dict[str, Tensor], batch: Tensor, *, draws: Draws, settings) -> Tensor:
        """FE-11, and for runs whose lambda_1 is not 0 their features' term; the others draw no masks, as in `fewer`."""
        total = fewer.minibatch_loss(what, bank, batch, draws=draws, settings=settings)
        on = what.lam1.nonzero()[:, 0]
        if not len(on):
            return total
        rows, fold = batch[on, : settings.explained], what.fold[on, None]
        options = {"rows": rows.shape[1], "dtype": self.dtype}
        drawn = stacked(settings.explainer.draw(self.b.shape, draws.generators[r], **options) for r in on)
        own = {n: t[on] for n, t in bank.items() if n not in ("S", "mu")}
        x, y = self.folds.x_train[fold, rows], self.folds.y_train[fold, rows]
        added = features_loss(as_predictor(self.f, own, self.b), x, y, settings=settings, drawn=drawn)
        return total.index_add(0, on, what.lam1[on] * added)

    def rows(self, live: Tensor) -> Tensor:
        """FE's, and the masked, inserted and deleted copies of those that are explained."""
        settings, shape = self.settings, self.b.shape
        copies = settings.explainer.inputs(shape) + 2 * len(settings.explainer.steps(shape, settings.S)) + 1
        return super().rows(live) + settings.explained * copies * (self.weights["lam1"][live] > 0).cpu()

    def features(self, bank: dict[str, Tensor], fold: Tensor, part: str) -> tuple[Tensor, Tensor]:
        """Insertion and deletion of g, explained on one part's rows for the class it predicts, each (runs,)."""
        x, (explainer, S) = getattr(self.folds, f"x_{part}")[fold], (self.settings.explainer, self.settings.S)
        predictor = as_predictor(self.f, bank, self.b)
        _, found = explain_all(predictor, x, S={explainer: S}, draws=of_folds(self.masks, fold))
        return found[explainer].areas(S)

    def measure(self, bank: dict[str, Tensor], stack: Tensor) -> Tensor:
        """Geometric mean of accuracy, faithfulness at U = `keep`, insertion and 1 - deletion."""
        insertion, deletion = self.features(bank, self.fold[stack], "val")
        pair = metrics.geometric_mean(insertion, 1 - deletion)
        return metrics.geometric_mean(super().measure(bank, stack), pair[:, None])


def fit(name: str, folds: Folds, runs: Runs, *, settings: Settings, start: Fitted | None, f, train) -> Trained:
    """All runs, each at its best epoch, with the scores "val_insertion", "val_deletion", "test_..." (R,) beside FE's.

    f: by default FE's MLP, the only network that it takes. ValueError for what cannot be trained.
    """
    like = folds.x_train
    if folds.task != "classification" or like.shape[2:].numel() < 2:
        has = f"{like.shape[2:].numel()} features, for {folds.task}"
        raise ValueError(f"{name} needs classes and at least two features, {folds.name} has {has}")
    if like.device.type != "cpu":
        raise ValueError(f"{name} is trained on a CPU: an explainer's draws are in no recorded step, got {like.device}")
    if start is not None or f is not None:
        raise ValueError(f"{name} takes no start and no network of another kind, got {start or f}")
    settings.U_values(like.shape[1] * folds.C)
    f = MLP((like.shape[2:].numel(), *[settings.hidden] * settings.layers), settings.dropout)
    program = train(BothProgram(methods.named(name), folds, runs, settings=settings, f=f))
    trained = fewer.finish(name, program, None)
    stacks = torch.arange(len(runs)).split(5)
    for part in ("val", "test"):
        banks = (({n: t[rows] for n, t in trained.bank.items()}, program.fold[rows]) for rows in stacks)
        pairs = [program.features(bank, fold, part) for bank, fold in banks]
        for measure, values in zip(("insertion", "deletion"), zip(*pairs)):
            trained.scores[f"{part}_{measure}"] = torch.cat(values).cpu()
    return trained
