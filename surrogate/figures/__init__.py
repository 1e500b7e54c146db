"""Figures of fitted surrogates, one kind a file; the same input gives the same bytes."""
