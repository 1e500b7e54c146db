"""Tables in Markdown, and pages of which a marked part is written by a program.

A page holds what is written between `<!-- NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from neuronio.errors import NeuronIOError


def table(head: Sequence[str], rows: Iterable[Iterable[object]], right: int | None = None) -> str:
    """A table, without a newline at its end; a cell that is None is empty.

    Args:
        head: names of the columns.
        rows: cells of each line.
        right: the first column whose cells stand to the right; none where left out.
    """
    left = len(head) if right is None else right
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    lines = [["" if cell is None else str(cell) for cell in row] for row in (head, rule, *rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def with_block(page: str, name: str, text: str) -> str:
    """A page with what its mark holds written anew.

    Raises:
        NeuronIOError: the page has no such mark, or none that ends.
    """
    # No mark begins before the end of another: text of a page is not taken for a block.
    block = re.compile(f"(<!-- {re.escape(name)} -->\n)((?!<!-- ).*\n)*?(<!-- end -->)")
    page, found = block.subn(lambda mark: f"{mark[1]}{text}\n{mark[3]}", page)
    if not found:
        raise NeuronIOError(f"the page has no table between '<!-- {name} -->' and '<!-- end -->'")
    return page
