"""What an event does to a synapse: NET_RECEIVE as expressions."""

from __future__ import annotations

from dataclasses import dataclass

from neuronio.errors import NeuronIOError
from neuronio.simulation.nmodl.expression import ONE, ZERO, Expression, variable
from neuronio.simulation.nmodl.integration import NonlinearError, linear
from neuronio.simulation.nmodl.interpreter import Interpreter, Values
from neuronio.simulation.nmodl.mechanism import Mechanism

WEIGHT = "weight of an event"


@dataclass(frozen=True)
class Reception:
    """What NET_RECEIVE does.

    Attributes:
        gains: what is added to each state, in terms of WEIGHT and of parameters; None where it does
            more than add.
        values: what states, and arguments that a connection keeps, become; in terms of all of them,
            of WEIGHT and of the time 't' of the event.
        initial: what a connection's arguments begin with.
    """

    gains: Values | None
    values: Values
    initial: Values


def reception(mechanism: Mechanism) -> Reception:
    """What an event does to a point process.

    Raises:
        NeuronIOError: no event reaches it, or it does what cannot be translated.
    """
    if mechanism.receive is None:
        raise NeuronIOError(
            f"{mechanism.path.name}: {mechanism.name} has no NET_RECEIVE, so that no event would "
            "reach it; choose another point process"
        )
    weight, *kept = mechanism.receives or (WEIGHT,)
    arguments = {name: variable(name) for name in kept} | {weight: variable(WEIGHT)}
    interpreter = Interpreter(mechanism)
    after = interpreter.run(mechanism.receive, arguments | {"flag": ZERO, "t": variable("t")})
    states = {k: e for k, e in interpreter.values.items() if k in mechanism.states}
    if others := sorted(interpreter.values.keys() - states.keys()):
        used = [n for n in others if n in mechanism.assigned or n in mechanism.parameters]
        if used:
            mechanism.refuse(used[0], "is kept from one event to the next")
    changed = {name: after[name] for name in kept}
    own = {*mechanism.states, *kept}
    if beyond := sorted(
        {v for e in (states | changed).values() for v in e.variables}
        & ({"v"} | mechanism.ion_variables)
    ):
        mechanism.refuse(beyond[0], "decides what an event does")
    gains = {name: _gain(name, e, own) for name, e in states.items()}
    only_adds = all(e is not None for e in gains.values())
    return Reception(
        {k: e for k, e in gains.items() if e is not None} if only_adds else None,
        states | changed,
        _initial(mechanism, kept),
    )


def _gain(state: str, value: Expression, own: set[str]) -> Expression | None:
    """What is added to a state, if all that happens is adding what depends on no state."""
    try:
        line = linear(value, state)
    except NonlinearError:
        return None
    if line.slope is not ONE or line.denominator is not ONE:
        return None
    return None if line.constant.variables & (own | {"t"}) else line.constant


def _initial(mechanism: Mechanism, kept: list[str]) -> Values:
    """What the INITIAL block in NET_RECEIVE gives a connection's arguments; 0 without one."""
    values: Values = dict.fromkeys(kept, ZERO)
    for statement in mechanism.receive.statements:
        block = getattr(statement, "expression", None)
        if block is not None and type(block).__name__ == "InitialBlock":
            values |= Interpreter(mechanism).run(block.statement_block, values | {"t": ZERO})
    return {name: values[name] for name in kept}
