"""What an endpoint refuses of a request, and the same request without it.

Only what does not change what is asked is stepped down by itself, once per model: the form in which
JSON is asked for, the name of a limit, our own seed, whether the reply comes in pieces, and how the
conversation is cut into messages.
Whatever else is refused (a temperature, a penalty) is named with the line to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from fusion_eval.core import Model

Request = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: `refused` finds the refusal in an endpoint's sentence, `without` makes the
    request that does without (None where it has nothing of the kind), `note` says what changes."""

    name: str
    note: str
    refused: re.Pattern[str]
    without: Callable[[Request], Request | None]


def _form(given: str, instead: dict[str, str] | None) -> Callable[[Request], Request | None]:
    def without(request: Request) -> Request | None:
        if (request.get("response_format") or {}).get("type") != given:
            return None
        rest = {k: v for k, v in request.items() if k != "response_format"}
        return {**rest, "response_format": instead} if instead else rest

    return without


def _renamed(old: str, new: str | None) -> Callable[[Request], Request | None]:
    def without(request: Request) -> Request | None:
        if old not in request or (new in request):
            return None
        rest = {k: v for k, v in request.items() if k != old}
        return {**rest, new: request[old]} if new else rest

    return without


def _without_system(request: Request) -> Request | None:
    """The system prompts at the head of the first message of the user."""
    messages = request["messages"]
    system = [m["content"] for m in messages if m["role"] == "system"]
    if not system:
        return None
    rest = [m for m in messages if m["role"] != "system"]
    users = [i for i, m in enumerate(rest) if m["role"] == "user"]
    at = users[0] if users else 0
    text = "\n\n".join([*system, *([rest[at]["content"]] if users else [])])
    return {**request, "messages": [*rest[:at], {"role": "user", "content": text},
                                    *rest[at + bool(users):]]}  # fmt: skip


def _alternating(request: Request) -> Request | None:
    """Neighbours of one role as one message."""
    merged: list[dict[str, str]] = []
    for message in request["messages"]:
        if merged and merged[-1]["role"] == message["role"] and len(message) == 2:
            text = f"{merged[-1]['content']}\n\n{message['content']}"
            merged[-1] = {"role": message["role"], "content": text}
        else:
            merged.append(message)
    same = len(merged) == len(request["messages"])
    return None if same else {**request, "messages": merged}


def _streamed(request: Request) -> Request | None:
    if "stream" in request:
        return None
    return {**request, "stream": True, "stream_options": {"include_usage": True}}


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_JSON = _any("response_?format", "json_?schema", "json_?object", r"structured.{0,3}output",
             r"guided.{0,3}(?:json|decod)", "json mode")  # fmt: skip
_SYSTEM = _any(r"system.{0,12}(?:role|message|prompt|instruction)s?.{0,60}(?:not|n't|un)\w*",
               r"(?:role|message).{0,20}['\"]?system['\"]?.{0,60}(?:not|unexpected|invalid|unsup)",
               r"(?:not|n't|un|in)\w*.{0,40}['\"]?system['\"]? ?(?:role|message|prompt)",
               r"unexpected role.{0,20}system", r"developer instruction.{0,30}not",
               "only user(?: and|, |/)assistant", r"only user,? (?:and )?assistant")  # fmt: skip
_ROLES = _any(r"roles? must alternate", r"alternat\w+ .{0,40}(?:user|role)",
              r"(?:consecutive|successive|same role|in a row).{0,60}(?:message|role|user)",
              r"(?:user|assistant).{0,20}(?:consecutive|in a row)",
              r"after the optional system message")  # fmt: skip

_STREAM = _any(r"stream\w*.{0,40}(?:only|requir|must|has to|needs to)", "non-?stream",
               r"(?:only|must|require|needs?|has) .{0,40}stream")  # fmt: skip

STEPS = (
    Step("streamed", "is asked for streams, the only form that its endpoint sends", _STREAM,
         _streamed),
    Step("no_stream_options", "is asked for no usage at the end of streams",
         _any("stream_options", "include_usage"), _renamed("stream_options", None)),
    Step("json_object", "asks for JSON without a schema", _JSON,
         _form("json_schema", {"type": "json_object"})),
    Step("text", "asks for JSON in words only", _JSON, _form("json_object", None)),
    Step("random_seed", "names its seed `random_seed`", _any("random_seed"),
         _renamed("seed", "random_seed")),
    Step("no_seed", "sends no seed", _any(r"\bseed\b"), _renamed("seed", None)),
    Step("max_completion_tokens", "names its limit `max_completion_tokens`",
         _any("max_completion_tokens"), _renamed("max_tokens", "max_completion_tokens")),
    Step("max_tokens", "names its limit `max_tokens`", _any("max_completion_tokens"),
         _renamed("max_completion_tokens", "max_tokens")),
    Step("system_in_user", "sends system prompts at the head of the user's message", _SYSTEM,
         _without_system),
    Step("merged_roles", "sends neighbouring messages of one role as one", _ROLES, _alternating),
)  # fmt: skip
ABOUT_ROLES = frozenset({"system_in_user", "merged_roles"})
"""Steps that servers ask for which fill a template: they report its refusal as an error of their
own, status 500."""
ABOUT_SEED = frozenset({"random_seed", "no_seed"})


def step_down(
    request: Request, sentence: str, taken: Collection[str], kept: Collection[str] = ()
) -> tuple[str, Request] | None:
    """The first step that answers a refusal, with its request; None where there is none.

    `taken` are steps that were tried already, `kept` those that are not to be.
    """
    tried = {*taken, *kept}
    for step in STEPS:
        if step.name in tried or not step.refused.search(sentence):
            continue
        if (lighter := step.without(request)) is not None:
            return step.name, lighter
    return None


def lightened(request: Request, steps: tuple[str, ...]) -> Request:
    """The request after steps that were learned before; one that has nothing to do is passed."""
    for step in STEPS:
        if step.name in steps:
            request = step.without(request) or request
    return request


def notes(steps: Collection[str]) -> list[str]:
    """What steps change, in words."""
    return [step.note for step in STEPS if step.name in steps]


def way_out(request: Request, model: Model, sentence: str) -> str | None:
    """The line to write where an endpoint refuses something that only the user may change."""
    where = f"models: {{{model.name}: …}}"
    for name in _named(request, sentence):
        if name in model.extra_body:
            return f"take `{name}` out of `extra_body` of {where}"
        if name == "seed" and name not in model.params:
            return f"write `sends_seed: false` under endpoints: {{{model.endpoint.name}: …}}"
        if name in model.params:
            return f"take `{name}` out of {where}"
    if re.search(r"(?i)context.{0,10}(?:length|window)|too long|maximum.{0,20}tokens", sentence):
        return f"lower `max_tokens` of {where}, or give a model with a larger window"
    return None


def _named(request: Request, sentence: str) -> Iterator[str]:
    """Fields of the request that a refusal names."""
    for name in request:
        if re.search(rf"\b{re.escape(name)}\b", sentence) and name not in ("model", "messages"):
            yield name
