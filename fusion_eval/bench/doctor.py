"""What will not work, before a run: keys, endpoints, models, prices; if wished, a few calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from fusion_eval.bench.reachable import models_at
from fusion_eval.bench.refuse import costs_money, models_used, unlisted
from fusion_eval.core import Bench, Call, Message, Model, Schema
from fusion_eval.engine import prices
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ladder import notes
from fusion_eval.engine.prices import price_of
from fusion_eval.errors import EndpointError

_TINY = Message(role="user", content='Reply with the JSON object {"ok": true} and nothing else.')
_ASKED = (
    Message(role="system", content="You are being tested."),
    Message(role="user", content="Two messages of one role follow each other here."),
    _TINY,
)
"""What judges and graders send: a system prompt, and neighbours of one role."""
_CALL = Message(role="user", content="Call the tool `report` with ok set to true.")
_SCHEMA = Schema(
    name="ok",
    json_schema={
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    },
)

_TOOL = {
    "type": "function",
    "function": {
        "name": "report",
        "description": "Report whether all is well.",
        "parameters": _SCHEMA.json_schema,
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `good` is False where a run would fail, None for a doubt."""

    about: str
    good: bool | None
    text: str


async def examine(bench: Bench, *, call: bool = False) -> list[Finding]:
    """Look at everything that a run of this bench needs; with `call` also ask each model."""
    clients = Clients()
    found: list[Finding] = []
    try:
        used = models_used(bench)
        real = [model for model in used if model.endpoint.simulator is None]
        dead: set[str] = set()
        for endpoint in {m.endpoint.name: m.endpoint for m in real}.values():
            about = f"endpoint {endpoint.name}"
            try:
                listed = await models_at(clients, endpoint)
            except EndpointError as problem:
                found.append(Finding(about=about, good=False, text=str(problem)))
                dead.add(endpoint.name)
                continue
            found.append(Finding(about=about, good=True, text=f"answers at {endpoint.base_url}"))
            found += [_listed(m, listed) for m in real if m.endpoint.name == endpoint.name]
        for model in real:
            found += _prices(bench, model)
            if call and model.endpoint.name not in dead:
                found += [finding async for finding in _asked(clients, model)]
        found += [
            Finding(about=model.name, good=True, text="simulated: no key, no network, no bill")
            for model in used
            if model.endpoint.simulator is not None
        ]
    finally:
        await clients.close()
    return found


def _listed(model: Model, listed: frozenset[str] | None) -> Finding:
    if not listed:
        text = f"{model.id}: the endpoint has no model list, so it is unknown whether it is there"
        return Finding(about=model.name, good=None, text=text)
    if (problem := unlisted(model, listed)) is not None:
        return Finding(about=model.name, good=False, text=problem)
    if model.id not in listed:
        text = f"{model.id} is not in the model list of endpoint {model.endpoint.name!r}"
        return Finding(about=model.name, good=None, text=text)
    return Finding(about=model.name, good=True, text=f"{model.id} is in the model list")


def _prices(bench: Bench, model: Model) -> Iterator[Finding]:
    price = price_of(model)
    if price is not None:
        text = f"${price.input:g} in, ${price.output:g} out per million tokens ({price.source})"
        yield Finding(about=model.name, good=True, text=text)
    elif costs_money(model):
        text = "its price is unknown; give `price: {input: …, output: …}` in the bench file"
        yield Finding(about=model.name, good=False, text=text)
    if costs_money(model) and bench.limits.budget_usd is None:
        text = "may cost money and there is no budget; give `limits: {budget_usd: …}` or --budget"
        yield Finding(about=model.name, good=False, text=text)


async def _asked(clients: Clients, model: Model) -> AsyncIterator[Finding]:
    """Small calls: one with a schema; where that works, one with a tool and one in pieces."""
    first = await _schema(clients, model)
    yield first
    if first.good is not False:
        yield await _tools(clients, model)
        yield await _pieces(clients, model)


async def _tools(clients: Clients, model: Model) -> Finding:
    try:
        reply = await clients.send(Call(model=model, messages=(_CALL,), tools=(_TOOL,)))
    except AttemptFailedError as problem:
        return Finding(about=model.name, good=None, text=f"takes no tools: {_said(problem)}")
    if reply.finish != "tool_calls":
        return Finding(about=model.name, good=None, text="was given a tool and did not call it")
    return Finding(about=model.name, good=True, text="calls tools")


async def _pieces(clients: Clients, model: Model) -> Finding:
    try:
        streams = await clients.streams(Call(model=model, messages=(_TINY,)))
    except AttemptFailedError as problem:
        return Finding(about=model.name, good=None, text=f"does not stream: {_said(problem)}")
    text = "streams" if streams else "was asked to stream and answered in one piece"
    return Finding(about=model.name, good=streams or None, text=text)


def _said(problem: AttemptFailedError) -> str:
    return f"{problem.attempt.failure} {problem.attempt.detail}".strip()


async def _schema(clients: Clients, model: Model) -> Finding:
    """Does it answer, in which form, and does it say its tokens?"""
    try:
        reply = await clients.send(Call(model=model, messages=_ASKED, output=_SCHEMA))
    except AttemptFailedError as problem:
        return Finding(about=model.name, good=False, text=f"a call failed: {_said(problem)}")
    changed = "".join(f", {note}" for note in notes(reply.extra.get("without", ())))
    form = f"answers in {reply.latency_s:.1f} s, takes {reply.extra.get('rung')}{changed}"
    if reply.usage is None and reply.cost_reported is None:
        why = reply.extra.get("bill") or "it says neither tokens nor cost"
        text = f"{form}, but what it costs is unknown: {why}"
        return Finding(about=model.name, good=None, text=text)
    if prices.bill_of(model, reply).usd is None and reply.usage is not None and price_of(model):
        text = f"{form}, at service tier {reply.service_tier!r}, for which `price:` has no rate"
        return Finding(about=model.name, good=None, text=text)
    says = "its tokens" if reply.usage is not None else "its cost, but no tokens"
    return Finding(about=model.name, good=True, text=f"{form}, says {says}")
