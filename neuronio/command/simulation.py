"""`python -m simulation`: trials, cells, datasets, and what is in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml

from neuronio.command.run import pairs, run_command
from neuronio.config import CellConfig, EngineConfig, InputsConfig, Variant, load_config, validate
from neuronio.errors import NeuronIOError

app = typer.Typer(
    help="Simulate a biophysical neuron: single trials, datasets, and what is in their files.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CellName = Annotated[str, typer.Option(help="packaged, neuronio, hay2011, or a YAML file.")]
Variants = Annotated[
    list[str] | None,
    typer.Option("--variant", help="Change to the cell, key=value; may be repeated."),
]
Artefact = Annotated[
    bool, typer.Option(help="Silence synapses with a spike in the first ms, as in NeuronIO.")
]


@app.command()
def trial(
    out: Annotated[Path, typer.Option(help="Write the trial here (.npz).")],
    cell: CellName = "packaged",
    variant: Variants = None,
    engine: Annotated[Literal["neuron", "ensemble"], typer.Option(help="What integrates.")] = (
        "neuron"
    ),
    integrator: Annotated[
        Literal["fixed", "cvode"], typer.Option(help="Fixed step, or NEURON's variable step.")
    ] = "fixed",
    dt_ms: Annotated[float, typer.Option(help="Time step, ms.")] = 0.025,
    order: Annotated[int, typer.Option(help="Order of the fixed step, 1 or 2.")] = 2,
    atol: Annotated[float, typer.Option(help="Absolute tolerance of the variable step.")] = 1e-3,
    precision: Annotated[
        Literal["float32", "float64"], typer.Option(help="Arithmetic of the ensemble engine.")
    ] = "float64",
    generator: Annotated[str, typer.Option(help="Input generator.")] = "published",
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", help="Parameter of the generator, key=value; may be repeated."),
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Take the inputs from this .npz in place of a generator.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the inputs (of the dataset).", min=0)] = 0,
    split: Annotated[
        Literal["train", "valid", "test"], typer.Option(help="Split of the dataset.")
    ] = "train",
    index: Annotated[int, typer.Option(help="Index of the trial in its split.", min=0)] = 0,
    duration_ms: Annotated[
        int | None,
        typer.Option(help="Length, ms (6000, or that of --inputs).", min=1, show_default=False),
    ] = None,
    t0_artefact: Artefact = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw inputs and voltages here (.png, .svg or .pdf).")
    ] = None,
) -> None:
    """Simulate one trial."""
    from neuronio.simulation.cell_spec import load_cell
    from neuronio.simulation.single_trial import (
        build_engine,
        draw_trial_inputs,
        read_inputs,
        run_trial,
        save_trial,
    )

    check_suffix(out, (".npz",))
    if plot:
        check_suffix(plot, (".png", ".svg", ".pdf"))
    document = {"name": engine, "integrator": integrator, "dt_ms": dt_ms, "order": order}
    document |= {"cvode_atol": atol, "precision": precision}
    settings = validate(EngineConfig, document, "engine")
    drawn = validate(
        InputsConfig, {"generator": generator, "parameters": typed(parameters)}, "inputs"
    )
    given = read_inputs(inputs, duration_ms) if inputs else None
    spec = load_cell(cell, cell_variant(variant))
    with working(f"building the cell {spec.name}"):
        runner = build_engine(spec, settings, t0_artefact)
    segments = runner.segment_table()
    events = given or draw_trial_inputs(drawn, segments, duration_ms or 6000, seed, split, index)
    with working(f"simulating {events.duration_ms} ms"):
        recording = run_trial(runner, events)
    facts = {"cell": spec.name, "engine": engine, "t0_artefact": t0_artefact}
    save_trial(out, events, recording, {**facts, "dt_ms": dt_ms, "integrator": integrator})
    if plot:
        from neuronio.simulation.figures import plot_trial

        plot_trial(events, recording, plot, segments=segments, title=spec.title)
    inhibitory = events.n_events - events.n_excitatory
    typer.echo(
        f"{events.duration_ms} ms of {spec.name}: {len(recording.spike_ms)} output spikes from "
        f"{events.n_excitatory} excitatory and {inhibitory} inhibitory input spikes; "
        f"written to {out}"
    )


@app.command()
def cell(
    cell: CellName = "packaged",
    variant: Variants = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the morphology here (.png, .svg or .pdf).")
    ] = None,
    color_by: Annotated[
        str, typer.Option(help="Colour by region, or by a parameter such as gIhbar.")
    ] = "region",
) -> None:
    """Print a cell's facts: segments, lengths, area, and the sum of each conductance."""
    from neuronio.simulation.cell import build_cell
    from neuronio.simulation.cell_spec import load_cell

    built = build_cell(load_cell(cell, cell_variant(variant)))
    facts = built.facts()
    typer.echo(json.dumps(facts, indent=2) if as_json else "\n".join(fact_lines(facts)))
    if plot:
        from neuronio.simulation.figures_cell import plot_cell

        plot_cell(built, plot, color_by=color_by)


@app.command()
def dataset(
    config: Annotated[Path, typer.Option(help="Run configuration (YAML).")],
    out: Annotated[Path, typer.Option(help="Folder of the dataset; what is finished is kept.")],
    engine: Annotated[
        Literal["neuron", "ensemble"] | None,
        typer.Option(help="Engine in place of the configuration's.", show_default=False),
    ] = None,
    scale: Annotated[
        float | None, typer.Option(help="Scale in place of the configuration's.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes (every core by default).", min=1)
    ] = None,
) -> None:
    """Make a dataset, or finish one that was interrupted."""
    from neuronio.simulation.dataset import make_dataset

    run = with_overrides(load_config(config), engine, scale)
    with ProgressBar("trials") as progress:
        manifest = make_dataset(run, out, workers=workers, progress=progress)
    typer.echo(f"every shard is in place and sound; {manifest} lists the trials")


@app.command()
def info(file: Annotated[Path, typer.Argument(help="A shard (.h5).")]) -> None:
    """Show what is inside a shard: how it was made, rates, spikes, soma mean and sd."""
    from neuronio.data.summary import summary_lines

    typer.echo("\n".join(summary_lines(file)))


@app.command()
def verify(files: Annotated[list[Path], typer.Argument(help="Shards (.h5).")]) -> None:
    """Check shards: structure, checksums, no NaN; exits 1 with the reason where one is damaged."""
    from neuronio.data.verify import verify_shard

    problems = {file: verify_shard(file) for file in files}
    for file, found in problems.items():
        typer.echo("\n".join(found) if found else f"{file}: sound", err=bool(found))
    damaged = sum(bool(found) for found in problems.values())
    if damaged:
        raise NeuronIOError(f"{damaged} of {len(files)} files are damaged")


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A shard.")],
    b: Annotated[Path, typer.Argument(help="A shard of the same trials, made in another way.")],
    plot: Annotated[Path | None, typer.Option(help="Draw the comparison here.")] = None,
) -> None:
    """Compare two runs of the same trials: engines, integrators, time steps."""
    from neuronio.simulation.compare import compare_shards

    comparison = compare_shards(a, b)
    typer.echo("\n".join(comparison.lines()))
    if plot:
        from neuronio.simulation.figures import plot_comparison

        plot_comparison(comparison, plot)


@app.command()
def quality(
    out: Annotated[Path, typer.Option(help="Folder for quality.json, .csv, figures.")],
    files: Annotated[list[Path], typer.Argument(help="Shards (.h5) of one split or several.")],
) -> None:
    """Draw the distributions of a dataset and compare them with the published figures."""
    from neuronio.data.shard import Shard
    from neuronio.simulation.quality import quality_report

    splits: dict[str, list[Path]] = {}
    for file in files:
        with Shard(file) as shard:
            splits.setdefault(str(shard.info.get("split", "trials")), []).append(file)
    quality_report(splits, out)
    typer.echo(f"the report is in {out}")


@app.command("import-neuronio")
def import_neuronio(
    file: Annotated[Path, typer.Argument(help="A published pickle.")],
    out: Annotated[Path, typer.Option(help="Write the shard here (.h5).")],
) -> None:
    """Turn a published pickle into a shard; refuses a pickle that would run code."""
    from neuronio.data.neuronio import import_neuronio as run

    check_suffix(out, (".h5",))
    typer.echo(f"written to {run(file, out)}")


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

    check_suffix(out, (".p", ".pkl", ".pickle"))
    typer.echo(f"written to {run(file, out, half)}")


def typed(texts: list[str] | None) -> dict[str, Any]:
    """key=value texts with their values read as YAML."""
    return {key: yaml.safe_load(value) for key, value in pairs(texts).items()}


def cell_variant(texts: list[str] | None) -> Variant:
    """The variant that key=value texts describe."""
    return validate(CellConfig, {"variant": typed(texts)}, "--variant").variant


def check_suffix(path: Path, wanted: tuple[str, ...]) -> None:
    """Reject a file name whose ending would make another kind of file than is meant."""
    if path.suffix not in wanted:
        raise NeuronIOError(f"{path} must end in {' or '.join(wanted)}")


def with_overrides(config, engine: str | None, scale: float | None):
    """The configuration with another engine or scale, validated again."""
    from neuronio.config import validate_config

    document = config.model_dump()
    if engine:
        document["engine"]["name"] = engine
    if scale is not None:
        document["dataset"]["scale"] = scale
    return validate_config(document, "the command line's changes")


def fact_lines(facts: dict[str, Any]) -> list[str]:
    """A cell's facts as lines for a terminal."""
    lines = [f"{key:<22}{value}" for key, value in facts.items() if key != "regions"]
    for region, values in facts["regions"].items():
        lines.append(
            f"{region}: {values['sections']} sections, {values['segments']} segments, "
            f"{values['length_um']:.2f} um, {values['area_um2']:.4f} um2"
        )
        lines += [
            f"  sum of {name:<16}{value:.10g} S/cm2"
            for name, value in values["conductance_sum_S_cm2"].items()
        ]
    return lines


def working(text: str):
    """A spinner on a terminal while something is done."""
    from rich.console import Console

    return Console(stderr=True).status(text)


class ProgressBar:
    """A progress bar on a terminal; a line every tenth of the way elsewhere."""

    def __init__(self, what: str):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self._console, self._what, self._told = Console(stderr=True), what, -1
        columns = ["{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)

    def __enter__(self):
        self._bar.start()
        self._task = self._bar.add_task(self._what, total=None)
        return self._update

    def __exit__(self, *exception) -> None:
        self._bar.stop()

    def _update(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)
        tenth = 10 * done // max(total, 1)
        if not self._console.is_terminal and tenth != self._told:
            self._told = tenth
            print(f"{done} of {total} {self._what}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Run a command line."""
    hint = "interrupted; the same command goes on from the trials that are finished"
    return run_command(app, arguments, "python -m simulation", hint)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
