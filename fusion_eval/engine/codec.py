"""A `Reply` as JSON and back, for the ledger."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from fusion_eval.core import Attempt, Reply, Usage


def dump(reply: Reply) -> str:
    """JSON of a reply with all its attempts."""
    return json.dumps(reply, default=_fields, ensure_ascii=False, separators=(",", ":"))


def load(text: str) -> Reply:
    """The reply that `dump` wrote."""
    value = json.loads(text)
    value["usage"] = _usage(value["usage"])
    value["attempts"] = attempts(value["attempts"])
    return Reply(**value)


def dump_attempts(made: tuple[Any, ...]) -> str:
    """JSON of attempts, failed or not."""
    return json.dumps(made, default=_fields, ensure_ascii=False, separators=(",", ":"))


def attempts(values: list[dict[str, Any]]) -> tuple[Attempt, ...]:
    """Attempts from their JSON values."""
    return tuple(Attempt(**{**value, "usage": _usage(value["usage"])}) for value in values)


def _usage(value: dict[str, int] | None) -> Usage | None:
    return None if value is None else Usage(**value)


def _fields(value: Any) -> dict[str, Any]:
    """One level of a dataclass; `asdict` copies what is below, which costs more than the JSON."""
    return {field.name: getattr(value, field.name) for field in fields(value)}
