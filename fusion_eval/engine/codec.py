"""A `Reply` as JSON and back, for the ledger."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fusion_eval.core import Attempt, Reply, Usage


def dump(reply: Reply) -> str:
    """JSON of a reply with all its attempts."""
    return json.dumps(asdict(reply), ensure_ascii=False, separators=(",", ":"))


def load(text: str) -> Reply:
    """The reply that `dump` wrote."""
    value = json.loads(text)
    value["usage"] = _usage(value["usage"])
    value["attempts"] = attempts(value["attempts"])
    return Reply(**value)


def dump_attempts(made: tuple[Any, ...]) -> str:
    """JSON of attempts, failed or not."""
    return json.dumps([asdict(a) for a in made], ensure_ascii=False, separators=(",", ":"))


def attempts(values: list[dict[str, Any]]) -> tuple[Attempt, ...]:
    """Attempts from their JSON values."""
    return tuple(Attempt(**{**value, "usage": _usage(value["usage"])}) for value in values)


def _usage(value: dict[str, int] | None) -> Usage | None:
    return None if value is None else Usage(**value)
