"""Blocks of trials: a task under all recipes, all repeats. Under a budget a block begins only
when its worst case fits, so that a run that runs out of money ends on complete blocks.

Blocks begin in the order of the task file. None is skipped for a cheaper one behind it: what fits
into the rest of a budget are the tasks with short rubrics, and a sample of those is a biased one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Bench, Call, Recipe, Reply, Task, Trial
from fusion_eval.engine.budget import Block as Money
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.prices import most_out
from fusion_eval.engine.trace import Expected, Trace
from fusion_eval.errors import BudgetError

Unit = tuple[Task, int, Recipe]
"""What one trial is of: a task, a repeat, a recipe."""

CHARACTERS_PER_TOKEN = 5.0
"""Length of a reply that uses all its tokens: what is written next is asked about it."""


def units(task: Task, bench: Bench) -> list[Unit]:
    """The trials of one block, in order."""
    return [
        (task, repeat, recipe)
        for repeat in range(bench.repeats)
        for recipe in bench.recipes.values()
    ]


def longest(call: Call) -> Expected:
    """A reply that uses every token it may have."""
    return Expected(characters=round(most_out(call.model) * CHARACTERS_PER_TOKEN))


async def worst_case(
    task: Task,
    bench: Bench,
    worst: Callable[[Call], float | None],
    known: Callable[[str], Reply | None],
) -> float:
    """The most that the calls of a block which are not `known` can cost (US$), each sent once.

    Every reply is as long as it may be, so that what is asked next is as long as it can get.
    """
    trace = Trace(longest, known)
    for _, repeat, recipe in units(task, bench):
        await run_trial(task, recipe, repeat, trace.send, bench)
    new = (call for key, call in trace.calls.items() if key not in trace.known_calls)
    return sum(worst(call) or 0.0 for call in new)


@dataclass(eq=False)
class Block:
    """A block that has begun: its trials that are done, and whether it will be complete."""

    task: Task
    money: Money
    open: int
    cut: bool = False
    trials: dict[tuple[str, int, str], Trial] = field(default_factory=dict)


class Blocks:
    """Hands out trials, block by block. `worst(task)` is the most that a block can still cost."""

    def __init__(
        self,
        tasks: tuple[Task, ...],
        bench: Bench,
        budget: Budget,
        worst: Callable[[Task], Awaitable[float]],
        stopped: Callable[[], bool],
    ) -> None:
        self.out_of_money: str | None = None
        self.begun: dict[str, Block] = {}
        self._bench = bench
        self._budget = budget
        self._worst = worst
        self._stopped = stopped
        self._all = tasks
        self._tasks: Iterator[Task] = iter(tasks)
        self._waiting: deque[tuple[Block, Unit]] = deque()
        self._turn = asyncio.Lock()

    async def next(self) -> tuple[Block, Unit] | None:
        """The next trial and its block, None when there is none to begin any more."""
        async with self._turn:
            while not self._stopped():
                while self._waiting:
                    block, unit = self._waiting.popleft()
                    if not block.cut:
                        return block, unit
                    self._close(block)
                if self.out_of_money or not await self._begin():
                    return None
        return None

    def trials(self, *, whole: bool = False) -> Iterator[Trial]:
        """The trials that are done, in order; with `whole`, those of complete blocks only."""
        for task in self._all:
            block = self.begun.get(task.id)
            wanted = units(task, self._bench) if block else []
            if block is None or (whole and len(block.trials) < len(wanted)):
                continue
            for _, repeat, recipe in wanted:
                if (trial := block.trials.get((task.id, repeat, recipe.name))) is not None:
                    yield trial

    def cut(self) -> dict[str, Any]:
        """What a run without money has left out: tasks by id, and the number of trials."""
        each = self._bench.repeats * len(self._bench.recipes)
        done = {trial.task for trial in self.trials(whole=True)}
        tasks = [task.id for task in self._all if task.id not in done]
        return {"tasks": tasks, "trials": each * len(tasks)}

    def charge(self, block: Block, call: Call) -> None:
        """This call is the block's to pay, unless another block wanted it first."""
        self._budget.charge(call.key, block.money)

    def done(self, block: Block, problem: BudgetError | None = None) -> None:
        """A trial of this block has ended, perhaps because there was no money to finish it."""
        if problem is not None:
            block.cut = True
            self.out_of_money = self.out_of_money or str(problem)
        self._close(block)

    def _close(self, block: Block) -> None:
        block.open -= 1
        if not block.open:
            self._budget.end(block.money)

    async def _begin(self) -> bool:
        task = next(self._tasks, None)
        if task is None:
            return False
        try:
            money = await self._budget.begin(await self._worst(task))
        except BudgetError as problem:
            self.out_of_money = self.out_of_money or str(problem)
            return False
        wanted = units(task, self._bench)
        block = self.begun[task.id] = Block(task, money, len(wanted))
        self._waiting.extend((block, unit) for unit in wanted)
        return True
