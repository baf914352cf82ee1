"""Training, for both papers: a method's name, data, runs and settings in, every run at its best epoch out.

    fitted = fit("Ours", folds, Runs.grid(10, eta=[0.01, 0.1]), settings=fewer.Settings(epochs=1000))
    model = fitted.run(0)                       # one run, without a run axis
    model.predict(x), model.explain(x[0], U=10)

`fewer` and `expo` hold what differs between the papers, `both` their one objective, `engine` what all share.
"""

import os
from collections.abc import Sequence

from torch import Tensor

from lib import methods
from lib.data import Folds
from lib.training import both, expo, fewer, many
from lib.training import checkpoint as files
from lib.training.engine import Program, check_device, check_folds, use_threads
from lib.training.expo_step import Criterion
from lib.training.fitted import Fitted
from lib.training.runs import Runs

PAPERS = {"FE": fewer, "ID": expo, "FE+ID": both}


def fit(
    method: str, folds: Folds, runs: Runs, *, settings: fewer.Settings | expo.Settings | None = None,
    start: Fitted | None = None, f=None, criteria: Sequence[Criterion] = (), background: Tensor | None = None,
    device: str = "cpu", checkpoint: str | os.PathLike | None = None, save_every: float = 30.0,
    weights: str | os.PathLike | None = None, progress: bool = True,
) -> Fitted:  # fmt: skip
    """Train all runs of one method and return each at its best epoch on validation rows.

    method: a name of `lib.methods.METHODS`. settings: of the method's paper, by default the paper's. start: what was
    fitted before, "Predictor" for Pretrain and PretrainR (made here when missing) and "pretrained" for fine-tuning.
    f: a network, or `Network(module)` that trains one run; by default the paper's. criteria, background: of paper ID,
    see `expo.fit`. checkpoint: a file to save to every save_every seconds and to resume from; removed by the caller.
    weights: a folder that keeps the best parameters under a digest of their configuration and of all code that made
    them, so that the same training is not done twice. Numbers are of the type of the folds. ValueError for what cannot
    be trained, before it is.
    """
    paper = PAPERS[methods.named(method).paper]
    settings = paper.Settings() if settings is None else settings
    paper = many if paper is fewer and type(settings) is many.Settings else paper
    if type(settings) is not paper.Settings:  # another's would be taken for its own, and its options be ignored
        raise ValueError(f"settings of {method} must be {paper.__name__}.Settings, got {settings!r}")
    if paper is not expo and (criteria or background is not None):
        raise ValueError(f"{method} is of paper {methods.named(method).paper}, which has no criteria and no background")
    for name, value, kind in (("folds", folds, Folds), ("runs", runs, Runs)):
        if not isinstance(value, kind):
            raise ValueError(f"{name} must be {kind.__name__}, got {type(value).__name__}")
    folds = folds.to(check_device(device))
    check_folds(runs, folds)
    runs, path, folder = runs.of(method), files.check_path(checkpoint), files.check_folder(weights)
    files.check_every(save_every)
    if not isinstance(start, Fitted | None):
        raise ValueError(f"start must be what `fit` gave back, got {type(start).__name__}")

    def train(program: Program, stage: str = "") -> Program:
        """Run it, or take up what the folder of weights has of it."""
        if folder and program.recall(folder):
            return program
        own = path and path.with_name(path.name + stage)
        program.run(own, every=save_every, progress=progress, label=method)
        if folder:
            program.keep(folder)
        return program

    more = {"criteria": criteria, "background": background} if paper is expo else {}
    return paper.fit(method, folds, runs, settings=settings, start=start, f=f, train=train, **more)
