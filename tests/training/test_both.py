"""Both papers' objective in one training: each term where it belongs, and nothing else moved."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from lib import metrics
from lib.explainers import Attribution, KernelSHAP
from lib.methods import METHODS
from lib.training import Runs, both, expo, fit
from lib.training.draws import Draws
from lib.training.expo_fitted import measuring_draws as masks_of
from lib.training.expo_step import objective
from tests.training.fe import EXACT, SMALL, last_bank, loss, same, step, toy
from tests.training.fe import train as train_fe

SETTINGS = both.Settings(**{**vars(SMALL), "explained": 3})


def train(lam1=(0.0, 0.5), splits=(0,), settings=SETTINGS, **options):
    runs = Runs.grid(len(splits), eta=[0.01], lam1=list(lam1))
    return fit("Both", toy(splits), runs, settings=settings, progress=False, **options)


def one_step(R=2, settings=SETTINGS):
    """A step's ingredients, FE's for the method Ours and the program of Both on them."""
    s = step("Ours", R=R)
    runs = Runs.grid(R, lam1=[0.5]).of("Both")
    program = both.BothProgram(METHODS["Both"], s.folds, runs, settings=settings, f=s.f)
    return s, program


def test_without_its_weight_it_is_ours(tmp_path):
    """Bit for bit, also in company of runs that have a weight: they alone draw masks."""
    paths = [tmp_path / "both.pt", tmp_path / "ours.pt"]
    train(checkpoint=paths[0])
    train_fe("Ours", checkpoint=paths[1])
    together, alone = (last_bank(path) for path in paths)
    same({n: t[:1] for n, t in together.items()}, alone)
    assert any((t[1] != t[0]).any() for t in together.values())


@pytest.mark.parametrize("form", "ABC")
def test_the_features_term_is_what_paper_id_adds_to_the_cross_entropy(form):
    s, program = one_step()
    x, y = s.folds.x_train[:, :5], s.folds.y_train[:, :5]
    predictor = both.as_predictor(s.f, s.bank, program.b)
    Z = torch.stack(
        [SETTINGS.explainer.draw((3,), torch.Generator().manual_seed(r), dtype=x.dtype)["Z"] for r in (0, 1)]
    )
    options = {"settings": expo.Settings(deletion=form), "drawn": {"Z": Z}, "method": METHODS["ID-ExpO"], "lam": 1.0}
    entropy = torch.stack([cross_entropy(g, own) for g, own in zip(predictor.logits(x), y)])
    expected = objective(predictor, x, y, **options) - entropy
    found = both.features_loss(predictor, x, y, settings=replace(SETTINGS, deletion=form), drawn={"Z": Z})
    torch.testing.assert_close(found, expected, **EXACT)


def test_a_step_adds_the_features_term_of_some_rows_by_its_weight():
    """The first rows of the batch, masks from the run's own generator after all that FE draws (FE-11, ID-11)."""
    s, program = one_step()
    lam1 = torch.tensor([0.5, 2.0], dtype=torch.float64)
    what = replace(program.subject(s.fold, lam=s.lam, eta=s.eta), lam1=lam1)
    generators = [torch.Generator().manual_seed(seed) for seed in s.seeds]
    total = program.loss(what, s.bank, s.batch, draws=Draws(generators, torch.float64), settings=SETTINGS)
    twins = [torch.Generator().manual_seed(seed) for seed in s.seeds]
    fe = loss(s, draws=Draws(twins, torch.float64))
    drawn = torch.stack([SETTINGS.explainer.draw((3,), g, dtype=torch.float64)["Z"] for g in twins])
    rows = s.batch[:, :3]
    x, y = (torch.stack([of[r, rows[r]] for r in (0, 1)]) for of in (s.folds.x_train, s.folds.y_train))
    predictor = both.as_predictor(s.f, s.bank, program.b)
    added = both.features_loss(predictor, x, y, settings=SETTINGS, drawn={"Z": drawn})
    torch.testing.assert_close(total, fe + lam1 * added, **EXACT)


def test_some_rows_are_unbiased_for_the_batch():
    """The mean over all groups of rows that a shuffled batch may begin with is the mean over the batch."""
    s, program = one_step(R=1)
    x, y = s.folds.x_train[:, :6], s.folds.y_train[:, :6]
    predictor = both.as_predictor(s.f, s.bank, program.b)
    drawn = {"Z": SETTINGS.explainer.draw((3,), torch.Generator().manual_seed(0), dtype=x.dtype)["Z"][None]}
    options = {"settings": SETTINGS, "drawn": drawn}
    parts = [both.features_loss(predictor, x[:, at], y[:, at], **options) for at in (slice(0, 3), slice(3, 6))]
    torch.testing.assert_close(sum(parts) / 2, both.features_loss(predictor, x, y, **options), **EXACT)


def test_the_predictor_is_the_trained_model_and_is_scored_as_paper_id_does():
    """g without dropout; insertion and deletion of what the split's own masks explain, on its own rows."""
    trained = train(splits=(0, 3), settings=replace(SETTINGS, explainer=KernelSHAP(), S=0.7))
    folds, at = trained.folds, 3  # of fold 1
    model, b = trained.run(at), torch.zeros(3, dtype=torch.float64)
    x = folds.x_test[1]
    own = {n: t[[at]] for n, t in trained.bank.items()}
    predictor = both.as_predictor(trained.f, own, b)
    torch.testing.assert_close(predictor.logits(x[None])[0], model.predict(x), **EXACT)
    Z = masks_of([3], KernelSHAP(), b)["Z"]
    y = model.predict(x).argmax(-1)[None]
    phi = KernelSHAP().explain(predictor, x[None], y, Z=Z).phi
    curves = metrics.curves(predictor, x[None], y, phi=phi, s=[1, 2])
    assert trained.scores["test_insertion"][at].item() == pytest.approx(curves.insertion.mean().item(), abs=1e-9)
    assert trained.scores["test_deletion"][at].item() == pytest.approx(curves.deletion.mean().item(), abs=1e-9)


def test_epochs_are_kept_by_all_four_measures():
    trained = train(settings=replace(SETTINGS, keep=40, U=(40, "all")))
    for r, best in enumerate(trained.best_epoch):
        at = list(trained.history["epoch"]).index(best)
        accuracy, faithfulness = (trained.scores[f"val_{n}"][r, 0] for n in ("accuracy", "faithfulness"))
        product = accuracy * faithfulness * trained.scores["val_insertion"][r] * (1 - trained.scores["val_deletion"][r])
        assert product > 0
        assert trained.history["measure"][at, r] == pytest.approx(product.item() ** 0.25, abs=1e-9)


def test_stacks_are_cut_by_what_is_explained():
    _, program = one_step()
    fe = SETTINGS.batch + program.state["rows"]
    copies = SETTINGS.explainer.M + 2 * len(SETTINGS.explainer.steps((3,), SETTINGS.S)) + 1
    assert program.rows(torch.tensor([0, 1])).tolist() == (fe + 3 * copies).tolist()
    program.weights["lam1"] = torch.zeros(2)
    assert program.rows(torch.tensor([0, 1])).tolist() == fe.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"explained": 0}, "explained must be"),
        ({"deletion": "D"}, "deletion must be"),
        ({"S": 2.0}, "S must be"),
        ({"explainer": "LIME"}, "explainer must be"),
        ({"explainer": Attribution()}, "explainer must be one that can be trained through"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SETTINGS, **change)


def test_what_cannot_be_trained_is_refused():
    runs = Runs.grid(1, lam1=[0.1])
    for folds in (toy(task="regression"), toy(D=1)):
        with pytest.raises(ValueError, match="needs classes and at least two features"):
            fit("Both", folds, runs, settings=SETTINGS, progress=False)
    with pytest.raises(ValueError, match="no network of another kind"):
        fit("Both", toy(), runs, settings=SETTINGS, f=torch.nn.Linear(3, 2), progress=False)
    with pytest.raises(ValueError, match="takes no start"):
        fit("Both", toy(), runs, settings=SETTINGS, start=train_fe("Predictor"), progress=False)
    with pytest.raises(ValueError, match="settings of Both must be"):
        fit("Both", toy(), runs, settings=SMALL, progress=False)
    with pytest.raises(ValueError, match="which has no criteria and no background"):
        fit("Both", toy(), runs, settings=SETTINGS, background=torch.zeros(3), progress=False)
    with pytest.raises(ValueError, match="Ours has no axis lam1"):
        Runs.grid(1, lam1=[0.1]).of("Ours")


def test_a_gpu_is_refused():
    folds = toy().to("meta")
    with pytest.raises(ValueError, match="trained on a CPU"):
        both.fit("Both", folds, Runs.grid(1), settings=SETTINGS, start=None, f=None, train=None)
