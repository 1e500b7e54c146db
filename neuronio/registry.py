"""Names for things that users may add to: built in, from an installed package, or from a file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from neuronio.errors import NeuronIOError
from neuronio.files import is_file
from neuronio.sections import near_miss

Entry = TypeVar("Entry")


def load_entry_point(
    point: EntryPoint, what: str, read: Callable[[Any], Any] = lambda loaded: loaded
) -> Any:
    """What an installed package offers.

    Args:
        what: it is, for the error, such as "model".
        read: what makes of it the thing that is wanted.

    Raises:
        NeuronIOError: it cannot be loaded, or is not what `read` takes.
    """
    try:
        return read(point.load())
    except Exception as error:
        raise NeuronIOError(
            f"the {what} '{point.name}' of an installed package cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error


def run_file(path: Path, what: str) -> ModuleType:
    """A user's Python file as a module; it runs the first time that a process asks for it.

    Args:
        what: is taken from it, for errors, such as "model".

    Raises:
        NeuronIOError: there is no such file, or it fails.
    """
    if not is_file(path):
        raise NeuronIOError(f"there is no file {path} to take a {what} from")
    module = f"neuronio_user_{path.resolve().as_posix().replace('/', '_').replace('.', '_')}"
    if module in sys.modules:
        return sys.modules[module]
    spec = importlib.util.spec_from_file_location(module, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    sys.path.insert(0, str(path.resolve().parent))  # it may import what lies beside it
    try:
        spec.loader.exec_module(loaded)
    except (Exception, SystemExit) as error:
        del sys.modules[module]
        reason = f"{type(error).__name__}: {error}"
        raise NeuronIOError(f"{path} cannot be loaded as a {what}: {reason}") from error
    finally:
        sys.path.pop(0)
    return loaded


class Registry(Generic[Entry]):
    """Entries by name.

    A name is looked for among what is registered, then among the entry points of `group`, which
    are loaded the first time a name is not found; a name of the form `FILE.py:NAME` runs the
    Python file, which registers what it defines, and means its NAME.

    Args:
        what: of an entry, for errors, such as "model".
        group: the entry points' group, such as "neuronio.surrogates".
    """

    def __init__(self, what: str, group: str):
        self._what, self._group = what, group
        self._entries: dict[str, Entry] = {}
        self._loaded = False

    def add(self, name: str, entry: Entry) -> None:
        """Register an entry.

        Raises:
            NeuronIOError: the name belongs to another entry.
        """
        if name in self._entries and self._entries[name] != entry:
            raise NeuronIOError(f"the {self._what} '{name}' is registered twice; rename one")
        self._entries[name] = entry

    def __getitem__(self, name: str) -> Entry:
        path, colon, inside = str(name).rpartition(":")
        if colon and path.endswith(".py"):
            before = set(self._entries)
            run_file(Path(path), self._what)
            if inside not in self._entries:
                own = ", ".join(sorted(set(self._entries) - before))
                hint = near_miss(inside, self._entries, f"; it has {own}" if own else "")
                raise NeuronIOError(f"{path} registers no {self._what} '{inside}'{hint}")
            name = inside
        elif name not in self._entries:
            self._load_entry_points()
        if name not in self._entries:
            known = ", ".join(self._entries)
            hint = near_miss(str(name), self._entries, f"; take one of {known}")
            raise NeuronIOError(f"there is no {self._what} '{name}'{hint}")
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        """Names of everything that is registered, installed entries included."""
        self._load_entry_points()
        return iter(self._entries)

    def _load_entry_points(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        for point in entry_points(group=self._group):
            load_entry_point(point, self._what)
