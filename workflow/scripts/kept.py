"""Finished fits that are kept beside the code, with their evaluations: never made again.

    docs/results/neuronio/fits/pooled_elm-20-seed0/
        kept.json        the configuration that asks for it, and the receipts of fit and evaluation
        best.pt, config.json, history.csv, summary.json, evaluation.json

A fit is kept for what was asked, not for the code that made it: the receipts say which that was.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plan import FLOOR, Fit, Plan, asked_fits, shown

from neuronio.config import InputsConfig, RunConfig, validate_config
from neuronio.errors import NeuronIOError
from neuronio.files import read_json, write_atomic, write_json
from neuronio.made import Product, changed_file
from neuronio.simulation.inputs.draw import make_generator
from neuronio.simulation.inputs.splits import trial_counts
from neuronio.surrogate.families import FAMILIES, ModelOptions, option_values
from neuronio.surrogate.fit_settings import fitted_options
from neuronio.surrogate.recipes import ONLY_SPEED
from neuronio.training import FOLLOWS

KEPT = "kept.json"
# Weights of more are left out: a repository is no place for them, and the fit can be made again.
LARGEST_BYTES = 1 << 20


def question(run: RunConfig, fit: Fit | None) -> dict[str, Any]:
    """The configuration that asks for one fit, or for the noise floor, with nothing left open.

    What it is called, where it lies and how fast it is computed is not in it.
    """
    document = shown(run)
    document["name"], document["leave_out"] = "kept", []
    document["inputs"] = _all_parameters(run.inputs)
    other = run.dataset.test_generator
    trials = trial_counts(run)
    document["dataset"] |= {
        # The floor is that of the test trials, whatever is fitted.
        "trials": trials if fit else {**trials, "train": 1, "valid": 1},
        "scale": 1.0,
        "trials_per_shard": 1,
        "test_generator": _all_parameters(other) if other else None,
    }
    document["training"] = {}
    document["fits"] = [_asked(run, fit)] if fit else []
    if fit:
        document["evaluation"] = run.evaluation.scoring.model_dump(mode="json")
    return document


def _all_parameters(inputs: InputsConfig) -> dict[str, Any]:
    generator = make_generator(inputs.generator, inputs.parameters)
    return {
        "generator": Path(inputs.generator).name,
        "parameters": generator.model_dump(mode="json"),
    }


def _asked(run: RunConfig, fit: Fit) -> dict[str, Any]:
    training, section = run.training_of(fit.section), fit.section
    # Of a smaller dataset all are used; said so, the question can be asked again.
    validated = min(training.validation_trials, trial_counts(run)["valid"])
    training = training.model_copy(update={"validation_trials": validated})
    some = ModelOptions.model_fields["inputs"].default
    options = option_values(
        fitted_options(section.model, fit.size, section.options, training, some)
    )
    size = FAMILIES[section.model].options.size_field
    for known in ("inputs", "outputs", *FOLLOWS, size):
        options.pop(known)
    return {
        "model": FAMILIES[section.model].name,
        "sizes": [fit.size],
        "seeds": [fit.seed],
        "options": options,
        "training": training.model_dump(mode="json", exclude={*ONLY_SPEED, "preset"}),
    }


def fits_by_name(run: RunConfig) -> dict[str, Fit | None]:
    """What a configuration asks for that can be kept: its fits, and the noise floor as None."""
    floor = {FLOOR: None} if run.evaluation.floor_trials and run.fits else {}
    asked = {fit.name: fit for fit in asked_fits(run)} | floor
    return {name: fit for name, fit in asked.items() if name not in run.leave_out}


def kept_configuration(folder: Path) -> Any:
    """The configuration that asks for what is kept in a folder.

    Raises:
        NeuronIOError: a file of it is damaged or missing.
    """
    try:
        kept = read_json(folder / KEPT)
        fault, configuration = changed_file(folder, kept), kept["configuration"]
    except (KeyError, TypeError, AttributeError) as error:
        raise NeuronIOError(f"{folder / KEPT} cannot be read ({error}); delete {folder}") from error
    if fault:
        raise NeuronIOError(f"{folder}: {fault}; restore it, or delete the folder")
    return configuration


class Keeper:
    """The folder of kept results of one configuration.

    Args:
        folder: where they are kept, one folder a fit.
        run: the configuration.

    Raises:
        NeuronIOError: the configuration names a file of the user's own.
    """

    def __init__(self, folder: Path, run: RunConfig) -> None:
        generators = [run.inputs, run.dataset.test_generator]
        named = [run.cell.model, *(fit.model for fit in run.fits)]
        named += [inputs.generator for inputs in generators if inputs]
        named += [run.cell.variant.morphology or ""]
        if own := next((name for name in named if Path(name.partition(":")[0]).suffix), None):
            raise NeuronIOError(
                f"{own} is a file of your own, which a kept fit cannot name: its content would be "
                "missing; run this configuration with `make run`"
            )
        self.folder, self.run, self.asked = folder, run, fits_by_name(run)

    def missing(self) -> list[str]:
        """The names of what is asked for and not kept.

        Raises:
            NeuronIOError: what is kept by a name is damaged, or is something else.
        """
        return [name for name in self.asked if not self._has(name)]

    def _has(self, name: str) -> bool:
        folder = self.folder / name
        if not (folder / KEPT).exists():
            return False
        # Keys that came later than it have their defaults.
        run = validate_config(kept_configuration(folder), name=str(folder))
        fit = next(iter(asked_fits(run)), None)
        if question(run, fit) != question(self.run, self.asked[name]):
            raise NeuronIOError(
                f"{folder} answers another configuration; give this fit a label of its own, or "
                "delete the folder to make it anew"
            )
        return True

    def keep_finished(self, plan: Plan) -> list[str]:
        """Copy what the run of a plan has finished and evaluated since; returns the names.

        Raises:
            NeuronIOError: the disk refuses.
        """
        kept = []
        for name, evaluation in plan.judged.items():
            made = {"evaluation": evaluation}
            made |= {"fit": plan.fits[name]} if name in plan.fits else {}
            kept_before = (self.folder / name / KEPT).exists()
            there = all(product.receipt.exists() for product in made.values())
            if there and not kept_before and not any(p.fault() for p in made.values()):
                try:
                    self._keep(name, made)
                except OSError as error:
                    raise NeuronIOError(f"cannot keep {name} in {self.folder}: {error}") from error
                kept.append(name)
        return kept

    def _keep(self, name: str, made: Mapping[str, Product]) -> None:
        folder, receipts = self.folder / name, {}
        folder.mkdir(parents=True, exist_ok=True)
        files, left_out = {}, []
        for what, product in made.items():
            receipt = read_json(product.receipt)
            receipts[what] = {k: v for k, v in receipt.items() if k != "configuration"}
            for file, checksum in receipt["files"].items():
                if (product.folder / file).stat().st_size > LARGEST_BYTES:
                    left_out.append(file)
                    continue
                write_atomic(folder / file, (product.folder / file).read_bytes())
                files[file] = checksum
        configuration = question(self.run, self.asked[name])
        document = {"configuration": configuration, "files": files, "left_out": left_out}
        write_json(folder / KEPT, document | receipts)
