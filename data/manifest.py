"""The manifest: every trial of a dataset, with its seed, spikes and status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from neuronio.data.shard import Shard
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError
from neuronio.files import write_csv
from neuronio.recipe import file_sha256

MANIFEST_FIELDS = (
    "split",
    "trial",
    "seed",
    "attempt",
    "status",
    "reason",
    "output_spikes",
    "excitatory_inputs",
    "inhibitory_inputs",
    "shard",
    "sha256",
)


def write_manifest(target: str | Path, shards: Mapping[str, Sequence[str | Path]]) -> Path:
    """Verify every shard and list every trial, failed ones too, in a CSV file.

    Args:
        target: path of the manifest.
        shards: paths of the shards of every split.

    Raises:
        NeuronIOError: a shard is missing or damaged.
    """
    rows: list[dict] = []
    for split, paths in shards.items():
        for path in map(Path, paths):
            if problems := verify_shard(path):
                raise NeuronIOError(f"{problems[0]}; delete it and run again")
            rows += _manifest_rows(path, split)
    write_csv(target, rows, MANIFEST_FIELDS)
    return Path(target)


def _manifest_rows(path: Path, split: str) -> Iterator[dict]:
    sha256 = file_sha256(path)
    with Shard(path) as shard:
        info = shard.info
        for i, index in enumerate(shard.trial_index):
            inputs, retried = shard.inputs(i), info["retried"].get(str(index), "")
            yield {
                "split": split,
                "trial": index,
                "seed": info["dataset_seed"],
                "attempt": info["attempts"].get(str(index), 0),
                "status": "retried" if retried else "ok",
                "reason": retried,
                "output_spikes": len(shard.spike_ms(i)),
                "excitatory_inputs": inputs.n_excitatory,
                "inhibitory_inputs": inputs.n_events - inputs.n_excitatory,
                "shard": path.name,
                "sha256": sha256,
            }
        for index, reason in info["failed"].items():
            yield {
                "split": split,
                "trial": index,
                "seed": info["dataset_seed"],
                "attempt": info["attempts"].get(index, 0),
                "status": "failed",
                "reason": reason,
                "shard": path.name,
                "sha256": sha256,
            }
