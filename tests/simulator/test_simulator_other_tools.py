"""Prompts that are not ours: what other harnesses are described to send gets what they expect.

The wordings are made after descriptions of openfusion (MIT), fusionHarness (its README), leecoder's
plugin and the literature; none is copied.
"""

from __future__ import annotations

import json
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

from fusion_eval.core import Message
from fusion_eval.simulator.reading import read
from fusion_eval.simulator.text import FRAMES, phrases

TASKS = [rubric_task(i) for i in range(24)] + [number_task(40, 2)]
TASK = TASKS[0]
PANEL = ("aviary/sparrow", "wader/heron", "raptor/condor")
CONDOR, OWL = "raptor/condor", "strix/owl"


def _room(**changes: float) -> Room:
    return Room(world_with(**flawless(), **changes), TASKS)


def _answers(room: Room, task=TASK, seed: int = 1) -> list[str]:
    return [room.answer(m, task, seed + i) for i, m in enumerate(PANEL)]


def _kind(room: Room, text: str) -> str:
    return read(text, None, room.simulator.catalogue).kind


def test_a_judge_that_compares_and_writes_in_one_call_writes():
    """openfusion's synthesizer names the five fields in its instruction and wants an answer."""
    room = _room()
    instruction = (
        "You synthesize. Below are independent answers to one request. Find consensus, "
        "contradictions, partial coverage, unique insights and blind spots. Then write one best "
        "answer that rests on that analysis. Never mention that there was a panel."
    )
    shown = "\n\n".join(
        f"### panel-{name.split('/')[1]}\n{text}"
        for name, text in zip(PANEL, _answers(room), strict=True)
    )
    user = f"{instruction}\n\nOriginal request:\n{TASK.question.prompt}\n\nPanel answers:\n{shown}"
    messages = (Message(role="system", content=instruction), Message(role="user", content=user))
    asked = read(f"{instruction}\n\n{user}", None, room.simulator.catalogue)
    assert (asked.kind, len(asked.candidates)) == ("write", 3)
    reply = room.text(CONDOR, messages)
    assert not reply.startswith("{")
    assert sum(room.met(TASK, reply)) > 5


def test_a_debate_in_one_message_is_a_revision():
    """openfusion's debate sends its instruction, the request, the own answer and the experts'."""
    room = _room()
    own, *others = _answers(room)
    experts = "\n\n".join(f"### Expert {i}\n{text}" for i, text in enumerate(others, 1))
    text = (
        "Earlier you answered the request below. Consider where the other experts are stronger, "
        "correct your mistakes, then write your single improved answer.\n\n"
        f"Original request:\n{TASK.question.prompt}\n\nYour previous answer:\n{own}\n\n"
        f"Other experts' answers:\n{experts}"
    )
    asked = read(text, None, room.simulator.catalogue)
    assert (asked.kind, len(asked.candidates)) == ("write", 3)


def test_a_separate_judge_gives_structure_and_its_synthesizer_reads_it():
    """fusionHarness: panel, then a judge's four fields, then a synthesis grounded in them."""
    room = _room()
    shown = "\n".join(f"[{m}]\n{a}" for m, a in zip(PANEL, _answers(room), strict=True))
    judge = (
        f"Question: {TASK.question.prompt}\n{shown}\nExtract the structure of these answers as "
        "JSON: consensus, contradictions, partial coverage, unique insights."
    )
    assert _kind(room, judge) == "compare"
    analysis = json.loads(room.text(CONDOR, said(judge)))
    assert {"consensus", "contradictions", "partial_coverage", "unique_insights"} <= set(analysis)
    synth = (
        f"Question: {TASK.question.prompt}\n{shown}\nJudge:\n{json.dumps(analysis)}\n"
        "Write the final answer."
    )
    asked = read(synth, None, room.simulator.catalogue)
    assert (asked.kind, asked.notes) == ("write", (analysis,))
    refine = f"{TASK.question.prompt}\nImprove this draft:\n{_answers(room)[0]}"
    assert _kind(room, refine) == "write"


def test_a_judge_that_is_not_told_the_question_still_judges():
    """leecoder's judge sees the responses only: a real defect that must be measurable."""
    room = _room()
    shown = "\n\n".join(f"Response {i}:\n{a}" for i, a in enumerate(_answers(room), 1))
    asked = read(f"Combine these 3 responses.\n{shown}", None, room.simulator.catalogue)
    assert (asked.kind, asked.known and asked.known.task.id) == ("write", TASK.id)


RANKED = (
    "Reply with only the number of the best answer.",
    "Which response is best? Just the digit.",
    "Pick the strongest candidate.",
    "Select the response that is most consistent with the majority.",
)


@pytest.mark.parametrize("instruction", RANKED)
def test_asked_which_is_best_it_names_one_by_its_number(instruction):
    """`ranked`, best-of-n and universal self-consistency return a candidate as it is."""
    room = _room()
    shown = "\n\n".join(f"### Answer {i + 4}\n{a}" for i, a in enumerate(_answers(room)))
    text = f"{TASK.question.prompt}\n\n{shown}\n\n{instruction}"
    assert room.text(CONDOR, said(text)) in {"4", "5", "6"}


def _chosen(room: Room, order: list[int], position: bool = False) -> float:
    """How often the answer of condor, or the first answer, is chosen."""
    hits = []
    for task in TASKS[:24]:
        answers = _answers(room, task)
        shown = "\n\n".join(f"[{i}]\n{answers[k]}" for i, k in enumerate(order, 1))
        text = f"{task.question.prompt}\n{shown}\nGive the number of the best answer only."
        place = int(room.text(OWL, said(text))) - 1
        hits.append(place == 0 if position else order[place] == 2)
    return mean(hits)


def test_a_skilled_judge_mostly_finds_the_best_and_a_biased_one_the_first():
    """Selection that was perfect, or blind, would settle every question about it."""
    skilled = _room(judging__prefers_first=0.0, judging__sees=12.0)
    assert _chosen(skilled, [0, 1, 2]) > 0.55
    biased = _room(judging__prefers_first=9.0, judging__sees=0.5)
    assert _chosen(biased, [2, 1, 0], position=True) == 1.0
    assert _chosen(biased, [0, 1, 2], position=True) == 1.0


def test_scores_from_1_to_10_come_as_a_list_and_letters_as_letters():
    """Best-of-n in one call parses an array; councils ask for letters."""
    room = _room()
    shown = "\n\n".join(f"Response {'ABC'[i]}:\n{a}" for i, a in enumerate(_answers(room)))
    scores = room.text(CONDOR, said(f"{TASK.question.prompt}\n{shown}\nScore each from 1 to 10."))
    assert len(json.loads(scores)) == 3
    assert all(1 <= s <= 10 for s in json.loads(scores))
    letter = f"{TASK.question.prompt}\n{shown}\nReply with the letter of the best response."
    assert room.text(CONDOR, said(letter)) in {"A", "B", "C"}


def test_choosing_among_checkable_answers_follows_the_majority():
    """Universal self-consistency is a vote that a model takes."""
    room, task = _room(judging__sees=40.0), TASKS[-1]
    answers = [f"Let us look at all this in order.\n\nAnswer: {n}" for n in (121, 122, 121, 7)]
    shown = "\n\n".join(f"Response {i}:\n{a}" for i, a in enumerate(answers, 1))
    text = f"{task.question.prompt}\n{shown}\nSelect the most consistent response."
    assert room.text(OWL, said(text)) in {"1", "3"}


GRADERS = (
    ("Is this criterion satisfied? yes/no\n", ("Yes", "No")),
    ("Does the response meet the criterion? Answer YES or NO.\n", ("Yes", "No")),
    ("Verdict: MET or UNMET?\n", ("MET", "UNMET")),
)


@pytest.mark.parametrize(("question", "words"), GRADERS)
def test_graders_answer_in_the_words_of_the_question(question, words):
    """A parser that finds no yes counts everything as no."""
    room = Room(perfect_grader(**flawless()), TASKS)
    criterion, phrase = TASK.criteria[0], phrases(TASK)[0]
    for text, word in ((f"{FRAMES[1]}{phrase.body}.", words[0]), ("Nothing.", words[1])):
        request = f"{TASK.question.prompt}\nResponse: {text}\n{question}{criterion.requirement}"
        assert room.text(OWL, said(request)).endswith(f"Verdict: {word}")


def test_a_whole_rubric_in_one_call_is_answered_as_the_example_shows():
    """openfusion grades all criteria at once and wants `{"met": [true, false, ...]}`."""
    room = Room(perfect_grader(**flawless()), TASKS)
    long = TASK.criteria[1].model_copy(update={"requirement": "Explains " + "very " * 80 + "much"})
    task = TASK.model_copy(update={"criteria": (*TASK.criteria, long), "id": "long"})
    room = Room(room.simulator.world, [task])
    listed = "\n".join(f"{i}. {c.requirement[:300]}" for i, c in enumerate(task.criteria, 1))
    text = f"{FRAMES[0]}{phrases(task)[3].body}."
    reply = room.text(
        OWL,
        said(
            f"Research task:\n{task.question.prompt}\n\nResponse to grade:\n{text}\n\n"
            f"Rubric criteria:\n{listed}\n\nReply with ONLY a JSON object of the form "
            f'{{"met": [true, false, ...]}} with exactly {len(task.criteria)} booleans.'
        ),
    )
    assert json.loads(reply) == {"met": [i == 3 for i in range(len(task.criteria))]}
