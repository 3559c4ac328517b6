"""The gate and the budget under stress: never above, never stuck, nothing forgotten."""

from __future__ import annotations

import asyncio
import heapq
import random
from dataclasses import dataclass, replace
from typing import Any

import pytest
from engine_kit import call
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fusion_eval.core import Attempt, Call, Reply
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.breaker import Breaker
from fusion_eval.engine.budget import Budget
from fusion_eval.engine.gate import Slots, Window, concurrency
from fusion_eval.engine.retry import retry
from fusion_eval.errors import BudgetError, CallFailedError, DeadEndpointError

REPLY = Reply(text="x", attempts=(Attempt(number=1),))


def within(seconds: float, work: Any) -> Any:
    """Run a coroutine; a deadlock fails the test instead of hanging the suite."""

    async def guarded() -> Any:
        return await asyncio.wait_for(work, seconds)

    return asyncio.run(guarded())


def refused(
    failure: str, billed: bool | None = False, latency_s: float = 0.0
) -> AttemptFailedError:
    """An attempt that brought nothing."""
    return AttemptFailedError(
        Attempt(number=0, failure=failure, billed=billed, latency_s=latency_s)
    )


# The gate


def test_nothing_is_sent_while_the_last_reply_says_that_nothing_is_left():
    """Asked meanwhile, the endpoint refuses; asked by everybody, it may lock the key."""
    sent_at: list[float] = []

    async def last_one(_: Call) -> Reply:
        sent_at.append(asyncio.get_running_loop().time())
        return replace(REPLY, extra={"used_up_s": 0.3} if len(sent_at) == 1 else {})

    async def work() -> None:
        gated = concurrency(last_one, max_in_flight=1)
        await asyncio.gather(*(gated(call(draw=draw)) for draw in range(5)))

    within(10, work())
    first, *others = sent_at
    assert len(others) == 4
    assert min(others) - first >= 0.29


@settings(max_examples=40, deadline=None, phases=[Phase.generate])  # each hang takes seconds
@given(seed=st.integers(0, 10**9), most=st.integers(1, 6))
def test_the_gate_is_never_exceeded_and_nobody_waits_for_ever(seed: int, most: int):
    """Cancelled waiters, refusals and growth together must not lose a slot: a lost one hangs."""
    chance = random.Random(seed)
    gate = Slots(most)
    inside, done = 0, 0

    async def visit() -> None:
        nonlocal inside, done
        await gate.enter("m")
        try:
            inside += 1
            assert inside <= most
            assert inside == gate.in_flight
            await asyncio.sleep(0 if chance.random() < 0.7 else 0.0005)
            if chance.random() < 0.2:
                gate.window("m").refused()
            else:
                gate.window("m").replied(0.0001)
        finally:
            inside -= 1
            gate.leave("m")
            done += 1

    async def stress() -> None:
        tasks = []
        for _ in range(60):
            tasks.append(asyncio.create_task(visit()))
            if chance.random() < 0.4:
                await asyncio.sleep(0)
            if chance.random() < 0.3:
                chance.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await visit()  # the gate still lets somebody in

    within(5, stress())
    assert gate.in_flight == 0
    assert done >= 1


class _Time:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def _rounds(window: Window, clock: _Time, rounds: int) -> None:
    """Round trips of 0.1 s in which every slot brings a reply."""
    for _ in range(rounds):
        for _ in range(window.limit):
            clock.now += 0.1 / window.limit
            window.replied(0.1)


def test_a_window_opens_quickly_to_the_most_that_is_allowed():
    """Sixty slots opened one by one, at 20 s a call, would take twenty minutes."""
    clock = _Time()
    window = Window(200, clock)
    assert window.limit <= 16
    _rounds(window, clock, 5)
    assert window.limit == 200


def test_a_burst_of_refusals_costs_a_window_once_and_it_opens_again():
    """Shrunk once per refusal, 64 answers of 429 would leave one slot, and a run of days."""
    clock = _Time()
    window = Window(64, clock)
    _rounds(window, clock, 6)
    for _ in range(64):
        window.refused()
    assert 40 <= window.limit < 64
    _rounds(window, clock, 60)
    assert window.limit == 64


@dataclass
class _Endpoint:
    """Answers after 0.2 s, refuses above its ceiling and sometimes by chance; nobody is idle."""

    ceiling: int
    by_chance: float
    in_flight: int = 0

    def loaded(self, window: Window, clock: _Time, seconds: float) -> tuple[list[int], int]:
        """The window's limit at each reply, and refusals above the ceiling, both after 10 s."""
        chance, inside = random.Random(4), 0
        events: list[tuple[float, int, bool]] = []
        limits, refused = list[int](), 0
        while clock.now < seconds:
            while inside < window.limit:
                full = self.in_flight >= self.ceiling
                good = not full and chance.random() >= self.by_chance
                refused += full and clock.now > 10
                self.in_flight += good
                inside += 1
                wait = (0.2 if good else 0.002) * chance.uniform(0.9, 1.1)
                heapq.heappush(events, (clock.now + wait, chance.getrandbits(30), good))
            clock.now, _, good = heapq.heappop(events)
            inside -= 1
            if good:
                self.in_flight -= 1
                window.replied(0.2)
                limits += [window.limit] if clock.now > 10 else []
            else:
                window.refused(1.0)
        return limits, refused


@pytest.mark.parametrize("by_chance", [0.0, 0.02])
def test_a_ceiling_is_found_and_kept_although_some_are_refused_by_chance(by_chance: float):
    """Each refusal taken for a ceiling, an endpoint would be half idle for the whole run."""
    clock = _Time()
    limits, refused = _Endpoint(40, by_chance).loaded(Window(200, clock), clock, 60.0)
    assert 36 <= sum(limits) / len(limits) <= 42
    assert refused < 0.02 * len(limits)


def test_early_refusals_do_not_make_a_run_begin_again_one_by_one():
    """From 16 slots to 100 one by one, at 20 s a call, is half an hour of waiting."""
    clock = _Time()
    window = Window(200, clock)
    _rounds(window, clock, 3)
    before = window.limit
    for _ in range(before):
        window.refused()
    _rounds(window, clock, 3)
    assert window.limit >= before // 2


def test_a_window_never_closes():
    """An endpoint that refuses for a while must be asked again some time."""
    clock = _Time()
    window = Window(3, clock)
    for _ in range(100):
        clock.now += 1.0
        for _ in range(5):
            window.refused()
    assert window.limit == 1


def test_with_one_slot_left_the_endpoint_is_left_alone_for_as_long_as_it_says():
    """A limit per minute is not met by asking one at a time without a pause."""
    clock = _Time()
    window = Window(1, clock)
    window.refused(retry_after_s=7.0)
    assert window.closed_s() == pytest.approx(7.0)


def lost(failure: str, **marks: Any) -> AttemptFailedError:
    """An attempt that brought nothing."""
    return AttemptFailedError(Attempt(number=1, failure=failure, detail="silence"), **marks)


def test_a_dead_endpoint_is_given_up_and_others_are_not():
    """An hour of retries against a server that is gone is an hour in which nobody is told."""
    clock = _Time()
    breaker = Breaker(clock=clock)
    gone, other = call(name="gone").model.endpoint, call(name="other").model.endpoint
    for _ in range(50):
        breaker.failed(gone, lost("timeout"))
    breaker.check(gone)  # a short outage is what retries are for
    clock.now += 60
    breaker.failed(gone, lost("timeout"))
    with pytest.raises(DeadEndpointError, match=r"'gone'.*51 attempts.*timeout \(silence\)"):
        breaker.check(gone)
    breaker.check(other)


def test_one_reply_resets_the_breaker_and_a_refused_key_trips_it_soon():
    """A server that answers one call in thirty is slow, not dead; a key without credit is."""
    clock = _Time()
    breaker = Breaker(clock=clock)
    endpoint = call().model.endpoint
    for _ in range(30):
        clock.now += 60
        breaker.failed(endpoint, lost("timeout"))
        breaker.replied(endpoint)
    breaker.check(endpoint)
    for _ in range(5):
        breaker.failed(endpoint, lost("no_credit"))
    with pytest.raises(DeadEndpointError, match="no_credit"):
        breaker.check(endpoint)


def test_models_at_one_endpoint_share_its_slots_and_not_their_refusals():
    """A model that is refused must not slow down the grader beside it."""
    slots = Slots(8)
    for _ in range(20):
        slots.window("refused").refused()

    async def work() -> tuple[int, int]:
        async def inside(model: str) -> None:
            await slots.enter(model)

        waiting = [asyncio.create_task(inside(m)) for m in ["refused"] * 20 + ["fine"] * 20]
        await asyncio.sleep(0.01)
        for task in waiting:
            task.cancel()
        return slots._inside["refused"], slots._inside["fine"]

    refused, fine = within(5, work())
    assert slots.window("refused").limit < slots.window("fine").limit == 8
    assert refused + fine == 8
    assert fine > 0


def test_each_endpoint_has_a_gate_of_its_own():
    """One slow endpoint would hold the slots of all others."""

    async def work() -> None:
        both = asyncio.Barrier(2)

        async def send(_: Call) -> Reply:
            await both.wait()
            return REPLY

        gated = concurrency(send, max_in_flight=1)
        await asyncio.gather(gated(call(name="a")), gated(call(name="b")))

    within(5, work())


def test_no_slot_is_held_while_a_retry_waits():
    """With four attempts and a Retry-After of a minute, a few refusals would stop everything."""
    order: list[str] = []

    async def send(asked: Call) -> Reply:
        prompt = asked.messages[0].content
        order.append(prompt)
        if prompt == "refused" and order.count("refused") == 1:
            raise AttemptFailedError(refused("rate_limited").attempt, retry_after_s=0.05)
        return REPLY

    async def work() -> None:
        stack = retry(concurrency(send, max_in_flight=1), attempts=2)
        await asyncio.gather(stack(call(prompt="refused")), stack(call(prompt="other")))

    within(5, work())
    assert order == ["refused", "other", "refused"]


# The budget


class Bank:
    """What calls can cost and do cost, known by their prompts; counts what it has billed."""

    def __init__(self, costs: list[tuple[float, float, str]], seed: int = 0) -> None:
        self.costs = costs
        self.billed = 0.0
        self.chance = random.Random(seed)

    def worst(self, asked: Call) -> float:
        return self._of(asked)[0]

    def paid(self, asked: Call, reply: Reply) -> float | None:
        return self._of(asked)[1]

    async def send(self, asked: Call) -> Reply:
        _, cost, fate = self._of(asked)
        for _ in range(self.chance.randrange(4)):
            await asyncio.sleep(0)
        if fate == "refused":
            raise refused("bad_request", billed=False)
        self.billed += cost  # a time-out is billed too: nobody tells us
        if fate == "silent":
            raise refused("timeout", billed=None)
        return REPLY

    def _of(self, asked: Call) -> tuple[float, float, str]:
        return self.costs[int(asked.messages[0].content)]


one_cost = st.tuples(
    st.floats(0, 3), st.floats(0, 1), st.sampled_from(["good", "good", "refused", "silent"])
).map(lambda c: (c[0], c[0] * c[1], c[2]))


@settings(max_examples=150, deadline=None)
@given(
    costs=st.lists(one_cost, min_size=1, max_size=25),
    most=st.floats(0.1, 10),
    seed=st.integers(0, 10**6),
    cancelled=st.sets(st.integers(0, 24), max_size=4),
)
def test_the_budget_is_never_overspent_by_a_single_call(
    costs: list[tuple[float, float, str]], most: float, seed: int, cancelled: set[int]
):
    """The budget is the one promise about money that we make."""
    bank = Bank(costs, seed)
    budget = Budget(most, bank.worst, bank.paid)
    send = budget.wrap(bank.send)

    async def work() -> list[Any]:
        tasks = [asyncio.create_task(send(call(prompt=str(i)))) for i in range(len(costs))]
        await asyncio.sleep(0)
        for i in cancelled & set(range(len(costs))):
            tasks[i].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = within(5, work())

    assert bank.billed <= budget.spent + 1e-9
    assert budget.spent <= most + 1e-9
    for (worst, _, _), result in zip(costs, results, strict=True):
        assert isinstance(result, Reply | AttemptFailedError | BudgetError | asyncio.CancelledError)
        if isinstance(result, BudgetError):
            assert worst + budget.spent > most - 1e-9


def test_a_call_waits_for_money_that_others_may_give_back():
    """Refused at once, a run under a budget would stop while most of the money is unspent."""
    bank = Bank([(0.9, 0.1, "good")] * 5)
    budget = Budget(1.3, bank.worst, bank.paid)
    send = budget.wrap(bank.send)

    async def work() -> None:
        await asyncio.gather(*(send(call(prompt=str(i))) for i in range(5)))

    within(5, work())
    assert budget.spent == pytest.approx(0.5)


def test_a_call_that_cannot_fit_any_more_is_refused_and_says_what_is_left():
    """Waiting for money that nobody can give back would hang the run."""
    bank = Bank([(0.9, 0.8, "good"), (0.9, 0.8, "good")])
    send = Budget(1.0, bank.worst, bank.paid).wrap(bank.send)

    async def work() -> None:
        await send(call(prompt="0"))
        with pytest.raises(BudgetError, match=r"\$0\.9000.*\$0\.2000"):
            await send(call(prompt="1"))

    within(5, work())
    assert bank.billed == 0.8


def test_rounding_leaves_nothing_reserved_that_a_call_would_wait_for():
    """A rest of 1e-10 dollars, never given back, would let the last call wait for ever."""
    chance = random.Random(3)
    costs = [(chance.uniform(1e4, 1e6), 0.0, "refused") for _ in range(300)]
    bank = Bank([*costs, (3e12, 0.0, "good")])
    send = Budget(1e12, bank.worst, bank.paid).wrap(bank.send)

    async def work() -> None:
        for _ in range(10):
            tasks = [send(call(prompt=str(i))) for i in range(300)]
            await asyncio.gather(*tasks, return_exceptions=True)
        with pytest.raises(BudgetError):
            await send(call(prompt="300"))

    within(30, work())


def test_an_attempt_of_unknown_bill_counts_as_spent_at_its_worst():
    """A time-out is often billed; forgotten, four of them per call multiply the bill unseen."""
    bank = Bank([(0.4, 0.4, "silent"), (0.4, 0.0, "refused")])
    budget = Budget(1.0, bank.worst, bank.paid)
    send = retry(budget.wrap(bank.send), attempts=1)

    async def work() -> list[Any]:
        asks = (send(call(prompt=str(i))) for i in range(2))
        return await asyncio.gather(*asks, return_exceptions=True)

    silent, free = within(5, work())
    assert isinstance(silent, CallFailedError)
    assert isinstance(free, CallFailedError)
    assert budget.spent == pytest.approx(0.4)


def test_a_reply_of_unknown_price_counts_at_its_worst():
    """An endpoint that reports no usage would have an endless budget."""
    budget = Budget(1.0, lambda _: 0.6, lambda _, __: None)

    async def send(_: Call) -> Reply:
        return REPLY

    async def work() -> None:
        wrapped = budget.wrap(send)
        await wrapped(call())
        with pytest.raises(BudgetError):
            await wrapped(call())

    within(5, work())
    assert budget.spent == 0.6


def test_a_model_of_unknown_price_is_not_asked_under_a_budget():
    """No worst case can be reserved for it, so no limit would hold."""
    budget = Budget(1.0, lambda _: None, lambda _, __: None)

    async def send(_: Call) -> Reply:
        raise AssertionError("sent")

    async def work() -> None:
        with pytest.raises(BudgetError):
            await budget.wrap(send)(call())

    within(5, work())
