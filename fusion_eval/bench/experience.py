"""How long replies are, what they cost and how long they take: from a ledger, else assumed.

Replies are grouped by model, by what is asked for (an answer, a text written from others, an
analysis, a verdict) and by whether a short final answer is wanted. The nearest group counts:
the same endpoint, else the same model elsewhere, else an assumption, which says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from statistics import fmean, pstdev
from typing import Any

from fusion_eval.core import Call, Messages, Model, Reply
from fusion_eval.engine import rows
from fusion_eval.engine.prices import most_out
from fusion_eval.engine.trace import Expected
from fusion_eval.simulator import load_world

CHARACTERS_PER_TOKEN = 3.6
_SHORT = {"choice": 8, "score": 8, "scores": 40, "route": 8}
OUTPUT_TOKENS = {"answer": 700, "analysis": 450, "verdict": 70, "review": 200, "ranking": 150}
OUTPUT_TOKENS |= {"arbitration": 800, **_SHORT}
SIMULATED_TOKENS = {"answer": 150, "analysis": 130, "verdict": 20, "review": 60, "ranking": 40}
SIMULATED_TOKENS |= {"arbitration": 170, **_SHORT}
"""Visible tokens by the name of the form, without experience; simulated models write less."""

ASSUMED_SPREAD, ELSEWHERE_SPREAD, LEAST_SPREAD = 0.5, 0.35, 0.15
"""How far a total may be off, as a share of it; never more than the first, so high <= 3 x low."""

History = Callable[[str], Iterable[tuple[str, Reply]]]
"""Model id -> (what was asked, reply) of earlier calls."""


def nothing(_: str) -> Iterator[tuple[str, Reply]]:
    """The history of an empty ledger."""
    return iter(())


@dataclass(slots=True)
class Group:
    """Replies of one kind. Tokens are all that are billed as output, visible or not."""

    tokens: list[int] = field(default_factory=list)
    characters: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    per_token_in: list[float] = field(default_factory=list)
    dollars: list[float | None] = field(default_factory=list)

    def add(self, characters_in: int, reply: Reply) -> None:
        """One reply more; without usage it says nothing."""
        if reply.usage is None:
            return
        self.tokens.append(reply.usage.tokens_out)
        self.characters.append(len(reply.text))
        self.seconds.append(reply.latency_s)
        self.per_token_in.append(characters_in / max(1, reply.usage.tokens_in))
        self.dollars.append(reply.cost_reported)

    def spread(self, calls: int) -> float:
        """How far the output of so many calls may be off: two standard errors, as a share."""
        mean = fmean(self.tokens)
        variation = pstdev(self.tokens) / mean if mean else 0.0
        return 2 * variation * math.sqrt(1 / len(self.tokens) + 1 / max(1, calls))


class Experience:
    """Expectations about calls. Each model's history is read when it is first asked about."""

    def __init__(self, history: History = nothing) -> None:
        self._history = history
        self._groups: dict[str, dict[tuple[str, ...], Group]] = {}

    def expect(self, call: Call) -> Expected:
        """Length, tokens and time of the reply to a call."""
        _, group = self._nearest(call)
        into = sum(len(m.content) for m in call.messages)
        most = most_out(call.model)
        if group is None:
            return _assumed(call, into, most)
        return Expected(
            characters=max(1, round(fmean(group.characters))),
            tokens_in=round(into / fmean(group.per_token_in)),
            tokens_out=min(most, round(fmean(group.tokens))),
            latency_s=fmean(group.seconds),
        )

    def spread(self, call: Call, calls: int) -> float:
        """How far dollars for so many calls like this one may be off, as a share of them."""
        place, group = self._nearest(call)
        if group is None:
            return ASSUMED_SPREAD
        least = LEAST_SPREAD if place == "here" else ELSEWHERE_SPREAD
        return min(ASSUMED_SPREAD, max(least, group.spread(calls)))

    def source(self, call: Call) -> str:
        """Where expectations about a call come from."""
        place, group = self._nearest(call)
        words = {"here": "this endpoint", "elsewhere": "this model elsewhere"}
        return f"{len(group.tokens):,} replies of {words[place]}" if group else "assumed"

    def dollars(self, call: Call) -> float | None:
        """The mean of what the provider reported for such calls, None where it did not always."""
        _, group = self._nearest(call)
        known = [usd for usd in group.dollars if usd is not None] if group else []
        return fmean(known) if group and known and len(known) == len(group.dollars) else None

    def _nearest(self, call: Call) -> tuple[str, Group | None]:
        groups = self._of(call.model)
        schema = call.output.json_schema if call.output else {}
        kind = _kind(call.messages, tuple(sorted(schema.get("properties", {}))))
        url = call.model.endpoint.base_url
        if (group := groups.get((url, kind))) is not None:
            return "here", group
        return "elsewhere", groups.get((kind,))

    def _of(self, model: Model) -> dict[tuple[str, ...], Group]:
        if model.id not in self._groups:
            found: dict[tuple[str, ...], Group] = {}
            for asked, reply in self._history(model.id):
                texts = rows.messages(asked)
                kind = _kind_of_text(texts[-1], rows.output_fields(asked))
                for place in ((rows.place(asked)[0], kind), (kind,)):
                    found.setdefault(place, Group()).add(sum(map(len, texts)), reply)
            self._groups[model.id] = {k: g for k, g in found.items() if g.tokens}
        return self._groups[model.id]


def _kind(messages: Messages, output: tuple[str, ...]) -> str:
    return _kind_of_text(messages[-1].content, output)


def _kind_of_text(text: str, output: tuple[str, ...]) -> str:
    """The fields of a JSON object; else `answer`, or `writing` from other answers, with `, short`
    where a last line with the final answer is wanted."""
    if output:
        return ", ".join(output)
    short = ", short" if "in this form:\nAnswer: <" in text else ""
    return ("writing" if " Answer 1 ===" in text else "answer") + short


def _assumed(call: Call, characters_in: int, most: int) -> Expected:
    kind = call.output.name if call.output else "answer"
    table = SIMULATED_TOKENS if call.model.endpoint.simulator else OUTPUT_TOKENS
    visible = min(most, table.get(kind, table["answer"]))
    tokens = min(most, visible + _hidden(call.model, kind))
    return Expected(
        characters=max(1, round(visible * CHARACTERS_PER_TOKEN)),
        tokens_in=round(characters_in / CHARACTERS_PER_TOKEN) + 8,
        tokens_out=tokens,
        latency_s=1.0 + 0.012 * tokens,
    )


def _hidden(model: Model, kind: str) -> int:
    """Reasoning tokens: a world says how many its models use; of others nobody knows."""
    if model.endpoint.simulator is None:
        return 0
    world = _world(model.endpoint.simulator)
    bird = world.models.get(model.id)
    share = 1.0 if kind in ("answer", "arbitration") else world.thinking_when_grading
    return round(bird.reasoning_tokens * share) if bird else 0


@cache
def _world(name: str) -> Any:
    return load_world(name)
