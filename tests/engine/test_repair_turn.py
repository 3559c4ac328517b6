"""Judges that cannot be read are asked once more: planned, paid, and the answer is kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from engine_kit import REASONING, bench_file, completion, rows, served, simulator
from made_budgets import forecast
from scripted import AGAIN

import fusion_eval as fe
from fusion_eval.api import plan as planned
from fusion_eval.api import settled
from fusion_eval.core import Reply
from fusion_eval.prompts import repair

PRICE = {"input": 2.0, "output": 15.0}
PAIR = ["heron", "kestrel"]
RECIPES = {
    "panel": {"strategy": "panel", "members": PAIR, "judge": "kestrel", "synthesizer": "heron"},
    "ranked": {"strategy": "ranked", "members": PAIR, "ranker": "kestrel"},
    "scored": {"strategy": "best_of_n", "members": PAIR, "scorer": "kestrel"},
    "refined": {"strategy": "cross_refine", "member": "heron", "critic": "kestrel", "rounds": 1},
}
JUDGES = {"panel": 1, "ranked": 1, "scored": 2, "refined": 1}
Before = Callable[[bytes, int], Awaitable[tuple[int, str] | None]]


def mumbling(seen: list[str], *, always: bool = False) -> Before:
    """Whoever must reply with an object says `Hm.`, and what it should only when asked again."""

    async def before(body: bytes, _: int) -> tuple[int, str] | None:
        request = json.loads(body)
        repaired = request["messages"][-1]["content"].startswith(AGAIN)
        if "response_format" not in request or (repaired and not always):
            return None
        seen.append("again" if repaired else "first")
        return 200, json.dumps(completion("Hm."))

    return before


def test_a_recipe_whose_judge_mumbles_answers_as_planned_and_pays_for_both_replies(tmp_path: Path):
    """A judge given up for a missing bracket turns a panel into another recipe, unseen by most."""
    seen: list[str] = []
    with served(simulator(mumbling(seen), tasks=REASONING)) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=RECIPES, price=PRICE)
        plan = planned(REASONING, bench, limit=3, output_dir=tmp_path / "r")
        run = fe.run(REASONING, bench, limit=3, budget_usd=50, output_dir=tmp_path / "r")
        made = run.manifest["calls"]["made"]
        replayed = fe.run(REASONING, bench, limit=3, replay=True, output_dir=tmp_path / "r")

    trials, calls = rows(run, "trials"), rows(run, "calls")
    judged = Counter(
        c["recipe"] for c in calls if c["role"] not in {"member", "synthesizer", "refiner"}
    )
    assert run.manifest["status"] == "finished"
    assert not any(trial["degraded"] for trial in trials)
    assert {name: count / 6 for name, count in judged.items()} == {
        name: 2 * most for name, most in JUDGES.items()
    }
    assert {line.recipe: line.again_high for line in plan.per_trial} == JUDGES
    assert plan.calls.expected < made == plan.calls.expected + len(seen) <= plan.calls.high
    for trial in trials:
        own = [c for c in calls if all(c[k] == trial[k] for k in ("recipe", "task", "repeat"))]
        assert trial["cost_usd"] == pytest.approx(sum(c["cost_usd"] for c in own))
        assert len(own) > JUDGES[trial["recipe"]] * 2
    assert replayed.manifest["calls"]["made"] == 0
    assert [t["score"] for t in rows(replayed, "trials")] == [t["score"] for t in trials]


def test_a_judge_that_never_says_it_right_is_asked_twice_and_given_up(tmp_path: Path):
    """Without an end, a judge that cannot write JSON is paid until the budget is gone."""
    seen: list[str] = []
    with served(simulator(mumbling(seen, always=True), tasks=REASONING)) as url:
        bench = bench_file(tmp_path, {"base_url": url}, recipes=RECIPES, repeats=1)
        run = fe.run(REASONING, bench, limit=2, output_dir=tmp_path / "r")

    assert run.manifest["status"] == "incomplete"
    assert Counter(seen)["first"] == Counter(seen)["again"] > 0
    told = {t["recipe"]: t["degraded"] for t in rows(run, "trials")}
    assert all("unreadable" in note for note in told.values()), told


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_budget_counts_the_turns_in_which_judges_say_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
):
    """Whatever a judge needs to be understood is paid for like everything else."""
    monkeypatch.setenv("FAKE_KEY", "sk-fake")
    seen: list[str] = []
    door = simulator(mumbling(seen), tasks=REASONING)
    with served(door) as url:
        there = {"base_url": url, "api_key_env": "FAKE_KEY"}
        bench = bench_file(tmp_path, there, recipes=RECIPES, price=PRICE, repeats=1)
        tasks, ready, _ = settled(REASONING, bench, limit=4)
        budget = share * forecast(tasks, ready).finish_usd
        run = fe.run(REASONING, bench, limit=4, budget_usd=budget, output_dir=tmp_path / "r")

    mumbled = len(seen) * (10 * PRICE["input"] + 5 * PRICE["output"]) * 1e-6
    done = Counter(trial["task"] for trial in rows(run, "trials"))
    assert door.billed_usd + mumbled == pytest.approx(run.manifest["paid_usd"])
    assert run.manifest["paid_usd"] <= budget
    assert set(done.values()) <= {len(RECIPES)}
    assert not any(trial["degraded"] for trial in rows(run, "trials"))


def test_refusals_and_empty_replies_are_not_sent_back():
    """A second refusal costs as much as the first, and says no more."""
    for reply in (Reply(text=" "), Reply(text="No.", finish="refusal")):
        assert repair((), reply, "no score") is None
