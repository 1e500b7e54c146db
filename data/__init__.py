"""Data at rest: formats, configuration, downloads and compiled libraries.

Imports neither NEURON nor torch, so that `simulation` and `surrogate` can share it.
"""
