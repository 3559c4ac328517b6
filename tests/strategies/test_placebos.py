"""Placebos: recipes that leave out just the thing that is claimed to work."""

from __future__ import annotations

import asyncio

import pytest
from scripted import ScriptedAsk, member, question

from fusion_eval import prompts
from fusion_eval.core import Question
from fusion_eval.errors import NoAnswerError
from fusion_eval.strategies import STRATEGIES
from fusion_eval.strategies.other_question import another

A, B, C, D = (member(name) for name in "ABCD")
ASKED = question()


def run(name, ask, asked=ASKED, **params):
    """The reply; nothing of the script may be left over."""
    reply = asyncio.run(STRATEGIES[name](asked, ask, **params))
    assert not ask.left
    return reply


def test_a_random_member_costs_one_call_and_is_the_same_in_every_repeat():
    """Drawn from a global generator, a replay would call somebody else."""
    for seed in range(5):
        asks = [ScriptedAsk(member=["Paris"]) for _ in range(2)]
        for ask in asks:
            assert run("random_member", ask, members=(A, B, C), seed=seed).text == "Paris"
        assert asks[0].calls[0].member == asks[1].calls[0].member


def test_every_member_is_the_random_one_about_equally_often():
    """A placebo that always takes the first seat is that member and no placebo."""
    taken = []
    for i in range(300):
        ask = ScriptedAsk(member=["x"])
        run("random_member", ask, question(f"Question {i}?"), members=(A, B, C), seed=7)
        taken.append(ask.calls[0].member.name)
    assert all(70 < taken.count(name) < 130 for name in "ABC")


def test_a_random_ranker_returns_a_draft_word_for_word_whoever_is_seated_first():
    """If the order of seats decided, shuffling a panel would change a placebo."""
    drafts = {"A": "one", "B": "two", "C": "three"}
    found = set()
    for seats in ((A, B, C), (C, A, B)):
        ask = ScriptedAsk(member=[drafts[m.name] for m in seats])
        found.add(run("random_ranker", ask, members=seats, seed=3).text)
    assert len(found) == 1
    assert found <= set(drafts.values())
    many = set()
    for seed in range(40):
        ask = ScriptedAsk(member=["one", "two", "three"])
        many.add(run("random_ranker", ask, members=(A, B, C), seed=seed).text)
    assert many == {"one", "two", "three"}


def test_copies_show_one_draft_as_often_as_there_are_seats():
    """Two different drafts would be combined, which is what this control excludes."""
    ask = ScriptedAsk(member=["Paris"], synthesizer=["Paris."])
    run("copies", ask, members=(A, B, C), synthesizer=D)
    assert ask.asked == {"member": 1, "synthesizer": 1}
    assert ask.to("synthesizer")[0].messages == prompts.synthesize(ASKED, ["Paris"] * 3)


def test_copies_copy_the_draft_of_the_random_member():
    """Another member's draft would add the difference of two members to that of rewriting."""
    for seed in range(6):
        one, other = ScriptedAsk(member=["x"]), ScriptedAsk(member=["x"], synthesizer=["y"])
        run("random_member", one, members=(A, B, C), seed=seed)
        run("copies", other, members=(A, B, C), synthesizer=D, seed=seed)
        assert one.calls[0] == other.calls[0]


def test_the_other_question_is_what_members_hear_and_never_the_writer():
    """A writer that reads the other question would answer it."""
    other = question("How far is the Moon?")
    ask = ScriptedAsk(member=["far", "farther"], synthesizer=["Paris"])
    reply = run(
        "other_question", ask, members=(A, B), synthesizer=D, questions=(ASKED, other), seed=1
    )
    assert reply.text == "Paris"
    assert all(heard.messages == prompts.answer(other) for heard in ask.to("member"))
    assert ask.to("synthesizer")[0].messages == prompts.synthesize(ASKED, ["far", "farther"])


def test_a_question_is_never_its_own_other_question():
    """With the right drafts the placebo would be the panel."""
    pool = tuple(question(f"Question {i}?") for i in range(12))
    pairs = {q.prompt: another(q, pool, 7) for q in pool}
    assert all(other is not None and other.prompt != own for own, other in pairs.items())
    assert len({other.prompt for other in pairs.values()}) > 4, "all got the same partner"
    more = (*pool, question("One more?"))
    kept = [another(q, more, 7) == pairs[q.prompt] for q in pool]
    assert sum(kept) >= 9, "a task more in the file must not change all drafts"


def test_the_other_question_has_the_same_form_of_answer_where_there_is_one():
    """Numbers for an essay would be recognised as foreign at a glance."""
    numeric = Question(prompt="2 + 2?", answer_format="numeric")
    pool = (ASKED, *(question(f"Essay {i}?") for i in range(9)), numeric)
    more = (*pool, Question(prompt="3 + 3?", answer_format="numeric"))
    for seed in range(10):
        assert another(numeric, more, seed).prompt == "3 + 3?"
        assert another(numeric, pool, seed).answer_format == "text"


def test_without_another_question_there_is_no_answer():
    """Silently, the panel itself would have stood as its own placebo."""
    with pytest.raises(NoAnswerError):
        run("other_question", ScriptedAsk(), members=(A,), synthesizer=D, questions=(ASKED,))


def test_no_drafts_is_the_request_to_write_with_nothing_in_it():
    """With another prompt, the difference would be that of two prompts."""
    ask = ScriptedAsk(synthesizer=["Paris"])
    run("no_drafts", ask, synthesizer=D)
    assert ask.calls[0].messages == prompts.synthesize(ASKED, [])
