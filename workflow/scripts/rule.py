"""What the scripts of the rules share: whether the plan is still the same, and the receipts."""

from data_plan import DataPlan

from neuronio.errors import NeuronIOError
from neuronio.long_horizon import is_long_horizon
from neuronio.made import Product


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


def cached(snakemake):
    """The plan of a run that is about to fill the cache; of a neuron, without its fits."""
    if is_long_horizon(snakemake.config):
        from task_plan import TaskPlan

        return TaskPlan.of(snakemake)
    return DataPlan.of(snakemake)


def configuration(plan: DataPlan) -> dict:
    """The whole configuration of a run, for the receipts."""
    return plan.run.model_dump(mode="json")
