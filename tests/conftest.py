"""Kernels that tests start find lib wherever the notebook lies, and sum in one thread, as chapters do in the book.

Properties that hypothesis tries have no deadline.
"""

import os
import signal
from pathlib import Path

import hypothesis

ROOT = Path(__file__).parents[1]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
os.environ["OMP_NUM_THREADS"] = "1"  # also lets two pytest workers share two cores
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a shell's background: tests' children must hear it
    signal.signal(signal.SIGINT, signal.default_int_handler)
hypothesis.settings.register_profile("project", deadline=None)  # a busy machine is no fault of a property
hypothesis.settings.load_profile("project")
