"""Data at rest: trials, shards, published pickles and figures, downloads.

Imports neither NEURON nor torch, so that `simulation` and `surrogate` can share it.
"""
