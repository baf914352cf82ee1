"""A progress bar that is cheap in a notebook: whoever shows the page redraws it for every line that is written."""

from tqdm import tqdm

SECONDS = 1.0  # between two lines


class Bar(tqdm):
    """Steps done of a total, and how the training stands; written at most once in `SECONDS`."""

    def __init__(self, total: int, *, initial: int, label: str, unit: str, shown: bool):
        options = {"total": total, "initial": initial, "desc": label, "unit": unit, "disable": not shown}
        super().__init__(**options, mininterval=SECONDS, miniters=1)

    def advance(self, steps: int, **standing: object) -> None:
        """So many steps more; standing: what to show behind the bar from now on."""
        if standing:
            self.set_postfix(standing, refresh=False)
        self.update(steps)
