"""`python -m surrogate`: fit, evaluate, predict, plot, count."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from neuronio.command.run import pairs, run_command
from neuronio.errors import NeuronIOError

MANY = ("--train", "--valid", "--data", "--set", "--training", "--evaluation", "--evaluations")

app = typer.Typer(
    help="Fit small networks to a simulated neuron, and see how well they predict it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Many = list[Path] | None
ModelName = Annotated[str, typer.Option(help="branch_elm, elm, tcn, lstm, ...: see `count`.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Options of the model, key=value ...")]
Size = Annotated[int | None, typer.Option(help="Size of the model: num_memory, width, hidden, ...")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bar, no summary.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
ModelDir = Annotated[Path, typer.Option(help="A fit directory, or one with published weights.")]


@app.command()
def fit(
    train: Annotated[Many, typer.Option(help="Shards (.h5) or folders of them to fit on.")],
    valid: Annotated[Many, typer.Option(help="Shards that choose the best weights.")],
    out: Annotated[Path, typer.Option(help="Fit directory; an interrupted fit there goes on.")],
    model: Annotated[
        str | None, typer.Option(help="Model; by default the first of the configuration's fits.")
    ] = None,
    size: Size = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and windows.", min=0)] = 0,
    config: Annotated[
        Path | None, typer.Option(help="Run configuration (YAML) to take settings from.")
    ] = None,
    options: Set = None,
    training: Annotated[
        list[str] | None, typer.Option(help="Training settings, key=value ... (config/README.md).")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Fit a model to shards; the same command again goes on after an interruption."""
    from neuronio.surrogate.settings import fit_settings
    from neuronio.surrogate.store import TrialStore
    from neuronio.surrogate.train import FitSpec
    from neuronio.surrogate.train import fit as run_fit

    train_files, valid_files = shards(train), shards(valid)
    store = TrialStore(train_files)
    name, parsed, settings = fit_settings(
        config, model, size, pairs(options), pairs(training), store.n_synapses
    )
    store.close()
    spec = FitSpec(name, parsed, seed, settings, train_files, valid_files, out)
    summary = run_fit(spec, quiet=quiet)
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
def evaluate(
    model: ModelDir,
    data: Annotated[Many, typer.Option(help="Shards (.h5) or folders of them to report on.")],
    out: Annotated[Path | None, typer.Option(help="Write everything to this JSON file.")] = None,
    valid: Annotated[
        Many, typer.Option(help="Shards on which to choose the spike threshold instead.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="streaming (default) or published.", show_default=False)
    ] = None,
    evaluation: Annotated[
        list[str] | None, typer.Option(help="Evaluation settings, key=value ...")
    ] = None,
    device: Device = "cpu",
    quiet: Quiet = False,
) -> None:
    """Score a model on shards, with bootstrap intervals over trials."""
    from neuronio.config import EvaluationConfig, validate
    from neuronio.surrogate.checkpoint import write_json
    from neuronio.surrogate.evaluate import evaluate as run_evaluation
    from neuronio.surrogate.evaluate import headline
    from neuronio.surrogate.settings import check_device, typed

    values = typed(EvaluationConfig, pairs(evaluation)) | ({"mode": mode} if mode else {})
    settings = validate(EvaluationConfig, values, "evaluation")
    check_device(device)
    document = run_evaluation(
        model, shards(data), settings, valid=shards(valid) if valid else (), device=device
    )
    if not quiet:
        typer.echo("\n".join(headline(document)))
    if document["data"]["seen_in_fit"]:
        typer.echo("warning: the model was fitted to some of these trials", err=True)
    if out:
        write_json(out, document)


@app.command()
def predict(
    model: ModelDir,
    data: Annotated[Many, typer.Option(help="Shards (.h5) to take the trial from.")],
    out: Annotated[Path, typer.Option(help="Write the prediction here (.npz).")],
    trial: Annotated[int, typer.Option(help="Trial, counted from 0 over the shards.")] = 0,
    plot: Annotated[Path | None, typer.Option(help="Draw it here (.png or .svg).")] = None,
    mode: Annotated[str, typer.Option(help="streaming or published.")] = "streaming",
    device: Device = "cpu",
) -> None:
    """Predict one trial: spike probability and soma voltage beside the truth."""
    from neuronio.config import EvaluationConfig, validate
    from neuronio.surrogate.evaluate import predict_one
    from neuronio.surrogate.settings import check_device, write_arrays

    check_device(device)
    check_suffix(out, (".npz",))
    if plot:
        check_suffix(plot, (".png", ".svg"))
    settings = validate(EvaluationConfig, {"mode": mode}, "evaluation")
    prediction = predict_one(model, shards(data), trial, settings, device)
    write_arrays(out, prediction)
    if plot:
        from neuronio.drawing import save_figure
        from neuronio.surrogate.figures import prediction_figure

        title = f"{model.resolve().name}, trial {trial}"
        save_figure(lambda: prediction_figure(prediction, title), plot)


@app.command()
def plot(
    evaluations: Annotated[Many, typer.Option(help="Files written by `evaluate --out`.")],
    out: Annotated[Path, typer.Option(help="Folder for figures (SVG, PNG) and tables.")],
    published: Annotated[
        bool, typer.Option(help="Draw published figures (other data) for reference.")
    ] = True,
) -> None:
    """Draw accuracy against parameters, and write the table as CSV and JSON.

    Learning curves are drawn too for evaluations that lie beside the history of their fit.
    """
    from neuronio.drawing import save_figure
    from neuronio.surrogate.checkpoint import read_history
    from neuronio.surrogate.figures import accuracy_figure, learning_figure
    from neuronio.surrogate.results_table import read_evaluations, read_reference, write_table

    paths = [Path(path) for path in evaluations or ()]
    documents = read_evaluations(paths)
    reference = read_reference() if published else []
    written = save_figure(lambda: accuracy_figure(documents, reference), out / "accuracy")
    histories = {
        path.parent.resolve().name: read_history(path.with_name("history.csv"))
        for path in paths
        if path.with_name("history.csv").is_file()
    }
    if histories:
        written += save_figure(lambda: learning_figure(histories), out / "learning")
    written += write_table(documents, out / "table")
    typer.echo("\n".join(str(path) for path in written))


@app.command()
def count(
    model: ModelName,
    size: Size = None,
    options: Set = None,
    inputs: Annotated[int, typer.Option(help="Input synapses.")] = 1278,
    parameters_only: Annotated[
        bool, typer.Option("--parameters-only", help="Print the number of parameters alone.")
    ] = False,
) -> None:
    """Count a model's parameters, and its multiply-adds per ms."""
    from neuronio.surrogate.models import build_model
    from neuronio.surrogate.settings import model_options

    built = build_model(model, model_options(model, size, {**pairs(options), "inputs": inputs}))
    if parameters_only:
        typer.echo(built.count_parameters())
        return
    typer.echo(f"parameters            {built.count_parameters():,}")
    typer.echo(f"multiply-adds per ms  {built.count_multiply_adds():,}")


def shards(paths: Many) -> list[Path]:
    """Files as given; a folder stands for the shards in it."""
    found = []
    for path in paths or ():
        inside = sorted(path.glob("*.h5")) if path.is_dir() else [path]
        if not inside:
            raise NeuronIOError(f"the folder {path} holds no shard (.h5)")
        found += inside
    return found


def check_suffix(path: Path, wanted: tuple[str, ...]) -> None:
    """Reject a file name whose ending would make another kind of file than asked for."""
    if path.suffix not in wanted:
        raise NeuronIOError(f"{path} must end in {' or '.join(wanted)}")


def spread(arguments: list[str]) -> list[str]:
    """`--data a b` as `--data a --data b`, so that a shell's wildcard works."""
    out, option = [], None
    for argument in arguments:
        if argument.startswith("-"):
            option = argument if argument in MANY else None
            out.append(argument)
        elif option and out[-1] != option:
            out += [option, argument]
        else:
            out.append(argument)
    return out


def main(arguments: list[str]) -> int:
    """Run a command line."""
    hint = "interrupted; the same command goes on from the last checkpoint"
    return run_command(app, spread(arguments), "python -m surrogate", hint)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
