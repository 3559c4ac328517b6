"""Dollars of one run: every attempt reserves its worst case before it is sent, and gives back what
it did not cost.

That keeps the budget. Blocks of trials are begun by what they are likely to cost, and money goes
to the oldest of them first, so that a run ends on complete blocks. A run stops only when nothing
is in flight and the next call may cost more than is left.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fusion_eval.core import Call, Reply, Send
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.errors import BudgetError

_UNSEEN = 4
"""Calls of one model in flight at most, while no bill of it was seen."""
_FAR = 3.0
"""How often its worst case a bill must be, at least, for the price to be taken for an error."""
_SPARE = 1.5
"""How far blocks that run side by side may exceed what they are likely to cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """US dollars that a block of trials is likely to cost, and the worst case of its most expensive
    call, in all and of each recipe."""

    likely: float = 0.0
    call: float = 0.0
    by_recipe: Mapping[str, float] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Block:
    """Trials that belong together: their place in the order, what they were taken to cost before
    anything ended and since then, and what they have cost (US$)."""

    place: int
    guess: float
    likely: float
    spent: float = 0.0
    cut: bool = False
    keys: set[str] = field(default_factory=set)

    @property
    def ahead(self) -> float:
        """What the rest may cost, with something to spare."""
        return max(0.0, _SPARE * self.likely - self.spent)


class Budget:
    """US dollars of one run.

    `worst_usd(call)` is the most that an attempt can cost, None for a price that nobody knows;
    `paid_usd(call, reply)` is what a reply cost. `most` None means that nothing is limited, and
    only sums are kept.
    """

    def __init__(
        self,
        most: float | None,
        worst_usd: Callable[[Call], float | None],
        paid_usd: Callable[[Call, Reply], float | None],
        spent: float = 0.0,
    ) -> None:
        self.most = most
        self.spent = spent
        self.above: dict[str, tuple[int, float]] = {}
        """Calls that cost more than their worst case, by model, and the US$ beyond it."""
        self.misbilled: str | None = None
        """What was wrong with the first bill far above its worst case: nothing is sent after it."""
        self.large_first = False
        """Whether money goes to the calls with the largest worst case, not to the oldest block."""
        self.refused_usd = 0.0
        """The most that anything may cost for which there was not enough left."""
        self._seen: set[str] = set()
        self._unseen: dict[str, int] = {}
        self._worst_usd = worst_usd
        self._paid_usd = paid_usd
        self._in_flight: dict[int, float] = {}
        self._attempts = 0
        self._begun = 0
        self._ended = (0.0, 0.0)
        self._blocks: set[Block] = set()
        self._block_of: dict[str, Block] = {}
        self._queue: list[tuple[float, int, float, asyncio.Future[None]]] = []
        self._changed = asyncio.Event()

    @property
    def left(self) -> float:
        """What is neither spent nor reserved (US$)."""
        return math.inf if self.most is None else self.most - self.spent - self.reserved

    @property
    def reserved(self) -> float:
        """What attempts in flight may still cost (US$)."""
        return sum(self._in_flight.values())

    async def begin(self, need: Need) -> Block:
        """Begin a block beside others where all are likely to fit, and alone where it may fit.

        Raises BudgetError when it does not fit although nothing else is going on.
        """
        while not self._may_begin(need):
            if not self._blocks and not self._in_flight:
                likely = self._scaled(need.likely)
                verb = "is likely to cost" if likely > need.call else "has a call that may cost"
                what = f"the next task, with all its recipes, {verb}"
                raise self._too_little(what, max(likely, need.call))
            await self._change()
        return self.open(need)

    def open(self, need: Need) -> Block:
        """Begin a block at once."""
        self._begun += 1
        block = Block(place=self._begun, guess=need.likely, likely=self._scaled(need.likely))
        self._blocks.add(block)
        return block

    def _may_begin(self, need: Need) -> bool:
        likely = self._scaled(need.likely)
        if not self._blocks and not self._in_flight:
            return self._fits(max(likely, need.call))
        ahead = sum(block.ahead for block in self._blocks)
        return self._fits(ahead + _SPARE * likely + need.call)

    def _scaled(self, likely: float) -> float:
        """With what blocks that have ended cost, compared with what they were likely to cost."""
        expected, cost = self._ended
        return likely * (likely + cost) / (likely + expected) if likely else 0.0

    def charge(self, key: str, block: Block) -> None:
        """Attempts at this call belong to the block, unless another block wanted it first."""
        if self._block_of.setdefault(key, block) is block:
            block.keys.add(key)

    def end(self, block: Block) -> None:
        """All trials of a block have ended."""
        self._blocks.discard(block)
        if not block.cut:
            expected, cost = self._ended
            self._ended = expected + block.guess, cost + block.spent
        for key in block.keys:
            del self._block_of[key]
        block.keys.clear()
        self._changed.set()

    def wrap(self, send: Send) -> Send:
        """Reserve, send, settle. Raises BudgetError when the worst case cannot fit any more.

        A model is held to a few calls until a bill of it was seen. After the first bill far above
        its worst case nothing is sent any more: price or endpoint are not what the bench says.
        """

        async def within(call: Call) -> Reply:
            worst = self._worst_usd(call)
            block = self._block_of.get(call.key)
            await self._first_bills(call)
            try:
                return await self._sent(call, worst, block, send)
            finally:
                self._unseen[call.model.name] -= 1
                self._changed.set()

        return within

    async def _sent(
        self, call: Call, worst: float | None, block: Block | None, send: Send
    ) -> Reply:
        attempt = await self._reserve(worst, block)
        cost = 0.0
        try:
            self._stop_if_misbilled()
            cost = worst or 0.0  # what an attempt of unknown bill may have cost
            reply = await send(call)
            paid = self._paid_usd(call, reply)
            self._compare(call, worst, paid)
            cost = paid if paid is not None else cost
            return reply
        except AttemptFailedError as problem:
            if problem.attempt.billed is False:
                cost = 0.0
            elif problem.attempt.billed and problem.attempt.cost_worst is not None:
                cost = problem.attempt.cost_worst  # what its body says
            raise
        finally:
            self._settle(attempt, cost, block)

    async def _first_bills(self, call: Call) -> None:
        """Wait while as many calls of this model are in flight as may be before its first bill."""
        name = call.model.name
        while self.most is not None and name not in self._seen and not self.misbilled:
            if self._unseen.get(name, 0) < _UNSEEN:
                break
            await self._change()
        self._stop_if_misbilled()
        self._unseen[name] = self._unseen.get(name, 0) + 1

    def _stop_if_misbilled(self) -> None:
        if self.misbilled:
            raise BudgetError(self.misbilled)

    def _compare(self, call: Call, worst: float | None, paid: float | None) -> None:
        """Note a bill above what was reserved; without a budget or a price nothing is."""
        name = call.model.name
        self._seen.add(name)
        if self.most is None or call.model.price is None:
            return
        if worst is None or paid is None or paid <= worst:
            return
        calls, usd = self.above.get(name, (0, 0.0))
        self.above[name] = calls + 1, usd + paid - worst
        if paid > _FAR * worst and self.misbilled is None:
            self.misbilled = (
                f"{name} billed ${paid:.4f} for a call that can cost ${worst:.4f} at most at the "
                "price of the bench; compare its `price:` (US$ per million tokens) and "
                "`max_tokens` with what the endpoint bills"
            )

    async def _reserve(self, worst: float | None, block: Block | None) -> int:
        """Take the worst case of an attempt, in turn: the oldest block first, a cut one last."""
        self._attempts += 1
        number = self._attempts
        if self.most is None:
            return number
        if worst is None:
            raise BudgetError("a call of unknown price was asked for under a budget")
        place = self._place(worst, block)
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (place, number, worst, turn))
        self._take_turns()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._settle(number, 0.0, None)
            self._take_turns()
            raise
        return number

    def _place(self, worst: float, block: Block | None) -> float:
        if block is not None and block.cut:
            return math.inf
        if self.large_first:
            return -worst
        return 0.0 if block is None else float(block.place)

    def _take_turns(self) -> None:
        """Let begin what fits, in order; refuse what does not fit although nothing is in flight."""
        while self._queue:
            _, number, worst, turn = self._queue[0]
            fits = self._fits(worst)
            if not turn.done():
                if not fits and self._in_flight:
                    return
                if fits:
                    self._in_flight[number] = worst
                    turn.set_result(None)
                else:
                    turn.set_exception(self._too_little("the next call may cost", worst))
            heapq.heappop(self._queue)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _fits(self, worst: float) -> bool:
        return worst <= self.left

    def _too_little(self, what: str, usd: float) -> BudgetError:
        most = self.most or 0.0
        self.refused_usd = max(self.refused_usd, usd)
        over = f" (${self.spent:.4f} are spent)" if self.spent > most else ""
        left = max(0.0, most - self.spent)
        return BudgetError(f"{what} ${usd:.4f}, and ${left:.4f} of ${most:g} are left{over}")

    def _settle(self, attempt: int, cost: float, block: Block | None) -> None:
        self._in_flight.pop(attempt, None)
        self.spent += cost
        if block is not None:
            block.spent += cost
        self._take_turns()
        self._changed.set()
