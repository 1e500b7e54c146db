"""One word by espeak-ng, in a process that ends with it.

The synthesizer's noise starts from the clock unless it is told a seed, and goes on from one word
to the next: only the first word of a process that gives one follows from what it is told. This file
is run as a program, by its path, and then imports nothing but Python's own library:

    python speak.py LIBRARY DATA VOICE RATE PITCH RANGE SEED TEXT > samples
"""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

SYNCHRONOUS, CHARACTERS, UTF8, NO_EXIT = 2, 1, 1, 0x8000
PARAMETERS = (1, 3, 4)  # rate, pitch, range
SAMPLE_HZ = 22_050
TIMEOUT_S = 120


@dataclass(frozen=True)
class Utterance:
    """A word and how it is spoken.

    Attributes:
        text: the word.
        voice: of espeak-ng, language and variant, such as "en-us+f3".
        rate: words per minute.
        pitch, pitch_range: 0 to 100, 50 is the voice's own.
        noise_seed: of its breath and its consonants.
    """

    text: str
    voice: str
    rate: int
    pitch: int
    pitch_range: int
    noise_seed: int = 1


def speak(utterance: Utterance) -> Any:
    """The sound of a word, (n,) int16 at `SAMPLE_HZ`.

    Raises:
        NeuronIOError: espeak-ng is not installed, does not know the voice, or fails.
    """
    import numpy as np

    from neuronio.errors import NeuronIOError

    u = utterance
    settings = u.voice, *map(str, (u.rate, u.pitch, u.pitch_range, u.noise_seed)), u.text
    command = [sys.executable, "-I", "-S", __file__, *engine(), *settings]
    result = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S)
    if result.returncode or not result.stdout:
        said = result.stderr.decode(errors="replace").strip().splitlines() or ["it gave no sound"]
        raise NeuronIOError(f"espeak-ng cannot say '{u.text}' with the voice {u.voice}: {said[-1]}")
    return np.frombuffer(result.stdout, dtype="<i2")


@cache
def engine() -> tuple[str, str]:
    """The library of espeak-ng and its data: those of `espeakng-loader`, else the system's.

    Raises:
        NeuronIOError: neither is there.
    """
    try:
        import espeakng_loader
    except ImportError:
        if found := ctypes.util.find_library("espeak-ng"):
            return found, ""
        from neuronio.errors import NeuronIOError

        raise NeuronIOError(
            "synthetic digits are spoken by espeak-ng, which is not installed: "
            "pip install '.[digits]' in the clone (or Debian: apt-get install espeak-ng)"
        ) from None
    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path()


def _main(library: str, data: str, voice: str, *settings: str) -> None:
    *parameters, seed, text = settings
    espeak = ctypes.CDLL(library)
    samples = bytearray()

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    def receive(sound: int | None, count: int, events: int | None) -> int:
        if sound and count > 0:
            samples.extend(ctypes.string_at(sound, 2 * count))
        return 0

    found_hz = espeak.espeak_Initialize(SYNCHRONOUS, 0, data.encode() or None, NO_EXIT)
    if found_hz != SAMPLE_HZ:
        sys.exit(f"it starts with {found_hz} where {SAMPLE_HZ} Hz are wanted")
    if not hasattr(espeak, "espeak_ng_SetRandSeed"):  # its noise would start from the clock
        sys.exit("it is older than 1.52")
    espeak.espeak_ng_SetRandSeed(ctypes.c_long(int(seed)))
    espeak.espeak_SetSynthCallback(receive)
    if espeak.espeak_SetVoiceByName(voice.encode()):
        sys.exit("it has no such voice")
    for name, value in zip(PARAMETERS, parameters, strict=True):
        espeak.espeak_SetParameter(name, int(value), 0)
    content = text.encode() + b"\0"
    size = ctypes.c_size_t(len(content))
    if (
        espeak.espeak_Synth(content, size, 0, CHARACTERS, 0, UTF8, None, None)
        or espeak.espeak_Synchronize()
    ):
        sys.exit("it cannot synthesize")
    sys.stdout.buffer.write(samples)


if __name__ == "__main__":
    _main(*sys.argv[1:])
