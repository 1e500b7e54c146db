"""A fitted classifier against samples it has not seen: one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from neuronio.classification import ClassifierEvaluation
from neuronio.errors import NeuronIOError
from neuronio.recipe import made_with
from neuronio.surrogate.bootstrap import Resamples
from neuronio.surrogate.checkpoint import load_weights, read_record, read_tensors
from neuronio.surrogate.device import check_device
from neuronio.surrogate.families import FAMILIES, parse_options
from neuronio.surrogate.models.base import Surrogate
from neuronio.surrogate.tasks.classify.fit import of_samples, predicted
from neuronio.surrogate.tasks.classify.pairs import PairClassifier, build_classifier
from neuronio.surrogate.tasks.classify.recipes import PACKAGES, TASK, evaluation_code
from neuronio.surrogate.tasks.classify.source import Source

# More groups are drawn in so many blocks, which takes less memory and covers alike.
MOST_GROUPS = 3000


def load_classifier(folder: Path) -> tuple[Surrogate, dict[str, Any], dict[str, Any]]:
    """The model of a fit directory, in evaluation mode, with its config.json and summary.json.

    Raises:
        NeuronIOError: it is no directory of such a fit, or its files do not fit together.
    """
    if not (folder / "summary.json").is_file():
        raise NeuronIOError(
            f"{folder} is not the directory of a finished fit (it has no summary.json)"
        )
    config, summary = (read_record(folder / f"{name}.json") for name in ("config", "summary"))
    if config.get("task") != TASK or config.get("format") != 1:
        raise NeuronIOError(f"{folder} is a fit to something else than classes of sequences")
    if missing := [
        key for key in ("about", "model", "options", "size", "seed") if key not in config
    ]:
        raise NeuronIOError(f"{folder / 'config.json'} lacks {', '.join(missing)}; fit again")
    options, about = parse_options(config["model"], config["options"]), config["about"]
    # A fit from before there were samples of two rows does not say so.
    rows, classes = about.get("rows_per_label", 1), about.get("classes", options.outputs)
    model = build_classifier(config["model"], options, rows, classes)
    load_weights(model, read_tensors(folder / "best.pt"), folder / "best.pt")
    return model.eval(), config, summary


def evaluate_classifier(
    folder: Path, test: Source, settings: ClassifierEvaluation, *, device: str = "cpu"
) -> dict[str, Any]:
    """Evaluate the classifier in `folder` on the samples of `test`.

    Returns:
        A JSON-like document: model, data, settings, scores (value, low, high), reference (chance
        and the set's trivial scores), confusion (true classes by rows), versions.

    Raises:
        NeuronIOError: model and data do not fit, or the directory is none of a fit.
    """
    check_device(device)
    model, config, summary = load_classifier(folder)
    _check(model, test, folder)
    model.to(device)
    logit_sc, label_s = predicted(model, test, device, settings.input_dropout, settings.seed)
    return {
        "format": 1,
        "task": TASK,
        "name": folder.absolute().name,
        "model": {
            "name": config["model"],
            "label": FAMILIES[config["model"]].label,
            "size": config["size"],
            "seed": config["seed"],
            "parameters": model.count_parameters(),
            "multiply_adds_per_step": model.count_multiply_adds(),
            "state_size": model.state_size(),
            "training_seconds": summary["training_seconds"],
            "options": config["options"],
            "training": config["training"],
            "validation": summary["validation"],
        },
        "settings": settings.model_dump(),
        "data": {"about": asdict(test.about), "samples": len(test), "name": test.name()},
        "scores": scores(logit_sc, label_s, test.groups(), settings),
        "reference": reference(label_s, test.about.classes, test.about.trivial_scores),
        "confusion": confusion(logit_sc.argmax(1), label_s, test.about.classes).tolist(),
        **made_with(*PACKAGES),
        "code": evaluation_code(config["model"]),
    }


def scores(
    logit_sc: np.ndarray, label_s: np.ndarray, groups_sk: np.ndarray, settings: ClassifierEvaluation
) -> dict[str, dict[str, float | None]]:
    """Accuracy and cross-entropy (nats), each with its interval over groups.

    A sample of K groups, such as the two recordings of a pair, is drawn as often as all of them
    together: the product of how often each is (the pigeonhole bootstrap of Owen, Ann. Appl. Stat.
    2007). It covers at least what it says: where errors have nothing to do with recordings, as at
    chance, intervals of pairs are up to sqrt(3) times too wide. Fewer than LEAST_TRIALS groups have
    no interval (bootstrap.py).
    """
    group_sk, n_groups = blocks(groups_sk)
    draws = Resamples.draw(n_groups, settings.bootstrap, settings.confidence, settings.seed)
    right_s, loss_s = of_samples(logit_sc, label_s)

    def weighted(weight_rg: np.ndarray) -> dict[str, np.ndarray]:
        found: dict[str, list[float]] = {"accuracy": [], "cross_entropy": []}
        for weight_g in weight_rg:
            weight_s = weight_g[group_sk].prod(axis=1)
            total = weight_s.sum() or np.nan
            found["accuracy"].append(weight_s @ right_s / total)
            found["cross_entropy"].append(weight_s @ loss_s / total)
        return {name: np.array(values) for name, values in found.items()}

    intervals = draws.intervals(weighted)
    told = {"accuracy": float(right_s.mean()), "cross_entropy": float(loss_s.mean())}
    none = {"low": None, "high": None}
    return {name: {"value": v, **intervals.get(name, none)} for name, v in told.items()}


def blocks(groups_sk: np.ndarray) -> tuple[np.ndarray, int]:
    """Groups counted from 0, and how many; very many are joined to blocks at random.

    Files may be in the order of their classes, of which a block in their order would hold one.
    """
    found, number = np.unique(groups_sk, return_inverse=True)
    number = number.reshape(groups_sk.shape)
    if len(found) <= MOST_GROUPS:
        return number, len(found)
    order = np.random.default_rng(0).permutation(len(found))
    return order[number] * MOST_GROUPS // len(found), MOST_GROUPS


def reference(label_s: np.ndarray, classes: int, trivial: Mapping[str, float]) -> dict[str, float]:
    """Accuracies without learning: of chance among the classes that occur, of always the same
    answer, and of the set's rules."""
    count_c = np.bincount(label_s, minlength=classes)
    often = float(count_c.max() / len(label_s))
    return {"chance": 1.0 / np.count_nonzero(count_c), "one answer": often, **trivial}


def confusion(called_s: np.ndarray, label_s: np.ndarray, classes: int) -> np.ndarray:
    """How often a class (row) is called another (column), (classes, classes)."""
    return np.bincount(label_s * classes + called_s, minlength=classes**2).reshape(classes, classes)


def _check(model: Surrogate, test: Source, folder: Path) -> None:
    about, options = test.about, model.options
    pairs = isinstance(model, PairClassifier)
    wanted = {
        "rows_per_label": (about.rows_per_label, 2 if pairs else 1),
        "channels": (about.channels, options.inputs),
        "classes": (about.classes, model.classes if pairs else options.outputs),
        "step_ms": (about.bin_ms or 1.0, options.step_ms),
    }
    for key, (found, value) in wanted.items():
        if found != value:
            raise NeuronIOError(
                f"{about.task}, {about.split}: {key} is {found}, but the model in {folder} "
                f"was fitted to {value}; give data of one kind"
            )
