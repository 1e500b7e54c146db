"""The cochlea against its equations, and against `lauscher` where that is installed."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuronio.data.digits.cochlea import Cochlea
from neuronio.data.digits.hair_cell import (
    BUSHY_CELL,
    HAIR_CELLS,
    bushy_spikes,
    fibre_spikes,
    release_probability,
)
from neuronio.data.digits.membrane import (
    OUTPUT_HZ,
    SOUND_HZ,
    Membrane,
    frequencies,
    places,
    transfer,
)
from neuronio.data.digits.sound import prepared
from neuronio.errors import NeuronIOError

SMALL = Cochlea(channels=12, samples=9598)


def tones(seconds):
    """A chord that swells and falls, with noise."""
    t = np.arange(round(seconds * SOUND_HZ)) / SOUND_HZ
    tone = sum(
        np.sin(2 * np.pi * hz * t) * np.sin(3 * i * t) for i, hz in enumerate((200, 900, 5e3))
    )
    return prepared(tone + np.random.default_rng(0).normal(size=len(t)) / 3, SOUND_HZ)


def by_the_equations(hz, c):
    """The velocity in 40 digits; the phase by integrating the wave number, not in closed form."""
    mpmath.mp.dps = 40
    j, w = mpmath.mpc(0, 1), 2 * mpmath.pi * hz
    C0, a, m, h, alpha, delta = (mpmath.mpf(x) for x in ("1e9", 3500, ".05", ".1", 3, ".15"))

    def xi(x):
        damping = delta * mpmath.sqrt(C0 * m) * mpmath.exp(-alpha * x / 2)
        return C0 * mpmath.exp(-alpha * x) - a - m * w**2 - j * w * damping

    def g(x):
        return w * mpmath.sqrt(1 / (h * xi(x)))

    def p(x):
        pieces = [x * i / 8 for i in range(9)]
        phase = 2 * g(mpmath.mpf(0)) / alpha + (mpmath.quad(g, pieces) if x else 0)
        with mpmath.workdps(150):  # J and iY cancel to 1e-40 of themselves
            return mpmath.sqrt(phase / g(x)) * mpmath.hankel1(0, phase)

    z = 2 * w / alpha * mpmath.sqrt(2 / (h * C0))
    top = j * mpmath.besselj(0, z) + mpmath.bessely(0, z)
    bottom = mpmath.besselj(1, z) - j * mpmath.bessely(1, z)
    c = mpmath.mpf(c)
    return 2 * w / xi(c) * p(c) / p(mpmath.mpf(0)) * mpmath.sqrt(2 * C0 / h) * top / bottom


@pytest.mark.parametrize("hz", [1.0, 90.0, 440.0, 3000.0, 12_000.0])
@pytest.mark.parametrize("place_cm", [0.0, 0.7, 1.9, 3.5])
def test_the_membrane_is_that_of_the_equations(hz, place_cm):
    found = transfer(np.array([hz]), np.array([place_cm]))[0, 0]
    wanted = complex(by_the_equations(hz, place_cm))
    assert abs(found - wanted) <= 1e-10 * abs(wanted)


def test_high_tones_move_the_base_and_low_ones_the_apex():
    at = places(700)
    for hz, low, high in ((22_500.0, 0.0, 0.1), (110.0, 3.2, 3.5)):
        best = at[np.argmax(np.abs(transfer(np.array([hz]), at)[:, 0]))]
        assert low <= best <= high


def test_one_real_transform_is_the_real_part_of_the_complex_one():
    membrane, sound = replace(SMALL, single=False).membrane, tones(9598 / SOUND_HZ)
    found = np.concatenate([part for _, part in membrane.velocity(sound)])
    factors = transfer(frequencies(len(sound)), places(12))
    wanted = np.fft.ifft(np.fft.rfft(sound) * factors, axis=1).real
    assert found.shape == (12, len(sound) // 2 + 1)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


def test_single_precision_is_near_double():
    sound = tones(9598 / SOUND_HZ)
    single, double = (
        np.concatenate([v for _, v in replace(SMALL, single=single).membrane.velocity(sound)])
        for single in (True, False)
    )
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-5 * np.abs(double).max())


def test_sounds_of_another_length_are_refused():
    with pytest.raises(NeuronIOError, match="even number"):
        Membrane(101)
    with pytest.raises(NeuronIOError, match=r"shape \(5,\)"):
        next(SMALL.membrane.velocity(np.zeros(5)))
    with pytest.raises(NeuronIOError, match="only lauscher, article"):
        Cochlea("meddis")


@pytest.mark.parametrize(("name", "rate_hz"), [("lauscher", 64.8), ("article", 41.5)])
def test_rest_is_a_fixed_point_at_the_published_rate(name, rate_hz):
    cell = HAIR_CELLS[name]
    assert cell.rest_hz() == pytest.approx(rate_hz, abs=0.05)
    for velocity in (np.zeros((9, 5000)), np.zeros((9, 5000), np.float32)):
        found = release_probability(velocity, OUTPUT_HZ, cell) * OUTPUT_HZ
        np.testing.assert_allclose(found, cell.rest_hz(), rtol=1e-12)


def meddis(x, cell, dt):
    """The hair cell in the plainest way."""
    q, c, w = cell.rest()
    for value in x:
        k = cell.g * max(value + cell.A, 0) / (value + cell.A + cell.B) if value > -cell.A else 0.0
        dq = cell.y * max(cell.M - q, 0) + cell.X * w - k * q
        dc, dw = k * q - (cell.l + cell.r) * c, cell.r * c - cell.X * w
        q, c, w = q + dq * dt, c + dc * dt, max(w + dw * dt, 0)
        yield cell.h * c * dt


@given(st.integers(0, 2**32), st.sampled_from(sorted(HAIR_CELLS)), st.integers(1, 19))
def test_the_compiled_hair_cell_is_the_plain_one(seed, name, channels):
    velocity = 50 * np.random.default_rng(seed).normal(size=(channels, 60)).cumsum(axis=1)
    cell = HAIR_CELLS[name]
    wanted = [list(meddis(x, cell, 1 / OUTPUT_HZ)) for x in velocity]
    found = release_probability(velocity, OUTPUT_HZ, cell)
    np.testing.assert_allclose(found, np.clip(wanted, 0, 1), rtol=1e-11, atol=1e-18)


def test_silence_has_the_published_rate_of_bushy_spikes():
    """0.76 /s with one set of constants, none with the other; 5 standard errors."""
    seconds, channels = 20, 40
    for name, rate_hz in (("lauscher", 0.76), ("article", 0.0)):
        silence = np.zeros((channels, seconds * OUTPUT_HZ), np.float32)
        fibres = fibre_spikes(
            release_probability(silence, OUTPUT_HZ, HAIR_CELLS[name]),
            OUTPUT_HZ,
            np.arange(channels, dtype=np.uint64),
        )
        expected = rate_hz * seconds * channels
        found = bushy_spikes(fibres, OUTPUT_HZ).sum()
        assert abs(found - expected) <= 5 * np.sqrt(max(expected, 1)), name


@given(st.integers(0, 2**63), st.floats(0, 1))
def test_dead_time_and_refractoriness_hold(seed, probability):
    one = replace(BUSHY_CELL, fibres=1)
    p, seeds = np.full((2, 3000), probability), np.array([seed, seed + 1], np.uint64)
    fibre, many = fibre_spikes(p, OUTPUT_HZ, seeds, one), fibre_spikes(p, OUTPUT_HZ, seeds)
    assert fibre.max() <= 1
    dead = round(BUSHY_CELL.dead_ms * OUTPUT_HZ / 1000)
    for channel in range(2):
        assert np.all(np.diff(np.flatnonzero(fibre[channel])) >= dead)
        fired = np.flatnonzero(bushy_spikes(many, OUTPUT_HZ)[channel])
        assert np.all(np.diff(fired) > dead)


def test_fibres_fire_as_one_draw_a_sample_would():
    """Rate and shortest intervals of a renewal process with a dead time; 5 standard errors."""
    p, channels, samples, dead = 0.01, 50, 100_000, 24
    fibres = fibre_spikes(
        np.full((channels, samples), p), OUTPUT_HZ, np.arange(channels, dtype=np.uint64)
    )
    expected = 40 * channels * samples / (dead - 1 + 1 / p)
    assert abs(fibres.sum() - expected) < 5 * np.sqrt(expected)
    alone = fibre_spikes(
        np.full((2000, 5000), p),
        OUTPUT_HZ,
        np.arange(2000, dtype=np.uint64),
        replace(BUSHY_CELL, fibres=1),
    )
    intervals = np.concatenate([np.diff(np.flatnonzero(row)) for row in alone])
    at_once, n = np.mean(intervals == dead), len(intervals)
    assert abs(at_once - p) < 5 * np.sqrt(p / n)


def test_the_same_generator_gives_the_same_spikes_and_another_gives_others():
    sound = tones(0.15)
    first, again, other = (SMALL.spikes(sound, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.time_s, again.time_s)
    np.testing.assert_array_equal(first.unit, again.unit)
    assert len(first.unit) > 10
    assert not np.array_equal(first.time_s, other.time_s)
    assert np.all(np.diff(first.time_s) >= 0)
    assert first.time_s.max() < 0.15
    assert first.unit.max() < SMALL.channels


def test_sounds_are_scaled_and_silence_is_refused():
    t = np.arange(4000) / 8000
    sound = prepared(1000 * np.sin(2 * np.pi * 440 * t), 8000)
    assert len(sound) == 24_000
    assert np.sqrt(np.mean(sound[3000:-3000] ** 2)) == pytest.approx(0.3, rel=0.02)
    assert sound[0] == 0
    assert abs(sound[-1]) < 1e-3
    for wrong in (np.zeros(4000), np.full(4000, np.nan), np.ones(10), np.ones((400, 2))):
        with pytest.raises(NeuronIOError, match="a sound"):
            prepared(wrong, 8000)


@pytest.mark.slow
def test_membrane_and_counts_are_those_of_lauscher():
    """Membrane to 1e-10, release to 1e-12, spike counts of 8 channels and 4 draws within 3 %."""
    reference = pytest.importorskip("lauscher", reason="lauscher, the reference, is not installed")
    from lauscher.audiowaves import MonoAudioWave
    from lauscher.firing_probability import FiringProbability
    from lauscher.transformations.basilar_membrane import BasilarMembrane
    from lauscher.transformations.bushy_cell import BushyCell
    from lauscher.transformations.hair_cell import HairCell

    assert reference
    sound = tones(0.2)
    moved = BasilarMembrane(channels=8)(MonoAudioWave(list(sound), SOUND_HZ))
    wanted = np.array(moved.channels)
    ours = Membrane(len(sound), 8, single=False).velocity(sound)
    found = np.concatenate([part for _, part in ours])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10 * np.abs(wanted).max())
    probability = np.array(HairCell()(moved).channels)
    np.testing.assert_allclose(release_probability(found, OUTPUT_HZ), probability, atol=1e-12)
    level = np.array([0.006, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07, 0.1])[:, None]
    p = level * (1 + 0.5 * np.sin(np.arange(12_000) / OUTPUT_HZ * 2 * np.pi * 120))
    draws = [BushyCell()(FiringProbability(p, OUTPUT_HZ)).spike_labels for _ in range(4)]
    theirs = np.mean(
        [np.bincount(np.asarray(labels, int), minlength=8) for labels in draws], axis=0
    )
    seeds = np.arange(8 * 40, dtype=np.uint64)
    fibres = fibre_spikes(np.tile(p, (40, 1)), OUTPUT_HZ, seeds)
    counts = bushy_spikes(fibres, OUTPUT_HZ).reshape(40, 8, -1).sum(axis=2).mean(axis=0)
    np.testing.assert_allclose(counts[1:], theirs[1:], rtol=0.03)
    assert abs(counts.sum() / theirs.sum() - 1) < 0.03
