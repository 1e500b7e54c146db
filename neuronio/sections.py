"""Sections of settings: frozen, strict, and closed to unknown keys, with errors of one sentence."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from neuronio.errors import NeuronIOError, reason


class Section(BaseModel):
    """A part of the configuration: frozen, strict, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _number(cls, value: Any, info: ValidationInfo) -> Any:
        """A number where another reader of YAML, such as Snakemake's, found text."""
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not _is_plain(text):
                raise ValueError("no text may hold NUL or half a character")
        wanted = _types(cls.model_fields[info.field_name or ""].annotation)
        return value if str in wanted or not {int, float} & wanted else _numbers(value)


def _types(annotation: Any) -> set[Any]:
    """The types that an annotation is made of."""
    inside = get_args(annotation)
    if inside:
        return set().union(*map(_types, inside))
    return {annotation} if isinstance(annotation, type) else set()


def _is_plain(text: str) -> bool:
    """Whether a text can be a path: without NUL, and all of it Unicode."""
    return "\0" not in text and text.encode(errors="ignore").decode() == text


def _numbers(held: Any) -> Any:
    if isinstance(held, list):
        return [_numbers(value) for value in held]
    return float(held) if isinstance(held, str) and NUMBER.match(held) else held


AnySection = TypeVar("AnySection", bound=BaseModel)


MERGE = "tag:yaml.org,2002:merge"
NUMBER = re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")


class NumberLoader(yaml.SafeLoader):
    """YAML 1.1 reads 3e-5 as text; our files and command lines mean the number.

    A key that is given twice is an error: YAML would drop the first without a word.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """As SafeLoader's, of keys that are there once; what `<<` brings in may be overridden."""
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                if (name := (key.tag, key.value)) in seen:
                    line = key.start_mark.line + 1
                    raise yaml.YAMLError(f"line {line} gives the key '{key.value}' again; keep one")
                seen.add(name)
        return node


NumberLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    NUMBER,
    list("-+.0123456789"),
)


# ValueError: numbers of thousands of digits, days that do not exist; RecursionError: deep nesting.
NOT_YAML = (yaml.YAMLError, ValueError, RecursionError)


def read_yaml(path: str | Path, what: str) -> Any:
    """What a YAML file holds.

    Args:
        what: of the file, for the error, such as "configuration".

    Raises:
        NeuronIOError: the file cannot be read or is not YAML.
    """
    try:
        text = Path(path).read_text()
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or NUL in the path
        raise NeuronIOError(f"cannot read the {what} {str(path)!r}: {reason(error)}") from error
    try:
        return yaml.load(text, NumberLoader)
    except NOT_YAML as error:
        raise NeuronIOError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error


def key_values(texts: Iterable[str] | None) -> dict[str, Any]:
    """key=value texts of a command line, with their values read as YAML.

    >>> key_values(["size=20", "learning_rate=5e-4", "activation=silu", "kernels=[45, 19]"])
    {'size': 20, 'learning_rate': 0.0005, 'activation': 'silu', 'kernels': [45, 19]}

    Raises:
        NeuronIOError: a text is of another form, or a key comes twice.
    """
    out: dict[str, Any] = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            raise NeuronIOError(f"'{text}' is not of the form key=value")
        if key in out:
            raise NeuronIOError(f"'{key}' is given twice; keep one")
        try:
            out[key] = yaml.load(value, NumberLoader)
        except NOT_YAML as error:
            raise NeuronIOError(f"the value of '{text}' cannot be read; quote it") from error
    return out


def validate(model: type[AnySection], document: Any, name: str) -> AnySection:
    """An instance of a section, or a NeuronIOError of one sentence naming `name` and the key."""
    if not isinstance(document, Mapping):
        raise NeuronIOError(f"{name} must hold keys and values, but is {_kind(document)}")
    try:
        return model.model_validate(dict(document))
    except ValidationError as error:
        # A key or a value may hold line breaks.
        raise NeuronIOError(" ".join(f"{name}: {sentence(error, model)}".split())) from error


# What a name of a run or a label may be; it becomes that of a folder.
LONGEST = 200  # letters of a wrong value that are told
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
IN_WORDS = {NAME_PATTERN: "must be of letters, digits, _ . and -, and begin with a letter or digit"}


def sentence(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """The first problem of a validation as one sentence that names the key and the value found."""
    problems = error.errors(include_url=False)
    first = min(problems, key=lambda p: p["type"] != "extra_forbidden")
    keys = [str(k) for k in first["loc"]]
    where = ".".join(k for k in [prefix, *keys] if k)
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        hint = f"; take one of {', '.join(known)}" if known else ""
        return f"unknown key '{where}'{near_miss(keys[-1], known, hint)}"
    if first["type"] == "missing":
        return f"the key '{where}' is missing"
    if first["type"] == "value_error":
        text = str(first["ctx"]["error"])
        return text[1:] if text.startswith("!") else f"in '{where}', {text}" if where else text
    message = first["msg"][0].lower() + first["msg"][1:]
    if first["type"] == "string_pattern_mismatch":
        message = IN_WORDS.get(first["ctx"]["pattern"], message)
    if first["type"] == "list_type":
        message = f"must be a list, such as [{first['input']}]"
    given = repr(first["input"])
    given = given if len(given) <= LONGEST else f"{given[:LONGEST]}..."
    return f"'{where}' is {given}, but {re.sub('^input ', 'it ', message)}"


def near_miss(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """'; did you mean ...?' where one of the known names is close, else `otherwise`."""
    guess = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{guess[0]}'?" if guess else otherwise


def _known_keys(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Keys of the section that `path` leads to from `model`."""
    for key in path:
        if isinstance(key, int) or key not in model.model_fields:
            continue
        annotation = model.model_fields[key].annotation
        nested = [t for t in (annotation, *getattr(annotation, "__args__", ())) if _is_model(t)]
        if not nested:
            return []
        model = nested[0]
    return list(model.model_fields)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _kind(value: Any) -> str:
    return "empty" if value is None else f"a {type(value).__name__}"


def key_value_options(option: str, values: Mapping[str, Any]) -> list[str]:
    """Values as options that `key_values` reads back: JSON, which is YAML too."""
    texts = [f"{key}={json.dumps(value)}" for key, value in values.items()]
    return [part for text in texts for part in (option, text)]


def flattened(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested facts as (dotted name, value)."""
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
