"""NMODL read as mathematics: what a mechanism computes, as expressions of its variables."""
