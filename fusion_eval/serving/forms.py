"""The two APIs as one: a request read, and an answer written, whole or in pieces."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from fusion_eval.openai_api.chat import Chunks
from fusion_eval.openai_api.response import Events
from fusion_eval.serving.asked import Asked

Form = Chunks | Events
"""How one answer is written: as one document, or as server-sent events."""


def form_of(body: Mapping[str, Any], asked: Asked, model: str, *, responses: bool) -> Form:
    """The form of an answer to a body of either API, under the name of a recipe."""
    name, created = secrets.token_hex(12), int(time.time())
    if responses:
        return Events(body, model=model, name=name, created=created)
    return Chunks(model=model, name=name, created=created, usage=asked.stream_usage)
