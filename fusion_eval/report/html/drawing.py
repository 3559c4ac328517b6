"""Figures inside a page: matplotlib's SVG without style attributes, named for those who listen.

A strict Content-Security-Policy refuses `style="…"`, so each property becomes an attribute of its
own, which means the same in SVG. Colours become variables of the page, which has a light and a dark
theme.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from fusion_eval.plots.style import ALARM, COLOURS, GRID, INK, LOWER_BOUND, QUIET

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_EVERYWHERE = {"stroke-linejoin": "round", "stroke-linecap": "butt", "fill": "var(--ink)"}
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_THEME = {
    INK: "ink", QUIET: "quiet", ALARM: "alarm", LOWER_BOUND: "line", GRID: "grid",
    "#ffffff": "paper", **{colour: f"c{k}" for k, colour in enumerate(COLOURS[:-1])},
    COLOURS[-1]: "ink",
}  # fmt: skip
"""Colour of a figure -> the variable of the page that stands for it."""
_THEMED = {colour.lower(): f"var(--{name})" for colour, name in _THEME.items()}
POINT = "point-"
"""Figures name the groups of their points `point-<row>`."""


def inline(figure: Figure, name: str, kind: str, label: str, points: Mapping[int, str]) -> Markup:
    """The figure as an `svg` element.

    name : prefix of all its ids, which must differ between the figures of a page
    kind : class of the element, `wide` or `narrow`
    label : what the figure shows, in words
    points : row of the table -> what its point says, read out and shown when it is pointed at
    """
    root = _tree(figure, name)
    root.set("role", "group")
    root.set("aria-label", label)
    root.set("class", kind)
    for key, value in _EVERYWHERE.items():
        root.set(key, value)
    for parent in root.iter():
        _without_styles(parent, name)
    for row, text in points.items():
        _speaking(root, f"{name}-{POINT}{row}", text)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _tree(figure: Figure, name: str) -> ElementTree.Element:
    written = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(written, format="svg", metadata={"Date": None}, transparent=True)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(written.getvalue())
    for group in list(root):
        if group.tag == f"{{{_SVG}}}metadata":
            root.remove(group)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    return root


def _without_styles(element: ElementTree.Element, name: str) -> None:
    for child in list(element):
        if child.tag == f"{{{_SVG}}}style":
            element.remove(child)
    for part in element.attrib.pop("style", "").split(";"):
        key, colon, value = part.partition(":")
        if colon:
            element.set(key.strip(), _THEMED.get(value.strip().lower(), value.strip()))
    for key, value in element.attrib.items():
        if key == "id":
            element.set(key, f"{name}-{value}")
        elif key == f"{{{_XLINK}}}href" and value.startswith("#"):
            element.set(key, f"#{name}-{value[1:]}")
        elif "url(#" in value:
            element.set(key, _REFERENCE.sub(rf"url(#{name}-\1)", value))


def _speaking(root: ElementTree.Element, found: str, text: str) -> None:
    """Give a point a title, a label and a place in the order of the Tab key."""
    for element in root.iter():
        if element.get("id") == found:
            title = ElementTree.Element(f"{{{_SVG}}}title")
            title.text = text
            element.insert(0, title)
            element.set("tabindex", "0")
            element.set("role", "img")
            element.set("aria-label", text)
            element.set("class", "point")
            return
