"""The methods of both papers: what each one's objective is made of, and which axes a grid of its runs may have."""

from dataclasses import dataclass

NEUTRAL = {  # the axes of each paper beside fold and seed, and their values where a grid does not name them
    "FE": {"lam": 1.0, "eta": 0.0},
    "ID": {"lr": 0.01, "lam3": 0.0, "lam": 0.0},
    "FE+ID": {"lam": 1.0, "eta": 0.0, "lam1": 0.0},
}


@dataclass(frozen=True)
class Examples:
    """A method of FE, explained by training examples: the terms of its objective (FE-6)."""

    g_fits_y: bool  # l(y, g): train a prediction model
    h_fits: str | None  # l(g, h), l(y, h) or no explanation model
    gates: bool = False  # draw A through stochastic gates and charge for the open ones
    pretrained: bool = False  # f and W come from stage 1 and stay as they are

    paper = "FE"

    @property
    def predictor(self) -> str:
        """The model whose prediction is explained: h itself where no g is trained (RPS, RPSR)."""
        return "h" if self.h_fits == "y" else "g"

    @property
    def axes(self) -> tuple[str, ...]:
        """lam weighs l(g, h), eta the open gates."""
        return ("lam",) * (self.h_fits == "g") + ("eta",) * self.gates


@dataclass(frozen=True)
class Features:
    """A method of ID, explained by features: what its objective adds to the cross-entropy (ID-11)."""

    penalty: str | None  # the path of insertions and deletions, stability, fidelity, augmentation, or nothing
    started: bool = True  # from pretrained predictors

    paper = "ID"

    @property
    def axes(self) -> tuple[str, ...]:
        """lam is the strength of the penalty, lam3 the weight of |phi|^2 beside the path, lr the learning rate."""
        return ("lr",) + ("lam3",) * (self.penalty == "path") + ("lam",) * (self.penalty is not None)


@dataclass(frozen=True)
class Both(Examples):
    """A method of FE whose g is explained by features, too: ID-11's insertions and deletions beside its terms."""

    paper = "FE+ID"

    @property
    def axes(self) -> tuple[str, ...]:
        """lam1 weighs insertions and deletions, lambda_1 = lambda_2."""
        return (*super().axes, "lam1")


FE = {
    "Ours": Examples(True, "g", gates=True),  # FE-10
    "Joint": Examples(True, "g"),  # FE-12
    "RPS": Examples(False, "y"),  # FE-13
    "RPSR": Examples(False, "y", gates=True),  # FE-14
    "Pretrain": Examples(False, "g", pretrained=True),  # FE-16
    "PretrainR": Examples(False, "g", gates=True, pretrained=True),  # FE-17
}
ID = {
    "ID-ExpO": Features("path"),  # ID-11
    "ExpO-S": Features("stability"),  # ID-A5
    "ExpO-F": Features("fidelity"),  # ID-A4
    "CE-only": Features(None),
}
ABLATIONS = {
    "Masked": Features("augmentation"),  # cross-entropy on inputs masked at random, beside that on the inputs
}
STARTS = {
    "Predictor": Examples(True, None),  # FE-15, stage 1 of Pretrain and PretrainR
    "pretrained": Features(None, started=False),  # what fine-tuning starts from
}
BOTH = {"Both": Both(True, "g", gates=True)}  # FE-10 and ID-11 in one objective
METHODS = FE | ID | BOTH | ABLATIONS | STARTS


def named(method: str) -> Examples | Features:
    """The method of this name. ValueError if there is none."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    return METHODS[method]
