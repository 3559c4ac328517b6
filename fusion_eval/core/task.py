"""What is asked, and by what it will be judged."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from fusion_eval.core.criterion import Criterion, leaves
from fusion_eval.core.value import Value, digest

AnswerFormat = Literal["text", "numeric", "choice", "exact", "code"]

COMPARED: tuple[AnswerFormat, ...] = ("numeric", "choice", "exact")
"""Formats of a final answer that can be compared by equality."""

CHECKS = ("numeric", "choice", "exact", "regex", "code")
_OWN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_own(check: str) -> bool:
    """Whether it names a user's function, as `package.module:function`."""
    return _OWN.fullmatch(check) is not None


def _known(check: str) -> str:
    if check not in CHECKS and not is_own(check):
        words = ", ".join(CHECKS)
        raise ValueError(f"check {check!r} is unknown; known: {words}, or your own module:function")
    return check


Check = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema({"anyOf": [{"enum": list(CHECKS)}, {"type": "string", "pattern": ":"}]}),
]
"""How an answer is compared with the target: one of `CHECKS`, or a user's `module:function`."""


class Message(Value):
    """One turn of a conversation, as an OpenAI-compatible endpoint takes it."""

    role: Literal["system", "user", "assistant"]
    content: str

    @property
    def told(self) -> list[Any]:
        """Role and content: the message's part in the key of a call."""
        return [self.role, self.content]

    @property
    def sent(self) -> dict[str, Any]:
        """The message of a request."""
        return {"role": self.role, "content": self.content}


class ToolMessage(Message):
    """A turn in which a model calls tools (`assistant`), or the result of one of them (`tool`)."""

    role: Literal["assistant", "tool"]  # type: ignore[assignment]
    tool_calls: tuple[dict[str, Any], ...] = ()
    tool_call_id: str | None = None

    @property
    def beside(self) -> dict[str, Any]:
        """What a request has of it beside role and content."""
        if self.role == "tool":
            return {"tool_call_id": self.tool_call_id}
        return {"tool_calls": list(self.tool_calls)}

    @property
    def told(self) -> list[Any]:
        """Role and content, and the calls or the call that they belong to."""
        return [self.role, self.content, self.beside]

    @property
    def sent(self) -> dict[str, Any]:
        """The message of a request."""
        return {"role": self.role, "content": self.content, **self.beside}


Messages = tuple[Message, ...]


class Question(Value):
    """All that a strategy may see of a task. It holds no rubric, so none can leak.

    `turns` are earlier messages of a conversation, without the system prompt;
    `answer_format` is the form that is asked for; those of `COMPARED` can be compared by equality.
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


class Task(Value):
    """One question with what is needed to score an answer: criteria, or a target to check.

    `criteria` is the rubric as written, perhaps with groups; what is graded and scored are its
    `leaves`. `score` names the score policy of `core.rubric`; `check` how `target` is compared
    (for `regex` it is the pattern, for `code` the tests). `reference` is the answer that criteria
    of kind `reference` compare with.
    """

    id: Annotated[str, Field(min_length=1)]
    question: Question
    criteria: tuple[Criterion, ...] = ()
    target: str | None = None
    check: Check | None = None
    reference: str | None = None
    domain: str = ""
    cluster: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = Field(default_factory=dict)
    score: str = "draco"

    @cached_property
    def leaves(self) -> tuple[Criterion, ...]:
        """The criteria that are graded; in a tree their weights are shares that sum to 1."""
        return leaves(self.criteria)

    @cached_property
    def hash(self) -> str:
        """SHA-256 (16 hex digits) of what is asked and how it is scored; runs pair by it.

        Identifier, domain, tags and metadata are left out: renaming a task does not make it
        another one.
        """
        content = self.model_dump(include={"question", "target", "check", "score"})
        content["criteria"] = [criterion.content for criterion in self.criteria]
        if self.reference is not None:
            content["reference"] = self.reference
        return digest(content)[:16]

    @cached_property
    def rubric_hash(self) -> str | None:
        """SHA-256 (16 hex digits) of the criteria alone; None without criteria."""
        if not self.criteria:
            return None
        return digest([criterion.content for criterion in self.criteria])[:16]


class TaskSet(Value):
    """The tasks of some files, in their order, with where they came from.

    `limit` is set where only the first tasks of the files are in it; `sizes` are the numbers of
    tasks of several files.
    """

    name: str
    tasks: tuple[Task, ...]
    sources: tuple[str, ...] = ()
    limit: int | None = None
    sizes: tuple[int, ...] = ()

    def first(self, limit: int) -> TaskSet:
        """So many tasks, from each file in turn, in their order; a larger limit keeps them all."""
        sizes = self.sizes or (len(self.tasks),)
        starts = [sum(sizes[:i]) for i in range(len(sizes))]
        rounds = range(max(sizes, default=0))
        turns = [a + r for r in rounds for a, n in zip(starts, sizes, strict=True) if r < n]
        kept = sorted(turns[:limit])
        tasks = tuple(self.tasks[i] for i in kept)
        return TaskSet(name=self.name, tasks=tasks, sources=self.sources, limit=limit)

    @cached_property
    def hash(self) -> str:
        """SHA-256 (16 hex digits) over the hashes of the tasks, in any order."""
        return digest(sorted(task.hash for task in self.tasks))[:16]
