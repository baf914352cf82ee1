"""FE on very many rows: a step is that with gates for all rows, in law and, given the noise, to the last digits."""

from dataclasses import replace
from typing import ClassVar

import pytest
import torch
from scipy import stats

from lib import gates
from lib.methods import METHODS
from lib.nets import MLP
from lib.training import Runs, fewer, fit, many
from lib.training.draws import Draws
from lib.training.fewer_fitted import Subject
from tests.training.fe import EXACT, SMALL, Interrupted, interrupt, last_bank, same, toy

SETTINGS = many.Settings(**{**vars(SMALL), "span": 20, "mu_start": -1.2, "S_start": 0.5, "exact_mean": True})


def program(folds=None, settings=SETTINGS, eta=0.05):
    folds = folds or toy(rows=60)
    f = MLP((3, 6, 6), settings.dropout)
    runs = Runs.grid(1, eta=[eta]).of("Ours")
    return many.ManyProgram(METHODS["Ours"], folds, runs, settings=settings, f=f)


def train(folds=None, settings=SETTINGS, **options):
    return fit("Ours", folds or toy(rows=60), Runs.grid(1, eta=[0.05]), settings=settings, progress=False, **options)


class Noted(many.Few):
    """Draws that remember their noise and dropout, and what the others of a step were."""

    seen: ClassVar[list] = []

    def noise(self, shape):
        eps = super().noise(shape)
        self.seen.append({"eps": eps})
        return eps

    def bits(self, *shape):
        bits = super().bits(*shape)
        self.seen[-1]["bits"] = bits.clone()
        return bits


class Given(Draws):
    """The same noise for gates of all rows: those not met are shut."""

    def __init__(self, noted, N):
        self.noted, self.N = noted, N

    def noise(self, shape):
        eps = torch.full((1, *shape), -50.0, dtype=torch.float64)
        eps[:, : self.noted["eps"].shape[1]] = self.noted["eps"]
        return eps

    def bits(self, *shape):
        return self.noted["bits"].clone()


@pytest.mark.parametrize("J", [1, 2])
def test_steps_are_those_with_gates_for_all_rows(J, monkeypatch):
    """Parameters and Adam's moments after 40 steps, given the noise: rows never open are one number (FE-11)."""
    monkeypatch.setattr(Noted, "seen", [])
    monkeypatch.setattr(many, "Few", Noted)
    settings = replace(SETTINGS, J=J)
    p = program(settings=settings)
    bank = {n: t.clone().requires_grad_() for n, t in p.state["bank"].items()}
    batches, real = [], torch.randint
    monkeypatch.setattr(torch, "randint", lambda *a, **k: batches.append(real(*a, **k)) or batches[-1])
    for p.state["epoch"] in (0, 1):
        p.advance(torch.tensor([0]), 1)
    assert 5 < p.state["met"] < 42 == p.gated
    adam = torch.optim.Adam(list(bank.values()), lr=settings.lr)
    what = Subject(p.f, p.method, p.folds, p.fold, **p.weights)
    for batch, noted in zip(batches, Noted.seen, strict=True):
        adam.zero_grad()
        fewer.minibatch_loss(what, bank, batch, draws=Given(noted, p.gated), settings=settings).sum().backward()
        adam.step()
    same(p.state["bank"], {n: t.detach() for n, t in bank.items()}, **EXACT)
    met = p.state["met"]
    for n, moments in p.state["moments"].items():
        for ours, name in zip(moments, ("exp_avg", "exp_avg_sq")):
            theirs = adam.state[bank[n]][name]
            torch.testing.assert_close(*(t[:, :met] if n in many.GATES else t for t in (ours, theirs)), **EXACT)


def test_the_noise_that_opened_rows_is_theirs():
    """They are the last of those met, and the others' noise is drawn as ever."""
    last = torch.arange(6.0, dtype=torch.float64).view(2, 3) + 7
    eps = many.Few(torch.Generator().manual_seed(0), torch.float64, last=last, most=9).noise((5, 1, 3))
    assert torch.equal(eps[0, 3:, 0], last)
    assert torch.equal(eps[:, :3], Draws([torch.Generator().manual_seed(0)], torch.float64).noise((3, 1, 3)))


def test_rows_are_met_in_an_order_drawn_beforehand():
    """The same table in another order, labels and numbers with it."""
    folds, p = toy(rows=60), program()
    assert not torch.equal(p.folds.x_train, folds.x_train)
    at = [folds.index_train[0].tolist().index(row) for row in p.folds.index_train[0].tolist()]
    assert sorted(at) == list(range(42))
    assert torch.equal(folds.x_train[0, at], p.folds.x_train[0])
    assert torch.equal(folds.y_train[0, at], p.folds.y_train[0])


def test_a_sample_of_the_open_rows_gives_a_to_the_f_in_the_mean():
    """Weights included; each row is as likely as any other (FE-2)."""
    g = torch.Generator().manual_seed(0)
    Z = torch.rand(1, 30, 1, 2, generator=g, dtype=torch.float64) - 0.3
    Z, F = Z.clamp_min(0), torch.randn(30, 4, generator=g, dtype=torch.float64)
    draws = many.Few(g, torch.float64, last=torch.zeros(0, 2), most=5)
    A, total, met, times = Z[0, :, 0], torch.zeros(2, 4, dtype=torch.float64), torch.zeros(30), 20_000
    for _ in range(times):
        rows, weight, own = draws.rows(Z)
        assert rows.shape == weight.shape == (1, 5)
        assert own == [5]
        total += (A[rows[0]] * weight[0, :, None]).mT @ F[rows[0]] / times
        met[rows[0]] += 1
    torch.testing.assert_close(total, A.mT @ F, atol=0.1, rtol=0.02)
    open_now = A.amax(1) > 0
    assert (met[~open_now] == 0).all()
    assert stats.chisquare(met[open_now].numpy()).pvalue > 1e-3
    few = many.Few(g, torch.float64, last=torch.zeros(0, 2), most=int(open_now.sum()))
    rows, valid, own = few.rows(Z)
    assert rows[0].tolist() == open_now.nonzero()[:, 0].tolist()
    assert valid.all()


def test_only_candidates_become_examples():
    trained = train(settings=replace(SETTINGS, candidates=9, U=(2, "all")))
    assert trained.influence.shape == (1, 9, 3)
    assert trained.folds.x_train.shape == (1, 9, 3)
    model = trained.run(0)
    x = trained.folds.x_test[0]
    assert model.predict(x).shape == (len(x), 3)
    assert max(model.explain(x[0], U=2).rows) < 9


def test_all_rows_train_the_prediction_model_whatever_the_candidates(monkeypatch):
    seen, real = set(), torch.randint

    def randint(*given, **options):
        drawn = real(*given, **options)
        seen.update(drawn.flatten().tolist())
        return drawn

    monkeypatch.setattr(torch, "randint", randint)
    train(settings=replace(SETTINGS, candidates=9, U=(2,)))
    assert seen == set(range(42))


def test_a_training_resumes_where_it_was(tmp_path, monkeypatch):
    """Bit for bit, rows met and unmet included."""
    whole, path = tmp_path / "whole.pt", tmp_path / "c.pt"
    train(checkpoint=whole)
    with monkeypatch.context() as patch:
        interrupt(patch, after=1, program=many.ManyProgram)
        with pytest.raises(Interrupted):
            train(checkpoint=path, save_every=0.0)
    train(checkpoint=path)
    same(last_bank(path), last_bank(whole))


def test_the_measure_leaves_out_rows_that_are_unmet():
    """They rank below all others: the score is that of the whole bank (FE-19, FE-22)."""
    p = program()
    p.advance(torch.tensor([0]), 2)
    p.state["bank"]["mu"][:, p.state["met"] :] = -40.0
    p.state["unmet"][0] = -40.0
    whole = fewer.FewerProgram.measure(p, p.state["bank"], torch.tensor([0]))
    assert torch.equal(p.measure(p.state["bank"], torch.tensor([0])), whole)


def test_the_measure_counts_rows_that_are_unmet_where_their_gates_are_open():
    """They are examples like any other: the score is again that of the whole bank, whatever W and S are."""
    p, stack, generator = program(toy(rows=300)), torch.tensor([0]), torch.Generator().manual_seed(0)
    bank, p.state["met"], p.state["unmet"][0] = p.state["bank"], 20, 1.0
    bank["mu"][:, 20:] = 1.0
    for _ in range(10):
        for name in ("W", "S"):
            bank[name].normal_(generator=generator)
        assert torch.equal(p.measure(bank, stack), fewer.FewerProgram.measure(p, bank, stack))


@pytest.mark.parametrize("rows", [1, 10, 37])
def test_the_start_that_opens_so_many_rows(rows):
    mu = many.mu_for(rows, 38, 3, sigma=0.7)
    p = gates.open_probability(torch.tensor(mu, dtype=torch.float64), 0.7).item()
    assert 38 * (1 - (1 - p) ** 3) == pytest.approx(rows)
    with pytest.raises(ValueError, match="rows must lie between"):
        many.mu_for(38, 38, 3)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"span": 0}, {}, "span must be"),
        ({"most": 0}, {}, "most must be"),
        ({"candidates": 0}, {}, "candidates must be"),
        ({"candidates": 43}, {}, "candidates must be at most N = 42"),
        ({"candidates": 3, "U": (10,)}, {}, "U must be"),
        ({"S_start": "unit"}, {}, "S_start a number"),
        ({"open_rows": False}, {}, "open_rows"),
        ({}, {"f": MLP((3, 2))}, "FE's own network"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, options, message):
    with pytest.raises(ValueError, match=message):
        train(settings=replace(SETTINGS, **change), **options)


def test_several_runs_are_refused():
    with pytest.raises(ValueError, match="for one run of Ours"):
        fit("Ours", toy(), Runs.grid(1, eta=[0.1, 0.2]), settings=SETTINGS, progress=False)
