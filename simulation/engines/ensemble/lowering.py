"""Expressions of a node as C++ on lanes: one statement for each operation."""

from __future__ import annotations

import math

import numpy as np

from neuronio.simulation.engines.ensemble.algebra import Algebra, Line
from neuronio.simulation.nmodl.expression import (
    COMPARISONS,
    ONE,
    Expression,
    apply,
    number,
    variable,
)

LOG2E = math.log2(math.e)
HIGHEST_POWER = 8
# Powers of two that stay normal numbers with room for a product.
LARGEST_EXPONENT = {"float32": 120.0, "float64": 1000.0}
_LANE_FUNCTIONS = {"sqrt": "square_root", "tanh": "tanh_of"}


class Slots:
    """Numbers that the kernel is given: constants of the cell, and parameters of a node.

    Attributes:
        constants: values shared by all nodes; parameters: (n,) arrays of the group at hand.
        tables: of gates, by what `gate_table` gives; None where gates are computed.
    """

    def __init__(self, tables: bool = False) -> None:
        self.constants: list[float] = []
        self.parameters: list[np.ndarray] = []
        self.tables: list[np.ndarray] | None = [] if tables else None
        self._at: dict[bytes, str] = {}
        self._own: dict[bytes, str] = {}

    def begin_group(self) -> None:
        """Start the parameters of another group of nodes."""
        self.parameters, self._own = [], {}

    def name(self, values: np.ndarray) -> str:
        """C++ for numbers that are the same in all lanes, one a node."""
        values = np.asarray(values, dtype=float)
        if np.all(values == values[0]):
            key = values[:1].tobytes()
            if key not in self._at:
                self._at[key] = f"c[{len(self.constants)}]"
                self.constants.append(float(values[0]))
            return self._at[key]
        key = values.tobytes()
        if key not in self._own:
            self._own[key] = f"p[{len(self.parameters)}]"
            self.parameters.append(values)
        return self._own[key]


class Lowering:
    """Statements of one function of a group of nodes.

    Args:
        algebra: the group's numbers; slots: where known ones go; precision: of the lanes.
        leaves: C++ of every variable that differs among lanes.
        dt_ms: the time step.
    """

    def __init__(
        self,
        algebra: Algebra,
        slots: Slots,
        precision: str,
        leaves: dict[str, str],
        dt_ms: float,
    ):
        self.algebra, self.slots, self.precision = algebra, slots, precision
        self.leaves, self.dt_ms = leaves, dt_ms
        self.lines: list[str] = []
        self._names: dict[Expression, str] = {}
        self._linoids: dict[str, str] = {}
        self._powers: list[tuple[Line, str]] = []

    def known(self, e: Expression) -> str:
        """C++ of a number that is the same in all lanes."""
        return self.slots.name(self.algebra.values(e))

    def constant(self, x: float) -> str:
        """C++ of a number."""
        return self.slots.name(np.full(self.algebra.n, x))

    def value(self, e: Expression) -> str:
        """C++ of an expression: the name of a vector, or of a number for all lanes."""
        if self.algebra.is_known(e):
            return self.known(e)
        if e not in self._names:
            self._names[e] = self._operation(e)
        return self._names[e]

    def vector(self, e: Expression) -> str:
        """C++ of an expression as a vector."""
        text = self.value(e)
        return f"splat<V>({text})" if text.startswith("p[") else text

    def temporary(self, text: str) -> str:
        """A new name for a vector."""
        name = f"x{len(self.lines)}"
        self.lines.append(f"const V {name} = {text};")
        return name

    def statement(self, text: str) -> None:
        """A statement that names nothing."""
        self.lines.append(text)

    def _operation(self, e: Expression) -> str:
        if e.op == "variable":
            return self.temporary(self.leaves[str(e.value)])
        if e.op == "/":
            if found := self.algebra.quotient(e):
                return self._linoid(*found)
            if not self.algebra.is_known(e.arguments[1]):
                return self._division(e)
        line = self.algebra.line(e)
        if line.base is not None and line.base is not e:
            return self.temporary(self._affine(line))
        a = e.arguments
        if e.op in ("+", "-", "*"):
            return self.temporary(f"{self.value(a[0])} {e.op} {self.value(a[1])}")
        if e.op == "exp":
            return self._power_of_e(self.algebra.line(a[0]))
        if e.op == "^":
            return self._power(*a)
        if e.op in ("log", "log10"):
            by = math.log(2) if e.op == "log" else math.log10(2)
            return self.temporary(f"{self._log2(a[0])} * {self.constant(by)}")
        if e.op == "fabs":
            x = self.vector(a[0])
            return self.temporary(f"{x} < R(0) ? -{x} : {x}")
        if e.op == "select":
            yes, no = self.vector(a[1]), self.vector(a[2])
            return self.temporary(f"{self._condition(a[0])} ? {yes} : {no}")
        if e.op in _LANE_FUNCTIONS:
            return self.temporary(f"{_LANE_FUNCTIONS[e.op]}<V>({self.vector(a[0])})")
        # A comparison used as a number.
        return self.temporary(f"{self._condition(e)} ? splat<V>(R(1)) : V{{}}")

    def _affine(self, line: Line) -> str:
        assert line.base is not None
        base, slope, offset = self.value(line.base), line.slope, line.offset
        always = self.algebra.always
        if always(slope, -1):
            return f"-{base}" if always(offset, 0) else f"{self.known(offset)} - {base}"
        product = base if always(slope, 1) else f"{base} * {self.known(slope)}"
        return product if always(offset, 0) else f"{product} + {self.known(offset)}"

    def _division(self, e: Expression) -> str:
        above, below = e.arguments
        inverse = self.value(ONE / below) if above is not ONE else ""
        if inverse:
            return self.temporary(f"{self.value(above)} * {inverse}")
        return self.temporary(f"reciprocal({self.value(below)})")

    def _linoid(self, factor: Expression, x: Line) -> str:
        assert x.base is not None
        mirrored = bool(np.all(self.algebra.values(x.slope) < 0))
        if mirrored:
            x = Line(-x.slope, x.base, -x.offset)
        argument = self._affine(x)
        if argument not in self._linoids:
            name = f"q{len(self.lines)}"
            within = self._power_of_e(x)
            self.lines.append(f"const Linoid<V> {name}({argument}, {within}, e);")
            self._linoids[argument] = name
        part = f"{self._linoids[argument]}.{'minus' if mirrored else 'plus'}"
        return self.temporary(f"{part} * {self.known(factor)}")

    def _power_of_e(self, x: Line) -> str:
        """exp of a line, from another one's where they differ by a factor or are inverse."""
        assert x.base is not None
        algebra = self.algebra
        whole = x.base * x.slope + x.offset
        bound = algebra.range(number(LOG2E) * whole)
        largest = LARGEST_EXPONENT[self.precision]
        if bound is None or max(-bound[0], bound[1]) > largest:
            exponent = self._affine(self._scaled(x))
            return self.temporary(f"exp2_within<V>({exponent}, R({largest:g}), e)")
        for other, name in self._powers:
            if other.base is not x.base:
                continue
            if algebra.same(other.slope, x.slope):
                shift = x.offset - other.offset
                return name if algebra.always(shift, 0) else self._times(name, shift)
            if algebra.same(other.slope, -x.slope):
                shift = x.offset + other.offset
                inverse = self.temporary(f"reciprocal({name})")
                return inverse if algebra.always(shift, 0) else self._times(inverse, shift)
        name = self.temporary(f"exp2_of<V>({self._affine(self._scaled(x))}, e)")
        self._powers.append((x, name))
        return name

    def _scaled(self, x: Line) -> Line:
        return Line(x.slope * number(LOG2E), x.base, x.offset * number(LOG2E))

    def _times(self, name: str, exponent: Expression) -> str:
        return self.temporary(f"{name} * {self.known(apply('exp', exponent))}")

    def _log2(self, x: Expression) -> str:
        """log2 of x, that of a quotient as a difference."""
        if x.op == "/":
            a, b = x.arguments
            return f"({self._log2(a)} - {self._log2(b)})"
        if self.algebra.is_known(x):
            return self.known(apply("log", x) * number(LOG2E))
        key = apply("log", x) * number(LOG2E)
        if key not in self._names:
            self._names[key] = self.temporary(f"log2_of<V>({self.value(x)})")
        return self._names[key]

    def _power(self, base: Expression, exponent: Expression) -> str:
        if self.algebra.is_known(exponent):
            powers = np.unique(self.algebra.values(exponent))
            n = int(powers[0]) if len(powers) == 1 and powers[0] == int(powers[0]) else 0
            if 0 < abs(n) <= HIGHEST_POWER:
                return self._whole_power(base, n)
            if len(powers) == 1 and powers[0] == 0.5:
                return self.temporary(f"square_root<V>({self.value(base)})")
        largest = LARGEST_EXPONENT[self.precision]
        exponent_text = f"{self._log2(base)} * {self.value(exponent)}"
        return self.temporary(f"exp2_within<V>({exponent_text}, R({largest:g}), e)")

    def _whole_power(self, base: Expression, n: int) -> str:
        x = self.value(base)
        if n < 0:
            x, n = self.temporary(f"reciprocal({x})"), -n
        out = ""
        while n:
            if n & 1:
                out = self.temporary(f"{out} * {x}") if out else x
            n >>= 1
            if n:
                x = self.temporary(f"{x} * {x}")
        return out

    def _condition(self, e: Expression) -> str:
        if self.algebra.is_known(e):
            return f"{self.vector(e)} != V{{}}"
        if e.op == "not":
            return f"!({self._condition(e.arguments[0])})"
        if e.op in ("&&", "||"):
            a, b = (self._condition(x) for x in e.arguments)
            return f"(({a}) {e.op[0]} ({b}))"
        if e.op in COMPARISONS:
            a, b = (self.vector(x) for x in e.arguments)
            return f"({a} {e.op} {b})"
        return f"({self.vector(e)} != V{{}})"

    def moved(self, state: str, name: str) -> None:
        """From here on the state's variable means this vector."""
        mine = {e for e in self._names if state in e.variables}
        for e in mine:
            del self._names[e]
        self._names[variable(state)] = name
