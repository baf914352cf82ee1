"""The networks f before the last layer, for R independent runs at once, and the last layer W (FE-1).

Parameters are plain dictionaries of tensors with a leading run axis: theta["W1"] is (R, D, K). A network is a
function of (theta, x): `MLP` multiplies all R runs in one batched product; `Network` wraps anybody's nn.Module.
"""

import contextlib
import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid, pad

Theta = dict[str, Tensor]
BLOCK = 655_360  # numbers that a CPU's cache holds: 2.6 MB in single precision


def predict_logits(F: Tensor, W: Tensor) -> Tensor:
    """W^T f(x) for F = f(x) (R, B, K) and W (R, K, C): the prediction model before r (FE-1)."""
    return F @ W


def respond(logits: Tensor, task: str) -> Tensor:
    """r: softmax over the last axis for classification, the identity for regression (FE-1, FE-2)."""
    return logits.softmax(-1) if task == "classification" else logits


def log_probability(logits: Tensor, y: Tensor) -> Tensor:
    """log softmax(logits)_y: logits (..., C), labels y of the leading shape or one that broadcasts to it -> (...).

    By way of the log-odds of y: exact also near probability 1, which log_softmax rounds to 0 = log 1.
    """
    shape = logits.shape[:-1]
    return _LogProbability.apply(logits.flatten(0, -2), y.expand(shape).reshape(-1, 1)).view(shape)


class _LogProbability(torch.autograd.Function):
    """log softmax(logits)_y for logits (n, C), y (n, 1) -> (n, 1), its gradient in one node.

    In blocks of rows that stay in a CPU's cache: with many classes memory is what takes the time.
    """

    @staticmethod
    def forward(ctx, logits, y):
        others = [rows.scatter(1, at, -math.inf).logsumexp(1, keepdim=True) for rows, at in _blocks(logits, y)]
        others = torch.cat(others)
        odds = logits.gather(1, y) - others
        ctx.save_for_backward(logits, y, others, odds)
        return logsigmoid(odds)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        logits, y, others, odds = ctx.saved_tensors
        grad, out = grad * odds.neg().sigmoid(), torch.empty_like(logits)
        for own, rows, at, rest, g in _blocks(out, logits, y, others, grad):
            torch.sub(rows, rest, out=own).exp_().mul_(-g).scatter_(1, at, g)
        return out, None


def _blocks(first: Tensor, *others: Tensor):
    """The same rows of all tensors (n, ...), as many at a time as a CPU's cache holds of the first."""
    return zip(*(t.split(_rows_in_cache(first.shape[1], first.device)) for t in (first, *others)))


def _rows_in_cache(numbers: int, device: torch.device) -> int:
    """How many rows of so many numbers each a CPU's cache holds, at least one; on a GPU any number of rows."""
    return max(1, BLOCK // numbers) if device.type == "cpu" else 2**62


class _DroppedReLU(torch.autograd.Function):
    """scale * keep * relu(x W + b) in one node, keep of zeros and ones.

    The scale rides on the small W and b, and the output itself says where gradients flow (where it is positive):
    nothing of the activations' size is stored or multiplied besides.
    """

    @staticmethod
    def forward(ctx, x, W, b, keep, scale):
        y = _affine(x, W * scale, None if b is None else b * scale).relu_()
        if keep is not None:
            y.mul_(keep.to(y.dtype))
        ctx.save_for_backward(x, W, y)
        ctx.scale = scale
        return y

    @staticmethod
    def backward(ctx, grad):
        x, W, y = ctx.saved_tensors
        grad = torch.ops.aten.threshold_backward(grad, y, 0)
        dx = torch.bmm(grad, W.mT * ctx.scale) if ctx.needs_input_grad[0] else None
        db = grad.sum(1, keepdim=True) * ctx.scale if ctx.needs_input_grad[2] else None
        return dx, torch.bmm(x.mT, grad) * ctx.scale, db, None, None


def _affine(x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    """x W + b. Not by baddbmm on a GPU, where it writes b to every row first and takes three times as long."""
    if b is None:
        return torch.bmm(x, W)
    return torch.bmm(x, W).add_(b) if x.is_cuda else torch.baddbmm(b, x, W)


def _widened(x: Tensor, W: Tensor, b: Tensor) -> tuple[Tensor, Tensor, None]:
    """x, W, no b: the same x W + b with columns of ones in x up to a multiple of 8, as a GPU wants; one carries b."""
    extra = 8 - x.shape[-1] % 8
    return pad(x, (0, extra), value=1), pad(torch.cat([W, b], 1), (0, 0, 0, extra - 1)), None


class _LastLayer(torch.autograd.Function):
    """x W + b for a few columns, summed in the type of b where x is of another, to which W and gradients are rounded.

    Narrow matrix on the left and contiguous, or BLAS takes up to 7 times as long.
    """

    @staticmethod
    def forward(ctx, x, W, b):
        W = W.to(x.dtype)
        ctx.save_for_backward(x, W)
        ctx.dtype = b.dtype
        return _summed(W.mT.contiguous(), x.mT, b.dtype).add_(b.mT).mT

    @staticmethod
    def backward(ctx, grad):
        x, W = ctx.saved_tensors
        rounded, C = grad.to(x.dtype), grad.shape[-1]
        if x.is_cuda:  # columns of zeros up to a multiple of 8, as in `_widened`
            rounded, W = (pad(t, (0, -C % 8)) for t in (rounded, W))
        dx = torch.bmm(rounded, W.mT) if ctx.needs_input_grad[0] else None
        return dx, _summed(rounded.mT, x, ctx.dtype)[:, :C].mT, grad.sum(1, keepdim=True)


def _summed(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """a b, batched, with sums and result of this type whatever that of the factors."""
    if a.is_cuda and a.dtype != dtype:
        return torch.bmm(a, b, out_dtype=dtype)
    return torch.bmm(a.to(dtype), b.to(dtype))


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
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {dropout!r}")
        self.sizes, self.dropout, self.products = tuple(sizes), dropout, products
        self.n_draws = sum(sizes[1:]) if dropout else 0

    untrained = frozenset()  # names in theta that are carried along but not trained

    def own_noise(self, generator: torch.Generator):
        """Nothing to seed: all noise comes as bits."""
        return contextlib.nullcontext()

    def init(self, generators: Sequence[torch.Generator], dtype=torch.float32) -> Theta:
        """Start values, uniform in +-1/sqrt(fan in) as nn.Linear has them; weights (R, in, out), biases (R, 1, out)."""
        theta = {}
        for layer, (fan_in, fan_out) in enumerate(zip(self.sizes, self.sizes[1:]), 1):
            theta[f"W{layer}"] = stack_uniform((fan_in, fan_out), fan_in, generators, dtype)
            theta[f"b{layer}"] = stack_uniform((1, fan_out), fan_in, generators, dtype)
        return theta

    def __call__(self, theta: Theta, x: Tensor, bits: Tensor | None = None) -> Tensor:
        """f(x): x (R, B, D) -> (R, B, K). bits (R, B, n_draws), int16: dropout on; None: off (evaluation)."""
        drop = bits is not None and self.n_draws
        keep, scale, start = _keep(bits, self.dropout) if drop else None, 1 / (1 - self.dropout) if drop else 1.0, 0
        x = x.to(self.products or x.dtype)
        for layer, width in enumerate(self.sizes[1:], 1):
            own = keep[..., start : start + width] if drop else None
            W, b = (theta[f"{name}{layer}"].to(x.dtype) for name in "Wb")
            if layer == 1 and x.is_cuda:
                x, W, b = _widened(x, W, b)
            x = _DroppedReLU.apply(x, W, b, own, scale)
            start += width
        return x


class Classifier:
    """The predictor of ID's tables: an MLP without dropout and its last layer, as logits, for R runs at once.

    sizes: (Q, hidden, ..., C). Parameters are the MLP's, then "W" and "b" of the last layer.
    """

    n_draws, untrained = 0, frozenset()

    def __init__(self, sizes: Sequence[int]):
        self.hidden, self.C = MLP(sizes[:-1], dropout=0), sizes[-1]

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
        last = {n: stack_uniform(shape, K, generators, dtype) for n, shape in (("W", (K, self.C)), ("b", (1, self.C)))}
        return self.hidden.init(generators, dtype) | last

    def __call__(self, theta: Theta, x: Tensor) -> Tensor:
        """Logits: x (R, B, Q) -> (R, B, C). On a CPU in blocks of rows whose activations stay in the cache."""
        blocks = x.split(_rows_in_cache(len(x) * max(self.hidden.sizes), x.device), 1)
        return torch.cat([_LastLayer.apply(self.hidden(theta, rows), theta["W"], theta["b"]) for rows in blocks], 1)


class Network:
    """Anybody's nn.Module as f, at R = 1: rows of any shape in, (B, K) out.

    Its own dropout and batch norm are in train mode when bits are given, as `lib.training.fewer` does.
    `lib.training.expo` never does: there they are off and frozen, so that a sample's explanation does not depend on its
    batch.
    """

    n_draws = 0  # its random layers draw from torch's global generator, see own_noise

    def __init__(self, module: nn.Module):
        if not isinstance(module, nn.Module):
            raise ValueError(f"f must be an nn.Module, got {type(module).__name__}")
        self.module = module
        self.untrained = frozenset(name for name, _ in module.named_buffers())

    def init(self, generators: Sequence[torch.Generator], dtype=torch.float32) -> Theta:
        """The module's own parameters and buffers, as they are, with a run axis of one."""
        if len(generators) != 1:
            raise ValueError(f"an nn.Module trains one run at a time, got {len(generators)} runs")
        tensors = {**dict(self.module.named_parameters()), **dict(self.module.named_buffers())}
        cast = {n: t.to(dtype) if t.is_floating_point() else t for n, t in tensors.items()}
        return {name: t.detach().clone()[None] for name, t in cast.items()}

    @contextlib.contextmanager
    def own_noise(self, generator: torch.Generator):
        """Inside, torch's global generator is seeded from the run's own; afterwards it is as it was."""
        devices = [generator.device] if generator.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(torch.randint(2**62, (), generator=generator, device=generator.device).item())
            yield

    def __call__(self, theta: Theta, x: Tensor, bits: Tensor | None = None) -> Tensor:
        self.module.train(bits is not None)
        return torch.func.functional_call(self.module, {k: v[0] for k, v in theta.items()}, (x[0],))[None]


def stack_uniform(shape, fan_in: int, generators, dtype) -> Tensor:
    """(R, *shape), each run drawn from its own generator, uniform in +-1/sqrt(fan_in)."""
    bound = 1 / math.sqrt(fan_in)
    draws = [torch.empty(shape, dtype=dtype, device=g.device).uniform_(-bound, bound, generator=g) for g in generators]
    return torch.stack(draws)


def _keep(bits: Tensor, dropout: float) -> Tensor:
    """0 with probability `dropout`, else 1, from 16-bit random numbers (overwrites them).

    Clamping an int16 between two neighbours is a comparison that the processor does 32 at a time.
    """
    threshold = round(dropout * 2**16) - 2**15
    return bits.clamp_(threshold - 1, threshold).sub_(threshold - 1)
