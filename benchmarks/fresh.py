"""Functions run in a fresh process, so that no benchmark sees another's threads or memory."""

from __future__ import annotations

import importlib
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def call(module: str, function: str, **options: Any) -> dict[str, Any]:
    """What a function of a module of this folder returns; `lines` of it, if any, is printed."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_call, module, function, options).result()


def _call(module: str, function: str, options: dict[str, Any]) -> dict[str, Any]:
    loaded = importlib.import_module(module)
    results = getattr(loaded, function)(**options)
    if hasattr(loaded, "lines"):
        print("\n".join(loaded.lines(results)), flush=True)
    return results
