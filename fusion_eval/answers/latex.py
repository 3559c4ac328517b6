"""Simple LaTeX as plain text: what models wrap around a short answer, and nothing that computes."""

from __future__ import annotations

import re
from collections import deque

_SPACING = re.compile(r"\\(?:[,;:!> ]|q?quad\b|left\b|right\b|displaystyle\b|limits\b)|(?<!\\)~")
_WRAPPED = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt)?|math(?:rm|bf|it|sf)|mbox|boxed|fbox|emph|operatorname)\s?"
    r"\{([^{}]*)\}"
)
_FRACTION = re.compile(r"\\[dtc]?frac\s?(?:\{([^{}]*)\}|(\d))\s?(?:\{([^{}]*)\}|(\d))")
_NAMED = {
    r"\times": "×",
    r"\cdot": "×",
    r"\approx": "≈",
    r"\%": "%",
    r"\$": "$",
    r"\#": "#",
    r"\&": "&",
    r"\_": "_",
    r"\degree": "°",
    r"^{\circ}": "°",
    r"^\circ": "°",
    r"\{": "{",
    r"\}": "}",
}
_DELIMITERS = re.compile(r"\\[\[\]()]|\$")


def unwrapped(line: str) -> str:
    """A line without LaTeX's math marks, spacing, and the commands that only set a font."""
    line = line.replace("{,}", ",")
    if "\\" not in line and "$" not in line:
        return line
    thousands = re.sub(r"(?<=\d)\\[,;: ](?=\d)", " ", line)
    line = _SPACING.sub("", thousands)
    for name, sign in _NAMED.items():
        line = line.replace(name, sign)
    for _ in range(4):  # commands inside of commands
        line, changed = _WRAPPED.subn(r" \1 ", line)
        if not changed:
            break
    return _DELIMITERS.sub("", line)


def with_fractions(line: str) -> str | None:
    r"""`\frac{3}{4}` as `(3)/(4)`; None where a command is left, as in `\sqrt{2}`."""
    line = _FRACTION.sub(lambda m: f" ({m[1] or m[2]})/({m[3] or m[4]})", line)
    return None if "\\" in line else line


_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-z])\s?")


def boxes(text: str, most: int) -> list[tuple[int, str]]:
    r"""Place and content of the last `\boxed{…}` and `\fbox{…}`, braces balanced."""
    found = []
    for start in deque(_BOX.finditer(text), maxlen=most):
        at = start.end()
        if text[at : at + 1] == "{":
            if (end := _balanced(text, at)) is not None:
                found.append((start.start(), text[at + 1 : end]))
        elif bare := re.compile(r"[^\s\\${}]{1,40}").match(text, at):
            found.append((start.start(), bare.group()))
    return found


_BRACE = re.compile(r"[{}]")
_LONGEST_BOX = 2000


def _balanced(text: str, at: int) -> int | None:
    depth = 0
    for brace in _BRACE.finditer(text, at, at + _LONGEST_BOX):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return brace.start()
    return None
