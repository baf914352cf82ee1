"""Explainers: which cells of an input (features, superpixels, positions of a map) speak for its class, and how loudly.

An explainer is a frozen dataclass that holds its options; whoever trains, measures or explains uses only what
`Explainer` in base.py says. To add one, write a file beside lime.py and list its class in EXPLAINERS below:

    @dataclass(frozen=True)
    class Occlusion(Explainer):
        def explain(self, predictor, x, y):
            log_p, Q = predictor.log_probability(x, y), x.shape[-1]
            without = masks.insert(x, predictor.b, (1 - torch.eye(Q).to(x)).expand(*x.shape[:-1], -1, -1))
            return Explained(log_p.exp()[..., None] - predictor.log_probability(without, y[..., None]).exp(), log_p)

`explain` returns phi on its cells, differentiable in the predictor's parameters (twice, if phi is a gradient itself),
and with it what it computed anyway; where no gradient passes, set `trainable = False`. Where cells are not the features
or pixels themselves, define `cells` and `expand`; where it draws random numbers, `draw`; where it predicts many inputs
for each, `inputs`. One that needs no listing (in a notebook, say) is passed as an object.
"""

from dataclasses import fields

from lib.explainers.attribution import Attribution
from lib.explainers.base import FEATURES, Explained, Explainer
from lib.explainers.cells import squares
from lib.explainers.changed import Constant, Shuffled
from lib.explainers.gradcam import GradCAM
from lib.explainers.lime import LIME, lime_kernel
from lib.explainers.linear import Linear, draw_masks, least_squares, perturbed_probability, projection
from lib.explainers.shap import KernelSHAP, shapley_kernel

EXPLAINERS = {
    "LIME": LIME,
    "KernelSHAP": KernelSHAP,
    "Grad-CAM": GradCAM,
}  # name: class; with no options as in the book's experiments


def named(name: str, **options) -> Explainer:
    """The listed explainer of this name with its options. ValueError if there is none, or it has no such option."""
    if name not in EXPLAINERS:
        raise ValueError(f"explainer must be one of {', '.join(EXPLAINERS)}, got {name!r}")
    known = [field.name for field in fields(EXPLAINERS[name])]
    if unknown := sorted(options.keys() - known):
        raise ValueError(f"an option of {name} must be one of {', '.join(known)}, got {', '.join(unknown)}")
    return EXPLAINERS[name](**options)
