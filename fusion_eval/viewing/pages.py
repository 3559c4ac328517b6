"""Templates of the local page, over those of the report: the same look, escaped by construction.

Style and script stand in the page and are named by their digests, so nothing else is obeyed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from fusion_eval.viewing import words

_OWN = Path(__file__).parent / "templates"
_REPORT = Path(__file__).parents[1] / "report" / "html" / "templates"
"""As files: to import that room would load data frames."""


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page with its policy; whatever is not Markup is escaped."""
    css, js = _style(), _script()
    text = (
        _environment()
        .get_template(template)
        .render(css=Markup(css), js=Markup(js), policy=Markup(_policy()), **values)
    )
    return HTMLResponse(
        text, status, {"content-security-policy": f"{_policy()}; frame-ancestors 'none'"}
    )


def report_policy(content: bytes) -> str:
    """The policy of a page that a run wrote.

    A report of this version works with its own script, which is ours. Any other page, which may
    have come with somebody's run directory, gets an origin of its own, from which it reaches
    nothing of this server.
    """
    script = (_REPORT / "page.js").read_bytes()
    rest = "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    if b"<script>" + script.rstrip(b"\n") in content:
        allowed = f"script-src {_digest(script.decode())}"
        return f"default-src 'none'; style-src 'unsafe-inline'; {allowed}; {rest}"
    scripts = "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    return f"sandbox allow-scripts allow-popups; default-src 'none'; {scripts}; {rest}"


@cache
def _policy() -> str:
    return (
        f"default-src 'none'; style-src {_digest(_style())}; script-src {_digest(_script())}; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'"
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader([_OWN, _REPORT]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words.FILTERS)
    return environment


@cache
def _style() -> str:
    return _joined([_REPORT / "page.css", _OWN / "view.css"])


@cache
def _script() -> str:
    return _joined([_REPORT / "page.js", _OWN / "view.js"])


def _joined(files: Sequence[Path]) -> str:
    text = "\n".join(file.read_text("utf-8") for file in files)
    if "</" in text:
        raise ValueError("style and script must not hold a closing tag")
    return text


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
