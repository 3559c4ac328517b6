"""The simulator asked to choose, rank, score, review or route: in the form that was asked for."""

from __future__ import annotations

import json
from statistics import mean

import pytest
from simulator_kit import Room, flawless, number_task, rubric_task, world_with

from fusion_eval import prompts
from fusion_eval.prompts import choosing, consortium, council, layering, reviewing, routing
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


@pytest.mark.parametrize("form", ["schema", "words"])
def test_a_reviewer_names_errors_and_gaps_of_the_answer_and_nothing_else(form):
    """Feedback that says what the answer says already would make every refinement a copy."""
    room = _room(judging__flags_error=1.0, judging__flags_right=0.0, judging__blind_spots=1.0)
    schema = reviewing.REVIEW if form == "schema" else None
    accepted, found = [], 0
    for task in TASKS[:24]:
        draft = room.answer(SPARROW, task, 1)
        asked = reviewing.review(task.question, draft)
        assert _kind(room, asked) == "review"
        said = json.loads(room.text(CONDOR, asked, schema=schema))
        stated = room.met(task, draft)
        wrong = [bool(p.places(" ".join(said["errors"]))) for p in room.known[task.hash].phrases]
        gaps = [bool(p.places(" ".join(said["missing"]))) for p in room.known[task.hash].phrases]
        assert not any(w and not s for w, s in zip(wrong, stated, strict=True))
        assert not any(g and s for g, s in zip(gaps, stated, strict=True))
        accepted.append(said["accept"])
        found += sum(gaps)
    assert found > 10
    assert not all(accepted)


def test_a_review_changes_what_is_rewritten():
    """If writers did not read reviews, no loop could gain or lose anything here."""
    room = _room(writing__blind_spot=0.95)
    gained = 0
    for task in TASKS[:24]:
        draft = room.answer(SPARROW, task, 1)
        phrases = room.known[task.hash].phrases
        missing = [
            i for i, (p, there) in enumerate(zip(phrases, room.met(task, draft), strict=True))
            if not there and not p.negative
        ]  # fmt: skip
        said = [f"This account {phrases[i].body}." for i in missing]
        review = json.dumps({"errors": [], "missing": said})
        plain = json.dumps({"errors": [], "missing": []})
        history = prompts.answer(task.question)
        for notes, sign in ((review, 1), (plain, -1)):
            asked = reviewing.rework(history, draft, notes, task.question)
            assert _kind(room, asked) == "write"
            met = room.met(task, room.text(SPARROW, asked))
            gained += sign * sum(met[i] for i in missing)
    assert gained > 20


def test_the_second_criticism_in_a_row_is_a_criticism_again():
    """In a growing history the first request to rewrite is still in view."""
    room, task = _room(), TASKS[0]
    draft, better = (room.answer(SPARROW, task, seed) for seed in (1, 2))
    review = json.dumps({"errors": [], "missing": []})
    first = reviewing.reflect(prompts.answer(task.question), draft)
    written = reviewing.improve(first, review, task.question)
    again = reviewing.reflect(written, better)
    kinds = [_kind(room, messages) for messages in (first, written, again)]
    assert kinds == ["review", "write", "review"]
    reply = room.text(SPARROW, written)
    assert not reply.startswith("{")


@pytest.mark.parametrize("form", ["schema", "words"])
def test_an_arbiter_is_surer_where_the_answers_agree(form):
    """Always sure, and no consortium would have a second round; never, and each would have all."""
    room = _room()
    sure: dict[bool, list[float]] = {True: [], False: []}
    for task in TASKS[:24]:
        own = room.answer(CONDOR, task, 1)
        for alike in (True, False):
            answers = [f"{own} {i}" for i in range(3)] if alike else _answers(room, task)
            asked = consortium.arbitrate(task.question, answers)
            assert _kind(room, asked) == "write"
            schema = {"schema": consortium.ARBITRATION} if form == "schema" else _JSON
            said = json.loads(room.text(CONDOR, asked, **schema))
            assert 0 <= said["confidence"] <= 1
            assert sum(room.met(task, said["synthesis"])) > 2
            assert not any(room.met(task, said["dissent"]))
            sure[alike].append(said["confidence"])
    assert mean(sure[True]) > mean(sure[False]) + 0.1


_JSON = {"response_format": {"type": "json_object"}}


@pytest.mark.parametrize("form", ["schema", "words"])
def test_a_classifier_sends_hard_questions_further(form):
    """A router that drew lots would be the placebo of itself."""
    room = _room()
    routes = {}
    for task in TASKS[:24]:
        asked = routing.classify(task.question, ["hard", "harder", "hardest"])
        schema = {"schema": routing.route(3)} if form == "schema" else _JSON
        routes[task.id] = int(json.loads(room.text(CONDOR, asked, **schema))["route"])
        assert routes[task.id] in range(4)
    scores = {
        task.id: mean(room.score(task, room.answer(CONDOR, task, seed)) for seed in range(8))
        for task in TASKS[:24]
    }
    if form == "schema":
        low, high = min(routes.values()), max(routes.values())
        assert low < high
        easy = mean(scores[t] for t, r in routes.items() if r == low)
        hard = mean(scores[t] for t, r in routes.items() if r == high)
        assert easy > hard


@pytest.mark.parametrize("form", ["schema", "words"])
def test_a_member_of_a_council_ranks_every_answer_once(form):
    """A number twice, or one too few, and its ballot is lost."""
    room, task = _room(judging__sees=200.0, judging__prefers_first=0.0), TASKS[0]
    answers = _answers(room, task)
    asked = council.rank(task.question, answers)
    assert _kind(room, asked) == "rank"
    schema = {"schema": council.RANKING} if form == "schema" else _JSON
    said = json.loads(room.text(CONDOR, asked, **schema))
    assert sorted(said["ranking"]) == [1, 2, 3]
    scores = [room.score(task, answer) for answer in _shown(answers)]
    assert scores[said["ranking"][0] - 1] == max(scores)


@pytest.mark.parametrize("prompt", ["chair", "reconsider", "again", "propose"])
def test_writing_from_answers_is_writing_however_it_is_asked(prompt):
    """Taken for a fresh answer, the drafts would have been paid for nothing."""
    room, task = _room(), TASKS[0]
    answers = _answers(room, task)
    asked = {
        "chair": council.chair(task.question, answers, ranked=True),
        "reconsider": council.reconsider(task.question, answers[0], answers[1:], ["Too short."]),
        "again": consortium.again(task.question, answers[0], ["What about the rest?"]),
        "propose": layering.propose(task.question, answers),
    }[prompt]
    read_as = read("\n\n".join(m.content for m in asked), None, room.simulator.catalogue)
    assert (read_as.kind, len(read_as.candidates)) == ("write", 1 if prompt == "again" else 3)


@pytest.mark.parametrize("place", ["before", "after"])
def test_an_answer_and_an_analysis_come_with_the_line_between_them(place):
    """Else every answer of such a panel would count as degraded, and the order of the two as
    worth nothing."""
    room, task = _room(), TASKS[0]
    answers = _answers(room, task)
    reply = room.text(CONDOR, prompts.synthesize(task.question, answers, analysis=place))
    parts = reply.split(f"\n{prompts.MARK}\n")
    assert len(parts) == 2
    written, analysis = parts if place == "after" else reversed(parts)
    assert set(json.loads(analysis)) == set(prompts.FIELDS)
    assert sum(room.met(task, written)) > 2
