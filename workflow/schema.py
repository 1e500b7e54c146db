"""Write the configurations' schemas and the tables of their keys: `python workflow/schema.py`.

They follow from RunConfig and LongHorizonConfig, which the workflow validates with; editors read
the schemas for completion, people read the tables.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from neuronio.config import RunConfig
from neuronio.long_horizon import LongHorizonConfig
from neuronio.sections import Section
from neuronio.simulation.inputs.generators import GENERATORS
from neuronio.surrogate.families import FAMILIES

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
LONG_HORIZON_SCHEMA = SCHEMA.with_name("long_horizon.schema.yaml")
README = ROOT / "config" / "README.md"
OPTIONS = README.with_name("options.md")
MARK = "<!-- Below this line: written by `python workflow/schema.py`. -->\n"


def schema() -> dict:
    """The JSON schema of a run's configuration, with the options of each model and generator."""
    document = RunConfig.model_json_schema()
    _say_options(document, "FitConfig", "model", "options", model_options())
    _say_options(document, "InputsConfig", "generator", "parameters", generator_options())
    return document


def long_horizon_schema() -> dict:
    """The JSON schema of a run on long-horizon tasks, with the options of each model."""
    document = LongHorizonConfig.model_json_schema()
    _say_options(document, "TaskFitConfig", "model", "options", model_options())
    return document


def _say_options(
    document: dict, section: str, key: str, where: str, options: dict[str, dict]
) -> None:
    """Say in a section of a schema which options each value of a key has."""
    document["$defs"][section]["allOf"] = [
        {
            "if": {"properties": {key: {"const": name}}, "required": [key]},
            "then": {"properties": {where: {"properties": properties}}},
        }
        for name, properties in options.items()
    ]


def model_options() -> dict[str, dict]:
    """Each model's options as properties of a schema, without those that are set elsewhere."""
    found = {}
    for family in (FAMILIES[name] for name in FAMILIES):
        name, options = family.name, family.options
        if not options.__module__.startswith("neuronio."):  # a user's own
            continue
        properties = options.model_json_schema()["properties"]
        set_elsewhere = ("inputs", "step_ms", "signed", options.size_field)
        found[name] = {k: v for k, v in properties.items() if k not in set_elsewhere}
    return found


def generator_options() -> dict[str, dict]:
    """Each generator's parameters as properties of a schema."""
    described = {}
    for name in GENERATORS:
        if not GENERATORS[name].__module__.startswith("neuronio."):
            continue
        properties = GENERATORS[name].model_json_schema()["properties"]
        for key, value in properties.items():
            value.setdefault("description", inherited(GENERATORS[name], key))
        described[name] = properties
    return described


def inherited(section: type[Section], key: str) -> str:
    """A key's description, said by the class that a class narrows."""
    fields = (base.model_fields[key] for base in section.__mro__ if hasattr(base, "model_fields"))
    return next(field.description for field in fields if field.description)


def schema_text(document: dict) -> str:
    """A JSON schema as YAML."""
    head = "# Written by `python workflow/schema.py`; do not edit.\n"
    return head + yaml.dump(document, Dumper=WithoutAliases, sort_keys=False, width=100)


class WithoutAliases(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: object) -> bool:
        """Always."""
        return True


def readme_text() -> str:
    """config/README.md with its tables of keys brought up to date."""
    document = RunConfig.model_json_schema()
    tasks = LongHorizonConfig.model_json_schema()
    parts = [table(keys(document, document))]
    parts.append("## Every key of a run on long-horizon tasks")
    parts.append(table(keys(tasks, tasks)))
    return README.read_text().split(MARK)[0] + MARK + "\n" + "\n\n".join(parts) + "\n"


def options_text() -> str:
    """config/options.md: the options of each model and the parameters of each generator."""
    parts = ["# Options of models, parameters of generators"]
    for title, kind, options in (
        ("Options of models", "fits[].options", model_options()),
        ("Parameters of generators", "inputs.parameters", generator_options()),
    ):
        parts.append(f"## {title}\n\nKeys of `{kind}`, by name.")
        for name, properties in options.items():
            rows = [(k, default_of(v, False), v["description"]) for k, v in properties.items()]
            parts.append(f"### `{name}`\n\n{table(rows)}")
    return "\n\n".join([*parts, "Written by `python workflow/schema.py`."]) + "\n"


def table(rows: Iterable[tuple[str, str, str]]) -> str:
    """Keys with their defaults and meanings as a Markdown table."""
    lines = [f"| `{key}` | {default} | {text} |" for key, default, text in rows]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *lines])


def keys(schema: dict, section: dict, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """(dotted key, default, description) of every key at or below a section of the schema."""
    for key, value in section["properties"].items():
        nested = [schema["$defs"][name] for name in references(value)]
        description = value.get("description") or nested[0]["description"].splitlines()[0]
        yield prefix + key, default_of(value, key in section.get("required", ())), description
        mark = "[]" if value.get("type") == "array" else ""
        for part in nested:
            yield from keys(schema, part, f"{prefix}{key}{mark}.")


def references(value: dict) -> list[str]:
    """Names of the sections that a key of the schema holds."""
    options = (value, value.get("items", {}), *value.get("anyOf", ()), *value.get("allOf", ()))
    return [option["$ref"].rsplit("/", 1)[1] for option in options if "$ref" in option]


def default_of(value: dict, required: bool) -> str:
    """A key's default for the table: empty for a section, whose keys have their own."""
    if required:
        return "required"
    default = value.get("default")
    if isinstance(default, dict) and default and references(value):
        return ""
    return f"`{json.dumps(default)}`"


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(schema()))
    LONG_HORIZON_SCHEMA.write_text(schema_text(long_horizon_schema()))
    README.write_text(readme_text())
    OPTIONS.write_text(options_text())
