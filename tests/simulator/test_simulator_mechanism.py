"""What must come out of the mechanism: fusion that helps, fusion that harms, votes that fail."""

from __future__ import annotations

import json
from itertools import pairwise
from statistics import mean

import pytest
from simulator_kit import (
    Room,
    flawless,
    number_task,
    perfect_grader,
    rubric_task,
    said,
    world_with,
)

from fusion_eval import prompts
from fusion_eval.core import Message
from fusion_eval.simulator import World
from fusion_eval.simulator.latent import Knowledge
from fusion_eval.simulator.reading import FIELDS
from fusion_eval.simulator.request import parse

TASKS = [rubric_task(i) for i in range(40)]
PANEL = ["wader/heron", "raptor/kestrel", "meadow/lark"]
LARK, CONDOR, OWL, SPARROW = "meadow/lark", "raptor/condor", "strix/owl", "aviary/sparrow"


def _solo(room: Room, model: str) -> float:
    return mean(room.score(t, room.answer(model, t, s)) for t in TASKS for s in (0, 1))


def _panel(room: Room, models: list[str], writer: str) -> float:
    return mean(room.score(t, room.panel(models, writer, t, s)) for t in TASKS for s in (0, 1))


def test_a_panel_beats_its_mean_member_in_the_default_world():
    """If it did not, no question about panels could be asked of the default bench."""
    room = Room(world_with(), TASKS)
    member = mean(_solo(room, m) for m in PANEL)
    assert _panel(room, PANEL, LARK) > member + 0.03


def test_a_writer_without_skill_makes_a_panel_harmful():
    """A world in which fusion can only help would flatter it."""
    room = Room(world_with(writer=0.0), TASKS)
    member = mean(_solo(room, m) for m in PANEL)
    assert _panel(room, PANEL, LARK) < member - 0.02


def test_a_good_writer_drops_more_errors_than_right_points():
    """Skill means telling them apart, and the text does not say which is which."""
    only_skill = {
        "writing__belief": 0.0,
        "writing__crowd_right": 1.0,
        "writing__crowd_error": 1.0,
        "writing__steady": 0.0,
        "errors__base": -0.5,
    }
    room = Room(world_with(**flawless(), **only_skill), TASKS)
    kept: dict[bool, list[bool]] = {True: [], False: []}
    for task in TASKS:
        drafts = [room.answer(m, task, 5) for m in PANEL]
        support = [sum(column) for column in zip(*(room.met(task, d) for d in drafts), strict=True)]
        final = room.met(task, room.text(CONDOR, prompts.synthesize(task.question, drafts)))
        for criterion, count, met in zip(task.criteria, support, final, strict=True):
            if count == 1:
                kept[criterion.weight < 0].append(met)
    assert mean(kept[True]) < mean(kept[False]) - 0.15


def test_more_support_means_more_often_kept():
    """Real writers keep .49 of what one of five says and .98 of what all say (TrustedRouter)."""
    room = Room(world_with(**flawless()), TASKS)
    five = [*PANEL, SPARROW, "aviary/osprey"]
    kept: dict[int, list[bool]] = {k: [] for k in range(6)}
    for task in TASKS:
        drafts = [room.answer(m, task, 6) for m in five]
        support = [sum(column) for column in zip(*(room.met(task, d) for d in drafts), strict=True)]
        notes = json.loads(room.text(LARK, prompts.compare(task.question, drafts)))
        final = room.met(task, room.text(LARK, prompts.synthesize(task.question, drafts, notes)))
        for criterion, count, met in zip(task.criteria, support, final, strict=True):
            if criterion.weight > 0:
                kept[count].append(met)
    shares = [mean(kept[k]) for k in range(6)]
    assert all(more > fewer - 0.03 for fewer, more in pairwise(shares))
    assert shares[0] < 0.2
    assert 0.3 < shares[1] < 0.7
    assert shares[5] > 0.9


def test_what_a_judge_says_changes_what_is_kept():
    """A judge whose notes nobody reads would be paid for nothing, and no one would see it."""
    room = Room(world_with(**flawless()), TASKS)
    kept: dict[str, list[int]] = {"contradictions": [], "unique_insights": [], "": []}
    for task in TASKS:
        drafts = [room.answer(m, task, 7) for m in PANEL]
        quoted = [
            p for p in room.known[task.hash].phrases if sum(bool(p.places(d)) for d in drafts) == 1
        ]
        for field, shares in kept.items():
            notes = {f: [] for f in FIELDS} | {field: [f"This account {p.body}." for p in quoted]}
            final = room.text(LARK, prompts.synthesize(task.question, drafts, notes))
            shares.append(sum(bool(p.places(final)) for p in quoted))
    assert sum(kept["contradictions"]) < sum(kept[""]) < sum(kept["unique_insights"])


def test_a_judge_lists_only_what_stands_in_the_candidates_and_by_their_numbers():
    """A judge that reads a rubric instead of the answers would leak it."""
    room = Room(world_with(**flawless()), TASKS)
    for task in TASKS[:10]:
        drafts = [room.answer(m, task, 8) for m in PANEL]
        messages = prompts.compare(task.question, drafts)
        analysis = json.loads(room.text(CONDOR, messages, schema=prompts.ANALYSIS))
        assert set(analysis) == set(FIELDS)
        shown = messages[1].content
        for row in analysis["unique_insights"]:
            body = row["insight"]
            holder = shown.split(f" Answer {row['answer']} ===")[1].split("===")[0]
            phrase = next(p for p in room.known[task.hash].phrases if p.places(body))
            assert phrase.places(holder)
        for spot in analysis["blind_spots"]:
            phrase = next(p for p in room.known[task.hash].phrases if p.places(spot))
            assert not phrase.places(shown)


def _accuracy(room: Room, tasks: list, model: str, votes: int) -> float:
    right = 0
    for task in tasks:
        results = [room.result(task, room.answer(model, task, s)) for s in range(votes)]
        right += max(results, key=results.count) == 0
    return right / len(tasks)


def test_votes_help_on_easy_tasks_and_hurt_on_hard_ones():
    """Wrong answers that tempt everyone are why majority curves can fall (arXiv:2403.02419)."""
    stable_free = {"spread__model_task": 0.0, "spread__maker_task": 0.0, "spread__domain": 0.0}
    world = world_with(**flawless(), **stable_free, spread__draw=1.5, checkable__per_difficulty=1.0)
    easy = [number_task(i, 2) for i in range(20, 120)]
    hard = [number_task(i, 5) for i in range(120, 220)]
    room = Room(world, easy + hard)
    one_easy, nine_easy = (_accuracy(room, easy, SPARROW, k) for k in (1, 9))
    one_hard, nine_hard = (_accuracy(room, hard, SPARROW, k) for k in (1, 9))
    assert one_easy > 0.5
    assert nine_easy > one_easy + 0.05
    assert one_hard < 0.5
    assert nine_hard < one_hard


def test_synthesis_brings_little_beyond_a_vote_where_answers_are_checked():
    """The same candidates and a writer of their own level: no new knowledge enters."""
    tasks = [number_task(i, 1 + i % 5) for i in range(20, 180)]
    room = Room(world_with(**flawless()), tasks)
    votes, written = 0, 0
    for task in tasks:
        drafts = [room.answer(m, task, s) for s, m in enumerate(PANEL)]
        results = [room.result(task, d) for d in drafts]
        votes += max(results, key=results.count) == 0
        final = room.text("wader/heron", prompts.synthesize(task.question, drafts))
        written += room.result(task, final) == 0
    assert abs(written - votes) / len(tasks) < 0.08


def test_the_answer_line_is_given_where_it_is_asked_for_and_a_sentence_otherwise():
    """A format that nobody asked for would make every extractor look perfect."""
    task = number_task(30, 1)
    room = Room(world_with(**flawless()), [task])
    asked = room.text(CONDOR, prompts.answer(task.question))
    assert asked.splitlines()[-1] == "Answer: 91"
    plain = room.text(CONDOR, said(task.question.prompt))
    assert "Answer:" not in plain
    assert plain.endswith("the result is 91.")


def test_graders_misread_at_their_declared_rates():
    """Error rates that are not what the file says would spoil every correction for them."""
    marks = {"sensitivity": 0.9, "specificity": 0.8, "error_sensitivity": 0.7}
    changes = {f"grading__{name}": value for name, value in marks.items()}
    room = Room(perfect_grader(**flawless()), TASKS)
    value = room.simulator.world.model_dump()
    value["grading"] |= {k.split("__")[1]: v for k, v in changes.items()}
    room = Room(World.model_validate(value), TASKS)
    right: dict[tuple[bool, bool], list[bool]] = {}
    for task in TASKS:
        text = room.answer(CONDOR, task, 1)
        for criterion, met in zip(task.criteria, room.met(task, text), strict=True):
            reply = room.text(OWL, prompts.grade(task.question, text, criterion), seed=2)
            agrees = (json.loads(reply)["verdict"] == "MET") == met
            right.setdefault((criterion.weight > 0, met), []).append(agrees)
    wanted = {(True, True): 0.9, (True, False): 0.8, (False, True): 0.7, (False, False): 1.0}
    for kind, rate in wanted.items():
        spread = (rate * (1 - rate) / len(right[kind])) ** 0.5
        assert mean(right[kind]) == pytest.approx(rate, abs=3 * spread + 1e-9)


@pytest.mark.parametrize("steady", [0.0, 1.0])
def test_a_steady_misreading_returns_in_every_pass_and_a_loose_one_does_not(steady):
    """Whether more grader passes help depends on nothing else."""
    value = perfect_grader().model_dump()
    value["grading"] |= {"sensitivity": 0.5, "specificity": 0.5, "steady": steady}
    room, task = Room(World.model_validate(value), TASKS), TASKS[0]
    for criterion in task.criteria[:16]:
        request = prompts.grade(task.question, "Nothing.", criterion)
        words = {json.loads(room.text(OWL, request, seed=s))["verdict"] for s in range(20)}
        assert len(words) == (1 if steady else 2)


def test_stable_truth_does_not_hang_on_the_request_and_maker_mates_err_together():
    """Without shared gaps, agreement would be proof and every panel a miracle."""
    truth = Knowledge(world_with(spread__maker_criterion=1.5, spread__criterion=0.0))
    again = Knowledge(truth.world)
    mates, strangers = 0.0, 0.0
    for task in TASKS:
        kestrel, condor, heron = (
            truth.standing(m, task).points for m in ("raptor/kestrel", CONDOR, "wader/heron")
        )
        assert again.standing(CONDOR, task).points == condor
        mates += _agreement(kestrel, condor)
        strangers += _agreement(kestrel, heron)
    assert mates > strangers + 4


def _agreement(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    level_a, level_b = mean(a[:16]), mean(b[:16])
    signs = [(x > level_a) == (y > level_b) for x, y in zip(a[:16], b[:16], strict=True)]
    return mean(signs)


def test_the_recipe_cannot_be_known():
    """Equal requests through different seats of different recipes are one call, with one reply."""
    task, room = TASKS[0], Room(world_with(), TASKS)
    first = room.reply(LARK, prompts.answer(task.question), seed=4)
    parts = [{"type": "text", "text": task.question.prompt}]
    assert room.reply(LARK, prompts.answer(task.question), seed=4, user="panel-abc") == first
    plain = {"model": LARK, "messages": [{"role": "user", "content": parts}], "seed": 4}
    assert parse(json.dumps(plain).encode()).text == task.question.prompt
    persona = (Message(role="system", content="You are careful."), *prompts.answer(task.question))
    assert room.reply(LARK, persona, seed=4).content != first.content
