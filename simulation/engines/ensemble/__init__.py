"""Many trials of one cell in lockstep, one SIMD lane each."""

from neuronio.simulation.engines.ensemble.engine import EnsembleEngine

__all__ = ["EnsembleEngine"]
