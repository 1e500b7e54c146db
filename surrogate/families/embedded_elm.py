"""Options of the ELM neuron on embedded inputs."""

from __future__ import annotations

from pydantic import Field

from neuronio.surrogate.families.elm import ElmOptions


class EmbeddedElmOptions(ElmOptions):
    """ELM neuron whose branches every input reaches, each with a weight of its own."""

    embedding: int = Field(
        32, ge=1, description="Branches, to each of which an event adds a learned number."
    )
