"""`fe.run`, `fe.grade`, `fe.plan`, `fe.doctor`: the whole left tower, also in a running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from fusion_eval.bench import regrade
from fusion_eval.bench.configure import configure, override
from fusion_eval.bench.doctor import Finding, examine
from fusion_eval.bench.equal_dollars import sized
from fusion_eval.bench.execute import execute
from fusion_eval.bench.experience import Experience
from fusion_eval.bench.forecast import Forecast
from fusion_eval.bench.lint import lint
from fusion_eval.bench.plan import Plan, foreseen
from fusion_eval.bench.plan import plan as traced
from fusion_eval.bench.progress import Progress
from fusion_eval.bench.stopping import outside_a_loop
from fusion_eval.core import Bench, Reply, TaskSet
from fusion_eval.engine.ledger import Ledger
from fusion_eval.engine.place import ledger_of
from fusion_eval.errors import InputError, TaskFileError
from fusion_eval.loading.bench import BenchSource
from fusion_eval.loading.memory import Source, sources_of
from fusion_eval.loading.tasks import load_task_files
from fusion_eval.store import Run

Tasks = Source | Iterable[Source]
"""Task files, or tasks in memory: rows, `Task` values, a table that hands over Arrow."""


def run(
    tasks: Tasks,
    bench: BenchSource = "demo",
    *,
    recipes: Collection[str] | None = None,
    limit: int | None = None,
    repeats: int | None = None,
    seed: int | None = None,
    budget_usd: float | None = None,
    max_in_flight: int | None = None,
    run_code: bool = False,
    replay: bool = False,
    output_dir: str | Path = "results",
    progress: Progress | None = None,
    unreported: bool = False,
) -> Run:
    """Run the recipes of a bench file (or preset) on task files; go on where a stop left it.

    In place of files may stand what they hold: `tasks` as rows with the keys of a task file, as a
    table of pandas, polars, Arrow or DuckDB, as `Task` values or a `TaskSet`; `bench` as a dict.
    `limit` takes so many tasks, from each file in turn; `budget_usd` is a hard limit in US dollars.
    Works in a script and inside a running event loop. `run_code` allows `check: code`. With
    `unreported` a finished run of the same inputs that has no report yet is taken up. Raises
    InputError with all problems at once.
    """
    chosen, ready, everything = settled(
        tasks,
        bench,
        recipes=recipes,
        limit=limit,
        repeats=repeats,
        seed=seed,
        budget_usd=budget_usd,
        max_in_flight=max_in_flight,
        run_code=run_code,
    )
    return execute(
        chosen,
        ready,
        results=Path(output_dir),
        replay=replay,
        world_tasks=everything,
        progress=progress,
        unreported=unreported,
    )


def grade(
    source: str | Path,
    *,
    protocol: str | dict[str, Any] | None = None,
    grader: str | Sequence[str] | None = None,
    passes: int | None = None,
    bench: BenchSource | None = None,
    tasks: Tasks = (),
    sample: float | None = None,
    budget_usd: float | None = None,
    max_in_flight: int | None = None,
    seed: int | None = None,
    replay: bool = False,
    output_dir: str | Path = "results",
    progress: Progress | None = None,
    unreported: bool = False,
    **rules: Any,
) -> Run:
    """Grade answers that exist: a new run that names its source and pays for verdicts only.

    `source` is a run directory or a JSONL of answers (`task`, `recipe`, `answer`, and perhaps
    `repeat`, `failure`), to `tasks`. The grader is that of `bench` (of the run, if there is one)
    with what is given instead: a protocol by name or as in a bench file, one model or a committee,
    and other keys of `grader:` as `rules`. Verdicts that the ledger holds are not asked for again,
    and equal answers are graded once. With `sample` (a share) only so many of the criteria are
    graded, drawn by weight: the second phase of `two_phase`, without scores of its own.

    `unreported` is as in `run`. Raises InputError with all problems at once.
    """
    chosen, ready, everything = grading_settled(
        source,
        protocol=protocol,
        grader=grader,
        passes=passes,
        bench=bench,
        tasks=tasks,
        sample=sample,
        **rules,
    )
    return execute(
        chosen,
        override(ready, budget_usd=budget_usd, max_in_flight=max_in_flight, seed=seed),
        results=Path(output_dir),
        replay=replay,
        world_tasks=everything,
        progress=progress,
        unreported=unreported,
    )


def grading_settled(
    source: str | Path,
    *,
    protocol: str | dict[str, Any] | None = None,
    grader: str | Sequence[str] | None = None,
    passes: int | None = None,
    bench: BenchSource | None = None,
    tasks: Tasks = (),
    sample: float | None = None,
    **rules: Any,
) -> tuple[TaskSet, Bench, TaskSet]:
    """(tasks with answers, bench that only grades, all tasks of the files), or InputError."""
    changes = {"protocol": protocol, "passes": passes, **rules}
    if grader is not None:
        names = [grader] if isinstance(grader, str) else list(grader)
        changes |= {"model": names[0]} if len(names) == 1 else {"committee": names}
    return regrade.settled(
        Path(source),
        tasks=sources_of(tasks),
        bench=bench,
        changes={name: value for name, value in changes.items() if value is not None},
        sample=sample,
    )


def plan(
    tasks: Tasks,
    bench: BenchSource = "demo",
    *,
    output_dir: str | Path = "results",
    **choices: Any,
) -> Plan:
    """What `run` with the same choices would ask and cost. Calls nothing and writes nothing.

    What the ledger in `output_dir` has seen before decides how long replies will be; what it holds
    already need not be paid again. Works in a script and inside a running event loop. Raises
    InputError with all problems at once.
    """
    chosen, ready, _ = settled(tasks, bench, **choices)
    return outside_a_loop(lambda: _planned(chosen, ready, Path(output_dir)))


def doctor(bench: BenchSource = "demo", *, call: bool = False) -> list[Finding]:
    """Look at keys, endpoints, models and prices; a finding is not `good` where a run would fail.

    With `call` each model is asked a few short questions, which are paid for. Raises InputError.
    """
    ready = configure(bench, None)
    return outside_a_loop(lambda: asyncio.run(examine(ready, call=call)))


def ahead(
    tasks: TaskSet, bench: Bench, output_dir: str | Path, *, paid_usd: float
) -> Forecast | None:
    """What these tasks take from here on, by the ledger in `output_dir`; None: unknown prices."""

    def work() -> Forecast | None:
        with Ledger(ledger_of(Path(output_dir), bench.ledger)) as ledger:
            known = partial(_reply, ledger)
            return asyncio.run(
                foreseen(tasks, bench, Experience(ledger.history), known, paid_usd=paid_usd)
            )

    return outside_a_loop(work)


def _planned(chosen: TaskSet, ready: Bench, output_dir: Path) -> Plan:
    with Ledger(ledger_of(output_dir, ready.ledger)) as ledger:
        experience = Experience(ledger.history)
        ready = asyncio.run(sized(chosen, ready, experience))
        found = traced(chosen, ready, experience, partial(_reply, ledger))
        return replace(found, warnings=tuple(lint(ready, chosen, experience)))


def _reply(ledger: Ledger, key: str) -> Reply | None:
    found = ledger.find(key)
    return found.reply if found is not None else None


def settled(
    tasks: Tasks,
    bench: BenchSource,
    *,
    recipes: Collection[str] | None = None,
    limit: int | None = None,
    **overrides: Any,
) -> tuple[TaskSet, Bench, TaskSet]:
    """(tasks to run, bench with its overrides, all tasks of the files), or InputError."""
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; it must be 1 or more")
    try:
        everything = load_task_files(sources_of(tasks) or [[]])
    except TaskFileError as error:
        raise TaskFileError(
            [*error.problems, *_bench_problems(bench, recipes, overrides)]
        ) from None
    chosen = everything if limit is None else everything.first(limit)
    return chosen, override(configure(bench, recipes, everything), **overrides), everything


def _bench_problems(
    bench: BenchSource, recipes: Collection[str] | None, overrides: dict[str, Any]
) -> tuple[str, ...]:
    """What is wrong with the bench too, so that nobody has to come back for it."""
    try:
        override(configure(bench, recipes), **overrides)
    except InputError as error:
        return error.problems
    return ()
