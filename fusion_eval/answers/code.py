"""The Python that a reply defines, whichever fence it stands in."""

from __future__ import annotations

import re
import textwrap

from fusion_eval.answers.fences import Fence, fences
from fusion_eval.answers.thoughts import split_thoughts
from fusion_eval.answers.typography import without_tokens

_PYTHON = re.compile(r"(?i)[{.\s]*(?:python|py)[\d.]*\b(?!con)")
_LOOKS_LIKE_PYTHON = re.compile(r"(?m)^(?:async def|def|class|import|from|@\w|\w+ = )\b")
_STATEMENT = re.compile(
    r"(?:async|def|class|import|from|if|elif|else|for|while|try|except|finally|with|return|raise"
    r"|assert|print|pass|global|lambda|yield|del|match|case)\b|[@#)\]}\"']"
    r"|[\w.\[\]\"', ]{1,200}(?:[-+*/%|&^]|//|\*\*)?=[^=]|\w[\w.]{0,100}\("
)
_DEFINES = re.compile(r"(?m)^(?:async def|def|class) \w")


def code_blocks(text: str) -> tuple[str, ...]:
    """The blocks of Python in a reply, in order; they belong together and run one after another.

    A solution with its usage and its asserts, a helper and what calls it, a draft and what replaces
    it. Blocks that say `python` (`py`, `python3`); else those without a language, of several those
    that look like Python; else the whole reply where it is nothing but code. Empty where there is
    none. Fences of any mark, indented or never closed.
    """
    plain = without_tokens(split_thoughts(text)[0])
    blocks = list(fences(plain))
    python = [_body(block) for block in blocks if _PYTHON.match(block.info)]
    if not python:
        python = [_body(block) for block in blocks if not block.info]
        if len(python) > 1:
            python = [body for body in python if _LOOKS_LIKE_PYTHON.search(body)]
    if not blocks and _is_code(plain):
        python = [plain]
    return tuple(body for body in python if body.strip())


def _body(block: Fence) -> str:
    body = block.body.replace("\r\n", "\n")
    if ">" in block.indent:
        body = re.sub(r"(?m)^[ \t]*> ?", "", body)
    return textwrap.dedent(body) if block.indent else body


def _is_code(plain: str) -> bool:
    """Whether every line that is not indented begins a statement, and one defines something."""
    if not _DEFINES.search(plain):
        return False
    lines = (line for line in plain.splitlines() if line.strip() and not line[0].isspace())
    return all(_STATEMENT.match(line) for line in lines)
