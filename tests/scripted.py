"""`Ask` with the answers written down beforehand, and small values to ask with."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fusion_eval.core import Endpoint, Member, Messages, Model, Question, Reply, Schema, Tools
from fusion_eval.errors import CallFailedError
from fusion_eval.prompts.templates import template

AGAIN = template("repair").partition("$")[0]
Answer = str | Reply | Exception


@dataclass(frozen=True)
class Heard:
    """One thing that was asked."""

    role: str
    member: Member
    messages: Messages
    output: Schema | None

    @property
    def text(self) -> str:
        """All that was sent, as one text."""
        return "\n\n".join(message.content for message in self.messages)


class ScriptedAsk:
    """Answers from one queue per role, in the order of asking; an exception is raised.

    Whatever is asked beyond the script fails the test, and `left` says what was never asked for.
    Who is sent a reply back, to say it again, says the same if nothing else is left to say.
    """

    def __init__(self, **answers: Sequence[Answer]) -> None:
        self._queues = {role: list(queue) for role, queue in answers.items()}
        self._said: dict[str, Reply] = {}
        self.calls: list[Heard] = []
        self.steps_down: list[str] = []

    async def __call__(
        self,
        member: Member,
        messages: Messages,
        *,
        role: str,
        output: Schema | None = None,
        tools: Tools = (),
    ) -> Reply:
        self.calls.append(Heard(role, member, messages, output))
        queue = self._queues.get(role)
        if not queue and messages[-1].content.startswith(AGAIN):
            return self._said[messages[-2].content]
        assert queue, f"nobody expected call {len(self.calls)}: {role} ({member.name})"
        answer = queue.pop(0)
        await asyncio.sleep(0)  # whoever is asked at the same time is asked before any reply
        if isinstance(answer, Exception):
            raise answer
        reply = answer if isinstance(answer, Reply) else Reply(text=answer)
        return self._said.setdefault(reply.text, reply)

    def seats(self, members: Sequence[Member]) -> tuple[ScriptedAsk, ...]:
        """The same script for every seat."""
        return (self,) * len(members)

    def at_once(self, count: int) -> tuple[ScriptedAsk, ...]:
        """The same script for every branch."""
        return (self,) * count

    def degrade(self, note: str) -> None:
        """Keep the note."""
        self.steps_down.append(note)

    def to(self, role: str) -> list[Heard]:
        """What a role was asked, in order."""
        return [heard for heard in self.calls if heard.role == role]

    def heard(self, role: str) -> set[str]:
        """Every message that a role was sent, whole and line by line."""
        whole = [message.content for heard in self.to(role) for message in heard.messages]
        return {*whole, *(line for text in whole for line in text.splitlines())}

    @property
    def asked(self) -> dict[str, int]:
        """Calls by role."""
        return dict(Counter(heard.role for heard in self.calls))

    @property
    def left(self) -> list[Answer]:
        """Answers that nobody asked for."""
        return [answer for queue in self._queues.values() for answer in queue]


HERE = Endpoint(name="here", base_url="http://here/v1")


def model(name: str, **params: object) -> Model:
    """A model at an endpoint that nobody serves."""
    return Model(name=name, endpoint=HERE, id=f"maker/{name}", params=dict(params))


def member(name: str, persona: str | None = None) -> Member:
    """A seat with a model in it."""
    return Member(name=name, model=model(name), persona=persona)


def failed(word: str = "timeout") -> CallFailedError:
    """A call that has no reply."""
    return CallFailedError(word)


def question(prompt: str = "What is the capital?", answer_format: str = "text") -> Question:
    """A question without turns."""
    return Question(prompt=prompt, answer_format=answer_format)
