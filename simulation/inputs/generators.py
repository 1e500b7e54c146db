"""The rate generators: how the input rates of a trial are made.

Rates of a tree are in spikes per 100 ms summed over the tree. `published` follows the script
released with Beniaguev, Segev & London 2021 (Neuron 109:2727), `ergodic` the same authors' later
scripts. `docs/inputs.md` describes them all for users.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from neuronio.conventions import BUSY_SPIKES
from neuronio.data.shard import SegmentTable
from neuronio.registry import Registry
from neuronio.sections import Section
from neuronio.simulation.inputs.rates import (
    TREES,
    Rates,
    clusters,
    paste,
    smooth_at,
    smoothed_hold,
    tree_shares,
    without_inhibition,
)


class Generator(Section):
    """A validated, frozen set of parameters that makes the input rates of trials.

    A new one is a subclass with a field a parameter, a method `rates`, and `@generator("name")`
    above it, in a file of the user's own (named as `FILE.py:name`) or in a module that an entry
    point of the group `neuronio.generators` names.
    """

    @abstractmethod
    def rates(self, segments: SegmentTable, duration_ms: int, rng: np.random.Generator) -> Rates:
        """Expected input spikes of one trial.

        Args:
            segments: the cell's S dendritic segments.
            duration_ms: T, the length of the trial, ms.
            rng: the trial's own random numbers; take all randomness from here.

        Returns:
            Rates of T bins of 1 ms and 2 S synapses (excitatory first), in spikes per ms.
        """

    def accepts(self, n_output_spikes: int, rng: np.random.Generator) -> bool:
        """Whether a simulated trial with so many output spikes is kept, or drawn again.

        Args:
            rng: random numbers of this verdict alone.
        """
        return True


GENERATORS: Registry[type[Generator]] = Registry("generator", "neuronio.generators")
AnyGenerator = TypeVar("AnyGenerator", bound=type[Generator])


def generator(name: str) -> Callable[[AnyGenerator], AnyGenerator]:
    """Register a class of generators under a name.

    Raises:
        NeuronIOError: the name belongs to another one.
    """

    def register(kind: AnyGenerator) -> AnyGenerator:
        GENERATORS.add(name, kind)
        return kind

    return register


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if not np.isfinite(pair).all() or pair[0] > pair[1]:
        raise ValueError(f"the range {list(pair)} must be two finite numbers, the lower one first")
    return pair


def _not_negative(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] < 0:
        raise ValueError(f"the range {list(pair)} must start at 0 or more")
    return pair


Range = Annotated[tuple[float, float], Field(strict=False), AfterValidator(_ordered)]
PositiveRange = Annotated[Range, AfterValidator(_not_negative)]
Choices = Annotated[
    tuple[Annotated[int, Field(ge=1, le=60_000)], ...], Field(strict=False, min_length=1)
]
Probability = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(ge=0, le=100_000)]


@generator("constant")
class Constant(Generator):
    """One rate for each tree and kind of synapse, held for the whole trial: for sanity checks."""

    excitation_basal_per_100ms: Rate = Field(300.0, description="Spikes of the tree in 100 ms.")
    excitation_apical_per_100ms: Rate = Field(300.0, description="As above.")
    inhibition_basal_per_100ms: Rate = Field(300.0, description="As above.")
    inhibition_apical_per_100ms: Rate = Field(300.0, description="As above.")
    length_offset_um: float = Field(
        10.0, ge=0, description="A segment's share of its tree goes with length plus this, um."
    )

    def rates(self, segments: SegmentTable, duration_ms: int, rng: np.random.Generator) -> Rates:
        """Rates of one trial; `rng` is not used."""
        shares = tree_shares(segments, self.length_offset_um)
        weight = [
            sum(getattr(self, f"{kind}_{tree}_per_100ms") * shares[tree] for tree in TREES)
            for kind in ("excitation", "inhibition")
        ]
        return Rates(np.ones((duration_ms, 1)), np.concatenate(weight)[None] / 100.0)


@generator("published")
class Published(Generator):
    """Rates held over intervals, then smoothed in time: the published script."""

    interval_ms: Choices = Field(
        (25, 30, 35, 40, 45, 55, 60, 65, 70, 75, 80, 85, 90, 100, 150, 200, 300, 450),
        description="Choices of the interval over which a rate is held, ms.",
    )
    interval_jitter_ms: int = Field(
        20, ge=0, description="Added to the interval: U(-jitter, jitter), cut towards 0, ms."
    )
    sigma_ms: Choices = Field(
        (25, 30, 35, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500, 600),
        description="Choices of the width of the Gaussian smoothing, ms.",
    )
    sigma_jitter_ms: int = Field(20, ge=0, description="As interval_jitter_ms, for sigma_ms.")
    excitation_basal_per_100ms: PositiveRange = Field(
        (0, 800), description="Range of the basal tree's excitatory spikes in 100 ms."
    )
    excitation_apical_per_100ms: PositiveRange = Field(
        (0, 800), description="Range of the apical tree's excitatory spikes in 100 ms."
    )
    inhibition_offset_basal_per_100ms: Range = Field(
        (-600, 200), description="Range of inhibitory less excitatory spikes (floored at 0 in all)."
    )
    inhibition_offset_apical_per_100ms: Range = Field(
        (-600, 200), description="As above, apical tree."
    )
    length_offset_um: float = Field(
        10.0, ge=0, description="A segment's share of its tree goes with length plus this, um."
    )
    heterogeneity: PositiveRange = Field(
        (0.5, 1.5), description="Range of the factor that each synapse and interval has."
    )

    @model_validator(mode="after")
    def _jitter_fits(self) -> Published:
        for what in ("interval", "sigma"):
            least, jitter = min(getattr(self, f"{what}_ms")), getattr(self, f"{what}_jitter_ms")
            if jitter > least:
                raise ValueError(
                    f"{what}_jitter_ms is {jitter}, but the least {what}_ms is {least}: the jitter "
                    "must not exceed it"
                )
        return self

    def rates(self, segments: SegmentTable, duration_ms: int, rng: np.random.Generator) -> Rates:
        """Rates of one trial."""
        return self.draw(segments, duration_ms, rng)

    def draw(self, segments: SegmentTable, duration_ms: int, rng: np.random.Generator) -> Rates:
        """One rate draw: a holding interval, a smoothing width, and each interval's rates."""
        interval = _jittered(self.interval_ms, self.interval_jitter_ms, rng)
        sigma = _jittered(self.sigma_ms, self.sigma_jitter_ms, rng)
        course = smoothed_hold(duration_ms, interval, sigma)
        return Rates(course, self._weights(segments, course.shape[1], rng))

    def _weights(
        self, segments: SegmentTable, n_intervals: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Spikes per ms of every interval and synapse before smoothing: (K, 2 S)."""
        shares = tree_shares(segments, self.length_offset_um)
        excitation = np.zeros((n_intervals, len(segments)))
        inhibition = np.zeros((n_intervals, len(segments)))
        for tree in TREES:
            low, high = getattr(self, f"excitation_{tree}_per_100ms")
            drawn = rng.uniform(low, high, n_intervals)
            low, high = getattr(self, f"inhibition_offset_{tree}_per_100ms")
            low = np.maximum(0.0, drawn + low)
            inhibitory = rng.uniform(low, np.maximum(low, drawn + high))
            excitation += np.outer(drawn / 100.0, shares[tree])
            inhibition += np.outer(inhibitory / 100.0, shares[tree])
        weight = np.concatenate([excitation, inhibition], axis=1)
        return weight * rng.uniform(*self.heterogeneity, weight.shape)


@generator("published_test")
class PublishedTest(Published):
    """How NeuronIO's test files were made: the published script with other ranges.

    Source: the ranges are those in a test file's public name (Beniaguev et al. 2021).
    """

    excitation_basal_per_100ms: PositiveRange = (0, 750)
    inhibition_offset_basal_per_100ms: Range = (-550, 200)
    inhibition_offset_apical_per_100ms: Range = (-550, 200)


@generator("subthreshold")
class Subthreshold(Published):
    """The published scheme at rates so low that the cell almost never fires."""

    excitation_basal_per_100ms: PositiveRange = (0, 100)
    excitation_apical_per_100ms: PositiveRange = (0, 125)
    inhibition_offset_basal_per_100ms: Range = (-100, 100)
    inhibition_offset_apical_per_100ms: Range = (-125, 125)


@generator("ergodic")
class Ergodic(Published):
    """How the training files of NeuronIO were made: varied draws pasted into one trial.

    A trial is one draw over its whole length with shorter draws pasted in. Each draw, on its own,
    may swing with a sine, lose its inhibition, or keep only a few clusters of segments. The
    authors' clusters are not public; ours are runs of neighbouring segments of nearly equal size.
    """

    interval_ms: Choices = (
        *(25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 100),
        *(150, 200, 300, 450),
    )
    sigma_ms: Choices = (
        *(25, 30, 35, 40, 45, 50, 55, 60, 65, 80, 100, 150, 200, 250),
        *(300, 400, 500, 600),
    )
    excitation_basal_per_100ms: PositiveRange = (0, 961)
    excitation_apical_per_100ms: PositiveRange = (0, 997)
    inhibition_offset_basal_per_100ms: Range = (-961, 600)
    inhibition_offset_apical_per_100ms: Range = (-997, 600)
    oscillation_probability: Probability = Field(
        0.20, description="Probability that a draw's rates swing with a sine."
    )
    oscillation_depth: Probability = Field(0.6, description="Amplitude of that sine about 1.")
    oscillation_period_ms: tuple[int, int] = Field(
        (30, 200), strict=False, description="Range of its period, the upper end excluded, ms."
    )
    no_inhibition_probability: Probability = Field(
        0.30, description="Probability that a draw has no inhibition and less excitation."
    )
    reduced_excitation: PositiveRange = Field(
        (0.1, 0.5), description="Range of the factor on excitation in such a draw."
    )
    cluster_probability: Probability = Field(
        0.25, description="Probability that only some clusters of segments are active in a draw."
    )
    n_clusters: Choices = Field(
        (4, 8, 12, 18, 24, 30), description="Choices of the number of clusters the cell is cut in."
    )
    max_active_clusters: int = Field(
        4, ge=1, description="Most clusters active at once (and never over some 40% of them)."
    )
    n_pastes: int = Field(5, ge=0, le=1000, description="Draws pasted into a trial.")
    paste_ms: tuple[int, int] = Field(
        (500, 1500),
        strict=False,
        description="Range of a paste's length, ms; at most a quarter of the trial.",
    )
    paste_sigma_ms: int = Field(
        25, ge=1, description="Width of the smoothing where a paste begins or ends, ms."
    )
    keep_busy: Probability = Field(
        0.1, description="Probability of keeping a trial with more than busy_spikes output spikes."
    )
    busy_spikes: int = Field(BUSY_SPIKES, ge=0, description="See keep_busy.")
    keep_silent: Probability = Field(
        0.33,
        description="Probability of keeping a trial without output spikes; chosen so that the "
        "neuronio cell fires as often as in the published files.",
    )

    @model_validator(mode="after")
    def _whole_ranges(self) -> Ergodic:
        for name in ("oscillation_period_ms", "paste_ms"):
            low, high = getattr(self, name)
            if not 1 <= low < high:
                raise ValueError(f"{name} is [{low}, {high}], but must rise from 1 or more")
        return self

    def rates(self, segments: SegmentTable, duration_ms: int, rng: np.random.Generator) -> Rates:
        """Rates of one trial."""
        draws, starts, edges = [self.draw(segments, duration_ms, rng)], [0], []
        longest = max(1, min(self.paste_ms[1], duration_ms // 4))
        shortest = min(self.paste_ms[0], 1 + longest // 3)
        for _ in range(self.n_pastes if duration_ms >= 4 else 0):
            start = int(rng.integers(duration_ms - longest))
            length = int(rng.integers(shortest, max(longest, shortest + 1)))
            draws.append(self.draw(segments, length, rng))
            starts.append(start)
            edges += [start, start + length]
        course = paste([(s, d.time_course) for s, d in zip(starts, draws, strict=True)])
        course = smooth_at(course, np.array(edges), self.paste_sigma_ms)
        return Rates(course, np.concatenate([d.weight for d in draws]))

    def draw(self, segments: SegmentTable, duration_ms: int, rng: np.random.Generator) -> Rates:
        """One rate draw with its modulations."""
        base = super().draw(segments, duration_ms, rng)
        course, weight = base.time_course, base.weight
        if rng.random() < self.oscillation_probability:
            phase = 2 * np.pi * np.arange(duration_ms) / rng.integers(*self.oscillation_period_ms)
            course = course * (1 + self.oscillation_depth * np.sin(phase))[:, None]
        if rng.random() < self.no_inhibition_probability:
            weight = without_inhibition(weight, rng.uniform(*self.reduced_excitation))
        if rng.random() < self.cluster_probability:
            weight = weight * self._active(len(segments), rng)
        return Rates(course, weight)

    def accepts(self, n_output_spikes: int, rng: np.random.Generator) -> bool:
        """Keep few of the trials that are silent or have many output spikes."""
        if n_output_spikes > self.busy_spikes:
            return bool(rng.random() < self.keep_busy)
        if n_output_spikes == 0:
            return bool(rng.random() < self.keep_silent)
        return True

    def _active(self, n_segments: int, rng: np.random.Generator) -> np.ndarray:
        """Mask of the synapses in the clusters that stay active: (2 S,)."""
        n_clusters = min(int(rng.choice(self.n_clusters)), n_segments)  # none of them empty
        most = max(1, min(int(0.4 * n_clusters) - 1, self.max_active_clusters))
        active = rng.choice(n_clusters, size=rng.integers(1, most + 1), replace=False)
        return np.tile(np.isin(clusters(n_segments, n_clusters), active), 2)


@generator("ood")
class OutOfDistribution(Published):
    """Drive that the training data hardly hold, for testing generalisation.

    `synchrony` gathers the rates of the whole cell into volleys; `no_inhibition` is as in `ergodic`
    but for the whole trial; `clusters` presses the drive into a few runs of neighbouring segments.
    """

    regimes: Annotated[
        tuple[Literal["synchrony", "no_inhibition", "clusters"], ...], Field(min_length=1)
    ] = Field(
        ("synchrony", "no_inhibition", "clusters"),
        strict=False,
        description="Each trial takes one of these.",
    )
    volley_period_ms: PositiveRange = Field(
        (50, 250), description="Range of the time between volleys, ms."
    )
    volley_sigma_ms: float = Field(4.0, gt=0, description="Width of a volley, ms.")
    reduced_excitation: PositiveRange = Field(
        (0.2, 0.7), description="Range of the factor on excitation where there is no inhibition."
    )
    n_clusters: int = Field(20, ge=1, description="Clusters that the cell is cut into.")
    n_active_clusters: int = Field(2, ge=1, description="Clusters that are driven.")
    cluster_gain: float = Field(4.0, ge=0, description="Factor on the rates of those.")

    @model_validator(mode="after")
    def _consistent(self) -> OutOfDistribution:
        if self.n_active_clusters > self.n_clusters:
            raise ValueError(
                f"n_active_clusters is {self.n_active_clusters}, but there are only "
                f"{self.n_clusters} clusters"
            )
        if self.volley_period_ms[0] < 1:
            raise ValueError(f"volley_period_ms starts at {self.volley_period_ms[0]}, under 1 ms")
        return self

    def rates(self, segments: SegmentTable, duration_ms: int, rng: np.random.Generator) -> Rates:
        """Rates of one trial in one of the regimes."""
        base = self.draw(segments, duration_ms, rng)
        regime = self.regimes[rng.integers(len(self.regimes))]
        if regime == "synchrony":
            profile = self._volleys(duration_ms, rng)
            return Rates(base.time_course * profile[:, None], base.weight)
        if regime == "no_inhibition":
            factor = rng.uniform(*self.reduced_excitation)
            return Rates(base.time_course, without_inhibition(base.weight, factor))
        n_clusters = min(self.n_clusters, len(segments))  # none of them empty
        n_active = min(self.n_active_clusters, n_clusters)
        active = rng.choice(n_clusters, size=n_active, replace=False)
        mask = np.isin(clusters(len(segments), n_clusters), active)
        return Rates(base.time_course, base.weight * np.tile(self.cluster_gain * mask, 2))

    def _volleys(self, duration_ms: int, rng: np.random.Generator) -> np.ndarray:
        """Gaussian volleys at a drawn period and phase: (T,), mean 1 over many periods."""
        period = rng.uniform(*self.volley_period_ms)
        time = np.arange(duration_ms) + rng.uniform(0, period)
        since = (time + period / 2) % period - period / 2
        height = period / (np.sqrt(2 * np.pi) * self.volley_sigma_ms)
        return height * np.exp(-0.5 * (since / self.volley_sigma_ms) ** 2)


def _jittered(choices: tuple[int, ...], jitter: int, rng: np.random.Generator) -> int:
    return int(rng.choice(choices)) + int(rng.uniform(-jitter, jitter))
