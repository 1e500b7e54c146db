"""Whether shards on disk are the ones that are wanted, without reading them all every time.

What a file looked like when it was last found sound (`looks`) is kept in a small file beside the
folders; after any write it looks otherwise, and is read again.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from neuronio.data.shard import Shard
from neuronio.data.verify import verify_shard
from neuronio.errors import NeuronIOError
from neuronio.files import looks, write_json

SEEN = ".sound.json"


class Soundness:
    """What is known of the shards below a folder.

    Args:
        store: the folder; may be missing.
    """

    def __init__(self, store: str | Path):
        self.store = Path(store)
        self._seen: dict[str, list[Any]] = {}
        with suppress(OSError, ValueError):
            read = json.loads((self.store / SEEN).read_text())
            self._seen = read if isinstance(read, dict) else {}
        self._known = dict(self._seen)

    def fault(self, path: str | Path, recipe: str, first_trial: int, trials: int) -> str | None:
        """Why a shard is not the wanted one; None where it is, or is not there.

        Args:
            recipe: digest of its trials' recipe.
            first_trial, trials: which it should hold.
        """
        path = Path(path)
        if not path.exists():
            return None
        now = [*looks(path), recipe, first_trial, trials]
        key = str(path.relative_to(self.store))
        if self._seen.get(key) == now:
            return None
        fault = _fault(path, recipe, first_trial, trials)
        if fault is None:
            self._seen[key] = now
        return fault

    def vouch(self, path: str | Path, recipe: str, first_trial: int, trials: int) -> None:
        """Take a shard for the wanted one: whoever calls has just verified it."""
        path = Path(path)
        key = str(path.relative_to(self.store))
        self._seen[key] = [*looks(path), recipe, first_trial, trials]

    def remember(self) -> None:
        """Keep what was found; a folder that cannot be written to is read again next time."""
        if self._seen != self._known:
            with suppress(NeuronIOError):
                write_json(self.store / SEEN, self._seen)


def _fault(path: Path, recipe: str, first_trial: int, trials: int) -> str | None:
    try:
        with Shard(path) as shard:
            info = shard.info
    except NeuronIOError as error:
        return str(error)
    if info.get("recipe") != recipe:
        return "it was made by another recipe"
    if (info.get("first_trial"), info.get("n_trials_planned")) != (first_trial, trials):
        return "it holds other trials"
    return next(iter(verify_shard(path)), None)
