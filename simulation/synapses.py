"""The synapses of a cell in NEURON: point processes in the middle of every dendritic segment."""

from __future__ import annotations

from dataclasses import dataclass

from neuronio.errors import NeuronIOError
from neuronio.simulation.cell_spec import CellSpec, PointSynapse, SynapseComponent

from neuron import h  # isort: skip


@dataclass(frozen=True)
class SynapseGroup:
    """One component of the synapses: a point process in the middle of every dendritic segment.

    Attributes:
        name: as in the cell file, such as 'nmda'.
        excitatory: whether excitatory inputs drive it, else inhibitory ones do.
        weight: of one event in the point process's unit: its peak conductance in uS for our own.
        points: S NEURON point processes in segment order.
    """

    name: str
    excitatory: bool
    weight: float
    points: list


def place_synapses(spec: CellSpec, segments: list) -> list[SynapseGroup]:
    """Every component of a cell's synapses, on each of its dendritic segments.

    Raises:
        NeuronIOError: a point process or a parameter of it does not exist.
    """
    return [
        SynapseGroup(name, component.excitatory, *_points(spec, name, component, segments))
        for name, component in spec.synapses.items()
    ]


def _points(
    spec: CellSpec, name: str, component: SynapseComponent | PointSynapse, segments: list
) -> tuple[float, list]:
    """The weight of an event, and the point processes."""
    if isinstance(component, PointSynapse):
        kind, values = component.point_process, component.parameters
        weight = component.weight
    else:
        kind, values = _dual_exponential(component)
        weight = component.gmax_nS * 1e-3
    if not hasattr(h, kind):
        raise NeuronIOError(
            f"the synapse {name} of the cell {spec.name} is a {kind}, which is neither NEURON's "
            "nor in mod_files"
        )
    points = [getattr(h, kind)(segment) for segment in segments]
    for point in points:
        for parameter, value in values.items():
            if not hasattr(point, parameter):
                raise NeuronIOError(
                    f"{kind} has no parameter {parameter}, which the synapse {name} of the cell "
                    f"{spec.name} sets"
                )
            setattr(point, parameter, value)
    return weight, points


def _dual_exponential(component: SynapseComponent) -> tuple[str, dict[str, float]]:
    values = {
        "tau1": component.tau_rise_ms,
        "tau2": component.tau_decay_ms,
        "e": component.reversal_mV,
    }
    if component.magnesium_mM is None:
        return "Exp2Syn", values
    return "NMDA", values | {"mg": component.magnesium_mM}
