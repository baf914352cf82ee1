"""Values, tables and figures of a page by name, for its text to show."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from myst_nb import glue


def keep(prefix: str, values: Mapping) -> None:
    """Glue every value as `prefix-name` without showing it; a figure is closed, so that it is not shown twice."""
    for name, value in values.items():
        glue(f"{prefix}-{name}", value, display=False)
        if isinstance(value, Figure):
            plt.close(value)
