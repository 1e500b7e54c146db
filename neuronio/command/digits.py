"""Subcommands on spoken digits: make a set, and turn one into labelled sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neuronio.command.options import Quiet, refuse_beside
from neuronio.errors import NeuronIOError
from neuronio.long_horizon import MOST_SAMPLES
from neuronio.progress import ProgressBar

app = typer.Typer()

Rows = typer.Option(help="Recordings of the split, of synthetic speech.", min=1, max=MOST_SAMPLES)


@app.command()
def digits(
    ctx: typer.Context,
    out: Annotated[
        Path,
        typer.Option(help="Folder for digits_train.h5, digits_test.h5; what is there is kept."),
    ],
    train: Annotated[int, Rows] = 8000,
    test: Annotated[int, Rows] = 2000,
    seed: Annotated[int, typer.Option(help="Every recording follows from it.", min=0)] = 0,
    recordings: Annotated[
        str,
        typer.Option(
            help="Real recordings in place of espeak-ng: a folder or tar of .wav files called "
            "{digit}_{speaker}_{index}, or 'fsdd' for the Free Spoken Digit Dataset of a mirror."
        ),
    ] = "",
    hair_cell: Annotated[str, typer.Option(help="Constants: lauscher or article.")] = "lauscher",
    workers: Annotated[
        int | None, typer.Option(help="Processes (every core by default).", min=1)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make spoken digits as spikes of a cochlea, in the form of SHD, or go on with it."""
    from neuronio.data.digits.cochlea import Cochlea
    from neuronio.data.digits.making import make_digits
    from neuronio.simulation.engines.base import available_cores

    if recordings:
        refuse_beside(ctx, "--recordings", ("train", "test"), "which are all taken")
    speech = _speech(recordings, train, test)
    with ProgressBar("Make digits", "recordings", quiet=quiet) as progress:
        paths = make_digits(
            speech,
            out,
            seed,
            cochlea=Cochlea(hair_cell),
            workers=workers or available_cores(),
            progress=progress,
        )
    if not quiet:
        typer.echo("\n".join(f"{split}: {path}" for split, path in paths.items()))


def _speech(recordings: str, train: int, test: int) -> Any:
    if not recordings:
        from neuronio.data.digits.voices import SyntheticDigits

        return SyntheticDigits(train, test)
    from neuronio.data.digits.fsdd import RealDigits
    from neuronio.data.fetch import fetch

    return RealDigits(fetch("fsdd/recordings.tar") if recordings == "fsdd" else Path(recordings))


@app.command("digit-sequences")
def digit_sequences(
    folder: Annotated[
        str,
        typer.Argument(help="Folder of shd_*.h5 or digits_*.h5, or 'shd' for the published files."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for train.h5, valid.h5, test.h5.")],
    bin_ms: Annotated[int, typer.Option(help="Width of a bin: 1, 2, 5, 10 or 20 ms.")] = 10,
    binary: Annotated[bool, typer.Option("--binary", help="A bin has a spike or none.")] = False,
    adding: Annotated[
        bool, typer.Option("--adding", help="Pairs of recordings, labelled with their sum.")
    ] = False,
    valid_speaker: Annotated[
        list[int] | None, typer.Option(help="Speaker to validate with (drawn by default).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of speakers to validate with, and pairs.", min=0)] = 0,
) -> None:
    """Turn spoken digits into labelled sequences, validated by speakers who are not in training."""
    from neuronio.data.digits.adding import published_pairs
    from neuronio.data.digits.binned import read_splits

    sets = read_splits(
        _published() if folder == "shd" else folder,
        bin_ms,
        seed=seed,
        valid_speakers=valid_speaker,
        binary=binary,
    )
    paths = {split: out / f"{split}.h5" for split in sets}
    if there := [path for path in paths.values() if path.exists()]:
        raise NeuronIOError(f"{there[0]} is there already; choose another folder")
    for split, recordings in sets.items():
        found = published_pairs(recordings, seed) if adding else recordings
        found.write(paths[split])
        steps = recordings.longest * (2 if adding else 1)
        typer.echo(f"{split}: {paths[split]}, {len(found)} rows of {steps} steps")


def _published() -> Path:
    from neuronio.data.fetch import fetch, named

    folders = sorted({fetch(name).parent for name in named("shd")})
    if len(folders) > 1:
        raise NeuronIOError(
            f"one file of SHD is in {folders[0]} and the other in {folders[1]}; put both into one"
        )
    return folders[0]
