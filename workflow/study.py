"""What `make study` calls: a run whose finished fits are kept with the code, and made only once.

    python workflow/study.py --configfile config/study.yaml --keep docs/results/neuronio/fits

What is missing of the configuration's fits is made by the workflow, and each is kept as soon as it
is evaluated; interrupted anywhere, on any machine, it goes on from what is kept. `--scale 0.01`
makes a small study of the same kind: trials and steps are a hundredth, and nothing is kept
beside the code but in results/study-0.01/kept. Last, whatever failed, the table, the figures and
the page are written from what is kept.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from finish import ROOT
from run import is_dry, refuse, scale
from watch import NO_DATA, Terminated, end_when_asked

sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
from kept import Keeper
from plan import FLOOR, Plan, asked_fits

from neuronio.config import RunConfig, validate_config
from neuronio.errors import NeuronIOError
from neuronio.files import write_atomic
from neuronio.recipe import digest
from neuronio.sections import read_yaml

POLL_S = 20.0
DIRECTORY = re.compile("-d|--directory(=|$)")
SIGNALLED = 128
LEAST_STEPS = 20


def scaled(document: dict[str, Any], scale: float) -> dict[str, Any]:
    """A configuration of so many times the trials and the steps.

    Raises:
        NeuronIOError: the scale is no positive number, or the configuration is wrong.
    """
    if not 0 < scale < 1000:
        raise NeuronIOError(f"the scale is {scale}; give a number above 0, such as 0.01")
    run = validate_config(document)
    fits = []
    for section, given in zip(run.fits, document.get("fits", []), strict=True):
        training = run.training_of(section)
        steps = max(LEAST_STEPS, round(scale * training.steps))
        shorter = {"steps": steps, "validate_every": max(1, steps // 20)}
        if training.train_trials:
            shorter["train_trials"] = max(1, round(scale * training.train_trials))
        fits.append({**given, "training": {**given.get("training", {}), **shorter}})
    dataset = {**document["dataset"], "scale": scale * run.dataset.scale}
    return {**document, "name": f"{run.name}-{scale:g}", "dataset": dataset, "fits": fits}


def remaining(document: dict[str, Any], run: RunConfig, missing: list[str]) -> dict[str, Any]:
    """The configuration of what is missing alone."""
    if missing == [FLOOR]:  # the workflow makes it for the sake of a fit
        missing = [asked_fits(run)[0].name, FLOOR]
    sections = zip(document["fits"], run.fits, strict=True)
    fits = [
        {**given, "sizes": [fit.size], "seeds": [fit.seed]}
        for given, section in sections
        for fit in asked_fits(run.model_copy(update={"fits": [section]}))
        if fit.name in missing
    ]
    evaluation = dict(document.get("evaluation", {}))
    if FLOOR not in missing:
        evaluation["floor_trials"] = 0
    return {**document, "fits": fits, "evaluation": evaluation, "leave_out": []}


def in_turn(missing: list[str], keeper: Keeper) -> list[list[str]]:
    """What is missing in two runs: labelled fits would be compared with the others of theirs."""
    labelled = [n for n in missing if (fit := keeper.asked[n]) and fit.section.label]
    return [names for names in ([n for n in missing if n not in labelled], labelled) if names]


def make(document: dict[str, Any], keeper: Keeper, rest: list[str]) -> int:
    """Run the workflow on what is missing and keep what it finishes; returns the exit code.

    Raises:
        NeuronIOError: what is finished cannot be kept.
    """
    # Named by its content: another study at work in this folder has another.
    dry = f"-dry-run-{os.getpid()}" if is_dry(rest) else ""
    config = Path("results") / f"{document['name']}-{digest(document)}{dry}.yaml"
    write_atomic(config, yaml.safe_dump(document, sort_keys=False).encode())
    plan = Plan(validate_config(document, name=str(config)), str(config))

    def keep() -> None:
        for name in keeper.keep_finished(plan):
            print(f"Kept {name} in {keeper.folder}", flush=True)

    command = [sys.executable, str(ROOT / "workflow" / "run.py")]
    command += ["--configfile", str(config), *rest]
    if dry:
        code = subprocess.run(command).returncode
        config.unlink()
        return code
    keep()  # what an interrupted run left
    run = subprocess.Popen(command)
    try:
        while run.returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(timeout=POLL_S)
            keep()
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):  # which the run has had too
            run.terminate()
        run.wait()
        raise
    finally:
        if run.returncode is not None:
            keep()
    return run.returncode


def study(given: argparse.Namespace, rest: list[str]) -> int:
    """Make what is missing; returns the exit code.

    Raises:
        NeuronIOError: an argument or the configuration is wrong, or a result cannot be kept.
    """
    if any(map(DIRECTORY.match, rest)):
        raise NeuronIOError("a study is made where it is started; leave --directory out")
    document = read_yaml(given.configfile, "configuration")
    if given.scale != 1.0:
        document = scaled(document, given.scale)
        given.page = Path("results") / document["name"] / "kept"
        given.keep = given.page / "fits"
    run = validate_config(document, name=str(given.configfile))
    keeper = Keeper(given.keep, run)
    missing = keeper.missing()
    there = len(keeper.asked) - len(missing)
    print(f"{there} of {len(keeper.asked)} results are kept in {keeper.folder}", flush=True)
    codes = []
    for turn, names in enumerate(in_turn(missing, keeper)):
        left = remaining(document, run, names)
        if turn:  # results of the turn before stay where they are
            left["name"] = f"{document['name']}-labelled"
        codes.append(make(left, keeper, rest))
        # It was ended, and did not fail; or nothing can be simulated here.
        if codes[-1] < 0 or codes[-1] > SIGNALLED or codes[-1] == NO_DATA:
            return codes[-1]
    if is_dry(rest):
        return max(codes, default=0)
    # Also when something failed: the next time begins with what is there.
    command = [sys.executable, str(ROOT / "docs" / "study_page.py"), "--fits", str(given.keep)]
    command += ["--folder", str(given.page or given.keep.parent)]
    codes.append(subprocess.run([*command, "--configfile", str(given.configfile)]).returncode)
    return next((code for code in codes if code), 0)


def main() -> int:
    """Read the arguments and make the study; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.error = refuse  # type: ignore[method-assign]
    parser.add_argument("--configfile", type=Path, required=True)
    parser.add_argument("--keep", type=Path, required=True, help="folder of the kept fits")
    parser.add_argument("--page", type=Path, help="folder of the page; the one above, if left out")
    parser.add_argument("--scale", type=scale, default=1.0)
    try:
        return study(*parser.parse_known_args())
    except NeuronIOError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    end_when_asked()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except Terminated:
        sys.exit(143)
