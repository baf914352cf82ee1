"""`fit` takes what it is given by kind."""

import pytest

from lib.training import Runs, fit
from tests.training.fe import SMALL, toy


@pytest.mark.parametrize(("what", "value"), [("folds", None), ("runs", 2), ("start", "pretrained")])
def test_what_training_is_given_must_be_of_its_kind(what, value):
    options = {"folds": toy(), "runs": Runs.grid(1), "start": None} | {what: value}
    with pytest.raises(ValueError, match=f"{what} must be .*, got {type(value).__name__}"):
        fit("Pretrain", settings=SMALL, **options)
