"""docs/models.md has every family with what the code counts."""

import importlib.util
from pathlib import Path

from neuronio.surrogate.families import FAMILIES, ModelOptions
from neuronio.surrogate.models.base import Surrogate

DOCS = Path(__file__).parents[2] / "docs"
spec = importlib.util.spec_from_file_location("model_table", DOCS / "models.py")
models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(models)


def test_the_table_is_what_the_code_counts():
    text = models.PAGE.read_text()
    assert "<!-- models -->" in text
    assert text == models.updated(text), "run: python docs/models.py"


def test_every_family_is_in_it():
    own = {name for name in FAMILIES if FAMILIES[name].model.__module__.startswith("neuronio.")}
    assert set(models.FACTS) == own


def test_a_model_of_whole_windows_has_no_state_to_count():
    class WholeWindows(Surrogate):
        def count_multiply_adds(self):
            return 0

    assert WholeWindows(ModelOptions()).state_size() is None
