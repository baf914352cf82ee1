"""Run a command on a GPU that no other such run holds: python -m workflow.gpu COMMAND...

The GPUs are those of CUDA_VISIBLE_DEVICES, else those that nvidia-smi lists. A lock on runs/gpu-N.lock is held as long
as the command runs, and ends with it however it ends.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path


def gpus() -> list[str]:
    """Numbers or names of this machine's GPUs. ValueError if there is none."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        found = [name.strip() for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name.strip()]
    elif shutil.which("nvidia-smi"):
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
        found = [str(n) for n, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]
    else:
        found = []
    if not found:
        raise ValueError("there is no GPU: nvidia-smi lists none, nor does CUDA_VISIBLE_DEVICES")
    return found


def take(names: list[str], folder: Path = Path("runs"), wait: float = 1.0) -> str:
    """One of them, locked until this process and what it becomes has ended; waits until one is free."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        for name in names:
            lock = os.open(folder / f"gpu-{name.replace('/', '-')}.lock", os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            os.set_inheritable(lock, True)
            return name
        time.sleep(wait)


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = take(gpus())
    os.execvp(sys.argv[1], sys.argv[1:])
