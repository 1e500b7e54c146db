"""A Slurm of one node on this machine, for the tests; it takes root and Debian's packages.

python tests/cluster/slurm.py install      slurm-wlm and munge, if they are not there
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobRequeue=1
SlurmdTimeout=15
ReturnToService=2
SchedulerParameters=batch_sched_delay=1,sched_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory_mb} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def path_of(program: str) -> str | None:
    """Where a program is; daemons lie where users do not look."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def missing() -> str:
    """Why no Slurm can be started here; empty where one can."""
    if os.geteuid():
        return "only root may start Slurm"
    absent = [program for program in PROGRAMS if not path_of(program)]
    return f"{', '.join(absent)} not installed (make test-cluster installs them)" if absent else ""


class Slurm:
    """Starts munged, slurmctld and slurmd; use as a context.

    Args:
        folder: for configuration, state and logs.
    """

    def __init__(self, folder: Path):
        self.folder, self._started = folder, list[subprocess.Popen]()
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}

    def __enter__(self) -> Slurm:
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        ports = [_free_port(), _free_port()]
        text = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            folder=self.folder,
            port=ports[0],
            node_port=ports[1],
            cores=os.cpu_count(),
            memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 500,
        )
        (self.folder / "slurm.conf").write_text(text)
        run = Path("/run/munge")
        run.mkdir(exist_ok=True)
        shutil.chown(run, "munge", "munge")
        if subprocess.run(["munge", "-n"], capture_output=True).returncode:
            subprocess.run(
                ["runuser", "-u", "munge", "--", str(path_of("munged")), "--force"], check=True
            )
        self._start("slurmctld", "-D")
        self.start_node()
        wait_for(lambda: "idle" in self.ask("sinfo", "-h", "-o", "%T"), 60, self.logs)
        return self

    def __exit__(self, *exception: object) -> None:
        subprocess.run(["scancel", "--user", "root"], env=self.environment, capture_output=True)
        for daemon in reversed(self._started):
            daemon.kill()
            daemon.wait()

    def start_node(self) -> None:
        """Start slurmd."""
        self._start("slurmd", "-D")

    def kill_node(self) -> None:
        """Kill slurmd and what it runs, as a node that loses its power."""
        node = self._started.pop()
        node.kill()
        node.wait()
        subprocess.run(["pkill", "-9", "slurmstepd"], capture_output=True)

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True
        ).stdout.strip()

    def logs(self) -> str:
        """The ends of the daemons' logs."""
        logs = (self.folder / f"{name}.log" for name in ("slurmctld", "slurmd"))
        return "\n".join(log.read_text()[-1500:] for log in logs if log.exists())

    def _start(self, program: str, *options: str) -> None:
        log = (self.folder / f"{program}.out").open("ab")
        command = [str(path_of(program)), *options]
        self._started.append(
            subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        )


def wait_for(
    condition: Callable[[], object], limit_s: float, explain: Callable[[], str] = str
) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(explain())
        time.sleep(0.5)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def install() -> None:
    """Install Slurm by apt where it is missing and this is root."""
    if os.geteuid() or not shutil.which("apt-get") or not missing():
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "slurm-wlm", "munge"]):
        subprocess.run(["apt-get", *command], env=environment, check=False)


if __name__ == "__main__" and sys.argv[1:] == ["install"]:
    install()
