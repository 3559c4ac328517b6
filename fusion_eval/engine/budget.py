"""Dollars of one run: reserved before anything is sent, given back when it is known what it cost.

Two reservations, one inside the other. A *block* of trials is begun only when the worst case of
all its calls fits, so that a run ends on complete blocks. Within it every *attempt* reserves its
own worst case before it is sent: that, and not the block, is what keeps the budget.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from fusion_eval.core import Call, Reply, Send
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.errors import BudgetError

_UNSEEN = 4
"""Calls of one model in flight at most, while no bill of it was seen."""
_FAR = 3.0
"""How often its worst case a bill must be, at least, for the price to be taken for an error."""


@dataclass(eq=False, slots=True)
class Block:
    """Dollars set aside for trials that belong together. `left` is neither spent nor in flight."""

    left: float = 0.0
    waiting: int = 0
    keys: set[str] = field(default_factory=set)


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
        self._seen: set[str] = set()
        self._unseen: dict[str, int] = {}
        self._worst_usd = worst_usd
        self._paid_usd = paid_usd
        self._in_flight: dict[int, float] = {}
        self._attempts = 0
        self._blocks: set[Block] = set()
        self._block_of: dict[str, Block] = {}
        self._changed = asyncio.Event()

    @property
    def reserved(self) -> float:
        """What attempts in flight and blocks that have begun may still cost (US$)."""
        return sum(self._in_flight.values()) + sum(block.left for block in self._blocks)

    async def begin(self, worst: float) -> Block:
        """Set aside the worst case of a block, waiting for what other blocks may give back.

        Raises BudgetError when it does not fit although nothing else is going on.
        """
        while not self._fits(worst):
            if not self._blocks and not self._in_flight:
                raise BudgetError(self._too_little("the next task, with all its recipes,", worst))
            await self._change()
        block = Block(left=worst)
        self._blocks.add(block)
        return block

    def charge(self, key: str, block: Block) -> None:
        """Attempts at this call draw on the block, unless another block wanted it first."""
        if self._block_of.setdefault(key, block) is block:
            block.keys.add(key)

    def end(self, block: Block) -> None:
        """Give back what a block did not need."""
        self._blocks.discard(block)
        block.left = 0.0
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
            attempt = await self._reserve(worst, block)
            cost = 0.0
            try:
                await self._first_bills(call)
                cost = worst or 0.0  # what an attempt of unknown bill may have cost
                try:
                    reply = await send(call)
                finally:
                    self._unseen[call.model.name] -= 1
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

        return within

    async def _first_bills(self, call: Call) -> None:
        """Wait while as many calls of this model are in flight as may be before its first bill."""
        name = call.model.name
        while self.most is not None and name not in self._seen and not self.misbilled:
            if self._unseen.get(name, 0) < _UNSEEN:
                break
            await self._change()
        if self.misbilled:
            raise BudgetError(self.misbilled)
        self._unseen[name] = self._unseen.get(name, 0) + 1

    def _compare(self, call: Call, worst: float | None, paid: float | None) -> None:
        """Note a bill above what was reserved; a model without a price has nothing reserved."""
        name = call.model.name
        self._seen.add(name)
        if worst is None or paid is None or paid <= worst or call.model.price is None:
            return
        calls, usd = self.above.get(name, (0, 0.0))
        self.above[name] = calls + 1, usd + paid - worst
        if self.most is not None and paid > _FAR * worst and self.misbilled is None:
            self.misbilled = (
                f"{name} billed ${paid:.4f} for a call that can cost ${worst:.4f} at most at the "
                "price of the bench; compare its `price:` (US$ per million tokens) and "
                "`max_tokens` with what the endpoint bills"
            )

    async def _reserve(self, worst: float | None, block: Block | None) -> int:
        """Take the block's own money first, the rest from what nobody has set aside."""
        self._attempts += 1
        number = self._attempts
        if self.most is None:
            return number
        if worst is None:
            raise BudgetError("a call of unknown price was asked for under a budget")
        own = await self._share(worst, block)
        if block is not None:
            block.left -= own
        self._in_flight[number] = worst
        return number

    async def _share(self, worst: float, block: Block | None) -> float:
        """The part that the block itself pays, as soon as the rest fits beside everything else."""
        waits = False
        try:
            while True:
                own = min(worst, block.left) if block is not None else 0.0
                if own >= worst or self._fits(worst - own):
                    return own
                if block is not None and not waits:
                    block.waiting += 1
                    self._changed.set()  # of the others that wait, one may now be the last
                waits = True
                self._give_up_if_nobody_can_pay(worst, block)
                await self._change()
        finally:
            if block is not None and waits:
                block.waiting -= 1

    def _give_up_if_nobody_can_pay(self, worst: float, block: Block | None) -> None:
        others = self._blocks - {block}
        if not self._in_flight and all(other.waiting for other in others):
            raise BudgetError(self._too_little("the next call", worst))

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _fits(self, worst: float) -> bool:
        return self.most is None or self.spent + self.reserved + worst <= self.most

    def _too_little(self, what: str, worst: float) -> str:
        most = self.most or 0.0
        left = max(0.0, most - self.spent)
        enough = math.ceil((self.spent + self.reserved + worst) * 100 + 1e-6) / 100
        over = f" (${self.spent:.4f} are spent)" if self.spent > most else ""
        return (
            f"{what} may cost ${worst:.4f}, and ${left:.4f} of ${most:g} are left{over}; "
            f"--budget {enough:.2f} lets it begin"
        )

    def _settle(self, attempt: int, cost: float, block: Block | None) -> None:
        worst = self._in_flight.pop(attempt, 0.0)
        self.spent += cost
        if block is not None and block in self._blocks:
            block.left = max(0.0, block.left + worst - cost)
        self._changed.set()
