"""Arithmetic on the distance along the dendrites, as written in cell files."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable

from neuronio.errors import NeuronIOError

_OPERATORS: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FUNCTIONS: dict[str, Callable] = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "min": min,
    "max": max,
    "where": lambda condition, yes, no: yes if condition else no,
}


def evaluate(expression: str | float, **names: float) -> float:
    """The value of an arithmetic expression of the given names; a number is its own value.

    Numbers, + - * / **, comparisons, and the functions exp, log, sqrt, min, max and
    where(condition, yes, no) are allowed; nothing else is, so a cell file cannot run code.

    Raises:
        NeuronIOError: the expression is malformed, uses anything else, or has no value.
    """
    if not isinstance(expression, str):
        return float(expression)
    try:
        return float(_value(ast.parse(expression, mode="eval").body, names))
    except (SyntaxError, ArithmeticError, ValueError, TypeError) as error:
        raise NeuronIOError(f"cannot evaluate '{expression}': {error}") from error
    except (RecursionError, MemoryError) as error:  # what Python's parser says of too many levels
        raise NeuronIOError(f"cannot evaluate '{expression[:40]}...': too deep") from error


def _known(ops: list[ast.cmpop]) -> bool:
    return all(type(op) in _OPERATORS for op in ops)


def _value(node: ast.expr, names: dict[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, names), _value(right, names))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(operand, names))
        case ast.Compare(left=left, ops=ops, comparators=right) if _known(ops):
            values = [_value(item, names) for item in (left, *right)]
            pairs = zip(ops, values, values[1:], strict=False)
            return all(_OPERATORS[type(op)](a, b) for op, a, b in pairs)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(argument, names) for argument in arguments))
    allowed = ", ".join([*names, *_FUNCTIONS])
    raise ValueError(f"'{ast.unparse(node)}' is not allowed; use numbers, + - * / ** and {allowed}")
