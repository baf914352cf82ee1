"""How often the test of a claim as a whole is wrong where nothing is there: data sets simulated without an effect."""

import numpy as np

from lib.study.claims import ALPHA
from lib.study.statistics import RATIO, clustered

SPLITS = 10
NOISE = np.sqrt(1 / SPLITS + RATIO)  # of a data set's mean over its splits, whose own differences have a spread of 1
UNITS = (2, 3, 4, 6)  # data sets
FAR, NEAR = 10.0, 0.0  # how far data sets spread: times NOISE


def rate(units: int, between: float, *, trials: int = 400) -> float:
    """Share of trials that reject a mean of 0 over data sets, whose true means spread `between` times their noise."""
    rng, rejected = np.random.default_rng(0), 0
    for _ in range(trials):
        center = rng.normal(0, between * NOISE, (units, 1)) + np.sqrt(RATIO) * rng.normal(size=(units, 1))
        groups = center + rng.normal(size=(units, SPLITS))  # their splits share what RATIO stands for
        rejected += clustered(list(groups), draws=1_000).p < ALPHA
    return rejected / trials


def told(trials: int = 400) -> dict[str, str]:
    """The least and the largest rate over UNITS, where data sets differ much and where they do not, in words."""
    found = {"far": FAR, "near": NEAR}
    rates = {name: [rate(units, between, trials=trials) for units in UNITS] for name, between in found.items()}
    return {name: f"{100 * min(each):.1f} to {100 * max(each):.1f} %" for name, each in rates.items()}
