"""Many trials of one cell in lockstep, one SIMD lane each."""

from simulation.ensemble.engine import EnsembleEngine

__all__ = ["EnsembleEngine"]
