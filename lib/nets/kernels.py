"""What makes the networks fast: losses, hidden layers and last layers as single autograd nodes.

Everything here multiplies R runs in one batched product: x (R, n, in), W (R, in, out), b (R, 1, out).
"""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, pad

BLOCK = 655_360  # numbers that a CPU's cache holds: 2.6 MB in single precision


def one_derivative(backward: Callable) -> Callable:
    """A backward without a derivative of its own, which says so where one is asked for.

    torch's `once_differentiable` says nothing where the gradient that comes in is a constant, and gives constants.
    """

    @functools.wraps(backward)
    def own(ctx, *grads):
        if torch.is_grad_enabled():  # create_graph
            raise NotImplementedError(
                "these layers have no second derivative: an explanation that is a gradient itself needs "
                "Network(module) for f, and predictor.logits(x).log_softmax(-1)"
            )
        return backward(ctx, *grads)

    return own


def log_probability(logits: Tensor, y: Tensor) -> Tensor:
    """log softmax(logits)_y: logits (..., C), labels y of the leading shape or one that broadcasts to it -> (...).

    By way of the log-odds of y: exact also near probability 1, which log_softmax rounds to 0 = log 1.
    """
    shape = logits.shape[:-1]
    return _LogProbability.apply(logits.reshape(-1, logits.shape[-1]), y.expand(shape).reshape(-1, 1)).view(shape)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-sum_c target_c log softmax(logits)_c: logits (..., C), labels (...) or probabilities (..., C) -> (...).

    Probabilities must sum to one.
    """
    return _CrossEntropy.apply(logits, target)


class _CrossEntropy(torch.autograd.Function):
    """The cross-entropy and its gradients to the logits and to probabilities, in one node."""

    @staticmethod
    def forward(ctx, logits, target):
        log_q = logits.log_softmax(-1)
        ctx.save_for_backward(log_q, target)
        if target.is_floating_point():
            return (target * log_q).sum(-1).neg_()
        return log_q.gather(-1, target[..., None])[..., 0].neg_()

    @staticmethod
    @one_derivative
    def backward(ctx, grad):
        log_q, target = ctx.saved_tensors
        grad, q = grad[..., None], log_q.exp()
        if not target.is_floating_point():
            return q.mul_(grad).scatter_add_(-1, target[..., None], -grad), None
        return q.sub_(target).mul_(grad), -log_q * grad if ctx.needs_input_grad[1] else None


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
    @one_derivative
    def backward(ctx, grad):
        logits, y, others, odds = ctx.saved_tensors
        grad, out = grad * odds.neg().sigmoid(), torch.empty_like(logits)
        for own, rows, at, rest, g in _blocks(out, logits, y, others, grad):
            torch.sub(rows, rest, out=own).exp_().mul_(-g).scatter_(1, at, g)
        return out, None


def _blocks(first: Tensor, *others: Tensor):
    """The same rows of all tensors (n, ...), as many at a time as a CPU's cache holds of the first."""
    return zip(*(t.split(rows_in_cache(first.shape[1], first.device)) for t in (first, *others)))


def rows_in_cache(numbers: int, device: torch.device) -> int:
    """How many rows of so many numbers each a CPU's cache holds, at least one; on a GPU any number of rows."""
    return max(1, BLOCK // numbers) if device.type == "cpu" else 2**62


class HiddenLayers(torch.autograd.Function):
    """y_l = scale * keep_l * relu(y_(l-1) W_l + b_l) for all hidden layers in one node; y_0 = x, the last y is given.

    numbers: a random one for each unit in the order of the layers, (R, n, units), or None; a unit is kept where its
    number is above the threshold. The scale rides on the small W and b, and an output itself says where gradients flow
    (where it is positive): nothing of the activations' size is stored or multiplied besides.
    """

    @staticmethod
    def forward(ctx, x, numbers, threshold, scale, *parameters):
        outputs, start = [x], 0
        weights, biases = ([None if t is None else t * scale for t in parameters[i::2]] for i in (0, 1))
        for W, b in zip(weights, biases):
            y = _affine(outputs[-1], W, b).relu_()
            if numbers is not None:
                own = numbers[..., start : start + W.shape[2]].to(y.dtype)
                torch.ops.aten.threshold_backward.grad_input(y, own, threshold, grad_input=y)
            outputs.append(y)
            start += W.shape[2]
        ctx.save_for_backward(*outputs, *weights)
        ctx.scale, ctx.biased = scale, [b is not None for b in biases]
        return outputs[-1]

    @staticmethod
    @one_derivative
    def backward(ctx, grad):
        scale, layers = ctx.scale, len(ctx.biased)
        outputs, weights, found = ctx.saved_tensors[: layers + 1], ctx.saved_tensors[layers + 1 :], []
        for layer in reversed(range(layers)):
            grad = torch.ops.aten.threshold_backward(grad, outputs[layer + 1], 0)
            found.append(grad.sum(1, keepdim=True).mul_(scale) if ctx.biased[layer] else None)
            found.append(torch.bmm(outputs[layer].mT, grad).mul_(scale))
            if layer or ctx.needs_input_grad[0]:
                grad = torch.bmm(grad, weights[layer].mT)
        return grad if ctx.needs_input_grad[0] else None, None, None, None, *reversed(found)


def _affine(x: Tensor, W: Tensor, b: Tensor | None) -> Tensor:
    """x W + b. Not by baddbmm on a GPU, where it writes b to every row first and takes three times as long."""
    if b is None:
        return torch.bmm(x, W)
    return torch.bmm(x, W).add_(b) if x.is_cuda else torch.baddbmm(b, x, W)


def widened(x: Tensor, W: Tensor, b: Tensor) -> tuple[Tensor, Tensor, None]:
    """x, W, no b: the same x W + b with columns of ones in x up to a multiple of 8, as a GPU wants; one carries b."""
    extra = 8 - x.shape[-1] % 8
    return pad(x, (0, extra), value=1), pad(torch.cat([W, b], 1), (0, 0, 0, extra - 1)), None


class LastLayer(torch.autograd.Function):
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
        if x.is_cuda:  # columns of zeros up to a multiple of 8, as in `widened`
            rounded, W = (pad(t, (0, -C % 8)) for t in (rounded, W))
        dx = torch.bmm(rounded, W.mT) if ctx.needs_input_grad[0] else None
        return dx, _summed(rounded.mT, x, ctx.dtype)[:, :C].mT, grad.sum(1, keepdim=True)


def _summed(a: Tensor, b: Tensor, dtype: torch.dtype) -> Tensor:
    """a b, batched, with sums and result of this type whatever that of the factors."""
    if a.is_cuda and a.dtype != dtype:
        return torch.bmm(a, b, out_dtype=dtype)
    return torch.bmm(a.to(dtype), b.to(dtype))


def kept_above(dropout: float) -> float:
    """A unit whose 16-bit random number, as a float, is above this is kept: all but a share `dropout` of them."""
    return round(dropout * 2**16) - 2**15 - 0.5
