"""What happens to the grid: no finished run is lost or made twice, no half record is read, the next call goes on."""

import os
import signal

from tests.faults import ended, engine, project, read, starts, until


def test_kill_9_of_the_engine(tmp_path):
    """`kill -9` of the engine and of all that it had started, one of two runs being done.

    Seen: the next call finds the lock that was left, removes it, and makes the run that was not done. The other is not
    made again.
    """
    folder = project(tmp_path / "grid", a="", b="waits")
    first = engine(folder)
    until(lambda: (folder / "results" / "a.parquet").exists() and starts(folder, "b"))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    for pid in children_left(folder):
        os.kill(pid, signal.SIGKILL)
    assert read(folder) == ["a"]
    (folder / "go").touch()
    assert "1 runs made" in ended(engine(folder))
    assert read(folder) == ["a", "b"]
    assert (starts(folder, "a"), starts(folder, "b")) == (1, 2)


def test_an_engine_that_outlives_the_call(tmp_path):
    """`kill -9` of `make experiments` alone, so that the engine that it started goes on; then SIGTERM to a second one.

    Seen: while the engine of the first is at work, a new call says that the grid is running already, and no run is
    made twice. The one that was asked to end ends the engine and its runs with it, and the next call goes on.
    """
    folder = project(tmp_path / "grid", a="waits")
    first = engine(folder)
    until(lambda: starts(folder, "a"))
    first.kill()
    first.wait()
    assert "the grid is running already, in this folder" in ended(engine(folder))
    for pid in children_left(folder):
        os.kill(pid, signal.SIGKILL)
    second = engine(folder)
    until(lambda: starts(folder, "a") == 2)
    second.terminate()
    ended(second)
    until(lambda: not children_left(folder), seconds=30)
    (folder / "go").touch()
    assert "1 runs made" in ended(engine(folder))
    assert starts(folder, "a") == 3


def test_a_lost_connection(tmp_path):
    """The terminal in which `make experiments` was called is closed: SIGHUP, and nobody reads what it prints.

    Seen: it ends the engine and its runs, as Ctrl-C does, and the next call goes on. After `nohup` it works on.
    """
    folder = project(tmp_path / "grid", a="waits")
    first = engine(folder)
    until(lambda: starts(folder, "a"))
    first.stdout.close()
    first.send_signal(signal.SIGHUP)
    assert first.wait(60) == 130
    until(lambda: not children_left(folder), seconds=30)
    (folder / "go").touch()
    assert "1 runs made" in ended(engine(folder))
    assert starts(folder, "a") == 2


def children_left(folder):
    """Processes that work in that folder: Snakemake starts its jobs in sessions of their own."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd") == str(folder):
                found.append(int(pid))
        except OSError:
            continue
    return found


def test_two_engines_at_once(tmp_path):
    """`make experiments` called a second time while the first is at work.

    Seen: the second ends at once and says that the grid is running already; the first is not disturbed.
    """
    folder = project(tmp_path / "grid", a="waits")
    first = engine(folder)
    until(lambda: starts(folder, "a"))
    second = engine(folder)
    assert "the grid is running already, in this folder" in ended(second)
    assert second.returncode == 1
    (folder / "go").touch()
    assert "1 runs made" in ended(first)
    assert starts(folder, "a") == 1


def test_out_of_memory_and_a_failing_run(tmp_path):
    """Three runs: one whose process the system kills for want of memory, one that raises an error, and one more.

    Seen: a line for each of the first two, which names the cell and the likely cause or the error; their notebooks stay
    as `.failed.ipynb`; the third is made. The next call tries the two again.
    """
    folder = project(tmp_path / "grid", a="memory", b="raises", c="")
    out = ended(engine(folder))
    assert "small.py: cell 3: the kernel died, most often for want of memory (see runs/a.failed.ipynb)" in out
    assert "small.py: cell 3: ValueError: it cannot be done (see runs/b.failed.ipynb)" in out
    assert "1 runs made, 2 missing" in out
    assert read(folder) == ["c"]
    (folder / "go").touch()
    assert "1 runs made, 1 missing" in ended(engine(folder))
    assert read(folder) == ["a", "c"]
    assert starts(folder, "c") == 1
