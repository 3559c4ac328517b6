"""The code check: an answer's Python passes all tests of its task, in a sandbox."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from fusion_eval.answers.code import code_blocks
from fusion_eval.core.clean import clean
from fusion_eval.core.codetests import CodeTest, code_tests
from fusion_eval.core.outcome import VerdictWord
from fusion_eval.grading.sandbox import Ran, run, sandbox


def code_in(answer: str) -> str | None:
    """The Python of an answer as one text; None where there is none."""
    return "\n".join(code_blocks(answer)) or None


def check_code(answer: str, target: str) -> tuple[VerdictWord, str]:
    """`met` if every test passes, and what was seen.

    The values that are expected stay out of the sandbox: what runs there cannot pass by ending
    early or by patching what compares. Raises InputError where there is no sandbox.
    """
    code = code_blocks(answer)
    tests = code_tests(target)
    where = sandbox()
    if not code:
        return "unmet", "no block of Python code found"
    ran = run(where, code, [test.expression for test in tests])
    wrong = _wrong(tests, ran)
    if wrong is None:
        return "met", f"all {len(tests)} tests passed"
    return "unmet", f"{wrong}; {ran.stopped}" if ran.stopped else wrong


def _wrong(tests: tuple[CodeTest, ...], ran: Ran) -> str | None:
    """The first test that failed, in words; None if none did."""
    said = _by_number(ran)
    if None in said:
        return f"the code failed: {_text(said[None].get('failed'))}"
    for number, test in enumerate(tests):
        if number not in said:
            return f"{_short(test.expression)} gave nothing"
        line = said[number]
        if "value" not in line:
            return f"{_short(test.expression)} raised {_text(line.get('failed'))}"
        if not _equals(line["value"], test.expected):
            given = _short(_text(line["value"]))
            return f"{_short(test.expression)} gave {given}, expected {_short(repr(test.expected))}"
    return None


def _by_number(ran: Ran) -> dict[int | None, Mapping[str, Any]]:
    """What was said of each test first, and under None that the code failed.

    The code can write lines of its own, so nothing in them is taken for what it should be.
    """
    said: dict[int | None, Mapping[str, Any]] = {}
    for line in ran.lines:
        number = line.get("number")
        if type(number) is int or (number is None and isinstance(line.get("failed"), str)):
            said.setdefault(number, line)
    return said


def _text(said: object) -> str:
    """Words from inside, as they can be written to a file."""
    return clean(said if isinstance(said, str) else repr(said))[:200]


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
