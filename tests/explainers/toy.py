"""A small predictor with its inputs, labels and masks, for the tests of explainers."""

from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import torch

from lib import explainers
from lib.explainers import LIME, KernelSHAP
from lib.nets import Classifier
from lib.predictor import Predictor

KERNELS = {
    "L2": LIME(),
    "cosine": LIME(kernel="cosine", width=0.25),
    "Shapley": KernelSHAP(),
    "unscaled": KernelSHAP(scaled=False),
}


def double(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def generators(R, seed=0):
    return [torch.Generator().manual_seed(seed + r) for r in range(R)]


class Toy(SimpleNamespace):
    """R small predictors, B inputs for each, and masks (R, 1, M, Q), or (R, B, M, Q) for samples, in float64."""

    @property
    def predictor(self):
        return Predictor(self.f, self.theta, self.b, stacked=True)

    def but(self, **change):
        return Toy(**vars(self) | change)


def toy(R=2, B=3, Q=5, C=3, M=12, samples=None):
    f = Classifier((Q, 7, C))
    theta = {n: t.requires_grad_() for n, t in f.init(generators(R), torch.float64).items()}
    y = torch.randint(C, (R, B), generator=generators(1)[0])
    Z = drawn(M, Q, R, 5, samples)
    return Toy(f=f, theta=theta, x=2 * double(0, R, B, Q), y=y, b=double(1, Q), Z=Z if samples else Z[:, None])


def drawn(M, D, R, seed=0, samples=None, dtype=torch.float64):
    """Masks for R runs, each from its own generator."""
    return torch.stack([explainers.draw_masks(M, D, g, rows=samples, dtype=dtype) for g in generators(R, seed)])


LIMES = LIME()


def explain(t, explainer=LIMES, u=None, **options):
    found = replace(explainer, **options).explain(t.predictor, t.x, t.y, Z=t.Z, u=u)
    return found.phi, found.y_tilde


def by_hand(t, r, i, Z, kernel=explainers.lime_kernel, eps=0.01):
    """One sample's contributions and perturbed predictions by the printed formula."""
    rows = torch.stack([torch.where(z > 0, t.x[r, i], t.b) for z in Z])
    logits = (rows @ t.theta["W1"][r] + t.theta["b1"][r]).relu() @ t.theta["W"][r] + t.theta["b"][r]
    y_tilde = logits.softmax(1)[:, t.y[r, i]]
    K = torch.diag(kernel(Z))
    return torch.linalg.inv(Z.T @ K @ Z + eps * torch.eye(Z.shape[1])) @ Z.T @ K @ y_tilde, y_tilde


def all_masks(Q):
    return torch.tensor(list(product((0.0, 1.0), repeat=Q)), dtype=torch.float64)
