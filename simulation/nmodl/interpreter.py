"""Runs NMODL statements on expressions instead of numbers."""

from __future__ import annotations

from typing import Any

from neuronio.simulation.nmodl.expression import (
    FUNCTIONS,
    ONE,
    ZERO,
    Expression,
    apply,
    number,
    select,
    variable,
)
from neuronio.simulation.nmodl.mechanism import Mechanism, text

GLOBAL_VARIABLES = {"v", "celsius", "dt", "t", "area", "diam"}
"""What NMODL provides without a declaration, or declares without a value of its own."""

LONGEST_LOOP = 1000
DEEPEST_CALL = 50
Values = dict[str, Expression]


class Interpreter:
    """Follows a mechanism's statements; `if` becomes a selection and calls are written out.

    Args:
        mechanism: whose blocks are run.

    Attributes:
        values: what the mechanism's variables have been set to; one that was not set stands for
            itself.
        derivatives: what DERIVATIVE and KINETIC blocks gave for each state.
    """

    def __init__(self, mechanism: Mechanism, values: Values | None = None):
        self.mechanism = mechanism
        self.values: Values = dict(values or {})
        self.derivatives: Values = {}
        self._volumes: Values = {}
        self._frames: list[Values] = [{}]

    def run(self, block: Any, arguments: Values | None = None) -> Values:
        """Run a statement block with its own local variables; returns these."""
        if len(self._frames) > DEEPEST_CALL:
            self.mechanism.refuse(text(block)[:40], "calls itself")
        self._frames.append(dict(arguments or {}))
        self._statements(block)
        return self._frames.pop()

    def _statements(self, block: Any) -> None:
        for statement in block.statements:
            self._statement(statement)

    def _statement(self, node: Any) -> None:
        match type(node).__name__:
            case "ExpressionStatement":
                self._expression_statement(node.expression)
            case "IfStatement":
                self._if(node)
            case "LocalListStatement":
                self._frames[-1].update({text(x): ZERO for x in node.variables})
            case "FromStatement":
                self._loop(node)
            case "ReactionStatement":
                self._reaction(node)
            case "Compartment":
                volume = self.value(node.volume)
                self._volumes.update({text(x): volume for x in node.species})
            case "Conserve" | "TableStatement" | "ConductanceHint" | "UnitState":
                pass  # implied by the equations, or advice to NEURON
            case kind:
                self.mechanism.refuse(text(node).splitlines()[0], f"is a {kind}")

    def _expression_statement(self, node: Any) -> None:
        match type(node).__name__:
            case "BinaryExpression" if text(node.op) == "=":
                self._assign(text(node.lhs), self.value(node.rhs))
            case "DiffEqExpression":
                name = text(node.expression.lhs).rstrip("'")
                self.derivatives[name] = self.value(node.expression.rhs)
            case "SolveBlock" | "InitialBlock" | "UnitState":
                pass  # the caller solves; a NetCon's own INITIAL is run by the caller
            case _:
                self.value(node)

    def _assign(self, name: str, value: Expression) -> None:
        name = self._element(name)
        local = name in self._frames[-1]
        (self._frames[-1] if local else self.values)[name] = value

    def _element(self, name: str) -> str:
        """The name of an array's element with its index as a number."""
        if "[" not in name:
            return name
        array, index = name.rstrip("]").split("[", 1)
        if not index.strip().isdigit():
            found = self._lookup(index.strip())
            if not found.is_number:
                self.mechanism.refuse(name, "has an index that is not a constant")
            index = str(int(found.as_float))
        return f"{array}[{index.strip()}]"

    def _if(self, node: Any) -> None:
        branches = [(node.condition, node.statement_block)]
        branches += [(e.condition, e.statement_block) for e in node.elseifs]
        self._branch(branches, node.elses.statement_block if node.elses is not None else None)

    def _branch(self, branches: list[tuple[Any, Any]], otherwise: Any) -> None:
        if not branches:
            if otherwise is not None:
                self._statements(otherwise)
            return
        (condition, block), *rest = branches
        holds = self.value(condition)
        if holds.is_number:
            if holds.value:
                self._statements(block)
            else:
                self._branch(rest, otherwise)
            return
        before = self._state()
        self._statements(block)
        yes = self._state()
        self._restore(before)
        self._branch(rest, otherwise)
        self._merge(holds, yes)

    def _state(self) -> list[Values]:
        return [dict(x) for x in (self.values, self.derivatives, self._frames[-1])]

    def _restore(self, state: list[Values]) -> None:
        self.values, self.derivatives, self._frames[-1] = (dict(x) for x in state)

    def _merge(self, holds: Expression, yes: list[Values]) -> None:
        for i, mine in enumerate((self.values, self.derivatives, self._frames[-1])):
            for name in {**yes[i], **mine}:
                if i == 0:
                    a, b = (x.get(name, variable(name)) for x in (yes[i], mine))
                else:
                    a, b = (x.get(name, ZERO) for x in (yes[i], mine))
                mine[name] = select(holds, a, b)

    def _loop(self, node: Any) -> None:
        first, last = self.value(getattr(node, "from")), self.value(node.to)
        step = self.value(node.increment) if node.increment is not None else ONE
        if not (first.is_number and last.is_number and step.is_number):
            self.mechanism.refuse(text(node).splitlines()[0], "is a loop without constant bounds")
        start, stop, by = (int(x.as_float) for x in (first, last, step))
        if by < 1 or stop - start > LONGEST_LOOP:
            self.mechanism.refuse(text(node).splitlines()[0], "is too long a loop")
        for i in range(start, stop + 1, by):
            self._frames[-1][text(node.name)] = number(i)
            self._statements(node.statement_block)

    def _reaction(self, node: Any) -> None:
        """Add a reaction's flux to the derivatives of what takes part in it."""
        forward = self.value(node.expression1)
        left = self._species(node.reaction1)
        if text(node.op) == "<<":
            for name, _ in left:
                self._gain(name, forward)
            return
        flux, backward = self._rate(forward, left), ZERO
        right = self._species(node.reaction2) if node.reaction2 is not None else []
        if text(node.op) == "<->":
            backward = self._rate(self.value(node.expression2), right)
        self._frames[0]["f_flux"], self._frames[0]["b_flux"] = flux, backward
        for name, count in left:
            self._gain(name, number(-count) * (flux - backward))
        for name, count in right:
            self._gain(name, number(count) * (flux - backward))

    def _rate(self, constant: Expression, species: list[tuple[str, int]]) -> Expression:
        for name, count in species:
            for _ in range(count):
                constant = constant * self._lookup(name)
        return constant

    def _gain(self, name: str, rate: Expression) -> None:
        if name not in self.mechanism.states:
            return  # a species that is held fixed
        if volume := self._volumes.get(name):
            rate = rate / volume
        self.derivatives[name] = self.derivatives.get(name, ZERO) + rate

    def _species(self, node: Any) -> list[tuple[str, int]]:
        if type(node).__name__ == "BinaryExpression":
            return self._species(node.lhs) + self._species(node.rhs)
        if type(node).__name__ in ("WrappedExpression", "ParenExpression"):
            return self._species(node.expression)
        count = int(text(node.value)) if getattr(node, "value", None) is not None else 1
        return [(self._element(text(getattr(node, "name", node))), count)]

    def value(self, node: Any) -> Expression:
        """The expression that a syntax tree stands for."""
        match type(node).__name__:
            case "WrappedExpression" | "ParenExpression":
                return self.value(node.expression)
            case "BinaryExpression":
                return apply(text(node.op), self.value(node.lhs), self.value(node.rhs))
            case "UnaryExpression":
                return apply("neg" if text(node.op) == "-" else "not", self.value(node.expression))
            case "FunctionCall":
                return self._call(text(node.name), list(node.arguments))
            case "Double" | "Float" | "Integer":
                return self._number(text(node))
            case "DoubleUnit":
                return self._number(text(node.value))
            case "VarName" | "Name" | "IndexedName" | "ReactVarName":
                return self._lookup(self._element(text(node)))
        return self.mechanism.refuse(text(node).splitlines()[0], f"is a {type(node).__name__}")

    def _number(self, digits: str) -> Expression:
        try:
            return number(float(digits))
        except ValueError:
            return self._lookup(digits)  # a DEFINE

    def _lookup(self, name: str) -> Expression:
        for values in (self._frames[-1], self.values, self._frames[0]):
            if name in values:
                return values[name]
        if name in self.mechanism.constants:
            return number(self.mechanism.constants[name])
        mechanism = self.mechanism
        declared = (
            *mechanism.parameters,
            *mechanism.states,
            *mechanism.assigned,
            *mechanism.ion_variables,
        )
        if name == "t":
            mechanism.refuse("t", "makes the equations depend on time")
        if name not in declared and name not in GLOBAL_VARIABLES:
            mechanism.refuse(name, "is not declared")
        return variable(name)

    def _call(self, name: str, nodes: list[Any]) -> Expression:
        arguments = [self.value(node) for node in nodes if type(node).__name__ != "String"]
        if block := self.mechanism.functions.get(name):
            names = [text(x.name) for x in block.parameters]
            if len(names) != len(arguments):
                self.mechanism.refuse(name, f"is called with {len(arguments)} arguments")
            local = dict(zip(names, arguments, strict=True))
            is_function = type(block).__name__ == "FunctionBlock"
            result = {name: ZERO} if is_function else {}
            return self.run(block.statement_block, result | local).get(name, ZERO)
        match name, arguments:
            case "pow", [a, b]:
                return apply("^", a, b)
            case "exprelr", [x]:
                relative = x / (apply("exp", x) - ONE)
                return select(apply("==", x, ZERO), ONE, relative)
            case ("state_discontinuity", [_, value]):
                self._assign(self._element(text(nodes[0])), value)
                return value
            case _, [x] if name in FUNCTIONS:
                return apply(name, x)
        return self.mechanism.refuse(f"{name}(", "calls a function that is not known")
