"""The configurations that come with the project, their schema and their documentation."""

import importlib.util
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from neuronio.config import validate_config
from neuronio.errors import NeuronIOError
from neuronio.long_horizon import is_long_horizon, validate_long_horizon
from neuronio.sections import read_yaml

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("workflow_schema", ROOT / "workflow" / "schema.py")
schema = importlib.util.module_from_spec(spec)
spec.loader.exec_module(schema)

CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_packaged_configuration_is_valid_and_named_after_its_file(path):
    document = read_yaml(path, "configuration")
    check = validate_long_horizon if is_long_horizon(document) else validate_config
    assert check(document).name == path.stem


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_packaged_configuration_points_editors_to_the_schema(path):
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.split("=", 1)[1]).resolve().is_file()


def test_schema_and_table_of_keys_are_in_step_with_the_model():
    for path, document in (
        (schema.SCHEMA, schema.schema()),
        (schema.LONG_HORIZON_SCHEMA, schema.long_horizon_schema()),
    ):
        assert path.read_text() == schema.schema_text(document), "run: python workflow/schema.py"
    for path, text in (
        (schema.README, schema.readme_text()),
        (schema.OPTIONS, schema.options_text()),
    ):
        assert path.read_text() == text, "run: python workflow/schema.py"


def test_table_of_keys_reaches_the_deepest_sections():
    table = schema.README.read_text()
    for key in ("cell.variant.nmda_ratio", "dataset.trials.test", "fits[].sizes"):
        assert f"| `{key}` |" in table


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sead": 3}, "sead"),
        ({"seed": "three"}, "seed"),
        ({"seed": -1}, "seed"),
        ({"engine": {"name": "neuron", "dt_ms": 0.03}}, "dt_ms"),
        ({"fits": [{"model": "branch_elm", "sizes": [0]}]}, "sizes"),
        ({"fits": [{"model": "branch_elm", "sizes": [2], "training": {"step": 1}}]}, "step"),
    ],
)
def test_wrong_key_type_or_range_is_one_sentence_naming_the_key(change, named):
    document = yaml.safe_load((ROOT / "config/smoke.yaml").read_text()) | change
    with pytest.raises(NeuronIOError) as error:
        validate_config(document)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKED = dict(
    line.split("==") for line in (ROOT / "requirements.lock").read_text().split() if "==" in line
)


def test_every_locked_package_takes_the_oldest_python_that_the_project_takes():
    (oldest,) = SpecifierSet(PROJECT["requires-python"])
    for name in LOCKED:
        wanted = SpecifierSet(metadata.metadata(name).get("Requires-Python", ""))
        assert oldest.version in wanted, f"{name} wants Python {wanted}"


def test_environment_has_the_locked_version_of_every_direct_dependency():
    extras = PROJECT["optional-dependencies"]
    direct = [r for part in ("workflow", "export", "digits", "dev", "docs") for r in extras[part]]
    direct += PROJECT["dependencies"]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in direct}
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pinned,) = (part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    assert set(pinned) == {f"{name}=={LOCKED[name]}" for name in names}


def test_every_job_that_is_sent_asks_for_more_time_and_memory_when_it_is_tried_again():
    sent = []
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for rule in re.split(r"(?m)^ *rule ", path.read_text())[1:]:
            name = rule.partition(":")[0]
            if "localrule: True" not in rule and name not in ("current", "set_aside"):
                sent.append(name)
                for resource in ("runtime", "mem_mb"):
                    # A function, which is told the attempt; not a number or a text.
                    assert re.search(rf"{resource}=[a-z]", rule), (name, resource)
    assert {"simulate", "dataset", "fit", "report", "sequences", "ablation"} <= set(sent)
