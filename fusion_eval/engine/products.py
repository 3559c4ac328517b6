"""What products that fuse behind an endpoint say about themselves, in their bodies and headers.

One reader per product. Nothing here is believed: what a product says it cost is its own word, and
stands in tables under that name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from fusion_eval.core import Call, Reply
from fusion_eval.engine.replies.costs import IN_HEADERS, dollars, number, object_

ROLE = "product"
"""The role of a call that a product answers as a whole."""

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a product says of one answer.

    fused : whether fusion ran; None where it does not say
    why : why it did not, or what it ran instead
    models : ids of the models that took part, as it says
    failed : (model, reason) of those that did not answer
    calls : calls behind the answer, where it counts them
    usd : its own total in US$; None where it says none, or says itself that a part is missing
    parts_usd : the sum of what it says of its parts
    missing : what its bill leaves out
    """

    product: str
    fused: bool | None = None
    why: str = ""
    models: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    calls: int | None = None
    usd: float | None = None
    parts_usd: float | None = None
    missing: str = ""


def with_told(call: Call, reply: Reply) -> Reply:
    """The reply with what the product says of it under `told`, as JSON."""
    if call.role != ROLE or not reply.raw:
        return reply
    kept = json.loads(reply.raw)
    body, headers = object_(kept.get("body")), object_(kept.get("headers"))
    found = next(filter(None, (read(call, body, headers) for read in READERS)), None)
    told = found or Told(product="unknown", usd=reply.cost_reported)
    extra = {**reply.extra, "told": json.loads(json.dumps(asdict(told)))}
    usd = told.usd if told.usd is not None else reply.cost_reported
    usage = reply.usage
    if told.missing:  # a bill without a part of it is no bill
        usd = usage = None
    attempts = reply.attempts
    if attempts:
        attempts = (*attempts[:-1], replace(attempts[-1], cost_reported=usd, usage=usage))
    return replace(reply, extra=extra, cost_reported=usd, usage=usage, attempts=attempts)


def _fusionharness(call: Call, body: Body, headers: Body) -> Told | None:
    """A `fusion` block with `panel_models`, and headers; its README is all that is known."""
    block = object_(body.get("fusion"))
    if "panel_models" not in block and "panel_succeeded" not in block:
        return None
    panel = _texts(block.get("panel_models"))
    parts = [object_(one) for one in _list(block.get("cost_breakdown"))]
    succeeded = block.get("panel_succeeded")
    degraded = [_failure(one) for one in _list(block.get("degraded"))]
    if isinstance(succeeded, int) and not degraded and succeeded < len(panel):
        degraded = [(f"{len(panel) - succeeded} of {len(panel)} members", "no answer")]
    usd = dollars(block.get("cost_usd"))
    return Told(
        product="fusionHarness",
        fused=bool(succeeded) if isinstance(succeeded, int) else True,
        models=_unique([*panel, *_texts(part.get("model") for part in parts)]),
        failed=tuple(degraded),
        calls=len(parts) or None,
        usd=usd if usd is not None else dollars(headers.get("x-fusion-cost-usd")),
        parts_usd=_sum([dollars(part.get("cost_usd")) for part in parts]),
    )


def _openfusion(call: Call, body: Body, headers: Body) -> Told | None:
    """Events of openfusion's streams: progress, answers of members, usage; its `analysis`."""
    events = object_(body.get("events"))
    progress = [object_(one) for one in _list(events.get("progress"))]
    started = next((one for one in progress if one.get("stage") == "panel"), None)
    if started is None:
        if isinstance(body.get("analysis"), dict) and "consensus" in body["analysis"]:
            return Told(product="openfusion", fused=True)
        return None
    members = [one for one in progress if one.get("stage") == "panel_member"]
    usage = object_((_list(events.get("usage")) or [{}])[-1])
    panel = [object_(object_(one).get("usage")) for one in _list(usage.get("panel"))]
    answered = sum(1 for one in members if one.get("ok"))
    stages = {one.get("stage") for one in progress}
    judge = object_(usage.get("judge"))
    missing = ""
    if "synthesis" in stages and not judge:
        missing = "its judge"
    elif "ranked" in stages:
        missing = "its ranker"
    elif len(panel) < answered:
        missing = f"{answered - len(panel)} of its members"
    reader = [started.get("judge")] if stages & {"synthesis", "ranked"} else []
    parts = [dollars(part.get("cost")) for part in [*panel, *([judge] if judge else [])]]
    failed = tuple((str(one.get("model")), "no answer") for one in members if not one.get("ok"))
    return Told(
        product="openfusion",
        fused=True,
        models=_unique(_texts([*(one.get("model") for one in members if one.get("ok")), *reader])),
        failed=failed,
        usd=dollars(object_(usage.get("total")).get("cost")),
        parts_usd=_sum(parts),
        missing=missing,
    )


def _openfusion_trace(call: Call, body: Body, headers: Body) -> Told | None:
    """The `openfusion` block of OpenFusion: mode, and a trace of phases with their usage."""
    block = object_(body.get("openfusion"))
    if "mode" not in block:
        return None
    mode = str(block["mode"])
    if mode.endswith("passthrough"):
        served = _texts([block.get("upstream_model")])
        return Told(product="OpenFusion", fused=False, why=mode, models=served, calls=1)
    way = str(object_(block.get("auto")).get("mode") or "fusion-panel")
    phases = [object_(one) for one in _list(object_(block.get("trace")).get("phases"))]
    attempts = [object_(a) for phase in phases for a in _list(phase.get("attempts"))]
    failed = [(str(a.get("model")), str(a.get("error") or "error"))
              for a in attempts if a.get("status") == "error"]  # fmt: skip
    usages = [object_(phase.get("usage")) for phase in phases]
    parts = _sum([dollars(usage.get("cost")) for usage in usages])
    return Told(
        product="OpenFusion",
        fused=way == "fusion-panel",
        why="" if way == "fusion-panel" else f"{mode}: {way}",
        models=_unique(_texts(phase.get("model") for phase in phases)),
        failed=tuple(failed),
        calls=len(phases) or None,
        usd=parts,  # it has no total; what it hands on from upstream are its parts
        parts_usd=parts,
        missing="" if parts is not None else "everything",
    )


def _openrouter(call: Call, body: Body, headers: Body) -> Told | None:
    """OpenRouter Fusion: the server tool's item with its status, failed models and reason."""
    asked = [call.model.id, json.dumps(call.model.extra_body)]
    if not any("openrouter/fusion" in one or '"fusion"' in one or "openrouter:fusion" in one
               for one in asked):  # fmt: skip
        return None
    item = next(_items(body, "openrouter:fusion"), None)
    if item is None:
        fused = False if isinstance(body.get("output"), list) else _executed(call, body)
        return Told(
            product="OpenRouter Fusion",
            fused=fused,
            why="the model did not call fusion" if fused is False else "",
            models=_texts([body.get("model")]),
            usd=dollars(object_(body.get("usage")).get("cost")),
        )
    reason = str(item.get("failure_reason") or item.get("error") or "")
    took_part = [one.get("model") if isinstance(one, dict) else one
                 for one in _list(item.get("responses"))]  # fmt: skip
    return Told(
        product="OpenRouter Fusion",
        fused=not reason and item.get("status") in (None, "completed"),
        why=reason,
        models=_unique(_texts([*took_part, body.get("model")])),
        failed=tuple(_failure(one) for one in _list(item.get("failed_models"))),
        usd=dollars(object_(body.get("usage")).get("cost")),
    )


def _executed(call: Call, body: Body) -> bool | None:
    """Whether fusion ran, by the count of server tools over chat completions, which have no item.

    The count names no tool: it tells where fusion is the only one on offer, and None elsewhere.
    """
    usage, sent = object_(body.get("usage")), call.model.extra_body
    counts = object_(usage.get("server_tool_use") or usage.get("server_tool_use_details"))
    executed = number(counts.get("tool_calls_executed"))
    offered = [*_list(sent.get("tools")), *_list(sent.get("plugins"))]
    others = [one for one in offered if "fusion" not in json.dumps(one)]
    return None if executed is None or (executed and others) else executed > 0


def _fusion_block(call: Call, body: Body, headers: Body) -> Told | None:
    """A `fusion` block that lists candidates, as gateways on the responses interface send it."""
    block = object_(body.get("fusion")) or object_(object_(body.get("metadata")).get("fusion"))
    rows = next((_list(block[name]) for name in ("candidates", "panel", "models", "responses")
                 if isinstance(block.get(name), list)), [])  # fmt: skip
    if not rows:
        return None
    given = [one if isinstance(one, dict) else {"model": one} for one in rows]
    bad = [one for one in given if one.get("error") or one.get("status") in _BAD]
    reader = [block.get("judge"), block.get("synthesis_model")]
    return Told(
        product="fusion gateway",
        fused=len(bad) < len(given),
        models=_unique(_texts([*(one.get("model") for one in given if one not in bad), *reader])),
        failed=tuple(_failure(one) for one in bad),
        usd=dollars(block.get("cost_usd")),
        parts_usd=_sum([dollars(one.get("cost_usd", one.get("cost"))) for one in given]),
    )


def _litellm(call: Call, body: Body, headers: Body) -> Told | None:
    """LiteLLM's headers; the model that it names is the judge, which says nothing of the panel."""
    if not any(name.startswith("x-litellm") for name in headers):
        return None
    return Told(
        product="LiteLLM",
        models=_texts([body.get("model")]),
        usd=dollars(headers.get("x-litellm-response-cost")),
    )


def _headers(call: Call, body: Body, headers: Body) -> Told | None:
    """Any server that tells its cost in a header."""
    usd = next((d for name in IN_HEADERS if (d := dollars(headers.get(name))) is not None), None)
    if usd is None:
        return None
    return Told(product="unknown", usd=usd, models=_texts([body.get("model")]))


READERS: tuple[Callable[[Call, Body, Body], Told | None], ...] = (
    _fusionharness, _openfusion_trace, _openfusion, _openrouter, _fusion_block, _litellm, _headers,
)  # fmt: skip
"""The first that recognises a body reads it."""

_BAD = ("failed", "error", "timeout", "empty", "blocked", "dropped")


def _items(value: Any, kind: str, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Objects of a type, wherever in a body they stand."""
    if isinstance(value, dict):
        if value.get("type") == kind and "status" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list) and depth < 6:
        for item in value:
            yield from _items(item, kind, depth + 1)


def _failure(one: Any) -> tuple[str, str]:
    if not isinstance(one, dict):
        return str(one)[:200], ""
    who = one.get("model") or one.get("label") or one.get("role") or one.get("stage") or "a member"
    why = one.get("reason") or one.get("error") or one.get("message") or one.get("status") or ""
    if isinstance(why, dict):
        why = why.get("message") or ""
    return str(who)[:200], str(why)[:200]


def _texts(values: Any) -> tuple[str, ...]:
    if isinstance(values, dict | str) or values is None:
        return ()
    return tuple(value[:200] for value in values if isinstance(value, str) and value)


def _unique(values: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _sum(values: list[float | None]) -> float | None:
    known = [number(value) for value in values]
    return sum(v for v in known if v is not None) if known and None not in known else None
