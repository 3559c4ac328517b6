"""One served request: the recipe is run as a trial of a run is, and its bill is kept beside it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fusion_eval.bench.facts import Fact
from fusion_eval.bench.refuse import models_used
from fusion_eval.bench.trials import answer_task
from fusion_eval.core import Attempt, Bench, Call, Model, Recipe, Reply, Task
from fusion_eval.errors import CallFailedError
from fusion_eval.serving.asked import Asked
from fusion_eval.serving.outcome import Outcome, outcome_of
from fusion_eval.serving.passing import passed
from fusion_eval.serving.upstream import Upstream
from fusion_eval.serving.writers import Writer, writers

Listener = Callable[[str], None]


class Answering:
    """Answers requests by the recipes of a bench. `tools_to` answers those that need one model.

    fresh : whether a request that names no draw (`seed`) gets one that nobody had before; else the
        first, so that equal requests are the same calls
    """

    def __init__(
        self, bench: Bench, upstream: Upstream, *, tools_to: Model | None, fresh: bool
    ) -> None:
        self._bench = bench
        self._upstream = upstream
        self._tools_to = tools_to
        self._fresh = fresh
        self._simulated = {e.name for e in bench.endpoints if e.simulator is not None}

    def is_simulated(self, recipe: Recipe) -> bool:
        """Whether a model behind a recipe is simulated, as far as its replies have said so."""
        used = models_used(replace(self._bench, recipes={recipe.name: recipe}, grader=None))
        return any(model.endpoint.name in self._simulated for model in used)

    async def answer(
        self,
        asked: Asked,
        recipe: Recipe,
        notes: dict[str, Any],
        listen: Listener | None = None,
    ) -> Outcome:
        """What came of a request. `listen` hears the writer while it writes.

        Raises BadRequestError, BudgetError, DeadEndpointError, StrategyError.
        """
        began = time.perf_counter()
        if asked.needs:
            asked, recipe = passed(asked, recipe, self._tools_to)
            model = self._tools_to.name if self._tools_to else ""
            notes["passed_to"] = {"model": model, "because": list(asked.needs)}
        notes["ignored"] = list(asked.ignored)
        task = Task(id="request", question=asked.question, domain=asked.domain)
        heard = frozenset[Writer]()
        if listen and "tools" not in asked.needs:  # calls of tools come whole
            heard = await writers(task, recipe, self._bench)
        calls = _Calls(self._upstream, heard, listen, self._simulated)
        trial = await answer_task(task, recipe, self._draw(asked), calls.send, self._bench)
        if asked.needs:
            note = f"passed to {notes['passed_to']['model']}: {', '.join(asked.needs)}"
            trial = replace(trial, degraded=(*trial.degraded, note))
        wall = time.perf_counter() - began
        return outcome_of(task, recipe, trial, calls.facts, calls.lost, wall_s=wall, notes=notes)

    def _draw(self, asked: Asked) -> int:
        if asked.draw is not None:
            return asked.draw
        return secrets.randbits(53) if self._fresh else 0


class _Calls:
    """The calls of one request, and what is known of each."""

    def __init__(
        self,
        upstream: Upstream,
        heard: frozenset[Writer],
        listen: Listener | None,
        simulated: set[str],
    ) -> None:
        self.facts: dict[tuple[str, str], Fact] = {}
        self.lost: dict[str, tuple[Attempt, ...]] = {}
        self._upstream = upstream
        self._heard = heard
        self._listen = listen
        self._simulated = simulated

    async def send(self, call: Call) -> Reply:
        place, model = (call.key, call.model.name), call.model
        self.facts.setdefault(place, Fact(model=model, failure="cancelled"))
        mine = not self._upstream.is_paid(call)
        if (call.role, model.name) in self._heard:
            call = listened(call, self._listen)
        try:
            answered = await self._upstream.send(call)
        except CallFailedError as problem:
            self.facts[place] = Fact.lost(model, problem)
            self.lost[call.key] = problem.attempts  # type: ignore[assignment]
            raise
        if mine and (failed := answered.reply.attempts[:-1]):
            self.lost[call.key] = failed
        if answered.reply.simulated:
            self._simulated.add(model.endpoint.name)
        self.facts[place] = Fact(model=model, reply=replace(answered.reply, raw=None), mine=mine)
        return answered.reply


def listened(call: Call, listen: Listener | None) -> Call:
    """The same call, heard while it is answered; what was hashed is kept."""
    heard = replace(call, listen=listen)
    heard.__dict__.update(content=call.content, request=call.request, key=call.key)
    return heard
