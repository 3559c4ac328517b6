"""Strategies that return one of the drafts word for word: who is asked, and who wins."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedAsk, failed, member, question

from fusion_eval.core import Reply
from fusion_eval.errors import NoAnswerError
from fusion_eval.prompts import shown
from fusion_eval.strategies.best_of_n import best_of_n
from fusion_eval.strategies.ranked import ranked
from fusion_eval.strategies.self_consistency import self_consistency
from fusion_eval.strategies.universal_self_consistency import universal_self_consistency

A, B, C, D = (member(name) for name in ("ada-7b", "bert-9b", "curie-2", "davinci-3"))
CAPITAL = question("What is the capital of France?")
SUM = question("How much is 40 + 2?", "numeric")
DRAFTS = ["It is Paris.", "It is Lyon.", "It is Nice."]
CUT = Reply(text='{"best": 1', finish="length")


def run(strategy, asked, ask, **params):
    """The reply of a strategy; nothing of the script may be left over."""
    reply = asyncio.run(strategy(asked, ask, **params))
    assert not ask.left
    return reply


def place(answers: list[str], wanted: str) -> int:
    """The number under which an answer is shown."""
    return [answers[i] for i in shown(answers)].index(wanted) + 1


def best(number: object) -> str:
    """What a ranker should reply."""
    return json.dumps({"best": number})


def scored(answers: list[str], **scores: int) -> str:
    """What a listwise scorer should reply, given a score per answer's last word."""
    by_place = {place(answers, a): scores[a.split()[-1].rstrip(".")] for a in answers}
    return json.dumps({"scores": {str(k): v for k, v in sorted(by_place.items())}})


# Self-consistency


def test_self_consistency_counts_final_answers_of_one_member():
    """A vote over several models is another method, and has another name."""
    ask = ScriptedAsk(member=["Answer: 1", "Answer: 42", "So: Answer: 42.0"])
    assert run(self_consistency, SUM, ask, member=A, n=3).text == "Answer: 42"
    assert [heard.member for heard in ask.calls] == [A] * 3


def test_ties_of_self_consistency_go_to_the_earliest_draw():
    """The declared policy; a random one would need a seed."""
    ask = ScriptedAsk(member=["Answer: 1", "Answer: 42", "Answer: 42", "Answer: 1"])
    assert run(self_consistency, SUM, ask, member=A, n=4).text == "Answer: 1"


# Choosing


@pytest.mark.parametrize("wanted", DRAFTS)
@pytest.mark.parametrize("seats", list(itertools.permutations(DRAFTS)))
def test_the_ranker_names_a_place_and_gets_that_answer_word_for_word(seats, wanted):
    """With the order of the seats in place of the one that is shown, another answer would win."""
    drafts = list(seats)
    ask = ScriptedAsk(member=drafts, ranker=[best(place(drafts, wanted))])
    assert run(ranked, CAPITAL, ask, members=(A, B, C), ranker=D).text == wanted
    assert not ask.steps_down


def test_the_chooser_of_universal_self_consistency_is_the_member_itself():
    """Chen et al. ask the same model; another one would add its own knowledge."""
    ask = ScriptedAsk(member=DRAFTS, chooser=[best(place(DRAFTS, "It is Nice."))])
    assert run(universal_self_consistency, CAPITAL, ask, member=A, n=3).text == "It is Nice."
    assert [heard.member for heard in ask.calls] == [A] * 4


def test_ranked_asks_for_the_best_and_universal_self_consistency_for_the_typical_answer():
    """Asked for the best, it would be `ranked` under another name."""
    rankers = ScriptedAsk(member=DRAFTS, ranker=[best(1)])
    run(ranked, CAPITAL, rankers, members=(A, B, C), ranker=D)
    choosers = ScriptedAsk(member=DRAFTS, chooser=[best(1)])
    run(universal_self_consistency, CAPITAL, choosers, member=A, n=3)
    (best_of, typical) = (rankers.to("ranker")[0].text, choosers.to("chooser")[0].text)
    assert "number of the best answer" in best_of
    assert "most consistent" not in best_of
    assert "most consistent" in typical
    assert all(draft in best_of and draft in typical for draft in DRAFTS)


@pytest.mark.parametrize(
    "reply",
    [
        failed("timeout"),
        NoAnswerError("empty"),
        CUT,
        best(0),
        best(4),
        best(True),
        best("2 or 3"),
        best(1.5),
        "1 or 2",
        "",
        "The second answer is clearly better than the first one, because it is right about 2.",
        json.dumps([2, 3]),
        "Not 1",
        "2/3",
        "Answer 2 is better than answer 1",
        f"{best(2)}\nWait, 3 is better.",
    ],
)
def test_a_choice_that_cannot_be_read_falls_back_and_says_so(reply):
    """A number out of range taken as the last one would be a guess that nobody sees."""
    for drafts in itertools.permutations(DRAFTS):
        ask = ScriptedAsk(member=drafts, ranker=[reply])
        first = run(ranked, CAPITAL, ask, members=(A, B, C), ranker=D, fallback="first")
        assert first.text == drafts[0]
        ask = ScriptedAsk(member=drafts, ranker=[reply])
        chosen = run(ranked, CAPITAL, ask, members=(A, B, C), ranker=D)
        assert chosen.text == DRAFTS[shown(DRAFTS)[0]]
        assert len(ask.steps_down) == 1
        assert ask.steps_down[0].startswith("ranker (davinci-3): ")


def test_the_fallback_favours_no_seat():
    """Always the first seat: then a ranker that says nothing measures who was listed first."""
    winners = set()
    for i in range(40):
        drafts = [f"{word} {i}" for word in ("one", "two", "three")]
        ask = ScriptedAsk(member=drafts, ranker=["I cannot say."])
        reply = run(ranked, CAPITAL, ask, members=(A, B, C), ranker=D)
        winners.add(drafts.index(reply.text))
    assert winners == {0, 1, 2}


@pytest.mark.parametrize("text", ["2", " 2. ", "Answer 2", "**2**"])
def test_a_bare_number_is_a_choice(text):
    """Rankers with eight tokens, as openfusion gives them, have no room for JSON."""
    ask = ScriptedAsk(member=DRAFTS, ranker=[text])
    wanted = DRAFTS[shown(DRAFTS)[1]]
    assert run(ranked, CAPITAL, ask, members=(A, B, C), ranker=D).text == wanted


# Best of n


def test_the_highest_score_wins_pointwise():
    """Each draft is scored in a call that shows no other."""
    ask = ScriptedAsk(member=DRAFTS, scorer=[f'{{"score": {s}}}' for s in (5, 9, 7)])
    assert run(best_of_n, CAPITAL, ask, members=(A, B, C), scorer=D).text == "It is Lyon."
    for heard, draft in zip(ask.to("scorer"), DRAFTS, strict=True):
        assert draft in heard.text
        assert not any(other in heard.text for other in DRAFTS if other != draft)


@pytest.mark.parametrize("seats", list(itertools.permutations(DRAFTS)))
def test_the_highest_score_wins_listwise(seats):
    """One place off, and the second best would win."""
    ask = ScriptedAsk(member=seats, scorer=[scored(list(seats), Paris=5, Lyon=6, Nice=10)])
    params = {"members": (A, B, C), "scorer": D, "scoring": "listwise"}
    assert run(best_of_n, CAPITAL, ask, **params).text == "It is Nice."
    assert not ask.steps_down


def test_weights_belong_to_members_and_stay_with_them():
    """In opencode-llm-fusion they shift by one seat as soon as a member fails."""
    ask = ScriptedAsk(member=["x", failed(), "y"], scorer=['{"score": 6}', '{"score": 4}'])
    params = {"members": (A, B, C), "scorer": D, "weights": (1.0, 9.0, 2.0)}
    assert run(best_of_n, CAPITAL, ask, **params).text == "y"


def test_with_n_every_member_drafts_so_often_and_keeps_its_weight():
    """Two drafts of the first member, then two of the second."""
    ask = ScriptedAsk(member=["a1", "a2", "b1", "b2"], scorer=['{"score": 4}'] * 4)
    params = {"members": (A, B), "n": 2, "scorer": D, "weights": (1.0, 2.0)}
    assert run(best_of_n, CAPITAL, ask, **params).text in {"b1", "b2"}
    assert [heard.member for heard in ask.to("member")] == [A, A, B, B]


def test_equal_scores_favour_no_seat():
    """Integer scores tie often; the first seat would win all those."""
    winners = set()
    for i in range(40):
        drafts = [f"{word} {i}" for word in ("one", "two", "three")]
        ask = ScriptedAsk(member=drafts, scorer=['{"score": 8}'] * 3)
        winners.add(drafts.index(run(best_of_n, CAPITAL, ask, members=(A, B, C), scorer=D).text))
    assert winners == {0, 1, 2}


@pytest.mark.parametrize("bad", ['{"score": 11}', '{"score": 9.5}', "9 or 10", failed("bad_reply")])
def test_a_draft_without_a_readable_score_is_left_out(bad):
    """Taken as 0 or 5 it would be a score that nobody gave."""
    ask = ScriptedAsk(member=DRAFTS, scorer=[bad, '{"score": 1}', bad])
    assert run(best_of_n, CAPITAL, ask, members=(A, B, C), scorer=D).text == "It is Lyon."
    assert len(ask.steps_down) == 2


@pytest.mark.parametrize("bad", ['{"scores": {"1": 5, "2": 6}}', '{"scores": [5, 6]}', failed()])
def test_without_scores_the_highest_weight_wins(bad):
    """All count as equal, as in opencode-llm-fusion; here it is recorded."""
    ask = ScriptedAsk(member=DRAFTS, scorer=[bad])
    params = {"members": (A, B, C), "scorer": D, "scoring": "listwise", "weights": (1.0, 3.0, 2.0)}
    assert run(best_of_n, CAPITAL, ask, **params).text == "It is Lyon."
    assert len(ask.steps_down) == 1


@given(st.text())
def test_no_reply_of_a_judge_breaks_a_strategy(reply):
    """A crash in one trial stops a night's run."""
    for strategy, params in (
        (ranked, {"ranker": D}),
        (best_of_n, {"scorer": D, "scoring": "listwise"}),
        (best_of_n, {"scorer": D}),
    ):
        ask = ScriptedAsk(member=DRAFTS, ranker=[reply], scorer=[reply] * 3)
        chosen = asyncio.run(strategy(CAPITAL, ask, members=(A, B, C), **params))
        assert chosen.text in DRAFTS
