"""Our own task file: its keys, strictly, and the task that a row becomes."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from fusion_eval.core.criterion import Criterion
from fusion_eval.core.task import AnswerFormat, Check, Message, Question, Task
from fusion_eval.core.value import Value


class Defaults(Value):
    """What holds for every task of a file that does not say otherwise."""

    score: str | None = None
    domain: str | None = None
    check: Check | None = None
    system: str | None = None


class TaskRow(Value):
    """One task as it stands in a file; an adapter turns rows of other formats into this one."""

    id: str = Field(min_length=1)
    prompt: str | None = Field(default=None, min_length=1)
    turns: list[Message] = Field(default_factory=list)
    system: str | None = None
    domain: str | None = None
    cluster: str | None = None
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    target: str | None = None
    check: Check | None = None
    reference: str | None = Field(default=None, min_length=1)
    score: str | None = None
    criteria: list[Criterion] = Field(default_factory=list)
    preference: bool = False
    """Scored by preference against a reference recipe (protocol `pairwise`): needs no rubric."""

    @field_validator("id", "target", "domain", "cluster", mode="before")
    @classmethod
    def _number_as_written(cls, given: object) -> object:
        if isinstance(given, bool):
            word = str(given).lower()
            raise ValueError(f'{word} is not a text here; quote it: "{word}"')
        return str(given) if isinstance(given, int | float) else given

    @field_validator("id", "prompt")
    @classmethod
    def _not_blank(cls, given: str | None) -> str | None:
        if given is not None and not given.strip():
            raise ValueError("holds nothing but spaces; write something, or take the task out")
        return given

    @model_validator(mode="after")
    def _can_be_asked_and_scored(self) -> TaskRow:
        if not self.prompt and not self.turns:
            raise ValueError(f"task {self.id!r} asks nothing; give it a prompt, or turns")
        if self.prompt and self.turns and self.turns[-1].role == "user":
            raise ValueError(
                f"task {self.id!r}: the last turn is the user's, so the prompt would be a second "
                "question; leave out one of the two"
            )
        if not self.prompt and self.turns[-1].role != "user":
            raise ValueError(f"task {self.id!r}: the last turn must be the user's")
        scored = self.criteria or self.target is not None or self.preference
        if not scored and "target" in self.model_fields_set:
            raise ValueError(
                f"task {self.id!r} has a target that says nothing; quote it if it is a word of the "
                'answer: "null", "~"'
            )
        if not scored:
            raise ValueError(f"task {self.id!r} cannot be scored; give it criteria or a target")
        if self.criteria and self.target is not None:
            raise ValueError(f"task {self.id!r} has criteria and a target; keep one of the two")
        return self


class TaskFile(Value):
    """A YAML task file; its JSON Schema is what an editor completes from.

    `files` are tables of tasks beside it, in the `format` that it names or in the one that their
    rows have; `columns` says which of their columns are ours (`prompt: my_question`).
    """

    name: str | None = None
    format: str | None = None
    files: list[str] = Field(default_factory=list)
    columns: dict[str, str] = Field(default_factory=dict)
    defaults: Defaults = Defaults()
    tasks: list[TaskRow] = Field(default_factory=list)


_FORMATS: dict[str, AnswerFormat] = {
    "numeric": "numeric",
    "choice": "choice",
    "exact": "exact",
    "code": "code",
}
"""Checks that ask for a form of the answer; a pattern reads all of it."""


def check_of(row: TaskRow, defaults: Defaults) -> Check:
    """How the target of a row is compared."""
    return row.check or defaults.check or "exact"


def policy_of(row: TaskRow, defaults: Defaults) -> str:
    """The name of the score policy of a row."""
    return row.score or defaults.score or "draco"


def task_of(row: TaskRow, defaults: Defaults) -> Task:
    """The task that a row describes, with the file's defaults."""
    check = None if row.target is None else check_of(row, defaults)
    turns = tuple(row.turns)
    prompt = row.prompt
    if prompt is None:
        *earlier, last = turns
        turns, prompt = tuple(earlier), last.content
    return Task(
        id=row.id,
        question=Question(
            prompt=prompt,
            system=row.system or defaults.system,
            turns=turns,
            answer_format=_FORMATS.get(check or "", "text"),
        ),
        criteria=tuple(row.criteria),
        target=row.target,
        check=check,
        reference=row.reference,
        domain=row.domain or defaults.domain or "",
        cluster=row.cluster,
        tags=tuple(row.tags),
        metadata=row.metadata,
        score=policy_of(row, defaults),
    )
