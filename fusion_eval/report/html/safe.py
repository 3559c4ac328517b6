"""Model text for a page: Markdown by a library, sanitised by a library, nothing fetched or run.

Three walls, each enough for most attacks: the Markdown parser takes no HTML, the sanitiser knows a
short list of tags without images, styles or handlers, and the page's Content-Security-Policy
allows only our own style and script.
"""

from __future__ import annotations

import unicodedata
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

LONGEST = 60_000
"""Characters of one text that a page shows; real answers have 5 to 40 thousand."""
_TAGS = {
    "p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a",
    "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_KEPT = {"\n", "\t"}
_DEEPEST = 6


def visible(text: str) -> str:
    """The text without control, direction and invisible characters, which could hide or reverse.

    Each is shown as U+FFFD, so that a reader sees that something stood there; line breaks stay.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c if c in _KEPT or _shown(c) else "\ufffd" for c in lines)


def _shown(letter: str) -> bool:
    return unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def shortened(text: str, most: int = LONGEST) -> tuple[str, int]:
    """(the beginning of a text, how many characters are not shown)."""
    return text[:most], max(0, len(text) - most)


def rendered(text: str) -> Markup:
    """Markdown as sanitised HTML; what is too long is cut, and says so."""
    kept, lost = shortened(text)
    made = nh3.clean(
        _markdown(3).render(visible(kept)),
        tags=_TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(made) + _rest(lost)


def our_own(text: str) -> Markup:
    """A part of our Markdown report as HTML: names in it are escaped there, and sanitised here."""
    drawn = _markdown(0).render(text).replace('style="text-align:right"', 'class="right"')
    cells = {"th": {"class"}, "td": {"class"}}
    made = nh3.clean(drawn, tags=_TAGS | {"h2", "h3"}, attributes=cells, link_rel=None)
    return Markup(made)


def verbatim(text: str) -> Markup:
    """The text as it is, in `pre`; for prompts and what cannot be trusted to be Markdown."""
    kept, lost = shortened(text)
    return Markup("<pre>{}</pre>").format(visible(kept)) + _rest(lost)


def _rest(lost: int) -> Markup:
    if not lost:
        return Markup("")
    return Markup('<p class="cut">{} more characters are not shown here.</p>').format(f"{lost:,}")


@cache
def _markdown(lower: int) -> MarkdownIt:
    """CommonMark with tables, no HTML, no images; headings so many levels below."""
    parser = MarkdownIt("js-default", {"html": False, "linkify": False, "maxNesting": 20})
    parser.disable("image")

    def lowered(self, tokens, index, options, env):  # type: ignore[no-untyped-def]
        token = tokens[index]
        token.tag = f"h{min(_DEEPEST, int(token.tag[1]) + lower)}"
        return self.renderToken(tokens, index, options, env)

    for rule in ("heading_open", "heading_close"):
        parser.add_render_rule(rule, lowered)
    return parser


__all__ = ["LONGEST", "escape", "our_own", "rendered", "verbatim", "visible"]
