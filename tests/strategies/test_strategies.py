"""Solo, panel, self-fusion, vote and debate: who is asked what, and what if a seat stays empty."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
from scripted import ScriptedAsk, failed, member, question

from fusion_eval.core import Message, Question, Reply
from fusion_eval.errors import CallFailedError, NoAnswerError
from fusion_eval.prompts import FIELDS
from fusion_eval.strategies.debate import debate
from fusion_eval.strategies.panel import panel
from fusion_eval.strategies.self_fusion import self_fusion
from fusion_eval.strategies.solo import solo
from fusion_eval.strategies.vote import vote

A, B, C, D = (member(name) for name in ("ada-7b", "bert-9b", "curie-2", "davinci-3"))
CAPITAL = question("What is the capital of France?")
SUM = question("How much is 40 + 2?", "numeric")
EMPTY, REFUSED = Reply(text="  \n"), Reply(text="", finish="refusal")


def analysis(**changes) -> str:
    """What a judge should reply."""
    return json.dumps({field: [f"{field} found"] for field in FIELDS} | changes)


def run(strategy, asked, ask, **params):
    """The reply of a strategy; nothing of the script may be left over."""
    reply = asyncio.run(strategy(asked, ask, **params))
    assert not ask.left
    return reply


# Solo


def test_solo_asks_the_question_untouched():
    """The baseline of every claim: a word of ours in its prompt would move all differences."""
    turns = (Message(role="user", content="Hi"), Message(role="assistant", content="Hello"))
    asked = Question(prompt="Why?", system="Be brief.", turns=turns)
    ask = ScriptedAsk(member=["Because."])

    assert run(solo, asked, ask, member=A).text == "Because."
    (heard,) = ask.calls
    assert heard.messages == asked.messages
    assert [message.role for message in heard.messages] == ["system", "user", "assistant", "user"]
    assert heard.member is A


def test_solo_of_a_checkable_task_is_told_the_form_of_the_answer():
    """Without it half of the right answers could not be read, and for some models only."""
    ask = ScriptedAsk(member=["Answer: 42"])
    run(solo, SUM, ask, member=A)
    assert {"How much is 40 + 2?", "Answer: <number>"} <= ask.heard("member")


def test_a_failed_solo_is_a_failure():
    """A failure turned into a text would be graded and get points."""
    with pytest.raises(CallFailedError, match="timeout"):
        run(solo, CAPITAL, ScriptedAsk(member=[failed()]), member=A)


# Panel


def test_the_synthesizer_reads_every_answer_and_the_judges_notes():
    """With one answer lost the reply would still look fine, so nobody would notice."""
    ask = ScriptedAsk(member=["Paris", "Lyon"], judge=[analysis()], synthesizer=["It is Paris."])

    reply = run(panel, CAPITAL, ask, members=(A, B), judge=C, synthesizer=D)

    assert reply.text == "It is Paris."
    assert {CAPITAL.prompt, "Paris", "Lyon"} <= ask.heard("judge")
    assert {CAPITAL.prompt, "Paris", "Lyon"} <= ask.heard("synthesizer")
    (told,) = ask.to("synthesizer")
    assert all(f"{field} found" in told.text for field in FIELDS)
    assert [heard.member for heard in ask.calls] == [A, B, C, D]
    assert not ask.steps_down


def test_members_see_the_question_and_nothing_of_each_other():
    """Independence is what makes several answers worth more than one."""
    ask = ScriptedAsk(member=["Paris", "Lyon", "Nice"], synthesizer=["Paris"])
    run(panel, CAPITAL, ask, members=(A, B, C), synthesizer=D)
    assert {heard.messages for heard in ask.to("member")} == {CAPITAL.messages}


def test_without_a_judge_the_synthesizer_reads_the_answers_as_they_are():
    """Its prompt must not promise a comparison that is not there."""
    ask = ScriptedAsk(member=["Paris", "Lyon"], synthesizer=["Paris"])
    run(panel, CAPITAL, ask, members=(A, B), synthesizer=D)
    (told,) = ask.to("synthesizer")
    assert "comparison" not in told.text
    assert not ask.steps_down


@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        (panel, {"members": (A, B, C), "judge": D, "synthesizer": D}),
        (self_fusion, {"member": A, "n": 3, "judge": D}),
        (debate, {"members": (A, B, C), "aggregate": "synthesize"}),
    ],
)
def test_nobody_is_told_who_wrote_what(strategy, params):
    """Judges favour famous names and their own; a name in the prompt measures that instead."""
    ask = ScriptedAsk(
        member=["Paris", "Lyon", "Nice"] * (1 + (strategy is debate)),
        judge=[analysis()] * (strategy is not debate),
        synthesizer=["Paris"],
    )
    run(strategy, CAPITAL, ask, **params)
    for heard in ask.calls:
        for seat in (A, B, C, D):
            assert seat.name not in heard.text
            assert seat.model.id not in heard.text


def test_no_seat_owns_a_place_among_the_candidates():
    """Whoever stands first gets more weight; so the order follows content, for every seating."""
    prompts = set()
    for order in itertools.permutations(["Paris", "Lyon", "Nice"]):
        ask = ScriptedAsk(member=order, judge=[analysis()], synthesizer=["Paris"])
        run(panel, CAPITAL, ask, members=(A, B, C), judge=D, synthesizer=D)
        prompts.add((ask.to("judge")[0].messages, ask.to("synthesizer")[0].messages))
    assert len(prompts) == 1


def test_the_order_of_candidates_is_not_that_of_the_alphabet():
    """An order by length or first letter would favour a style of answering."""
    first = set()
    for word in ("Paris", "Rome", "Oslo", "Bern", "Riga", "Cairo", "Lima", "Quito"):
        ask = ScriptedAsk(member=["Madrid", word], synthesizer=["?"])
        run(panel, CAPITAL, ask, members=(A, B), synthesizer=D)
        told = ask.to("synthesizer")[0].text
        first.add((word < "Madrid", told.index(word) < told.index("Madrid")))
    assert len(first) > 2


@pytest.mark.parametrize(
    ("answer", "note"),
    [
        (failed("timeout"), "member 2 (bert-9b): timeout"),
        (NoAnswerError("refused"), "member 2 (bert-9b): refused"),
        (EMPTY, "member 2 (bert-9b): empty"),
        (REFUSED, "member 2 (bert-9b): refused"),
    ],
)
def test_an_empty_seat_is_left_out_and_named(answer, note):
    """An error text among the candidates would be written into the answer."""
    ask = ScriptedAsk(member=["Paris", answer, "Nice"], synthesizer=["Paris"])
    assert run(panel, CAPITAL, ask, members=(A, B, C), synthesizer=D).text == "Paris"
    assert ask.steps_down == [note]
    (told,) = ask.to("synthesizer")
    assert "Below are 2 answers" in told.text
    assert "Answer 3" not in told.text


@pytest.mark.parametrize("strategy", [panel, vote, debate])
def test_with_every_seat_empty_there_is_no_answer(strategy):
    """A synthesizer that is asked to merge nothing answers alone, under the panel's name."""
    params = {"synthesizer": D} if strategy is panel else {}
    ask = ScriptedAsk(member=[failed(), EMPTY, REFUSED])
    with pytest.raises(NoAnswerError):
        run(strategy, CAPITAL, ask, members=(A, B, C), **params)
    assert len(ask.steps_down) == 3


@pytest.mark.parametrize("strategy", [panel, vote, debate])
def test_a_panel_that_all_members_refuse_has_refused_and_has_not_broken_down(strategy):
    """A run was called incomplete, to be run again for ever, because a model kept refusing."""
    params = {"synthesizer": D} if strategy is panel else {}
    ask = ScriptedAsk(member=[REFUSED, EMPTY, REFUSED])
    with pytest.raises(NoAnswerError) as caught:
        run(strategy, CAPITAL, ask, members=(A, B, C), **params)
    assert caught.value.failure == "refused"


def test_one_failed_call_among_refusals_is_worth_another_try():
    """With the word `refused` the run would be finished, and the failed call never made again."""
    ask = ScriptedAsk(member=[REFUSED, failed("timeout"), REFUSED])
    with pytest.raises(NoAnswerError) as caught:
        run(vote, CAPITAL, ask, members=(A, B, C))
    assert caught.value.failure == "timeout"


@pytest.mark.parametrize(
    ("reply", "note"),
    [
        (failed("rate_limited"), "judge (curie-2): rate_limited"),
        (NoAnswerError("empty"), "judge (curie-2): empty"),
        ("I liked both.", "judge (curie-2): analysis unreadable"),
        ('{"consensus": []}', "judge (curie-2): analysis unreadable"),
        (Reply(text=analysis()[:-3], finish="length"), "judge (curie-2): analysis unreadable"),
        (EMPTY, "judge (curie-2): analysis unreadable"),
    ],
)
def test_without_a_readable_analysis_the_panel_goes_on_and_says_so(reply, note):
    """A panel that runs as a panel without judge must not be reported as one with."""
    ask = ScriptedAsk(member=["Paris", "Lyon"], judge=[reply], synthesizer=["Paris"])
    assert run(panel, CAPITAL, ask, members=(A, B), judge=C, synthesizer=D).text == "Paris"
    assert ask.steps_down == [note]
    (told,) = ask.to("synthesizer")
    assert "comparison" not in told.text
    assert {"Paris", "Lyon"} <= ask.heard("synthesizer")


def test_only_the_five_fields_of_the_analysis_are_passed_on():
    """A judge that smuggles in an answer of its own would be a member without a seat."""
    ask = ScriptedAsk(
        member=["Paris"], judge=[analysis(my_own_answer="Marseille")], synthesizer=["Paris"]
    )
    run(panel, CAPITAL, ask, members=(A,), judge=C, synthesizer=D)
    assert "Marseille" not in ask.to("synthesizer")[0].text


def test_the_judge_is_asked_for_the_five_fields_as_a_schema():
    """Where the endpoint can enforce it, no analysis is lost to a missing bracket."""
    ask = ScriptedAsk(member=["Paris"], judge=[analysis()], synthesizer=["Paris"])
    run(panel, CAPITAL, ask, members=(A,), judge=C, synthesizer=D)
    outputs = {heard.role: heard.output for heard in ask.calls}
    assert outputs["judge"].json_schema["required"] == list(FIELDS)
    assert outputs["member"] is outputs["synthesizer"] is None


@pytest.mark.parametrize("writer", [failed("server_error"), EMPTY, REFUSED])
def test_a_panel_whose_writer_fails_has_the_best_members_answer_and_says_so(writer):
    """As fusionHarness promises it; unsaid, it would be reported as the panel's own writing."""
    ask = ScriptedAsk(member=["Paris", "Lyon", "Paris"], synthesizer=[writer])
    assert run(panel, CAPITAL, ask, members=(A, B, C), synthesizer=D).text == "Paris"
    (note,) = ask.steps_down
    assert note.startswith("synthesizer (davinci-3): ")


def test_where_answers_can_be_compared_the_plurality_stands_in_for_the_writer():
    """The first seat may be the odd one out."""
    ask = ScriptedAsk(member=["Answer: 1", "Answer: 42", "Answer: 42"], synthesizer=[failed()])
    assert run(panel, SUM, ask, members=(A, B, C), synthesizer=D).text == "Answer: 42"


def test_a_conversation_reaches_the_synthesizer_whole():
    """The last question alone often makes no sense."""
    turns = (Message(role="user", content="Hi"), Message(role="assistant", content="Hello"))
    asked = Question(prompt="And of Spain?", system="Be brief.", turns=turns)
    ask = ScriptedAsk(member=["Madrid"], judge=[analysis()], synthesizer=["Madrid"])
    run(panel, asked, ask, members=(A,), judge=C, synthesizer=D)
    assert {"Be brief.", "Hi", "Hello", "And of Spain?"} <= ask.heard("synthesizer")
    assert all(part in ask.to("judge")[0].text for part in ("Be brief.", "Hello", "And of Spain?"))


# Self-fusion


def test_self_fusion_drafts_n_times_and_writes_itself():
    """With another writer it would be a small panel, and its gain the writer's."""
    ask = ScriptedAsk(member=["one", "two", "three", "four"], synthesizer=["best"])
    assert run(self_fusion, CAPITAL, ask, member=A, n=4).text == "best"
    assert [heard.member for heard in ask.calls] == [A] * 5
    assert {"one", "two", "three", "four"} <= ask.heard("synthesizer")


def test_self_fusion_may_have_another_writer_and_a_judge():
    """As the bench file says."""
    ask = ScriptedAsk(member=["one", "two", "three"], judge=[analysis()], synthesizer=["best"])
    run(self_fusion, CAPITAL, ask, member=A, synthesizer=B, judge=C)
    assert [heard.member for heard in ask.calls] == [A, A, A, C, B]


# Vote


@pytest.mark.parametrize(
    ("replies", "winner"),
    [
        (["Answer: 1", "Answer: 42", "So: Answer: 42.0"], 1),
        (["Answer: 42", "Answer: 1"], 0),
        (["Answer: 1", "Answer: 42", "Answer: 42", "Answer: 1"], 0),
        (["no idea, it could be 3 or 5 or 7 for all that I can tell", "Answer: 42"], 1),
        (["Answer: 1", "Answer: 42", "Answer: maybe", "Answer: 42"], 1),
    ],
)  # fmt: skip
def test_the_plurality_wins_and_ties_go_to_the_earliest_seat(replies, winner):
    """The reply is returned word for word, because the score is of what was said."""
    ask = ScriptedAsk(member=replies)
    assert run(vote, SUM, ask, members=(A,) * len(replies)).text == replies[winner]
    assert not ask.steps_down


def test_an_empty_seat_has_no_vote():
    """Two time-outs would agree with each other."""
    ask = ScriptedAsk(member=[failed(), failed(), "Answer: 42"])
    assert run(vote, SUM, ask, members=(A, B, C)).text == "Answer: 42"
    assert ask.steps_down == ["member 1 (ada-7b): timeout", "member 2 (bert-9b): timeout"]


@pytest.mark.parametrize(
    ("asked", "replies"),
    [
        (CAPITAL, ["It is Lyon.", "Paris, since ever", "Nobody can tell"]),
        (SUM, ["it is hard to say, even after a long while of thinking it over", "3 or 4, 5 or 6"]),
    ],
)
def test_where_nothing_can_be_counted_the_earliest_answer_stands_and_the_vote_says_so(
    asked, replies
):
    """A vote over free text is a solo in disguise; whoever reads the table must see it."""
    ask = ScriptedAsk(member=replies)
    assert run(vote, asked, ask, members=(A,) * len(replies)).text == replies[0]
    assert ask.steps_down == ["nothing to count: the earliest seat's answer"]


# Debate


def test_a_debater_reads_the_others_and_keeps_its_own_history():
    """Du et al.: each agent sees its own answers as its own, and the others' as advice."""
    ask = ScriptedAsk(member=["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"])
    run(debate, CAPITAL, ask, members=(A, B, C), rounds=2)

    first, second, third = (ask.to("member")[i::3] for i in range(3))
    for mine, others, heard in (
        ("a", "bc", first),
        ("b", "ac", second),
        ("c", "ab", third),
    ):
        assert heard[0].messages == CAPITAL.messages
        assert [m.role for m in heard[1].messages] == ["user", "assistant", "user"]
        assert [m.role for m in heard[2].messages] == ["user", "assistant"] * 2 + ["user"]
        assert heard[2].messages[:3] == heard[1].messages
        said = [m.content for m in heard[2].messages if m.role == "assistant"]
        assert said == [f"{mine}1", f"{mine}2"]
        for number in (1, 2):
            asked = heard[number].messages[-1].content.splitlines()
            assert {f"{other}{number}" for other in others} <= set(asked)
            assert f"{mine}{number}" not in asked
            assert CAPITAL.prompt in asked


def test_the_last_answers_decide_a_debate():
    """Counting the first ones would be a vote, and the rounds money for nothing."""
    ask = ScriptedAsk(member=["Answer: 1", "Answer: 2", "Answer: 1"] + ["Answer: 2"] * 3)
    assert run(debate, SUM, ask, members=(A, B, C)).text == "Answer: 2"


def test_a_debate_may_end_with_a_synthesizer():
    """So that free text has something to end with; it reads the last answers and no earlier."""
    ask = ScriptedAsk(member=["a1", "b1", "a2", "b2"], synthesizer=["both"])
    params = {"members": (A, B), "aggregate": "synthesize"}
    assert run(debate, CAPITAL, ask, synthesizer=C, **params).text == "both"
    assert {"a2", "b2"} <= ask.heard("synthesizer")
    assert not {"a1", "b1"} & ask.heard("synthesizer")
    assert ask.to("synthesizer")[0].member is C


def test_the_first_member_writes_where_nobody_is_named():
    """A default that the plan prices, so it must be the one that runs."""
    ask = ScriptedAsk(member=["a1", "b1", "a2", "b2"], synthesizer=["both"])
    run(debate, CAPITAL, ask, members=(A, B), aggregate="synthesize")
    assert ask.to("synthesizer")[0].member is A


def test_who_fails_to_revise_keeps_the_last_answer():
    """Dropping the agent would take its vote away for a time-out."""
    ask = ScriptedAsk(member=["Answer: 1", "Answer: 2", "Answer: 2", "Answer: 1", failed(), EMPTY])
    assert run(debate, SUM, ask, members=(A, B, C)).text == "Answer: 2"
    assert ask.steps_down == ["member 2 (bert-9b): timeout", "member 3 (curie-2): empty"]


def test_who_failed_once_is_asked_again_with_its_old_history():
    """In the next round it reads the others' newer answers next to its own old one."""
    ask = ScriptedAsk(member=["a1", "b1", "a2", failed(), "a3", "b3"])
    run(debate, CAPITAL, ask, members=(A, B), rounds=2)
    last = ask.to("member")[-1]
    assert [m.content for m in last.messages if m.role == "assistant"] == ["b1"]
    assert "a2" in last.messages[-1].content.splitlines()


def test_who_has_no_first_answer_takes_no_part():
    """Somebody without an answer has nothing to revise; one alone has nobody to read."""
    ask = ScriptedAsk(member=[failed(), "b1", "c1", "b2", "c2"])
    run(debate, CAPITAL, ask, members=(A, B, C))
    assert [heard.member for heard in ask.to("member")][3:] == [B, C]
    alone = ScriptedAsk(member=[failed(), "Answer: 42"])
    assert run(debate, SUM, alone, members=(A, B), rounds=3).text == "Answer: 42"


def test_free_text_in_a_debate_that_votes_is_a_step_down():
    """As in a vote."""
    ask = ScriptedAsk(member=["a1", "b1", "a2", "b2"])
    assert run(debate, CAPITAL, ask, members=(A, B)).text == "a2"
    assert ask.steps_down == ["nothing to count: the earliest seat's answer"]
