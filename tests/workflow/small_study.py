"""A study so small that every machine makes it in a minute or two, to be held against ours.

`python tests/workflow/small_study.py` makes it again and rewrites small_study.json beside this
file: only for a change that is meant to change results.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).with_suffix(".json")
SCALE = "0.008"
FITS = {"pooled_elm": 8, "linear": 4}
SCORES = ("auc", "average_precision", "soma_rmse_mV", "soma_explained_variance")
DURATION_MS = 2000


def configuration() -> dict:
    """config/study.yaml with one seed of two of its fits, short trials, and half to train with."""
    document = yaml.safe_load((ROOT / "config" / "study.yaml").read_text())
    fits = [
        {**section, "sizes": [FITS[section["model"]]], "seeds": [0]}
        for section in document["fits"]
        if FITS.get(section["model"]) in section["sizes"] and "label" not in section
    ]
    document["dataset"]["duration_ms"] = DURATION_MS
    document["dataset"]["trials"]["train"] //= 2
    document["evaluation"]["floor_trials"] = 0
    return document | {"fits": fits}


def make(folder: Path) -> subprocess.CompletedProcess:
    """What `make study SCALE=...` runs, in a folder."""
    (folder / "small.yaml").write_text(yaml.safe_dump(configuration()))
    script = [sys.executable, str(ROOT / "workflow" / "study.py"), "--configfile", "small.yaml"]
    command = [*script, "--keep", "unused", "--scale", SCALE, "--cores", "2"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=800)


def scores(folder: Path) -> dict[str, dict]:
    """Value, low and high of each score, by the name of what is kept."""
    kept = folder / "results" / f"study-{SCALE}" / "kept" / "fits"
    found = {}
    for path in sorted(kept.glob("*/evaluation.json")):
        document = json.loads(path.read_text())
        found[path.parent.name] = {name: document["scores"][name] for name in SCORES}
        found[path.parent.name]["spikes"] = document["data"]["spikes"]
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        done = make(Path(made))
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        RECORDED.write_text(json.dumps(scores(Path(made)), indent=1) + "\n")
