"""What is asked, and by what it will be judged."""

from __future__ import annotations

import hashlib
import json
import math
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode

AnswerFormat = Literal["text", "numeric", "choice", "exact"]


class Value(BaseModel):
    """Base of values read from files: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Message(Value):
    """One turn of a conversation, as an OpenAI-compatible endpoint takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


Messages = tuple[Message, ...]


class Question(Value):
    """All that a strategy may see of a task. It holds no rubric, so none can leak.

    `turns` are earlier messages of a conversation, without the system prompt;
    `answer_format` says how an answer can be compared: `text` cannot.
    """

    prompt: str
    system: str | None = None
    turns: Messages = ()
    answer_format: AnswerFormat = "text"

    @property
    def messages(self) -> Messages:
        """The conversation as it is sent, untouched."""
        system = (Message(role="system", content=self.system),) if self.system else ()
        return (*system, *self.turns, Message(role="user", content=self.prompt))


class Criterion(Value):
    """One line of a rubric. With a negative weight, *met* means that the error is present."""

    id: Annotated[str, Field(min_length=1)]
    requirement: Annotated[str, Field(min_length=1)]
    weight: float
    section: str = ""

    @model_validator(mode="after")
    def _weight_is_not_zero(self) -> Criterion:
        if self.weight == 0 or not math.isfinite(self.weight):
            raise ValueError(f"criterion {self.id!r} has weight {self.weight:g}; give it a weight")
        return self


class Task(Value):
    """One question with what is needed to score an answer: criteria, or a target to check.

    `score` names the score policy of `core.rubric`; `check` how `target` is compared.
    """

    id: Annotated[str, Field(min_length=1)]
    question: Question
    criteria: tuple[Criterion, ...] = ()
    target: str | None = None
    check: Literal["numeric", "choice", "exact"] | None = None
    domain: str = ""
    cluster: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = Field(default_factory=dict)
    score: str = "draco"

    @cached_property
    def hash(self) -> str:
        """SHA-256 (16 hex digits) of what is asked and how it is scored; runs pair by it.

        Identifier, domain, tags and metadata are left out: renaming a task does not make it
        another one.
        """
        content = self.model_dump(include={"question", "criteria", "target", "check", "score"})
        return digest(content)[:16]


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return _encode(value)


def digest(value: object) -> str:
    """SHA-256, in hex, of a JSON value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


class TaskSet(Value):
    """The tasks of some files, in their order, with where they came from.

    `limit` is set where only the first tasks of the files are in it.
    """

    name: str
    tasks: tuple[Task, ...]
    sources: tuple[str, ...] = ()
    limit: int | None = None

    @cached_property
    def hash(self) -> str:
        """SHA-256 (16 hex digits) over the hashes of the tasks, in any order."""
        return digest(sorted(task.hash for task in self.tasks))[:16]
