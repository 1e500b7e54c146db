"""Compile the NMODL mechanisms and note where the library is."""

from pathlib import Path

from rule_log import RuleLog

from neuronio.simulation.mechanisms import compile_mechanisms, mechanism_hash

log = RuleLog(snakemake.log[0])
library = compile_mechanisms()
Path(snakemake.output[0]).write_text(f"{mechanism_hash()}\n")
log.note(f"the mechanisms are in {library}")
