"""From tasks and a bench to a run on disk: every call through the ledger, every trial recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

from fusion_eval import store
from fusion_eval.bench import manifest as manifests
from fusion_eval.bench.descriptors import within_descriptors
from fusion_eval.bench.equal_dollars import sized
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.pricing import priced
from fusion_eval.bench.progress import Progress, Silent
from fusion_eval.bench.refuse import refuse
from fusion_eval.bench.running import Running, worst_of
from fusion_eval.bench.stopping import Stop, run_here_or_in_a_thread
from fusion_eval.bench.tooling import toolkit_of
from fusion_eval.core import Bench, TaskSet
from fusion_eval.engine import collector, prices
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.client import Clients
from fusion_eval.engine.ledger import Ledger
from fusion_eval.engine.place import POINTER, Place, Shared, ledger_of
from fusion_eval.files import write_text
from fusion_eval.simulator import app, load_world, transport


def execute(
    tasks: TaskSet,
    bench: Bench,
    *,
    results: Path = Path("results"),
    replay: bool = False,
    world_tasks: TaskSet | None = None,
    progress: Progress | None = None,
    unreported: bool = False,
    together: Collection[str] = (),
) -> store.Run:
    """Run every recipe on every task and write the run directory; goes on where a stop left it.

    `replay` makes a call that is not in the ledger an error; `world_tasks` are the tasks that a
    simulator knows, when only some of them are run. With `unreported` a finished run that has no
    report yet is taken up too, so that it gets one. `together` are hashes of inputs: what earlier
    runs of them spent counts against the budget too. Raises InputError before anything is sent or
    written when the bench cannot run. How the run ended stands in its manifest under `status`.
    """
    refuse(tasks, bench)
    store.check_latest(results)
    progress = progress or Silent()
    stop = Stop()
    bench = within_descriptors(bench, progress.note)
    work = _execution(
        tasks, bench, results, replay, world_tasks or tasks, progress, stop, unreported, together
    )
    return run_here_or_in_a_thread(work, stop)


async def _execution(
    tasks: TaskSet,
    bench: Bench,
    results: Path,
    replay: bool,
    world_tasks: TaskSet,
    progress: Progress,
    stop: Stop,
    unreported: bool,
    together: Collection[str],
) -> store.Run:
    wanted = manifests.inputs_hash(tasks, bench)
    place = ledger_of(results, bench.ledger)
    with collector.seldom(), contextlib.ExitStack() as held:
        ledger = held.enter_context(Ledger(place, progress.note))
        _leave_word(results, place)
        taken_up = manifests.claim(results, wanted, held, unreported=unreported)
        run_id = taken_up or manifests.new_run_id(wanted)
        began_with = partial(manifests.began_with, results / run_id)
        bench = priced(bench, began_with("prices"))
        bench = await sized(tasks, bench, Experience(ledger.history), began_with("equal_dollars"))
        clients = Clients(_transports(bench, world_tasks), say=progress.note)
        budget = Budget(bench.limits.budget_usd, worst_of, prices.paid_for)
        toolkit = toolkit_of(bench, world_tasks)
        running = Running(
            tasks, bench, results / run_id, clients, ledger, budget, progress, stop, held, toolkit
        )
        others = {run for inputs in together for run in ledger.runs_with(inputs)} - {run_id}
        running.spend_again(run_id, others)
        try:
            status = await running.run(replay)
            await running.foresee(status)
        finally:
            await ledger.stop()
            await clients.close()
            await toolkit.close()
        return running.end(status)


def _leave_word(results: Path, place: Place) -> None:
    """Let later commands on these results find a ledger that is not among them."""
    if isinstance(place, Shared):
        results.mkdir(parents=True, exist_ok=True)
        write_text(results / POINTER, f"{place.url}\n")


def _transports(bench: Bench, tasks: TaskSet) -> dict[str, Any]:
    """A transport without a socket for every endpoint that is a simulator."""
    return {
        endpoint.name: transport(app(load_world(endpoint.simulator), tasks.tasks))
        for endpoint in bench.endpoints
        if endpoint.simulator is not None
    }
