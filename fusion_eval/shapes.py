"""What the JSON files of a run directory hold, as far as they are read: types of their keys.

A run directory is copied, synced and edited. What is read of it is checked here, once, so that
damage is a message with file and line and not a mistake in whoever uses it. Other keys are kept.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator


def _encodable(value: Any) -> Any:
    """Half of a character in a text cannot be printed, hashed or written."""
    if isinstance(value, str):
        value.encode()
    return value


_Text = Annotated[str, BeforeValidator(_encodable)]


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _Tasks(_Open):
    name: _Text | None = None
    sources: list[_Text] = []
    hashes: dict[str, _Text] = {}


class _Manifest(_Open):
    run_id: _Text = ""
    status: _Text | None = None
    simulated: bool = False
    started: _Text | None = None
    tasks: _Tasks = _Tasks()
    bench: dict[str, Any] = {}
    recipes: dict[str, _Text] | list[_Text] = {}
    grader: dict[str, Any] | None = None
    prompts: dict[str, Any] = {}
    versions: dict[str, Any] = {}
    seed: int | None = None
    limit: int | None = None
    repeats: int | None = None
    trials: dict[str, Any] = {}
    failures: dict[str, Any] = {}
    calls: dict[str, Any] = {}
    controls: dict[str, Any] = {}
    paid_usd: float | None = None


class _Answer(_Open):
    task: _Text
    recipe: _Text
    repeat: int
    answer: _Text | None = None
    detail: _Text | None = None
    failure: _Text | None = None
    finish: _Text | None = None
    degraded: list[_Text] | None = None


class _Reply(_Open):
    key: _Text
    text: _Text | None
    thoughts: _Text | None = None


class _Message(_Open):
    role: _Text
    content: _Text


class _Criterion(_Open):
    id: _Text
    requirement: _Text | None = None
    weight: float | None = None
    criteria: list[_Criterion] | None = None

    @model_validator(mode="after")
    def _told(self) -> _Criterion:
        if self.requirement is None and not self.criteria:
            raise ValueError("a criterion without its requirement")
        return self


class _Task(_Open):
    id: _Text
    hash: _Text
    messages: list[_Message]
    form: _Text | None = None
    target: _Text | None = None
    criteria: list[_Criterion]


class _Gate(_Open):
    lines: list[_Text]


_SHAPES: dict[str, type[_Open]] = {
    "gate": _Gate,
    "manifest": _Manifest,
    "answers": _Answer,
    "replies": _Reply,
    "tasks": _Task,
}


def _finite(number: str) -> float:
    if not math.isfinite(float(number)):
        raise ValueError(f"{number[:20]} is no finite number")
    return float(number)


def read(name: str, text: str | bytes) -> dict[str, Any]:
    """A JSON object of this kind (`manifest`, or a line of `answers`, `replies` or `tasks`).

    Raises ValueError, on one line, with the key that is not as it should be.
    """
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    shape = _SHAPES.get(name)
    try:
        if shape is not None:
            shape.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return value
