"""What is known about each call of a run, small: a hundred thousand calls must fit beside it."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import fields, replace
from sys import intern

from fusion_eval.bench.tables import Fact
from fusion_eval.core import Attempt, Reply, Usage

_USAGE = tuple(field.name for field in fields(Usage))


class Facts(MutableMapping[str, Fact]):
    """Facts by key, kept as tuples and made again when asked for; texts of replies are dropped."""

    def __init__(self) -> None:
        self._facts: dict[str, Fact | tuple[object, ...]] = {}

    def __setitem__(self, key: str, fact: Fact) -> None:
        self._facts[key] = fact if fact.reply is None else _packed(fact, fact.reply)

    def __getitem__(self, key: str) -> Fact:
        fact = self._facts[key]
        return fact if isinstance(fact, Fact) else _unpacked(*fact)  # type: ignore[arg-type]

    def __delitem__(self, key: str) -> None:
        del self._facts[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)


def _packed(fact: Fact, reply: Reply) -> tuple[object, ...]:
    usage = reply.usage
    plain = reply.attempts == (_only_attempt(reply),)
    return (
        fact.model,
        fact.mine,
        fact.failure,
        intern(reply.finish),
        None if usage is None else tuple(getattr(usage, name) for name in _USAGE),
        reply.latency_s,
        None if reply.model_served is None else intern(reply.model_served),
        reply.cost_reported,
        reply.simulated,
        reply.asked_at,
        None if plain else reply.attempts,
    )


def _unpacked(
    model: object,
    mine: bool,
    failure: str | None,
    finish: str,
    usage: tuple[int, ...] | None,
    latency_s: float,
    served: str | None,
    cost: float | None,
    simulated: bool,
    asked_at: float | None,
    attempts: tuple[Attempt, ...] | None,
) -> Fact:
    reply = Reply(
        text="",
        finish=finish,
        usage=None if usage is None else Usage(**dict(zip(_USAGE, usage, strict=True))),
        latency_s=latency_s,
        model_served=served,
        cost_reported=cost,
        simulated=simulated,
        asked_at=asked_at,
        attempts=attempts or (),
    )
    if attempts is None:
        reply = replace(reply, attempts=(_only_attempt(reply),))
    return Fact(model=model, reply=reply, failure=failure, mine=mine)  # type: ignore[arg-type]


def _only_attempt(reply: Reply) -> Attempt:
    """The attempt of a reply that came at once."""
    return Attempt(
        number=1, latency_s=reply.latency_s, usage=reply.usage, cost_reported=reply.cost_reported
    )
