"""A Slurm of two nodes on this machine, for the tests; it takes root and Debian's packages.

Each node is a slurmd of its own, with a home folder of its own.


python tests/cluster/slurm.py install      slurm-wlm and munge, if they are not there
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
NODES = ("one", "two")
# Where srun looks within a job, whose SLURM_CONF Snakemake's executor takes away.
SYSTEM = Path("/etc/slurm/slurm.conf")
PROLOG = """#!/bin/sh
echo "export HOME={folder}/home-$SLURMD_NODENAME"
"""
CONFIGURATION = r"""
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
AuthType=auth/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SwitchType=switch/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={folder}/prolog
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobRequeue=1
SlurmdTimeout=15
ReturnToService=2
SchedulerParameters=batch_sched_delay=1,sched_interval=2
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port={node_ports} \
    CPUs={cores} RealMemory={memory_mb} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def path_of(program: str) -> str | None:
    """Where a program is; daemons lie where users do not look."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def missing() -> str:
    """Why no Slurm can be started here; empty where one can."""
    if os.geteuid():
        return "only root may start Slurm"
    if SYSTEM.exists():
        return f"this machine has a Slurm of its own ({SYSTEM})"
    absent = [program for program in PROGRAMS if not path_of(program)]
    return f"{', '.join(absent)} not installed (make test-cluster installs them)" if absent else ""


class Slurm:
    """Starts munged, slurmctld and a slurmd for each node; use as a context.

    Args:
        folder: for configuration, state, logs and the nodes' homes.
    """

    def __init__(self, folder: Path):
        self.folder, self._started = folder, dict[str, subprocess.Popen]()
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf")}

    def __enter__(self) -> Slurm:
        self._write()
        start_munge()
        self._start("slurmctld", "slurmctld")
        for node in NODES:
            self.start_node(node)
        wait_for(lambda: self.idle() == len(NODES), 60, self.logs)
        return self

    def __exit__(self, *exception: object) -> None:
        subprocess.run(["scancel", "--user", "root"], env=self.environment, capture_output=True)
        for daemon in reversed(self._started.values()):
            daemon.kill()
            daemon.wait()
        SYSTEM.unlink(missing_ok=True)

    def idle(self) -> int:
        """How many nodes wait for work."""
        return self.ask("sinfo", "-h", "-N", "-o", "%T").split().count("idle")

    def start_node(self, node: str) -> None:
        """Start a slurmd."""
        self._start(node, "slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill a slurmd and what it runs, as a node that loses its power."""
        lost = self._started.pop(node)
        lost.kill()
        lost.wait()
        for job in self.running(node):
            subprocess.run(["pkill", "-9", "--full", rf"slurmstepd: \[{job}\."], check=False)

    def running(self, node: str | None = None) -> list[str]:
        """The jobs that run, on a node or anywhere."""
        where = [] if node is None else ["--nodelist", node]
        return self.ask("squeue", "-h", "-t", "R", "-o", "%i", *where).split()

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True
        ).stdout.strip()

    def logs(self) -> str:
        """The ends of the daemons' logs."""
        return "\n".join(log.read_text()[-1500:] for log in self.folder.glob("*.log"))

    def _write(self) -> None:
        """The configuration, and the folders it names."""
        for name in ("state", *(f"{kind}-{node}" for kind in ("spool", "home") for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        prolog = self.folder / "prolog"
        prolog.write_text(PROLOG.format(folder=self.folder))
        prolog.chmod(0o755)
        memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        text = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0],
            folder=self.folder,
            port=_free_port(),
            nodes=",".join(NODES),
            node_ports=",".join(str(_free_port()) for _ in NODES),
            cores=max(1, (os.cpu_count() or 1) // len(NODES)),
            memory_mb=memory_mb - 500,  # of each, as if they were two machines
        )
        (self.folder / "slurm.conf").write_text(text)
        SYSTEM.parent.mkdir(exist_ok=True)
        SYSTEM.unlink(missing_ok=True)  # of a test that was killed: it leads nowhere
        SYSTEM.symlink_to(self.folder / "slurm.conf")

    def _start(self, name: str, program: str, *options: str) -> None:
        log = (self.folder / f"{name}.out").open("ab")
        command = [str(path_of(program)), "-D", *options]
        self._started[name] = subprocess.Popen(
            command, env=self.environment, stdout=log, stderr=log
        )


def start_munge() -> None:
    """Start munged, unless one is at work."""
    run = Path("/run/munge")
    run.mkdir(exist_ok=True)
    shutil.chown(run, "munge", "munge")
    if subprocess.run(["munge", "-n"], capture_output=True).returncode:
        daemon = ["runuser", "-u", "munge", "--", str(path_of("munged")), "--force"]
        subprocess.run(daemon, check=True)


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
    apt = ["apt-get", "-o", "Acquire::http::Timeout=30", "-o", "Acquire::Retries=1"]
    for command in (["update", "-qq"], ["install", "-y", "-qq", "slurm-wlm", "munge"]):
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run([*apt, *command], env=environment, check=False, timeout=300)


if __name__ == "__main__" and sys.argv[1:] == ["install"]:
    install()
