"""The catalogue: one entry says all of a data set, and says what is true of it."""

import pytest

from lib import data
from lib.data import catalogue, files
from lib.data.catalogue import DATA_SETS


def test_names_are_their_entries_and_each_paper_has_its_own():
    assert all(name == entry.name for name, entry in DATA_SETS.items())
    assert catalogue.names("FE")[:3] == ("glass", "vehicle", "segment")
    assert len(catalogue.names("ID")) == 7  # the paper's six, and collins with all its columns
    assert set(catalogue.names("FE") + catalogue.names("ID")) == set(catalogue.names()) - {"diabetes"}


def test_titles_are_the_papers_and_an_own_table_has_its_name():
    assert catalogue.title("glass") == "Glass"
    assert catalogue.title("cifar10-resnet18") == "CIFAR10 (ResNet-18)"
    assert catalogue.title("mine.csv") == "mine.csv"


def test_data_sets_look_different_and_networks_of_one_the_same():
    entries = [DATA_SETS[name] for name in catalogue.names("FE")]
    looks = {(entry.title.split(" (")[0], entry.colour, entry.marker) for entry in entries}
    assert [len(set(column)) for column in zip(*looks)] == [4, 4, 4]


@pytest.mark.parametrize("name", [name for name, entry in DATA_SETS.items() if entry.file and not entry.backbone])
def test_what_the_paper_prints_is_what_the_table_has_but_for_what_we_say(name):
    """FE prints 946 rows of Vehicle and nine features of Segment; ID counts the class as a feature of most tables."""
    entry = DATA_SETS[name]
    if not files.place(entry).is_file():
        pytest.skip("DATA_DIR has no such file")
    table, printed = data.load(name), entry.printed
    rows = {"vehicle": 100}.get(name, 0)
    features = {"segment": -10, "collins": 4, "collins-23": 0}.get(name, 0 if entry.paper == "FE" else 1)
    assert (printed.rows - rows, printed.features - features, printed.classes) == (*table.x.shape, table.C)
    assert len(printed.seconds) in (0, 6)
