"""A user's own check or protocol, named as `package.module:name` in a task or bench file."""

from __future__ import annotations

import importlib
import inspect
import math
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from fusion_eval.core.outcome import VerdictWord

Own = Callable[[str, str], Any]
"""Answer and target -> True, False, a number from 0 to 1, None where it cannot be told; or a pair
of one of these and a reason."""
_SIGNATURE = "def my_check(answer: str, target: str) -> bool"


def named(name: str, what: str) -> Any:
    """What stands in a user's module under `package.module:name`; `what` is for the message.

    A module is looked for in the working directory too. Raises ValueError with the way out.
    """
    module, _, attribute = name.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)  # as with `python -m`: a user's module lies beside the bench
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as problem:
        raise ValueError(f"{what} {name!r} cannot be imported: {problem}") from None
    except Exception as problem:  # a user's module may raise anything while it is imported
        why = f"{type(problem).__name__}: {problem}"
        raise ValueError(f"{what} {name!r} cannot be imported: {why}") from None


@cache
def own_check(name: str) -> Own:
    """The function of this name; raises ValueError where it cannot be asked."""
    function = named(name, "check")
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise ValueError(f"check {name!r} is no plain function; write `{_SIGNATURE}`")
    try:
        inspect.signature(function).bind("answer", "target")
    except TypeError:
        raise ValueError(
            f"check {name!r} does not take an answer and a target; write `{_SIGNATURE}`"
        ) from None
    return function  # type: ignore[no-any-return]


def check_own(name: str, answer: str, target: str) -> tuple[VerdictWord, str, float | None]:
    """(word, reason, value) of a user's own check; what it cannot tell, or breaks on, is unread."""
    try:
        result = own_check(name)(answer, target)
    except Exception as problem:  # theirs: a bug in a check is no wrong answer
        return "unreadable", f"the check failed: {type(problem).__name__}: {problem}"[:500], None
    given, reason = result if isinstance(result, tuple) and len(result) == 2 else (result, "")
    if given is None:
        return "unreadable", str(reason) or "the check could not tell", None
    try:
        value = math.nan if isinstance(given, str | bytes) else float(given)
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value <= 1:
        said = f"the check gave {given!r}"[:200]
        return "unreadable", f"{said}; give True, False, a number from 0 to 1, or None", None
    return ("met" if value >= 0.5 else "unmet"), str(reason) or f"target {target!r}", value
