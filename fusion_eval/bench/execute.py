"""From tasks and a bench to a run on disk: every call through the ledger, every trial recorded."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from fusion_eval import store
from fusion_eval.bench import manifest as manifests
from fusion_eval.bench.blocks import Block, Blocks, worst_case
from fusion_eval.bench.facts import Facts
from fusion_eval.bench.pricing import priced
from fusion_eval.bench.progress import Now, Progress, Silent
from fusion_eval.bench.refuse import models_used, own_server, refuse
from fusion_eval.bench.stopping import Stop, run_here_or_in_a_thread
from fusion_eval.bench.tables import Fact, Tables, tables
from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Bench, Call, Model, Reply, Task, TaskSet, Trial
from fusion_eval.engine import prices
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Known, Ledger
from fusion_eval.engine.stack import sending
from fusion_eval.engine.watch import Watch
from fusion_eval.errors import (
    BudgetError,
    CallFailedError,
    DeadEndpointError,
    EndpointError,
    NotInLedgerError,
)
from fusion_eval.simulator import app, load_world, transport
from fusion_eval.strategies.seats import ANSWERED_NOTHING


def execute(
    tasks: TaskSet,
    bench: Bench,
    *,
    results: Path = Path("results"),
    replay: bool = False,
    world_tasks: TaskSet | None = None,
    progress: Progress | None = None,
) -> store.Run:
    """Run every recipe on every task and write the run directory; goes on where a stop left it.

    `replay` makes a call that is not in the ledger an error; `world_tasks` are the tasks that a
    simulator knows, when only some of them are run. Raises InputError before anything is sent or
    written when the bench cannot run. How the run ended stands in its manifest under `status`.
    """
    refuse(tasks, bench)
    progress = progress or Silent()
    stop = Stop(progress.note)
    work = _execution(tasks, bench, results, replay, world_tasks or tasks, progress, stop)
    return run_here_or_in_a_thread(work, stop)


async def _execution(
    tasks: TaskSet,
    bench: Bench,
    results: Path,
    replay: bool,
    world_tasks: TaskSet,
    progress: Progress,
    stop: Stop,
) -> store.Run:
    wanted = manifests.inputs_hash(tasks, bench)
    with contextlib.ExitStack() as held, Ledger(results / "ledger.sqlite") as ledger:
        run_id = manifests.claim(results, wanted, held) or manifests.new_run_id(wanted)
        bench = priced(bench, manifests.prices_of(results / run_id))
        clients = Clients(_transports(bench, world_tasks))
        budget = Budget(bench.limits.budget_usd, _worst, prices.paid_for)
        running = _Running(
            tasks, bench, results / run_id, clients, ledger, budget, progress, stop, held
        )
        running.spend_again(run_id)
        try:
            status = await running.run(replay)
        finally:
            await ledger.stop()
            await clients.close()
        return running.write(status)


def _transports(bench: Bench, tasks: TaskSet) -> dict[str, Any]:
    """A transport without a socket for every endpoint that is a simulator."""
    return {
        endpoint.name: transport(app(load_world(endpoint.simulator), tasks.tasks))
        for endpoint in bench.endpoints
        if endpoint.simulator is not None
    }


def _worst(call: Call) -> float | None:
    """What to reserve for a call; a server of one's own has no price and costs nothing."""
    worst = prices.worst_case(call)
    if worst is None and own_server(call.model.endpoint):
        return 0.0
    return worst


@dataclass
class _Running:
    """A run while it runs: what is done, and what is known about each call."""

    tasks: TaskSet
    bench: Bench
    folder: Path
    clients: Clients
    ledger: Ledger
    budget: Budget
    progress: Progress
    stop: Stop
    held: contextlib.ExitStack
    blocks: Blocks = field(init=False)
    facts: Facts = field(default_factory=Facts)
    given_up: str | None = None
    not_replayed: int = 0
    _over: bool = False
    _manifest: dict[str, Any] = field(default_factory=dict)
    _check: asyncio.Task[None] | None = None

    def spend_again(self, run_id: str) -> None:
        """What this run spent, or may have, before it was stopped counts against its budget."""
        models = {(m.endpoint.base_url, m.id): m for m in self._models()}
        self.budget.spent = self.ledger.spent(run_id, models)

    async def run(self, replay: bool) -> str:
        """Run all trials; the status that goes into the manifest."""
        record = partial(self.ledger.recording, run=self.folder.name, worst=_worst)
        watch = Watch(self.progress.note)
        send = sending(self.clients, self.bench.limits, self.budget, record, watch=watch)
        through = self.ledger.wrap(send, ready=self._ready, replay=replay)

        async def answered(call: Call) -> Reply:
            if self._over:  # a seat that its strategy left behind
                raise asyncio.CancelledError
            self.facts.setdefault(call.key, Fact(model=call.model, failure="cancelled"))
            try:
                known = await through(call)
            except CallFailedError as problem:
                self.facts[call.key] = Fact(model=call.model, failure=problem.failure)
                raise
            self.facts[call.key] = self._fact(call.model, known)
            return known.reply

        self.blocks = self._blocks(replay)
        self.progress.started(self.wanted)
        with self.stop.listening():
            workers = [
                asyncio.create_task(self._work(answered))
                for _ in range(min(self.wanted, self.bench.limits.max_in_flight))
            ]
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await _all_or_first_error(workers)
                finally:
                    self._over = True
                    if not self.stop.again:
                        await self.ledger.settle()
        return self._status()

    def _fact(self, model: Model, known: Known) -> Fact:
        mine = known.run == self.folder.name
        return Fact(model=model, reply=known.reply, mine=mine)

    @property
    def wanted(self) -> int:
        """The number of trials in all."""
        return len(self.tasks.tasks) * self.bench.repeats * len(self.bench.recipes)

    def _blocks(self, replay: bool) -> Blocks:
        """The trials in order; what a block can cost matters only where something is limited."""

        def known(key: str) -> Reply | None:
            found = self.ledger.find(key)
            return found.reply if found is not None else None

        async def worst(task: Task) -> float:
            if self.budget.most is None or replay:
                return 0.0
            return await worst_case(task, self.bench, _worst, known)

        def over() -> bool:
            return self.stop.asked or self.given_up is not None

        return Blocks(self.tasks.tasks, self.bench, self.budget, worst, over)

    async def _work(self, answered: Callable[[Call], Awaitable[Reply]]) -> None:
        while (turn := await self.blocks.next()) is not None:
            block, (task, repeat, recipe) = turn

            async def through(call: Call, block: Block = block) -> Reply:
                self.blocks.charge(block, call)
                return await answered(call)

            try:
                trial = await run_trial(task, recipe, repeat, through, self.bench)
            except BudgetError as problem:
                self.blocks.done(block, problem)
                continue
            except DeadEndpointError as problem:
                if self.given_up is None:
                    self.progress.note(str(problem))
                self.given_up = str(problem)
                self.blocks.done(block)
                continue
            except NotInLedgerError:
                self.not_replayed += 1
                self.blocks.done(block)
                continue
            block.trials[task.id, repeat, recipe.name] = trial
            self.blocks.done(block)
            self.progress.advanced(self._now())

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
            self._check = asyncio.ensure_future(self._checked())
        await asyncio.shield(self._check)
        self._begin()

    async def _checked(self) -> None:
        """Raise EndpointError with all problems: nobody should pay for half of the calls first."""
        endpoints = {m.endpoint.name: m.endpoint for m in self._models()}.values()
        checks = (self.clients.check(endpoint) for endpoint in endpoints)
        problems = [p for p in await asyncio.gather(*checks, return_exceptions=True) if p]
        if refused := [p for p in problems if isinstance(p, EndpointError)]:
            raise EndpointError([line for problem in refused for line in problem.problems])
        for problem in problems:
            raise problem

    def _begin(self) -> None:
        if not self._manifest:
            manifests.hold(self.folder, self.held)
            self._manifest = manifests.begun(self.tasks, self.bench, self.folder)
            store.write_manifest(self.folder, self._manifest)

    def _status(self) -> str:
        trials = list(self.blocks.trials())
        if len(trials) < self.wanted and self.blocks.out_of_money and not self.stop.asked:
            return "stopped_by_budget"
        if self.not_replayed or self.given_up:
            return "incomplete"
        if len(trials) < self.wanted:
            return "interrupted"
        return "incomplete" if any(_broken(trial) for trial in trials) else "finished"

    def _models(self) -> list[Model]:
        """The models that these tasks can call: where all have a target, nobody grades."""
        rubrics = any(task.target is None for task in self.tasks.tasks)
        return models_used(self.bench if rubrics else replace(self.bench, grader=None))

    def _land(self, done: list[Trial]) -> None:
        """Find the replies that came after their strategies had given them up."""
        used = {use.key for trial in done for use in (*trial.uses, *trial.grading)}
        for key, fact in list(self.facts.items()):
            if fact.failure != "cancelled":
                continue
            if (known := self.ledger.find(key)) is not None:
                self.facts[key] = self._fact(fact.model, known)
            elif key not in used:
                del self.facts[key]  # of a trial that was not finished

    def write(self, status: str) -> store.Run:
        """Write the tables of all trials that are done, and the manifest last.

        A replay that found nothing leaves nothing behind.
        """
        if self.not_replayed and not list(self.blocks.trials()):
            facts = self._counted(Tables(trials=[], verdicts=[], calls=[]), status)
            return store.Run(path=self.folder, manifest={"status": status, **facts})
        self._begin()
        done = list(self.blocks.trials(whole=status == "stopped_by_budget"))
        self._land(done)
        rows = tables(
            done,
            {task.id: task for task in self.tasks.tasks},
            self.bench.recipes,
            self.facts,
            self.ledger.failed_attempts(self.folder.name),
        )
        for name in ("trials", "verdicts", "calls"):
            store.write_table(self.folder, name, getattr(rows, name))
        simulated = any(f.reply.simulated for f in self.facts.values() if f.reply is not None)
        store.write_lines(self.folder / "answers.jsonl", _answers(done, simulated))
        store.write_yaml(self.folder / "bench.yaml", self.bench.resolved)
        facts = self._counted(rows, status)
        manifest = manifests.ended(
            self._manifest, status, **facts, simulated=simulated or self._manifest["simulated"]
        )
        run = store.write_manifest(self.folder, manifest)
        store.point_latest(self.folder.parent, self.folder.name)
        return run

    def _counted(self, rows: Tables, status: str) -> dict[str, Any]:
        trials = list(self.blocks.trials())
        return {
            "trials": {
                "wanted": self.wanted,
                "done": len(rows.trials),
                "failed": sum(row["failure"] is not None for row in rows.trials),
            },
            "calls": {
                "charged": len(rows.calls),
                "distinct": len(self.facts),
                "made": self.ledger.made,
            },
            "failures": dict(Counter(w for t in trials for w in _broken(t))),
            "failure_details": {t.failure: t.detail for t in trials if t.failure and t.detail},
            "paid_usd": self.budget.spent,
            "stopped_because": self.blocks.out_of_money or self.given_up,
            "cut": self.blocks.cut() if status == "stopped_by_budget" else None,
            "not_replayed": self.not_replayed,
            "money": self._money(rows),
        }

    def _money(self, rows: Tables) -> dict[str, Any]:
        """What the run has paid according to its ledger, and how much of it no trial shows yet."""
        models = {(m.endpoint.base_url, m.id): m for m in models_used(self.bench)}
        bills = [
            prices.paid(models[url, name], reply.usage, reply.cost_reported, reply.asked_at).usd
            for url, name, reply in self.ledger.replies_of(self.folder.name)
            if (url, name) in models
        ]
        paid = math.fsum(usd for usd in bills if usd is not None)
        shown = math.fsum(row["spent_usd"] or 0.0 for row in rows.calls)
        unfinished = paid - shown
        return {
            "spent_usd": paid,
            "unfinished_usd": unfinished if unfinished > 1e-9 else 0.0,
            "calls_of_unknown_price": bills.count(None),
            "budget_usd": self.bench.limits.budget_usd,
            "counted_against_budget_usd": self.budget.spent,
        }


def _broken(trial: Trial) -> list[str]:
    """What calling again may mend: why an answer or a verdict is missing because calls failed."""
    words = [v.reason for v in trial.verdicts if v.verdict == "not_graded"]
    if trial.failure is not None and trial.failure not in ANSWERED_NOTHING:
        words.append(trial.failure)
    return words


def _answers(trials: list[Trial], simulated: bool) -> Iterator[dict[str, Any]]:
    for trial in trials:
        yield {
            "task": trial.task,
            "recipe": trial.recipe,
            "repeat": trial.repeat,
            "answer": trial.answer,
            "failure": trial.failure,
            "detail": trial.detail or None,
            "finish": trial.finish,
            "degraded": list(trial.degraded),
            **({"simulated": "SIMULATED"} if simulated else {}),
        }


async def _all_or_first_error(workers: list[asyncio.Task[None]]) -> None:
    """Wait for all; at the first error, or when cancelled, stop the others and raise it."""
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
