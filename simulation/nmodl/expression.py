"""Expressions as a graph in which equal ones are one object, simplified as they are made."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping

import numpy as np

COMPARISONS: dict[str, Callable] = {
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "&&": np.logical_and,
    "||": np.logical_or,
}
FUNCTIONS: dict[str, Callable] = {
    "exp": np.exp,
    "log": np.log,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "fabs": np.abs,
    "tanh": np.tanh,
}
_OPERATORS: dict[str, Callable] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "neg": np.negative,
    "not": np.logical_not,
    "select": np.where,
    **COMPARISONS,
    **FUNCTIONS,
}
_known: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


class Expression:
    """A number, a variable, or an operation on expressions.

    Make them with `number`, `variable`, `apply` and Python's operators; the same expression made
    twice is the same object, so identity is equality.

    Attributes:
        op: 'number', 'variable', or the operation.
        value: the number, or the variable's name.
        arguments: what the operation is applied to.
        variables: names of all variables in it.
    """

    __slots__ = ("__weakref__", "arguments", "op", "value", "variables")
    variables: frozenset[str]

    def __init__(self, op: str, value: float | str | None, arguments: tuple[Expression, ...]):
        self.op, self.value, self.arguments = op, value, arguments
        names = frozenset([str(value)] if op == "variable" else [])
        self.variables = names.union(*(a.variables for a in arguments))

    def __add__(self, other: Expression) -> Expression:
        return apply("+", self, other)

    def __sub__(self, other: Expression) -> Expression:
        return apply("-", self, other)

    def __mul__(self, other: Expression) -> Expression:
        return apply("*", self, other)

    def __truediv__(self, other: Expression) -> Expression:
        return apply("/", self, other)

    def __neg__(self) -> Expression:
        return apply("neg", self)

    def __repr__(self) -> str:
        if not self.arguments:
            return f"{self.value:g}" if self.op == "number" else str(self.value)
        return f"{self.op}({', '.join(map(repr, self.arguments))})"

    @property
    def as_float(self) -> float:
        """The number that it is."""
        assert isinstance(self.value, float)
        return self.value

    @property
    def is_number(self) -> bool:
        """Whether it is a number as it stands."""
        return self.op == "number"

    def equals(self, x: float) -> bool:
        """Whether it is this number."""
        return self.op == "number" and self.value == x


def _make(op: str, value: float | str | None, arguments: tuple[Expression, ...]) -> Expression:
    key = (op, value, *map(id, arguments))
    found = _known.get(key)
    if found is None:
        found = _known[key] = Expression(op, value, arguments)
    return found


def number(x: float) -> Expression:
    """A constant."""
    return _make("number", float(x), ())


def variable(name: str) -> Expression:
    """A variable."""
    return _make("variable", name, ())


ZERO, ONE = number(0), number(1)


def apply(op: str, *arguments: Expression) -> Expression:
    """An operation applied to expressions, simplified.

    Args:
        op: + - * / ^ neg, a comparison, && || not, select (condition, if true, if false), or one of
            FUNCTIONS.
    """
    if all(a.is_number for a in arguments):
        with np.errstate(all="ignore"):
            return number(float(_OPERATORS[op](*(a.value for a in arguments))))
    simpler = _SIMPLER.get(op)
    found = simpler(*arguments) if simpler else None
    return found if found is not None else _make(op, None, arguments)


def select(condition: Expression, yes: Expression, no: Expression) -> Expression:
    """`yes` where the condition holds, else `no`."""
    return apply("select", condition, yes, no)


def _add(a: Expression, b: Expression) -> Expression | None:
    if a.equals(0):
        return b
    if b.equals(0):
        return a
    if b.op == "neg":
        return a - b.arguments[0]
    return b - a.arguments[0] if a.op == "neg" else None


def _subtract(a: Expression, b: Expression) -> Expression | None:
    if b.equals(0):
        return a
    if a is b:
        return ZERO
    if a.equals(0):
        return -b
    return a + b.arguments[0] if b.op == "neg" else None


def _multiply(a: Expression, b: Expression) -> Expression | None:
    if a.equals(0) or b.equals(0):
        return ZERO
    if a.equals(1):
        return b
    if b.equals(1):
        return a
    if a.op == "neg":
        return -(a.arguments[0] * b)
    return -(a * b.arguments[0]) if b.op == "neg" else None


def _divide(a: Expression, b: Expression) -> Expression | None:
    if a.equals(0):
        return ZERO
    if b.equals(1):
        return a
    if a is b:
        return ONE
    if a.op == "neg":
        return -(a.arguments[0] / b)
    if b.op == "neg":
        return -(a / b.arguments[0])
    return (a * b.arguments[1]) / b.arguments[0] if b.op == "/" else None


def _negate(a: Expression) -> Expression | None:
    if a.op == "neg":
        return a.arguments[0]
    return a.arguments[1] - a.arguments[0] if a.op == "-" else None


def _power(a: Expression, b: Expression) -> Expression | None:
    if b.equals(1):
        return a
    return ONE if b.equals(0) else None


def _select(condition: Expression, yes: Expression, no: Expression) -> Expression | None:
    if condition.is_number:
        return yes if condition.value else no
    return yes if yes is no else None


_SIMPLER: dict[str, Callable[..., Expression | None]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "neg": _negate,
    "^": _power,
    "select": _select,
}


def rewrite(
    roots: list[Expression], change: Callable[[Expression, tuple[Expression, ...]], Expression]
) -> list[Expression]:
    """Expressions made anew from the leaves up; `change` gets each one and its new arguments."""
    done: dict[Expression, Expression] = {}
    for e in walk(roots):
        done[e] = change(e, tuple(done[a] for a in e.arguments))
    return [done[e] for e in roots]


def substitute(e: Expression, values: Mapping[str, Expression]) -> Expression:
    """The expression with variables replaced, all at once."""
    if not e.variables & values.keys():
        return e

    def change(old: Expression, arguments: tuple[Expression, ...]) -> Expression:
        if old.op == "variable":
            return values.get(str(old.value), old)
        return apply(old.op, *arguments) if arguments else old

    return rewrite([e], change)[0]


def walk(roots: list[Expression]) -> Iterator[Expression]:
    """Every expression below the roots once, arguments before what is made of them."""
    seen: set[Expression] = set()
    for root in roots:
        waiting = [(root, False)]
        while waiting:
            e, ready = waiting.pop()
            if e in seen:
                continue
            if ready or not e.arguments:
                seen.add(e)
                yield e
            else:
                waiting.append((e, True))
                waiting.extend((a, False) for a in reversed(e.arguments))


def evaluate(e: Expression, values: Mapping[str, np.ndarray | float]) -> np.ndarray:
    """The value of an expression, in double precision, as numpy broadcasts the variables'."""
    done: dict[Expression, np.ndarray] = {}
    with np.errstate(all="ignore"):
        for x in walk([e]):
            if x.op == "number":
                done[x] = np.asarray(x.value, dtype=float)
            elif x.op == "variable":
                done[x] = np.asarray(values[str(x.value)], dtype=float)
            else:
                done[x] = np.asarray(_OPERATORS[x.op](*(done[a] for a in x.arguments)), dtype=float)
    return done[e]


def derivative(e: Expression, name: str) -> Expression:
    """The derivative by a variable; 0 for conditions and where an absolute value has a corner."""
    done: dict[Expression, Expression] = {}
    for x in walk([e]):
        if name not in x.variables:
            done[x] = ZERO
        elif x.op == "variable":
            done[x] = ONE
        else:
            done[x] = _chain(x, [done[a] for a in x.arguments])
    return done[e]


def _chain(x: Expression, d: list[Expression]) -> Expression:
    a = x.arguments
    match x.op:
        case "+":
            return d[0] + d[1]
        case "-":
            return d[0] - d[1]
        case "neg":
            return -d[0]
        case "*":
            return d[0] * a[1] + a[0] * d[1]
        case "/":
            return (d[0] - x * d[1]) / a[1]
        case "^" if d[1].equals(0):
            return a[1] * apply("^", a[0], a[1] - ONE) * d[0]
        case "^":
            return x * (d[1] * apply("log", a[0]) + a[1] * d[0] / a[0])
        case "exp":
            return x * d[0]
        case "log":
            return d[0] / a[0]
        case "log10":
            return d[0] / (a[0] * number(np.log(10)))
        case "sqrt":
            return d[0] / (number(2) * x)
        case "tanh":
            return (ONE - x * x) * d[0]
        case "fabs":
            return select(apply("<", a[0], ZERO), -d[0], d[0])
        case "select":
            return select(a[0], d[1], d[2])
    return ZERO
