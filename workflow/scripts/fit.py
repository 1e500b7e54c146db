"""Fit one surrogate, or go on with it where it was interrupted."""

import hashlib
import json
import shutil
from pathlib import Path

from rule_log import RuleLog

from neuronio.config import TrainingConfig
from neuronio.data.shard import Shard
from neuronio.surrogate.models import sized_options
from neuronio.surrogate.train import FitSpec, fit


def claim(folder: Path, settings: dict, manifest: Path) -> None:
    """Empty the fit's folder if it was begun with other settings or other data."""
    document = json.dumps(settings, sort_keys=True) + manifest.read_text()
    digest = hashlib.sha256(document.encode()).hexdigest()
    mark = folder / "settings.sha256"
    if folder.exists() and not (mark.exists() and mark.read_text() == digest):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(digest)


log = RuleLog(snakemake.log[0])
settings = snakemake.params.settings
out = Path(snakemake.output[0]).parent
claim(out, settings, Path(snakemake.input.manifest))
with Shard(snakemake.input.train[0]) as shard:
    inputs = shard.n_synapses
spec = FitSpec(
    model=settings["model"],
    options=sized_options(
        settings["model"], settings["size"], {**settings["options"], "inputs": inputs}
    ),
    seed=settings["seed"],
    training=TrainingConfig(**settings["training"]).model_copy(
        update={"threads": snakemake.threads}
    ),
    train=[Path(path) for path in snakemake.input.train],
    valid=[Path(path) for path in snakemake.input.valid],
    out=out,
    ignore_ms=settings["ignore_ms"],
)
summary = fit(spec, progress=log.progress(f"Fit {out.name}", "steps"))
log.say(f"Fitted {out.name}: {summary['parameters']:,} parameters")
