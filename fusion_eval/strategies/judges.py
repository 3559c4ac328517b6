"""Asking a judge inside a strategy for an object, and reading what it says without guessing."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fusion_eval.answers import verdicts
from fusion_eval.core import Ask, Member, Messages, Reply, Schema
from fusion_eval.errors import CallFailedError, NoAnswerError
from fusion_eval.prompts import repair
from fusion_eval.prompts.choosing import HIGHEST, LOWEST

T = TypeVar("T")
_NUMBER = re.compile(r"\d{1,9}")


async def ask_judge(
    ask: Ask,
    judge: Member,
    messages: Messages,
    *,
    role: str,
    output: Schema | None,
    read: Callable[[Reply], T | None],
    what: str = "reply",
    must: bool = False,
) -> T | None:
    """What a judge says, or None, recorded as a step down, where there is nothing to read.

    As graders are, a judge is asked once more when its reply cannot be read. A recipe that judges
    is not: to have it say that again would be to run it again; nor is who was not asked for an
    object (`output` None). With `must`, a call that fails fails the request.
    """
    try:
        reply = await ask(judge, messages, role=role, output=output)
        if read(reply) is None and judge.recipe is None and output is not None:
            problem = f"no {what} in a reply of {len(reply.text)} characters ({reply.finish})"
            if (again := repair(messages, reply, problem)) is not None:
                reply = await ask(judge, again, role=role, output=output)
    except (CallFailedError, NoAnswerError) as problem:
        if must:
            raise
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
    must: bool = False,
) -> list[T | None]:
    """One judge, several requests at once; what it says to each, in their order.

    Requests to a model go without seats: they differ, so each keeps its draw whatever else is
    asked, and the score of a draft is shared by every panel that holds it.
    """
    count = len(requests)
    asks = ask.at_once(count) if judge.recipe is None else ask.seats([judge] * count)
    one = (
        ask_judge(a, judge, asked, role=role, output=output, read=read, what=what, must=must)
        for a, asked in zip(asks, requests, strict=True)
    )
    return list(await asyncio.gather(*one))


def number(count: int, field: str = "best", *, lowest: int = 1) -> Callable[[Reply], int | None]:
    """Reads a number from `lowest` to `count`, in an object or bare, counted from the lowest."""

    def read(reply: Reply) -> int | None:
        value = _whole(reply, field, lowest, count)
        return None if value is None else value - lowest

    return read


def plain_number(count: int, *, leading: bool = False) -> Callable[[Reply], int | None]:
    """Reads the first whole number of a text, counted from 1, as index; with `leading`, only where
    the text begins with it."""

    def read(reply: Reply) -> int | None:
        text = reply.text.strip()
        match = _NUMBER.match(text) if leading else _NUMBER.search(text)
        place = int(match[0]) - 1 if match else -1
        return place if 0 <= place < count else None

    return read


def plain_scores(count: int) -> Callable[[Reply], list[float] | None]:
    """Reads a bare JSON array with a number for each of `count` answers."""

    def read(reply: Reply) -> list[float] | None:
        try:
            given = json.loads(reply.text.strip())
        except (ValueError, RecursionError):
            return None
        if not isinstance(given, list) or len(given) != count:
            return None
        plain = [isinstance(one, int | float) and not isinstance(one, bool) for one in given]
        return [float(one) for one in given] if all(plain) else None

    return read


def groups(count: int) -> Callable[[Reply], list[int] | None]:
    """Reads the number of a group for each of `count` answers; one that is missing spoils all."""

    def read(reply: Reply) -> list[int] | None:
        given = fields(reply, "groups").get("groups")
        if not isinstance(given, dict) or set(given) != {str(i) for i in range(1, count + 1)}:
            return None
        found = [verdicts.whole_of(given[str(i)], 1, count) for i in range(1, count + 1)]
        return [one for one in found if one is not None] if None not in found else None

    return read


def score(reply: Reply) -> int | None:
    """Reads one score."""
    return _whole(reply, "score", LOWEST, HIGHEST, of_scale=True)


def scores(count: int) -> Callable[[Reply], list[float] | None]:
    """Reads a score for each of `count` answers; one that is missing spoils them all."""

    def read(reply: Reply) -> list[float] | None:
        given = fields(reply, "scores").get("scores")
        if isinstance(given, list) and len(given) == count:
            given = {str(i): value for i, value in enumerate(given, 1)}
        names = {str(i) for i in range(1, count + 1)}
        if not isinstance(given, dict) or set(given) != names:
            return None
        found = [verdicts.whole_of(given[str(i)], LOWEST, HIGHEST) for i in range(1, count + 1)]
        return [float(one) for one in found if one is not None] if None not in found else None

    return read


def fields(reply: Reply, *names: str) -> dict[str, Any]:
    """The fields of the object that a reply states, by lower-case names; none without an object."""
    return verdicts.fields(reply.text, truncated=reply.finish == "length", names=names)


def _whole(reply: Reply, field: str, low: int, high: int, *, of_scale: bool = False) -> int | None:
    """A whole number in a field or bare; with `of_scale`, `7/10` is 7."""
    truncated = reply.finish == "length"
    if (stated := verdicts.stated(reply.text, truncated=truncated)) is not None:
        own = verdicts.unwrapped(stated.value, (field,))
        value = own.get(field) if own else stated.value
        given = _without_name(value)
    else:
        given = None if truncated else verdicts.bare_number(reply.text)
    if isinstance(given, str) and "/" in given and not of_scale:
        return None
    return verdicts.whole_of(given, low, high)


def _without_name(value: Any) -> Any:
    """`Answer 2` as `2`."""
    return verdicts.bare_number(value) or value if isinstance(value, str) else value
