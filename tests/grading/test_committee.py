"""Several graders and passes: the rules of combining, and when enough has been said."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import failed, member, model, question

from fusion_eval import prompts
from fusion_eval.core import (
    Call,
    Criterion,
    Endpoint,
    Grader,
    Member,
    Messages,
    Model,
    Protocol,
    Reply,
    Task,
    Verdict,
)
from fusion_eval.core.protocol import HEAVY_SHARE
from fusion_eval.core.votes import combined, needed, scored, settled
from fusion_eval.grading import PROTOCOLS, TOO_LONG, grade_answer, label, protocol_hash
from fusion_eval.grading.batches import batches, heavy
from fusion_eval.grading.windows import split

VALUES = st.sampled_from([1.0, 0.0, None])
VOTES = st.lists(VALUES, max_size=9)
RULES = st.sampled_from(["majority", "unanimous", "mean"])
A, B, C = (member(name) for name in "abc")
TASK = Task(
    id="tides",
    question=question("Why are there tides?"),
    criteria=(
        Criterion(id="moon", requirement="Names the Moon", weight=10),
        Criterion(id="wind", requirement="Blames the wind", weight=-10),
        Criterion(id="plain", requirement="Uses plain words", weight=2),
        Criterion(id="source", requirement="Names a source", weight=3),
    ),
)
MAJORITY = {"combine": "majority"}


# Rules


@pytest.mark.parametrize(
    ("how", "values", "value"),
    [
        ("majority", [1, 1, 0], 1),
        ("majority", [1, 0, 0, None], 0),
        ("majority", [1, 0], None),
        ("majority", [1, None, None], 1),
        ("majority", [0.5, 0.5, 1], 0.5),
        ("unanimous", [1, 1, 1], 1),
        ("unanimous", [1, 1, 0], 0),
        ("unanimous", [1, None], 1),
        ("mean", [1, 0, 0, 0], 0.25),
        ("mean", [1, None], 1),
        ("majority", [], None),
        ("mean", [None, None], None),
    ],
)
def test_verdicts_combine_as_the_rule_says(how, values, value):
    """Whoever reads `majority` must get the majority, and a tie is nobody's."""
    assert combined(values, how) == value


@given(VOTES, RULES, st.integers(1, 4))
def test_too_few_readable_verdicts_leave_a_criterion_open(values, how, least):
    """One grader that answered must not speak for a committee that did not."""
    read = [v for v in values if v is not None]
    if len(read) < least:
        assert combined(values, how, least) is None
    elif how != "majority":
        assert combined(values, how, least) is not None


@given(VOTES, RULES, st.randoms())
def test_the_order_of_verdicts_changes_nothing(values, how, chance):
    """A committee in another order would be another committee."""
    mixed = list(values)
    chance.shuffle(mixed)
    assert combined(mixed, how) == combined(values, how)


@given(VOTES, RULES)
def test_one_verdict_more_for_an_answer_never_turns_it_against_the_answer(values, how):
    """A rule that punishes agreement could be gamed by disagreeing."""
    order = {None: 0.5, **{v: v for v in (0.0, 1.0)}}

    def worth(value: float | None) -> float:
        return order.get(value, value)  # type: ignore[arg-type]

    for i, value in enumerate(values):
        if value == 0.0:
            better = [*values[:i], 1.0, *values[i + 1 :]]
            assert worth(combined(better, how)) >= worth(combined(values, how))


# When to stop


@given(VOTES, st.sampled_from(["majority", "unanimous"]), st.integers(1, 3), st.data())
def test_what_comes_after_the_stop_could_not_have_changed_anything(values, how, least, data):
    """Else an adaptive run would score another answer than the full one."""
    left = data.draw(st.integers(0, 5))
    rest = data.draw(st.lists(VALUES, min_size=left, max_size=left))
    if settled(values, left, how, least):
        assert combined([*values, *rest], how, least) == combined(values, how, least)


@given(VOTES, st.sampled_from(["majority", "unanimous"]), st.integers(1, 3), st.integers(1, 6))
def test_it_stops_as_soon_as_nothing_can_change(values, how, least, left):
    """Every verdict beyond that is paid for nothing."""
    if settled(values, left, how, least):
        return
    futures = [[1.0] * left, [0.0] * left, [None] * left]
    results = {combined([*values, *future], how, least) for future in futures}
    assert len(results) > 1


@given(VOTES, RULES, st.integers(1, 3), st.integers(1, 6))
def test_no_more_is_asked_for_at_once_than_may_be_needed(values, how, least, left):
    """With fewer nothing could be settled; one more might be wasted."""
    count = needed(values, left, how, least)
    if settled(values, left, how, least):
        assert count == 0
        return
    assert 1 <= count <= left
    if how == "mean":
        return
    for fewer in range(count):
        for word in (1.0, 0.0):
            assert not settled([*values, *[word] * fewer], left - fewer, how, least)
    ends = (settled([*values, *[w] * count], left - count, how, least) for w in (1.0, 0.0))
    assert any(ends)


class Graders:
    """Graders that say what is written beside their name, or what a function of the request says.

    `asked` counts requests by grader and pass.
    """

    def __init__(self, **says: Any) -> None:
        self._says = says
        self.asked: Counter[tuple[str, int]] = Counter()
        self.heard: list[Messages] = []

    def __call__(self, one_pass: int) -> Any:
        async def ask(who: Member, messages: Messages, *, role: str, output: Any = None) -> Reply:
            self.asked[who.name, one_pass] += 1
            self.heard.append(messages)
            said = self._says[who.name]
            said = said[one_pass] if isinstance(said, list) else said
            said = said(messages) if callable(said) else said
            if isinstance(said, Exception):
                raise said
            return said if isinstance(said, Reply) else Reply(text=self.form(said, messages))

        return ask

    @staticmethod
    def form(word: str, messages: Messages) -> str:
        count = messages[-1].content.count("\nCriterion ")
        if not count:
            return json.dumps({"explanation": "so", "verdict": word})
        each = {str(i): {"explanation": "", "verdict": word} for i in range(1, count + 1)}
        return json.dumps({"verdicts": each})


def grading(graders: Graders, members: tuple[Member, ...], answer: str = "Because.", **rules: Any):
    """Verdicts of a committee on the task."""
    grader = Grader(members=members, protocol=Protocol(name="mine", **rules))
    return asyncio.run(grade_answer(TASK, answer, grader, graders))


def test_a_committee_that_agrees_leaves_its_last_grader_in_peace():
    """A third opinion after two that agree is a third of the bill for nothing."""
    graders = Graders(a="MET", b="MET", c="UNMET")
    verdicts = grading(graders, (A, B, C), adaptive=True, **MAJORITY)

    assert graders.asked == {("a", 0): 4, ("b", 0): 4}
    assert {v.value for v in scored(verdicts, "majority")} == {1.0}


def test_a_committee_that_disagrees_asks_the_last_one_and_keeps_every_verdict():
    """Who only sees the combination cannot tell a harsh grader from a hard criterion."""
    graders = Graders(a="MET", b="UNMET", c="UNMET")
    verdicts = grading(graders, (A, B, C), adaptive=True, **MAJORITY)

    assert graders.asked == {("a", 0): 4, ("b", 0): 4, ("c", 0): 4}
    assert [(v.grader, v.criterion) for v in verdicts] == [
        (name, c.id) for name in "abc" for c in TASK.leaves
    ]
    (moon, *_) = scored(verdicts, "majority")
    assert (moon.value, moon.grader, moon.weight) == (0.0, "majority of a, b, c", 10)


@given(st.lists(st.sampled_from(["MET", "UNMET", "perhaps"]), min_size=5, max_size=5))
def test_adaptive_passes_score_what_all_passes_would(said):
    """Stopping early saves calls; it must never change a verdict."""
    full = grading(Graders(a=said), (A,), passes=5, **MAJORITY)
    early = grading(Graders(a=said), (A,), passes=5, adaptive=True, **MAJORITY)

    assert [v.value for v in scored(early, "majority")] == [
        v.value for v in scored(full, "majority")
    ]
    assert early == full[: len(early)]


def test_a_member_that_fails_is_a_state_and_the_others_decide_if_they_are_enough():
    """A time-out of one grader is no verdict, and no reason to lose the others'."""
    graders = Graders(a=failed("timeout"), b="MET", c="MET")
    verdicts = grading(graders, (A, B, C), minimum_valid=2, **MAJORITY)
    lost = {(v.verdict, v.value, v.reason) for v in verdicts if v.grader == "a"}

    assert lost == {("not_graded", None, "timeout")}
    assert {v.value for v in scored(verdicts, "majority", 2)} == {1.0}
    assert {v.value for v in scored(verdicts, "majority", 3)} == {None}


def test_heavy_criteria_are_read_twice_and_the_others_once():
    """One misreading of a criterion worth half of the task moves the score by half."""
    weighty = heavy(TASK.leaves)
    verdicts = grading(Graders(a=["MET", "UNMET"]), (A,), combine="mean", heavy_passes=2)
    count = Counter(v.criterion for v in verdicts)

    assert weighty == {"moon", "wind"}
    assert all((abs(c.weight) > HEAVY_SHARE * 15) == (c.id in weighty) for c in TASK.leaves)
    assert count == {"moon": 2, "wind": 2, "plain": 1, "source": 1}
    assert [v.value for v in scored(verdicts, "mean")] == [0.5, 0.5, 1.0, 1.0]


# Batches


@pytest.mark.parametrize(("size", "requests"), [(1, 4), (3, 2), (None, 1)])
def test_so_many_criteria_stand_in_one_request_and_each_knows_its_place(size, requests):
    """Without the place nobody can measure what the place does."""
    graders = Graders(a="MET")
    verdicts = grading(graders, (A,), criteria_per_call=size)

    assert graders.asked == {("a", 0): requests}
    assert [v.criterion for v in verdicts] == [c.id for c in TASK.leaves]
    assert [v.position for v in verdicts] == [i % (size or 4) for i in range(4)]


def test_a_shuffled_order_is_another_for_every_answer_and_the_same_for_the_same():
    """Drawn anew, a replay would pay again; always the same, position would be the criterion."""
    protocol = Protocol(criteria_per_call=None, shuffled=True)
    orders = {
        tuple(c.id for c in batches(TASK.leaves, protocol, str(answer), 0)[0])
        for answer in range(20)
    }
    assert len(orders) > 5
    assert batches(TASK.leaves, protocol, "x", 1) == batches(TASK.leaves, protocol, "x", 1)
    assert any(
        batches(TASK.leaves, protocol, str(i), 1) != batches(TASK.leaves, protocol, str(i), 2)
        for i in range(5)
    )


def test_criteria_of_different_kinds_never_share_a_request():
    """One form of reply cannot hold a word for one and a grade for the other."""
    mixed = tuple(
        Criterion(id=f"{kind}{i}", requirement=f"Does {i}", weight=1, kind=kind)
        for i in range(2)
        for kind in ("binary", "ordinal", "ternary")
    )
    groups = batches(mixed, Protocol(criteria_per_call=None), "x", 0)
    assert [{c.kind for c in group} for group in groups] == [{"binary"}, {"ordinal"}, {"ternary"}]


def test_a_reply_that_was_cut_off_is_asked_for_in_two_halves():
    """Thirty explanations do not fit where one does; the verdicts must not be lost with them."""

    def cut(messages: Messages) -> Any:
        long = messages[-1].content.count("\nCriterion ") > 2
        return Reply(text='{"verdicts": [', finish="length") if long else "MET"

    graders = Graders(a=cut)
    verdicts = grading(graders, (A,), criteria_per_call=None)
    assert [v.value for v in verdicts] == [1.0] * 4
    assert [v.position for v in verdicts] == [0, 1, 0, 1]
    assert graders.asked["a", 0] == 3


def test_a_number_that_is_missing_leaves_its_criterion_open():
    """A list read one place off would give every verdict to its neighbour."""
    rows = {
        "1": {"explanation": "", "verdict": "MET"},
        "3": "MET",
        "9": {"explanation": "", "verdict": "MET"},
        "4": {"explanation": "", "verdict": "UNMET"},
    }
    graders = Graders(a=Reply(text=json.dumps({"verdicts": rows})))
    verdicts = grading(graders, (A,), criteria_per_call=None)
    assert [v.value for v in verdicts] == [1.0, None, 1.0, 0.0]
    assert "no verdict on criterion 2" in verdicts[1].reason
    assert graders.asked["a", 0] == 2  # asked once more, with the reason


def test_a_number_that_comes_twice_with_different_verdicts_says_nothing():
    """Taking the last one, as JSON readers do, lets a quotation win."""
    one, two = (f'"1": {{"explanation": "", "verdict": "{word}"}}' for word in ("MET", "UNMET"))
    graders = Graders(a=Reply(text=f'{{"verdicts": {{{one}, {two}}}}}'))
    assert {v.value for v in grading(graders, (A,), criteria_per_call=None)} == {None}


def test_weights_and_explanations_are_shown_and_asked_for_only_where_the_protocol_says_so():
    """A weight that slips into the request makes it another protocol under the same name."""
    for shown in (False, True):
        graders = Graders(a="MET")
        grading(graders, (A,), weights_shown=shown, explained=not shown, order="answer_first")
        text = "\n".join(m.content for m in graders.heard[0])
        assert ("weight 10" in text) is shown
        assert ('"explanation"' in text) is not shown
        assert text.index("Because.") < text.index("Names the Moon")


# Windows


def windowed(tokens: int) -> Member:
    """A grader that can read so many tokens."""
    return Member(name="a", model=replace(model("a", max_tokens=100), context_window=tokens))


LONG = "\n\n".join(f"Paragraph {i} tells of the sea." for i in range(400))


def test_an_answer_longer_than_the_window_is_refused_and_never_cut():
    """A reference list that was cut off silently is a criterion lost by the grader's fault."""
    graders = Graders(a="MET")
    verdicts = grading(graders, (windowed(2000),), answer=LONG)
    assert not graders.asked
    assert {(v.verdict, v.value, v.reason) for v in verdicts} == {("not_graded", None, TOO_LONG)}
    assert {v.value for v in grading(graders, (windowed(20_000),), answer=LONG)} == {1.0}


def test_on_request_it_is_split_and_every_part_is_read():
    """What stands in the last part counts as much as what stands in the first."""

    def last(messages: Messages) -> str:
        return "MET" if "Paragraph 399 " in messages[-1].content else "UNMET"

    graders = Graders(a=last)
    verdicts = grading(graders, (windowed(2000),), answer=LONG, too_long="split")
    parts = graders.asked["a", 0] // 4
    assert parts >= 3
    assert {v.value for v in verdicts} == {1.0}
    assert f"part 1 of {parts}, the others not shown" in graders.heard[0][-1].content


@given(st.text(min_size=1), st.integers(16, 200))
def test_the_parts_together_are_the_answer(answer, size):
    """A character that no part has was cut silently."""
    pieces = split(answer, size)
    assert "".join("".join(pieces).split()) == "".join(answer.split())
    assert all(len(piece.encode()) <= size for piece in pieces)


# Names and hashes


def test_whatever_can_move_a_verdict_changes_the_hash_and_a_name_does_not():
    """Two protocols under one hash would be compared as one."""
    base = Grader(members=(A,))
    others = [
        Grader(members=(A,), protocol=Protocol(**change))
        for change in (
            {"criteria_per_call": 3},
            {"criteria_per_call": None},
            {"order": "answer_first"},
            {"shuffled": True},
            {"weights_shown": True},
            {"explained": False},
            {"passes": 2},
            {"combine": "majority"},
            {"combine": "majority", "adaptive": True},
            {"combine": "majority", "minimum_valid": 2},
            {"combine": "mean", "heavy_passes": 2},
            {"too_long": "split"},
            {"kind": "pairwise", "against": "solo"},
            {"kind": "pairwise", "against": "panel"},
        )
    ]
    others += [
        Grader(members=(B,)),
        Grader(members=(A, B)),
        Grader(members=(Member(name="a", model=model("a", temperature=1)),)),
    ]
    hashes = [protocol_hash(grader) for grader in (base, *others)]
    assert len(set(hashes)) == len(hashes)
    assert protocol_hash(Grader(members=(A,), protocol=Protocol(name="x"))) == hashes[0]
    assert label(base) == f"draco@{hashes[0]}"
    assert set(PROTOCOLS) == {"draco", "draco-chunk3", "one-shot", "pairwise"}


@pytest.mark.parametrize(
    ("rules", "way_out"),
    [
        ({"adaptive": True}, "combine: majority"),
        ({"adaptive": True, "combine": "mean"}, "combine: majority"),
        ({"heavy_passes": 2}, "combine: mean"),
        ({"passes": 3, "heavy_passes": 2, "combine": "mean"}, "below passes"),
        ({"minimum_valid": 2}, "combine: majority"),
    ],
)
def test_rules_that_do_not_fit_together_are_refused_with_the_way_out(rules, way_out):
    """An adaptive mean would stop by nobody's rule."""
    with pytest.raises(ValueError, match=way_out):
        Protocol(**rules)


def test_the_official_protocol_asks_what_it_always_asked():
    """A word changed in its prompt makes every verdict that was paid for be paid again."""
    endpoint = Endpoint(name="e", base_url="http://x/v1")
    referee = Model(name="r", endpoint=endpoint, id="strix/owl", params={"temperature": 0.2})
    asked = question("Why are there tides?")
    for weight, key in (
        (10.0, "a413c6ba4471cdb74ef7b46339516c8e59695a0242ee5de404f25c9f9daf41f4"),
        (-3.0, "f62553afc53ccbe09bd3d0fad549908ac31dd553fb2df14c0622f33a42d95f78"),
    ):
        criterion = Criterion(id="moon", requirement="Names the Moon", weight=weight)
        messages = prompts.grade(asked, "The Moon pulls.", criterion)
        assert Call(model=referee, messages=messages, output=prompts.VERDICT).key == key


def test_a_single_run_is_scored_as_it_is():
    """DRACO scores each pass alone and then averages; that must not change."""
    said = [
        Verdict(
            criterion="c", section="", weight=1, grader="a", grader_pass=p, verdict="met", value=1
        )
        for p in range(2)
    ]
    assert scored(said, "runs") == tuple(said)
