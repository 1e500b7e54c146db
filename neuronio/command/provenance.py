"""What made a file, from the file itself or from the receipt that lies with it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuronio.data.sequence_summary import is_sequence_set
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, read_npz
from neuronio.made import MADE, RECEIPT, changed_file
from neuronio.recipe import file_sha256
from neuronio.sections import key_value_options
from neuronio.training import FOLLOWS

Facts = dict[str, Any]
# Of what is nested, what a short answer holds.
SHORT = {"seeds", "machine"}
REPORTS = {"report.html", "snakemake.html"}
RECEIPT_KEYS = {"what", "digest", "recipe", "files", "configuration"}


def provenance(path: Path, trial: int | None = None) -> Facts:
    """What made a shard, a trial, a fit, an evaluation, a table, a figure or a report.

    With it comes how to make it again, where that is one command.

    Args:
        trial: of a shard, which to make again; its first when left out.

    Raises:
        NeuronIOError: nothing says what made it, or it is not what was written then.
    """
    if not path.exists():
        raise NeuronIOError(f"{path} does not exist")
    if path.suffix == ".h5" and not is_sequence_set(path):
        return of_shard(path, trial)
    if trial is not None:
        raise NeuronIOError(f"{path} is no shard; leave out --trial")
    if path.suffix == ".npz" and (facts := of_trial(path)):
        return facts
    there = path.resolve()
    if path.name in REPORTS:  # which shows the table that it lies beside
        there = (path.parent / "table.csv").resolve()
    for folder in (there, *list(there.parents)[:2]):
        if (folder / RECEIPT).is_file():
            return of_receipt(there, folder)
    folder = there if there.is_dir() else there.parent
    if there.suffix == ".json" and (facts := of_evaluation(read_json(there))):
        return facts
    if (folder / "config.json").is_file():
        return of_fit(folder)
    raise NeuronIOError(
        f"nothing says what made {path}: no {RECEIPT} lies with it, and it is no shard, trial, fit "
        "or evaluation; give the file where it was made"
    )


def short(facts: Facts) -> Facts:
    """The facts that tell most in few lines."""
    return {k: v for k, v in facts.items() if k in SHORT or not isinstance(v, dict | list)}


def of_trial(path: Path) -> Facts | None:
    """What a file of `neuronio trial` says of itself; None of any other."""
    held = read_npz(path)
    if not {"cell", "engine"} <= set(held):
        return None
    facts = {key: value.item() for key, value in held.items() if value.ndim == 0}
    return {"what": "trial", **facts, "sha256": file_sha256(path)}


def of_receipt(path: Path, folder: Path) -> Facts:
    """What the receipt in a folder says of a file in it, or of the whole folder."""
    receipt = read_json(folder / RECEIPT)
    if not isinstance(receipt, dict) or not set(receipt) >= RECEIPT_KEYS:
        raise NeuronIOError(f"{folder / RECEIPT} is not a receipt of this program")
    if fault := changed_file(folder, receipt):
        raise NeuronIOError(f"{folder} is not what its {RECEIPT} speaks of: {fault}")
    facts = dict(receipt)
    configuration, recipe = facts["configuration"], facts["recipe"]
    try:
        facts["seeds"] = {"dataset": configuration["seed"]}
        if "seed" in recipe:
            facts["seeds"]["fit"] = recipe["seed"]
        facts["seeds"]["bootstrap"] = configuration["evaluation"]["seed"]
    except (KeyError, TypeError) as error:
        raise NeuronIOError(f"{folder / RECEIPT} does not say its seeds: {error}") from error
    if path.is_file() and path.name != RECEIPT:
        name = str(path.relative_to(folder))
        if name not in receipt["files"]:
            raise NeuronIOError(f"{path} is not among the files of {folder / RECEIPT}")
        facts["sha256"] = receipt["files"][name]
    facts["command"] = (
        f"neuronio provenance {shlex.quote(str(path))} --config run.yaml && "
        "make run CONFIG=run.yaml"
    )
    return facts


def of_shard(path: Path, trial: int | None) -> Facts:
    """What a shard says of itself, with the command that makes one of its trials again."""
    from neuronio.data.shard import Shard
    from neuronio.data.verify import verify_shard
    from neuronio.simulation.again import trial_command
    from neuronio.simulation.second_job import recipe_of

    if problems := verify_shard(path):
        raise NeuronIOError(problems[0])
    with Shard(path) as shard:
        info = shard.info
        again = " integrated again" if "inputs_from" in info else ""
        facts: Facts = {"what": f"{info.get('split', '')} trials{again}".strip()}
        if "recipe" in info:
            first = int(shard.trial_index[0])
            chosen = first if trial is None else trial
            facts |= {"digest": info["recipe"], "recipe": recipe_of(shard)}
            facts["seeds"] = {"dataset": info["dataset_seed"]}
            facts["command"] = trial_command(shard, chosen)
        else:
            if trial is not None and trial not in shard.trial_index:
                raise NeuronIOError(f"{path} does not hold trial {trial}")
            facts["recipe"] = {k: v for k, v in info.items() if k != "content_sha256"}
        folder = path.resolve().parent
        if folder.parent.name == MADE:
            facts["folder"] = folder.name  # whose recipe also says how many trials a split has
        facts["git_revision"] = info.get("git_revision")
        facts["machine"] = {key: info.get(key) for key in ("cpu", "vector_bits")}
        facts["trials"] = ", ".join(map(str, shard.trial_index))
        facts["content_sha256"] = info["content_sha256"]
    return facts | {"sha256": file_sha256(path)}


def of_fit(folder: Path) -> Facts:
    """What a fit directory's config.json says, with the command that makes the fit again."""
    config = read_json(folder / "config.json")
    try:
        command = ["neuronio", "fit", "--model", config["model"], "--seed", str(config["seed"])]
        left = {"inputs", *FOLLOWS}
        options = {k: v for k, v in config["options"].items() if k not in left}
        command += key_value_options("--set", options) + key_value_options(
            "--training", config["training"]
        )
        command += ["--ignore-ms", str(config["ignore_ms"])]
        for split in ("train", "valid"):
            command += [f"--{split}", *(_path(file) for file in config["data"][split]["files"])]
        again = shlex.join([*command, "--out", folder.name])
    except KeyError as error:
        raise NeuronIOError(f"{folder}/config.json is not of a fit: it lacks {error}") from error
    except (TypeError, AttributeError) as error:
        raise NeuronIOError(
            f"{folder}/config.json is not of a fit; put the fit's own there, or fit again"
        ) from error
    weights = folder / "best.pt"
    checksum = {"sha256": file_sha256(weights)} if weights.is_file() else {}
    facts = {"what": "fit", **config, "seeds": {"fit": config["seed"]}, **checksum}
    return facts | {"command": again}


def of_evaluation(document: Any) -> Facts | None:
    """What an evaluation says of itself, with the command that makes it again.

    None of any other document.
    """
    from neuronio.surrogate.reference_scores import FLOOR_SOURCE

    try:
        if (
            document["model"].get("source") == FLOOR_SOURCE
        ):  # `integrate-again` comes before; no command scores
            return {"what": "noise floor", **{k: v for k, v in document.items() if k != "scores"}}
        command = ["neuronio", "evaluate", "--model", document["name"]]
        command += key_value_options("--evaluation", document["settings"])
        command += ["--data", *map(_path, document["data"]["files"])]
        if files := document["spike_threshold"].get("files"):
            command += ["--valid", *files]
        seeds = {"fit": document["model"]["seed"], "bootstrap": document["settings"]["seed"]}
        again = shlex.join(command)
    except (KeyError, TypeError, AttributeError):
        return None
    facts = {key: value for key, value in document.items() if key not in ("scores", "legacy")}
    return {"what": "evaluation", **facts, "seeds": seeds, "command": again}


def _path(file: Mapping[str, Any]) -> str:
    """Where a data file was, or its bare name in records that lack it."""
    return file.get("path", file["file"])
