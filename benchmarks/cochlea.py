"""From a sound to the spikes of the cochlea: CPU time of a recording, ours and `lauscher`'s.

    python benchmarks/cochlea.py [--channels 4 12] [--json FILE] [--quick]

Both take the same 0.8 s of sound at 48 kHz and give spikes. Ours has all 700 channels. `lauscher`
(PyPI, the implementation by the authors of the published data) would need a quarter of an hour of
a core for these: it runs with two small numbers of channels, and the difference between the two,
which leaves out what starting costs, is scaled to 700. CPU time is that of all processes. Compiling
and the table of the membrane, which is kept, are counted apart.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Callable, Sequence
from os import environ
from pathlib import Path
from typing import Any

import machine
import numpy as np

from neuronio.data.digits.cochlea import CHANNELS, Cochlea
from neuronio.data.digits.hair_cell import library
from neuronio.data.digits.membrane import SOUND_HZ
from neuronio.data.digits.sound import prepared
from neuronio.files import write_json

SOUND_S = 0.8
REPEATS = 5


def run(*, quick: bool = False, channels: Sequence[int] = (4, 12)) -> dict[str, Any]:
    """CPU time of a recording, s.

    Args:
        quick: a short sound and few channels, to see that it works; the figures mean nothing.
        channels: two numbers of them that `lauscher` runs with.
    """
    seconds = 0.1 if quick else SOUND_S
    rng = np.random.default_rng(0)
    sound = prepared(rng.normal(size=round(seconds * SOUND_HZ)), SOUND_HZ)
    cochlea = Cochlea(channels=20) if quick else Cochlea()
    library()
    with tempfile.TemporaryDirectory() as cache:
        table_s = table_seconds(cochlea, cache)
        ours = [cpu_of(lambda: cochlea.spikes(sound, rng)) for _ in range(REPEATS + 1)][1:]
    low, high = sorted(channels)
    by_lauscher(sound[: SOUND_HZ // 20], low)  # what is loaded and compiled once
    spent = {n: cpu_of(lambda n=n: by_lauscher(sound, n)) for n in (low, high)}
    theirs = (spent[high] - spent[low]) / (high - low) * CHANNELS
    return {
        "machine": machine.facts(),
        "sound_s": seconds,
        "ours_s": float(np.median(ours)),
        "table_s": table_s,
        "lauscher_cpu_s": {str(n): s for n, s in spent.items()},
        "lauscher_scaled_s": theirs,
        "gain": theirs / float(np.median(ours)),
    }


def table_seconds(cochlea: Cochlea, cache: str) -> float:
    """CPU time of the membrane's table, made in an empty cache, where it is then read from."""
    before = environ.get("NEURONIO_CACHE")
    environ["NEURONIO_CACHE"] = cache
    try:
        return cpu_of(lambda: cochlea.membrane.table)
    finally:
        del environ["NEURONIO_CACHE"]
        if before is not None:
            environ["NEURONIO_CACHE"] = before


def by_lauscher(sound: np.ndarray, channels: int) -> None:
    """The same steps by the reference."""
    from lauscher.audiowaves import MonoAudioWave
    from lauscher.transformations.basilar_membrane import BasilarMembrane
    from lauscher.transformations.bushy_cell import BushyCell
    from lauscher.transformations.hair_cell import HairCell

    moved = BasilarMembrane(channels=channels)(MonoAudioWave(list(sound), SOUND_HZ))
    BushyCell()(HairCell()(moved))


def cpu_of(work: Callable[[], Any]) -> float:
    """CPU time of some work and of the processes that it starts and that end with it, s."""
    before = _cpu_s()
    work()
    return _cpu_s() - before


def _cpu_s() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, whose))


def lines(results: dict[str, Any]) -> list[str]:
    """The results for a terminal."""
    ran = ", ".join(f"{s:.1f} s at {n} channels" for n, s in results["lauscher_cpu_s"].items())
    return [
        f"{results['sound_s']} s of sound, {CHANNELS} channels, CPU time",
        f"neuronio {results['ours_s']:10.2f} s   (and {results['table_s']:.0f} s once for a table)",
        f"lauscher {results['lauscher_scaled_s']:10.0f} s   (scaled from {ran})",
        f"gain     {results['gain']:10.0f}x",
    ]


def main() -> None:
    """Measure, print, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures (s) to this file")
    parser.add_argument("--channels", type=int, nargs=2, default=(4, 12), help="of lauscher")
    parser.add_argument("--quick", action="store_true", help="see that it works, no more")
    options = parser.parse_args()
    results = run(quick=options.quick, channels=options.channels)
    print("\n".join(lines(results)))
    if options.json:
        write_json(options.json, results)


if __name__ == "__main__":
    main()
