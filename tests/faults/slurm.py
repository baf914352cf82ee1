"""A Slurm of one node on this machine, started as root without systemd: Debian's slurm-wlm and munge."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

CONF = Path("/etc/slurm/slurm.conf")  # the executor's inner srun looks nowhere else
WORDS = """ClusterName=one
SlurmctldHost={host}
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/d.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdLogFile={folder}/d.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=10
OverTimeLimit=0
MinJobAge=300
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why there can be no Slurm here; nothing if there can."""
    if os.getuid():
        return "it takes root"
    programs = [name for name in ("munged", "slurmctld", "slurmd", "sbatch", "setpriv") if not shutil.which(name)]
    return f"there is no {', '.join(programs)}: apt-get install slurm-wlm munge" if programs else ""


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[None]:
    """Slurm is up inside, and gone with its configuration afterwards. An older configuration is put back."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    host, before = socket.gethostname().split(".")[0], CONF.read_text() if CONF.exists() else None
    CONF.parent.mkdir(parents=True, exist_ok=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    CONF.write_text(WORDS.format(host=host, folder=folder, cores=os.cpu_count(), memory=memory))
    Path("/run/munge").mkdir(exist_ok=True)
    shutil.chown("/run/munge", "munge", "munge")
    started = []
    munged = ["setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged", "--foreground"]
    try:
        for words in (munged, ["slurmctld", "-D"], ["slurmd", "-D"]):
            started.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            time.sleep(2)
        end = time.monotonic() + 60
        while "idle" not in subprocess.run(["sinfo", "-h", "-o", "%t"], capture_output=True, text=True).stdout:
            if time.monotonic() > end:
                raise RuntimeError((folder / "ctld.log").read_text()[-2000:])
            time.sleep(0.5)
        yield
    finally:
        subprocess.run(["scancel", "--user=root"], check=False)
        for process in reversed(started):
            process.terminate()
            process.wait(30)
        CONF.unlink()
        if before is not None:
            CONF.write_text(before)


def jobs() -> str:
    """What is in the queue."""
    return subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True).stdout
