"""What the tests of ID's trainings are made of: small folds, pretrained predictors, one step's ingredients."""

from dataclasses import replace

import torch
from torch import nn

from lib.explainers import LIME, KernelSHAP
from lib.methods import ID as METHODS
from lib.nets import Network
from lib.training import Runs, expo_step, fit
from lib.training.expo import Settings
from tests.explainers import toy as toys
from tests.training.fe import toy

TEN = LIME(M=10)

SMALL = Settings(TEN, epochs=3, patience=100, batch=8, hidden=6, layers=1, S=0.5)

HYPER = {"lam": (0.3, 0.05), "lam3": (0.01,), "lr": (0.05,)}

BOTH = ((TEN, 0.25), (KernelSHAP(M=10), 0.5))  # the second needs more steps: it must not take the first one's


def table(splits=(0, 1), **options):
    return toy(splits, D=5, **options)


def pretrain(folds, seeds=(0,), settings=None, **options):
    settings = settings or replace(SMALL, epochs=4)
    runs = Runs.grid(len(folds.split), lr=(0.05,), seed=seeds)
    return fit("pretrained", folds, runs, settings=settings, progress=False, **options)


def train(method="ID-ExpO", folds=None, runs=None, start=0, settings=SMALL, **options):
    folds = folds or table()
    runs = runs or grid(method, len(folds.split), **HYPER)
    start = pretrain(folds, sorted(set(runs.seed))) if start == 0 else start
    return fit(method, folds, runs, start=start, settings=settings, **{"progress": False} | options)


def grid(method, folds, **axes):
    """A grid with those of the axes that the method has, and seeds."""
    row = METHODS.get(method, METHODS["ID-ExpO"])
    return Runs.grid(folds, **{name: values for name, values in axes.items() if name in (*row.axes, "seed")})


def one_run(**values):
    return Runs(**{name: (value,) for name, value in values.items()})


# --- The objective ---------------------------------------------------------------------------------------------------


def step(samples=None, **size):
    """One step's ingredients, in float64."""
    t = toys.toy(samples=samples, **size)
    t.lam, t.lam3 = (torch.linspace(a, 2 * a, len(t.x), dtype=torch.float64) for a in (0.4, 0.03))
    return t


def setting(change):
    """SMALL with other settings, or other options of its explainer."""
    own = {name: value for name, value in change.items() if name in ("fresh", "keep", "masks", "eps")}
    own = {("chunk" if name == "masks" else name): value for name, value in own.items()}
    others = {name: value for name, value in change.items() if name not in ("fresh", "keep", "masks", "eps")}
    explainer = replace(others.pop("explainer", TEN), **own)
    return replace(SMALL, explainer=explainer, **others)


def given(t, change):
    """What the objective takes beside the method."""
    return {"lam": t.lam, "lam3": t.lam3, "settings": setting(change), "drawn": {"Z": t.Z}}


def objective(t, method="ID-ExpO", theta=None, **change):
    return expo_step.objective(t.predictor.at(theta or t.theta), t.x, t.y, method=METHODS[method], **given(t, change))


def gradient(t, method="ID-ExpO", **change):
    options = given(t, change) | {"method": METHODS[method], "wanted": list(t.theta)}
    return list(expo_step.gradient(t.predictor, t.x, t.y, **options).values())


# --- Anybody's module ------------------------------------------------------------------------------------------------


def module():
    torch.manual_seed(0)
    return Network(nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)))
