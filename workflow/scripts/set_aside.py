"""Move a file or folder that cannot be trusted to where nothing reads it, with the reason."""

import shutil
from pathlib import Path

from rule_log import RuleLog

log = RuleLog(snakemake.log[0])
path, why = snakemake.params.found
folder = Path(snakemake.output[0]).parent
folder.mkdir(parents=True, exist_ok=True)
shutil.move(path, folder / Path(path).name)
Path(snakemake.output[0]).write_text(f"{path}: {why}\n")
log.say(f"Set aside {path} in {folder}: {why}")
