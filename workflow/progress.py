"""What a person wants to read of a grid at work: runs done, running and failed, and the time that is left."""

import re
import time
from collections.abc import Sequence

from lib.study.grid import Run

EVENT = re.compile(
    r"^(?:local)?(rule) run_(\d+):|^(Finished) jobid: \d+ \(Rule: run_(\d+)\)|^(Error) in rule run_(\d+):"
)
REASON = re.compile(r"^\S+\.py: ")  # what lib.run says of a run that failed, in one line
WORDS = {"rule": "started", "Finished": "done", "Error": "failed"}


class Progress:
    """Follows the engine's output line by line. runs: those of the grid by their rules' numbers. wanted: to be made."""

    def __init__(self, runs: Sequence[Run], wanted: Sequence[str], *, cores: int, device: str):
        self.runs, self.wanted, self.cores = runs, wanted, cores
        self.lacking = {run.out: run.left(device) for run in runs if run.out in set(wanted)}  # minutes
        self.state = dict.fromkeys(wanted, "waiting")
        self.stopping = False  # whether runs are being stopped: they have not failed, and resume

    def line(self, text: str) -> str | None:
        """What is to be shown for one line of the engine's; nothing for most."""
        if REASON.match(text):
            return text.rstrip()
        if not (found := EVENT.match(text)):
            return None
        word, number = (part for part in found.groups() if part)
        out = self.runs[int(number)].out
        self.state[out] = "stopped" if self.stopping and word == "Error" else WORDS[word]
        return f"{time.strftime('%H:%M')} {self.state[out]:<8}{out:<60} {self}"

    def left(self) -> float:
        """Minutes until all is done, from the costs in the grid of what was missing; a run at work counts half."""
        share = {"waiting": 1.0, "stopped": 1.0, "started": 0.5}
        return sum(share.get(state, 0.0) * self.lacking[out] for out, state in self.state.items()) / self.cores

    def __str__(self) -> str:
        count = {word: list(self.state.values()).count(word) for word in WORDS.values()}
        minutes = self.left()
        left = f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:.0f} min"
        return (f"{count['done']} of {len(self.wanted)} done, {count['started']} running, {count['failed']} failed, "
                f"about {left} left")  # fmt: skip
