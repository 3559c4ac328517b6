"""A run while it runs: its trials, what becomes of each, and what is written of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from fusion_eval import store
from fusion_eval.bench import manifest as manifests
from fusion_eval.bench.accounts import Names, names_of, payer, run_money
from fusion_eval.bench.blocks import Block, Blocks, units
from fusion_eval.bench.equal_dollars import resolved
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.external import taps_of
from fusion_eval.bench.facts import Fact
from fusion_eval.bench.forecast import need
from fusion_eval.bench.output import Output, Tally
from fusion_eval.bench.plan import foreseen
from fusion_eval.bench.progress import Now, Progress
from fusion_eval.bench.reachable import reachable
from fusion_eval.bench.refuse import models_used, own_server
from fusion_eval.bench.stopping import Stop, all_or_first_error, kept_and_lost, stopping
from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Attempt, Bench, Call, Model, Reply, Task, TaskSet
from fusion_eval.engine import prices
from fusion_eval.engine.budget import Budget, Need
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Known, Ledger
from fusion_eval.engine.stack import sending
from fusion_eval.errors import (
    BudgetError,
    CallFailedError,
    DamagedReplyError,
    DeadEndpointError,
    NotInLedgerError,
    StrategyError,
    TableError,
    bug_line,
    ends_a_run,
)
from fusion_eval.tools import Toolkit

Through = Callable[[Call], Awaitable[Known]]

_NAMED = 5  # trials that are set aside; all of them stand in the manifest
_WAITING = 2
"""Trials per slot: while the reply of one is on its way to the disk, another takes the slot."""


def worst_of(call: Call) -> float | None:
    """What to reserve for a call; a server of one's own has no price and costs nothing."""
    worst = prices.worst_case(call)
    if worst is None and own_server(call.model.endpoint):
        return 0.0
    return worst


@dataclass
class Running:
    """A run while it runs."""

    tasks: TaskSet
    bench: Bench
    folder: Path
    clients: Clients
    ledger: Ledger
    budget: Budget
    progress: Progress
    stop: Stop
    held: contextlib.ExitStack
    toolkit: Toolkit
    blocks: Blocks = field(init=False)
    tally: Tally = field(default_factory=Tally)
    given_up: str | None = None
    not_replayed: int = 0
    set_aside: list[dict[str, Any]] = field(default_factory=list)
    drained: dict[str, Any] | None = None
    _over: bool = False
    _lost: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    _manifest: dict[str, Any] = field(default_factory=dict)
    _output: Output | None = None
    _check: asyncio.Task[None] | None = None
    _forecast: dict[str, Any] | None = None

    def spend_again(self, run_id: str, others: Iterable[str] = ()) -> None:
        """What this run spent, or may have, before it was stopped counts against its budget, and
        what others spent that share it."""
        models = self._models()
        self.budget.spent = sum(self.ledger.spent(run, models) for run in (run_id, *others))
        self._lost = self.ledger.failed_attempts(run_id)

    async def run(self, replay: bool) -> str:
        """Run all trials; the status that goes into the manifest."""
        record = partial(
            self.ledger.recording, run=self.folder.name, worst=worst_of, lost=self._lose
        )
        note, ends = self.progress.note, self.stop.ends
        ends(self._drain)
        send = sending(
            self.clients, self.bench.limits, self.budget, record, say=note, ends=ends,
            beside=self.toolkit.beside,
        )  # fmt: skip
        through = self.ledger.wrap(send, ready=self._ready, replay=replay)
        self.blocks = self._blocks(replay)
        self.progress.started(self.wanted)
        with self.stop.listening():
            workers = [
                asyncio.create_task(self._work(through, replay))
                for _ in range(min(self.wanted, _WAITING * self.bench.limits.max_in_flight))
            ]
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await all_or_first_error(workers)
                finally:
                    self._over = True
                    if not self.stop.again:
                        await self.ledger.settle()
            if self.drained is not None:
                self.drained |= {"lost": self.ledger.in_flight, "at_once": self.stop.again}
                note(kept_and_lost(self.drained))
        return self._status()

    def _drain(self) -> None:
        """Asked to stop: nothing more is sent, and what an endpoint has is waited for."""
        if self._check is not None:
            self._check.cancel()
        flying = self.ledger.drain()
        self.drained = {"in_flight": flying, "lost": 0, "at_once": False}
        self.progress.note(stopping(flying))

    def _lose(self, key: str, attempt: Attempt) -> None:
        self._lost[key] = (*self._lost.get(key, ()), attempt)

    async def _answered(self, through: Through, block: Block, keys: list[str], call: Call) -> Reply:
        """The reply to a call of this block, which pays for it and knows what became of it."""
        self.blocks.charge(block, call)
        keys.append(call.key)
        if self._over:  # a seat that its strategy left behind
            raise asyncio.CancelledError
        place = (call.key, call.model.name)
        block.facts.setdefault(place, Fact(model=call.model, failure="cancelled"))
        try:
            known = await through(call)
        except CallFailedError as problem:
            self.tally.lose(problem)
            block.facts[place] = Fact.lost(call.model, problem)
            raise
        block.facts[place] = self._fact(call.key, call.model, known)
        return known.reply

    def _fact(self, key: str, model: Model, known: Known) -> Fact:
        """Without the texts: they are in the ledger, and there are many."""
        told = {k: v for k, v in known.reply.extra.items() if k in ("told", "tool_failure")}
        reply = replace(known.reply, text="", thoughts="", extra=told)
        paying = payer(self.ledger, key, model, self._names)
        return Fact(model=model, payer=paying, reply=reply, mine=known.run == self.folder.name)

    @cached_property
    def _names(self) -> Names:
        return names_of(self.bench)

    @cached_property
    def wanted(self) -> int:
        """The number of trials in all."""
        return sum(len(units(self.bench, task)) for task in self.tasks.tasks)

    def _blocks(self, replay: bool) -> Blocks:
        """The trials in order; what a block can cost matters only where something is limited."""
        experience = Experience(self.ledger.history)

        async def needed(task: Task) -> Need:
            if self.budget.most is None or replay:
                return Need()
            return await need(task, self.bench, experience, self._known)

        def over() -> bool:
            return self.stop.asked or self.given_up is not None

        return Blocks(self.tasks.tasks, self.bench, self.budget, needed, over)

    async def _work(self, through: Through, replay: bool) -> None:
        while (turn := await self.blocks.next()) is not None:
            block, (place, repeat, recipe) = turn
            keys: list[str] = []
            answered = partial(self._answered, through, block, keys)
            problem: BudgetError | None = None
            try:
                trial = await run_trial(block.task, recipe, repeat, answered, self.bench)
                block.done[place] = trial
            except BudgetError as error:
                problem = error
            except DeadEndpointError as error:
                if self.given_up is None:
                    self.progress.note(str(error))
                self.given_up = str(error)
            except NotInLedgerError:
                self.not_replayed += 1
            except DamagedReplyError as error:
                self._set_aside(error.key, str(error), False, block.task.id, recipe.name, repeat)
            except Exception as error:
                if ends_a_run(error):
                    raise
                last = keys[-1] if keys else None
                why = bug_line(error)
                self._set_aside(last, why, True, block.task.id, recipe.name, repeat)
            self.blocks.done(block, problem)
            if place in block.done:
                self.progress.advanced(self._now)
                if self._output is not None:
                    self._output.live.ended(block.done[place], self._now())
            self._write_ended(replay)

    def _set_aside(self, key: str | None, why: str, bug: bool, *place: object) -> None:
        """A trial (task, recipe, repeat) that cannot be made of what came back; others go on."""
        where = dict(zip(("task", "recipe", "repeat"), place, strict=True))
        self.set_aside.append({**where, "call": key, "problem": why, "bug": bug})
        if len(self.set_aside) <= _NAMED:
            at = f" (call {key[:12]})" if key else ""
            named = "/".join(map(str, place))
            self.progress.note(f"{named}{at} is set aside, the rest goes on: {why}")

    def _found(self, key: str) -> Known | None:
        """A reply that the ledger holds; one that is damaged is as good as none."""
        with contextlib.suppress(DamagedReplyError):  # said where a trial needs it
            return self.ledger.find(key)
        return None

    def _known(self, key: str) -> Reply | None:
        found = self._found(key)
        return found.reply if found is not None else None

    async def foresee(self, status: str) -> None:
        """After a stop by the budget: what it takes to go on, by what is known by now."""
        if status != "stopped_by_budget" or self.budget.misbilled:
            return
        whole = len(self.tasks.tasks) - len(self.blocks.cut()["tasks"])
        with contextlib.suppress(StrategyError):  # of a task that was not begun
            found = await foreseen(
                self.tasks,
                self.bench,
                Experience(self.ledger.history),
                self._known,
                paid_usd=self.budget.spent,
                refused_usd=self.budget.refused_usd,
            )
            self._forecast = asdict(replace(found, ends_at_task=whole)) if found else None

    def _write_ended(self, replay: bool) -> None:
        """Write the blocks that have ended; one without all its trials may still be cut."""
        may_be_cut = self.budget.most is not None and not replay

        def ready(block: Block) -> bool:
            return not (may_be_cut and not self.blocks.is_whole(block)) and self._landed(block)

        for block in self.blocks.ended(ready):
            for trial in block.trials:
                self.tally.add(trial)
            self._write(block)

    def _landed(self, block: Block) -> bool:
        """Whether all calls of a block have ended, also those that their strategies had given up
        before the reply came: it is billed, so it is looked for."""
        for (key, name), fact in block.facts.items():
            if fact.failure == "cancelled":
                if self.ledger.flies(key):
                    return False
                if (known := self._found(key)) is not None:
                    block.facts[key, name] = self._fact(key, fact.model, known)
        return True

    def _write(self, block: Block) -> None:
        if not block.done:
            return
        task, trials = block.task, block.trials
        try:
            self._begin().add(
                task, self.bench.recipes, trials, block.facts, self._lost, self._known
            )
        except Exception as error:
            if ends_a_run(error):
                raise
            for trial in trials:
                self._set_aside(None, bug_line(error), True, task.id, trial.recipe, trial.repeat)

    def _now(self) -> Now:
        ledger, budget = self.ledger, self.budget
        return Now(
            made=ledger.made,
            hits=ledger.hits,
            in_flight=ledger.in_flight,
            retries=ledger.attempts - ledger.made,
            spent_usd=budget.spent,
            reserved_usd=budget.reserved,
            budget_usd=budget.most,
        )

    async def _ready(self, _: Call) -> None:
        """Before the first call: do all endpoints answer? Then the run begins to exist."""
        if self._check is None:
            self._check = asyncio.ensure_future(reachable(self.clients, self._models()))
        await asyncio.shield(self._check)
        self._begin()

    def _begin(self) -> Output:
        """From here on the run exists: its directory, its manifest, and its files to be."""
        if self._output is None:
            taps = taps_of(self.bench)
            manifests.hold(self.folder, self.held)
            self._manifest = manifests.begun(self.tasks, self.bench, self.folder)
            store.write_manifest(self.folder, self._manifest)
            output = Output(
                self.folder,
                simulated=self._manifest["simulated"],
                wanted=self.wanted,
                budget_usd=self.budget.most,
                taps=taps,
            )
            self._output = self.held.enter_context(output)
        return self._output

    def _status(self) -> str:
        for block in self.blocks.begun:
            for trial in block.trials:
                self.tally.add(trial)
        if self.tally.done < self.wanted and self.blocks.out_of_money and not self.stop.asked:
            return "stopped_by_budget"
        if self.not_replayed or self.given_up or (self.set_aside and not self.stop.asked):
            return "incomplete"
        if self.tally.done < self.wanted:
            return "interrupted"
        return "incomplete" if self.tally.broken else "finished"

    def _models(self) -> list[Model]:
        """The models that these tasks can call: where all have a target, nobody grades."""
        rubrics = any(task.target is None for task in self.tasks.tasks)
        return models_used(self.bench if rubrics else replace(self.bench, grader=None))

    def end(self, status: str) -> store.Run:
        """Write what is left, put the files in their place, and the manifest last.

        A replay that found nothing leaves nothing behind.
        """
        if self.not_replayed and not self.tally.done:
            return store.Run(path=self.folder, manifest={"status": status, **self._counted(status)})
        output = self._begin()
        self._lost = self.ledger.failed_attempts(self.folder.name)
        for block in self.blocks.begun:
            self._landed(block)
            if status != "stopped_by_budget" or self.blocks.is_whole(block):
                self._write(block)
        output.close()
        status, unusable = output.judge(status, self.bench.limits.unusable_share)
        store.write_yaml(self.folder / "bench.yaml", resolved(self.bench))
        manifest = manifests.ended(
            self._manifest,
            status,
            **self._counted(status),
            simulated=output.simulated,
            unusable=unusable,
        )
        run = store.write_manifest(self.folder, manifest)
        try:
            store.point_latest(self.folder.parent, self.folder.name)
        except (OSError, TableError) as problem:  # the run is there all the same
            self.progress.note(f"latest does not point at this run: {problem}")
        return run

    def _counted(self, status: str) -> dict[str, Any]:
        written = self._output
        shown = written.spent_usd if written else 0.0
        return {
            "trials": {
                "wanted": self.wanted,
                "done": written.trials if written else 0,
                "failed": written.failed if written else 0,
            },
            "calls": {
                "charged": written.calls if written else 0,
                "distinct": len(written.billed) if written else 0,
                "made": self.ledger.made,
            },
            "failures": dict(self.tally.broken),
            "failure_details": self.tally.details,
            "paid_usd": self.budget.spent,
            "stopped_because": self.blocks.out_of_money or self.given_up,
            "forecast": self._forecast,
            "cut": self.blocks.cut() if status == "stopped_by_budget" else None,
            "not_replayed": self.not_replayed,
            "set_aside": self.set_aside,
            "stop": self.drained,
            "money": run_money(self.ledger, self.folder.name, self.bench, self.budget, shown),
        }
