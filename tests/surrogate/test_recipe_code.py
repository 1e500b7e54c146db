"""What names a fit and its evaluation holds every module of its family."""

import pytest

from neuronio.surrogate import recipes
from neuronio.surrogate.families import FAMILIES
from neuronio.surrogate.tasks.classify import recipes as of_classifiers


@pytest.mark.parametrize("model", list(FAMILIES))
def test_the_code_of_a_familys_class_and_options_is_in_its_recipes(model):
    family = FAMILIES[model]
    asked = {family.model.__module__, family.options.__module__}
    for code in (recipes.fit_code, recipes.evaluation_code, of_classifiers.evaluation_code):
        assert asked <= code(model).keys()
