"""What `plan` promises: the very calls, a range of dollars that holds, and nothing sent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine_kit import MINI, REASONING, bench_file, call, rows, served, simulator
from made_worlds import WORLDS, worlds

import fusion_eval as fe
from fusion_eval.api import plan as planned
from fusion_eval.bench.experience import Experience
from fusion_eval.core import Reply, Usage
from fusion_eval.engine.rows import asked
from fusion_eval.loading.tasks import load_tasks
from fusion_eval.simulator.worldfile import load_world

SIM = {"simulator": "default"}


def world(folder: Path, *, seed: int = 1, **rates: float) -> Path:
    """The default world with another seed and other rates of failure."""
    content = load_world("default").model_dump(mode="json")
    content["seed"] = seed
    for models in content["makers"].values():
        for bird in models.values():
            bird["rates"].update(rates)
            if bird.get("grading"):  # what cannot be read is asked once more, which is no branch
                bird["grading"]["unreadable"] = 0.0
    content["grading"]["unreadable"] = 0.0
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"world-{seed}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def demo(folder: Path, **fields: Any) -> Path:
    """The demo bench, all five strategies, in a world of one's own."""
    text = next(Path(fe.__file__).parent.rglob("demo.yaml")).read_text("utf-8")
    content = yaml.safe_load(text)
    content["endpoints"] = {"sim": {"simulator": str(world(folder, **fields))}}
    path = folder / "demo.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


NO_FAILURES = {"empty": 0.0, "truncated": 0.0, "refused": 0.0}


# Calls


def test_a_run_without_failures_makes_exactly_the_calls_that_were_planned(tmp_path: Path):
    """A plan that is wrong by a role is wrong by a price."""
    bench = demo(tmp_path, seed=2, **NO_FAILURES)
    assert not planned(MINI, bench, output_dir=tmp_path / "results").calls.exact
    content = yaml.safe_load(bench.read_text())
    del content["recipes"]["vote-heron"]  # which free text wins a vote, and is graded, nobody knows
    bench.write_text(yaml.safe_dump(content, sort_keys=False))
    plan = planned(MINI, bench, output_dir=tmp_path / "results")
    run = fe.run(MINI, bench, output_dir=tmp_path / "results")

    calls = rows(run, "calls")
    charged = Counter((c["role"].split("/")[0], c["model"]) for c in calls)
    first = {c["key"]: (c["role"].split("/")[0], c["model"]) for c in calls}
    assert run.manifest["trials"]["failed"] == 0
    assert plan.calls.exact
    assert plan.calls.expected == plan.total("shared") == run.manifest["calls"]["made"]
    assert {(n.role, n.model): n.charged for n in plan.lines} == charged
    assert {(n.role, n.model): n.shared for n in plan.lines} == Counter(first.values())


@pytest.mark.parametrize("rate", [0.1, 0.9])
def test_the_range_of_calls_holds_runs_that_fail(tmp_path: Path, rate: float):
    """Who plans for rate limits wants to know the most and the least that may come."""
    bench = demo(tmp_path, empty=rate, refused=0.0, truncated=0.0)
    plan = planned(MINI, bench, output_dir=tmp_path / "results")
    run = fe.run(MINI, bench, output_dir=tmp_path / "results")

    assert run.manifest["trials"]["failed"] > 0
    assert plan.calls.low <= run.manifest["calls"]["made"] <= plan.calls.high
    assert run.manifest["calls"]["made"] < plan.calls.expected


def test_a_strategy_that_asks_more_when_answers_differ_gets_a_range(tmp_path: Path):
    """Planned as one number, the dearer branch would come as a surprise on the bill."""
    recipes = {
        "forked": {"strategy": "users_strategies:third_voice", "members": ["heron", "kestrel"]},
        "straight": {"strategy": "vote", "members": ["heron", "kestrel"]},
    }
    bench = bench_file(tmp_path, SIM, recipes=recipes)
    straight = planned(REASONING, bench, recipes=["straight"], output_dir=tmp_path)
    forked = planned(REASONING, bench, recipes=["forked"], output_dir=tmp_path)
    run = fe.run(REASONING, bench, recipes=["forked"], output_dir=tmp_path / "r")

    assert straight.calls.exact
    assert not forked.calls.exact
    tasks = forked.tasks
    assert forked.calls.low <= 2 * 2 * tasks < run.manifest["calls"]["made"] < 2 * 3 * tasks
    assert forked.calls.high == 2 * 3 * tasks


FORKS: dict[str, dict] = {
    "cascade": {
        "members": ["kestrel", "heron", "kestrel"], "thresholds": [8, 8], "scorer": "heron",
    },
    "router": {
        "routes": ["heron", "panel"], "fallback": "kestrel", "by": "classifier",
        "classifier": "kestrel", "labels": ["middling", "hard"],
    },
    "agreement_router": {"probes": ["kestrel", "heron"], "fallback": "panel"},
    "consortium": {"members": ["kestrel", "heron"], "arbiter": "heron"},
    "review_loop": {"member": "heron", "reviewer": "kestrel"},
    "self_refine": {"member": "kestrel", "rounds": 3},
}  # fmt: skip


@pytest.mark.parametrize("strategy", FORKS)
def test_what_judges_decide_stays_within_the_plan(tmp_path: Path, strategy: str):
    """A cascade planned at its first stage costs twice what was said, and one at its last half."""
    panel = {"strategy": "panel", "members": ["heron", "kestrel"], "synthesizer": "heron"}
    recipes = {"panel": panel, "forked": {"strategy": strategy, **FORKS[strategy]}}
    calm = {"simulator": str(world(tmp_path, **NO_FAILURES))}
    bench = bench_file(tmp_path, calm, recipes=recipes)
    plan = planned(REASONING, bench, recipes=["forked"], limit=12, output_dir=tmp_path / "r")
    run = fe.run(REASONING, bench, recipes=["forked"], limit=12, output_dir=tmp_path / "r")

    (line,) = plan.per_trial
    each = Counter((c["task"], c["repeat"]) for c in rows(run, "calls"))
    assert not plan.calls.exact
    assert plan.calls.low <= run.manifest["calls"]["made"] <= plan.calls.high
    assert line.calls_low < line.calls_high
    assert all(line.calls_low <= calls <= line.calls_high for calls in each.values())


def test_what_is_in_the_ledger_already_costs_nothing_more(tmp_path: Path):
    """Whoever adds one recipe to a paid run should not be told to pay for all again."""
    bench = demo(tmp_path, **NO_FAILURES)
    fe.run(MINI, bench, recipes=["solo-heron", "vote-heron"], output_dir=tmp_path / "results")
    same = planned(MINI, bench, recipes=["vote-heron"], output_dir=tmp_path / "results")
    more = planned(MINI, bench, recipes=["self-heron"], output_dir=tmp_path / "results")

    assert same.total("known") == same.total("shared") == same.calls.expected
    assert same.total("expected_usd") == same.total("tokens_out") == 0
    members, writers = (next(n for n in more.lines if n.role == r) for r in ("member", "grader"))
    assert (members.known, writers.known) == (members.shared, 0)


# Dollars


def test_experience_comes_before_assumptions_and_says_where_it_is_from(tmp_path: Path):
    """A guess that looks like a measurement is believed like one."""
    bench = demo(tmp_path, seed=5)
    results = tmp_path / "results"
    before = planned(MINI, bench, output_dir=results)
    fe.run(MINI, bench, limit=2, repeats=1, seed=99, output_dir=results)
    some = planned(MINI, bench, output_dir=results)
    fe.run(MINI, bench, repeats=1, seed=99, output_dir=results)
    here = planned(MINI, bench, output_dir=results)
    elsewhere = planned(MINI, "demo", output_dir=results)

    assert {line.tokens_source for line in before.lines} == {"assumed"}
    assert any("; the rest assumed" in line.tokens_source for line in some.lines)
    assert "without experience" in some.assumptions
    assert all("replies of this endpoint, by role" in line.tokens_source for line in here.lines)
    assert any("by role and domain" in line.tokens_source for line in here.lines)
    assert all("this model elsewhere" in line.tokens_source for line in elsewhere.lines)
    assert "without experience" not in here.assumptions
    assert "without experience" in before.assumptions


def _learned(*told: tuple[str, str | None, int, int], url: str = "http://here/v1") -> Experience:
    """What a ledger teaches that holds replies of (role, domain, tokens, how many)."""
    history = [
        (asked(call(url, role=role, domain=domain)), Reply(text="x", usage=Usage(output=tokens)))
        for role, domain, tokens, count in told
        for _ in range(count)
    ]
    return Experience(lambda _: history)


@pytest.mark.parametrize(
    ("role", "domain", "tokens", "source"),
    [
        ("member", "Law", 100, "12 replies of this endpoint, by role and domain"),
        ("member", "Art", 500, "12 replies of this endpoint, by role and domain"),
        ("member", "New", 367, "27 replies of this endpoint, by role"),
        ("member", "Few", 367, "27 replies of this endpoint, by role"),
        ("member", None, 367, "27 replies of this endpoint, by role"),
        ("grader", "Law", 30, "10 replies of this endpoint, by role"),
        ("refiner", "Law", 276, "37 replies of this endpoint"),
    ],
)
def test_the_nearest_replies_count_by_role_and_where_they_are_enough_by_domain(
    role: str, domain: str | None, tokens: int, source: str
):
    """A model that writes long about law and grades in a word has no mean that fits both."""
    told = [("member", "Law", 100, 12), ("member", "Art", 500, 12), ("member", "Few", 900, 3)]
    learned = _learned(*told, ("grader", None, 30, 10))
    wanted = call("http://here/v1", role=role, domain=domain)
    elsewhere = call("http://there/v1", role=role, domain=domain)

    assert learned.expect(wanted).tokens_out == learned.expect(elsewhere).tokens_out == tokens
    assert learned.source(wanted) == source
    assert learned.source(elsewhere) == source.replace("this endpoint", "this model elsewhere")
    assert learned.spread(elsewhere, 100) >= learned.spread(wanted, 100)


def test_replies_of_ledgers_that_did_not_keep_the_role_still_teach():
    """After an update, a plan would be back at guesses for models that were called for years."""
    old = [
        (
            asked(call()).replace('"for":["",null,"answer","text","m"],', ""),
            Reply(text="x", usage=Usage(output=9)),
        )
    ]
    assert '"for"' not in old[0][0]
    learned = Experience(lambda _: old)
    assert learned.expect(call(role="member", domain="Law")).tokens_out == 9


def test_a_server_without_a_price_costs_what_it_reported_before(tmp_path: Path):
    """A gateway knows its own bill; `unknown` would be said of what stands in the ledger."""
    with served(simulator()) as url:
        bench = bench_file(tmp_path, {"base_url": url})
        blind = planned(MINI, bench, output_dir=tmp_path / "results")
        fe.run(MINI, bench, limit=1, seed=99, output_dir=tmp_path / "results")
        wise = planned(MINI, bench, limit=3, output_dir=tmp_path / "results")
        run = fe.run(MINI, bench, limit=3, output_dir=tmp_path / "results")

    assert blind.total("expected_usd") is None
    assert {line.price_source for line in blind.lines} == {"unknown"}
    assert {line.price_source for line in wise.lines} == {"reported before"}
    spent = sum(t["spent_usd"] + t["grading_spent_usd"] for t in rows(run, "trials"))
    assert wise.total("low_usd") < spent < wise.total("high_usd")


def test_more_calls_at_once_take_fewer_minutes_and_a_simulator_takes_hardly_any(tmp_path: Path):
    """A night or a coffee break: that is what a plan is read for."""
    bench = bench_file(tmp_path, {"base_url": "http://127.0.0.1:9/v1"})
    slow, fast = (
        planned(MINI, bench, max_in_flight=n, output_dir=tmp_path).minutes for n in (1, 16)
    )
    simulated = planned(MINI, bench_file(tmp_path / "s", SIM), output_dir=tmp_path).minutes

    assert slow > 10 * fast > 0
    assert simulated < fast


@pytest.mark.simulation
def test_dollars_lie_within_the_range_in_ninety_of_a_hundred_worlds(tmp_path: Path):
    """A range that is wide enough for everything, or holds nothing, is no plan."""
    count = 100 if worlds() >= WORLDS["full"] else 3
    inside = {"assumed": 0, "learned": 0}
    for seed in range(count):
        folder = tmp_path / str(seed)
        bench, results = demo(folder, seed=seed), folder / "results"
        plans = {"assumed": planned(MINI, bench, output_dir=results)}
        fe.run(MINI, bench, limit=2, repeats=1, seed=99, output_dir=results)
        plans["learned"] = planned(MINI, bench, output_dir=results)
        run = fe.run(MINI, bench, output_dir=results)
        spent = sum(t["spent_usd"] + t["grading_spent_usd"] for t in rows(run, "trials"))
        for name, plan in plans.items():
            low, high = plan.total("low_usd"), plan.total("high_usd")
            assert low is not None
            assert high is not None
            assert high <= 3 * low * (1 + 1e-9)
            inside[name] += low <= spent <= high
    assert min(inside.values()) >= 0.9 * count, inside


# Grading


CRITERIA = {"tides": 8, "blue-sky": 7, "compound-interest": 8}


@pytest.mark.parametrize(
    ("grader", "per_answer"),
    [
        ({"model": "referee"}, 23),
        ({"model": "referee", "passes": 2}, 46),
        ({"model": "referee", "protocol": "draco-chunk3"}, 9),
        ({"model": "referee", "protocol": "one-shot"}, 3),
        ({"committee": ["referee", "heron", "kestrel"]}, 69),
    ],
)
def test_the_grading_calls_of_the_mini_tasks_are_known_where_no_answers_coincide(
    tmp_path: Path, grader, per_answer
):
    """Grading is the larger part of the bill: 23 criteria, 2 recipes, 2 repeats, by hand."""
    assert {t.id: len(t.leaves) for t in load_tasks(MINI).tasks if t.leaves} == CRITERIA
    recipes = {name: {"strategy": "solo", "member": name} for name in ("heron", "kestrel")}
    recipes = {f"solo-{name}": entry for name, entry in recipes.items()}
    bench = bench_file(tmp_path, SIM, recipes=recipes, grader=grader)
    found = planned(MINI, bench, output_dir=tmp_path).grading

    assert (found.apart, found.expected, found.exact) == (4 * per_answer, 4 * per_answer, True)
    assert found.low == per_answer


def test_what_a_run_asks_of_graders_is_what_was_planned_or_less_where_answers_coincide(
    tmp_path: Path,
):
    """A vote hands on an answer that was graded already; whoever pays should know."""
    bench = demo(tmp_path, **NO_FAILURES)
    plan = planned(MINI, bench, recipes=["solo-heron", "vote-heron"], output_dir=tmp_path)
    run = fe.run(MINI, bench, recipes=["solo-heron", "vote-heron"], output_dir=tmp_path / "r")
    graders = {c["key"] for c in rows(run, "calls") if c["role"] == "grader"}
    repaired = len(graders) - len({v["call_key"] for v in rows(run, "verdicts") if v["call_key"]})

    assert plan.grading.apart == 2 * 3 * 23
    assert plan.grading.low == 23
    assert plan.grading.low <= len(graders) - repaired <= plan.grading.apart
    assert plan.grading.expected < plan.grading.apart


def test_adaptive_grading_is_planned_as_a_range(tmp_path: Path):
    """Two graders that agree are enough, and nobody knows beforehand whether they will."""
    members = ["referee", "heron", "kestrel"]
    bench = bench_file(tmp_path, SIM, grader={"committee": members, "adaptive": True}, repeats=1)
    plan = planned(MINI, bench, recipes=["solo"], output_dir=tmp_path)
    found = plan.grading
    run = fe.run(MINI, bench, recipes=["solo"], output_dir=tmp_path / "r")
    graders = sum(call["role"] == "grader" for call in rows(run, "calls"))

    assert (found.low, found.apart, found.exact) == (2 * 23, 3 * 23, False)
    assert found.expected < graders
    assert plan.calls.expected < run.manifest["calls"]["made"] <= plan.calls.high
