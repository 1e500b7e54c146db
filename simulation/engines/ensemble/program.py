"""The membrane of a cell as C++: a class of functions for each group of nodes alike."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from neuronio.simulation.engines.ensemble.algebra import Algebra
from neuronio.simulation.engines.ensemble.equations import Equations, Update
from neuronio.simulation.engines.ensemble.lowering import Slots
from neuronio.simulation.engines.ensemble.relaxation import Relaxation
from neuronio.simulation.engines.ensemble.schedule import interleaved
from neuronio.simulation.nmodl.expression import Expression
from neuronio.simulation.nmodl.interpreter import Values

WINDOW = 40
"""Statements among which the next one is chosen; on Zen 3, 20 to 160 differ little."""


@dataclass(frozen=True)
class GroupProgram:
    """What the kernel runs for one group of nodes.

    Attributes:
        text: C++ of the group's class.
        states: names of the states that are kept, in order; 'NAME lost' is what a sum lost.
        parameters: (n, parameters) numbers of each node.
        has_points: whether point processes move on before events arrive.
        receivers: synapses to which events do more than add, in the order of their numbers.
    """

    text: str
    states: list[str]
    parameters: np.ndarray
    has_points: bool
    receivers: list[str]


def group_program(
    index: int,
    equations: Equations,
    known: dict[str, np.ndarray],
    slots: Slots,
    precision: str,
    dt_ms: float,
) -> GroupProgram:
    """The program of a group of nodes.

    Args:
        index: the group's number; equations: of every node of the group.
        known: (n,) values of every variable that is the same in all lanes.
        slots: takes the numbers that the program needs.
        precision: float32 or float64; dt_ms: the time step.
    """
    slots.begin_group()
    return _Writer(equations, Algebra(known), slots, precision, dt_ms).program(index)


class _Writer:
    """Writes the functions of a group's class."""

    def __init__(
        self, equations: Equations, algebra: Algebra, slots: Slots, precision: str, dt_ms: float
    ):
        self._equations, self._algebra, self._slots = equations, algebra, slots
        self._precision, self._dt_ms = precision, dt_ms
        self._needed = self._all_needed()
        self._ions = sorted(i for i in equations.ion_currents if f"{i}.i" in self._needed)
        self.states = [s for s in equations.states if s in self._needed]
        updates = (*equations.density, *equations.points, *equations.decays)
        self.states += [f"{u.state} lost" for u in updates if u.precise and u.state in self._needed]
        for ion in self._ions:
            self.states += [f"{ion}.i", f"{ion}.g"]
        self._at = {name: f"s[{i}]" for i, name in enumerate(self.states)}

    def program(self, index: int) -> GroupProgram:
        """The whole class."""
        bodies = {
            "advance": self._advance(self._equations.density),
            "advance_points": self._advance(self._equations.points),
            "currents": self._currents(),
        }
        receptions = self._equations.receptions
        receivers = [p for p, values in receptions.items() if values.keys() & self._needed]
        received = [self._receive(receptions[prefix]) for prefix in receivers]
        numbers = self._slots.parameters
        parameters = np.array(numbers).T if numbers else np.zeros((self._algebra.n, 0))
        text = _group_class(index, (parameters.shape[1], len(self.states)), bodies)
        text += _receive_class(index, received)
        return GroupProgram(
            text, self.states, parameters, bool(bodies["advance_points"]), receivers
        )

    def _all_needed(self) -> set[str]:
        """Every variable that the currents depend on, now or later."""
        equations = self._equations
        needed = set().union(
            *(self._simple(e).variables for e in (equations.current, equations.conductance))
        )
        updates = (*equations.density, *equations.points, *equations.decays)
        by_state = {u.state: u for u in updates}
        waiting = sorted(needed)
        while waiting:
            name = waiting.pop()
            parts = by_state[name].expressions if name in by_state else []
            if name.endswith(".i"):
                parts = [*parts, *equations.ion_currents.get(name[:-2], ())]
            parts = [*parts, *(v[name] for v in equations.receptions.values() if name in v)]
            more = set().union(*(self._simple(e).variables for e in parts)) - {"t"}
            waiting += sorted(more - needed)
            needed |= more
        return needed

    def _simple(self, e: Expression) -> Expression:
        return self._algebra.simplified(e)

    def _function(self, **leaves: str) -> Relaxation:
        leaves = {**self._at, "v": "v", **leaves}
        return Relaxation(self._algebra, self._slots, self._precision, leaves, self._dt_ms)

    def _advance(self, updates: list[Update]) -> list[str]:
        at = self._at
        leaves = {f"{i}.i": f"{at[f'{i}.i']} + {at[f'{i}.g']} * change" for i in self._ions}
        function = self._function(**leaves)
        self._write_updates(function, updates)
        return interleaved(function.lines, WINDOW)

    def _currents(self) -> list[str]:
        function, at = self._function(), self._at
        for ion in self._ions:
            current, conductance = self._equations.ion_currents[ion]
            for name, e in ((f"{ion}.i", current), (f"{ion}.g", conductance)):
                function.statement(f"{at[name]} = {function.vector(self._simple(e))};")
        for name in ("current", "conductance"):
            e = self._simple(getattr(self._equations, name))
            function.statement(f"{name} = {function.vector(e)};")
        self._write_updates(function, self._equations.decays)
        return interleaved(function.lines, WINDOW)

    def _write_updates(self, function: Relaxation, updates: list[Update]) -> None:
        """Move states on; those of one solution together, before any of them is changed."""
        kept = [u for u in updates if u.state in self._needed]
        for _, batch in groupby(kept, key=lambda u: u.together or u.state):
            together = list(batch)
            after = [function.after(update) for update in together]
            for update, (value, lost) in zip(together, after, strict=True):
                function.statement(f"{self._at[update.state]} = {value};")
                if lost is not None:
                    function.statement(f"{self._at[f'{update.state} lost']} = {lost};")
                function.moved(update.state, value)

    def _receive(self, values: Values) -> list[str]:
        function = self._function(t="time")
        after = [(n, function.vector(self._simple(e))) for n, e in values.items() if n in self._at]
        for name, value in after:
            function.statement(f"{self._at[name]} = {value};")
        return function.lines


_NUMBERS = [
    "const V* c = n.constants;",
    "const R* p = n.parameters;",
    "const R* t = n.tables;",
    "const Powers<V>& e = n.powers;",
]
SIGNATURES = {
    "advance": "V* s, V v, V change",
    "advance_points": "V* s, V v, V change",
    "currents": "V* s, V v, V& current, V& conductance",
}


def _group_class(index: int, sizes: tuple[int, int], bodies: dict[str, list[str]]) -> str:
    lines = [
        "template <class V>",
        f"struct Group{index} {{",
        "  using R = Real<V>;",
        f"  static constexpr int kParameters = {sizes[0]}, kStates = {sizes[1]};",
    ]
    for name, body in bodies.items():
        given = f"const Numbers<V>& n, {SIGNATURES[name]}"
        lines.append(f"  KERNEL_INLINE static void {name}({given}) {{")
        lines.extend(f"    {line}" for line in _NUMBERS)
        unused = [word.split()[-1].strip("*&") for word in SIGNATURES[name].split(", ")]
        lines.append("    " + " ".join(f"(void){word};" for word in [*"cpet", *unused]))
        lines.extend(f"    {line}" for line in body)
        lines.append("  }")
    return "\n".join([*lines, "};", ""])


def _receive_class(index: int, bodies: list[list[str]]) -> str:
    """What events do to synapses of a group, for one lane: W is the vector type."""
    if not bodies:
        return ""
    lines = [
        "template <class W>",
        f"struct Receive{index} {{",
        "  using R = Real<W>;",
        "  using V = R;",
        "  KERNEL_INLINE static void run(int which, const Numbers<W>& n, OneLane<W> s, R time) {",
        "    const OneLane<const W> c{reinterpret_cast<const R*>(n.constants)};",
        "    const R* p = n.parameters;",
        "    const Powers<V> e;",
        "    (void)c; (void)p; (void)e; (void)time;",
    ]
    for which, body in enumerate(bodies):
        lines += [f"    if (which == {which}) {{", *(f"      {line}" for line in body), "    }"]
    return "\n".join([*lines, "  }", "};", ""])


def membrane_source(programs: list[GroupProgram]) -> str:
    """The generated header: every group's class and what picks one."""
    cases = "\n".join(
        f"    case {i}:\n      visit(Group{i}<V>());\n      break;" for i in range(len(programs))
    )
    received = "\n".join(
        f"    case {i}:\n      visit(Receive{i}<V>());\n      break;"
        for i, program in enumerate(programs)
        if program.receivers
    )
    points = "true" if any(p.has_points for p in programs) else "false"
    return "\n".join(
        [
            "// Generated from the MOD files of a cell; see program.py.",
            "#pragma once",
            "",
            '#include "membrane_functions.h"',
            "",
            "namespace ensemble {",
            "",
            f"constexpr bool kHasPoints = {points};",
            "",
            *(p.text for p in programs),
            "// Calls visit(Group()) for the group of a node; nodes without membrane have none.",
            "template <class V, class Visit>",
            "KERNEL_INLINE void with_group(int group, const Visit& visit) {",
            "  switch (group) {",
            cases,
            "    default:",
            "      break;",
            "  }",
            "}",
            "// The same for what events do to synapses of the group.",
            "template <class V, class Visit>",
            "inline void with_receivers(int group, const Visit& visit) {",
            "  switch (group) {",
            received,
            "    default:",
            "      (void)visit;",
            "      break;",
            "  }",
            "}",
            "",
            "}  // namespace ensemble",
            "",
        ]
    )
