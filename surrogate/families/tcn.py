"""Options of the temporal convolutional networks."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from neuronio.surrogate.families.base import ModelOptions, Numbers


class TcnOptions(ModelOptions):
    """Causal convolutions without residuals (Beniaguev et al. 2021)."""

    width: int = Field(128, ge=1, description="Channels of every layer, unless `channels` is set.")
    depth: int = Field(7, ge=1, le=100, description="Number of layers.")
    kernels: Numbers = Field(
        (45, 19),
        min_length=1,
        description="Kernel length of each layer, ms; the last one holds for all further layers.",
    )
    channels: Numbers = Field((), description="Channels of each layer, likewise.")
    size_field: ClassVar[str] = "width"

    @model_validator(mode="after")
    def _not_too_many(self) -> TcnOptions:
        for name in ("kernels", "channels"):
            if (found := len(getattr(self, name))) > self.depth:
                raise ValueError(f"{name} has {found} numbers, but depth is {self.depth}")
        return self

    def layers(self) -> list[tuple[int, int]]:
        """(channels, kernel) of each layer."""
        channels = self.channels or (self.width,)
        return [
            (channels[min(i, len(channels) - 1)], self.kernels[min(i, len(self.kernels) - 1)])
            for i in range(self.depth)
        ]


class ResidualTcnOptions(ModelOptions):
    """Dilated causal convolutions with residual blocks (Bai et al. 2018, arXiv 1803.01271)."""

    width: int = Field(64, ge=1, description="Channels.")
    depth: int = Field(
        6, ge=1, le=16, description="Residual blocks; block i has two convolutions dilated 2**i."
    )
    kernel: int = Field(3, ge=2, description="Kernel length, taps.")
    size_field: ClassVar[str] = "width"
