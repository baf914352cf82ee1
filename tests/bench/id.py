"""Explaining, measuring and training on ID: lib, the chapters' loops, and Captum."""

from dataclasses import replace

import torch

from lib import data, explainers, masks, metrics
from lib.explainers import LIME
from lib.methods import METHODS
from lib.predictor import Predictor
from lib.training import Runs, expo, fit
from lib.training.expo_step import gradient
from tests import plain
from tests.bench import DEVICE, Pair


def pretrained(folds):
    """Five epochs of cross-entropy."""
    runs = Runs.grid(len(folds.split), lr=[0.05])
    return fit("pretrained", folds, runs, settings=expo.Settings(epochs=5), progress=False)


def wine(rows: int = 128):
    """A predictor of wine-quality-red, with a run axis of one, and test rows: x (1, B, Q), y (1, B)."""
    folds = data.folds(data.load("wine-quality-red"), [0])
    start = pretrained(folds)
    x = folds.x_test[:, :rows]
    theta = {name: tensor[:, 0] for name, tensor in start.bank.items()}
    predictor = Predictor(start.f, theta, start.background, stacked=True)
    return predictor, x, predictor.logits(x).argmax(-1)


def id_lime_captum(M: int = 200, eps: float = 0.01, rows: int = 8) -> Pair:
    """Explaining wine samples with LIME: 8 by Captum, all masks of a sample at once, and 128 by lib."""
    from captum._utils.models.linear_model import SkLearnRidge
    from captum.attr import Lime

    predictor, x, y = wine()
    lime = Lime(
        lambda rows: predictor.probabilities(rows[None])[0],
        interpretable_model=SkLearnRidge(alpha=eps, fit_intercept=False),
        similarity_func=lambda original, changed, mask, **_: explainers.lime_kernel(mask.float()).item(),
    )

    def captum():
        for row, label in zip(x[0, :rows], y[0, :rows].tolist()):
            lime.attribute(row[None], baselines=predictor.b[None], target=label, n_samples=M, perturbations_per_eval=M)

    def lib():
        Z = explainers.draw_masks(M, x.shape[2], torch.Generator().manual_seed(0))
        LIME(eps=eps).explain(predictor, x, y, Z=Z)

    return Pair(captum, lib, x.shape[1] / rows)


def id_metrics_loop(S: int = 5) -> Pair:
    """Insertion and deletion curves of 128 samples: the chapter's loop over samples and steps, and lib."""
    predictor, x, y = wine()
    phi, s = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), range(1, S + 1)

    def network(rows):
        return predictor.logits(rows[None])[0]

    def plainly():
        plain.functions().plain_curves(network, x[0], y[0], predictor.b, phi[0], s)

    return Pair(plainly, lambda: metrics.curves(predictor, x, y, phi=phi, s=s))


def id_tabular_40_runs(rows: int = 128) -> Pair:
    """An epoch of ID-ExpO on two batches of wine, 40 runs, and the chapter's loop on rows of one such run."""
    folds = some_rows(data.folds(data.load("wine-quality-red"), range(5)))
    settings = expo.Settings(epochs=1)
    start = pretrained(folds)
    runs = Runs.grid(5, lam=(0.1, 0.01), lam3=(0.001, 0.0), lr=(0.01, 0.001))

    def lib():
        fit("ID-ExpO", folds, runs, start=start, settings=settings, device=DEVICE, progress=False)

    return Pair(lambda: plain_id(folds, settings, rows), lib, len(runs) * folds.x_train.shape[1] / rows)


def some_rows(folds):
    """A fifteenth of each part's rows."""
    rows = {n: getattr(folds, n) for n in ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test")}
    return replace(folds, **{n: tensor[:, : tensor.shape[1] // 15] for n, tensor in rows.items()})


def plain_id(folds, settings, rows: int) -> None:
    """An epoch of the chapter's fine-tuning on some rows, LIME as the chapter on explainers writes it."""
    functions, Q = plain.functions(), folds.x_train.shape[2]
    torch.manual_seed(0)
    f = torch.nn.Sequential(
        torch.nn.Linear(Q, 256), torch.nn.ReLU(), torch.nn.Linear(256, 256), torch.nn.ReLU(),
        torch.nn.Linear(256, folds.C),
    )  # fmt: skip

    def lime(f, x, y, b, Z):
        return functions.plain_lime(f, x, y, b, Z, explainers.lime_kernel(Z), settings.explainer.eps)

    steps = max(masks.steps(Q, settings.S))
    x, y, b = folds.x_train[0, :rows], folds.y_train[0, :rows], torch.zeros(Q)
    functions.train_plain_id(f, x, y, b, lime, steps, 0.1, lr=0.01, epochs=1)


def id_mixed() -> Pair:
    """A training step of one run on wine: in single precision and in mixed, which needs bfloat16 in the processor."""
    single, x, y = wine()
    single = single.at({n: t.clone().requires_grad_() for n, t in single.theta.items()})
    mixed = replace(single, f=single.f.mixed())
    Z, wanted = explainers.draw_masks(200, x.shape[2], torch.Generator().manual_seed(0)), list(single.theta)
    options = {"settings": expo.Settings(), "drawn": {"Z": Z}, "wanted": wanted, "method": METHODS["ID-ExpO"]}
    lam = torch.full((1,), 0.1)

    def step(predictor):
        gradient(predictor, x, y, lam=lam, lam3=lam, **options)

    return Pair(lambda: step(single), lambda: step(mixed), threads=(2, 2))
