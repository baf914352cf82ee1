"""What is measured: a row each, with its names on the pages, which side is better, and where it is computed."""

from typing import NamedTuple


class Measure(NamedTuple):
    """One column of results. key: in the records (deletion is read as 1 - deletion)."""

    key: str
    label: str
    short: str  # as narrow tables head it
    direction: str  # which is better; empty where neither is
    where: str  # the function that computes it


MEASURES = {
    row.key: row
    for row in (
        Measure("accuracy", "accuracy", "accuracy", "higher", "lib.metrics.accuracy"),
        Measure("faithfulness", "faithfulness", "faithful", "higher", "lib.metrics.faithfulness"),
        Measure("accuracy_h", "accuracy of h", "acc. of h", "higher", "lib.metrics.accuracy"),
        Measure("ties", "ties of h", "ties", "lower", "lib.examples"),
        Measure("examples", "distinct examples", "examples", "lower", "lib.examples.distinct"),
        Measure("accuracy_new", "accuracy, new rows", "new rows", "higher", "lib.data.new_rows"),
        Measure("faithfulness_new", "faithfulness, new rows", "new rows", "higher", "lib.data.new_rows"),
        Measure("neighbours", "neighbours' vote as explanation", "votes", "higher", "lib.examples.neighbours"),
        Measure("insertion", "insertion", "insertion", "higher", "lib.metrics.curves"),
        Measure("1 − deletion", "1 − deletion", "1 − del.", "higher", "lib.metrics.curves"),
        Measure("sensitivity", "sensitivity-4", "sens.-4", "higher", "lib.metrics.sensitivity_n"),
        Measure("masked", "accuracy, masked", "masked", "higher", "lib.metrics.masked_accuracy"),
        Measure(
            "calibration_error", "calibration error", "calibr.", "lower", "lib.training.measuring.calibration_error"
        ),
        Measure("contributions", "mean |ϕ|", "|ϕ|", "", "lib.explainers"),
    )
}


def labels(*keys: str) -> dict[str, str]:
    """The labels of some measures, or of all, by key."""
    return {key: MEASURES[key].label for key in keys or MEASURES}
