"""Layers, councils, reviews, cascades and routers: who sees what, and what happens on the way."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedAsk, failed, member, question

from fusion_eval import prompts
from fusion_eval.core import Message, Question, Reply
from fusion_eval.errors import CallFailedError, NoAnswerError
from fusion_eval.strategies.agreement_router import agreement_router
from fusion_eval.strategies.cascade import cascade
from fusion_eval.strategies.consortium import consortium
from fusion_eval.strategies.council import Ballot, council, positions
from fusion_eval.strategies.cross_refine import cross_refine
from fusion_eval.strategies.debate import debate
from fusion_eval.strategies.mixture_of_agents import mixture_of_agents
from fusion_eval.strategies.pairwise_rank import pairwise_rank
from fusion_eval.strategies.panel import panel
from fusion_eval.strategies.review_loop import review_loop
from fusion_eval.strategies.router import by_keywords, by_signs, router
from fusion_eval.strategies.self_moa import self_moa
from fusion_eval.strategies.self_refine import self_refine

A, B, C, D = (member(name) for name in ("ada-7b", "bert-9b", "curie-2", "davinci-3"))
CAPITAL = question("What is the capital of France?")
SUM = question("How much is 40 + 2?", "numeric")
BRIEF = Question(prompt="Why?", system="Be brief.")
DRAFTS = ["It is Paris.", "It is Lyon.", "It is Nice."]


def run(strategy, asked, ask, **params):
    """The reply of a strategy; nothing of the script may be left over."""
    reply = asyncio.run(strategy(asked, ask, **params))
    assert not ask.left
    return reply


def analysis() -> str:
    return json.dumps({field: [f"{field} found"] for field in prompts.FIELDS})


def review(accept: bool, *errors: str) -> str:
    return json.dumps({"errors": list(errors), "missing": [], "accept": accept})


def order(answers: list[str], *best_first: str) -> str:
    """A ballot that ranks answers in this order."""
    shown = [answers[i] for i in prompts.shown(answers)]
    places = [shown.index(answer) + 1 for answer in best_first]
    return json.dumps({"remarks": [], "ranking": places})


def merged(text: str, confidence: float, *areas: str) -> str:
    areas_ = list(areas)
    fields = {"synthesis": text, "confidence": confidence, "refinement_areas": areas_}
    return json.dumps({**fields, "dissent": ""})


# Panel variants


def test_a_blind_writer_is_not_shown_the_question():
    """opencode-llm-fusion ships it so; with the question in view there is no quirk to price."""
    ask = ScriptedAsk(member=DRAFTS, synthesizer=["Paris."])
    run(panel, CAPITAL, ask, members=(A, B, C), synthesizer=D, question_blind=True)
    (told,) = ask.to("synthesizer")
    assert CAPITAL.prompt not in told.text
    assert all(draft in told.text for draft in DRAFTS)


def test_with_a_judge_it_is_the_judge_who_is_blind():
    """Whoever writes the answer then knows what was asked."""
    ask = ScriptedAsk(member=DRAFTS, judge=[analysis()], synthesizer=["Paris."])
    run(panel, CAPITAL, ask, members=(A, B, C), judge=C, synthesizer=D, question_blind=True)
    assert CAPITAL.prompt not in ask.to("judge")[0].text
    assert CAPITAL.prompt in ask.to("synthesizer")[0].text


def test_a_writer_of_the_analysis_alone_sees_no_answer():
    """As in chimera-agent: what the judge left out cannot come back."""
    ask = ScriptedAsk(member=DRAFTS, judge=[analysis()], synthesizer=["Paris."])
    params = {"judge": C, "synthesizer": D, "writer_sees": "analysis"}
    run(panel, CAPITAL, ask, members=(A, B, C), **params)
    (told,) = ask.to("synthesizer")
    assert not any(draft in told.text for draft in DRAFTS)
    assert all(f"{field} found" in told.text for field in prompts.FIELDS)


def test_without_an_analysis_the_writer_sees_the_answers_after_all():
    """Else a judge's time-out would leave it with nothing but the question."""
    ask = ScriptedAsk(member=DRAFTS, judge=[failed()], synthesizer=["Paris."])
    params = {"judge": C, "synthesizer": D, "writer_sees": "analysis"}
    run(panel, CAPITAL, ask, members=(A, B, C), **params)
    assert all(draft in ask.to("synthesizer")[0].text for draft in DRAFTS)


@pytest.mark.parametrize(
    ("place", "text", "kept"),
    [
        ("after", f"Paris.\n\n{prompts.MARK}\n{{}}", "Paris."),
        ("before", f"{{}}\n{prompts.MARK}\n\nParis.", "Paris."),
        ("after", f"Paris.\n**{prompts.MARK}**\n{{}}", "Paris."),
    ],
)
def test_an_analysis_in_the_same_call_is_not_part_of_the_answer(place, text, kept):
    """Graded along with the answer, it would win points that no user ever reads."""
    ask = ScriptedAsk(member=DRAFTS, synthesizer=[text])
    reply = run(panel, CAPITAL, ask, members=(A, B, C), synthesizer=D, analysis=place)
    assert reply.text == kept
    assert not ask.steps_down


def test_an_answer_without_the_mark_stays_whole_and_is_named():
    """Cut at a guess, half of an answer would be gone."""
    ask = ScriptedAsk(member=DRAFTS, synthesizer=["Paris. No analysis."])
    reply = run(panel, CAPITAL, ask, members=(A, B, C), synthesizer=D, analysis="after")
    assert reply.text == "Paris. No analysis."
    assert len(ask.steps_down) == 1


def test_named_answers_stand_in_the_order_of_the_seats_under_their_names():
    """Only so can it be measured what names and places do to a judge."""
    ask = ScriptedAsk(member=DRAFTS, synthesizer=["Paris."])
    run(panel, CAPITAL, ask, members=(A, B, C), synthesizer=D, named=True)
    told = ask.to("synthesizer")[0].text
    places = [
        told.index(part)
        for pair in zip(("ada-7b", "bert-9b", "curie-2"), DRAFTS, strict=True)
        for part in pair
    ]
    assert places == sorted(places)


def test_a_refined_panel_criticises_and_rewrites_its_own_text():
    """fusionHarness: one pass more over the synthesis, by the synthesizer."""
    ask = ScriptedAsk(
        member=DRAFTS, synthesizer=["It is Lyon."], critic=[review(True)], refiner=["It is Paris."]
    )
    params = {"members": (A, B, C), "synthesizer": D, "refine": 1}
    assert run(panel, CAPITAL, ask, **params).text == "It is Paris."
    assert [heard.member for heard in ask.calls][3:] == [D, D, D]


# Mixture of agents


def test_a_later_layer_reads_all_earlier_answers_in_the_system_message():
    """Wang et al.: the messages of the user stay as they are, its own earlier answer included."""
    ask = ScriptedAsk(member=["a1", "b1", "a2", "b2"], aggregator=["all"])
    assert run(mixture_of_agents, BRIEF, ask, members=(A, B), aggregator=C, layers=2).text == "all"
    first, second, last = ask.calls[:2], ask.calls[2:4], ask.calls[4]
    assert {heard.messages for heard in first} == {BRIEF.messages}
    for heard, seen in ((second[0], ("a1", "b1")), (second[1], ("a1", "b1")), (last, ("a2", "b2"))):
        system, *users = heard.messages
        assert system.role == "system"
        assert system.content.startswith("Be brief.")
        assert set(seen) <= set(system.content.splitlines())
        assert users == [Message(role="user", content="Why?")]


def test_a_layer_that_nobody_fills_leaves_the_one_before():
    """Two layers of time-outs must not cost the first layer's answers."""
    ask = ScriptedAsk(member=["a1", "b1", failed(), failed()], aggregator=["all"])
    run(mixture_of_agents, CAPITAL, ask, members=(A, B), aggregator=C, layers=2)
    assert {"a1", "b1"} <= set(ask.to("aggregator")[0].text.splitlines())


def test_a_window_carries_the_aggregate_on_and_never_holds_more_than_it_may():
    """Li et al.: window 6 with 3 reserved; here 4 with 2, so each step takes in two drafts."""
    drafts = [f"draft {i}" for i in range(8)]
    ask = ScriptedAsk(member=drafts, aggregator=["sum 1", "sum 2", "sum 3"])
    assert run(self_moa, CAPITAL, ask, member=A, n=8, window=4).text == "sum 3"
    seen = [set(h.text.splitlines()) & {*drafts, "sum 1", "sum 2"} for h in ask.to("aggregator")]
    assert seen == [set(drafts[:4]), {"sum 1", *drafts[4:6]}, {"sum 2", *drafts[6:]}]


# Debate without history


def test_a_stateless_revision_is_one_message_with_the_last_answers():
    """openfusion: instruction, request, own last answer, the others'; the system prompt is gone."""
    ask = ScriptedAsk(member=["a1", "b1", "a2", "b2", "a3", "b3"], synthesizer=["both"])
    params = {"members": (A, B), "rounds": 2, "history": "none", "aggregate": "synthesize"}
    run(debate, BRIEF, ask, **params, revision_drops_system=True)
    last = ask.to("member")[-1]
    assert [m.role for m in last.messages] == ["user"]
    assert {"a2", "b2", "Why?"} <= set(last.text.splitlines())
    assert "Be brief." not in last.text
    assert not {"a1", "b1"} & set(last.text.splitlines())
    keeps = ScriptedAsk(member=["a1", "b1", "a2", "b2"])
    run(debate, BRIEF, keeps, members=(A, B), history="none")
    assert [m.role for m in keeps.to("member")[-1].messages] == ["system", "user"]


# Refining


def test_self_refine_sees_everything_that_was_said():
    """Madaan et al.: drafts and feedback stay in view, round after round."""
    ask = ScriptedAsk(
        member=["one"],
        critic=[review(False, "short"), review(False, "long")],
        refiner=["two", "three"],
    )
    assert run(self_refine, CAPITAL, ask, member=A, rounds=2).text == "three"
    last = ask.calls[-1]
    said = [m.content for m in last.messages if m.role == "assistant"]
    assert [said[0], said[2]] == ["one", "two"]
    assert "short" in said[1]
    assert "long" in said[3]
    assert all(heard.member is A for heard in ask.calls)


def test_self_refine_stops_when_it_is_content():
    """Their stop phrase; without it every answer is rewritten until it is worse."""
    ask = ScriptedAsk(member=["one"], critic=[review(True)])
    assert run(self_refine, CAPITAL, ask, member=A, rounds=4).text == "one"


def test_a_critic_sees_the_answer_and_its_author_the_criticism():
    """With the critic rewriting it would be a second member's answer."""
    ask = ScriptedAsk(member=["one"], critic=[review(True, "wrong city")], refiner=["two"])
    assert run(cross_refine, CAPITAL, ask, member=A, critic=B).text == "two"
    assert [heard.member for heard in ask.calls] == [A, B, A]
    assert "one" in ask.to("critic")[0].text
    assert "wrong city" in ask.to("refiner")[0].text


def test_a_reviewer_sends_back_until_it_accepts_or_the_rounds_are_over():
    """swival's loop, bounded."""
    ask = ScriptedAsk(member=["one"], reviewer=[review(False, "x"), review(True)], refiner=["two"])
    assert run(review_loop, CAPITAL, ask, member=A, reviewer=B, rounds=3).text == "two"
    strict = ScriptedAsk(member=["one"], reviewer=[review(False)] * 2, refiner=["two", "three"])
    assert run(review_loop, CAPITAL, strict, member=A, reviewer=B, rounds=2).text == "three"
    assert not strict.steps_down


@pytest.mark.parametrize(
    "bad", [failed(), "Fine.", '{"accept": "yes", "errors": [], "missing": []}']
)
def test_a_review_that_cannot_be_read_leaves_the_answer_and_is_named(bad):
    """Read as a yes or as a no it would be a guess."""
    for strategy, role, params in (
        (self_refine, "critic", {}),
        (cross_refine, "critic", {"critic": B}),
        (review_loop, "reviewer", {"reviewer": B}),
    ):
        ask = ScriptedAsk(member=["one"], **{role: [bad]})
        assert run(strategy, CAPITAL, ask, member=A, **params).text == "one"
        assert len(ask.steps_down) == 1


def test_a_rewriting_that_fails_leaves_the_last_answer():
    """The draft was good enough to be sent before."""
    ask = ScriptedAsk(member=["one"], critic=[review(False)], refiner=[Reply(text=" ")])
    assert run(self_refine, CAPITAL, ask, member=A, rounds=2).text == "one"
    assert ask.steps_down == ["refiner (ada-7b): empty"]


def test_a_refused_first_answer_is_not_refined():
    """A review of nothing is money for nothing, and the refusal is the outcome."""
    ask = ScriptedAsk(member=[Reply(text="", finish="refusal")])
    assert run(self_refine, CAPITAL, ask, member=A, rounds=2).finish == "refusal"


# Pairs


def test_the_answer_with_most_wins_wins_in_both_orders():
    """A judge that always names the first place must not decide anything."""
    always_first = ScriptedAsk(member=DRAFTS, ranker=['{"best": 1}'] * 6)
    tied = run(pairwise_rank, CAPITAL, always_first, members=(A, B, C), ranker=D)
    assert tied.text == DRAFTS[prompts.shown(DRAFTS)[0]]
    pairs = [heard.text for heard in always_first.to("ranker")]
    assert len(set(pairs)) == 6
    wins = []
    for text in pairs:
        wins.append('{"best": 1}' if _first(text) == "It is Nice." else '{"best": 2}')
    ask = ScriptedAsk(member=DRAFTS, ranker=wins)
    assert run(pairwise_rank, CAPITAL, ask, members=(A, B, C), ranker=D).text == "It is Nice."


def _first(text: str) -> str:
    """The draft that is shown first in a comparison."""
    return min((text.index(draft), draft) for draft in DRAFTS if draft in text)[1]


def test_the_best_of_the_pairs_may_be_fused():
    """LLM-Blender: rank, keep the top, fuse."""
    ask = ScriptedAsk(member=DRAFTS, ranker=['{"best": 1}'] * 6, synthesizer=["fused"])
    params = {"members": (A, B, C), "ranker": D, "synthesizer": D, "keep": 2}
    assert run(pairwise_rank, CAPITAL, ask, **params).text == "fused"
    assert sum(draft in ask.to("synthesizer")[0].text for draft in DRAFTS) == 2


# Council


def test_all_rank_all_and_the_chairman_reads_the_best_first():
    """llm-council: everybody's answer is among those that it ranks, and nobody is named."""
    ballots = [order(DRAFTS, "It is Nice.", "It is Lyon.", "It is Paris.")] * 3
    ask = ScriptedAsk(member=DRAFTS, reviewer=ballots, chairman=["It is settled."])
    assert run(council, CAPITAL, ask, members=(A, B, C), chairman=D).text == "It is settled."
    for heard in ask.to("reviewer"):
        assert all(draft in heard.text for draft in DRAFTS)
    told = ask.to("chairman")[0].text
    assert told.index("Nice") < told.index("Lyon") < told.index("Paris.")
    assert not any(name in told for name in ("ada", "bert", "curie"))


def test_without_own_answers_nobody_ranks_its_own():
    """Forks of llm-council leave it out, because members favour themselves."""
    two = [
        order([d for d in DRAFTS if d != own], *[d for d in DRAFTS if d != own]) for own in DRAFTS
    ]
    ask = ScriptedAsk(member=DRAFTS, reviewer=two, chairman=["x"])
    run(council, CAPITAL, ask, members=(A, B, C), chairman=D, own=False)
    for heard, own in zip(ask.to("reviewer"), DRAFTS, strict=True):
        assert own not in heard.text


def test_a_chairman_that_fails_leaves_the_best_ranked_answer():
    """It is known which one that is."""
    ballots = [order(DRAFTS, "It is Lyon.", "It is Nice.", "It is Paris.")] * 2 + ["no idea"]
    ask = ScriptedAsk(member=DRAFTS, reviewer=ballots, chairman=[failed()])
    assert run(council, CAPITAL, ask, members=(A, B, C), chairman=D).text == "It is Lyon."
    assert len(ask.steps_down) == 2


def test_in_a_second_round_members_hear_what_was_said_of_them():
    """Cross-review that nobody reads is a ranking."""
    drafts = ["one", "two"]
    shown = [drafts[i] for i in prompts.shown(drafts)]
    remarks = [{"answer": i, "remark": f"about {text}"} for i, text in enumerate(shown, 1)]
    ballot = json.dumps({"remarks": remarks, "ranking": [1, 2]})
    ask = ScriptedAsk(
        member=["one", "two", "one more", failed()], reviewer=[ballot] * 4, chairman=["x"]
    )
    run(council, CAPITAL, ask, members=(A, B), chairman=C, rounds=2)
    again = ask.to("member")[2]
    assert "about one" in again.text
    assert "about two" not in again.text
    assert {"one more", "two"} <= set(ask.to("chairman")[0].text.splitlines())


@given(st.lists(st.permutations([0, 1, 2, 3]), min_size=1, max_size=5))
def test_mean_positions_are_those_of_the_ballots(ballots):
    """With whole ballots, the winner is the one with the lowest sum of places."""
    best = positions(4, [Ballot(tuple(ballot), {}) for ballot in ballots])[0]
    sums = [sum(ballot.index(i) for ballot in ballots) for i in range(4)]
    assert sums[best] == min(sums)


def test_who_is_left_out_of_a_ballot_shares_its_last_places():
    """Taken for first, whoever is forgotten would win."""
    assert positions(3, [Ballot((2,), {})]) == [2, 0, 1]
    assert positions(3, []) == [0, 1, 2]


# Consortium


def test_a_consortium_asks_again_with_what_is_open_until_it_is_sure():
    """Later rounds see the synthesis and the open points, and not each other."""
    ask = ScriptedAsk(
        member=["one", "two", "three", "four"],
        arbiter=[merged("first", 0.5, "which year"), merged("second", 0.9)],
    )
    assert run(consortium, CAPITAL, ask, members=(A, B), arbiter=C, rounds=3).text == "second"
    again = ask.to("member")[2].text
    assert "first" in again
    assert "which year" in again
    assert "two" not in again.splitlines()


@pytest.mark.parametrize(
    "bad", [failed(), "done", merged("", 0.9), merged("x", 9.0), '{"synthesis": "x"}']
)
def test_an_arbiter_that_cannot_be_read_leaves_what_there_was(bad):
    """In the first round the best member's answer, later the last synthesis."""
    ask = ScriptedAsk(member=DRAFTS, arbiter=[bad])
    assert run(consortium, CAPITAL, ask, members=(A, B, C), arbiter=D).text == "It is Paris."
    later = ScriptedAsk(member=DRAFTS * 2, arbiter=[merged("first", 0.1), bad])
    assert run(consortium, CAPITAL, later, members=(A, B, C), arbiter=D).text == "first"
    assert len(ask.steps_down) == len(later.steps_down) == 1


# Cascade


def test_a_cascade_goes_on_until_a_score_is_high_enough():
    """FrugalGPT: the last member is not scored, because nobody comes after it."""
    ask = ScriptedAsk(member=["one", "two", "three"], scorer=['{"score": 6}', '{"score": 7}'])
    params = {"members": (A, B, C), "scorer": D, "thresholds": (7.0, 8.0)}
    assert run(cascade, CAPITAL, ask, **params).text == "three"
    early = ScriptedAsk(member=["one", "two"], scorer=['{"score": 6}', '{"score": 8}'])
    assert run(cascade, CAPITAL, early, **params).text == "two"
    assert not early.steps_down


def test_where_the_last_stage_fails_the_best_score_stands_in():
    """A cheap answer is better than none, and the trial says so."""
    ask = ScriptedAsk(member=["one", "two", failed()], scorer=['{"score": 5}', '{"score": 2}'])
    params = {"members": (A, B, C), "scorer": D, "thresholds": (9.0, 9.0)}
    assert run(cascade, CAPITAL, ask, **params).text == "one"
    assert ask.steps_down == ["member (curie-2): timeout"]


def test_a_cascade_in_which_nobody_answers_has_no_answer():
    """An empty text would be graded."""
    ask = ScriptedAsk(member=[failed(), Reply(text="")])
    with pytest.raises(NoAnswerError):
        run(cascade, CAPITAL, ask, members=(A, B), scorer=D, thresholds=(5.0,))


# Routers


@pytest.mark.parametrize(
    ("prompt", "routes", "place"),
    [
        ("What is 2 + 2?", 1, None),
        ("Compare the two.", 1, 0),
        ("```x```", 2, 0),
        ("x" * 280, 1, 0),
        ("x" * 279, 1, None),
        ("Compare this: ```x```", 3, 1),
        ("Compare ```x``` " + "x" * 280, 3, 2),
        ("Compare ```x``` " + "x" * 280, 2, 1),
    ],
)
def test_signs_of_a_hard_question_lead_down_the_routes(prompt, routes, place):
    """openfusion's gate: code, a word, or a length."""
    assert by_signs(prompt, routes, 280) == place


@pytest.mark.parametrize(
    ("prompt", "place"),
    [
        ("Fix this bug in my code", 0),
        ("Review the security of this code for risk", 1),
        ("Hello", None),
        ("Codes are fun", None),
    ],
)
def test_the_route_with_most_of_its_words_answers(prompt, place):
    """`code` inside another word is no hit."""
    assert by_keywords(prompt, (("code", "bug"), ("review", "risk", "security"))) == place


@pytest.mark.parametrize(
    ("reply", "who"),
    [('{"route": "2"}', B), ('{"route": 1}', A), ("0", D), ("none", D), (failed(), D)],
)
def test_a_classifier_names_the_route(reply, who):
    """What cannot be read goes to the fallback, never to a guess."""
    ask = ScriptedAsk(classifier=[reply], member=["x"])
    params = {"routes": (A, B), "fallback": D, "classifier": C, "labels": ("code", "law")}
    run(router, CAPITAL, ask, by="classifier", **params)
    assert ask.to("member")[0].member is who
    assert len(ask.steps_down) == (reply == "none" or not isinstance(reply, str))


def test_a_router_whose_route_fails_is_a_failure():
    """It sent the question there; another answer would be another recipe's."""
    with pytest.raises(CallFailedError):
        run(router, CAPITAL, ScriptedAsk(member=[failed()]), routes=(A,), fallback=B)


@pytest.mark.parametrize(
    ("asked", "probes", "fallback"),
    [
        (SUM, ["Answer: 42", "So it is. Answer: 42.0"], False),
        (SUM, ["Answer: 42", "Answer: 41"], True),
        (SUM, ["no idea at all, whichever way one looks at it, really none", "Answer: 42"], True),
        (CAPITAL, ["It is the city of Paris, of course.", "It is the city of Paris, sure."], False),
        (CAPITAL, ["It is Paris.", "Nobody can tell for certain."], True),
        (SUM, ["Answer: 42", failed()], True),
    ],
)
def test_probes_that_agree_are_taken_at_their_word(asked, probes, fallback):
    """One probe that failed has agreed with nobody."""
    ask = ScriptedAsk(probe=probes, **({"fallback": ["the panel's"]} if fallback else {}))
    reply = run(agreement_router, asked, ask, probes=(A, B), fallback=C)
    assert reply.text == ("the panel's" if fallback else probes[0])


def test_a_fallback_that_fails_leaves_a_probes_answer():
    """Two answers are there already."""
    ask = ScriptedAsk(probe=["one", "quite another"], fallback=[failed()])
    assert run(agreement_router, CAPITAL, ask, probes=(A, B), fallback=C).text == "one"
    assert ask.steps_down == ["fallback (curie-2): timeout"]


# What one failure leaves

READ = {
    "panel": (panel, {"judge": D, "synthesizer": D}),
    "debate": (debate, {"aggregate": "synthesize", "synthesizer": D}),
    "mixture_of_agents": (mixture_of_agents, {"aggregator": D, "layers": 1}),
    "council": (council, {"chairman": D}),
    "consortium": (consortium, {"arbiter": D}),
    "pairwise_rank": (pairwise_rank, {"ranker": D, "synthesizer": D}),
}
"""Strategies in which somebody reads the members' answers."""


@pytest.mark.parametrize("name", READ)
def test_an_answer_that_is_left_alone_is_returned_without_asking_a_reader(name):
    """A judge of one answer is a call that is paid for and can only spoil it."""
    strategy, seats = READ[name]
    ask = ScriptedAsk(member=[failed(), "It is Paris.", failed()])
    assert run(strategy, CAPITAL, ask, members=(A, B, C), **seats).text == "It is Paris."
    assert ask.steps_down[-1].startswith("one answer of several is left")


def test_a_sample_that_is_left_alone_is_not_aggregated():
    """The same where all seats are one member's."""
    ask = ScriptedAsk(member=[failed(), "It is Paris."])
    assert run(self_moa, CAPITAL, ask, member=A, n=2).text == "It is Paris."


@pytest.mark.parametrize("name", ["council", "pairwise_rank"])
@pytest.mark.parametrize("whose", ["members", "readers"])
def test_a_recipe_may_fail_with_whoever_fails(name, whose):
    """Systems that ship so are down more often than ours would be in their place."""
    strategy, seats = READ[name]
    members = [failed(), *DRAFTS[1:]] if whose == "members" else DRAFTS
    ask = ScriptedAsk(member=members, ranker=[failed()] * 6, reviewer=[failed()] * 3)
    with pytest.raises((CallFailedError, NoAnswerError)):
        asyncio.run(strategy(CAPITAL, ask, members=(A, B, C), **seats, fails_with=(whose,)))


# Whatever judges say


@given(st.text() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["ranking", "remarks", "synthesis", "confidence", "errors", "missing",
                         "accept", "score", "scores", "best", "route", "answer", "remark"]),
        inner, max_size=4),
    max_leaves=8,
).map(json.dumps))  # fmt: skip
def test_no_reply_of_a_judge_breaks_a_strategy(reply):
    """A crash in one trial stops a night's run; what a model says is hostile."""
    roles = ("ranker", "reviewer", "critic", "arbiter", "scorer", "classifier")
    others = {role: ["text"] * 9 for role in ("refiner", "chairman", "member", "fallback")}
    for strategy, params in (
        (pairwise_rank, {"members": (A, B), "ranker": C}),
        (council, {"members": (A, B), "chairman": C, "rounds": 2}),
        (consortium, {"members": (A, B), "arbiter": C}),
        (self_refine, {"member": A}),
        (review_loop, {"member": A, "reviewer": B}),
        (cascade, {"members": (A, B), "scorer": C, "thresholds": (5.0,)}),
        (router, {"routes": (A,), "fallback": B, "by": "classifier", "classifier": C,
                  "labels": ("hard",)}),
    ):  # fmt: skip
        ask = ScriptedAsk(**{role: [reply] * 9 for role in roles}, **others)
        assert isinstance(asyncio.run(strategy(CAPITAL, ask, **params)), Reply)
