"""Running until a question is decided: run some tasks, look, go on or stop.

The one room above both towers. Tasks come in a random order that the seed fixes before the first
look; four looks share the error of one (`stats.sequential`). Looks share their calls through the
ledger, so a later one pays only for its new tasks.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from fusion_eval.api import ahead, settled
from fusion_eval.bench.execute import execute
from fusion_eval.bench.forecast import Forecast
from fusion_eval.bench.manifest import inputs_hash
from fusion_eval.bench.progress import Progress
from fusion_eval.core import TaskSet
from fusion_eval.errors import InputError
from fusion_eval.gate import Checked, Policy, gate, read_baseline
from fusion_eval.gate.baseline import Baseline, taken
from fusion_eval.gate.looks import Seen, seen
from fusion_eval.gate.rules import Sides
from fusion_eval.stats.sequential import Design, design
from fusion_eval.store import Run

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """How it ended: the run of the last look, every look, and the gate on what was run (or None).

    `tasks` of `planned` were run; `why`: `decided`, `all tasks`, `budget` or the run's status.
    `forecast` is what all tasks take, after a stop by the budget; else None.
    """

    run: Run
    looks: tuple[tuple[Seen, ...], ...]
    checked: Checked | None
    tasks: int
    planned: int
    why: str
    paid_usd: float
    forecast: Forecast | None = None


def until_decided(
    tasks: str | Path | Iterable[str | Path],
    bench: str | Path,
    policy: Policy,
    baseline: str | Path,
    *,
    output_dir: str | Path = "results",
    budget_usd: float | None = None,
    progress: Progress | None = None,
    told: Told = lambda _: None,
    **choices: Any,
) -> Campaign:
    """Run blocks of random tasks until every quality rule of the policy is decided.

    The budget is one for all looks, starts and stops: what runs of these looks ever spent, by the
    ledger in `output_dir`, counts.

    Raises InputError for a policy without quality rules, for fewer than 20 tasks that the baseline
    has too (four looks need five tasks each), and for what `gate` refuses.
    """
    chosen, ready, everything = settled(tasks, bench, budget_usd=budget_usd, **choices)
    old = read_baseline(baseline)
    order = _shuffled(chosen, old, ready.seed)
    plan = design(len(order.tasks), alpha=policy.alpha)
    looks: list[tuple[Seen, ...]] = []
    together = [inputs_hash(_first(order, count), ready) for count in plan.tasks]
    run, why = None, "all tasks"
    for count in plan.tasks:
        before = run
        run = execute(
            _first(order, count), ready, results=Path(output_dir), world_tasks=everything,
            progress=progress, together=together,
        )  # fmt: skip
        if run.manifest["status"] != "finished":
            why = "budget" if run.manifest["status"] == "stopped_by_budget" else "not finished"
            break
        if before is not None:
            shutil.rmtree(before.path, ignore_errors=True)  # its trials stand in the new one too
        looks.append(_looked(plan, run, old, policy))
        told(_line(looks[-1], count, plan))
        if all(one.word != "go on" for one in looks[-1]) and looks[-1]:
            why = "decided" if count < plan.tasks[-1] else "all tasks"
            break
    if run is None:
        raise InputError("the design has no looks; give more tasks")
    done = len(set(taken(run).trials["task_hash"]))
    checked = _final(run, old, policy, looks) if done else None
    paid = float(run.manifest.get("paid_usd") or 0.0)
    return Campaign(
        run=run,
        looks=tuple(looks),
        checked=checked,
        tasks=done,
        planned=len(order.tasks),
        why=why,
        paid_usd=paid,
        forecast=_forecast(run, partial(ahead, order, ready, output_dir, paid_usd=paid)),
    )


def _forecast(run: Run, of_all: Callable[[], Forecast | None]) -> Forecast | None:
    """Of all tasks, where the run of a look was stopped by the budget."""
    at_stop = run.manifest.get("forecast") or {}
    whole = of_all() if at_stop else None
    if whole is None:
        return None
    begin = at_stop["begin_usd"]
    return replace(
        whole, ends_at_task=at_stop["ends_at_task"], begin_usd=begin,
        finish_usd=max(begin, whole.finish_usd),
    )  # fmt: skip


def _shuffled(chosen: TaskSet, old: Baseline, seed: int) -> TaskSet:
    """The tasks that the baseline has too, in an order that follows from seed and content."""
    known = set(old.trials["task_hash"])

    def place(text: str) -> str:
        return hashlib.sha256(f"{seed} {text}".encode()).hexdigest()

    common = [task for task in chosen.tasks if task.hash in known]
    if len(common) < 20:
        raise InputError(
            f"{len(common)} tasks are in the baseline too; four looks need 20 or more: "
            "run them all and use `gate`"
        )
    ordered = tuple(sorted(common, key=lambda task: place(task.hash)))
    return TaskSet(name=chosen.name, tasks=ordered, sources=chosen.sources)


def _first(order: TaskSet, count: int) -> TaskSet:
    return TaskSet(
        name=order.name, tasks=order.tasks[:count], sources=order.sources,
        limit=None if count == len(order.tasks) else count,
    )  # fmt: skip


def _looked(plan: Design, run: Run, old: Baseline, policy: Policy) -> tuple[Seen, ...]:
    sides = Sides(new=taken(run), old=old, policy=policy)
    names = policy.recipes or tuple(dict.fromkeys(sides.new.trials["recipe"].astype(str)))
    return tuple(seen(plan, sides, names))


def _line(found: tuple[Seen, ...], count: int, plan: Design) -> str:
    words = [one.word for one in found]
    said = ", ".join(f"{words.count(w)} {w}" for w in dict.fromkeys(words)) or "nothing to judge"
    return f"look {plan.tasks.index(count) + 1} of {len(plan.tasks)}, {count} tasks: {said}"


def _final(run: Run, old: Baseline, policy: Policy, looks: list[tuple[Seen, ...]]) -> Checked:
    """The gate on what was run, with the words of the looks for the rules that they settled."""
    part = policy.model_copy(update={"allow": (*policy.allow, "tasks", "filtered", "partial")})
    checked = gate(run, old, part.model_copy(update={"estimand": "new tasks"}))
    settled_by = {(one.rule, one.recipe): one for one in (looks[-1] if looks else ())}
    outcomes = []
    for outcome in checked.outcomes:
        found = settled_by.get((outcome.rule, outcome.recipe))
        if found is None:
            outcomes.append(outcome)
            continue
        futile = found.word == "futile"
        outcomes.append(replace(
            outcome, low=found.up.low, high=found.up.high,
            word=found.word if found.word in ("pass", "fail") else "inconclusive",  # type: ignore[arg-type]
            why="stopped: it would hardly have passed by the end" if futile else outcome.why,
        ))  # fmt: skip
    return replace(checked, outcomes=tuple(outcomes))
