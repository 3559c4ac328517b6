"""Calls and depth of every strategy: what a plan says, what a run makes, what the formula gives."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from scripted import AGAIN, member, question

from fusion_eval.bench.plan import plan
from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Bench, Call, Limits, Recipe, Reply, Task, TaskSet
from fusion_eval.strategies import STRATEGIES

SEATS = tuple(member(name) for name in "abcde")
A, JUDGE, WRITER = SEATS[0], member("judge"), member("writer")
UP_TO_FIVE = range(1, 6)
TASK = Task(id="how many", question=question("how many?", "numeric"))
ANOTHER = question("when?", "numeric")


@dataclass(frozen=True)
class Row:
    """One recipe, and what its formula gives: calls and depth at most, and at least.

    `judged` are those of the calls, at most, whose reply must be an object.
    """

    strategy: str
    params: dict[str, Any]
    calls: int
    depth: int
    least: tuple[int, int] | None = None
    judged: int = 0

    @property
    def recipe(self) -> Recipe:
        name = f"{self.strategy} {self.calls} {sorted(self.params)} {self.params.get('by')}"
        given = [v for v in self.params.values() if isinstance(v, int | str)]
        return Recipe(name=f"{name} {given}", strategy=self.strategy, params=self.params)


def rows() -> Iterator[Row]:
    """Every strategy, with n, rounds and layers from one to five.

    Formulas: n + n(n-1) for all pairs in both orders, nR + 1 for layers, n(T) for a debate of T
    rounds of answers, 2nR + 1 for a council, 1 + 2k for k refinements, I(n + 1) for a consortium.
    """
    yield Row("solo", {"member": A}, 1, 1)
    yield Row("external", {"product": A}, 1, 1)
    yield Row("no_drafts", {"synthesizer": WRITER}, 1, 1)
    three = SEATS[:3]
    for n in UP_TO_FIVE:
        seats = SEATS[:n]
        yield Row("vote", {"members": seats}, n, 1)
        yield Row("self_consistency", {"member": A, "n": n}, n, 1)
        several = int(n > 1)  # an only answer is returned without asking
        usc = {"member": A, "n": n}
        yield Row("universal_self_consistency", usc, n + several, 1 + several, judged=several)
        yield Row("self_fusion", {"member": A, "n": n}, n + 1, 2)
        yield Row("self_fusion", {"member": A, "n": n, "judge": JUDGE}, n + 2, 3, judged=1)
        ranking = {"members": seats, "ranker": JUDGE}
        yield Row("ranked", ranking, n + several, 1 + several, judged=several)
        yield Row("ranked", {"members": three, "ranker": JUDGE, "n": n}, 3 * n + 1, 2, judged=1)
        scoring = {"members": seats, "scorer": JUDGE}
        yield Row("best_of_n", scoring, n + n * several, 1 + several, judged=n * several)
        listwise = {"members": (A,), "n": n, "scorer": JUDGE, "scoring": "listwise"}
        yield Row("best_of_n", listwise, n + several, 1 + several, judged=several)
        pairs = {"members": seats, "ranker": JUDGE}
        yield Row("pairwise_rank", pairs, n + n * (n - 1), 1 + (n > 1), judged=n * (n - 1))
        yield Row(
            "pairwise_rank",
            {**pairs, "synthesizer": WRITER},
            n * n + 1,
            2 + (n > 1),
            judged=n * (n - 1),
        )
        yield Row(
            "pairwise_rank", {**pairs, "pairs": "bubble"}, n + 2 * (n - 1), n, judged=2 * (n - 1)
        )
        panel = {"members": seats, "synthesizer": WRITER}
        yield Row("panel", panel, n + 1, 2)
        yield Row("panel", {**panel, "question_blind": True}, n + 1, 2)
        yield Row("panel", {**panel, "analysis": "after"}, n + 1, 2)
        yield Row("panel", {**panel, "judge": JUDGE}, n + 2, 3, judged=1)
        yield Row("panel", {**panel, "judge": JUDGE, "writer_sees": "analysis"}, n + 2, 3, judged=1)
        yield Row("panel", {**panel, "judge": JUDGE, "refine": 1}, n + 4, 5, judged=2)
        yield Row("self_moa", {"member": A, "n": n}, n + 1, 2)
        for window in (2, 3, 4):
            steps = 1 + max(0, math.ceil((n - window) / (window - window // 2)))
            windowed = {"member": A, "n": n, "window": window}
            yield Row("self_moa", windowed, n + steps, 1 + steps)
        council = {"members": seats, "chairman": WRITER}
        yield Row("council", council, n + n * several + 1, 2 + several, judged=n * several)
        yield Row("copies", {"members": seats, "synthesizer": WRITER}, 2, 2)
        yield Row("other_question", {"members": seats, "synthesizer": WRITER}, n + 1, 2)
        yield Row("random_member", {"members": seats}, 1, 1)
        yield Row("random_ranker", {"members": seats}, n, 1)
        some = {"members": SEATS, "k": n, "synthesizer": WRITER}
        yield Row("random_subset", some, n + 1, 2)
        consortium = {"members": seats, "arbiter": JUDGE, "rounds": 1}
        yield Row("consortium", consortium, n + 1, 2, judged=1)
        scored = {"members": seats, "scorer": JUDGE, "thresholds": (9.5,) * (n - 1)}
        yield Row("cascade", scored, 2 * n - 1, 2 * n - 1, (min(n, 2), min(n, 2)), judged=n - 1)
        routes = {"routes": seats, "fallback": WRITER}
        labels = tuple(f"label {seat.name}" for seat in seats)
        words = tuple((seat.name,) for seat in seats)
        yield Row("router", routes, 1, 1)
        yield Row("router", {**routes, "by": "keywords", "keywords": words}, 1, 1)
        named = {"by": "classifier", "classifier": JUDGE, "labels": labels}
        yield Row("router", {**routes, **named}, 2, 2, judged=1)
        yield Row("router", {**routes, "by": "random", "rate": 0.5}, 1, 1)
        yield Row("fallbacks", {"members": seats}, 1, 1)
        if n > 1:
            yield Row("debate", {"members": seats}, 2 * n, 2)
            probes = {"probes": seats, "fallback": WRITER}
            yield Row("agreement_router", probes, n + 1, 2, (n, 1))
    roles = dict(zip(("fast", "reasoner", "coder", "verifier", "writer"), SEATS, strict=True))
    roles |= {"judge": JUDGE, "synthesizer": WRITER}
    for least in UP_TO_FIVE[1:]:  # nothing but `fast` and `verifier` is called for here
        fixed = {**roles, "least": least, "most": 5}
        yield Row("role_panel", fixed, least + 2, 3, judged=1)
    yield Row("role_panel", {**roles, "mode": "auto"}, 1, 1)
    for k in UP_TO_FIVE:
        panel = {"members": three, "synthesizer": WRITER, "judge": JUDGE}
        yield Row("panel", {**panel, "layers": k}, 3 * k + 2, k + 2, judged=1)
        yield Row("panel", {**panel, "samples": k}, 3 * k + 2, 3, judged=1)
        yield Row("panel", {**panel, "refine": k}, 5 + 2 * k, 3 + 2 * k, judged=1 + k)
        once = {**panel, "refine": k, "refine_in_one_call": True}
        yield Row("panel", once, 5 + k, 3 + k, judged=1)
        moa = {"members": three, "aggregator": WRITER, "layers": k}
        yield Row("mixture_of_agents", moa, 3 * k + 1, k + 1)
        debate = {"members": three, "rounds": k}
        written = {"aggregate": "synthesize", "history": "none"}
        yield Row("debate", debate, 3 * (k + 1), k + 1)
        yield Row("debate", {**debate, **written}, 3 * (k + 1) + 1, k + 2)
        council = {"members": three, "chairman": WRITER, "rounds": k}
        yield Row("council", council, 6 * k + 1, 2 * k + 1, judged=3 * k)
        cross = {"member": A, "critic": JUDGE, "rounds": k}
        yield Row("cross_refine", cross, 1 + 2 * k, 1 + 2 * k, judged=k)
        yield Row("self_refine", {"member": A, "rounds": k}, 1 + 2 * k, 1 + 2 * k, (2, 2), judged=k)
        strict = {"member": A, "rounds": k, "stops": False}
        yield Row("self_refine", strict, 1 + 2 * k, 1 + 2 * k, judged=k)
        yield Row("self_refine", {"member": A, "rounds": k, "in_one_call": True}, 1 + k, 1 + k)
        loop = {"member": A, "reviewer": JUDGE, "rounds": k}
        yield Row("review_loop", loop, 1 + 2 * k, 1 + 2 * k, (2, 2), judged=k)
        consortium = {"members": three, "arbiter": JUDGE, "rounds": k}
        yield Row("consortium", consortium, 4 * k, 2 * k, (4, 2), judged=k)


ROWS = {row.recipe.name: row for row in rows()}


def bench_of(recipe: Recipe) -> Bench:
    """A bench of one recipe: in one of all, each is traced with the labels of the largest."""
    return Bench(
        name="table",
        models={},
        recipes={recipe.name: recipe},
        grader=None,
        limits=Limits(),
        questions=(TASK.question, ANOTHER),
    )


class Judges:
    """Replies by form; whoever judges is content with everything, or with nothing.

    A mumbling one is understood only when a reply is sent back.
    """

    def __init__(self, content: bool, mumbling: bool = False) -> None:
        self.content = content
        self.mumbling = mumbling
        self.calls = 0

    async def __call__(self, call: Call) -> Reply:
        self.calls += 1
        text = f"Because of {call.key}.\nAnswer: {7 if self.content else self.calls}"
        if call.output is not None:
            shape = call.output.json_schema["properties"]
            text = json.dumps({name: self._value(name, part) for name, part in shape.items()})
            if self.mumbling and not call.messages[-1].content.startswith(AGAIN):
                text = "Hm."
        return Reply(text=text, latency_s=1.0)

    def _value(self, name: str, part: dict[str, Any]) -> Any:
        if name == "scores":
            return dict.fromkeys(part["properties"], 5)
        known = {"best": 1, "score": 10 if self.content else 1, "accept": self.content}
        known |= {"confidence": float(self.content), "ranking": [1], "route": "1"}
        known |= {"synthesis": "Merged.", "dissent": "None."}
        return known.get(name, [])


def test_the_table_has_every_strategy():
    """A strategy without a formula has a price that nobody can check."""
    assert {row.strategy for row in ROWS.values()} == set(STRATEGIES)


@pytest.mark.parametrize("name", ROWS)
def test_plan_run_and_formula_agree_on_calls_and_depth(name):
    """Who sends one call more than planned pays for it; one less, and somebody was not asked."""
    row = ROWS[name]
    bench = bench_of(row.recipe)
    (line,) = plan(TaskSet(name="one", tasks=(TASK,)), bench).per_trial
    least = row.least or (row.calls, row.depth)
    assert (line.calls_low, line.depth_low) == least
    assert (line.calls_high, line.depth_high) == (row.calls, row.depth)
    assert line.again_high == row.judged
    for content, (calls, depth) in ((False, (row.calls, row.depth)), (True, least)):
        judges = Judges(content)
        done = asyncio.run(run_trial(TASK, row.recipe, 0, judges, bench))
        assert done.failure is None
        assert not done.degraded or "analysis" in row.params
        assert (len(done.uses), judges.calls, done.latency_s) == (calls, calls, depth)


@pytest.mark.parametrize("name", ROWS)
def test_whoever_judges_is_asked_once_more_where_nobody_understands_it(name):
    """A verdict given up for a missing bracket is a decision that nobody has made."""
    row = ROWS[name]
    for content in (False, True):
        clear, mumbling = Judges(content), Judges(content, mumbling=True)
        done, again = (
            asyncio.run(run_trial(TASK, row.recipe, 0, judges, bench_of(row.recipe)))
            for judges in (clear, mumbling)
        )
        repairs = mumbling.calls - clear.calls
        assert len(again.uses) == mumbling.calls
        assert repairs == row.judged if not content else repairs <= row.judged
        assert (again.failure, again.degraded) == (None, done.degraded)
