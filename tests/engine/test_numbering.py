"""Which draw a request is: recipes share calls, one trial never does, and order decides nothing."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import member, model, question

from fusion_eval.bench.numbering import Numbering
from fusion_eval.bench.plan import plan
from fusion_eval.bench.trials import run_trial
from fusion_eval.core import Bench, Call, Limits, Member, Recipe, Reply, Task, TaskSet, Trial
from fusion_eval.errors import CallFailedError

A, B, C = member("a"), member("b"), member("c")
BENCH = Bench(name="bench", models={}, recipes={}, grader=None, limits=Limits(), seed=7)


def recipe(strategy: str, **params) -> Recipe:
    """A recipe whose name tells nothing."""
    return Recipe(name=f"some-{strategy}", strategy=strategy, params=params)


def seat(inner: Recipe, persona: str | None = None) -> Member:
    """A seat with a recipe in it."""
    return Member(name=inner.name, recipe=inner, persona=persona)


class World:
    """Answers that follow from the call alone, after a random number of turns of the loop."""

    def __init__(self, luck: int = 0, failing: int = 0, latency: dict[str, float] | None = None):
        self._luck = random.Random(luck)
        self._failing = failing
        self._latency = latency or {}
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        for _ in range(self._luck.randrange(12)):
            await asyncio.sleep(0)
        number = int(call.key[:8], 16)
        if self._failing and number % self._failing == 0:
            raise CallFailedError("timeout")
        text = f"Because of {call.key}.\nAnswer: {number % 3}"
        if call.output is not None:
            text = json.dumps(judged(call.output.json_schema, number))
        return Reply(text=text, latency_s=self._latency.get(call.model.name, 1.0))


def judged(schema: dict, number: int):
    """What a judge says, by its form, so that it follows from the call alone."""
    if "enum" in schema:
        return schema["enum"][number % len(schema["enum"])]
    if schema["type"] == "object":
        parts = schema["properties"].items()
        return {name: judged(part, number + i) for i, (name, part) in enumerate(parts)}
    if schema["type"] == "array":
        return [judged(schema["items"], number)]
    return {
        "integer": 1 + number % 3,
        "number": number % 5 / 4,
        "boolean": number % 3 == 0,
        "string": f"text {number}",
    }[schema["type"]]


def trial(recipe_: Recipe, world: World | None = None, *, repeat: int = 0) -> Trial:
    """One trial of a recipe, through the same door as a run."""
    task = Task(id="t", question=question("How many?", "numeric"))
    return asyncio.run(run_trial(task, recipe_, repeat, world or World(), BENCH))


def keys(recipe_: Recipe, role: str | None = None, *, repeat: int = 0) -> list[str]:
    """The calls that a recipe makes, all or those of one role."""
    done = trial(recipe_, repeat=repeat)
    assert done.failure is None
    return [use.key for use in done.uses if role is None or use.role == role]


# Random recipes

CYCLE = tuple(model("a", temperature=t) for t in (0.3, 0.7, 1.0))
COOLED = Member(name="a", model=CYCLE[0], cycle=CYCLE)
models = st.sampled_from(
    [COOLED, A, B, C, member("a", persona="You doubt."), replace(A, name="alias")]
)


def _recipes(members: st.SearchStrategy[Member]) -> st.SearchStrategy[Recipe]:
    def several(lowest: int) -> st.SearchStrategy[tuple[Member, ...]]:
        return st.lists(members, min_size=lowest, max_size=4).map(tuple)

    maybe = st.none() | members
    return st.one_of(
        st.builds(recipe, st.just("solo"), member=members),
        st.builds(
            recipe, st.just("self_fusion"), member=members, n=st.integers(1, 4), synthesizer=maybe
        ),
        st.builds(
            recipe, st.just("panel"), members=several(1), judge=maybe, synthesizer=members
        ),
        st.builds(
            recipe,
            st.just("debate"),
            members=several(2),
            rounds=st.integers(1, 2),
            aggregate=st.sampled_from(["vote", "synthesize"]),
        ),
        st.builds(recipe, st.just("vote"), members=several(1)),
        *_others(members, several, maybe),
    )  # fmt: skip


def _others(members, several, maybe) -> list[st.SearchStrategy[Recipe]]:
    """The strategies that came later."""
    few, n = several(1), st.integers(1, 3)

    def some(name: str, **params) -> st.SearchStrategy[Recipe]:
        return st.builds(recipe, st.just(name), **params)

    cascades = few.flatmap(
        lambda seats: some(
            "cascade",
            members=st.just(seats),
            scorer=members,
            thresholds=st.tuples(*[st.integers(1, 10)] * (len(seats) - 1)),
        )
    )
    return [
        some("self_consistency", member=members, n=n),
        some("universal_self_consistency", member=members, n=n, chooser=maybe),
        some("ranked", members=few, ranker=members, n=n),
        some("best_of_n", members=few, scorer=members, n=n,
             scoring=st.sampled_from(["pointwise", "listwise"])),
        some("pairwise_rank", members=few, ranker=members, synthesizer=maybe,
             pairs=st.sampled_from(["all", "bubble"])),
        some("panel", members=few, synthesizer=members, samples=n, layers=n, refine=n,
             named=st.booleans(), question_blind=st.booleans(),
             analysis=st.sampled_from(["none", "before", "after"])),
        some("mixture_of_agents", members=few, aggregator=members, layers=n),
        some("self_moa", member=members, n=st.integers(1, 5), window=st.integers(2, 4)),
        some("debate", members=several(2), rounds=n, history=st.just("none")),
        some("self_refine", member=members, rounds=n),
        some("cross_refine", member=members, critic=members, rounds=n),
        some("review_loop", member=members, reviewer=members, rounds=n),
        some("council", members=few, chairman=members, rounds=n, own=st.booleans()),
        some("consortium", members=few, arbiter=members, rounds=n),
        cascades,
        some("agreement_router", probes=several(2), fallback=members),
        some("router", routes=few, fallback=members),
        some("router", routes=st.tuples(members), fallback=members, by=st.just("classifier"),
             classifier=members, labels=st.just(("hard",))),
    ]  # fmt: skip


nested = _recipes(st.recursive(models, lambda inner: _recipes(inner).map(seat), max_leaves=5))


@given(nested, st.integers(0, 9))
def test_no_call_serves_twice_within_a_trial(recipe_, failing):
    """In production it would not either: self-fusion would fuse one draft with itself."""
    done = trial(recipe_, World(failing=failing))
    assert not [key for key, times in Counter(use.key for use in done.uses).items() if times > 1]


@given(nested, st.integers(0, 9), st.integers(1, 10**6))
def test_the_order_of_arrival_decides_nothing(recipe_, failing, luck):
    """Else a replay asks for calls that were never made, and pays for them."""
    first = trial(recipe_, World(0, failing))
    again = trial(recipe_, World(luck, failing))
    assert first == again


@given(nested, st.integers(0, 9), st.integers(1, 10**6), st.integers(0, 30))
def test_a_trial_that_was_killed_and_is_replayed_makes_no_call_again(recipe_, failing, luck, kept):
    """What had been answered before the kill is paid; asked under another key it is paid twice."""
    whole = World(luck, failing)
    done = trial(recipe_, whole)
    ledger = {call.key: call for call in whole.calls[:kept]}

    class Resumed(World):
        async def __call__(self, call: Call) -> Reply:
            if call.key not in ledger:
                fresh.append(call.key)
            return await super().__call__(call)

    fresh: list[str] = []
    again = trial(recipe_, Resumed(luck + 1, failing))
    assert again == done
    assert sorted(fresh) == sorted(call.key for call in whole.calls[kept:])


@settings(max_examples=25)
@given(nested, st.integers(0, 9))
def test_a_plan_holds_every_recipe_however_its_judges_decide(recipe_, failing):
    """Nested cascades and loops hide their branches from each other."""
    bench = replace(BENCH, recipes={recipe_.name: recipe_})
    task = Task(id="t", question=question("How many?", "numeric"))
    calls = plan(TaskSet(name="one", tasks=(task,)), bench).calls
    done = trial(recipe_, World(failing=failing))
    assert calls.low <= len({use.key for use in done.uses}) <= calls.high


_names = st.sampled_from("ab")
_programs = st.recursive(
    st.lists(_names, max_size=4),
    lambda inner: st.lists(_names | st.lists(inner, min_size=1, max_size=3), max_size=5),
)


def _models(program) -> set[str]:
    """Models that a program asks: a letter is a request, a list holds programs of seats."""
    return set().union(*({step} if isinstance(step, str) else _models(step) for step in program))


def _draws(numbering: Numbering, program) -> list[tuple]:
    """All draws of one and the same request, seats from the last to the first."""
    drawn = []
    for step in program:
        if isinstance(step, str):
            drawn.append((step, *numbering.draw(step, "the same request")))
        else:
            seats = numbering.seats([_models(inner) for inner in step])
            for one, inner in reversed(list(zip(seats, step, strict=True))):
                drawn += _draws(one, inner)
    return drawn


@given(_programs)
def test_no_strategy_gets_a_draw_twice_whatever_it_asks(program):
    """A user's own strategy may ask before, between and after its seats."""
    drawn = _draws(Numbering(3), program)
    assert len(set(drawn)) == len(drawn)
    assert all(draw[1] == 3 for draw in drawn)


@given(nested)
def test_a_recipe_makes_the_same_calls_in_any_seat_of_its_own(recipe_):
    """A recipe that is asked alone in a seat is asked as it is asked standing alone."""
    assert set(keys(recipe_)) == set(keys(recipe("solo", member=seat(recipe_))))


# Common random numbers


@pytest.mark.parametrize("repeat", [0, 2])
def test_draws_are_shared_across_recipes(repeat):
    """Recipes are compared on common random numbers: sharper differences, fewer calls."""
    panel = recipe("panel", members=(A, B, C), synthesizer=B)
    deep = recipe("panel", members=(seat(panel), B), synthesizer=C)
    twice = recipe("panel", members=(seat(panel), A), synthesizer=C)
    solo = keys(recipe("solo", member=A), repeat=repeat)
    assert solo == [k for k in keys(panel, "member", repeat=repeat) if k in solo]
    assert set(solo) <= set(keys(deep, repeat=repeat))
    assert set(solo) <= set(keys(twice, repeat=repeat))
    assert set(solo) <= set(keys(recipe("vote", members=(B, A)), repeat=repeat))
    assert not set(solo) & set(keys(recipe("solo", member=A), repeat=repeat + 1))


def test_a_nested_self_fusion_shares_its_drafts_with_the_one_that_stands_alone():
    """Three drafts that are asked anew double the bill of the bench for nothing."""
    alone = recipe("self_fusion", member=A, n=3)
    drafts = set(keys(alone, "member"))
    outer = recipe("panel", members=(seat(alone), B), synthesizer=C)
    assert len(drafts) == 3
    assert drafts == set(keys(outer, "member/member"))


def test_a_vote_shares_its_draws_with_self_fusion():
    """Three draws of one model are the same three, whatever is done with them."""
    vote = recipe("vote", members=(A, A, A))
    assert set(keys(vote)) == set(keys(recipe("self_fusion", member=A, n=3), "member"))
    assert len(set(keys(vote))) == 3


def test_more_drafts_keep_the_earlier_ones():
    """Going from n = 3 to n = 5 should cost two drafts, not five."""
    three, five = (set(keys(recipe("self_fusion", member=A, n=n), "member")) for n in (3, 5))
    assert three < five


def test_two_names_for_one_model_never_share_a_draw():
    """An alias in the bench file made a panel of two out of one call."""
    alias = Member(name="alias", model=replace(model("a"), name="alias"))
    assert len(set(keys(recipe("vote", members=(A, alias))))) == 2


def test_other_settings_of_a_model_keep_the_draws_of_both():
    """A second temperature on the panel must not shift the draws of the first."""
    hot = Member(name="a", model=model("a", temperature=1.0))
    both = set(keys(recipe("vote", members=(A, hot))))
    alone = [keys(recipe("solo", member=seat_)) for seat_ in (A, hot)]
    assert both == {key for each in alone for key in each}


# The trial's clock


def test_latency_is_the_longest_path():
    """A panel that waits for its slowest member would look as slow as all of them in a row."""
    world = World(latency={"a": 3.0, "b": 5.0, "c": 2.0, "judge": 4.0, "writer": 6.0})
    panel = recipe("panel", members=(A, B, C), judge=member("judge"), synthesizer=member("writer"))
    done = trial(panel, world)
    assert done.latency_s == 15.0
    assert {use.model: (use.start_s, use.end_s) for use in done.uses} == {
        "a": (0.0, 3.0),
        "b": (0.0, 5.0),
        "c": (0.0, 2.0),
        "judge": (5.0, 9.0),
        "writer": (9.0, 15.0),
    }


def test_a_round_starts_when_the_slowest_of_the_last_has_ended():
    """Everybody reads everybody, so nobody can revise before all have answered."""
    done = trial(recipe("debate", members=(A, B), rounds=2), World(latency={"a": 3.0, "b": 5.0}))
    assert done.latency_s == 15.0
    assert sorted(use.start_s for use in done.uses) == [0.0, 0.0, 5.0, 5.0, 10.0, 10.0]


def test_latency_of_a_nested_recipe_counts_inside_its_seat():
    """The outer writer waits for the inner one, and for nobody else's."""
    world = World(latency={"a": 3.0, "b": 5.0, "c": 2.0})
    inner = recipe("panel", members=(A, C), synthesizer=C)
    done = trial(recipe("panel", members=(seat(inner), B, B), synthesizer=A), world)
    assert done.latency_s == max(max(3.0, 2.0) + 2.0, 5.0) + 3.0


def test_roles_say_where_in_a_nested_recipe_a_call_was_made():
    """`explain` and the table of calls are read by somebody who looks for the expensive part."""
    inner = recipe("panel", members=(A, B), judge=C, synthesizer=C)
    outer = recipe("debate", members=(seat(inner), B), aggregate="synthesize", synthesizer=A)
    roles = Counter(use.role for use in trial(outer).uses)
    assert roles == {
        "member/member": 4,
        "member/judge": 2,
        "member/synthesizer": 2,
        "member": 2,
        "synthesizer": 1,
    }


# What a seat is told


def test_a_persona_is_a_system_prompt_in_front_of_the_conversation():
    """Also for a recipe in the seat: each of its members is told."""
    world = World()
    inner = recipe("vote", members=(A, B))
    trial(recipe("vote", members=(seat(inner, "You doubt."), member("c", "You hope."))), world)
    told = {call.model.name: call.messages[0] for call in world.calls}
    assert {(name, m.role, m.content) for name, m in told.items()} == {
        ("a", "system", "You doubt."),
        ("b", "system", "You doubt."),
        ("c", "system", "You hope."),
    }


def test_a_recipe_that_judges_is_not_asked_for_a_final_answer():
    """Its analysis would end in `Answer: 3`, and could not be read as the object it should be."""
    world = World()
    jury = recipe("panel", members=(A, B), synthesizer=C)
    outer = recipe("panel", members=(A, B), judge=seat(jury), synthesizer=C)
    done = trial(outer, world)
    judging = {use.key for use in done.uses if use.role.startswith("judge/")}
    asked = [call for call in world.calls if call.key in judging]
    assert len(asked) == 3
    assert not [call for call in asked if "Answer: <number>" in call.messages[-1].content]


def test_the_form_of_the_answer_is_asked_for_once():
    """Nested recipes repeated it, once per level."""
    world = World()
    inner = recipe("panel", members=(A, B), synthesizer=C)
    trial(recipe("panel", members=(seat(inner), B), synthesizer=A), world)
    for call in world.calls:
        assert call.messages[-1].content.count("Answer: <number>") == 1


def test_the_seed_of_the_bench_changes_every_call():
    """A second seed is a second, independent run."""
    task = Task(id="t", question=question())
    solo = recipe("solo", member=A)
    seeds = []
    for seed in (7, 8):
        world = World()
        asyncio.run(run_trial(task, solo, 0, world, replace(BENCH, seed=seed)))
        seeds.append((world.calls[0].key, world.calls[0].wire_seed))
    assert seeds[0][0] != seeds[1][0]
    assert seeds[0][1] != seeds[1][1]
