"""`make experiments`: which runs of workflow/grid.yaml are missing, their cost, and as many of them as the time allows.

    make experiments                             # all that is missing, two at a time; call it again after a stop
    make experiments DRY=1                       # what that would be, and what it costs
    make experiments ONLY="id collins" BUDGET=2h # those whose grid and file contain all these words, for two hours
    make experiments CORES=10 CONFIG="device=cuda mixed=yes"
    make experiments PROFILE=slurm               # as jobs of Slurm; or local-gpu: one run on each GPU
    make experiments ONLY=images-paper CLOSED=yes PROFILE=slurm # what the grid lists and does not start by itself, too

CONFIG says how the runs compute; what they compute stands in workflow/grid.yaml, and what it costs. After BUDGET no run
is started and those in progress are stopped: they resume from their checkpoints at the next call. All that the engine
says is in runs/engine.log, what a run took in seconds and memory beside its notebook in runs.
"""

import argparse
import contextlib
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import yaml

from lib import writing
from lib.study import grid
from workflow.gpu import gpus
from workflow.progress import Progress

LOG = Path("runs/engine.log")  # of the engine's own hand, so that it works on whether anybody reads it or not
PROFILES = Path(__file__).parent / "profiles"
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
SECONDS = {"s": 1, "m": 60, "h": 3600}
# what CONFIG sets, and what it takes: nothing that changes what is computed, since a run's file would count as made
HOW = {
    "device": (r"cpu|cuda(:\d+)?", "cpu, cuda or cuda:1"),
    "mixed": ("yes|no|auto", "yes, no or auto"),
    "tf32": ("true|false", "true or false"),
    "threads": (r"[1-9]\d*", "a whole number of at least 1"),
    "budget": (r"\d+", "whole seconds"),
}


def seconds(budget: str) -> float:
    """10m, 1h30m or 45s in seconds; ValueError otherwise."""
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", budget)
    if not parts or not (found := sum(int(n or 0) * SECONDS[unit] for n, unit in zip(parts.groups(), "hms"))):
        raise ValueError(f"BUDGET must be a time such as 10m, 1h30m or 45s, got {budget!r}")
    return found


def checked(config: list[str]) -> dict[str, str]:
    """CONFIG's words as names and values; ValueError unless each sets one of `HOW`, once, to what it takes."""
    given = {}
    for word in config:
        name, _, value = word.partition("=")
        if name not in HOW:
            raise ValueError(f"CONFIG sets {', '.join(HOW)}, got {word!r}: what runs compute is for workflow/grid.yaml")
        pattern, takes = HOW[name]
        if not re.fullmatch(pattern, value):
            raise ValueError(f"CONFIG: {name} must be {takes}, got {value!r}")
        if name in given:
            raise ValueError(f"CONFIG must set {name} once, got {given[name]!r} and {value!r}")
        given[name] = value
    return given


def named(only: str) -> list[grid.Run]:
    """The runs whose grid and file contain all words of `only`; ValueError if there is none."""
    runs = grid.read()
    found = [run for run in runs if all(word in f"{run.grid} {run.out}" for word in only.split())]
    if not found:
        raise ValueError(
            f"ONLY must name a run of workflow/grid.yaml, of {sorted({run.grid for run in runs})}, got {only!r}"
        )
    return found


def missing(only: str, closed: bool = False) -> list[tuple[grid.Run, str]]:
    """The runs to make and why, in order: those named, and those whose networks they start from.

    closed: also those that the grid says not to start.
    """
    runs = {run.out: run for run in grid.read()}
    stale = {out: why for out, run in runs.items() if (closed or not run.closed) and (why := run.stale())}
    wanted = {run.out for run in named(only)} & stale.keys()
    wanted |= {runs[out].after for out in wanted} & stale.keys()
    return [(run, stale[out]) for out, run in runs.items() if out in wanted]


def startable(found: list[tuple[grid.Run, str]]) -> list[tuple[grid.Run, str]]:
    """Those whose network to start from is there or made before them; of the others, a line says how to get it."""
    runs, making, lacking = {run.out: run for run in grid.read()}, {run.out for run, _ in found}, {}
    for run, _ in found:
        start = run.given.get("start")
        if start and run.after not in making and not Path(str(start)).exists():
            lacking.setdefault((start, run.after), []).append(run.out)
    for (start, after), outs in lacking.items():
        how = "book/grids.md says where it is from"
        if after:
            how = "make it again by " + shlex.join(["python", *runs[after].command()[1:]])
        print(f"{start} is not there, from which {len(outs)} of the missing runs start: {how}")
    left_out = {out for outs in lacking.values() for out in outs}
    return [(run, why) for run, why in found if run.out not in left_out]


def tell_closed(only: str) -> None:
    """A line for each reason for which missing runs are not started."""
    reasons = [run.closed for run in named(only) if run.closed and run.stale()]
    for reason in dict.fromkeys(reasons):
        print(f"{reasons.count(reason)} runs are started by CLOSED=yes alone: {reason}")


def ends(runs: list[grid.Run], cores: int, device: str, minutes: float = math.inf) -> list[float]:
    """When each run is expected to end, `cores` at a time in order, for those that start within `minutes`."""
    free, done = [0.0] * cores, []
    for run in runs:
        start = min(free)
        if start >= minutes:
            break
        free[free.index(start)] = start + run.left(device)
        done.append(start + run.left(device))
    return done


def report(found: list[tuple[grid.Run, str]], cores: int, device: str, minutes: float) -> None:
    """What is missing, line by line, with its cost and when it would be done."""
    done = ends([run for run, _ in found], cores, device, minutes)
    for place, (run, why) in enumerate(found):
        end = "not started" if place >= len(done) else "resumes later" if done[place] > minutes else clock(done[place])
        guess = " (CPU)" if device != "cpu" and run.gpu_minutes is None else ""
        print(f"{run.out:<70} {why:<10} {clock(run.left(device)) + guess:>14} {end:>14}")
    total = clock(sum(run.left(device) for run, _ in found))
    print(f"{len(found)} runs to make, {total} one by one, {cores} at a time; at the right, when each is done")


def clock(minutes: float) -> str:
    """Minutes as a person says them."""
    return f"{minutes / 60:.1f} h" if minutes >= 90 else f"{minutes:.1f} min" if minutes < 10 else f"{minutes:.0f} min"


def set_aside(found: list[tuple[grid.Run, str]]) -> None:
    """Rename files of records that cannot be read: no run replaces what it did not write, and no page reads them."""
    for path in (Path(run.out) for run, why in found if why == grid.DAMAGED):
        path.rename(path.with_name(f"{path.name}.damaged"))
        print(f"{path} cannot be read: kept as {path.name}.damaged, and made again")


def start(
    outs: list[str], cores: int, config: dict[str, str], *, limit: float | None, lock: int, profile: str = ""
) -> int:
    """Make the files through Snakemake, for `limit` seconds; its exit code, 0 where the time ended it.

    lock: of `alone`. The engine holds it too, so that one that outlives this process is not joined by a second.
    """
    Path("runs/config.json").write_text(
        json.dumps(config | {"making": outs})
    )  # as its words, Snakemake refuses names of one letter
    common = [SNAKEMAKE, "--snakefile", "workflow/experiments.smk", "--configfile", "runs/config.json"]
    options = ["--keep-going", "--scheduler", "greedy", "--rerun-incomplete", "--force"]
    # a job of Slurm counts as one of --jobs there, whatever its cores
    threads = int(config.get("threads", 1))  # of each of `cores` runs
    options += ["--profile", str(PROFILES / profile)] if profile == "slurm" else ["--cores", str(cores * threads)]
    subprocess.run([*common, "--unlock", "--quiet", "all"], check=False)  # a killed one left its lock; ours suffices
    command = [*common, *options, "--", *outs]
    with LOG.open("w") as log:
        engine = subprocess.Popen(
            command, start_new_session=True, pass_fds=[lock], stdout=log, stderr=subprocess.STDOUT
        )
    progress = Progress(grid.read(), outs, cores=cores, device=config.get("device", "cpu"))
    reader = threading.Thread(target=follow, args=(engine, progress), daemon=True)
    reader.start()
    try:
        return engine.wait(limit)
    except subprocess.TimeoutExpired:
        progress.stopping = True
        stop(engine)
        say("stopped, as the time is over")
        return 0
    except KeyboardInterrupt:
        progress.stopping = True
        stop(engine)
        return 130
    finally:
        reader.join(10)


def follow(engine: subprocess.Popen, progress: Progress) -> None:
    """Show what a person wants to read of what the engine says, until it has ended."""
    with LOG.open(errors="replace") as log:
        ended, rest = False, ""
        while not ended:
            ended = engine.poll() is not None
            *lines, rest = (rest + log.read()).split("\n")
            for line in lines:
                if shown := progress.line(line):
                    say(shown)
            time.sleep(0.2)


def say(text: str) -> None:
    """Print it, if anybody still reads: the runs do not depend on it."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def profiled(profile: str, cores: int, config: dict[str, str]) -> tuple[int, dict[str, str]]:
    """How many runs at a time, and the parameters, with those of the profile. ValueError if there is none such."""
    if not profile:
        return cores, config
    known = sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))
    if profile not in known:
        raise ValueError(f"PROFILE must be one of {', '.join(known)}, got {profile!r}")
    settings = yaml.safe_load((PROFILES / profile / "config.yaml").read_text())
    config = settings.get("config", {}) | config
    if profile == "local-gpu":
        return len(gpus()), config | {"gpus": "true"}
    return settings["jobs"], config


def stop(engine: subprocess.Popen, patience: float = 60) -> None:
    """End Snakemake and all that it started: first as a person would, then for good."""
    os.killpg(engine.pid, signal.SIGINT)
    try:
        engine.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(engine.pid, signal.SIGKILL)
        engine.wait()


def alone() -> IO:
    """Hold runs/lock, so that two calls do not make the same records; ValueError if another holds it."""
    return writing.held(Path("runs/lock"), "the grid is running already, in this folder")


def listen() -> None:
    """Ctrl-C, a cluster's end and a lost terminal stop the grid in the same way; nohup's call outlives its terminal.

    A shell's background job ignores the first, which ours must hear.
    """
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if asked != signal.SIGHUP or signal.getsignal(asked) != signal.SIG_IGN:
            signal.signal(asked, signal.default_int_handler)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run what is missing of the grid.")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--budget", default="")
    parser.add_argument("--config", default="")
    parser.add_argument("--profile", default="")
    parser.add_argument("--closed", choices=["", "no", "yes"], default="")
    parser.add_argument("--dry", action="store_true")
    given = parser.parse_args(words)
    try:
        limit = seconds(given.budget) if given.budget else None
        if given.cores < 1:
            raise ValueError(f"CORES must be at least 1, got {given.cores}")
        cores, config = profiled(given.profile, given.cores, checked(given.config.split()))
        device = config.get("device", "cpu")
        closed = given.closed == "yes"
        found = startable(missing(given.only, closed))
        if not closed:
            tell_closed(given.only)
        report(found, cores, device, limit / 60 if limit else math.inf)
        if given.dry or not found:
            return 0
        listen()
        with alone() as lock:
            set_aside(found)
            outs = [run.out for run, _ in found]
            code = start(outs, cores, config, limit=limit, lock=lock.fileno(), profile=given.profile)
    except (ValueError, OSError) as error:
        print(f"make experiments: {error}", file=sys.stderr)
        return 1
    left = {run.out for run, _ in missing(given.only, closed)}
    again = f", {len(left)} missing: call it again to go on (what the engine says is in runs/engine.log)"
    say(f"{sum(run.out not in left for run, _ in found)} runs made{again if left else ''}")
    return code


if __name__ == "__main__":
    sys.exit(main())
