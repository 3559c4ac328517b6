"""The code check: an answer's Python passes all tests of its task, in a sandbox."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from fusion_eval.core.codetests import CodeTest, code_tests
from fusion_eval.core.outcome import VerdictWord
from fusion_eval.grading.sandbox import Ran, run, sandbox

_FENCE = re.compile(r"(?ms)^ {0,3}```[ \t]*(\w*)[^\n]*\n(.*?)^ {0,3}```[ \t]*$")
_PYTHON = {"python", "py", "python3"}


def code_in(answer: str) -> str | None:
    """The last block of Python in an answer; else its only block without a language; else None."""
    blocks: list[tuple[str, str]] = [(kind.lower(), body) for kind, body in _FENCE.findall(answer)]
    python = [body for kind, body in blocks if kind in _PYTHON]
    plain = [body for kind, body in blocks if not kind]
    if python:
        return python[-1]
    return plain[0] if len(plain) == 1 else None


def check_code(answer: str, target: str) -> tuple[VerdictWord, str]:
    """`met` if every test passes, and what was seen.

    The values that are expected stay out of the sandbox: what runs there cannot pass by ending
    early or by patching what compares. Raises InputError where there is no sandbox.
    """
    code = code_in(answer)
    tests = code_tests(target)
    where = sandbox()
    if code is None:
        return "unmet", "no block of Python code found"
    ran = run(where, code, [test.expression for test in tests])
    wrong = _wrong(tests, ran)
    if wrong is None:
        return "met", f"all {len(tests)} tests passed"
    return "unmet", f"{wrong}; {ran.stopped}" if ran.stopped else wrong


def _wrong(tests: tuple[CodeTest, ...], ran: Ran) -> str | None:
    """The first test that failed, in words; None if none did."""
    said: dict[object, Mapping[str, Any]] = {}
    for line in ran.lines:
        said.setdefault(line.get("number"), line)
    if None in said:
        return f"the code failed: {str(said[None].get('failed'))[:200]}"
    for number, test in enumerate(tests):
        if number not in said:
            return f"{_short(test.expression)} gave nothing"
        line = said[number]
        if "value" not in line:
            return f"{_short(test.expression)} raised {str(line.get('failed'))[:200]}"
        if not _equals(line["value"], test.expected):
            given = _short(str(line["value"]))
            return f"{_short(test.expression)} gave {given}, expected {_short(repr(test.expected))}"
    return None


def _equals(given: object, expected: object) -> bool:
    """Whether a `repr` from inside is a literal that equals what is expected."""
    if not isinstance(given, str):
        return False
    try:
        return bool(ast.literal_eval(given) == expected)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
