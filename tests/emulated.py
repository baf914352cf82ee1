"""A GPU emulated on a CPU: tensors that are said to be on "cuda", computed by a CPU, with CUDA's rules about devices.

with emulated.gpu(monkeypatch):  # torch.zeros(3, device="cuda").is_cuda; torch.ones(3).cuda() + torch.ones(3) raises

A tensor is on the GPU where its storage is marked so, which views and autograd's copies share. Every operation, those
of a backward pass too, is refused that CUDA would refuse for where its operands are, and what it makes is marked. Not
emulated: how CUDA rounds, draws and adds, its memory and its streams, which operations and types it has kernels for,
and more than one device.
"""

import gc
from contextlib import contextmanager, nullcontext
from importlib import import_module
from unittest.mock import Mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
MADE = ("arange", "as_tensor", "empty", "empty_like", "eye", "full", "full_like", "linspace", "ones", "ones_like",
        "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros", "zeros_like")  # fmt: skip
BY_METHODS = ("bernoulli_", "exponential_", "new_empty", "new_full", "new_ones", "new_tensor", "new_zeros", "normal_",
              "random_", "uniform_")  # fmt: skip
COPIED = ("tensor", "as_tensor", "new_tensor")  # from a CPU's numbers
INDEXED = (torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.index_put_, torch.ops.aten._index_put_impl_)


def is_there(tensor: Tensor) -> bool | None:
    """Whether it is on the GPU; None of what autograd itself made from nothing, which goes with either."""
    return getattr(tensor.untyped_storage(), "there", False)


def put(tensor: Tensor, there: bool | None) -> Tensor:
    tensor.untyped_storage().there = there
    return tensor


def tensors(*values) -> list[Tensor]:
    """Those among an operation's operands or results."""
    found = []
    for value in values:
        found += [value] if isinstance(value, Tensor) else tensors(*value) if isinstance(value, list | tuple) else []
    return found


def share(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage()._cdata == b.untyped_storage()._cdata


class Generator(torch.Generator):
    """A CPU's generator that is said to be on a device."""

    def __new__(cls, device="cpu"):
        own = super().__new__(cls)
        own.place = CUDA if torch.device(device).type == "cuda" else CPU
        return own

    device = property(lambda self: self.place)


class Graph:
    """A CUDAGraph: operations with their operands. They run when recorded, so the first replay has nothing to do."""

    def __init__(self):
        self.calls, self.has_run = [], True

    @torch.no_grad()
    def replay(self) -> None:
        for func, args, kwargs, made in () if self.has_run else self.calls:
            for old, new in zip(tensors(made), tensors(func(*args, **kwargs))):
                if not share(old, new):
                    old.copy_(new)
        self.has_run = False


class Rules(TorchDispatchMode):
    """Refuses what CUDA refuses. graph: the one that is being recorded."""

    graph: Graph | None = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        operands = every = tensors(*args, *kwargs.values())
        if func.overloadpacket in INDEXED and not (is_there(args[0]) is False and any(map(is_there, every))):
            operands = tensors(args[0], *args[2:])  # a CPU's indices are taken by a GPU, not the other way round
        places = set(map(is_there, operands)) or {None if torch._C._current_graph_task_id() >= 0 else False}
        there = True in places or (None if places == {None} else False)
        numbers = torch.Tag.pointwise in func.tags or func.overloadpacket in INDEXED  # may be on a CPU
        strangers = [t for t in operands if is_there(t) is False and not (numbers and not t.ndim)]
        if there and strangers and func.overloadpacket is not torch.ops.aten.copy_:
            raise RuntimeError(f"Expected all tensors to be on the same device, got cuda:0 and cpu ({func})")
        self.check_recording(func, torch.Tag.data_dependent_output in func.tags)
        made = func(*args, **kwargs)
        for t in () if there is False else tensors(made):
            if not any(share(t, operand) for operand in every):
                put(t, there)
        if self.graph:
            self.graph.calls.append((func, args, kwargs, made))
        return made

    def check_recording(self, what, waits: bool = True) -> None:
        """RuntimeError for what makes the CPU wait for the GPU while its work is recorded."""
        if self.graph and waits:
            raise RuntimeError(f"operation not permitted when stream is capturing ({what})")

    @contextmanager
    def recording(self, graph: Graph):
        self.graph = graph
        try:
            yield
        finally:
            self.graph = None


@contextmanager
def gpu(monkeypatch):
    """Inside, torch has one GPU."""
    import_module("torch._dynamo")  # takes seconds, and lists torch's functions: before some are replaced
    rules, to, numpy, tolist = Rules(), Tensor.to, Tensor.numpy, Tensor.tolist
    autocast, bmm, copied = torch.autocast, torch.bmm, Tensor.__deepcopy__

    def moved(tensor: Tensor, *args, copy=False, **kwargs) -> Tensor:
        if args and isinstance(args[0], Tensor):
            args = (args[0].device, args[0].dtype, *args[1:])
        device, dtype, _, layout = torch._C._nn._parse_to(*args, **kwargs)
        there = is_there(tensor) if device is None else device.type == "cuda"
        own = to(tensor, dtype or tensor.dtype, copy=copy, memory_format=layout or torch.preserve_format)
        if there == is_there(tensor):
            return own
        rules.check_recording("copy between devices")
        return put(own.clone() if share(own, tensor) else own, there)

    def placed(name: str, make):
        def own(*args, device=None, generator=None, **options):
            like = args[0] if args and isinstance(args[0], Tensor) else None
            there = torch.device(device).type == "cuda" if device else like is not None and is_there(like)
            if generator is not None and (generator.device.type == "cuda") != there:
                raise RuntimeError(f"Expected another device type for generator but found '{generator.device.type}'")
            if name == "as_tensor" and like is not None:
                return moved(like, device or like.device, **options)
            rules.check_recording(name, bool(there) and name in COPIED)
            return put(make(*args, **options, **({"generator": generator} if generator else {})), there)

        return own

    def as_array(tensor: Tensor, *args, **options):
        if is_there(tensor):
            raise TypeError("can't convert cuda:0 device type tensor to numpy: use Tensor.cpu() first")
        return numpy(tensor, *args, **options)

    def product(a: Tensor, b: Tensor, out_dtype=None) -> Tensor:
        return bmm(to(a, out_dtype or a.dtype), to(b, out_dtype or b.dtype))

    def nothing(*args) -> None:
        """Nothing to wait for, nothing to keep."""

    patches = {
        Tensor: {
            "device": property(lambda t: CUDA if is_there(t) else CPU), "is_cuda": property(is_there), "to": moved,
            "cuda": lambda t: moved(t, CUDA), "cpu": lambda t: moved(t, CPU), "numpy": as_array,
            "tolist": lambda t: tolist(moved(t, CPU)),
            "__deepcopy__": lambda t, memo: put(copied(t, memo), is_there(t)),
            **{name: placed(name, getattr(Tensor, name)) for name in BY_METHODS},
        },
        torch: {
            "Generator": Generator, "bmm": product, "autocast": lambda _, *args, **of: autocast("cpu", *args, **of),
            **{name: placed(name, getattr(torch, name)) for name in MADE},
        },
        torch.cuda: {
            "device_count": lambda: 1, "is_available": lambda: True, "is_bf16_supported": lambda **_: True,
            "synchronize": nothing, "get_rng_state": nothing, "set_rng_state": nothing, "manual_seed_all": nothing,
            "CUDAGraph": Graph, "graph": rules.recording, "stream": nullcontext, "Stream": Mock, "current_stream": Mock,
        },
    }  # fmt: skip
    monkeypatch.setattr(gc, "collect", nothing)  # before a recording, and slow
    for owner, own in patches.items():
        for name, value in own.items():
            monkeypatch.setattr(owner, name, value)
    with rules:
        yield
