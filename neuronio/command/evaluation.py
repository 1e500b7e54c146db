"""Subcommands that judge surrogates: evaluate, compare-fits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from neuronio.command.options import Device, Files, ModelDir, Quiet, Texts, check_suffix
from neuronio.config import EvaluationConfig
from neuronio.files import write_json
from neuronio.sections import key_values, validate

app = typer.Typer()

Scored = Annotated[Files, typer.Option(help="Shards (.h5) or folders of them to report on.")]
Out = Annotated[Path | None, typer.Option(help="Write everything to this JSON file.")]
Valid = Annotated[
    Files, typer.Option(help="Shards on which to choose the spike threshold instead.")
]
Mode = Annotated[
    str | None, typer.Option(help="streaming (default) or published.", show_default=False)
]
Settings = Annotated[
    Texts, typer.Option(help="Evaluation settings, key=value ..., such as ignore_ms=100.")
]


def _settings(mode: str | None, evaluation: Texts) -> EvaluationConfig:
    values = key_values(evaluation) | ({"mode": mode} if mode else {})
    return validate(EvaluationConfig, values, "evaluation")


@app.command()
def evaluate(
    model: ModelDir,
    data: Scored,
    out: Out = None,
    valid: Valid = None,
    mode: Mode = None,
    evaluation: Settings = None,
    device: Device = "cpu",
    quiet: Quiet = False,
) -> None:
    """Score a model on shards, with bootstrap intervals over trials."""
    from neuronio.surrogate.device import check_device
    from neuronio.surrogate.evaluate import evaluate as run_evaluation
    from neuronio.surrogate.score_words import headline
    from neuronio.surrogate.store import shard_paths

    check_suffix(out, ".json")
    settings = _settings(mode, evaluation)
    check_device(device)
    document = run_evaluation(
        model, shard_paths(data or ()), settings, valid=shard_paths(valid or ()), device=device
    )
    if not quiet:
        typer.echo("\n".join(headline(document)))
    _warn("the model", document, document["data"]["seen_in_fit"])
    if out:
        write_json(out, document)


@app.command("compare-fits")
def compare_fits(
    a: Annotated[Path, typer.Argument(help="A fit directory, or one with published weights.")],
    b: Annotated[Path, typer.Argument(help="Another fit to the same cell.")],
    data: Scored,
    out: Out = None,
    valid: Valid = None,
    mode: Mode = None,
    evaluation: Settings = None,
    device: Device = "cpu",
    quiet: Quiet = False,
) -> None:
    """Score two fits on the same trials: differences B - A with paired bootstrap intervals."""
    from neuronio.surrogate.comparison import compare_fits as run_comparison
    from neuronio.surrogate.device import check_device
    from neuronio.surrogate.score_words import difference_lines
    from neuronio.surrogate.store import shard_paths

    check_suffix(out, ".json")
    settings = _settings(mode, evaluation)
    check_device(device)
    document = run_comparison(
        a, b, shard_paths(data or ()), settings, valid=shard_paths(valid or ()), device=device
    )
    if not quiet:
        typer.echo("\n".join(difference_lines(document)))
    for side in "ab":
        _warn(side.upper(), document[side], document[side]["seen_in_fit"])
    if out:
        write_json(out, document)


def _warn(who: str, document: dict[str, Any], seen_in_fit: bool) -> None:
    """Say on stderr what makes scores optimistic."""
    from neuronio.surrogate.threshold import FROM_SAME

    if seen_in_fit:
        typer.echo(f"warning: {who} was fitted to some of these trials", err=True)
    if document["spike_threshold"]["chosen_on"] == FROM_SAME:
        typer.echo(
            f"warning: the spike threshold of {who} was chosen on these trials, so F1 is "
            "optimistic; give others with --valid",
            err=True,
        )
