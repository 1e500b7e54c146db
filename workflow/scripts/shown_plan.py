"""What every plan of a run shows under the run's name."""

from __future__ import annotations

from pathlib import Path

from neuronio.made import CURRENT, Product
from neuronio.recipe import digest


class ShownPlan:
    """Products of a run, and the links by which `results/<name>/` shows them."""

    results: Path
    products: list[Product]
    links: dict[str, Path]

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
