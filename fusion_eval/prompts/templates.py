"""The templates: read once, filled once, and known by their digests."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from string import Template

_HERE = "fusion_eval.prompts"


def fill(name: str, **values: str) -> str:
    """A message: a template with its placeholders replaced, without the space around it."""
    return block(name, **values).strip()


def block(name: str, **values: str) -> str:
    """A part of a message, with what is filled in as it is. A `$` in model text stays a `$`."""
    return Template(template(name)).substitute(values)


@cache
def template(name: str) -> str:
    """The text of a template, without the space around it."""
    return (resources.files(_HERE) / f"{name}.md").read_text("utf-8").strip()


def digests() -> dict[str, str]:
    """SHA-256 (16 hex digits) of every template, for the manifest."""
    folder = resources.files(_HERE)
    names = sorted(f.name for f in folder.iterdir() if f.name.endswith(".md"))
    return {n: hashlib.sha256((folder / n).read_bytes()).hexdigest()[:16] for n in names}
