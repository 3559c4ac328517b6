"""Statements go into text and come out of it; requests are read from their content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from simulator_kit import Room, number_task, perfect_grader, rubric_task, said, world_with

from fusion_eval import prompts
from fusion_eval.core import Criterion, Question, Schema, Task
from fusion_eval.simulator.catalogue import Catalogue
from fusion_eval.simulator.reading import FIELDS, read
from fusion_eval.simulator.text import FRAMES, phrases, statement

TASKS = [rubric_task(i) for i in range(6)] + [number_task(i, 3) for i in range(50, 54)]
DRACO = Path(__file__).parents[3] / "shared" / "data" / "draco" / "test-61.jsonl"
OWL = "strix/owl"


def _asked(text: str, schema: object = None):
    return read(text, schema, Catalogue(TASKS, (1.0,)))


def _draco_tasks() -> list[Task]:
    tasks = []
    for line in DRACO.read_text("utf-8").splitlines():
        row = json.loads(line)
        criteria = [
            Criterion(**c, section=s["id"])
            for s in json.loads(row["answer"])["sections"]
            for c in s["criteria"]
        ]
        question = Question(prompt=row["problem"])
        tasks.append(
            Task(id=row["id"], question=question, criteria=tuple(criteria), domain=row["domain"])
        )
    return tasks


@pytest.mark.skipif(not DRACO.is_file(), reason="DRACO's tasks are not on this machine")
def test_every_real_requirement_survives_the_way_into_text_and_out():
    """A requirement that cannot be found again would look like a point that nobody makes."""
    for task in _draco_tasks():
        known = phrases(task)
        for number, phrase in enumerate(known):
            text = "Before. " + statement(phrase.body, number / len(known)) + " After."
            found = [i for i, p in enumerate(known) if p.places(text)]
            assert found == [number], phrase.bare
            assert phrase.asked(text) < 0, phrase.bare


def test_a_requirement_that_begins_another_is_not_mistaken_for_it():
    """Such pairs are common in rubrics: names the cause / names the cause and its size."""
    requirements = ("Names the cause", "Names the cause and its size", "Names the cause. Twice")
    criteria = tuple(
        Criterion(id=str(i), requirement=r, weight=1.0) for i, r in enumerate(requirements)
    )
    task = Task(id="t", question=Question(prompt="Why is that so?"), criteria=criteria)
    known = phrases(task)
    for number, phrase in enumerate(known):
        text = statement(phrase.body, 0.0)
        assert [i for i, p in enumerate(known) if p.places(text)] == [number]


def test_the_longest_known_prompt_in_a_request_is_the_one_that_is_asked():
    """A short task whose prompt is part of a longer one would take its answers."""
    short = Task(id="s", question=Question(prompt="Why is the sky so blue?"), target="1")
    long = Task(
        id="l", question=Question(prompt="Why is the sky so blue? And the sea?"), target="1"
    )
    known = Catalogue([short, long], (1.0,)).find("Say: 'Why is the sky so blue? And the sea?'!")
    assert known is not None
    assert known.task.id == "l"


def test_our_own_requests_are_told_apart_by_content():
    """A judge that is taken for a writer would break every panel with a judge."""
    task, room = TASKS[0], Room(world_with(), TASKS)
    answers = [room.answer(m, task, 1) for m in ("aviary/sparrow", "wader/heron", "raptor/condor")]
    joined = {
        "answer": prompts.answer(task.question),
        "compare": prompts.compare(task.question, answers),
        "write": prompts.synthesize(task.question, answers, {f: [] for f in FIELDS}),
        "grade": prompts.grade(task.question, answers[0], task.criteria[1]),
    }
    for kind, messages in joined.items():
        assert _asked("\n\n".join(m.content for m in messages)).kind == kind
    revise = prompts.revise(prompts.answer(task.question), answers[0], task.question, answers[1:])
    assert _asked("\n\n".join(m.content for m in revise)).kind == "write"


def test_other_words_around_the_same_content_are_understood():
    """The simulator would be of no use to another harness, and would know our recipes."""
    task, room = TASKS[0], Room(world_with(), TASKS)
    answers = [room.answer("raptor/condor", task, i) for i in range(3)]
    shown = "\n".join(f"[Model {i + 4}]\n{text}" for i, text in enumerate(answers))
    merge = f"Merge these drafts on “{task.question.prompt}” into one:\n{shown}"
    assert _asked(merge).candidates.numbers == (4, 5, 6)
    assert _asked(merge).kind == "write"
    wanted = f"{merge}\nReturn {', '.join(FIELDS)} as JSON."
    assert _asked(wanted).kind == "compare"
    blind = f"Text: {answers[0]}\nIs this so? {task.criteria[0].requirement}\nyes or no"
    assert (_asked(blind).kind, _asked(blind).criteria) == ("grade", (0,))


def test_support_counts_the_candidates_that_say_so_and_no_quotations_of_a_judge():
    """Support would double as soon as an analysis is attached."""
    task, room = TASKS[1], Room(world_with(), TASKS)
    answers = [room.answer(m, task, 3) for m in ("aviary/sparrow", "wader/heron", "raptor/condor")]
    analysis = json.loads(room.text("wader/heron", prompts.compare(task.question, answers)))
    plain = _asked("\n".join(m.content for m in prompts.synthesize(task.question, answers)))
    noted = prompts.synthesize(task.question, answers, analysis)
    with_notes = _asked("\n".join(m.content for m in noted))
    assert with_notes.candidates == plain.candidates
    assert with_notes.notes == (analysis,)
    for i, holders in plain.candidates.stated.items():
        assert len(holders) == sum(room.met(task, a)[i] for a in answers)


def test_a_grader_sees_only_text():
    """A hidden label would make every question about graders and length meaningless."""
    task, room = TASKS[2], Room(perfect_grader(), TASKS)
    criterion, phrase = task.criteria[1], phrases(task)[1]
    foreign = "A text by someone else, about nothing in particular."
    pasted = f"{foreign} {FRAMES[2]}{phrase.body}. And so on."
    cut = pasted.replace("5 %", "6 %")
    for text, verdict in ((foreign, "UNMET"), (pasted, "MET"), (cut, "UNMET")):
        messages = prompts.grade(task.question, text, criterion)
        assert json.loads(room.text(OWL, messages, schema=prompts.VERDICT))["verdict"] == verdict
        assert json.loads(room.text(OWL, messages))["verdict"] == verdict
        prose = f"{task.question.prompt}\n{criterion.requirement}\n{text}\nMET or UNMET?"
        assert room.text(OWL, said(prose)).endswith(f"Verdict: {verdict}")


def test_several_criteria_in_one_request_get_one_verdict_each_in_order():
    """Batched grading is common, and a mixed-up order would look like noise."""
    task, room = TASKS[3], Room(perfect_grader(), TASKS)
    body = f"{FRAMES[0]}{phrases(task)[4].body}."
    listed = "\n".join(f"{i}. {c.requirement}" for i, c in enumerate(task.criteria))
    text = f"{task.question.prompt}\n{body}\n{listed}\nAnswer in JSON with MET or UNMET."
    rows = json.loads(room.text(OWL, said(text)))
    assert [row["verdict"] == "MET" for row in rows] == [i == 4 for i in range(len(rows))]
    assert len(rows) == len(task.criteria)


def test_an_unknown_prompt_is_answered_politely_and_scores_nothing():
    """Whoever measures a prompt that no task has must not be given points."""
    room = Room(world_with(), TASKS)
    for text in ("Hello!", "", "Please explain matter number 77 to me.", TASKS[0].id):
        reply = room.reply("raptor/condor", said(text))
        assert reply.finish == "stop"
        assert reply.content
        assert not any(any(room.met(task, reply.content)) for task in TASKS[:6])


def test_an_answer_in_a_requested_json_form_is_json_and_still_says_the_same():
    """Endpoints that promise a schema keep it; a harness's parser is not ours to break."""
    task, room = TASKS[0], Room(world_with(), TASKS)
    form = Schema(
        name="reply",
        json_schema={
            "type": "object",
            "properties": {"text": {"type": "string"}, "sure": {"type": ["null", "boolean"]}},
        },
    )
    reply = room.text("raptor/condor", prompts.answer(task.question), schema=form, seed=1)
    assert any(room.met(task, json.loads(reply)["text"]))
    assert json.loads(reply)["sure"] is True
    loose = {"response_format": {"type": "json_object"}}
    assert isinstance(json.loads(room.text("raptor/condor", said("Hello!"), **loose)), dict)
