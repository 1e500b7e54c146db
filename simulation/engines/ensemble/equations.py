"""The equations of a node: those of all its mechanisms together, as NEURON would take a step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from neuronio.simulation.nmodl.events import reception
from neuronio.simulation.nmodl.expression import (
    ONE,
    ZERO,
    Expression,
    apply,
    derivative,
    number,
    substitute,
    variable,
)
from neuronio.simulation.nmodl.integration import Linear, NonlinearError, implicit_euler, linear
from neuronio.simulation.nmodl.interpreter import Interpreter, Values
from neuronio.simulation.nmodl.mechanism import Mechanism, text

SHARED = {"v", "celsius", "dt", "order", "area", "diam", "t"}
"""Variables that all mechanisms of a node share."""
IMPLICIT = {"sparse", "derivimplicit"}
EXPONENTIAL = {"cnexp", "after_cvode"}


@dataclass(frozen=True)
class Instance:
    """A mechanism on a node.

    Attributes:
        mechanism: what it computes; prefix: what its own variables are called after.
    """

    mechanism: Mechanism
    prefix: str

    def name(self, local: str) -> str:
        """What a variable of the mechanism is called among those of the node."""
        if local in SHARED:
            return local
        for ion in self.mechanism.ions:
            roles = {f"i{ion.name}": "i", f"e{ion.name}": "e"}
            roles |= {f"{ion.name}i": "inside", f"{ion.name}o": "outside"}
            if local in roles and local in (*ion.reads, *ion.writes):
                return f"{ion.name}.{roles[local]}"
        return f"{self.prefix}.{local}"

    def named(self, e: Expression) -> Expression:
        """An expression of the mechanism's variables as one of the node's."""
        return substitute(e, {local: variable(self.name(local)) for local in e.variables})

    def received(self, argument: str) -> str:
        """What an argument of NET_RECEIVE that a connection keeps is called on the node."""
        return f"{self.prefix}.received {argument}"

    @property
    def writes(self) -> set[str]:
        """Concentrations that the mechanism sets, by their names on the node."""
        pairs = [(ion.name, name) for ion in self.mechanism.ions for name in ion.writes]
        return {self.name(name) for ion, name in pairs if name in (f"{ion}i", f"{ion}o")}

    @property
    def states(self) -> list[str]:
        """The mechanism's states, by their names on the node."""
        return [self.name(state) for state in self.mechanism.states]


@dataclass(frozen=True)
class Update:
    """How a state moves on by a step: x' = relaxation, solved exactly, or a new value.

    Attributes:
        state: its name; relaxation: its derivative, linear in it; value: what it becomes.
        precise: whether what is added is too little for single precision, as in slow pools.
        together: what it shares with updates that are taken at the same time, '' for none.
    """

    state: str
    relaxation: Linear | None = None
    value: Expression | None = None
    precise: bool = False
    together: str = ""

    @property
    def expressions(self) -> list[Expression]:
        """What the update is computed from."""
        if self.value is not None:
            return [self.value]
        x = self.relaxation
        assert x is not None
        return [x.constant, x.slope, x.denominator]

    @property
    def variables(self) -> frozenset[str]:
        """What the update depends on."""
        return frozenset().union(*(e.variables for e in self.expressions))


@dataclass
class Equations:
    """A node's equations; every variable is one of `lane_variables` or a known number.

    Attributes:
        states: names of the states in the order in which they are kept.
        density: updates of channels and pools, with the voltage after a step.
        points: those of point processes that depend on more than their own states.
        decays: those of the others, which may as well be taken before the step.
        current: mA/cm2; conductance: its derivative by the voltage, S/cm2.
        ion_currents: current and conductance of each ion whose current is read between steps.
        receptions: of synapses to which events do more than add: what each state becomes.
    """

    states: list[str] = field(default_factory=list)
    density: list[Update] = field(default_factory=list)
    points: list[Update] = field(default_factory=list)
    decays: list[Update] = field(default_factory=list)
    current: Expression = ZERO
    conductance: Expression = ZERO
    ion_currents: dict[str, tuple[Expression, Expression]] = field(default_factory=dict)
    receptions: dict[str, Values] = field(default_factory=dict)

    @property
    def lane_variables(self) -> set[str]:
        """What differs among trials: the voltage, states, and currents of ions."""
        return {"v", *self.states, *(f"{ion}.i" for ion in self.ion_currents)}


def node_equations(instances: list[Instance]) -> Equations:
    """The equations of a node with these mechanisms.

    Raises:
        NeuronIOError: a mechanism does what cannot be translated; names file, line, construct.
    """
    equations = Equations()
    written = {name: i for i in instances for name in i.writes}
    ordered = sorted(instances, key=lambda instance: not instance.writes)
    dynamic: Values = {}
    parts = []
    for instance in ordered:
        updates, carried = _between_steps(instance)
        values = _at_breakpoint(instance, carried)
        for name in instance.writes - set(instance.states):
            if name not in values:
                instance.mechanism.refuse(name.split(".")[0], "is written but never set")
            dynamic[name] = values[name]
        _refuse_memory(instance, updates, values)
        parts.append((instance, updates, values))
    for ion in sorted({name.split(".")[0] for name in written}):
        dynamic[f"{ion}.e"] = _nernst(ion, dynamic)
    currents: dict[str, list[Expression]] = {}
    for instance, updates, values in parts:
        equations.states += [s for s in instance.states if s not in equations.states]
        if instance.mechanism.point:
            _receive(equations, instance)
        own = set(instance.states)
        updates = [_settled(update, dynamic, instance) for update in updates]
        if not instance.mechanism.point:
            equations.density += updates
        elif all(update.variables & _lanes(instances) <= own for update in updates):
            equations.decays += updates
        else:
            equations.points += updates
        for ion, current in _currents(instance, values):
            currents.setdefault(ion, []).append(substitute(current, dynamic))
    _sum_currents(equations, currents)
    return equations


def _refuse_memory(instance: Instance, updates: list[Update], values: Values) -> None:
    """Refuse variables that are read before they are set, and so are remembered without a STATE."""
    mechanism = instance.mechanism
    own = {instance.name(n): n for n in (*mechanism.assigned, *mechanism.parameters)}
    wanted = {*map(instance.name, mechanism.currents), *instance.writes} & values.keys()
    read = set().union(*(values[n].variables for n in wanted), *(u.variables for u in updates))
    if kept := sorted(read & own.keys() & values.keys()):
        mechanism.refuse(own[kept[0]], "is kept from one step to the next without a STATE")


def _receive(equations: Equations, instance: Instance) -> None:
    """Note what events do where it is more than adding; a connection's arguments become states."""
    found = reception(instance.mechanism)
    if found.gains is None:
        equations.states += [instance.received(name) for name in found.initial]
        equations.receptions[instance.prefix] = {
            instance.received(name) if name in found.initial else instance.name(name): substitute(
                e,
                {
                    v: variable(instance.received(v) if v in found.initial else instance.name(v))
                    for v in e.variables - {"t"}
                },
            )
            for name, e in found.values.items()
        }


def _lanes(instances: list[Instance]) -> set[str]:
    ions = {ion.name for i in instances for ion in i.mechanism.ions}
    own = {s for i in instances for s in i.states}
    return {"v", *own, *(f"{ion}.{role}" for ion in ions for role in ("i", "inside", "outside"))}


def _nernst(ion: str, dynamic: Values) -> Expression:
    """The reversal potential that follows the concentrations, mV."""
    inside, outside = (
        dynamic.get(name, variable(name)) for name in (f"{ion}.inside", f"{ion}.outside")
    )
    per_e = variable(f"{ion}.nernst") * number(1 / math.log(2))
    return per_e * (apply("log", outside) - apply("log", inside))


def _settled(update: Update, dynamic: Values, instance: Instance) -> Update:
    """The update with concentrations that are set rather than states written out."""
    reversals = {name for name in dynamic if name.endswith(".e")}
    if update.variables & reversals:
        ion = sorted(update.variables & reversals)[0].split(".")[0]
        instance.mechanism.refuse(f"e{ion}", "follows a concentration and moves a state")
    if not update.variables & dynamic.keys():
        return update
    if update.value is not None:
        return replace(update, value=substitute(update.value, dynamic))
    x = update.relaxation
    assert x is not None
    parts = (substitute(e, dynamic) for e in (x.constant, x.slope, x.denominator))
    return replace(update, relaxation=Linear(*parts))


def _between_steps(instance: Instance) -> tuple[list[Update], Values]:
    """The updates of a mechanism's states, and what its variables are set to by the way."""
    mechanism = instance.mechanism
    updates: list[Update] = []
    carried: Values = {}
    for statement in mechanism.breakpoint.statements if mechanism.breakpoint else []:
        solve = getattr(statement, "expression", None)
        if solve is None or type(solve).__name__ != "SolveBlock":
            continue
        block = mechanism.functions.get(text(solve.block_name))
        if block is None:
            mechanism.refuse(text(solve), "solves what is no DERIVATIVE, KINETIC or PROCEDURE")
        interpreter = Interpreter(mechanism, carried)
        interpreter.run(block.statement_block)
        updates += _solved(instance, solve, interpreter)
        # A MOD file may move its own v off a singularity; NEURON gives it a fresh one each time.
        kept = {"v", *mechanism.states}
        carried |= {k: e for k, e in interpreter.values.items() if k not in kept}
    return updates, {instance.name(k): instance.named(e) for k, e in carried.items()}


def _at_breakpoint(instance: Instance, carried: Values) -> Values:
    """What a mechanism's variables are once its BREAKPOINT has run."""
    mechanism = instance.mechanism
    if mechanism.breakpoint is None:
        return carried
    interpreter = Interpreter(mechanism)
    interpreter.run(mechanism.breakpoint)
    values = {instance.name(k): instance.named(e) for k, e in interpreter.values.items()}
    return carried | {name: substitute(e, carried) for name, e in values.items()}


def _solved(instance: Instance, solve: Any, interpreter: Interpreter) -> list[Update]:
    mechanism = instance.mechanism
    method = text(solve.method) if solve.method is not None else ""
    precise, together = bool(instance.writes), f"{instance.prefix} {text(solve)}"
    derivatives = interpreter.derivatives
    if not method and not derivatives:
        changed = [s for s in mechanism.states if s in interpreter.values]
        return [
            Update(instance.name(s), None, instance.named(interpreter.values[s]), False, together)
            for s in changed
        ]
    if method in EXPONENTIAL:
        try:
            relaxations = {s: linear(d, s) for s, d in derivatives.items()}
        except NonlinearError:
            method = "derivimplicit"  # as NEURON does
        else:
            return [
                Update(instance.name(s), _named(instance, x), None, precise)
                for s, x in relaxations.items()
            ]
    if method in IMPLICIT:
        try:
            later = implicit_euler(derivatives)
        except NonlinearError:
            mechanism.refuse(text(solve), "has too many states")
    elif method == "euler":
        later = {s: variable(s) + variable("dt") * d for s, d in derivatives.items()}
    else:
        mechanism.refuse(text(solve), "is a method that is not known")
    return [
        Update(instance.name(s), None, instance.named(value), False, together)
        for s, value in later.items()
    ]


def _named(instance: Instance, x: Linear) -> Linear:
    return Linear(*(instance.named(e) for e in (x.constant, x.slope, x.denominator)))


def _currents(instance: Instance, values: Values) -> list[tuple[str, Expression]]:
    """The currents of a mechanism (mA/cm2) with the ion of each, '' for none."""
    mechanism = instance.mechanism
    wanted = [("", name) for name in mechanism.currents]
    wanted += [(ion.name, n) for ion in mechanism.ions for n in ion.writes if n == f"i{ion.name}"]
    read = {instance.name(name) for name in _read(mechanism)}
    scale = variable("point_scale") if mechanism.point else ONE
    out = []
    for ion, name in wanted:
        current = values.get(instance.name(name))
        if current is None:
            mechanism.refuse(name, "is a current that is never set")
        if current.variables & read:
            mechanism.refuse("READ", "reads a current to set another")
        out.append((ion, current * scale))
    return out


def _read(mechanism: Mechanism) -> list[str]:
    return [f"i{ion.name}" for ion in mechanism.ions if f"i{ion.name}" in ion.reads]


def _sum_currents(equations: Equations, currents: dict[str, list[Expression]]) -> None:
    """Add up the currents, those of one reversal potential as one conductance."""
    read = {
        v.split(".")[0]
        for update in (*equations.density, *equations.points)
        for v in update.variables
        if v.endswith(".i") and "." in v
    }
    total = slope = ZERO
    for ion in sorted(currents):
        current, conductance = _grouped(currents[ion])
        total, slope = total + current, slope + conductance
        if ion in read:
            equations.ion_currents[ion] = current, conductance
    equations.current, equations.conductance = total, slope
    for ion in sorted(read - equations.ion_currents.keys()):
        equations.ion_currents[ion] = ZERO, ZERO


def _grouped(currents: list[Expression]) -> tuple[Expression, Expression]:
    """The sum of currents and its derivative by the voltage."""
    conductances: dict[Expression, Expression] = {}
    rest: list[Expression] = []
    for current in currents:
        found = _ohmic(current)
        if found is None:
            rest.append(current)
        else:
            g, drive = found
            conductances[drive] = conductances.get(drive, ZERO) + g
    total = slope = ZERO
    for drive, g in conductances.items():
        total, slope = total + g * drive, slope + g
    for current in rest:
        total, slope = total + current, slope + derivative(current, "v")
    return total, slope


def _ohmic(current: Expression) -> tuple[Expression, Expression] | None:
    """A current as g, (v - e) with neither g nor e a function of v, if it is one."""
    factors, negative = [current], False
    done: list[Expression] = []
    while factors:
        e = factors.pop()
        if e.op == "neg":
            negative = not negative
            factors.append(e.arguments[0])
        elif e.op == "*":
            factors.extend(reversed(e.arguments))
        elif e.op == "/" and "v" in e.arguments[0].variables - e.arguments[1].variables:
            factors.extend([ONE / e.arguments[1], e.arguments[0]])
        else:
            done.append(e)
    drives = [e for e in done if "v" in e.variables]
    if len(drives) != 1:
        return None
    drive = drives[0]
    if drive.op == "+" and _is_voltage(drive.arguments[0]):
        drive = apply("-", variable("v"), -drive.arguments[1])
    if drive.op != "-":
        return None
    a, b = drive.arguments
    if _is_voltage(b) and "v" not in a.variables:
        drive, negative = apply("-", b, a), not negative
    elif not _is_voltage(a) or "v" in b.variables:
        return None
    g = ONE
    for e in done:
        if "v" not in e.variables:
            g = g * e
    return (-g if negative else g), drive


def _is_voltage(e: Expression) -> bool:
    return e.op == "variable" and e.value == "v"
