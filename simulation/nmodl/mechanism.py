"""What a MOD file declares, read by NEURON's own parser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from neuronio.errors import NeuronIOError

# NEURON's values (share/nrn/lib/nrnunits.lib, 2019 SI), of factors that MOD files ask for by name.
UNIT_FACTORS = {
    "faraday": {
        "coulomb": 96485.33212331001,
        "kilocoulomb": 96.48533212331001,
        "": 96485.33212331001,
    },
    "k-mole": {"joule/degc": 8.31446261815324, "joule/degk": 8.31446261815324},
    "pi": {"1": 3.141592653589793, "": 3.141592653589793},
    "e": {"coulomb": 1.602176634e-19},
}
UNIT_WORDS = {"coulombs": "coulomb", "coul": "coulomb", "kilocoulombs": "kilocoulomb"}
REFUSED = {
    "VERBATIM": "holds C code",
    "POINTER": "follows a pointer",
    "BBCOREPOINTER": "follows a pointer",
    "RANDOM": "draws random numbers",
    "FUNCTION_TABLE": "takes a table from the user",
    "ELECTRODE_CURRENT": "injects an electrode current",
    "LONGITUDINAL_DIFFUSION": "diffuses along the dendrite",
    "net_send": "sends events to itself",
    "net_event": "sends events",
    "WATCH": "watches a threshold",
    "FOR_NETCONS": "loops over connections",
    "at_time": "depends on time",
    "BEFORE": "runs code before a step",
    "AFTER": "runs code after a step",
}
"""What cannot be translated, and what it does."""


@dataclass(frozen=True)
class Ion:
    """An ion of a mechanism: names of the variables that it reads and writes, such as 'ica'."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


@dataclass
class Mechanism:
    """A MOD file's declarations and the syntax trees of its blocks.

    Attributes:
        path: the file; name: what NEURON calls the mechanism; point: whether it is a point process.
        parameters: names with the value of each; constants: names with the value of each.
        ranges: variables that differ among segments; states, assigned: names.
        arrays: length of every variable that is an array.
        ions, currents: what it reads and writes of ions, and its nonspecific currents.
        functions: FUNCTION, PROCEDURE, DERIVATIVE and KINETIC blocks by name.
        initial, breakpoint, receive: statement blocks, or None.
        receives: names of NET_RECEIVE's arguments.
    """

    path: Path
    source: str
    name: str = ""
    point: bool = False
    parameters: dict[str, float] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)
    ranges: set[str] = field(default_factory=set)
    states: list[str] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    arrays: dict[str, int] = field(default_factory=dict)
    ions: list[Ion] = field(default_factory=list)
    currents: list[str] = field(default_factory=list)
    functions: dict[str, Any] = field(default_factory=dict)
    initial: Any = None
    breakpoint: Any = None
    receive: Any = None
    receives: tuple[str, ...] = ()

    def refuse(self, place: str, why: str) -> NoReturn:
        """Stop with one sentence that names file, line and construct.

        Args:
            place: text of the source, whose line is looked for; why: what is wrong with it.
        """
        line = _line_of(self.source, place)
        where = f"{self.path.name}:{line}" if line else self.path.name
        raise NeuronIOError(
            f"{where}: {place} {why}, which cannot be translated; use engine neuron"
        )

    @property
    def ion_variables(self) -> set[str]:
        """Every variable of an ion that is read or written."""
        return {name for ion in self.ions for name in (*ion.reads, *ion.writes)}


def read_mechanism(path: Path) -> Mechanism:
    """The mechanism of a MOD file.

    Raises:
        NeuronIOError: it is no NMODL, or holds a construct that cannot be translated: one sentence
            with file, line and construct.
    """
    return _read(path, path.read_text(errors="replace"))


@lru_cache(maxsize=256)
def _read(path: Path, source: str) -> Mechanism:
    mechanism = Mechanism(path, source)
    code = without_comments(source)
    for word, why in REFUSED.items():
        if re.search(rf"(?<![\w']){word}\b", code):
            mechanism.refuse(word, why)
    from neuron.nmodl import NmodlDriver

    try:
        program = NmodlDriver().parse_string(source)
    except RuntimeError as error:
        found = re.search(r": (.*) \[Location : (\d+)", str(error).replace("\n", " "))
        what, line = found.groups() if found else (str(error), "?")
        raise NeuronIOError(f"{path.name}:{line}: this is not NMODL ({what})") from error
    for block in program.blocks:
        read = _READERS.get(type(block).__name__)
        if read:
            read(mechanism, block)
    for arrays in (mechanism.states, sorted(mechanism.assigned)):
        for name in list(arrays):
            if length := mechanism.arrays.get(name):
                _spread(mechanism, name, length)
    return mechanism


def text(node: Any) -> str:
    """A syntax tree as NMODL."""
    from neuron.nmodl import to_nmodl

    return to_nmodl(node).strip()


def without_comments(source: str) -> str:
    """The source without comments and titles, line for line."""

    def blank(match: re.Match) -> str:
        return re.sub(r"[^\n]", " ", match.group())

    source = re.sub(r"\bCOMMENT\b.*?\bENDCOMMENT\b", blank, source, flags=re.DOTALL)
    source = re.sub(r"^\s*TITLE\b.*", blank, source, flags=re.MULTILINE)
    return re.sub(r"[:?].*", blank, source)


def _line_of(source: str, place: str) -> int | None:
    lines = without_comments(source).splitlines()
    first = re.escape(re.split(r"[\s(]", place.strip())[0])
    for pattern in (rf"(?<!\w){re.escape(place.strip())}(?!\w)", rf"(?<!\w){first}(?!\w)"):
        for i, line in enumerate(lines, 1):
            if re.search(pattern, line):
                return i
    return None


def _spread(mechanism: Mechanism, name: str, length: int) -> None:
    """Put an array's elements in its place."""
    elements = [f"{name}[{i}]" for i in range(length)]
    if name in mechanism.states:
        at = mechanism.states.index(name)
        mechanism.states[at : at + 1] = elements
    else:
        mechanism.assigned.discard(name)
        mechanism.assigned.update(elements)


def _neuron(mechanism: Mechanism, block: Any) -> None:
    for statement in block.statement_block.statements:
        match type(statement).__name__:
            case "Suffix":
                mechanism.name = text(statement.name)
                mechanism.point = text(statement).startswith("POINT_PROCESS")
            case "Useion":
                reads = tuple(text(x) for x in statement.readlist)
                writes = tuple(text(x) for x in statement.writelist)
                mechanism.ions.append(Ion(text(statement.name), reads, writes))
            case "Nonspecific":
                mechanism.currents.extend(text(x) for x in statement.currents)
            case "Range":
                mechanism.ranges.update(text(x) for x in statement.variables)


def _units(mechanism: Mechanism, block: Any) -> None:
    for definition in block.definitions:
        if type(definition).__name__ != "FactorDef":
            continue
        name = text(definition.name)
        if definition.value is not None:
            mechanism.constants[name] = float(text(definition.value))
            continue
        unit, by = (_unit(definition.unit1), _unit(definition.unit2))
        times, _, plain = by.rpartition(" ")
        known = UNIT_FACTORS.get(unit, {})
        if plain not in known or (times and not re.fullmatch(r"[\d.]+(e-?\d+)?", times)):
            mechanism.refuse(text(definition), "is a factor of units that is not known")
        mechanism.constants[name] = known[plain] / float(times or 1)


def _unit(node: Any) -> str:
    name = text(node).strip("()").strip().lower() if node is not None else ""
    times, _, plain = name.rpartition(" ")
    return f"{times} {UNIT_WORDS.get(plain, plain)}".strip()


def _parameters(mechanism: Mechanism, block: Any) -> None:
    for assign in block.statements:
        value = assign.value
        mechanism.parameters[text(assign.name)] = float(text(value)) if value is not None else 0.0


def _constants(mechanism: Mechanism, block: Any) -> None:
    for statement in block.statements:
        constant = statement.constant
        mechanism.constants[text(constant.name)] = float(text(constant.value))


def _declared(mechanism: Mechanism, block: Any) -> list[str]:
    names = []
    for definition in block.definitions:
        names.append(text(definition.name))
        if definition.length is not None:
            mechanism.arrays[names[-1]] = int(text(definition.length))
    return names


def _state(mechanism: Mechanism, block: Any) -> None:
    mechanism.states.extend(_declared(mechanism, block))


def _assigned(mechanism: Mechanism, block: Any) -> None:
    mechanism.assigned.update(_declared(mechanism, block))


def _locals(mechanism: Mechanism, statement: Any) -> None:
    mechanism.assigned.update(text(x) for x in statement.variables)


def _function(mechanism: Mechanism, block: Any) -> None:
    mechanism.functions[text(block.name)] = block


def _initial(mechanism: Mechanism, block: Any) -> None:
    mechanism.initial = block.statement_block


def _breakpoint(mechanism: Mechanism, block: Any) -> None:
    mechanism.breakpoint = block.statement_block


def _receive(mechanism: Mechanism, block: Any) -> None:
    mechanism.receive = block.statement_block
    mechanism.receives = tuple(text(x.name) for x in block.parameters)


_READERS = {
    "NeuronBlock": _neuron,
    "UnitBlock": _units,
    "ParamBlock": _parameters,
    "ConstantBlock": _constants,
    "StateBlock": _state,
    "AssignedBlock": _assigned,
    "LocalListStatement": _locals,
    "FunctionBlock": _function,
    "ProcedureBlock": _function,
    "DerivativeBlock": _function,
    "KineticBlock": _function,
    "InitialBlock": _initial,
    "BreakpointBlock": _breakpoint,
    "NetReceiveBlock": _receive,
}
