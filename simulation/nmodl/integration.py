"""A step of the states, as NEURON's methods take it, written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from neuronio.simulation.nmodl.expression import (
    ONE,
    ZERO,
    Expression,
    derivative,
    select,
    substitute,
    variable,
)

NEWTON_STEPS = 4
LARGEST_SYSTEM = 12


class NonlinearError(Exception):
    """An equation that is not linear in its state."""


@dataclass(frozen=True)
class Linear:
    """An expression of x as (constant + slope x) / denominator, none of which has x in it."""

    constant: Expression
    slope: Expression
    denominator: Expression = ONE

    @property
    def rate(self) -> Expression:
        """Of x' = this: how fast x forgets, 1/ms."""
        return -(self.slope / self.denominator)

    @property
    def steady(self) -> Expression:
        """Of x' = this: where x goes."""
        return -(self.constant / self.slope)


def linear(e: Expression, x: str) -> Linear:
    """An expression taken apart by a variable.

    Raises:
        NonlinearError: it is not linear in the variable.
    """
    if x not in e.variables:
        return Linear(e, ZERO)
    if e.op == "variable":
        return Linear(ZERO, ONE)
    if e.op not in ("+", "-", "neg", "*", "/", "select"):
        raise NonlinearError
    a = e.arguments
    if e.op == "neg":
        inner = linear(a[0], x)
        return Linear(-inner.constant, -inner.slope, inner.denominator)
    if e.op == "select":
        if x in a[0].variables:
            raise NonlinearError
        return _merge(linear(a[1], x), linear(a[2], x), lambda p, q: select(a[0], p, q))
    if e.op in "+-":
        return _sum(linear(a[0], x), linear(a[1], x), e.op)
    if e.op == "/":
        if x in a[1].variables:
            raise NonlinearError
        inner = linear(a[0], x)
        return Linear(inner.constant, inner.slope, inner.denominator * a[1])
    inner, factor = (linear(a[0], x), a[1]) if x in a[0].variables else (linear(a[1], x), a[0])
    if x in factor.variables:
        raise NonlinearError
    return Linear(inner.constant * factor, inner.slope * factor, inner.denominator)


def _sum(a: Linear, b: Linear, op: str) -> Linear:
    if a.denominator is b.denominator:
        return _merge(a, b, lambda p, q: p + q if op == "+" else p - q)
    p, q = a.denominator, b.denominator
    wide = Linear(a.constant * q, a.slope * q, p * q)
    other = Linear(b.constant * p, b.slope * p, p * q)
    return _merge(wide, other, lambda x, y: x + y if op == "+" else x - y)


def _merge(a: Linear, b: Linear, join: Callable[[Expression, Expression], Expression]) -> Linear:
    if a.denominator is not b.denominator:
        p, q = a.denominator, b.denominator
        a = Linear(a.constant * q, a.slope * q, p * q)
        b = Linear(b.constant * p, b.slope * p, p * q)
    return Linear(join(a.constant, b.constant), join(a.slope, b.slope), a.denominator)


def implicit_euler(derivatives: dict[str, Expression]) -> dict[str, Expression]:
    """The states a step later by the backward Euler method (`sparse`, `derivimplicit`).

    The equations' solution is written out by elimination; where they are not linear, Newton's
    iteration from the present states is, NEWTON_STEPS times. As NEURON does at second order, half a
    step is taken and what it changes is doubled: the trapezoidal rule in the middle.

    Args:
        derivatives: of each state, in terms of all of them; the result has 'dt' and 'order' too.

    Raises:
        NonlinearError: there are more than LARGEST_SYSTEM coupled states.
    """
    names = list(derivatives)
    if len(names) > LARGEST_SYSTEM:
        raise NonlinearError
    order = variable("order")
    dt = variable("dt") / order
    jacobian = {(i, j): derivative(derivatives[i], j) for i in names for j in names}
    constant = all(not e.variables & set(names) for e in jacobian.values())
    present = {name: variable(name) for name in names}
    guess = dict(present)
    for _ in range(1 if constant else NEWTON_STEPS):
        at = {key: substitute(e, guess) for key, e in jacobian.items()}
        matrix = [[(ONE if i == j else ZERO) - dt * at[i, j] for j in names] for i in names]
        residual = [present[i] + dt * substitute(derivatives[i], guess) - guess[i] for i in names]
        for name, change in zip(names, solve(matrix, residual), strict=True):
            guess[name] = guess[name] + change
    return {name: x + order * (guess[name] - x) for name, x in present.items()}


def solve(matrix: list[list[Expression]], right: list[Expression]) -> list[Expression]:
    """The solution of linear equations by Gaussian elimination without pivoting, written out."""
    n = len(right)
    matrix, right = [list(row) for row in matrix], list(right)
    for k in range(n):
        for i in range(k + 1, n):
            if matrix[i][k].equals(0):
                continue
            factor = matrix[i][k] / matrix[k][k]
            for j in range(k + 1, n):
                matrix[i][j] = matrix[i][j] - factor * matrix[k][j]
            right[i] = right[i] - factor * right[k]
    solution = [ZERO] * n
    for k in reversed(range(n)):
        rest = right[k]
        for j in range(k + 1, n):
            rest = rest - matrix[k][j] * solution[j]
        solution[k] = rest / matrix[k][k]
    return solution
