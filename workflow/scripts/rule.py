"""What the scripts of the rules share: the plan, made again, and whether it is still the same."""

from plan import Plan

from neuronio.config import validate_config
from neuronio.errors import NeuronIOError
from neuronio.made import Product


def plan_of(snakemake) -> Plan:
    """The plan of the run that a script works for."""
    return Plan(validate_config(snakemake.config))


def same(product: Product, snakemake) -> Product:
    """The product that a rule makes.

    Raises:
        NeuronIOError: code or files changed after the run began, so that it would get a name that
            is not its own.
    """
    if product.digest != snakemake.params.recipe:
        raise NeuronIOError(
            f"the code, or a file that {product.what} is made from, changed while the run was at "
            "work; start it again"
        )
    return product


def configuration(plan: Plan) -> dict:
    """The whole configuration of a run, for the receipts."""
    return plan.run.model_dump(mode="json")
