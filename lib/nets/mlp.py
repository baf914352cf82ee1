"""A feed-forward net f and its last layer, for R independent runs at once (FE-1).

Parameters are plain dictionaries of tensors with a leading run axis: theta["W1"] is (R, D, K).
"""

import contextlib
import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lib.nets.kernels import HiddenLayers, LastLayer, kept_above, rows_in_cache, widened
from lib.options import is_number

Theta = dict[str, Tensor]


def predict_logits(F: Tensor, W: Tensor) -> Tensor:
    """W^T f(x) for F = f(x) (..., B, K) and W (..., K, C): the prediction model before r (FE-1)."""
    return F @ W


def respond(logits: Tensor, task: str) -> Tensor:
    """r: softmax over the last axis for classification, the identity for regression (FE-1, FE-2)."""
    return logits.softmax(-1) if task == "classification" else logits


class MLP:
    """f of FE-1 as a feed-forward net: a ReLU and dropout after each hidden layer, for R runs at once.

    sizes: (D, K1, ..., K), at least D alone (then f is the identity). dropout: the share of units set to zero.
    Dropout decisions come from the caller as 16-bit random numbers, `n_draws` for each row, so that the
    probability of a drop is exact to 2^-16 and no run's noise depends on which others share its stack.
    products: the type that layers multiply in, and of what comes out; None: that of x.
    """

    def __init__(self, sizes: Sequence[int], dropout: float = 0.3, products: torch.dtype | None = None):
        if not sizes or min(sizes) < 1:
            raise ValueError(f"sizes must be positive layer widths (D, K1, ..., K), got {sizes!r}")
        if not (is_number(dropout) and 0 <= dropout < 1):
            raise ValueError(f"dropout must lie in [0, 1), got {dropout!r}")
        self.sizes, self.dropout, self.products = tuple(sizes), dropout, products
        self.n_draws = sum(sizes[1:]) if dropout else 0

    untrained = frozenset()  # names in theta that are carried along but not trained

    def __repr__(self) -> str:
        return f"MLP({self.sizes}, dropout={self.dropout})"

    def own_noise(self, generator: torch.Generator):
        """Nothing to seed: all noise comes as bits."""
        return contextlib.nullcontext()

    def init(self, generators: Sequence[torch.Generator], dtype=torch.float32) -> Theta:
        """Start values, uniform in +-1/sqrt(fan in) as nn.Linear has them; weights (R, in, out), biases (R, 1, out)."""
        theta = {}
        for layer, (fan_in, fan_out) in enumerate(zip(self.sizes, self.sizes[1:]), 1):
            theta[f"W{layer}"] = stack_uniform((fan_in, fan_out), generators, fan_in=fan_in, dtype=dtype)
            theta[f"b{layer}"] = stack_uniform((1, fan_out), generators, fan_in=fan_in, dtype=dtype)
        return theta

    def __call__(self, theta: Theta, x: Tensor, bits: Tensor | None = None) -> Tensor:
        """f(x): x (R, B, D) -> (R, B, K), rows of another shape flattened.

        bits (R, B, n_draws), int16: dropout on; None: off (evaluation).
        """
        x = x.flatten(2).to(self.products or x.dtype)
        numbers, scale = (bits, 1 / (1 - self.dropout)) if bits is not None and self.n_draws else (None, 1.0)
        parameters: list[Tensor | None] = [
            theta[f"{name}{layer}"].to(x.dtype) for layer in range(1, len(self.sizes)) for name in "Wb"
        ]
        if parameters and x.is_cuda:
            x, *parameters[:2] = widened(x, theta["W1"].to(x.dtype), theta["b1"].to(x.dtype))
        return HiddenLayers.apply(x, numbers, kept_above(self.dropout), scale, *parameters) if parameters else x


class Classifier:
    """The predictor of ID's tables: an MLP without dropout and its last layer, as logits, for R runs at once.

    sizes: (Q, hidden, ..., C). Parameters are the MLP's, then "W" and "b" of the last layer.
    """

    n_draws, untrained = 0, frozenset()

    def __init__(self, sizes: Sequence[int]):
        self.hidden, self.C = MLP(sizes[:-1], dropout=0), sizes[-1]

    def __repr__(self) -> str:
        return f"Classifier({(*self.hidden.sizes, self.C)})"

    def mixed(self) -> "Classifier":
        """The same predictor with layers that multiply in bfloat16: 8 significant bits instead of 24.

        Parameters and logits keep their type, and so do sums within a product.
        """
        twin = copy.copy(self)
        twin.hidden = MLP(self.hidden.sizes, dropout=0, products=torch.bfloat16)
        return twin

    def init(self, generators: Sequence[torch.Generator], dtype=torch.float32) -> Theta:
        """Start values as nn.Linear has them."""
        K = self.hidden.sizes[-1]
        options = {"fan_in": K, "dtype": dtype}
        last = {n: stack_uniform(s, generators, **options) for n, s in (("W", (K, self.C)), ("b", (1, self.C)))}
        return self.hidden.init(generators, dtype) | last

    def __call__(self, theta: Theta, x: Tensor) -> Tensor:
        """Logits: x (R, B, Q), rows of another shape flattened, -> (R, B, C).

        On a CPU in blocks of rows whose activations stay in the cache.
        """
        blocks = x.split(rows_in_cache(len(x) * max(self.hidden.sizes), x.device), 1)
        return torch.cat([LastLayer.apply(self.hidden(theta, rows), theta["W"], theta["b"]) for rows in blocks], 1)


def stack_uniform(shape, generators: Sequence[torch.Generator], *, fan_in: int, dtype: torch.dtype) -> Tensor:
    """(R, *shape), each run drawn from its own generator, uniform in +-1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in)
    draws = [torch.empty(shape, dtype=dtype, device=g.device).uniform_(-bound, bound, generator=g) for g in generators]
    return torch.stack(draws)
