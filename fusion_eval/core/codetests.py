"""Tests of a coding task: lines `assert EXPRESSION == LITERAL`.

The expression is evaluated where the answer's code runs, the literal stays outside: code that
cheats its own process, by leaving it or by patching what compares, still has to name the value.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

_FORM = "write `assert EXPRESSION == LITERAL`"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeTest:
    """One expression over the answer's names, as source, and the value that it should have."""

    expression: str
    expected: object


def code_tests(source: str) -> tuple[CodeTest, ...]:
    """The tests in a target; raises ValueError with the line of the first that is none."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        line = getattr(problem, "lineno", None)
        raise ValueError(f"line {line or 1} is not Python; {_FORM}") from None
    if not body:
        raise ValueError(f"no test; {_FORM}")
    return tuple(_test(statement) for statement in body)


def _test(statement: ast.stmt) -> CodeTest:
    match statement:
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]), msg=None):
            try:
                return CodeTest(expression=ast.unparse(left), expected=ast.literal_eval(right))
            except ValueError:
                pass
    raise ValueError(f"line {statement.lineno} is not a test; {_FORM}")
