"""From tasks and a bench to a run on disk: every call through the ledger, every trial recorded."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fusion_eval import store
from fusion_eval.bench import manifest as manifests
from fusion_eval.bench.progress import Progress, Silent
from fusion_eval.bench.refuse import own_server, refuse
from fusion_eval.bench.tables import Fact, Tables, tables
from fusion_eval.bench.trials import ANSWERED_NOTHING, run_trial
from fusion_eval.core import Bench, Call, Recipe, Reply, Task, TaskSet, Trial
from fusion_eval.engine import prices
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Ledger
from fusion_eval.engine.limits import Budget
from fusion_eval.engine.stack import sending
from fusion_eval.errors import BudgetError, CallFailedError, NotInLedgerError
from fusion_eval.simulator import app, load_world, transport

Unit = tuple[Task, int, Recipe]
"""What one trial is of: a task, a repeat, a recipe."""


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
    work = _execution(tasks, bench, results, replay, world_tasks or tasks, progress or Silent())
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return _in_a_thread(work)


def _in_a_thread(work: Coroutine[Any, Any, store.Run]) -> store.Run:
    """Inside a running loop, as in a notebook, the run gets a loop of its own in a thread."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _execution(
    tasks: TaskSet,
    bench: Bench,
    results: Path,
    replay: bool,
    world_tasks: TaskSet,
    progress: Progress,
) -> store.Run:
    wanted = manifests.inputs_hash(tasks, bench)
    run_id = manifests.unfinished(results, wanted) or manifests.new_run_id(wanted)
    with Ledger(results / "ledger.sqlite") as ledger:
        clients = Clients(_transports(bench, world_tasks))
        budget = Budget(bench.limits.budget_usd, _worst, prices.paid_for)
        running = _Running(tasks, bench, results / run_id, clients, ledger, budget, progress)
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
    trials: dict[tuple[str, int, str], Trial] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    draining: bool = False
    out_of_money: str | None = None
    not_replayed: int = 0
    _lock: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _manifest: dict[str, Any] = field(default_factory=dict)
    _checks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def spend_again(self, run_id: str) -> None:
        """What this run spent before it was stopped counts against its budget."""
        self.budget.spent = self.ledger.spent(run_id, self._models())

    def units(self) -> list[Unit]:
        """All trials in order: the repeats of a task together, so that blocks end complete."""
        return [
            (task, repeat, recipe)
            for task in self.tasks.tasks
            for repeat in range(self.bench.repeats)
            for recipe in self.bench.recipes.values()
        ]

    async def run(self, replay: bool) -> str:
        """Run all trials; the status that goes into the manifest."""
        send = sending(self.clients, self.bench.limits, self.budget)
        through = self.ledger.wrap(send, run=self.folder.name, ready=self._ready, replay=replay)

        async def answered(call: Call) -> Reply:
            try:
                known = await through(call)
            except CallFailedError as problem:
                self.facts[call.key] = Fact(model=call.model, failure=problem.failure)
                raise
            mine = known.run == self.folder.name
            self.facts[call.key] = Fact(
                model=call.model, reply=replace(known.reply, text=""), mine=mine
            )
            return known.reply

        units = self.units()
        self.progress.started(len(units))
        waiting = iter(units)
        with self._signals():
            workers = [
                asyncio.create_task(self._work(waiting, answered))
                for _ in range(min(len(units), self.bench.limits.max_in_flight))
            ]
            try:
                await _all_or_first_error(workers)
            except asyncio.CancelledError:
                self.draining = True
        return self._status(len(units))

    async def _work(self, waiting: Iterator[Unit], answered: Any) -> None:
        for task, repeat, recipe in waiting:
            if self.draining or self.out_of_money:
                return
            try:
                trial = await run_trial(task, recipe, repeat, answered, self.bench)
            except BudgetError as problem:
                self.out_of_money = str(problem)
                return
            except NotInLedgerError:
                self.not_replayed += 1
                continue
            self.trials[task.id, repeat, recipe.name] = trial
            self.progress.advanced(made=self.ledger.made, spent_usd=self.budget.spent)

    async def _ready(self, call: Call) -> None:
        """Before the first call to an endpoint: does it answer? Then the run begins to exist."""
        endpoint = call.model.endpoint
        if endpoint.name not in self._checks:
            self._checks[endpoint.name] = asyncio.ensure_future(self.clients.check(endpoint))
        await asyncio.shield(self._checks[endpoint.name])
        self._begin()

    def _begin(self) -> None:
        if self._manifest:
            return
        self._lock.enter_context(manifests.in_use(self.folder))
        self._manifest = manifests.describe(self.tasks, self.bench, self.folder.name)
        store.write_manifest(self.folder, self._manifest)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """First Ctrl-C: finish what is running and save. Second: stop at once; both can resume."""
        loop, me = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            if self.draining and me is not None:
                me.cancel()
            self.draining = True
            self.progress.note("finishing the trials in progress; Ctrl-C again stops at once")

        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop)
        except (NotImplementedError, RuntimeError, ValueError):
            yield  # not the main thread: whoever owns it handles signals
            return
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _status(self, wanted: int) -> str:
        if self.out_of_money:
            return "stopped_by_budget"
        if self.not_replayed:
            return "incomplete"
        if len(self.trials) < wanted:
            return "interrupted"
        return "incomplete" if any(_broken(t) for t in self.trials.values()) else "finished"

    def _models(self) -> dict[str, Any]:
        return {model.id: model for model in self.bench.models.values()}

    def write(self, status: str) -> store.Run:
        """Write the tables of all trials that are done, and the manifest last."""
        self._begin()
        order = [(task.id, repeat, recipe.name) for task, repeat, recipe in self.units()]
        done = [self.trials[key] for key in order if key in self.trials]
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
        facts = self._counted(rows, len(order))
        manifest = manifests.ended(
            self._manifest, status, **facts, simulated=simulated or self._manifest["simulated"]
        )
        run = store.write_manifest(self.folder, manifest)
        store.point_latest(self.folder.parent, self.folder.name)
        self._lock.close()
        return run

    def _counted(self, rows: Tables, wanted: int) -> dict[str, Any]:
        return {
            "trials": {
                "wanted": wanted,
                "done": len(rows.trials),
                "failed": sum(row["failure"] is not None for row in rows.trials),
            },
            "calls": {
                "charged": len(rows.calls),
                "distinct": len(self.facts),
                "made": self.ledger.made,
            },
            "failures": dict(Counter(f.failure for f in self.facts.values() if f.failure)),
            "stopped_because": self.out_of_money,
            "not_replayed": self.not_replayed,
        }


def _broken(trial: Trial) -> bool:
    """Calling again may mend it: an answer or a verdict is missing because calls failed."""
    if trial.failure is not None and trial.failure not in ANSWERED_NOTHING:
        return True
    return any(verdict.verdict == "not_graded" for verdict in trial.verdicts)


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
