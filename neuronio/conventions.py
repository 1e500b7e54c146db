"""Numbers that the whole project agrees on, each with its unit and where it comes from."""

from __future__ import annotations

SAMPLES_PER_MS = 8
"""Fine voltage traces are sampled at 8 kHz, as in NeuronIO's files."""

SPIKE_THRESHOLD_MV = -25.0
"""An output spike is a local maximum of the fine soma trace above this (Beniaguev et al. 2021)."""

LOWEST_MV, HIGHEST_MV = -150.0, 100.0
"""A trial whose voltage leaves these bounds has failed; gate kinetics are held at their ends."""

BUSY_SPIKES = 24
"""Published scores and generators set trials with more output spikes than this apart."""

SOMA_CLIP_MV, SOMA_SHIFT_MV, SOMA_SCALE = -55.0, 67.7, 0.1
"""Target of a surrogate: (min(V, clip) + shift) * scale (Spieler et al. 2024)."""

BIN_SHIFT_MS = 0.5
"""An output spike at t falls into bin int(t - 0.5), the published rule."""

IGNORE_MS, WINDOW_MS, OVERLAP_MS = 500, 500, 150
"""Published evaluation: the start left out, windows and their overlap (Spieler et al. 2024)."""
