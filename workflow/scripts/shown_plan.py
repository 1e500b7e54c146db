"""What every plan of a run shows under the run's name."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

from neuronio.errors import NeuronIOError
from neuronio.files import write_json
from neuronio.made import CURRENT, Product
from neuronio.recipe import digest

BEGUN = "begun.json"


class ShownPlan:
    """Products of a run, and the links by which `results/<name>/` shows them."""

    name: str
    asked: dict[str, Any]
    results: Path
    products: list[Product]
    links: dict[str, Path]

    @abstractmethod
    def _fit_recipe(self, fit: Any) -> dict[str, Any]:
        """All that decides a fit."""

    def told_apart(self, key: str) -> dict[str, Product]:
        """The fit directory of every fit that is asked for, by its name.

        Raises:
            NeuronIOError: two fits of what stands under `key` differ in their label alone.
        """
        made: dict[str, Product] = {}
        alike: dict[str, str] = {}  # the first fit of what is the same but for its seed
        for name, fit in self.asked.items():
            made[name] = Product(fit.what, recipe := self._fit_recipe(fit))
            other = alike.setdefault(digest(recipe | {"seed": None}), name)
            if self.asked[other].section.label != fit.section.label:
                raise NeuronIOError(
                    f"{self.name}: '{key}' asks for {name} and {other}, which differ in their "
                    "label (or their label and seed) alone; give both the same label, or none"
                )
        return made

    def begin(self) -> None:
        """Mark the products as in use before they are all there: `clean` leaves them alone."""
        write_json(self.results / CURRENT / BEGUN, self.marked())

    def marked(self) -> dict[str, list[str]]:
        """What a mark says."""
        return {"folders": [str(product.folder) for product in self.products]}

    @property
    def current(self) -> Path:
        """The mark that the links show this very plan; one that is missing where they do not."""
        named = digest([product.folder.name for product in self.products])
        marks = [self.results / CURRENT / f"{named}{again}.json" for again in ("", "-again")]
        there = [mark for mark in marks if mark.exists()]
        shown = all(
            (path := self.results / name).is_symlink() and path.resolve() == target.resolve()
            for name, target in self.links.items()
        )
        return there[0] if there and shown else next(m for m in marks if m not in there[:1])
