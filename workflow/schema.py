"""Write the configuration's schema and the table of its keys: `python workflow/schema.py`.

Both follow from data.config.RunConfig, which is what the workflow validates with; editors read the
schema for completion, people read the table.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from neuronio.config import RunConfig

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
README = ROOT / "config" / "README.md"
MARK = "<!-- Below this line: written by `python workflow/schema.py`. -->\n"


def schema_text() -> str:
    """The JSON schema of a run's configuration, as YAML."""
    head = "# Written by `python workflow/schema.py`; do not edit.\n"
    return head + yaml.safe_dump(RunConfig.model_json_schema(), sort_keys=False, width=100)


def readme_text() -> str:
    """config/README.md with its table of keys brought up to date."""
    schema = RunConfig.model_json_schema()
    rows = [f"| `{key}` | {default} | {text} |" for key, default, text in keys(schema, schema)]
    table = ["| key | default | meaning |", "|---|---|---|", *rows]
    return README.read_text().split(MARK)[0] + MARK + "\n" + "\n".join(table) + "\n"


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
    SCHEMA.write_text(schema_text())
    README.write_text(readme_text())
