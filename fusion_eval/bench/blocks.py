"""Blocks of trials: a task under all recipes, all repeats. Under a budget a block begins only
when it is likely to fit, so that a run that runs out of money ends on complete blocks.

Blocks begin in the order of the task file, or all at once where the run as a whole is likely to fit
and single calls may cost so much that they have to come early. None is skipped for a cheaper one
behind it: what fits into the rest of a budget are the tasks with short rubrics, and a sample of
those is a biased one.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fusion_eval.bench.facts import Fact
from fusion_eval.core import Bench, Call, Recipe, Reply, Task, Trial
from fusion_eval.engine.budget import Block as Money
from fusion_eval.engine.budget import Budget, Need
from fusion_eval.engine.prices import most_out
from fusion_eval.engine.trace import Expected, labels
from fusion_eval.errors import BudgetError
from fusion_eval.prompts import repair

Unit = tuple[int, int, Recipe]
"""What one trial of a block is of: its place in the order, a repeat, a recipe."""

_SPARE = 1.25
"""How far a run may exceed what it is likely to cost, when the order of its trials is chosen."""
CHARACTERS_PER_TOKEN = 5.0
"""Length of a reply that uses all its tokens: what is written next is asked about it."""


def units(bench: Bench, task: Task) -> list[Unit]:
    """The trials of one block, in order; of answers that exist, those that there are."""
    each = list(itertools.product(range(bench.repeats), bench.recipes.values()))
    if bench.answers is not None:
        there = bench.answers.trials.get(task.id, {})
        each = [(repeat, recipe) for repeat, recipe in each if (recipe.name, repeat) in there]
    return [(place, repeat, recipe) for place, (repeat, recipe) in enumerate(each)]


def longest(call: Call) -> Expected:
    """A reply that uses every token it may have."""
    return Expected(characters=round(most_out(call.model) * CHARACTERS_PER_TOKEN))


def again(call: Call) -> Call:
    """The one turn in which the longest reply to a call is sent back, to be said again."""
    reply = Reply(text="x" * longest(call).characters)
    return replace(call, messages=repair(call.messages, reply, "") or call.messages)


def most_labels(calls: Iterable[Call], bench: Bench) -> int:
    """How many labels a judge inside a recipe may choose from, at most; graders do not count."""
    graders = [member.model for member in bench.grader.members] if bench.grader else []
    asked = (c.output.json_schema for c in calls if c.output and c.model not in graders)
    return max(map(labels, asked), default=0)


@dataclass(eq=False)
class Block:
    """A block that has begun: its trials that are done by place, what is known about their calls,
    and whether it will be complete."""

    task: Task
    money: Money
    open: int
    cut: bool = False
    done: dict[int, Trial] = field(default_factory=dict)
    facts: dict[tuple[str, str], Fact] = field(default_factory=dict)

    @property
    def trials(self) -> list[Trial]:
        """The trials that are done, in order."""
        return [self.done[place] for place in sorted(self.done)]


class Blocks:
    """Hands out trials, block by block. `need(task)` is what a block is still likely to cost.

    `begun` are the blocks that were not handed back by `ended`, in order.
    """

    def __init__(
        self,
        tasks: tuple[Task, ...],
        bench: Bench,
        budget: Budget,
        need: Callable[[Task], Awaitable[Need]],
        stopped: Callable[[], bool],
    ) -> None:
        self.out_of_money: str | None = None
        self.begun: deque[Block] = deque()
        self._bench = bench
        self._budget = budget
        self._need = need
        self._stopped = stopped
        self._tasks = deque(tasks)
        self._waiting: deque[tuple[Block, Unit]] = deque()
        self._turn = asyncio.Lock()
        self._begun_any = False

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

    def ended(self, ready: Callable[[Block], bool]) -> Iterator[Block]:
        """Blocks that have ended, in order and each once; none behind one that is not `ready`."""
        while self.begun and not self.begun[0].open and ready(self.begun[0]):
            yield self.begun.popleft()

    def is_whole(self, block: Block) -> bool:
        """True when all trials of a block are done."""
        return len(block.done) == len(units(self._bench, block.task))

    def cut(self) -> dict[str, Any]:
        """What a run without money has left out: tasks by id, and the number of trials."""
        left = [block.task for block in self.begun if not self.is_whole(block)]
        tasks = [*left, *self._tasks]
        trials = sum(len(units(self._bench, task)) for task in tasks)
        return {"tasks": [task.id for task in tasks], "trials": trials}

    def charge(self, block: Block, call: Call) -> None:
        """This call is the block's to pay, unless another block wanted it first."""
        self._budget.charge(call.key, block.money)

    def done(self, block: Block, problem: BudgetError | None = None) -> None:
        """A trial of this block has ended, perhaps because there was no money to finish it."""
        if problem is not None:
            block.cut = block.money.cut = True
            self.out_of_money = self.out_of_money or str(problem)
        self._close(block)

    def _close(self, block: Block) -> None:
        block.open -= 1
        if not block.open:
            self._budget.end(block.money)

    async def _begin(self) -> bool:
        if not self._tasks:
            return False
        need = await self._need(self._tasks[0])
        if not self._begun_any and await self._begin_all(need):
            return True
        try:
            money = await self._budget.begin(need)
        except BudgetError as problem:
            self.out_of_money = self.out_of_money or str(problem)
            return False
        self._waiting.extend(self._start(self._tasks.popleft(), money))
        return True

    async def _begin_all(self, first: Need) -> bool:
        """Begin all blocks, trials with the most expensive calls first, where these would come too
        late in the order of tasks although the whole run is likely to fit."""
        self._begun_any = True
        left = self._budget.left
        if first.call + _SPARE * first.likely * len(self._tasks) <= left:
            return False
        needs = [first, *[await self._need(task) for task in [*self._tasks][1:]]]
        if not comes_too_late(needs, left):
            return False
        self._budget.large_first = True
        starts = []
        for task, need in zip(self._tasks, needs, strict=True):
            for block, unit in self._start(task, self._budget.open(need)):
                starts.append((need.by_recipe.get(unit[2].name, 0.0), block, unit))
        self._tasks.clear()
        starts.sort(key=lambda start: -start[0])
        self._waiting.extend((block, unit) for _, block, unit in starts)
        return True

    def _start(self, task: Task, money: Money) -> list[tuple[Block, Unit]]:
        wanted = units(self._bench, task)
        block = Block(task, money, len(wanted))
        self.begun.append(block)
        return [(block, unit) for unit in wanted]


def comes_too_late(needs: Sequence[Need], left: float) -> bool:
    """Whether so much is likely to finish a run, but in the order of its tasks a call is likely to
    come when its worst case does not fit any more."""
    ahead = list(itertools.accumulate((_SPARE * need.likely for need in needs), initial=0.0))
    return ahead[-1] <= left and any(
        spent + need.call > left for spent, need in zip(ahead, needs, strict=False)
    )
