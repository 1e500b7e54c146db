"""Tables in Markdown, and the marked parts of pages."""

import pytest

from neuronio.errors import NeuronIOError
from neuronio.markdown import table, with_block


def test_columns_of_numbers_stand_to_the_right_and_none_is_empty():
    lines = table(["model", "size", "auc"], [["elm", 20, None]], right=1).splitlines()
    assert lines == ["| model | size | auc |", "| --- | ---: | ---: |", "| elm | 20 |  |"]


def test_one_block_is_written_and_the_others_are_left():
    page = "a\n<!-- x: 1 -->\nold\n\nold\n<!-- end -->\nb\n<!-- y -->\n<!-- end -->\n"
    new = with_block(page, "x: 1", r"| \1 |")
    assert new == "a\n<!-- x: 1 -->\n| \\1 |\n<!-- end -->\nb\n<!-- y -->\n<!-- end -->\n"
    assert with_block(new, "x: 1", r"| \1 |") == new


@pytest.mark.parametrize(
    "rest", ["", "<!-- x -->\n", "<!-- x -->\n<!-- y -->\nkept\n<!-- end -->\n"]
)
def test_a_mark_that_is_missing_or_has_no_end_is_one_sentence(rest):
    with pytest.raises(NeuronIOError, match="no table between '<!-- x -->' and '<!-- end -->'"):
        with_block(f"# Page\n{rest}", "x", "new")
