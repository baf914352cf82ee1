"""Random numbers of FE's runs, and the rows that they leave open."""

from types import SimpleNamespace

import torch
from hypothesis import given
from hypothesis import strategies as st

from lib.training.draws import Draws, RecordedSteps, open_rows
from tests.training.fe import few, loss, step


@few
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3), st.floats(0, 1), st.integers(0, 99))
def test_open_rows_are_found(R, N, J, C, share, seed):
    """Each run's rows with any gate above 0, in order, the rest not valid (FE-8)."""
    generator = torch.Generator().manual_seed(seed)
    Z = torch.rand(R, N, J, C, generator=generator) * (torch.rand(R, N, J, C, generator=generator) < share)
    rows, valid, counts = open_rows(Z)
    for r in range(R):
        expected = [n for n in range(N) if (Z[r, n] > 0).any()]
        assert rows[r][valid[r]].tolist() == expected
        assert counts[r] == len(expected)
    assert rows.shape == valid.shape == (R, max(counts))


# --- Random numbers --------------------------------------------------------------------------------------------------


def test_each_run_draws_from_its_own_generator():
    def draws(*seeds):
        return Draws([torch.Generator().manual_seed(s) for s in seeds], torch.float32)

    together, alone = draws(1, 2, 3), draws(2)
    for get in (lambda d: d.orders(9), lambda d: d.noise((4, 2)), lambda d: d.bits(5, [5] * len(d.generators), 3)):
        several, one = get(together), get(alone)
        assert torch.equal(several[1], one[0])
        assert not torch.equal(several[0], several[1])
    assert all(sorted(order) == list(range(9)) for order in together.orders(9).tolist())


def test_bits_are_drawn_for_a_runs_own_rows_and_look_uniform():
    draws = Draws([torch.Generator().manual_seed(s) for s in (0, 1)], torch.float32)
    bits = draws.bits(1000, [1000, 3], 64)
    assert bits.shape == (2, 1000, 64)
    assert bits.dtype == torch.int16
    assert (bits[1, :3] != 0).float().mean() > 0.99
    assert (bits[1, 4:] == 0).all()
    first = bits[0].double() / 2**15
    assert abs(first.mean()) < 0.02
    assert abs(first.std() * 3**0.5 - 1) < 0.02
    assert first.min() < -0.99
    assert first.max() > 0.99


def test_standard_normal_noise():
    noise = Draws([torch.Generator().manual_seed(0)], torch.float64).noise((300, 300))
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02


def test_recorded_steps_take_the_steps_of_their_draws():
    """What a GPU records: random numbers come in blocks, one share a step, and every example is evaluated (FE-11)."""
    s, block, used, totals = step(), 3, [], []
    N, C = s.folds.x_train.shape[1], s.folds.C
    rows = s.settings.batch + N

    def update(batch, draws, settings):
        assert not settings.open_rows
        used.append(draws.noise(()).clone())
        s.batch = batch.clone()
        totals.append(loss(s, draws=draws, open_rows=False).detach())

    def draws():
        return Draws([torch.Generator().manual_seed(seed) for seed in s.seeds], torch.float64)

    own, again = draws(), draws()
    recorded = RecordedSteps(update, N, C, f=s.f, settings=s.settings, block=block)
    batches = [batch for _ in range(2) for batch in own.orders(N).split(8, 1)]  # 8, 8 and 5 rows, twice
    assert len([again.orders(N) for _ in range(2)]) * block == len(batches)
    for batch in batches:
        recorded(batch, own)
    for first in (0, block):
        eps = again.noise((block, N, 1, C))
        bits = again.bits(block * rows, [block * rows] * 2, s.f.n_draws).unflatten(1, (block, rows))
        for i, share in enumerate((2, 1, 0), first):  # a block is used from its end
            s.batch = batches[i]
            fixed = SimpleNamespace(noise=lambda _: eps[:, share], bits=lambda n, *_: bits[:, share, :n].clone())  # noqa: B023
            torch.testing.assert_close(totals[i], loss(s, draws=fixed, open_rows=False))
            assert torch.equal(used[i], eps[:, share])
