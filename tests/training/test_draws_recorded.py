"""Recorded steps, as a GPU replays them: on a CPU the same steps run unrecorded, and must train the same models."""

from dataclasses import replace

import pytest
import torch

from lib import data, methods
from lib.training import Runs, fewer, fit
from lib.training.draws import Draws, RecordedSteps
from lib.training.fewer import Settings

METHODS = ["Ours", "Joint", "RPSR", "PretrainR", "Predictor"]
SETTINGS = Settings(epochs=1, check=1, hidden=8, layers=2, U=(2, "all"))  # 150 rows: batches of 32 and a last one of 22


@pytest.fixture(scope="module")
def folds():
    return data.folds(data.load("glass"), range(3), dtype=torch.float64)


@pytest.fixture
def recorded(monkeypatch):
    """Makes training on the CPU take the GPU's way."""
    monkeypatch.setattr(
        fewer,
        "steps_for",
        lambda update, N, C, f, settings, device: RecordedSteps(update, N, C, f=f, settings=settings),
    )


def runs_of(method):
    return Runs.grid(3, eta=[1e-3]) if "eta" in methods.named(method).axes else Runs.grid(3)


def train(method, folds, runs, settings):
    return fit(method, folds, runs, settings=settings, progress=False)


@pytest.mark.parametrize("method", METHODS)
def test_without_noise_recorded_steps_are_the_plain_ones(method, folds, recorded, monkeypatch):
    quiet = replace(SETTINGS, dropout=0.0, sigma=1e-12)
    taken = train(method, folds, runs_of(method), quiet)
    monkeypatch.undo()
    plain = train(method, folds, runs_of(method), quiet)
    for name in plain.bank:
        torch.testing.assert_close(taken.bank[name], plain.bank[name], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_a_recorded_run_does_not_depend_on_its_company(method, folds, recorded):
    together = train(method, folds, runs_of(method), SETTINGS)
    alone = train(method, folds, runs_of(method).only(1), SETTINGS)
    for name in alone.bank:
        torch.testing.assert_close(alone.bank[name][0], together.bank[name][1], rtol=1e-9, atol=1e-9)


def test_every_step_has_noise_of_its_own(folds):
    seen = []
    steps = RecordedSteps(
        lambda batch, draws, settings: seen.append(draws.noise(()).clone()), 5, 2, f=_NoDropout, settings=SETTINGS
    )
    draws = Draws([torch.Generator().manual_seed(0)], torch.float64)
    for _ in range(2 * steps.block + 1):
        steps(torch.zeros(1, 4, dtype=torch.int64), draws)
    assert len(torch.stack(seen).unique(dim=0)) == len(seen)


class _NoDropout:
    n_draws = 0
