"""Every named data set, all that is said about it in one entry; what pages, claims and grids say is derived from here.

    catalogue.DATA_SETS["glass"].title        # "Glass"
    catalogue.names("ID")                     # the tables of that paper's experiments, in the order of reports

A new data set is a new entry: `lib.data.load` reads it by the fields below, and tests find it by itself.
"""

from dataclasses import dataclass, replace

BACKBONES = {"resnet18": "ResNet-18", "efficientnet-lite0": "EfficientNet-Lite0"}  # ImageNet networks and their titles


@dataclass(frozen=True)
class Printed:
    """What a paper prints about a data set."""

    rows: int
    features: int
    classes: int
    seconds: tuple[int, ...] = ()  # FE's Table 1: Ours, Joint, RPS, RPSR, Pretrain, PretrainR


@dataclass(frozen=True)
class DataSet:
    """One entry. A table without a file comes with scikit-learn; one with a backbone is made from CIFAR-10's images."""

    name: str  # in parameters, records and file names
    title: str  # as its paper prints it
    source: str  # where it comes from and under which licence
    paper: str = ""  # FE or ID, whose experiments use it
    printed: Printed | None = None
    colour: str = "#5f5f5f"  # in figures that compare data sets
    marker: str = "o"
    file: str = ""  # in lib/data/shipped if it is shipped, else in DATA_DIR
    sha256: str = ""  # of the file; of a table, with line ends as \n
    shipped: bool = False
    openml: tuple[int, float] | None = None  # number there and sum of the numeric features
    dropped: tuple[str, ...] = ()  # columns that are no features
    ranked: tuple[str, ...] = ()  # text columns that become their place in the alphabet
    variant: bool = False  # of another entry, reported after the paper's own
    backbone: str = ""  # the network whose 1,000 outputs are the features


_UCI = "UCI Machine Learning Repository, https://archive.ics.uci.edu; see there for terms"
_STATLOG = "UCI Statlog, https://archive.ics.uci.edu; free to use with citation"

_GLASS = DataSet(
    "glass", "Glass", f"Glass identification; {_UCI}", "FE",
    Printed(214, 9, 6, seconds=(635, 663, 573, 543, 541, 540)), "#0072b2", "o",
    file="glass.csv", sha256="fd387739ca07871315fb269019222c850481e64430287aabc98160fdb2e9e723", shipped=True,
)  # fmt: skip
_VEHICLE = DataSet(
    "vehicle", "Vehicle", f"Vehicle silhouettes; {_STATLOG}", "FE",
    Printed(946, 18, 4, seconds=(2849, 2628, 2977, 2979, 1800, 1845)), "#d55e00", "s",
    file="vehicle.csv", sha256="1228d08b5b45492c1d9f2b02b96fc21914f458df8e2bfd58c65e6ea444dc056a", shipped=True,
)  # fmt: skip
_SEGMENT = DataSet(
    "segment", "Segment", f"Image segmentation; {_STATLOG}", "FE",
    Printed(2310, 9, 7, seconds=(19184, 19497, 18731, 19507, 10713, 11330)), "#117733", "^",
    file="segment.csv", sha256="d97fc150e703a5bae5e5b59f73a1550481bcc57a92cf23bf01ab267c95cebf15", shipped=True,
)  # fmt: skip
_CIFAR10 = [
    DataSet(
        f"cifar10-{backbone}", f"CIFAR10 ({title})", "CIFAR-10 (Krizhevsky 2009); no licence stated", "FE",
        Printed(1000, 1000, 10, seconds=(2450, 2422, 1823, 1680, 1769, 1749)), "#882255", "D",
        file="cifar10-jpeg-train.zip", sha256="e750e9c88700e00b0dd35be95e98b06dbe62470dca271809529cdcd9e6189f76",
        backbone=backbone,
    )
    for backbone, title in BACKBONES.items()
]  # fmt: skip
_DIABETES = DataSet("diabetes", "Diabetes", "Efron et al. 2004, shipped with scikit-learn (BSD-3-Clause)")

# Genre gives collins' class away, the other three are an identifier, a running number and a constant: 19 features are
# honest. "collins-23" is the table with all of them, as the paper counts.
_COLLINS = DataSet(
    "collins", "collins", "StatLib; non-commercial use", "ID", Printed(500, 23, 2), "#0072b2", "o",
    file="collins.csv", sha256="3e53d799dac6a9e6e4ccf92913500b1ae1f0b08aad058fef2bd6c0c7f482d03f",
    openml=(987, 160951.18), dropped=("Text", "Genre", "Counter", "Corpus"),
)  # fmt: skip
_FOURIER = DataSet(
    "mfeat-fourier", "mfeat-fourier", _UCI, "ID", Printed(2000, 77, 10), "#d55e00", "s",
    file="mfeat-fourier.csv", sha256="5289302225cb8ff48a2c71c6faa1bcd11ad771bf9fc24971077e6faca0ae0311",
    openml=(14, 20068.877),
)  # fmt: skip
_PLANTS = DataSet(
    "one-hundred-plants-shape", "one-hundred-plants-shape", _UCI, "ID", Printed(1600, 65, 100), "#117733", "^",
    file="one-hundred-plants-shape.csv", sha256="06a1457d15bd6d8eaf5358ce0d149d6b92b34fe8283ee7833d32b412068c0748",
    openml=(1492, 61.91976),
)  # fmt: skip
_QSAR = DataSet(
    "qsar-biodeg", "qsar-biodeg", _UCI, "ID", Printed(1055, 42, 2), "#882255", "D",
    file="qsar-biodeg.csv", sha256="66a191ca9aa5ff38ef0bb3c68a454affbe151786cc9f5b17c8f06f83b07c3688",
    openml=(1494, 116075.73),
)  # fmt: skip
_STEEL = DataSet(
    "steel-plates-fault", "steel-plates-fault", _UCI, "ID", Printed(1941, 28, 7), "#2aa198", "v",
    file="steel-plates-fault.csv", sha256="cbce73ed899041e0d70032fb2bafcb88ce84c5bee83c91a68688a67563b1770f",
    openml=(40982, 6818298760.1),
)  # fmt: skip
_WINE = DataSet(
    "wine-quality-red", "wine-quality-red", _UCI, "ID", Printed(1599, 12, 6), "#9a5fe0", "P",
    file="wine-quality-red.csv", sha256="7709a1d57b51a0309a4588c50ead53e1d123c30442562301a8b47737dc313f1e",
    openml=(40691, 143072.78),
)  # fmt: skip
_COLLINS_23 = replace(_COLLINS, name="collins-23", title="collins-23", dropped=(), ranked=("Text",), variant=True)

# In the order of the papers' reports; each paper's own are what `names` gives.
DATA_SETS = {
    entry.name: entry
    for entry in (
        _GLASS, _VEHICLE, _SEGMENT, *_CIFAR10, _DIABETES,
        _COLLINS, _FOURIER, _PLANTS, _QSAR, _STEEL, _WINE, _COLLINS_23,
    )
}  # fmt: skip


def names(paper: str | None = None) -> tuple[str, ...]:
    """The names of all data sets, or of those of one paper's experiments, in the order of reports."""
    return tuple(name for name, entry in DATA_SETS.items() if paper in (None, entry.paper))


def title(name: str) -> str:
    """A data set's title; the name itself where it is no entry, as of a table of your own."""
    return DATA_SETS[name].title if name in DATA_SETS else name
