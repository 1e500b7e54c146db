"""What the models compute over time: compiled on the CPU, plain PyTorch elsewhere."""

from surrogate.recurrence.reference import (
    event_convolution,
    exponential_filter,
    memory_recursion,
)

__all__ = ["event_convolution", "exponential_filter", "memory_recursion"]
