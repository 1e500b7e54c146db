"""Compile the NMODL mechanisms and note where the library is."""

from pathlib import Path

from rule_log import Job

from neuronio.simulation.mechanisms import compile_mechanisms, mechanism_hash

job = Job(snakemake.log[0])
library = compile_mechanisms()
Path(snakemake.output[0]).write_text(f"{mechanism_hash()}\n")
job.note(f"the mechanisms are in {library}")
