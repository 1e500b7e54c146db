"""Subcommands on files: info, verify, compare, quality, the published pickles, fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuronio.command.options import FIGURE_SUFFIXES, Plot, check_suffix
from neuronio.conventions import IGNORE_MS
from neuronio.errors import NeuronIOError
from neuronio.sections import near_miss

app = typer.Typer()


@app.command()
def info(
    file: Annotated[Path, typer.Argument(help="A shard or a sequence set (.h5).")],
) -> None:
    """Show what is inside a shard (how it was made, rates, spikes, soma) or a sequence set."""
    from neuronio.data.sequence_summary import is_sequence_set, sequence_lines
    from neuronio.data.summary import summary_lines

    lines = sequence_lines if is_sequence_set(file) else summary_lines
    typer.echo("\n".join(lines(file)))


@app.command()
def verify(
    files: Annotated[
        list[Path], typer.Argument(help="Shards or sequence sets (.h5), or folders of them.")
    ],
) -> None:
    """Check files: structure, checksums, values that can be; exits 1 and says what is wrong."""
    from neuronio.data.sequence_summary import is_sequence_set, sequence_problems
    from neuronio.data.verify import verify_shard
    from neuronio.surrogate.store import shard_paths

    files = shard_paths(files)
    if missing := [file for file in files if not file.exists()]:
        raise NeuronIOError(f"there is no file {missing[0]}")
    check = {file: sequence_problems if is_sequence_set(file) else verify_shard for file in files}
    problems = {file: check[file](file) for file in files}
    for file, found in problems.items():
        typer.echo("\n".join(found) if found else f"{file}: sound", err=bool(found))
    damaged = sum(bool(found) for found in problems.values())
    if damaged:
        raise NeuronIOError(f"{damaged} of {len(files)} files are damaged or of another kind")


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A shard.")],
    b: Annotated[Path, typer.Argument(help="A shard of the same trials, made in another way.")],
    ignore_ms: Annotated[
        int, typer.Option(help="Start of each trial that surrogates' scores leave out, ms.", min=0)
    ] = IGNORE_MS,
    plot: Plot = None,
) -> None:
    """Compare two runs of the same trials: engines, integrators, time steps."""
    from neuronio.simulation.compare import compare_shards

    check_suffix(plot, *FIGURE_SUFFIXES)
    comparison = compare_shards(a, b, ignore_ms)
    typer.echo("\n".join(comparison.lines()))
    if plot:
        from neuronio.simulation.figures import plot_comparison

        plot_comparison(comparison, plot)
        typer.echo(f"drawn to {plot}")


@app.command()
def quality(
    out: Annotated[Path, typer.Option(help="Folder for quality.json, .csv, figures.")],
    files: Annotated[list[Path], typer.Argument(help="Shards (.h5), or folders of them.")],
) -> None:
    """Draw the distributions of a dataset and compare them with the published figures."""
    from neuronio.data.shard import Shard
    from neuronio.simulation.quality_report import quality_report
    from neuronio.surrogate.store import shard_paths

    splits: dict[str, list[Path]] = {}
    for file in shard_paths(files):
        with Shard(file) as shard:
            splits.setdefault(str(shard.info.get("split", "trials")), []).append(file)
    quality_report(splits, out)
    typer.echo(f"the report is in {out}")


@app.command("import-neuronio")
def import_neuronio(
    file: Annotated[Path, typer.Argument(help="A published pickle.")],
    out: Annotated[Path, typer.Option(help="Write the shard here (.h5).")],
    segments: Annotated[
        str | None,
        typer.Option(
            help="Types (basal, apical, soma, other) and numbers of the segments in the order of "
            "their keys, where the file lacks allSegmentsType: basal:262,apical:377."
        ),
    ] = None,
    first_excitatory: Annotated[
        int, typer.Option(help="Key of the first segment in exInputSpikeTimes.")
    ] = 0,
    first_inhibitory: Annotated[
        int, typer.Option(help="Key of the first segment in inhInputSpikeTimes.")
    ] = 0,
    samples_per_ms: Annotated[
        int | None,
        typer.Option(
            help="Samples of the fine voltages in 1 ms, where the file does not say it.", min=1
        ),
    ] = None,
) -> None:
    """Turn a published pickle into a shard; refuses a pickle that would run code."""
    from neuronio.data.neuronio import import_neuronio as run

    check_suffix(out, ".h5")
    path = run(file, out, segments, first_excitatory, first_inhibitory, samples_per_ms)
    typer.echo(f"written to {path}")


@app.command("export-neuronio")
def export_neuronio(
    file: Annotated[Path, typer.Argument(help="A shard (.h5).")],
    out: Annotated[Path, typer.Option(help="Write the pickle here (.p).")],
    half: Annotated[
        bool | None,
        typer.Option(help="float16 as published, or full precision.", show_default=False),
    ] = None,
) -> None:
    """Turn a shard into a pickle that the published reading code loads."""
    from neuronio.data.neuronio import export_neuronio as run

    check_suffix(out, ".p", ".pkl", ".pickle")
    typer.echo(f"written to {run(file, out, half)}")


@app.command()
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="What to fetch, or a folder of it such as shd; without a name, list what there is."
        ),
    ] = None,
) -> None:
    """Fetch a file that the project uses, check its checksum, and say where it is."""
    from neuronio.data.fetch import fetch as run
    from neuronio.data.fetch import named, sources

    if not names:
        for source in sources().values():
            typer.echo(f"{source.name:<16} {source.note} (licence: {source.licence})")
    for name in (one for given in names or () for one in named(given)):
        if name not in sources():
            hint = near_miss(name, sources(), "; neuronio fetch lists what there is")
            raise NeuronIOError(f"there is nothing called {name} to fetch{hint}")
        path = run(name)
        source = sources()[name]
        typer.echo(f"{path} ({source.checksum}, licence: {source.licence})")
