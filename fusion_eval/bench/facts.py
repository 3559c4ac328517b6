"""What is known about the calls behind trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fusion_eval.core import Model, Reply
from fusion_eval.errors import CallFailedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is known about one call under one name of its model: its reply, or its failure and what
    the endpoint said of it.

    `payer` is the model under whose name the request was sent; `mine` when this run made it.
    """

    model: Model
    payer: Model | None = None
    reply: Reply | None = None
    failure: str | None = None
    detail: str = ""
    mine: bool = True

    @classmethod
    def lost(cls, model: Model, problem: CallFailedError) -> Fact:
        """A call that brought no reply."""
        return cls(model=model, failure=problem.failure, detail=problem.detail)


Facts = Mapping[tuple[str, str], Fact]
"""Facts by the key of the call and the name of the model."""
