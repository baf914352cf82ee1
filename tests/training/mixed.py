"""One step in mixed precision beside the same in single precision."""

import torch


def mixed_beside_single(make):
    """The gradients (P,) of a first step without and with mixed precision, of what make(mixed) gives.

    Whatever is kept from step to step, parameters, statistics and momentum, must be float32 in both.
    """
    grads = []
    for mixed in (False, True):
        own = make(mixed)
        own.advance()
        grads.append(torch.cat([p.grad.flatten() for p in own.net.parameters()]))
        kept = [*own.net.state_dict().values(), *(s["momentum_buffer"] for s in own.optimiser.state.values())]
        assert {t.dtype for t in kept if t.is_floating_point()} == {torch.float32}
    return grads
