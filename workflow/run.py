"""What `make run` calls: Snakemake with the local profile, one run at a time.

Plain `snakemake --configfile config/demo.yaml --cores all` makes the same.
"""

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import watch
import yaml
from finish import ROOT, AnyRun, finish, merged, planned, snakemake_command

from neuronio.config import RunConfig
from neuronio.errors import NeuronIOError
from neuronio.files import lock_file, write_atomic
from neuronio.made import RUN_LOCK

CHANGES = Path(".snakemake") / "changes.yaml"
STOPPED = "Stopped; the same command goes on from here."
# Where what Snakemake says goes past us.
ENDED = "Errors above are those of the jobs that were ended with it."
FULL = "the disk of {} is full; free some space and run again: what is finished is kept"
# With less nothing can be made: Snakemake's log and a small job take some of it.
LEAST_FREE_BYTES = 16_000_000
PROFILE = ROOT / "workflow" / "profiles" / "local"
LARGEST_SCALE = 100_000
SLURM_PLUGIN = "snakemake_executor_plugin_slurm"
# Alone, or among Snakemake's other letters without a value: -n, -np, ...
DRY = re.compile(r"-[npqrkFfi]*n[npqrkFfi]*|--dry-?run")


def main() -> int:
    """Run the workflow; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.error = refuse  # type: ignore[method-assign]
    parser.add_argument("--configfile", type=Path, required=True)
    parser.add_argument("--cores", default="all")
    parser.add_argument("--directory", "-d", type=Path, default=Path("."))
    parser.add_argument("--scale", type=scale, help="of the data, for dataset.scale or scale")
    parser.add_argument("--cost", action="store_true", help="say beforehand what it will cost")
    lock = None
    try:
        given, rest = parser.parse_known_args()
        refuse_config(rest)
        refuse_options(rest)
        refuse_cores(given.cores)
        changes = scaled(merged([given.configfile]), given.scale)
        if is_dry(rest):
            return dry_run(given, changes, rest)
        plain = snakemake_command([given.configfile], given.directory)
        lock = take_lock(given.directory / RUN_LOCK, plain)
        run, command = asked(given, changes)  # now that no other run reads what this writes
    except NeuronIOError as error:
        print(f"error: {error}", file=sys.stderr)
        if lock:
            lock.truncate(0)
        return 1
    (given.directory / watch.JOBS).unlink(missing_ok=True)  # those of an earlier run
    if given.cost and tell_cost(given) == watch.NO_DATA:
        lock.truncate(0)
        return watch.NO_DATA
    code = snakemake(command, given, rest, lock)
    if not code:
        code = finish(command, run, given.directory)
    elif is_full(given.directory):
        print(f"error: {FULL.format(given.directory.resolve())}", file=sys.stderr)
    elif missing := failed(run, given.directory):
        without = {**changes, "leave_out": [*run.leave_out, *missing]}
        try:
            draw_without(missing, *asked(given, without), given, rest, lock)
            keep_begun(run, given.directory)
        except NeuronIOError as error:
            print(f"error: {error}", file=sys.stderr)
    lock.truncate(0)
    return code


def is_dry(rest: list[str]) -> bool:
    """Whether Snakemake is to say alone what it would make."""
    return any(map(DRY.fullmatch, rest))


def refuse(message: str) -> NoReturn:
    """Tell a mistake on the command line in one sentence, in place of the usage.

    Raises:
        NeuronIOError: always.
    """
    raise NeuronIOError(f"{message}; see .venv/bin/snakemake --help")


def scale(text: str) -> float:
    """How many times the data are wanted.

    Raises:
        NeuronIOError: it is no number.
    """
    try:
        return float(text)
    except ValueError:
        raise NeuronIOError(f"the scale is {text!r}; give a number above 0, such as 0.01") from None


def refuse_options(rest: list[str]) -> None:
    """Refuse options that Snakemake does not know, before anything is computed.

    Raises:
        NeuronIOError: there is one.
    """
    named = (Path(option.rpartition("=")[2]).name for option in rest)
    if "slurm" in named and not find_spec(SLURM_PLUGIN):  # our profile, or the executor
        raise NeuronIOError(
            "Snakemake's plugin for Slurm is not installed; run "
            ".venv/bin/pip install --editable '.[slurm]'"
        )
    if rest:
        from snakemake.cli import get_argument_parser
        from snakemake.exceptions import CliException

        parser = get_argument_parser()
        parser.error, parser.allow_abbrev = refuse, False
        try:
            parser.parse_args(rest)
        except (CliException, ValueError) as error:
            refuse(" ".join(str(error).split()))


def refuse_config(rest: list[str]) -> None:
    """Refuse what would change the configuration behind our back.

    Raises:
        NeuronIOError: it is there.
    """
    for option in rest:
        if option == "--config" or option.startswith(("--config=", "--configfiles", "-C")):
            raise NeuronIOError(
                f"{option} is not taken here: change the key in a copy of the configuration, and "
                "name that"
            )


def refuse_cores(cores: str) -> None:
    """Refuse what is no number of cores.

    Raises:
        NeuronIOError: it is none.
    """
    if cores != "all" and not (cores.isdecimal() and int(cores)):
        raise NeuronIOError(f"the number of cores is {cores[:40]!r}; give 1 or more, or 'all'")


def scaled(run: AnyRun, scale: float | None) -> dict[str, Any]:
    """What changes a configuration to another scale; nothing without one.

    Its results have a folder of their own, as those of a study: none is replaced by a smaller one.

    Raises:
        NeuronIOError: it is no scale.
    """
    if scale is None:
        return {}
    if not 0 < scale <= LARGEST_SCALE:
        raise NeuronIOError(f"the scale is {scale:g}; give a number above 0, such as 0.1")
    name = {"name": f"{run.name}-{scale:g}"}
    is_neuron = isinstance(run, RunConfig)
    return name | ({"dataset": {"scale": scale}} if is_neuron else {"scale": scale})


def asked(
    given: argparse.Namespace, changes: dict[str, Any], to: Path = CHANGES
) -> tuple[AnyRun, list[str]]:
    """The configuration with changes made to it, and Snakemake's command for it.

    Raises:
        NeuronIOError: it is wrong, or the disk refuses.
    """
    files, path = [given.configfile], given.directory / to
    if changes:
        write_atomic(path, yaml.safe_dump(changes).encode())
        files.append(path)
    elif path.exists():
        path.unlink()
    return merged(files), snakemake_command(files, given.directory)


def snakemake(
    command: list[str], given: argparse.Namespace, rest: list[str], lock: BinaryIO | None = None
) -> int:
    """Run Snakemake, and show how far it is."""
    live = {"NEURONIO_PROGRESS": "logs"} if sys.stderr.isatty() else {}
    return watch.call(
        [*command, "--cores", given.cores, "--profile", str(PROFILE), *status_command(rest), *rest],
        # Without a lock it is a dry run, and what the jobs of another do is not its own.
        watch.Watch.of(given.directory) if lock else watch.Watch((), 0.0),
        pass_fds=[lock.fileno()] if lock else [],
        # This process does what onsuccess does.
        env={**os.environ, **live, "NEURONIO_FINISH": "later"},
    )


def status_command(rest: list[str]) -> list[str]:
    """How Slurm is asked of jobs, unless that is said: by sacct where it keeps accounts of them."""
    if not any("slurm" in option for option in rest) or any(
        option.partition("=")[0] == "--slurm-status-command" for option in rest
    ):
        return []
    try:
        accounts = subprocess.run(["sacct", "--noheader"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return ["--slurm-status-command", "squeue"] if accounts.returncode else []


def dry_run(given: argparse.Namespace, changes: dict[str, Any], rest: list[str]) -> int:
    """Show what would be made, beside a run at work too; returns the exit code.

    Raises:
        NeuronIOError: the configuration is wrong, or the disk refuses.
    """
    own = CHANGES.with_name(f"changes-dry-run-{os.getpid()}.yaml")
    try:
        return snakemake(asked(given, changes, own)[1], given, [*rest, "--nolock"])
    finally:
        with contextlib.suppress(OSError):
            (given.directory / own).unlink()


def tell_cost(given: argparse.Namespace) -> int:
    """Print what the run will cost, from a trial run in a process of its own; its exit code."""
    changes = given.directory / CHANGES
    files = [given.configfile, *([changes] if changes.exists() else [])]
    command = [sys.executable, str(ROOT / "workflow" / "cost.py")]
    command += ["--directory", str(given.directory), "--cores", given.cores]
    return subprocess.call([*command, "--configfile", *map(str, files)])


def is_full(folder: Path) -> bool:
    """Whether too little is free on a folder's disk for a run."""
    return shutil.disk_usage(folder).free < LEAST_FREE_BYTES


def refuse_full(folder: Path) -> None:
    """Refuse a run where nothing can be written.

    Raises:
        NeuronIOError: the disk is full.
    """
    if is_full(folder):
        raise NeuronIOError(FULL.format(folder.resolve()))


def draw_without(
    missing: list[str],
    run: AnyRun,
    command: list[str],
    given: argparse.Namespace,
    rest: list[str],
    lock: BinaryIO,
) -> None:
    """Draw the figures of what is there; the report tells what failed from what is left out."""
    from page import Failed

    named = [Failed(name) if name in missing else name for name in run.leave_out]
    run = run.model_copy(update={"leave_out": named})
    print(f"Drawing the figures without {', '.join(missing)}", flush=True)
    if not snakemake(command, given, rest, lock) and not finish(command, run, given.directory):
        print(
            f"error: the figures lack {', '.join(missing)}, which failed (see above); run again to "
            "make them",
            file=sys.stderr,
        )


def keep_begun(run: AnyRun, folder: Path) -> None:
    """Mark what failed as in use again, so that `clean` leaves its checkpoints alone.

    Raises:
        NeuronIOError: the disk refuses.
    """
    with contextlib.chdir(folder):
        planned(run).begin()


def failed(run: AnyRun, folder: Path) -> list[str]:
    """What has no evaluation after a run that failed; nothing where there is nothing to draw."""
    # What is wrong with the configuration was told before.
    with contextlib.chdir(folder), contextlib.suppress(NeuronIOError):
        plan = planned(run)
        missing = plan.unfinished()
        shards = [path for paths in plan.shards.values() for path in paths]
        some = isinstance(run, RunConfig) or any(n not in missing for n in plan.asked)
        if some and all(map(os.path.exists, shards)):
            return missing
    return []


def take_lock(path: Path, command: list[str]) -> BinaryIO:
    """Keep a second `make run` out of the folder, and clear what a killed one left.

    The file is locked as long as this process or its Snakemake lives, and holds something until
    they end in an orderly way.

    Raises:
        NeuronIOError: another run is at work in the folder, or nothing can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+b", buffering=0)
        refuse_full(path.parents[1])
    except OSError as error:
        raise NeuronIOError(
            f"cannot write in {path.parents[1].resolve()} ({error.strerror}); choose another "
            "folder with --directory"
        ) from error
    if not lock_file(lock):
        raise NeuronIOError(
            f"another run is at work in {path.parents[1].resolve()}; wait until it ends"
        )
    if path.stat().st_size:
        print("The last run here did not come to its end; what it made is kept", file=sys.stderr)
        unlock = [*command, "--cores", "1", "--unlock", "--quiet", "all"]
        subprocess.run(unlock, check=False, capture_output=True)
    lock.truncate(0)
    lock.write(b"running\n")
    return lock


def begin() -> NoReturn:
    """Run, and say in one sentence that it was stopped where it was."""
    watch.end_when_asked()
    try:
        sys.exit(main())
    except (KeyboardInterrupt, watch.Terminated) as asked:
        print(STOPPED if sys.stderr.isatty() else f"{STOPPED} {ENDED}", file=sys.stderr)
        sys.exit(130 if isinstance(asked, KeyboardInterrupt) else 143)


if __name__ == "__main__":
    begin()
