"""Paper ID, one step: the objective of ID-ExpO and its rivals, and its gradient in stages that bound the memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from lib import masks, regularizers
from lib.explainers import LIME, Explained, Explainer, KernelSHAP, Linear
from lib.methods import Features as Method
from lib.options import check_counts, check_flags, check_numbers, flat, identity, is_number, reading, speed, training
from lib.predictor import Predictor

COLUMNS = ("explainer", "S", "deletion", "mixed")  # settings that have a column of their own in the records
Criterion = tuple[Explainer, float]  # and S
Weight = Tensor | float


def check_criterion(criterion: Criterion) -> Criterion:
    """(explainer, S) itself; ValueError unless both make sense."""
    if not isinstance(criterion, tuple | list) or len(criterion) != 2:
        raise ValueError(f"a criterion must be (explainer, S), as (LIME(), 0.3), got {criterion!r}")
    explainer, S = criterion
    if not isinstance(explainer, Explainer):
        raise ValueError(f"explainer must be an Explainer, as LIME(), got {explainer!r}")
    if not is_number(S) or not 0 < S <= 1:
        raise ValueError(f"S must be a share of the cells in (0, 1], got {S!r}")
    return explainer, float(S)


def check_trainable(explainer: Explainer) -> None:
    """ValueError unless the objective's gradient passes through its contributions."""
    if not explainer.trainable:
        raise ValueError(f"explainer must be one that can be trained through, got {explainer.name}, "
                         "which is for measuring alone")  # fmt: skip


def check_deletion(form: str) -> None:
    """ValueError unless Omega_Del has such a form."""
    if form not in regularizers.DELETIONS:
        raise ValueError(f"deletion must be one of {', '.join(regularizers.DELETIONS)}, got {form!r}")


LIMES = LIME()  # the paper's options for tables
LINEAR = [f.name for f in fields(Linear)]  # options of every explainer by masks


@dataclass(frozen=True)
class Settings:
    """What the paper fixes for tables, and our reading of what it leaves open (book page "Readings")."""

    explainer: Explainer = reading(LIMES)  # which explanations ID-ExpO trains
    S: float = training(0.5)  # share of cells inserted and deleted
    deletion: str = training("A")  # form of Omega_Del
    around: LIME | None = reading(None)  # masks and weights of ExpO-S and -F; None: the explainer's, cosine kernel
    chunk: int | None = speed(None)  # values of s in one forward and backward: less memory, more time
    mixed: bool = training(False)  # training multiplies in bfloat16: faster and rounded, scores are not
    T: float | str | None = reading(None)  # temperature of the soft masks; None: each sample's, or one for a "batch"
    floor: float = reading(0.0)  # on the range of phi that such a temperature is read off
    draws: int | None = training(None)  # values of s at a step, drawn for each sample: cheaper and noisy; None: all
    epochs: int = training(200)
    patience: int = training(20)  # epochs without a better valscore
    check: int = training(1)  # epochs between two validations
    eta: float = training(2.0)  # weight of accuracy in the valscore that stops a run
    batch: int = training(128)
    momentum: float = training(0.9)
    weight_decay: float = training(5e-4)
    hidden: int = training(256)
    layers: int = training(2)
    stack_rows: int = speed(30_000)  # rows multiplied together on a CPU

    def __post_init__(self):
        check_counts(self, "epochs", "patience", "check", "batch", "hidden", "stack_rows")
        check_counts(self, "layers", least=0)
        check_numbers(self, "eta", "momentum", "weight_decay", "floor")
        if self.draws is not None:
            check_counts(self, "draws")
        if self.chunk is not None:
            check_counts(self, "chunk")
        if isinstance(self.T, str) and self.T != "batch":
            raise ValueError(f"T must be a number above 0, None or batch, got {self.T!r}")
        if self.T is not None and self.T != "batch":
            check_numbers(self, "T", positive=True)
        check_flags(self, "mixed")
        if not isinstance(self.around, LIME | None):
            raise ValueError(
                f"around must be a LIME, whose masks and weights rivals take, or None, got {self.around!r}"
            )
        check_criterion((self.explainer, self.S))
        check_deletion(self.deletion)
        if not self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")

    def check_draws(self, shape: torch.Size) -> None:
        """ValueError unless inputs of this shape have as many values of s as are drawn."""
        most = len(self.explainer.steps(shape, self.S))
        if self.draws is not None and self.draws > most:
            raise ValueError(f"draws must be at most {most}, the number of values of s up to S = {self.S} on inputs "
                             f"{tuple(shape)}, got {self.draws}")  # fmt: skip

    def drawn_steps(self, shape: torch.Size, generator: torch.Generator, rows: int) -> Tensor | None:
        """`draws` values of s for each of some inputs, (rows, K), from a run's own generator; None where all count."""
        if self.draws is None:
            return None
        u = torch.rand(rows, generator=generator, device=generator.device, dtype=torch.float64)
        return masks.draw_steps(self.explainer.steps(shape, self.S), u, K=self.draws)

    @property
    def neighbours(self) -> LIME:
        """Whose masks and weights ExpO-S and ExpO-F take."""
        if self.around:
            return self.around
        own = {name: getattr(self.explainer, name) for name in LINEAR} if isinstance(self.explainer, Linear) else {}
        return LIME(kernel="cosine", width=0.25, **own)

    def recorded(self) -> dict:
        """The settings that identify a record and have no column of their own there.

        Flat, as the first records have it: the options of both linear explainers, and the width of ExpO's kernel.
        """
        options = flat(LIME()) | flat(KernelSHAP()) | flat(self.explainer) | {"cosine_width": self.neighbours.width}
        own = {name: getattr(self, name) for name in identity(self) if name not in ("explainer", "around", *COLUMNS)}
        absent = {"segments": None, "draws": None, "floor": 0.0}  # of the first records
        return {n: value for n, value in (options | own).items() if n not in absent or value != absent[n]}


def parts(
    predictor: Predictor, x: Tensor, y: Tensor, *, method: Method, explained: Explained, lam: Weight, lam3: Weight,
    settings: Settings, drawn: dict[str, Tensor], s: Tensor | None = None,
) -> Iterator[Tensor]:  # fmt: skip
    """The objective of a batch in parts that can be differentiated one after the other, each (...) (ID-11).

    explained: of x (..., B, *input) and y (..., B); where log f(x)_y is not in it, it is predicted with the first part.
    s (..., B, K): the values of s for each input, by default all for each.
    """
    lam, lam3 = (torch.as_tensor(weight, dtype=x.dtype, device=x.device)[..., None] for weight in (lam, lam3))
    phi, log_p = explained.phi, explained.log_p
    if method.penalty != "path":
        log_p = predictor.log_probability(x, y) if log_p is None else log_p
        yield (-log_p + lam * _expo(method, explained, log_p, settings.neighbours, drawn)).mean(-1)
        return
    shape = predictor.b.shape
    s = torch.tensor(settings.explainer.steps(shape, settings.S), device=x.device) if s is None else s
    K, T = s.shape[-1], masks.batch_temperature(phi) if settings.T == "batch" else settings.T
    for at, some in enumerate(s.split(settings.chunk or K, -1)):
        r = settings.explainer.expand(masks.soft_mask(phi, some, T, floor=settings.floor), shape)
        path = regularizers.follow(predictor, x, y, r=r, whole=log_p)
        both = regularizers.insertion(path) + regularizers.deletion(path, settings.deletion)
        part = some.shape[-1] / K * lam * both
        if at == 0:
            expanded = settings.explainer.expand(phi, shape).flatten(phi.ndim - 1)  # to pixels, on images
            part = part - path.whole + lam3 * regularizers.size(expanded)
        yield part.mean(-1)


def _expo(method: Method, explained: Explained, log_p: Tensor, around: LIME, drawn: dict) -> Tensor | float:
    """What the rivals add to the cross-entropy."""
    if method.penalty is None:
        return 0.0
    if method.penalty == "augmentation":
        return regularizers.augmentation(explained.y_tilde)
    k = around.weights(drawn["Z"])
    if method.penalty == "stability":
        return regularizers.stability(explained.y_tilde, log_p.exp(), k=k)
    return regularizers.fidelity(explained.y_tilde, explained.phi, Z=drawn["Z"], k=k)


def explained_by(method: Method, settings: Settings) -> Explainer | None:
    """Whose explanations the method's objective is made of; None if it has none."""
    return {"path": settings.explainer, None: None}.get(method.penalty, settings.neighbours)


def objective(
    predictor: Predictor, x: Tensor, y: Tensor, *, method: Method, lam: Weight = 0.0, lam3: Weight = 0.0,
    settings: Settings, drawn: dict[str, Tensor], s: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Cross-entropy and what the method adds, mean over a batch x (..., B, *input), y (..., B), in one graph (ID-11).

    lam, lam3: numbers, or (...). drawn: what the explainer drew.
    """
    explained = _explain(predictor, x, y, method=method, settings=settings, drawn=drawn)
    options = {"lam": lam, "lam3": lam3, "settings": settings, "drawn": drawn, "s": s}
    return sum(parts(predictor, x, y, method=method, explained=explained, **options))


def _explain(predictor: Predictor, x: Tensor, y: Tensor, *, method: Method, settings: Settings, drawn) -> Explained:
    """What the objective needs of an explainer, and log f(x)_y where several parts need it."""
    explainer = explained_by(method, settings)
    explained = explainer.explain(predictor, x, y, **drawn) if explainer else Explained(x.new_zeros(()))
    if settings.chunk and explained.log_p is None:
        explained = explained._replace(log_p=predictor.log_probability(x, y))
    return explained


def gradient(
    predictor: Predictor, x: Tensor, y: Tensor, *, method: Method, lam: Weight, lam3: Weight, settings: Settings,
    drawn: dict[str, Tensor], s: Tensor | None = None, wanted: Sequence[str],
) -> dict[str, Tensor]:  # fmt: skip
    """The gradient of the objective, to the parameters named in `wanted`, in two stages (ID-11).

    What the explainer gives becomes leaves; the objective's parts are differentiated one after the other, each freeing
    its graph; what has gathered on the leaves then goes once through the explainer. The same number as from one graph.
    """
    theta, options = [predictor.theta[n] for n in wanted], {"method": method, "settings": settings, "drawn": drawn}
    explained = _explain(predictor, x, y, **options)
    # A run that has diverged goes on as NaN by its other terms, where masks would refuse it for all.
    leaves = Explained(*(t if t is None else t.detach().nan_to_num().requires_grad_() for t in explained))
    given = [(t, leaf) for t, leaf in zip(explained, leaves) if t is not None]
    inputs = [*theta, *(leaf for _, leaf in given)]
    total: list[Tensor | None] = [None] * len(inputs)
    for part in parts(predictor, x, y, explained=leaves, lam=lam, lam3=lam3, s=s, **options):
        total = _added(total, torch.autograd.grad(part.sum(), inputs, allow_unused=True))
    heads = [(t, g) for (t, _), g in zip(given, total[len(theta) :]) if g is not None and t.requires_grad]
    if heads:
        outputs, grads = zip(*heads)
        total = _added(total[: len(theta)], torch.autograd.grad(outputs, theta, grads, allow_unused=True))
    return {n: torch.zeros_like(t) if g is None else g for n, t, g in zip(wanted, theta, total)}


def _added(total: Sequence[Tensor | None], more: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Sums of gradients, None where there is none yet."""
    return [a if b is None else b if a is None else a + b for a, b in zip(total, more)]
