"""Sounds as the cochlea takes them: 48 kHz, of one loudness, with soft ends."""

from __future__ import annotations

import io
import wave
from math import gcd
from typing import IO

import numpy as np

from neuronio.data.digits.membrane import SOUND_HZ
from neuronio.errors import NeuronIOError

RMS = 0.3
RAMP_MS = 30.0
SAMPLE_BYTES = 2


def prepared(sound: np.ndarray, rate_hz: int, *, rms: float = RMS) -> np.ndarray:
    """A sound at `SOUND_HZ`, scaled, with Hann ramps at both ends.

    Args:
        sound: (n,) at `rate_hz`, mono.
        rms: root mean square to scale to, before the ramps.

    Returns:
        (m,) float64.

    Raises:
        NeuronIOError: the sound is silent, not finite or shorter than its ramps.
    """
    from scipy.signal import resample_poly

    sound = np.asarray(sound, dtype=np.float64)
    ramp = round(RAMP_MS * SOUND_HZ / 1000)
    if sound.ndim != 1 or len(sound) * SOUND_HZ < 2 * ramp * rate_hz:
        raise NeuronIOError(
            f"a sound is one channel of {2 * RAMP_MS:g} ms or more, not of shape {sound.shape} at "
            f"{rate_hz} Hz"
        )
    shared = gcd(SOUND_HZ, rate_hz)
    at_rate = resample_poly(sound, SOUND_HZ // shared, rate_hz // shared)
    loudness = np.sqrt(np.mean(at_rate**2))
    if not (np.isfinite(loudness) and loudness > 0):
        raise NeuronIOError(f"a sound of loudness {loudness} cannot be scaled; is it silent?")
    at_rate *= rms / loudness
    rise = np.sin(np.pi / 2 * np.arange(ramp) / ramp) ** 2
    at_rate[:ramp] *= rise
    at_rate[-ramp:] *= rise[::-1]
    return at_rate


def read_wav(file: IO[bytes] | bytes, name: str) -> tuple[np.ndarray, int]:
    """Samples and rate of a mono wav file of 16 bits.

    Args:
        file: open, or its content.
        name: for what is said of a file that is not such.

    Returns:
        (n,) int16, and Hz.

    Raises:
        NeuronIOError: it is none, is cut off, or has another form.
    """
    try:
        with wave.open(io.BytesIO(file) if isinstance(file, bytes) else file) as wav:
            form = wav.getnchannels(), wav.getsampwidth()
            rate_hz, content = wav.getframerate(), wav.readframes(wav.getnframes())
        if len(content) % form[1]:
            raise EOFError
    except (wave.Error, EOFError, OSError, ValueError) as error:
        reason = str(error) or "it ends too early"
        raise NeuronIOError(
            f"{name} is no wav file ({reason}); replace it or take it out"
        ) from error
    if form != (1, SAMPLE_BYTES) or not rate_hz:
        raise NeuronIOError(
            f"{name} has {form[0]} channels of {8 * form[1]} bits at {rate_hz} Hz, where one of 16 "
            "bits is wanted"
        )
    return np.frombuffer(content, dtype="<i2"), rate_hz
