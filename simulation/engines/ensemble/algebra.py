"""What is known of expressions once a cell's numbers are: values, straight lines, ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neuronio.conventions import HIGHEST_MV, LOWEST_MV
from neuronio.simulation.nmodl.expression import (
    ONE,
    ZERO,
    Expression,
    apply,
    evaluate,
    number,
    rewrite,
    substitute,
    variable,
)

GRID_MV = np.linspace(LOWEST_MV, HIGHEST_MV, 2001)
MOST_COMBINATIONS = 64
_REMOVABLE = 1e-3


@dataclass(frozen=True)
class Line:
    """An expression as slope base + offset, where slope and offset are known; base may be None."""

    slope: Expression
    base: Expression | None
    offset: Expression


class Algebra:
    """Expressions of a group of nodes whose parameters have numbers.

    Args:
        known: (n,) values of every variable that is the same in all lanes, one a node.

    Attributes:
        n: number of nodes.
    """

    def __init__(self, known: Mapping[str, np.ndarray]):
        self.n = len(next(iter(known.values()))) if known else 1
        self._known = dict(known)
        self._values: dict[Expression, np.ndarray] = {}
        self._lines: dict[Expression, Line] = {}

    def is_known(self, e: Expression) -> bool:
        """Whether the expression is a number on each node."""
        return e.variables <= self._known.keys()

    def values(self, e: Expression) -> np.ndarray:
        """The number on each node, (n,)."""
        if e not in self._values:
            self._values[e] = np.broadcast_to(evaluate(e, self._known), (self.n,))
        return self._values[e]

    def always(self, e: Expression, x: float) -> bool:
        """Whether an expression is known and is this number on every node."""
        return self.is_known(e) and bool(np.all(self.values(e) == x))

    def simplified(self, e: Expression) -> Expression:
        """The expression with variables that are 0 or 1 everywhere replaced, and equal ones one."""
        return guards_removed(substitute(e, self._canonical(e.variables)), self)

    def _canonical(self, names: frozenset[str]) -> dict[str, Expression]:
        first: dict[bytes, Expression] = {}
        for name in sorted(self._known):
            values = self.values(variable(name))
            plain = {0.0: ZERO, 1.0: ONE}.get(values[0]) if np.all(values == values[0]) else None
            first.setdefault(values.tobytes(), plain or variable(name))
        return {
            name: first[self.values(variable(name)).tobytes()]
            for name in names & self._known.keys()
        }

    def line(self, e: Expression) -> Line:
        """The expression as a straight line over the smallest base that gives one."""
        if e not in self._lines:
            self._lines[e] = self._line(e)
        return self._lines[e]

    def _line(self, e: Expression) -> Line:
        if self.is_known(e):
            return Line(ZERO, None, e)
        alone = Line(ONE, e, ZERO)
        if e.op not in ("+", "-", "*", "/", "neg"):
            return alone
        a = self.line(e.arguments[0])
        if e.op == "neg":
            return Line(-a.slope, a.base, -a.offset)
        b = self.line(e.arguments[1])
        if e.op in "+-":
            if a.base is not None and b.base is not None and a.base is not b.base:
                return alone
            plus = e.op == "+"
            slope = a.slope + b.slope if plus else a.slope - b.slope
            offset = a.offset + b.offset if plus else a.offset - b.offset
            return Line(slope, a.base or b.base, offset)
        if e.op == "/":
            return alone if b.base else Line(a.slope / b.offset, a.base, a.offset / b.offset)
        if a.base and b.base:
            return alone
        x, factor = (a, b.offset) if a.base else (b, a.offset)
        return Line(x.slope * factor, x.base, x.offset * factor)

    def same(self, a: Expression, b: Expression) -> bool:
        """Whether two known expressions have the same numbers, to rounding."""
        return bool(np.allclose(self.values(a), self.values(b), rtol=1e-9, atol=0))

    def over_voltage(self, e: Expression, voltage: np.ndarray = GRID_MV) -> np.ndarray | None:
        """Values of a function of the voltage alone, (combinations, voltages).

        None where it depends on more, or on too many combinations of parameters.
        """
        names = sorted(e.variables - {"v"})
        if not set(names) <= self._known.keys():
            return None
        rows = np.zeros((0, 1))
        if names:
            rows = np.unique(np.array([self._known[name] for name in names]), axis=1)
        if rows.shape[1] > MOST_COMBINATIONS:
            return None
        values = {name: row[:, None] for name, row in zip(names, rows, strict=True)}
        shape = (rows.shape[1], len(voltage))
        return np.broadcast_to(evaluate(e, {**values, "v": voltage[None, :]}), shape)

    def range(self, e: Expression) -> tuple[float, float] | None:
        """The smallest and largest value of a function of the voltage alone, else None."""
        values = self.over_voltage(e)
        if values is None:
            return None
        values = values[np.isfinite(values)]
        return (float(values.min()), float(values.max())) if values.size else None

    def quotient(self, e: Expression) -> tuple[Expression, Line] | None:
        """An expression as factor x / (exp(x) - 1), with a known factor and a line x."""
        if e.op != "/" or self.is_known(e.arguments[1]):
            return None
        above, below = self.line(e.arguments[0]), self.line(e.arguments[1])
        if below.base is None or below.base.op != "exp" or above.base is None:
            return None
        x = self.line(below.base.arguments[0])
        if x.base is not above.base or not self.same(below.offset, -below.slope):
            return None
        if not self.same(above.slope * x.offset, above.offset * x.slope):
            return None
        return above.slope / x.slope / below.slope, x


def guards_removed(e: Expression, algebra: Algebra) -> Expression:
    """The expression without what MOD files do to step around x / (exp(x) - 1) at 0.

    The kernel's own form of that quotient has its limit there. Left out are `if (v == -32)`, which
    the voltage alone decides, and `if (fabs(x) < 1e-6)` around a quotient whose limit the guarded
    branch gives.
    """

    def change(old: Expression, arguments: tuple[Expression, ...]) -> Expression:
        if not arguments:
            return old
        if old.op == "select":
            condition, yes, no = arguments
            if condition.op == "==" and unknown(condition, algebra) == {"v"}:
                return no
            if _guards(condition, yes, no, algebra):
                return no
        return apply(old.op, *arguments)

    return rewrite([e], change)[0]


def unknown(e: Expression, algebra: Algebra) -> set[str]:
    """The variables of an expression that differ between lanes."""
    return {name for name in e.variables if not algebra.is_known(variable(name))}


def _guards(condition: Expression, yes: Expression, no: Expression, algebra: Algebra) -> bool:
    """Whether a condition only keeps a quotient from its removable singularity."""
    line = algebra.line(no)
    found = algebra.quotient(line.base) if line.base is not None else None
    if found is None or found[1].base is not variable("v"):
        return False
    x = found[1]
    zero = -(x.offset / x.slope)
    near, beside = (substitute(e, {"v": zero}) for e in (yes, condition))
    if not (algebra.is_known(near) and algebra.is_known(beside)):
        return False
    away = [substitute(condition, {"v": zero + number(d)}) for d in (-0.1, 0.1)]
    limit = algebra.values(substitute(no, {"v": zero + number(1e-4)}))
    return (
        bool(np.all(algebra.values(beside)))
        and not any(np.any(algebra.values(e)) for e in away)
        and bool(np.allclose(algebra.values(near), limit, rtol=_REMOVABLE, atol=0))
    )
