"""Expressions as C++ against numpy: hundreds at random, and the forms that are rewritten."""

from __future__ import annotations

import ctypes
import random
from pathlib import Path

import numpy as np
import pytest

from neuronio.native import VECTOR_INCLUDE, load_library
from neuronio.simulation.engines.ensemble.algebra import Algebra
from neuronio.simulation.engines.ensemble.kernel import DEFINES, FLAGS, SOURCE
from neuronio.simulation.engines.ensemble.lowering import Lowering, Slots
from neuronio.simulation.engines.ensemble.relaxation import relaxation_polynomial
from neuronio.simulation.engines.ensemble.schedule import interleaved
from neuronio.simulation.nmodl.expression import (
    ONE,
    Expression,
    apply,
    derivative,
    evaluate,
    number,
    select,
    variable,
)

VOLTAGES = np.linspace(-120, 60, 361)
KNOWN = {"shift": np.array([3.0]), "slope": np.array([7.5]), "zero": np.array([0.0])}
V = variable("v")


def random_expression(rng: random.Random, depth: int) -> Expression:
    """Rates as MOD files write them: lines, exponentials, quotients, selections of the voltage."""
    line = (V + number(rng.uniform(20, 80)) - variable("shift")) / (
        number(rng.uniform(4, 40)) * (number(-1) if rng.random() < 0.5 else ONE)
    )
    leaf = rng.choice(
        [
            line,
            apply("exp", line),
            ONE / (ONE + apply("exp", line)),
            line / (apply("exp", line) - ONE),
            number(rng.uniform(0.1, 3)) * line / (ONE - apply("exp", -line)),
            apply("exp", -(line * line)) + variable("zero"),
            apply("log", ONE + apply("exp", line)),
            apply("^", ONE + line * line, number(rng.choice([0.5, 1.3, 2, 3, -1]))),
            apply("tanh", line) + apply("sqrt", ONE + apply("fabs", line)),
        ]
    )
    if depth == 0:
        return leaf
    other = random_expression(rng, depth - 1)
    match rng.randrange(6):
        case 0:
            return leaf + other
        case 1:
            return leaf * other - variable("slope")
        case 2:
            return leaf / (ONE + other * other)
        case 3:
            # Not where a branch of the grid's own points would be decided by rounding.
            return select(apply("<", V, number(rng.uniform(-90, 20) + 1e-3)), leaf, other)
        case 4:
            return ONE / (ONE / (ONE + leaf * leaf)) - other
        case _:
            return -(other * leaf) / variable("slope")


def computed(expressions: list[Expression], folder: Path) -> np.ndarray:
    """(expressions, voltages) by the C++ that they become, in double precision."""
    algebra, slots = Algebra(KNOWN), Slots()
    bodies = []
    for k, e in enumerate(expressions):
        lowering = Lowering(algebra, slots, "float64", {"v": "v"}, 0.025)
        value = lowering.vector(algebra.simplified(e))
        bodies.append("\n".join(["{", *lowering.lines, f"out[{k}] = {value};", "}"]))
    body = "\n".join(bodies)
    text = (
        '#include "membrane_functions.h"\nusing namespace ensemble;\nusing V = double;\n'
        "using R = double;\n"
        'extern "C" void run(double v, const double* c, double* out) {\n'
        f"const Powers<V> e;\n(void)e;\n{body}\n}}\n"
    )
    path = folder / "lowering.cpp"
    path.write_text(text)
    library = load_library(
        "lowering", [path], flags=FLAGS, defines=DEFINES, include=(SOURCE, VECTOR_INCLUDE)
    )
    constants = np.array([*slots.constants, 0.0])
    out = np.zeros((len(VOLTAGES), len(expressions)))
    address = ctypes.c_void_p(constants.ctypes.data)
    for row, v in zip(out, VOLTAGES, strict=True):
        library.run(ctypes.c_double(v), address, ctypes.c_void_p(row.ctypes.data))
    return out.T


def expected(e: Expression) -> np.ndarray:
    return np.broadcast_to(evaluate(e, {**KNOWN, "v": VOLTAGES}), VOLTAGES.shape)


def test_random_expressions_keep_their_values(tmp_path):
    rng = random.Random(0)
    expressions = [random_expression(rng, rng.randrange(4)) for _ in range(150)]
    for e, found in zip(expressions, computed(expressions, tmp_path), strict=True):
        right = expected(e)
        sound = np.isfinite(right)  # numpy has no limit at a removable singularity
        assert sound.sum() > 300
        scale = np.abs(right[sound]).max()
        assert found[sound] == pytest.approx(right[sound], rel=1e-8, abs=1e-9 * scale), e


def test_guards_of_a_quotient_are_left_out_and_others_kept(tmp_path):
    x = (V + number(40)) / number(9)
    rate = x / (apply("exp", x) - ONE)
    guarded = select(apply("<", apply("fabs", x), number(1e-6)), ONE - x / number(2), rate)
    moved = select(apply("==", V, number(-40)), V + number(1e-4), V)
    meant = select(apply("<", apply("fabs", x), number(1e-6)), number(5), rate)
    algebra = Algebra(KNOWN)
    assert algebra.simplified(guarded) is rate
    assert algebra.simplified(moved) is V
    assert algebra.simplified(meant) is meant
    # What a state or a connection counts is no guard.
    counted = select(apply("==", variable("n"), number(3)), number(10), ONE)
    both = select(apply("==", V, variable("n")), number(10), ONE)
    assert algebra.simplified(counted) is counted
    assert algebra.simplified(both) is both
    at_limit = computed([guarded], tmp_path)[0][np.argmin(np.abs(VOLTAGES + 40))]
    assert at_limit == pytest.approx(1, abs=1e-12)


def test_derivatives_are_those_of_differences():
    rng = random.Random(1)
    h = 1e-4
    for _ in range(60):
        e = random_expression(rng, 2)
        slope = np.broadcast_to(
            evaluate(derivative(e, "v"), {**KNOWN, "v": VOLTAGES}), VOLTAGES.shape
        )
        around = [evaluate(e, {**KNOWN, "v": VOLTAGES + d}) for d in (-h, h)]
        difference = np.broadcast_to((around[1] - around[0]) / (2 * h), VOLTAGES.shape)
        sound = np.isfinite(slope) & np.isfinite(difference)
        # Corners of absolute values and of selections are between two points of the difference.
        wrong = np.abs(slope - difference)[sound] > 1e-4 * (np.abs(slope[sound]).max() + 1e-3)
        assert wrong.sum() <= 3, e


@pytest.mark.parametrize(("precision", "error"), [("float32", 5e-8), ("float64", 1e-15)])
@pytest.mark.parametrize("largest", [1e-5, 0.01, 0.2, 1.5])
def test_a_short_polynomial_is_as_exact_as_it_says(precision, error, largest):
    terms = 9 if precision == "float32" else 14
    weights = relaxation_polynomial(largest, 0.025, terms, error)
    if weights is None:
        assert largest > 1
        return
    rate = np.linspace(1e-9, largest, 999) / 0.025
    found = np.polynomial.polynomial.polyval(rate, weights)
    assert found * rate == pytest.approx(-np.expm1(-rate * 0.025), rel=max(2 * error, 1e-15))


def test_statements_in_another_order_mean_the_same():
    """Every one after what it needs, none before a state that it overwrites was read."""
    lines = [
        "const V x0 = s[0];",
        "const V x1 = exp2_of<V>(x0 * c[1], e);",
        "const Linoid<V> q2(x0 * c[2], x1, e);",
        "const V x3 = q2.plus * c[3];",
        "const V x4 = s[1];",
        "const V x5 = x4 * x4;",
        "s[0] = x3;",
        "const V x7 = s[0];",
        "s[1] = x7 + x5;",
        "current = x7;",
    ]
    orders = [interleaved(lines, window) for window in (1, 2, 40)]
    assert orders[0] == lines
    assert orders[2] != lines
    for order in orders:
        at = {line: i for i, line in enumerate(order)}
        assert sorted(at) == sorted(lines)
        for before, after in (
            (0, 1),
            (1, 2),
            (2, 3),
            (3, 6),
            (0, 6),
            (6, 7),
            (4, 8),
            (5, 8),
            (7, 9),
        ):
            assert at[lines[before]] < at[lines[after]]
