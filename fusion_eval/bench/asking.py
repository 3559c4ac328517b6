"""`Ask` for one trial: which call it is, who pays for it, and when it ran on the trial's clock.

The clock adds up recorded latencies along the longest path: seats start together, what is asked
next starts when the slowest of them ended. So a replay that takes no time has the same latency.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from fusion_eval import prompts
from fusion_eval.bench.guard import Guard
from fusion_eval.bench.numbering import Numbering
from fusion_eval.bench.researching import research
from fusion_eval.core import (
    AnswerFormat,
    Call,
    Member,
    Message,
    Messages,
    Purpose,
    Question,
    Recipe,
    Reply,
    Schema,
    Send,
    Tools,
    Use,
)
from fusion_eval.errors import CallFailedError

_NOTHING: Mapping[str, Any] = MappingProxyType({})
RunRecipe = Callable[[Recipe, Question, "Asking"], Awaitable[Reply]]


class Asking:
    """One branch of one trial. Branches share what they record, each has its own clock.

    `given` are values for the parameters that no bench file sets; see `strategies.given`.
    """

    def __init__(
        self,
        through: Send,
        run_recipe: RunRecipe,
        numbering: Numbering,
        *,
        seed: int,
        answer_format: AnswerFormat = "text",
        given: Mapping[str, Any] = _NOTHING,
        domain: str | None = None,
        purpose: Purpose = "answer",
        parent: Asking | None = None,
        path: str = "",
        guard: Guard | None = None,
    ) -> None:
        self.given: Mapping[str, Any] = parent.given if parent else given
        self.uses: list[Use] = parent.uses if parent else []
        self.steps_down: list[str] = parent.steps_down if parent else []
        self.clock: float = parent.clock if parent else 0.0
        self.guard: Guard = parent.guard if parent else guard or Guard()
        self.domain = domain
        self.repeat = numbering.repeat
        self._through = through
        self._run_recipe = run_recipe
        self._numbering = numbering
        self._seed = seed
        self._purpose: Purpose = purpose
        self._format = answer_format
        self._parent = parent
        self._path = path

    async def __call__(
        self,
        member: Member,
        messages: Messages,
        *,
        role: str,
        output: Schema | None = None,
        tools: Tools = (),
    ) -> Reply:
        """Ask a model, or run the recipe that sits in this seat."""
        role = f"{self._path}{role}"
        if member.drops_system:
            messages = tuple(m for m in messages if m.role != "system")
        if member.persona:
            messages = (Message(role="system", content=member.persona), *messages)
        if member.recipe is not None:
            return await self._run_recipe(
                member.recipe, *self._inside(messages, role, "text" if output else self._format)
            )
        if member.tools is not None and output is None and not tools:
            return await research(self, member, messages, role)
        return await self.turn(member, messages, role, tools, output)

    async def turn(
        self,
        member: Member,
        messages: Messages,
        role: str,
        tools: Tools,
        output: Schema | None = None,
    ) -> Reply:
        """Ask the model of a member once, with these messages as they are."""
        if member.model is None:
            raise TypeError(f"member {member.name!r} is neither a model nor a recipe")
        call = Call(
            model=member.model,
            messages=messages,
            output=output,
            tools=tools,
            seed=self._seed,
            role=role.rpartition("/")[2],
            domain=self.domain,
            purpose=self._purpose,
            answer_format=self._format,
        )
        draw = self._numbering.draw(member.model.identity, call.request)
        # the request does not depend on the draw: keep what was hashed
        numbered = replace(call, draw=draw)
        numbered.__dict__.update(content=call.content, request=call.request)
        return await self._timed(numbered, role)

    async def tool(self, call: Call, role: str, guard: Guard | None) -> tuple[Reply, str]:
        """Call a tool: its reply, and what the guard lets through of its text."""
        reply = await self._timed(call, f"{self._path}{role}")
        if guard is None:
            return reply, reply.text
        text, leaks = guard.kept(reply.text)
        if leaks:
            place = max(i for i, use in enumerate(self.uses) if use.key == call.key)
            self.uses[place] = replace(self.uses[place], leaks=leaks)
        return reply, text

    def seats(self, members: Sequence[Member]) -> tuple[Asking, ...]:
        """One branch per seat, all starting now."""
        numberings = self._numbering.seats([member.reaches for member in members])
        return tuple(self._branch(numbering, self._path) for numbering in numberings)

    def at_once(self, count: int) -> tuple[Asking, ...]:
        """Branches that start now and count on together."""
        return tuple(self._branch(self._numbering, self._path) for _ in range(count))

    def degrade(self, note: str) -> None:
        """Record a step down."""
        self.steps_down.append(f"{self._path}{note}")

    async def _timed(self, call: Call, role: str) -> Reply:
        """The reply, and the use of it; a seat that its strategy gives up has used it too."""
        start, place = self.clock, len(self.uses)
        draw = ".".join(map(str, call.draw))
        use = partial(
            Use, key=call.key, role=role, model=call.model.name, draw=draw, start_s=start,
            purpose=call.purpose,
        )  # fmt: skip
        self.uses.append(use(end_s=start))
        took = 0.0
        try:
            reply = await self._through(call)
            took = reply.latency_s
            return replace(reply, key=call.key)
        except CallFailedError as problem:
            problem.key = call.key
            last = problem.attempts[-1:] or ()
            took = sum(getattr(attempt, "latency_s", 0.0) for attempt in last)
            raise
        finally:
            self._end(start + took)
            self.uses[place] = use(end_s=start + took)

    def _end(self, at: float) -> None:
        branch: Asking | None = self
        while branch is not None:
            branch.clock = max(branch.clock, at)
            branch = branch._parent

    def _branch(
        self, numbering: Numbering, path: str, answer_format: AnswerFormat | None = None
    ) -> Asking:
        return Asking(
            self._through,
            self._run_recipe,
            numbering,
            seed=self._seed,
            domain=self.domain,
            purpose=self._purpose,
            answer_format=answer_format or self._format,
            parent=self,
            path=path,
        )

    def _inside(
        self, messages: Messages, role: str, answer_format: AnswerFormat
    ) -> tuple[Question, Asking]:
        """What a recipe in a seat gets: the conversation that the seat is asked as its question,
        and the same branch under another name, because it runs where its seat is.

        A judge's analysis is no final answer, so a recipe that judges is asked for free text.
        """
        systems = [m.content for m in messages if m.role == "system"]
        *turns, last = [m for m in messages if m.role != "system"]
        question = Question(
            prompt=last.content,
            system="\n\n".join(systems) or None,
            turns=tuple(turns),
            answer_format=answer_format,
        )
        inside = self._branch(self._numbering, f"{role}/", answer_format)
        return prompts.unformatted(question), inside
