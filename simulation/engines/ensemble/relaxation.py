"""A step of a state as C++: the exponential relaxation in its cheapest exact form."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from neuronio.simulation.engines.ensemble.algebra import GRID_MV
from neuronio.simulation.engines.ensemble.equations import Update
from neuronio.simulation.engines.ensemble.lowering import LARGEST_EXPONENT, LOG2E, Lowering
from neuronio.simulation.engines.ensemble.tables import gate_table
from neuronio.simulation.nmodl.expression import Expression, number, variable

# Terms of a polynomial for (1 - exp(-y)) / y beyond which the exponential itself is cheaper, and
# how exact it must be.
MOST_TERMS = {"float32": 9, "float64": 14}
POLYNOMIAL_ERROR = {"float32": 5e-8, "float64": 1e-15}


class Relaxation(Lowering):
    """Statements of a function that moves states on."""

    def after(self, update: Update) -> tuple[str, str | None]:
        """C++ of a state's next value, and of what its sum lost to rounding if that is kept."""
        x = self.value(variable(update.state))
        if update.value is not None:
            return self.vector(self.algebra.simplified(update.value)), None
        line = update.relaxation
        assert line is not None
        parts = (line.constant, line.slope, line.denominator)
        constant, slope, denominator = (self.algebra.simplified(e) for e in parts)
        rate = -(slope / denominator)
        if self.algebra.is_known(rate):
            added = self._known_rate(x, constant, slope, denominator, rate)
        elif (table := self._table(constant, slope, rate)) is not None:
            added = self._tabulated(x, table)
        elif (weights := self._weights(rate)) is not None:
            added = self._polynomial(x, constant, slope, denominator, rate, weights)
        else:
            added = self._exact(x, constant, slope, rate)
        if not update.precise:
            return self.temporary(f"{x} + {added}"), None
        lost = self.leaves[f"{update.state} lost"]
        whole = self.temporary(f"({added}) + {lost}")
        after = self.temporary(f"{x} + {whole}")
        return after, self.temporary(f"{whole} - ({after} - {x})")

    def _known_rate(
        self, x: str, constant: Expression, slope: Expression, below: Expression, rate: Expression
    ) -> str:
        y = self.algebra.values(rate) * self.dt_ms
        if np.all(y == 0):
            return self.value(constant / below * number(self.dt_ms))
        with np.errstate(invalid="ignore", divide="ignore"):
            fraction = self.slots.name(-np.expm1(-y))
        if constant.equals(0):
            return f"-{x} * {fraction}"
        return f"{fraction} * ({self.value(-(constant / slope))} - {x})"

    def _table(
        self, constant: Expression, slope: Expression, rate: Expression
    ) -> np.ndarray | None:
        """The gate's table, where tables are wanted and one does."""
        if self.slots.tables is None:
            return None

        def curve(e: Expression, v: np.ndarray) -> np.ndarray:
            values = self.algebra.over_voltage(e, v)
            assert values is not None
            return values[0]

        steady = -(constant / slope)
        for e in (rate, steady):
            probe = self.algebra.over_voltage(e, GRID_MV[:1])
            if probe is None or len(probe) != 1:
                return None
        return gate_table(
            lambda v: -np.expm1(-curve(rate, v) * self.dt_ms), lambda v: curve(steady, v)
        )

    def _tabulated(self, x: str, table: np.ndarray) -> str:
        assert self.slots.tables is not None
        if not any("TablePosition" in line for line in self.lines):
            self.lines.append("const TablePosition<V> place(v);")
        index = next((k for k, t in enumerate(self.slots.tables) if np.array_equal(t, table)), None)
        if index is None:
            index = len(self.slots.tables)
            self.slots.tables.append(table)
        fraction, target = (
            self.temporary(f"place.value(t + {2 * index + k} * kTableSize)") for k in (0, 1)
        )
        return f"({target} - {fraction} * {x})"

    def _weights(self, rate: Expression) -> np.ndarray | None:
        """The polynomial in a rate r that is (1 - exp(-r dt)) / r for all voltages, if short."""
        bound = self.algebra.range(rate)
        if bound is None or bound[0] < 0:
            return None
        return relaxation_polynomial(
            bound[1] * self.dt_ms,
            self.dt_ms,
            MOST_TERMS[self.precision],
            POLYNOMIAL_ERROR[self.precision],
        )

    def _polynomial(
        self,
        x: str,
        constant: Expression,
        slope: Expression,
        below: Expression,
        rate: Expression,
        weights: np.ndarray,
    ) -> str:
        r = self.value(rate)
        sum_ = self.constant(weights[-1])
        for w in weights[-2::-1]:
            sum_ = self.temporary(f"{r} * {sum_} + {self.constant(w)}")
        if slope.equals(-1):
            return f"({self.value(constant)} - {x}) * ({r} * {sum_})"
        return f"({self.value(constant / below)} - {r} * {x}) * {sum_}"

    def _exact(self, x: str, constant: Expression, slope: Expression, rate: Expression) -> str:
        exponent = f"{self.value(rate)} * {self.constant(-self.dt_ms * LOG2E)}"
        largest = LARGEST_EXPONENT[self.precision]
        bound = self.algebra.range(rate)
        if bound is None or max(-bound[0], bound[1]) * self.dt_ms * LOG2E > largest:
            exponent = f"within<V>({exponent}, R({largest:g}))"
        fraction = self.temporary(f"one_minus_exp2<V>({exponent}, e)")
        return f"{fraction} * ({self.value(-(constant / slope))} - {x})"


@lru_cache(maxsize=256)
def relaxation_polynomial(
    largest: float, dt_ms: float, most_terms: int, error: float
) -> np.ndarray | None:
    """The shortest polynomial in r for (1 - exp(-r dt)) / r where 0 <= r dt <= largest.

    Returns:
        (terms,) its coefficients, lowest first; None where `most_terms` are too few for the
        relative `error`.
    """
    # A polynomial of so few terms is exact to this at most for y up to about 3.
    if largest > 4:
        return None

    def exact(y: np.ndarray) -> np.ndarray:
        return -np.expm1(-y) / np.where(y == 0, 1, y) + (y == 0)

    y = np.linspace(0, largest, 513)
    for terms in range(1, most_terms + 1):
        coefficients: np.ndarray = np.ones(1)
        if terms > 1:
            fit = np.polynomial.Chebyshev.interpolate(exact, terms - 1, domain=[0, largest])
            coefficients = fit.convert(kind=np.polynomial.Polynomial).coef
        found = np.polynomial.polynomial.polyval(y, coefficients)
        if np.abs(found / exact(y) - 1).max() < error:
            powers = dt_ms ** np.arange(1, len(coefficients) + 1)
            return coefficients * powers
    return None
