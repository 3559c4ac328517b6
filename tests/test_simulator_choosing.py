"""The simulator asked to choose, rank, score, review or route: in the form that was asked for."""

from __future__ import annotations

import json
from statistics import mean

import pytest
from test_simulator_kit import Room, flawless, number_task, rubric_task, world_with

from fusion_eval import prompts
from fusion_eval.prompts import choosing
from fusion_eval.simulator.reading import read

TASKS = [rubric_task(i) for i in range(24)] + [number_task(40, 2)]
SPARROW, HERON, CONDOR = "aviary/sparrow", "wader/heron", "raptor/condor"
PANEL = (SPARROW, HERON, CONDOR)


def _room(**changes: float) -> Room:
    return Room(world_with(**flawless(), **changes), TASKS)


def _answers(room: Room, task, seed: int = 1) -> list[str]:
    return [room.answer(m, task, seed + i) for i, m in enumerate(PANEL)]


def _kind(room: Room, messages) -> str:
    return read("\n\n".join(m.content for m in messages), None, room.simulator.catalogue).kind


def _shown(answers: list[str]) -> list[str]:
    return [answers[i] for i in prompts.shown(answers)]


def _right(room: Room, prompt, schema) -> float:
    """Share of tasks for which the answer with the highest score is the one that is named."""
    hits = []
    for task in TASKS[:24]:
        answers = _answers(room, task)
        reply = room.text(CONDOR, prompt(task.question, answers), schema=schema)
        scores = [room.score(task, answer) for answer in _shown(answers)]
        hits.append(scores[json.loads(reply)["best"] - 1] == max(scores))
    return mean(hits)


def test_a_ranker_with_eyes_finds_the_best_answer_and_a_blind_one_does_not():
    """If rankers of this world saw nothing, `ranked` could not be told from a random member."""
    seeing = _room(judging__sees=200.0, judging__prefers_first=0.0)
    blind = _room(judging__sees=0.0, judging__prefers_first=0.0)
    assert _right(seeing, choosing.pick, choosing.CHOICE) > 0.8
    assert _right(blind, choosing.pick, choosing.CHOICE) < 0.7


def test_a_chooser_for_consistency_looks_for_agreement_and_not_for_quality():
    """The odd one out may be the best answer; universal self-consistency must not find it."""
    room = _room(judging__sees=200.0, judging__prefers_first=0.0)
    task = TASKS[0]
    points = room.known[task.hash].phrases
    alike, other = [0, 1, 2], list(range(3, len(points)))
    bodies = [[points[i].body for i in kept] for kept in (alike, alike, other)]
    answers = [
        "Here is an overview of the whole matter.\n"
        + " ".join(f"This account {body}." for body in said)
        + f"\nDraft {i}."
        for i, said in enumerate(bodies)
    ]
    reply = room.text(
        CONDOR, choosing.pick_consistent(task.question, answers), schema=choosing.CHOICE
    )
    assert _shown(answers)[json.loads(reply)["best"] - 1] in answers[:2]


@pytest.mark.parametrize("form", ["schema", "words"])
def test_scores_come_under_the_numbers_of_the_answers(form):
    """An endpoint without JSON Schema gets the same object from the words of the request."""
    room, task = _room(judging__sees=200.0), TASKS[0]
    answers = _answers(room, task)
    schema = choosing.scores(3) if form == "schema" else None
    asked = choosing.score_all(task.question, answers)
    assert _kind(room, asked) == "rate"
    scores = json.loads(room.text(CONDOR, asked, schema=schema))["scores"]
    assert set(scores) == {"1", "2", "3"}
    assert all(1 <= score <= 10 for score in scores.values())
    by_place = [room.score(task, answer) for answer in _shown(answers)]
    assert max(scores.values()) == scores[str(by_place.index(max(by_place)) + 1)]


@pytest.mark.parametrize("form", ["schema", "words"])
def test_a_single_answer_gets_a_single_score(form):
    """Better drafts must get higher ones, or best-of-n is a lottery."""
    room = _room(judging__sees=200.0)
    schema = choosing.SCORE if form == "schema" else None
    pairs = []
    for task in TASKS[:24]:
        for answer in _answers(room, task):
            asked = choosing.score_one(task.question, answer)
            assert _kind(room, asked) == "rate"
            score = json.loads(room.text(CONDOR, asked, schema=schema))["score"]
            pairs.append((room.score(task, answer), score))
    middle = sorted(truth for truth, _ in pairs)[len(pairs) // 2]
    low, high = ([s for t, s in pairs if (t > middle) is side] for side in (False, True))
    assert mean(high) > mean(low) + 0.5


@pytest.mark.parametrize("form", ["schema", "words"])
def test_of_two_answers_one_is_named(form):
    """Pairs are shown in both orders, so their numbers mean places."""
    room, task = _room(), TASKS[0]
    first, second, _ = _answers(room, task)
    asked = choosing.pick_better(task.question, first, second)
    assert _kind(room, asked) == "choose"
    schema = choosing.CHOICE if form == "schema" else None
    assert json.loads(room.text(CONDOR, asked, schema=schema))["best"] in {1, 2}
