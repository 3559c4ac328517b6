"""Money in whole runs: never above the budget, always whole tasks, and what was cut is named."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_kit import (
    MINI,
    RECIPES,
    bench_file,
    call,
    completion,
    later,
    model,
    rows,
    served,
    simulator,
)
from made_budgets import forecast
from made_worlds import WORLDS, worlds

import fusion_eval as fe
from fusion_eval.bench import execute as executing
from fusion_eval.bench.execute import execute
from fusion_eval.core import (
    Attempt,
    Bench,
    Call,
    Criterion,
    Grader,
    Limits,
    Member,
    Model,
    Price,
    Question,
    Recipe,
    Reply,
    Task,
    TaskSet,
    Usage,
)
from fusion_eval.engine import prices
from fusion_eval.engine.attempt import AttemptFailedError
from fusion_eval.engine.budget import Budget, Need
from fusion_eval.errors import BudgetError
from fusion_eval.loading.tasks import load_tasks
from fusion_eval.report.notes import money_lines

PRICE = {"input": 2.0, "output": 15.0}
REPLY = Reply(text="x", attempts=(Attempt(number=1),))


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a key that is set, which makes an endpoint one that costs money."""
    monkeypatch.setenv("FAKE_KEY", "sk-fake")
    return "FAKE_KEY"


# Blocks, over HTTP


@pytest.mark.parametrize("budget", [0.18, 0.17, 0.001])
def test_a_run_without_money_ends_on_whole_tasks_and_names_the_others(
    tmp_path: Path, paid: str, budget: float
):
    """A task answered by half of the recipes is lost for every paired comparison, but was paid."""
    door = simulator(later(0.002))
    with served(door) as url:
        bench = bench_file(tmp_path, {"base_url": url, "api_key_env": paid}, price=PRICE)
        run = fe.run(MINI, bench, budget_usd=budget, output_dir=tmp_path / "results")

    done = Counter(trial["task"] for trial in rows(run, "trials"))
    names = [task.id for task in load_tasks(MINI).tasks]
    cut = run.manifest["cut"]
    each = len(RECIPES) * 2
    assert run.manifest["status"] == "stopped_by_budget"
    assert set(done.values()) <= {each}
    assert [*done, *cut["tasks"]] == names  # in the order of the file, none skipped
    assert cut["trials"] == each * len(cut["tasks"]) > 0
    assert door.billed_usd == pytest.approx(run.manifest["money"]["spent_usd"])
    assert door.billed_usd <= budget
    assert (door.billed_usd == 0.0) == (budget == 0.001)


def test_whoever_runs_out_of_money_reads_what_was_left_out(tmp_path: Path, paid: str):
    """`stopped` alone does not say whether the tasks that one cares about were among them."""
    from fusion_eval.ending import unfinished

    with served(simulator()) as url:
        bench = bench_file(tmp_path, {"base_url": url, "api_key_env": paid}, price=PRICE)
        run = fe.run(MINI, bench, budget_usd=0.001, output_dir=tmp_path / "results")

    said = unfinished(run.manifest)
    assert said is not None
    assert "36 trials of: tides, blue-sky, compound-interest, ticket-books" in said
    assert "of $0.001 are left" in said
    assert "larger --budget" in said


def test_what_the_ledger_knows_is_free_and_needs_no_room_in_the_budget(tmp_path: Path, paid: str):
    """Going on with a stopped run would need the money of everything that is paid already."""
    with served(simulator()) as url:
        bench = bench_file(tmp_path, {"base_url": url, "api_key_env": paid}, price=PRICE)
        fe.run(MINI, bench, budget_usd=5.0, output_dir=tmp_path / "results")
        again = fe.run(MINI, bench, budget_usd=0.001, output_dir=tmp_path / "results")

    assert again.manifest["status"] == "finished"
    assert again.manifest["calls"]["made"] == 0


# Blocks, in the budget itself


def test_a_block_waits_for_what_another_may_give_back_and_begins_then():
    """Refused at once, a run would stop while most of what is set aside is never spent."""
    budget = Budget(1.0, lambda _: 0.6, lambda _, __: 0.1)

    async def send(_: Call) -> Reply:
        await asyncio.sleep(0)
        return REPLY

    async def block(prompt: str) -> None:
        money = await budget.begin(Need(likely=0.2, call=0.6))
        budget.charge(call(prompt=prompt).key, money)
        await budget.wrap(send)(call(prompt=prompt))
        budget.end(money)

    async def work() -> None:
        async with asyncio.timeout(5):
            await asyncio.gather(*(block(str(i)) for i in range(4)))

    asyncio.run(work())
    assert budget.spent == pytest.approx(0.4)
    assert budget.reserved == 0.0


def test_of_two_blocks_that_cannot_both_be_finished_the_older_one_is():
    """Each taking turns, both would be cut, and everything they cost be of no use."""
    budget = Budget(1.0, lambda _: 0.3, lambda _, __: 0.3)
    results: list[tuple[str, str]] = []

    async def send(_: Call) -> Reply:
        await asyncio.sleep(0)
        return REPLY

    async def block(name: str) -> None:
        money = await budget.begin(Need(likely=0.1, call=0.3))
        try:
            for i in range(2):
                asked = call(prompt=f"{name} {i}")
                budget.charge(asked.key, money)
                await budget.wrap(send)(asked)
            results.append((name, "whole"))
        except BudgetError:
            results.append((name, "cut"))
        finally:
            budget.end(money)

    async def work() -> None:
        async with asyncio.timeout(5):
            await asyncio.gather(block("a"), block("b"))

    asyncio.run(work())
    assert dict(results) == {"a": "whole", "b": "cut"}
    assert budget.spent == pytest.approx(0.9)


def test_nothing_stops_while_what_is_in_flight_may_bring_the_money_back():
    """A worst case in flight is not spent: refused for it, a run stops with most of its money."""
    budget = Budget(1.0, lambda _: 0.9, lambda _, __: 0.01)

    async def send(_: Call) -> Reply:
        await asyncio.sleep(0.001)
        return REPLY

    async def work() -> None:
        async with asyncio.timeout(5):
            asked = [call(prompt=str(i)) for i in range(10)]
            await asyncio.gather(*map(budget.wrap(send), asked))

    asyncio.run(work())
    assert budget.spent == pytest.approx(0.1)


def test_what_blocks_have_cost_decides_which_may_still_begin():
    """Lengths that were guessed at half would let a task begin which the money cannot finish."""
    budget = Budget(1.0, lambda _: 0.3, lambda _, __: 0.3)

    async def send(_: Call) -> Reply:
        return REPLY

    async def work() -> None:
        for i in range(2):
            money = await budget.begin(Need(likely=0.1, call=0.1))
            asked = call(prompt=str(i))
            budget.charge(asked.key, money)
            await budget.wrap(send)(asked)
            budget.end(money)
        with pytest.raises(BudgetError, match=r"likely to cost \$0\.2333, and \$0\.2000 of"):
            await budget.begin(Need(likely=0.1, call=0.1))

    budget.most = 0.8
    asyncio.run(work())


# 300 random benches and budgets


class Bank:
    """The bottom of the stack: scripted models that bill, and tell late or never what they billed.

    `calm` ones neither fail nor write more than their tokens hold.
    """

    def __init__(self, chance: random.Random, *, calm: bool) -> None:
        self.chance = chance
        self.calm = calm
        self.billed = 0.0
        self.asked: Counter[str] = Counter()

    async def check(self, _: object) -> None:
        pass

    async def close(self) -> None:
        pass

    async def send(self, asked: Call) -> Reply:
        chance, worst = self.chance, prices.worst_case(asked)
        assert worst is not None
        self.asked[asked.key] += 1
        fate = "good" if self.calm else chance.choice(["good"] * 7 + ["429", "500", "timeout"])
        for _ in range(chance.randrange(5)):
            await asyncio.sleep(0)
        if fate == "429":
            raise _failed("rate_limited", billed=False)
        cost = worst * chance.choice([0.02, 0.2, 0.7, 1.0])
        self.billed += cost
        for _ in range(chance.randrange(5)):  # billed, and not yet told
            await asyncio.sleep(0)
        if fate != "good":
            raise _failed("timeout" if fate == "timeout" else "server_error", billed=None)
        told = chance.random() < 0.8
        return self._reply(asked, cost if told else None)

    def _reply(self, asked: Call, cost: float | None) -> Reply:
        most = prices.most_out(asked.model)
        tokens = self.chance.randint(1, most)
        text = "word " * round(tokens * (1.0 if self.calm else self.chance.choice([0.5, 1, 3])))
        if asked.output is not None and asked.output.name == "verdict":
            text = '{"explanation": "so", "verdict": "MET"}'
        usage = Usage(output=tokens) if cost is not None else None
        attempt = Attempt(number=1, usage=usage, cost_reported=cost)
        return Reply(text=text, usage=usage, cost_reported=cost, attempts=(attempt,))


def _failed(failure: str, *, billed: bool | None) -> AttemptFailedError:
    return AttemptFailedError(Attempt(number=0, failure=failure, billed=billed))


def _model(name: str, chance: random.Random) -> Model:
    price = Price(input=chance.uniform(0, 5), output=chance.uniform(0.1, 30))
    cap = {"max_tokens": chance.choice([16, 64, 256])}
    return Model(name=name, endpoint=model().endpoint, id=f"maker/{name}", params=cap, price=price)


def _bench(chance: random.Random) -> tuple[TaskSet, Bench]:
    """Random tasks, models, prices and recipes of all five strategies."""
    models = {name: _model(name, chance) for name in "abc"}
    seats = {name: Member(name=name, model=model) for name, model in models.items()}

    def some() -> tuple[Member, ...]:
        return tuple(seats[chance.choice("abc")] for _ in range(chance.randint(2, 3)))

    made = {
        "solo": {"member": seats["a"]},
        "self_fusion": {"member": seats["b"], "n": chance.randint(1, 3)},
        "panel": {"members": some(), "judge": seats["c"], "synthesizer": seats["a"]},
        "vote": {"members": some()},
        "debate": {"members": some()},
    }
    chosen = chance.sample(sorted(made), chance.randint(1, 3))
    bench = Bench(
        name="random",
        models=models,
        recipes={s: Recipe(name=s, strategy=s, params=made[s]) for s in chosen},
        grader=Grader(members=(seats[chance.choice("abc")],)),
        limits=Limits(max_in_flight=chance.choice([1, 3, 8, 64]), attempts=3),
        repeats=chance.randint(1, 2),
        resolved={"recipes": {}, "seed": chance.random()},
    )
    return TaskSet(name="random", tasks=_tasks(chance)), bench


def _tasks(chance: random.Random) -> tuple[Task, ...]:
    return tuple(
        Task(
            id=f"t{i}",
            question=Question(prompt=f"Question {i}? " * chance.randint(1, 9)),
            criteria=tuple(
                Criterion(id=f"c{k}", section="s", weight=1.0, requirement=f"Says {k}")
                for k in range(chance.randint(1, 3))
            ),
        )
        for i in range(chance.randint(2, 5))
    )


@pytest.mark.simulation
@pytest.mark.usefixtures("no_waits")
def test_no_bench_and_no_budget_is_ever_overspent_and_no_task_is_left_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The budget is the one promise about money that we make; costs come late, or never."""
    stopped, benches = 0, 300 if worlds() >= WORLDS["full"] else 20
    for seed in range(benches):
        chance = random.Random(seed)
        tasks, bench = _bench(chance)
        bank = Bank(chance, calm=seed % 2 == 0)
        monkeypatch.setattr(executing, "Clients", lambda *_, bank=bank, **__: bank)
        guess = forecast(tasks, bench)
        most = chance.uniform(0.05, 1.5) * guess.expected_usd
        under = replace(bench, limits=replace(bench.limits, budget_usd=most))
        run = execute(tasks, under, results=tmp_path / str(seed))

        where = f"seed {seed}"
        done = Counter(trial["task"] for trial in rows(run, "trials"))
        assert bank.billed <= most * (1 + 1e-9), where
        if run.manifest["status"] == "stopped_by_budget":
            stopped += 1
            assert set(done.values()) <= {len(bench.recipes) * bench.repeats}, where
            assert set(run.manifest["cut"]["tasks"]) == {t.id for t in tasks.tasks} - set(done)
        if bank.calm:
            assert set(bank.asked.values()) <= {1}, where
    assert stopped > 0.3 * benches


def test_dollars_beyond_the_worst_case_are_named_with_their_model():
    """A provider that ignores `max_tokens` overspends a budget; it must be known which one."""
    costs = iter([0.5, 0.9, 0.7])

    async def work() -> Budget:
        budget = Budget(10.0, lambda _: 0.6, lambda _, __: next(costs))

        async def reply(_: Call) -> Reply:
            return REPLY

        send = budget.wrap(reply)
        for _ in range(3):
            await send(call(price=Price(input=1.0, output=1.0)))
        return budget

    ((named, (calls, usd)),) = asyncio.run(work()).above.items()
    assert (named, calls) == ("m", 2)
    assert usd == pytest.approx(0.4)
    summary = _summary_with({named: {"calls": calls, "usd": usd}})
    said = " ".join(money_lines(summary))
    assert "m billed $0.4" in said
    assert "more than the worst case that was reserved, in 2 calls" in said


def test_nothing_is_above_a_worst_case_where_nothing_was_reserved():
    """A server of one's own that reports a cost has no price that could be wrong."""

    async def work() -> Budget:
        budget = Budget(None, lambda _: 0.0, lambda _, __: 0.5)

        async def reply(_: Call) -> Reply:
            return REPLY

        await budget.wrap(reply)(call())
        return budget

    budget = asyncio.run(work())
    assert (budget.above, budget.misbilled, budget.spent) == ({}, None, 0.5)


def test_an_endpoint_that_bills_far_above_its_price_is_stopped_after_a_few_calls(
    tmp_path: Path, paid: str
):
    """A price per thousand tokens instead of a million cost $315 of a budget of one dollar."""
    seen = 0

    async def lying(body: bytes, number: int) -> tuple[int, str]:
        nonlocal seen
        seen += 1
        await asyncio.sleep(0.05)
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 3.0}
        return 200, json.dumps(completion("Answer: 1", usage=usage))

    with served(simulator(lying)) as url:
        limits = {"max_in_flight": 64}
        recipes = {"solo": {"strategy": "solo", "member": "heron"}}
        endpoint = {"base_url": url, "api_key_env": paid}
        bench = bench_file(tmp_path, endpoint, price=PRICE, limits=limits, recipes=recipes)
        run = fe.run(MINI, bench, budget_usd=1.0, output_dir=tmp_path / "results")

    assert 1 <= seen <= 5
    assert run.manifest["status"] == "stopped_by_budget"
    assert "heron billed $3.0000 for a call that can cost" in run.manifest["stopped_because"]


def _summary_with(above: dict[str, Any]) -> dict[str, Any]:
    """What the lines about money read, with nothing else to tell."""
    names = ("cost_usd", "spent_usd", "grading_usd", "grading_spent_usd", "possibly_paid_usd")
    return {
        "simulated": False,
        "unknown_usd": dict.fromkeys(names, 0),
        "at_least_usd": dict.fromkeys(names, 0.0),
        "money": {
            **dict.fromkeys(names, 0.0),
            "run": {"above_worst_case": above},
            "served_otherwise": [],
        },
        **dict.fromkeys(names, 0.0),
        "calls": {"charged": 3, "made": 3},
    }
