"""Subcommands on surrogates: fit, predict, count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from neuronio.command.options import (
    FIGURE_SUFFIXES,
    Device,
    Files,
    ModelDir,
    ModelOptions,
    Plot,
    Quiet,
    Size,
    Texts,
    check_suffix,
)
from neuronio.config import MOST_SEED, EvaluationConfig
from neuronio.errors import NeuronIOError
from neuronio.files import write_npz
from neuronio.progress import ProgressBar
from neuronio.sections import key_values, validate

app = typer.Typer()


@app.command()
def fit(
    train: Annotated[Files, typer.Option(help="Shards (.h5) or folders of them to fit on.")],
    valid: Annotated[Files, typer.Option(help="Shards, or folders, that choose the best weights.")],
    out: Annotated[Path, typer.Option(help="Fit directory; an interrupted fit there goes on.")],
    model: Annotated[
        str | None, typer.Option(help="Model; by default the first of the configuration's fits.")
    ] = None,
    size: Size = None,
    seed: Annotated[
        int, typer.Option(help="Seed of weights and windows.", min=0, max=MOST_SEED)
    ] = 0,
    config: Annotated[
        Path | None, typer.Option(help="Run configuration (YAML) to take settings from.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Take the configuration's fit with this label.")
    ] = None,
    options: ModelOptions = None,
    training: Annotated[
        Texts, typer.Option(help="Training settings, key=value ... (config/README.md).")
    ] = None,
    ignore_ms: Annotated[
        int | None,
        typer.Option(
            help="Start of every trial not to use, ms (evaluation.ignore_ms, else 500).",
            show_default=False,
            min=0,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Fit a model to shards; the same command again goes on after an interruption."""
    from neuronio.surrogate.fit_settings import fit_settings
    from neuronio.surrogate.store import TrialStore, shard_paths
    from neuronio.surrogate.train import FitSpec
    from neuronio.surrogate.train import fit as run_fit

    if out.exists() and not out.is_dir():
        raise NeuronIOError(f"cannot write to {out}: it is no folder")
    if out.is_dir() and not (out / "config.json").exists() and any(out.glob("[!.]*")):
        raise NeuronIOError(f"the folder {out} holds other things and no fit; give one of its own")
    train_files, valid_files = shard_paths(train or ()), shard_paths(valid or ())
    store = TrialStore(train_files)
    name, parsed, settings, ignored = fit_settings(
        config, model, size, key_values(options), key_values(training), store.n_synapses, label
    )
    store.close()
    ignored = ignored if ignore_ms is None else ignore_ms
    spec = FitSpec(name, parsed, seed, settings, train_files, valid_files, out, ignored)
    with ProgressBar(f"Fit {name} {parsed.size} seed {seed}", "steps", quiet=quiet) as progress:
        summary = run_fit(spec, progress=progress)
    if not quiet:
        scores = summary["validation"]
        auc = scores["valid_auc"]
        typer.echo(
            f"{name} {parsed.size}: {summary['parameters']:,} parameters, best at step "
            f"{summary['best_step']} of {summary['steps']}, validation AUC "
            f"{'undefined' if auc is None else format(auc, '.4f')}, soma RMSE "
            f"{scores['valid_soma_rmse_mV']:.3f} mV; written to {out}"
        )


@app.command()
def predict(
    model: ModelDir,
    data: Annotated[
        Files, typer.Option(help="Shards (.h5), or folders of them, to take the trial from.")
    ],
    out: Annotated[Path, typer.Option(help="Write the prediction here (.npz).")],
    trial: Annotated[int, typer.Option(help="Trial, counted from 0 over the shards.")] = 0,
    plot: Plot = None,
    mode: Annotated[str, typer.Option(help="streaming or published.")] = "streaming",
    device: Device = "cpu",
) -> None:
    """Predict one trial: spike probability and soma voltage beside the truth."""
    from neuronio.surrogate.device import check_device
    from neuronio.surrogate.evaluate import predict_one
    from neuronio.surrogate.store import shard_paths

    check_device(device)
    check_suffix(out, ".npz")
    check_suffix(plot, *FIGURE_SUFFIXES)
    settings = validate(EvaluationConfig, {"mode": mode}, "evaluation")
    prediction = predict_one(model, shard_paths(data or ()), trial, settings, device)
    write_npz(out, prediction)
    if plot:
        from neuronio.drawing import save_figure
        from neuronio.surrogate.figures.traces import traces_figure

        named = {model.absolute().name: prediction}
        save_figure(lambda: traces_figure(named, f"trial {trial}"), plot)
    typer.echo(f"{out}: {', '.join(prediction)}")
    if plot:
        typer.echo(f"drawn to {plot}")


@app.command()
def count(
    model: Annotated[
        str | None, typer.Option(help="A model; without one, list all with their options.")
    ] = None,
    size: Size = None,
    options: ModelOptions = None,
    inputs: Annotated[int, typer.Option(help="Input synapses.", min=1, max=65_536)] = 1278,
    parameters_only: Annotated[
        bool, typer.Option("--parameters-only", help="Print the number of parameters alone.")
    ] = False,
) -> None:
    """Count a model's parameters, multiply-adds per ms and state, or list the models there are."""
    from neuronio.surrogate.families import sized_options
    from neuronio.surrogate.models.building import build_model

    if model is None:
        if size is not None or options:
            raise NeuronIOError("a size or options were given without a model; add --model")
        typer.echo("\n".join(model_lines()))
        return
    if "inputs" in (values := key_values(options)):
        raise NeuronIOError("--set inputs is not taken here; give --inputs in its place")
    built = build_model(model, sized_options(model, size, {**values, "inputs": inputs}))
    if parameters_only:
        typer.echo(built.count_parameters())
        return
    typer.echo(f"parameters            {built.count_parameters():,}")
    typer.echo(f"multiply-adds per ms  {built.count_multiply_adds():,}")
    remembered = built.state_size()
    words = "none: whole windows only" if remembered is None else f"{remembered:,}"
    typer.echo(f"numbers remembered    {words}")


def model_lines() -> Iterator[str]:
    """Every model with its options, for a terminal."""
    from neuronio.surrogate.families import FAMILIES

    for name in FAMILIES:
        family = FAMILIES[name]
        yield f"{name} ({family.label}), sized by {family.options.size_field}"
        for option, field in family.options.model_fields.items():
            default: Any = field.default
            yield f"  {option} = {default!r}: {field.description}"
