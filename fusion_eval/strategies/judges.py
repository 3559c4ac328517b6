"""Asking a judge inside a strategy for an object, and reading what it says without guessing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fusion_eval import text
from fusion_eval.core import Ask, Member, Messages, Reply, Schema
from fusion_eval.errors import CallFailedError, NoAnswerError
from fusion_eval.prompts import repair
from fusion_eval.prompts.choosing import HIGHEST, LOWEST

T = TypeVar("T")
_BARE_NUMBER = re.compile(r"[^\d{}\[\]]{0,20}(\d{1,3})[^\d{}\[\]]{0,20}")


async def ask_judge(
    ask: Ask,
    judge: Member,
    messages: Messages,
    *,
    role: str,
    output: Schema,
    read: Callable[[Reply], T | None],
    what: str = "reply",
) -> T | None:
    """What a judge says, or None, recorded as a step down, where there is nothing to read.

    As graders are, a judge is asked once more when its reply cannot be read. A recipe that judges
    is not: to have it say that again would be to run it again.
    """
    try:
        reply = await ask(judge, messages, role=role, output=output)
        if read(reply) is None and judge.recipe is None:
            problem = f"no {what} in a reply of {len(reply.text)} characters ({reply.finish})"
            if (again := repair(messages, reply, problem)) is not None:
                reply = await ask(judge, again, role=role, output=output)
    except (CallFailedError, NoAnswerError) as problem:
        ask.degrade(f"{role} ({judge.name}): {problem.failure}")
        return None
    if (said := read(reply)) is None:
        ask.degrade(f"{role} ({judge.name}): {what} unreadable")
    return said


async def ask_judges(
    ask: Ask,
    judge: Member,
    requests: Sequence[Messages],
    *,
    role: str,
    output: Schema,
    read: Callable[[Reply], T | None],
    what: str = "reply",
) -> list[T | None]:
    """One judge, several requests at once; what it says to each, in their order.

    Requests to a model go without seats: they differ, so each keeps its draw whatever else is
    asked, and the score of a draft is shared by every panel that holds it.
    """
    count = len(requests)
    asks = ask.at_once(count) if judge.recipe is None else ask.seats([judge] * count)
    one = (
        ask_judge(a, judge, asked, role=role, output=output, read=read, what=what)
        for a, asked in zip(asks, requests, strict=True)
    )
    return list(await asyncio.gather(*one))


def number(
    count: int, field: str = "best", *, lowest: int = 1, labelled: bool = False
) -> Callable[[Reply], int | None]:
    """Reads a number from `lowest` to `count`, in an object or bare, counted from the lowest.

    With `labelled` it may be a text, as labels of a JSON Schema are.
    """

    def read(reply: Reply) -> int | None:
        value = fields(reply).get(field)
        bare = None if reply.finish == "length" else _BARE_NUMBER.fullmatch(reply.text.strip())
        found = value if value is not None else int(bare.group(1)) if bare else None
        if isinstance(found, str) and labelled and found.isdecimal() and len(found) < 4:
            found = int(found)
        return None if found is None or not _whole(found, lowest, count) else found - lowest

    return read


def score(reply: Reply) -> int | None:
    """Reads one score."""
    value = fields(reply).get("score")
    return value if _whole(value, LOWEST, HIGHEST) else None


def scores(count: int) -> Callable[[Reply], list[int] | None]:
    """Reads a score for each of `count` answers; one that is missing spoils them all."""

    def read(reply: Reply) -> list[int] | None:
        given = fields(reply).get("scores")
        found = [given.get(str(i)) for i in range(1, count + 1)] if isinstance(given, dict) else []
        whole = all(_whole(one, LOWEST, HIGHEST) for one in found)
        return found if found and whole else None  # type: ignore[return-value]

    return read


def fields(reply: Reply) -> dict[str, Any]:
    """The fields of the object that a reply consists of; none where there is no object."""
    return text.json_object(reply.text, truncated=reply.finish == "length") or {}


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
