"""Score one fitted surrogate on the test split."""

from pathlib import Path

from rule_log import RuleLog

from neuronio.config import EvaluationConfig
from neuronio.files import write_json
from neuronio.surrogate.evaluate import evaluate

log = RuleLog(snakemake.log[0])
folder = Path(snakemake.input.summary).parent
document = evaluate(
    folder,
    [Path(path) for path in snakemake.input.test],
    EvaluationConfig(**snakemake.params.evaluation),
    device=snakemake.params.device,
)
write_json(Path(snakemake.output[0]), document)
scores = {name: document["scores"][name]["value"] for name in ("auc", "soma_rmse_mV")}
told = [f"{name} {value:.4f}" for name, value in scores.items() if value is not None]
log.say(f"Evaluated {folder.name}: {', '.join(told) or 'no score is defined'}")
