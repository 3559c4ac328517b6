"""What was forgotten when something was added, with a sentence that says what to do."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import fusion_eval as fe
from fusion_eval import errors

PACKAGE = Path(fe.__file__).parent
DOCS = PACKAGE.parent / "docs"


def test_every_class_of_error_is_raised_somewhere():
    """Somebody writes `except` for it, and it never comes."""
    ours = [
        name for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == errors.__name__
    ]  # fmt: skip
    text = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    idle = [
        name for name in ours
        if not re.search(rf"\b{name}\(|raise {name}\b|, {name}\)|error={name}\b", 
                         text.replace(f"class {name}(", ""))
    ]  # fmt: skip
    assert not idle, f"raise {idle} somewhere, or delete them from errors.py"


def test_every_statistic_has_a_paragraph_on_what_it_assumes():
    """A number whose assumptions stand nowhere is believed everywhere."""
    page = (DOCS / "methods.md").read_text("utf-8")
    names = [name for name, home in fe._HOMES.items() if home.startswith("fusion_eval.stats.")]
    missing = [
        name for name in names if not re.search(rf"\bfe\.{name}\b|`{name}`|\b{name}\(", page)
    ]
    assert not missing, f"write a paragraph on {missing} in docs/methods.md, with its test"
