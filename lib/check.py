"""A chapter's own checks: what they compare is the same, or the chapter fails, and with it the build of the book."""

from collections.abc import Iterator

import torch


def check(name: str, ours, theirs=True, *, tol: float = 1e-6) -> None:
    """Print that two things agree, as in `same gradient: within 1e-6`; AssertionError if they do not, or are NaN.

    ours, theirs: numbers, arrays or tensors of one shape, or sequences of such that belong together; `theirs` may be
    one number for all of `ours`. One condition alone must hold. tol: largest difference, relative to the largest of
    `theirs` where that is above 1; 0 where all must be equal. No digit of a difference is printed, as the last ones
    depend on the processor.
    """
    for a, b in _pairs(name, ours, theirs):
        gap = (a - b).abs().max().item() if a.numel() else 0.0
        allowed = tol * max(1.0, b.abs().max().item()) if tol else 0.0
        if not gap <= allowed:  # NaN is not
            raise AssertionError(f"{name}: they differ by up to {gap:.2g}, where {allowed:.2g} is allowed")
    within = f"within {tol:g}".replace("e-0", "e-") if tol else "equal"
    print(f"{name}: {'holds' if theirs is True else within}")


def _pairs(name: str, ours, theirs) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """What is to be compared, in double precision."""
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        if len(ours) != len(theirs) or not ours:
            raise AssertionError(f"{name}: {len(ours)} things against {len(theirs)}")
        for a, b in zip(ours, theirs):
            yield from _pairs(name, a, b)
        return
    a, b = (torch.as_tensor(t).detach().cpu().double() for t in (ours, theirs))
    if a.shape != b.shape and b.ndim:
        raise AssertionError(f"{name}: shapes {tuple(a.shape)} and {tuple(b.shape)} differ")
    yield a, b
