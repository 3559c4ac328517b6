"""docs/api.md, and that nothing public is without words."""

from __future__ import annotations

import inspect

import pytest
import write_api as page

import fusion_eval as fe

DOCS = page.PAGE.parent


def test_the_reference_is_what_the_docstrings_say_now():
    """A parameter that is gone is tried, and one that is new is not found."""
    assert page.PAGE.read_text("utf-8") == page.document(), "run: python tests/write_api.py"


def test_every_public_name_has_one_place_in_the_reference():
    """A function that no page names is used by nobody."""
    placed = [name for names in page.SECTIONS.values() for name in names.split()]
    missing = set(fe.__all__) - set(placed)
    assert not missing, f"add {sorted(missing)} to SECTIONS in tests/write_api.py"
    assert len(placed) == len(set(placed))
    assert set(placed) <= set(fe.__all__)


@pytest.mark.parametrize("name", sorted(set(fe.__all__)))
def test_a_public_function_says_what_it_gives(name):
    """Without a docstring its page is a signature, and units are guessed."""
    value = getattr(fe, name)
    text = inspect.getdoc(value) or ""
    assert len(text) > 40, f"fe.{name} needs a docstring: what it returns, units, errors"


def test_every_page_of_the_documents_is_in_their_index():
    """A page that no other page links to is found by accident."""
    index = (DOCS / "README.md").read_text("utf-8")
    pages = {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    missing = sorted(name for name in pages if f"({name})" not in index)
    assert not missing, f"add a line for {missing} to docs/README.md"
