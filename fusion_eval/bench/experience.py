"""How long replies are, what they cost and how long they take: from a ledger, else assumed.

Replies are grouped by model, by what is asked for (text or the fields of an object, for an answer
or for grading, with which form of a final answer), by role and by domain. The nearest group
counts: at the same endpoint that of role and domain where it has at least `ENOUGH` replies, else
that of the role, else whoever was asked for the same; then the same three of this model elsewhere;
then an assumption, which says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from statistics import fmean, pstdev

from fusion_eval.bench.assumed import assumed
from fusion_eval.core import Call, Model, Reply
from fusion_eval.engine import rows
from fusion_eval.engine.prices import most_out
from fusion_eval.engine.trace import Expected

ASSUMED_SPREAD, ELSEWHERE_SPREAD, LEAST_SPREAD = 0.5, 0.35, 0.15
"""How far a total may be off, as a share of it; never more than the first, so high <= 3 x low."""

_PAGE = 2_000
"""Characters of a result of a tool, before any was seen."""

ENOUGH = 10
"""Replies in a domain from which its own mean says more than that of all domains together."""

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


@dataclass(frozen=True, slots=True)
class Place:
    """Which replies of a model a group holds; what is empty is not told apart."""

    kind: str
    url: str = ""
    role: str = ""
    domain: str = ""


class Experience:
    """Expectations about calls. Each model's history is read when it is first asked about."""

    def __init__(self, history: History = nothing) -> None:
        self._history = history
        self._groups: dict[str, dict[Place, Group]] = {}

    def expect(self, call: Call) -> Expected:
        """Length, tokens and time of the reply to a call."""
        if call.purpose == "tool":  # it is paid per call
            return Expected(characters=_PAGE, latency_s=1.0)
        _, group = self._nearest(call)
        into = sum(len(m.content) for m in call.messages)
        most = most_out(call.model)
        if group is None:
            return assumed(call, into, most)
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
        near = place.url and place.role == call.role
        least = LEAST_SPREAD if near else ELSEWHERE_SPREAD
        return min(ASSUMED_SPREAD, max(least, group.spread(calls)))

    def source(self, *calls: Call) -> str:
        """Where expectations about some calls come from."""
        found: dict[tuple[str, Place], Group] = {}
        guessed = False
        for call in calls:
            place, group = self._nearest(call)
            guessed = guessed or group is None
            if group is not None:
                found[call.model.id, place] = group
        if not found:
            return "assumed"
        where = "this endpoint" if all(place.url for _, place in found) else "this model elsewhere"
        by = ", by role" if all(place.role for _, place in found) else ""
        by += " and domain" if all(place.domain for _, place in found) else ""
        apart = (
            group
            for (model, place), group in found.items()
            if not place.domain or (model, replace(place, domain="")) not in found
        )
        rest = "; the rest assumed" if guessed else ""
        return f"{sum(len(group.tokens) for group in apart):,} replies of {where}{by}{rest}"

    def dollars(self, call: Call) -> float | None:
        """The mean of what the provider reported for such calls, None where it did not always."""
        _, group = self._nearest(call)
        known = [usd for usd in group.dollars if usd is not None] if group else []
        return fmean(known) if group and known and len(known) == len(group.dollars) else None

    def _nearest(self, call: Call) -> tuple[Place, Group | None]:
        groups = self._of(call.model)
        schema = call.output.json_schema if call.output else {}
        kind = _kind(call.purpose, call.answer_format, sorted(schema.get("properties", {})))
        for place in _places(call.model.endpoint.base_url, kind, call.role, call.domain):
            group = groups.get(place)
            if group is not None and (not place.domain or len(group.tokens) >= ENOUGH):
                return place, group
        return Place(kind=kind), None

    def _of(self, model: Model) -> dict[Place, Group]:
        if model.id not in self._groups:
            found: dict[Place, Group] = {}
            for request, reply in self._history(model.id):
                asked = rows.read(request)
                kind = _kind(asked.purpose, asked.answer_format, asked.fields)
                length = sum(map(len, asked.texts))
                for place in _places(asked.base_url, kind, asked.role, asked.domain):
                    found.setdefault(place, Group()).add(length, reply)
            self._groups[model.id] = {k: g for k, g in found.items() if g.tokens}
        return self._groups[model.id]


def _places(url: str, kind: str, role: str, domain: str | None) -> list[Place]:
    """The groups that a reply belongs to, the nearest first."""
    who = [(role, domain)] if role and domain else []
    who += [(role, "")] if role else []
    return [
        Place(kind=kind, url=where, role=r, domain=d)
        for where in (url, "")
        for r, d in (*who, ("", ""))
    ]


def _kind(purpose: str, answer_format: str, fields: Iterable[str]) -> str:
    """What is asked for: the fields of a JSON object, or a text that ends in a form of answer."""
    return f"{purpose}: {', '.join(fields) or answer_format}"
