"""The templates, escaped by construction; the policy lets only our own style and script work."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_PACKAGE = "fusion_eval.report.html"


def page(template: str, **values: Any) -> str:
    """A whole page; whatever is not Markup is escaped, and an undefined name is an error."""
    return _environment().get_template(template).render(**_frame(), **values)


@cache
def _frame() -> dict[str, Markup]:
    """Our own two files, which hold no closing tag and so may stand in a page, and the policy."""
    css, js = _file("page.css"), _file("page.js")
    policy = (
        f"default-src 'none'; style-src {_digest(css)}; script-src {_digest(js)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return {"css": Markup(css), "js": Markup(js), "policy": Markup(policy)}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(_PACKAGE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _file(name: str) -> str:
    text = resources.files(_PACKAGE).joinpath("templates", name).read_text("utf-8")
    if "</" in text:
        raise ValueError(f"{name} must not hold a closing tag")
    return text


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
