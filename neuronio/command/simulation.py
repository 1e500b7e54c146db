"""Subcommands that simulate: trial, cell, dataset, integrate-again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from neuronio.command.options import (
    FIGURE_SUFFIXES,
    CellName,
    Plot,
    Texts,
    Variants,
    check_suffix,
    refuse_beside,
)
from neuronio.config import (
    CellConfig,
    EngineConfig,
    InputsConfig,
    RunConfig,
    Variant,
    load_config,
    validate_config,
)
from neuronio.errors import NeuronIOError
from neuronio.progress import ProgressBar, counted
from neuronio.sections import key_value_options, key_values, validate

app = typer.Typer()
SplitName = Literal["train", "valid", "test"]
DRAWN_BY = ("generator", "parameters", "seed", "split", "index", "attempt")


@app.command()
def trial(
    ctx: typer.Context,
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
    gate_tables: Annotated[
        bool, typer.Option("--gate-tables", help="Gate kinetics of the ensemble from tables.")
    ] = False,
    generator: Annotated[str, typer.Option(help="Input generator.")] = "published",
    parameters: Annotated[
        Texts, typer.Option("--set", help="Parameter of the generator, key=value; repeatable.")
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Take the inputs from this .npz in place of a generator.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the inputs (of the dataset).", min=0)] = 0,
    split: Annotated[SplitName, typer.Option(help="Split of the dataset.")] = "train",
    index: Annotated[int, typer.Option(help="Index of the trial in its split.", min=0)] = 0,
    attempt: Annotated[
        int | None,
        typer.Option(
            help="Draws of the trial that were turned away before (manifest.csv); found by "
            "drawing again when left out.",
            min=0,
            show_default=False,
        ),
    ] = None,
    duration_ms: Annotated[
        int | None,
        typer.Option(
            help="Length, ms (6000, or that of --inputs).", min=1, max=60_000, show_default=False
        ),
    ] = None,
    t0_artefact: Annotated[
        bool, typer.Option(help="Silence synapses with a spike in the first ms, as in NeuronIO.")
    ] = False,
    plot: Plot = None,
) -> None:
    """Simulate one trial."""
    from neuronio.simulation import single_trial
    from neuronio.simulation.again import simulated_by
    from neuronio.simulation.cell_spec import load_cell

    check_suffix(out, ".npz")
    check_suffix(plot, *FIGURE_SUFFIXES)
    if inputs:
        refuse_beside(ctx, "--inputs", DRAWN_BY, "whose inputs are so")
    settings = validate(
        EngineConfig,
        {
            "name": engine,
            "integrator": integrator,
            "dt_ms": dt_ms,
            "order": order,
            "cvode_atol": atol,
            "precision": precision,
            "gate_tables": gate_tables,
        },
        "engine",
    )
    wanted = {"generator": generator, "parameters": key_values(parameters)}
    drawn = validate(InputsConfig, wanted, "inputs")
    given = single_trial.read_inputs(inputs, duration_ms) if inputs else None
    spec = load_cell(cell, cell_variant(variant))
    with working(f"building the cell {spec.name}"):
        runner = single_trial.build_engine(spec, settings, t0_artefact)
    if given:
        with working(f"simulating {given.duration_ms} ms"):
            events, recording = given, single_trial.run_trial(runner, given)
    else:
        wanted_ms, which = duration_ms or 6000, (seed, split, index)
        with working(f"simulating {wanted_ms} ms"):
            events, recording = single_trial.run_drawn(runner, drawn, wanted_ms, which, attempt)
    facts = {"cell": spec.name, "engine": engine, "t0_artefact": t0_artefact}
    facts |= {"dt_ms": dt_ms, "integrator": integrator, "order": order}
    if engine == "ensemble":
        facts |= {"precision": precision, "gate_tables": gate_tables}
    if inputs:
        asked = ["--inputs", str(inputs)]
    else:
        draw = {"generator": generator, "seed": seed, "split": split, "index": index}
        facts |= draw
        asked = [part for key, value in draw.items() for part in (f"--{key}", str(value))]
        asked += key_value_options("--set", drawn.parameters)
        asked += [] if attempt is None else ["--attempt", str(attempt)]
    asked += ["--duration-ms", str(events.duration_ms), "--out", str(out)]
    varied = spec.variant.model_dump()
    facts["command"] = shlex.join([*simulated_by(cell, varied, settings, t0_artefact), *asked])
    single_trial.save_trial(out, events, recording, facts)
    if plot:
        from neuronio.simulation.figures import plot_trial

        plot_trial(events, recording, plot, segments=runner.segment_table(), title=spec.title)
    inhibitory = events.n_events - events.n_excitatory
    typer.echo(
        f"{events.duration_ms} ms of {spec.name}: "
        f"{counted(len(recording.spike_ms), 'output spike')} from {events.n_excitatory:,} "
        f"excitatory and {counted(inhibitory, 'inhibitory input spike')}; "
        f"written to {' and '.join(map(str, filter(None, (out, plot))))}"
    )


@app.command()
def cell(
    cell: CellName = "packaged",
    variant: Variants = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Plot = None,
    color_by: Annotated[
        str, typer.Option(help="Colour by region, or by a parameter such as gIhbar.")
    ] = "region",
    build: Annotated[
        str | None,
        typer.Option(
            "--import",
            metavar="CODE",
            help="First write the cell file that FILE.py:function or FILE.hoc:Template builds.",
        ),
    ] = None,
    mod: Annotated[
        list[Path] | None, typer.Option(help="A MOD file of --import, or a folder; repeat.")
    ] = None,
) -> None:
    """Print a cell's facts: segments, lengths, area, and the total of each conductance."""
    from neuronio.simulation.cell import build_cell
    from neuronio.simulation.cell_conductances import conductances_nS
    from neuronio.simulation.cell_spec import load_cell

    check_suffix(plot, *FIGURE_SUFFIXES)
    if build:
        _import_cell(build, mod or [], cell)
    elif mod:
        raise NeuronIOError("--mod goes with --import; a cell file names its own mod_files")
    built = build_cell(load_cell(cell, cell_variant(variant)))
    facts, conductances = built.facts(), conductances_nS(built)
    for region, values in facts["regions"].items():
        del values["conductance_sum_S_cm2"]  # of densities, which depends on the segments' number
        values["conductance_nS"] = conductances.get(region, {})
    typer.echo(json.dumps(facts, indent=2) if as_json else "\n".join(fact_lines(facts)))
    if plot:
        from neuronio.simulation.figures_cell import plot_cell

        plot_cell(built, plot, color_by=color_by)
        typer.echo(f"drawn to {plot}", err=as_json)


def _import_cell(code: str, mod: list[Path], cell: str) -> None:
    from neuronio.simulation.built_cell import import_cell

    if not cell.endswith((".yaml", ".yml")):
        raise NeuronIOError("--import writes a cell file; give its name, such as mine.yaml")
    regions, unknown = import_cell(code, [str(path) for path in mod], Path(cell))
    counts = ", ".join(f"{n} of {region}" for region, n in regions.items())
    typer.echo(f"wrote {cell}: sections {counts}; check its celsius_degC, v_init_mV and synapses")
    if unknown:
        typer.echo(
            f"nothing tells the region of {', '.join(unknown)}: taken as basal, which "
            f"section_regions in {cell} may change"
        )


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
    with ProgressBar("Simulate", "trials") as progress:
        manifest = make_dataset(run, out, workers=workers, progress=progress)
    typer.echo(f"every shard is in place and sound; {manifest} lists the trials")


@app.command("integrate-again")
def integrate_again(
    shards: Annotated[list[Path], typer.Argument(help="Shards (.h5) of one split.")],
    out: Annotated[Path, typer.Option(help="Folder for shards of the same names.")],
    engine: Annotated[
        Literal["neuron", "ensemble"] | None, typer.Option(help="What integrates.")
    ] = None,
    integrator: Annotated[
        Literal["fixed", "cvode"] | None, typer.Option(help="Fixed step, or NEURON's variable one.")
    ] = None,
    dt_ms: Annotated[float | None, typer.Option(help="Time step, ms.")] = None,
    order: Annotated[int | None, typer.Option(help="Order of the fixed step, 1 or 2.")] = None,
    atol: Annotated[
        float | None, typer.Option(help="Absolute tolerance of the variable step.")
    ] = None,
    precision: Annotated[
        Literal["float32", "float64"] | None, typer.Option(help="Arithmetic of the ensemble.")
    ] = None,
    gate_tables: Annotated[
        bool | None,
        typer.Option(
            "--gate-tables/--no-gate-tables",
            help="Gate kinetics of the ensemble from tables.",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="The first so many trials (all of them).", min=1)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes (every core by default).", min=1)
    ] = None,
) -> None:
    """Integrate trials of shards again with the same inputs; with half the time step by default.

    Where a setting of the engine is given, all others are those of the shards, the step included.
    """
    from neuronio.simulation.reintegration import again_to_folder

    given = {
        "name": engine,
        "integrator": integrator,
        "dt_ms": dt_ms,
        "order": order,
        "cvode_atol": atol,
        "precision": precision,
        "gate_tables": gate_tables,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    with ProgressBar("Integrate again", "trials") as progress:
        made = again_to_folder(shards, out, changes, trials, workers=workers, progress=progress)
    typer.echo(f"every trial is in {out} ({counted(len(made), 'shard')})")
    typer.echo(f"compare with: neuronio compare {shards[0]} {made[0]}")


def cell_variant(texts: Texts) -> Variant:
    """The variant that key=value texts describe."""
    return validate(CellConfig, {"variant": key_values(texts)}, "--variant").variant


def with_overrides(config: RunConfig, engine: str | None, scale: float | None) -> RunConfig:
    """The configuration with another engine or scale, validated again."""
    document = config.model_dump(exclude_unset=True)  # a default is no wish, and may not fit
    if engine:
        held = document.setdefault("engine", {})
        if config.engine.name == "neuron" != engine:
            held.pop("precision", None)  # NEURON's only one: no wish
        held["name"] = engine
    if scale is not None:
        document["dataset"]["scale"] = scale
    return validate_config(document, "the command line's changes")


def fact_lines(facts: dict[str, Any]) -> list[str]:
    """A cell's facts as lines for a terminal."""
    lines = [
        f"{key:<22}{f'{value:.6g}' if isinstance(value, float) else value}"
        for key, value in facts.items()
        if key != "regions"
    ]
    for region, values in facts["regions"].items():
        lines.append(
            f"{region}: sections {values['sections']}, segments {values['segments']}, "
            f"length {values['length_um']:.6g} um, area {values['area_um2']:.6g} um2"
        )
        lines += [f"  {name:<20}{value:.6g} nS" for name, value in values["conductance_nS"].items()]
    return lines


def working(text: str):
    """A spinner on a terminal while something is done."""
    from rich.console import Console

    return Console(stderr=True).status(text)
