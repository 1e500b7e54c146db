"""Kept fits, scored anew on other trials than the study's test set: what scripts of docs/ share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from study_page import kept_fits

import neuronio
from neuronio.config import RunConfig
from neuronio.data.shard import Shard
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_json
from neuronio.progress import in_tenths
from neuronio.recipe import digest
from neuronio.simulation.dataset import simulate_shards
from neuronio.simulation.inputs.splits import shard_path, shard_trials

WEIGHTS = "best.pt"
# Of a configuration, what decides about its trials.
MADE_OF = ("seed", "cell", "inputs", "t0_artefact", "engine", "dataset")


def fits_with_weights(fits: Path, run: RunConfig, plain: Sequence[str] = ()) -> list[Path]:
    """The folders of fits that are kept with their weights and asked for.

    Args:
        fits: the folder that holds them.
        run: the configuration that asks for them.
        plain: of these families, those without a label; all if no family is named.

    Raises:
        NeuronIOError: there is none, or one is damaged.
    """
    kept = [path for path in kept_fits(fits, run) if (path / WEIGHTS).exists()]
    if found := [path for path in kept if not plain or path.name.rsplit("-", 2)[0] in plain]:
        return found
    whose = f" of {' or '.join(plain)}" if plain else ""
    raise NeuronIOError(f"{fits} keeps no weights{whose}; run `make study` before")


def made_trials(
    run: RunConfig, out: Path, workers: int | None, reuse: Sequence[Path] = ()
) -> list[Path]:
    """The shards of a configuration's test trials, made unless they are there.

    Args:
        out: where they are kept, in a folder that is named by what they are made of.
        workers: processes; every core if None.
        reuse: shards that may hold some of them.
    """
    asked = run.model_dump(mode="json", include=set(MADE_OF))
    folder = out / f"{run.name}-{digest(asked)}"
    paths = {n: shard_path(folder, "test", n) for n in range(len(shard_trials(run, "test")))}
    told = in_tenths(f"{run.name}: test trials", "trials", say)
    simulate_shards(run, "test", paths, workers=workers, reuse=reuse, progress=told)
    return list(paths.values())


def content_sha256(path: Path) -> str:
    """The checksum of what a shard holds."""
    with Shard(path) as shard:
        return str(shard.info["content_sha256"])


def weights_sha256(fit: Path) -> str:
    """The checksum of a kept fit's weights."""
    return str(read_json(fit / "kept.json")["files"][WEIGHTS])


def scored(
    fits: Sequence[Path], shards: Sequence[Path], settings: Mapping[str, Any], out: Path
) -> Iterator[Path]:
    """The evaluation of every fit as a file in `out`, made unless it is there."""
    contents = [content_sha256(shard) for shard in shards]
    for fit in fits:
        path = out / f"{fit.name}.json"
        asked = {"settings": settings, "weights": weights_sha256(fit), "shards": contents}
        made_once(path, asked, partial(_evaluation, fit, shards, settings))
        yield path


def _evaluation(fit: Path, shards: Sequence[Path], settings: Mapping[str, Any]) -> dict[str, Any]:
    return neuronio.evaluate(fit, list(shards), **settings) | {"name": fit.name}


def made_once(
    path: Path, asked: Mapping[str, Any], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """A document that is kept, made unless it is there and answers the same question."""
    if path.exists() and (document := read_json(path)).get("asked") == asked:
        return document
    document = make() | {"asked": asked}
    write_json(path, document)
    say(f"{path.parent.name}: {path.stem}")
    return document


def say(text: str) -> None:
    """A line at once."""
    print(text, flush=True)
