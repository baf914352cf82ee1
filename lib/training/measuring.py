"""What a predictor and its explanations are worth on images: each score image by image, in batches that fit the memory.

found = measured(predictor, images, "val", explainer=explainer, S=0.5, drawn=drawn)      # what epochs are chosen by
scores = report(predictor, images, "test", explainer=explainer, S=(0.3, 0.5), drawn=drawn)  # all that is recorded
"""

from collections.abc import Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from lib import masks, metrics
from lib.data.images import Images
from lib.explainers.base import Explainer
from lib.predictor import Predictor

BINS = 15  # of confidence, for the calibration error
SETS = 50  # of four cells, for sensitivity-n
RANDOM = 4  # every fourth value of s scores a random map
SHOWN = 12  # images whose maps and curves are kept for galleries
BLUR = 9  # pixels to a side that are averaged
ELSEWHERE = ("blur", "noise", "label")
SCORED = ("predicted", "label")
MASKED = 8  # random masks of half of the cells


class Measured(NamedTuple):
    """Of N images: predicted class right (N,), f(x)_y of the class scored (N,), phi (N, D), hard curves (N, K)."""

    right: Tensor
    p: Tensor
    phi: Tensor
    inserted: Tensor
    deleted: Tensor
    steps: Sequence[int]
    explainer: Explainer
    shape: torch.Size  # of an input

    def up_to(self, S: float) -> "Measured":
        """The same with curves up to the share S of the cells."""
        n = len(self.explainer.steps(self.shape, S))
        return self._replace(inserted=self.inserted[:, :n], deleted=self.deleted[:, :n], steps=self.steps[:n])

    def areas(self, S: float) -> tuple[float, float, float]:
        """Accuracy, and mean insertion and deletion up to the share S of the cells."""
        own = self.up_to(S)
        right, *curves = (t.double().mean().item() for t in (own.right, own.inserted, own.deleted))
        return right, *curves


@contextmanager
def in_single_precision():
    """A context, or a decorator, in which a GPU's products keep all digits, as a CPU's do: TF32 has ten bits."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


@in_single_precision()
@torch.no_grad()
def measured(
    predictor: Predictor, images: Images, part: str, *, explainer: Explainer, S: float, drawn: dict[str, Tensor],
    memory: int = 128, scored: str = "predicted",
) -> Measured:  # fmt: skip
    """Explanations of the classes predicted for one part's images, and their curves up to S.

    scored: the class whose probability the curves follow, the one "predicted" and explained or the "label".
    """
    if scored not in SCORED:
        raise ValueError(f"scored must be one of {', '.join(SCORED)}, got {scored!r}")
    shape = predictor.b.shape
    steps = explainer.steps(shape, S)
    rows = max(1, memory // max(2 * len(steps), explainer.inputs(shape)))
    found = []
    for x, labels in batches(images, part, rows):
        logits = predictor.logits(x)
        y = logits.argmax(-1)
        # A network that diverged predicts NaN: so are its curves then, and no valscore is better.
        phi = explainer.explain(predictor, x, y, **drawn).phi.nan_to_num()
        followed = labels if scored == "label" else y
        curves = metrics.curves(predictor, x, followed, phi=phi, s=steps, explainer=explainer)
        found.append((y == labels, curves.whole, phi, curves.inserted, curves.deleted))
    right, p, all_phi, inserted, deleted = (torch.cat(own) for own in zip(*found))
    return Measured(right, p, all_phi, inserted, deleted, steps, explainer, shape)


def batches(images: Images, part: str, rows: int):
    """Inputs and labels of one part, so many at a time."""
    for pixels, y in zip(getattr(images, f"x_{part}").split(rows), getattr(images, f"y_{part}").split(rows)):
        yield images.inputs(pixels), y


@in_single_precision()
@torch.no_grad()
def report(
    predictor: Predictor, images: Images, part: str, *, explainer: Explainer, S: Sequence[float],
    drawn: dict[str, Tensor], memory: int = 128, seed: int = 2,
) -> list[dict]:  # fmt: skip
    """Everything recorded of a predictor with one explainer: rows of S, measure, value, direction and, where one is
    kept, `samples` (of each image), `curve` (its mean at each s) and `shown` (row by row, of the first images).

    images: or whatever has x_{part}, y_{part} and `inputs`, as a table's rows may. Of images alone also ELSEWHERE.
    """
    options = {"explainer": explainer, "memory": memory}
    first = measured(predictor, images, part, S=max(S), drawn=drawn, **options)
    threshold = by_threshold(predictor, images, part, first=first, **options)
    generator = torch.Generator().manual_seed(seed)
    chance = by_chance(predictor, images, part, S=max(S), generator=generator, **options)
    others = besides(predictor, images, part, phi=first.phi, generator=generator, **options)
    options |= {"first": first, "generator": generator}
    kinds = ELSEWHERE if predictor.b.ndim == 3 else ()  # a table's rows have nothing to blur
    changed = {kind: elsewhere(predictor, images, part, kind=kind, **options) for kind in kinds}
    out = []
    zero = (first.phi.amax(-1) - first.phi.amin(-1) == 0).double()
    for share in S:
        n = len(explainer.steps(predictor.b.shape, share))
        r = max(1, sum(at < n for at in thinned(range(len(first.steps)))))  # of the few that other curves have

        def add(measure, values, direction="higher", *, curve=None, shown=None, share=share):
            """samples, curve and shown where there is a curve or a map of each image."""
            row = {"S": share, "measure": measure, "value": values.double().mean().item(), "direction": direction}
            kept = {"samples": None, "curve": None, "shown": shown}
            if curve is not None:
                kept = {"samples": values, "curve": curve.double().mean(0), "shown": curve}
            if kept["shown"] is not None:
                kept["shown"] = kept["shown"][:SHOWN].flatten()
            out.append(row | {name: own if own is None else _rounded(own) for name, own in kept.items()})

        ins, rem = first.inserted[:, :n], first.deleted[:, :n]
        add("accuracy", first.right)
        add("insertion", ins.mean(1), curve=ins)
        add("deletion", rem.mean(1), "lower", curve=rem)
        add("insertion_threshold", threshold[0][:, :n].mean(1))
        add("deletion_threshold", threshold[1][:, :n].mean(1), "lower")
        add("insertion_random", chance[1][:, :r].mean(1))
        add("deletion_random", chance[2][:, :r].mean(1), "lower")
        for kind, (inserted, deleted) in changed.items():
            add(f"insertion_{kind}", inserted[:, :r].mean(1))
            add(f"deletion_{kind}", deleted[:, :r].mean(1), "lower")
        add("insertion_share", ins.mean(1) / first.p)
        add("deletion_share", rem.mean(1) / first.p, "lower")
        add("confidence", first.p)
        add("overconfidence", first.p - first.right.to(first.p), "lower")
        add("calibration_error", calibration_error(first.p, first.right), "lower")
        add("zero_maps", zero, "lower")
        add("contributions", first.phi.abs().mean(1), shown=first.phi)
        add("gap", gap(first.phi, first.steps[n - 1]))
        for name, values in others.items():
            add(name, values)
    return out


def _rounded(values: Tensor) -> list[float]:
    """Four significant digits, which take a third of the room."""
    return [float(f"{v:.4g}") for v in values.double().tolist()]


def by_threshold(predictor, images, part, *, explainer, first: Measured, memory: int) -> tuple[Tensor, Tensor]:
    """The curves (N, K) if all cells count that are not below the s-th value: other ones where cells are equal."""
    if (first.phi.sort(-1).values.diff(dim=-1) != 0).all():
        return first.inserted, first.deleted
    found, rows = [], max(1, memory // (2 * len(first.steps)))
    for (x, _), phi in zip(batches(images, part, rows), first.phi.split(rows)):
        options = {"phi": phi, "s": first.steps, "explainer": explainer, "ties": "threshold"}
        curves = metrics.curves(predictor, x, predictor.logits(x).argmax(-1), **options)
        found.append((curves.inserted, curves.deleted))
    return tuple(torch.cat(own) for own in zip(*found))


def by_chance(predictor, images, part, *, explainer, S, memory, generator) -> tuple[Sequence[int], Tensor, Tensor]:
    """Some values of s, and the curves (N, K) of a map of random numbers at them."""
    shape = predictor.b.shape
    steps = thinned(explainer.steps(shape, S))
    found = []
    for x, _ in batches(images, part, max(1, memory // (2 * len(steps)))):
        phi = torch.rand(len(x), explainer.cells(shape), generator=generator).to(x)
        curves = metrics.curves(predictor, x, predictor.logits(x).argmax(-1), phi=phi, s=steps, explainer=explainer)
        found.append((curves.inserted, curves.deleted))
    return steps, *(torch.cat(own) for own in zip(*found))


def thinned(steps: Sequence[int]) -> Sequence[int]:
    """Every fourth value of s, where there are enough of them."""
    return steps[RANDOM // 2 :: RANDOM] if len(steps) >= 2 * RANDOM else steps


def elsewhere(predictor, images, part, *, explainer, first: Measured, kind: str, memory, generator):
    """The curves (N, K) at some values of s, of the same maps under another protocol.

    kind: what masked cells show, a "blur" of the image or "noise", one draw for each image; or "label", the mean
    colour as ever, but the probability of the true class.
    """
    if kind not in ELSEWHERE:
        raise ValueError(f"kind must be one of {', '.join(ELSEWHERE)}, got {kind!r}")
    found, steps = [], thinned(first.steps)
    rows = max(1, memory // (2 * len(steps)))
    for (x, labels), phi in zip(batches(images, part, rows), first.phi.split(rows)):
        b = predictor.b.expand_as(x)
        if kind == "blur":
            b = avg_pool2d(x, BLUR, 1, BLUR // 2, count_include_pad=False)
        elif kind == "noise":  # inputs are standardised
            b = torch.randn(x.shape, generator=generator).to(x)
        y = labels if kind == "label" else predictor.logits(x).argmax(-1)
        r = explainer.expand(masks.top_mask(phi, steps), predictor.b.shape)
        both = torch.cat([masks.insert(x, b, r), masks.delete(x, b, r)], 1)
        found.append(predictor.log_probability(both, y[:, None]).exp().chunk(2, 1))
    return tuple(torch.cat(own) for own in zip(*found))


def besides(predictor, images, part, *, explainer, phi: Tensor, memory, generator) -> dict[str, Tensor]:
    """Sensitivity-4 (N,); accuracy with random halves of the cells masked, and with the less important half (N,)."""
    shape, D = predictor.b.shape, phi.shape[-1]
    removed = metrics.random_sets(D, generator, n=min(4, D - 1), sets=SETS).to(phi)[None]
    half = (torch.rand(MASKED, D, generator=generator) < 0.5).to(phi)
    found = {"sensitivity": [], "masked": [], "kept_half": []}
    rows = max(1, memory // SETS)
    for (x, y), own in zip(batches(images, part, rows), phi.split(rows)):
        predicted = predictor.logits(x).argmax(-1)
        options = {"phi": own, "removed": removed, "explainer": explainer}
        found["sensitivity"].append(metrics.sensitivity_n(predictor, x, predicted, **options))
        kept = torch.cat([half.expand(len(x), -1, -1), masks.top_mask(own, [D // 2])], 1)
        classes = predictor.logits(masks.insert(x, predictor.b, explainer.expand(kept, shape))).argmax(-1)
        right = (classes == y[:, None]).double()
        found["masked"].append(right[:, :-1].mean(1))
        found["kept_half"].append(right[:, -1])
    return {name: torch.cat(values) for name, values in found.items()}


def calibration_error(p: Tensor, right: Tensor, bins: int = BINS) -> Tensor:
    """Expected calibration error: confidence p (N,) against the share of right predictions in bins of equal width."""
    at = (p.double() * bins).long().clamp_max(bins - 1)
    gaps = torch.zeros(bins, dtype=torch.float64, device=p.device).index_add_(0, at, p.double() - right.double())
    return gaps.abs().sum() / len(p)


def gap(phi: Tensor, s: int) -> Tensor:
    """How far the top s cells stand apart: the step after the s-th largest of phi (N, D), over its range -> (N,)."""
    ordered = phi.sort(-1, descending=True).values
    step = ordered[:, s - 1] - ordered[:, min(s, phi.shape[-1] - 1)]
    spread = ordered[:, 0] - ordered[:, -1]
    return torch.where(spread > 0, step / spread.where(spread > 0, 1), 0.0)
