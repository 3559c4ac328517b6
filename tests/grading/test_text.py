"""Answers out of model text. A reader that guesses moves scores without a trace."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_eval.text import choice, final_answer, json_object, number, read, words

FORMATS = st.sampled_from(["text", "numeric", "choice", "exact"])
PIECES = st.sampled_from(
    ["Answer:", "answer is ", "\\boxed{", "}", "<think>", "</think>", "```json", "```", "{", "[",
     '{"a": 1}', "1/0", "1e999", "-", "−", ",", ".", "42", "B", "\n", " ", "**", "٣", "½", "\x00"]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Some steps.\nAnswer: 42", "42"),
        ("**Answer:** 42", "42"),
        ("**Answer: 42**", "42"),
        ("Final answer = 42.", "42"),
        ("So the answer is 42 metres", "42"),
        ("ANSWER: 42", "42"),
        ("THE FINAL ANSWER IS 42", "42"),
        ("Answer:\n\n42", "42"),
        ("We get \\boxed{42}.", "42"),
        ("Answer: \\boxed{42}", "42"),
        ("Answer: $1,234.50", "2469/2"),
        ("Answer: 3/4", "3/4"),
        ("Answer: 6 / 8", "3/4"),
        ("Answer: 0.75", "3/4"),
        ("Answer: −7", "-7"),
        ("Answer: 1.5e3", "1500"),
        ("Answer: .5", "1/2"),
        ("42", "42"),
        ("Answer: 1\nNo, I was wrong.\nAnswer: 2", "2"),
        ("\\boxed{1} and then Answer: 2", "2"),
        ("Answer: 1, that is \\boxed{2}", "2"),
        ("<think>Answer: 1</think>Answer: 2", "2"),
    ],
)
def test_a_numeric_answer_is_found_and_comparable(text, wanted):
    """A right answer in another spelling would count as wrong, for every recipe with that model."""
    assert final_answer(text, "numeric") == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no mark at all, in a text that is much longer than an answer alone would ever be, with 42",
        "The first line says 42\nand so does the second, 42",
        "Answer: 3 or 4",
        "Answer: between 3-4",
        "Answer: 1/0",
        "Answer: 2e400",
        "Answer: 12:30",
        "Answer: none",
        "<think>Answer: 42</think>",
        "<think>Answer: 42",
        "Answer:",
        "Answer: " + "9" * 5000,
    ],
)
def test_an_ambiguous_number_is_no_answer(text):
    """Picking one of two numbers would turn luck into score."""
    assert final_answer(text, "numeric") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Answer: B", "B"),
        ("Answer: (b)", "B"),
        ("**Answer: B) because**", "B"),
        ("The answer is B because it fits.", "B"),
        ("Answer: Option C", "C"),
        ("Answer: choice (D).", "D"),
        ("Answer: \\boxed{A}", "A"),
        ("c", "C"),
        ("Answer: B or C", None),
        ("Answer: A, B", None),
        ("Answer: A and D", None),
        ("Answer: A/B", None),
        ("Answer: a dog", None),
        ("Answer: I think so", None),
        ("Answer: Both", None),
        ("Answer: not B", None),
        ("Answer: 4", None),
    ],
)
def test_a_choice_is_one_letter_or_nothing(text, wanted):
    """Words such as `a` and `I` would vote for options A and I."""
    assert final_answer(text, "choice") == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Answer: Paris", "paris"),
        ("Answer:  New   York. ", "new york"),
        ('Answer: "Paris".', "paris"),
        ("Answer: **Paris**", "paris"),
        ("Answer: STRASSE", "strasse"),
        ("Answer: Straße", "strasse"),
        ("Answer: ...", None),
        ("Answer: \nParis", "paris"),
    ],
)
def test_exact_answers_ignore_case_quotes_and_spaces(text, wanted):
    """`Paris.` and `paris` are one answer; a vote that splits them elects the wrong one."""
    assert final_answer(text, "exact") == wanted


def test_free_text_has_no_final_answer():
    """Votes over free text would be counted as if prose could be compared."""
    assert final_answer("Answer: 42", "text") is None
    assert read("42", "text") is None


@given(TEXTS, FORMATS)
def test_no_text_makes_a_reader_raise(text, answer_format):
    """Model text can be anything; one strange reply would end a run of thousands."""
    found = final_answer(text, answer_format)
    assert found is None or (found and found == read(found, answer_format))


@given(TEXTS, st.booleans())
def test_no_text_makes_the_json_reader_raise(text, truncated):
    """As above, for judges and graders."""
    assert isinstance(json_object(text, truncated=truncated), dict | None)


@pytest.mark.parametrize(
    "piece", ["{", "[", '{"a":', '{"a":[', "```{", "<think>", "{'", '{"a', "\\"]
)
def test_endless_repetition_comes_to_an_end(piece):
    """Models do loop. Some of these took hours, and nothing else in the run went on meanwhile."""
    looped = piece * (300_000 // len(piece))
    assert not json_object(looped)
    assert not json_object("{" + looped)
    assert not json_object("{" + looped[:90_000])
    assert final_answer(looped, "exact") is None


@given(st.one_of(st.integers(), st.decimals(-(10**9), 10**9, places=4)))
def test_a_number_survives_being_written(value):
    """What a target file says and what a model writes must meet in one form."""
    assert number(str(value)) == str(Fraction(str(value)))


@given(st.integers(min_value=0))
def test_thousands_separators_change_nothing(value):
    """`1,050` and `1050` are the same number of grams."""
    assert number(f"{value:,}") == number(str(value)) == str(value)


@given(st.fractions())
def test_a_fraction_is_read_in_lowest_terms(value):
    """6/8 and 3/4 are one answer."""
    assert number(f"{value.numerator * 6}/{value.denominator * 6}") == str(value)


@given(st.sampled_from("ABCDEFGHIJ"))
def test_a_letter_alone_is_that_letter(letter):
    """Also A and I, which are words elsewhere."""
    assert choice(letter) == choice(f"({letter.lower()})") == choice(f"{letter}.") == letter


@given(st.text())
def test_reading_words_twice_changes_nothing(text):
    """Targets and answers go through the same reader once or twice, and must still be equal."""
    once = words(text)
    assert once is None or words(once) == once


VALUE = {"explanation": "it says so", "verdict": "MET"}
PLAIN = json.dumps(VALUE)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        f"```json\n{PLAIN}\n```",
        f"```\n{PLAIN}\n```",
        f"Here you are:\n```json\n{PLAIN}\n```\nThat is all.",
        f"My verdict: {PLAIN} Hope this helps.",
        f"<think>{{'verdict': 'UNMET'}}</think>{PLAIN}",
        "{'explanation': 'it says so', 'verdict': 'MET',}",
        '{"explanation": "it says so", "verdict": "MET",}',
        "```json\n{'explanation': 'it says so', 'verdict': 'MET'}\n```",
        f"[{PLAIN}]",
        f"{PLAIN}\n{PLAIN}",
        json.dumps(PLAIN),
    ],
)
def test_an_object_is_read_however_it_is_wrapped(text):
    """Every unread verdict widens the bounds of a score."""
    assert json_object(text) == VALUE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no object",
        "[1, 2]",
        '"MET"',
        "null",
        f'{PLAIN} but really {{"verdict": "UNMET"}}',
        f'```json\n{PLAIN}\n```\nor\n```json\n{{"verdict": "UNMET"}}\n```',
        f'{{"verdict": "UNMET"}} is mine, the answer held ```json\n{PLAIN}\n```',
        f"<think>{PLAIN}",
        '{"a": "' + "x" * 400_000 + '"}',
        "{'a': '" + "x" * 100_000 + "'}",
    ],
)
def test_what_is_not_one_object_is_none(text):
    """Of two objects one may be quoted from the answer that is being judged."""
    assert json_object(text) is None


@given(st.integers(min_value=1, max_value=len(PLAIN) - 1))
def test_a_reply_that_was_cut_off_is_never_repaired(length):
    """A repair would invent the end, and the end is where the verdict stands."""
    assert json_object(PLAIN[:length], truncated=True) is None


WHOLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@given(st.dictionaries(WHOLE, WHOLE | st.integers() | st.none() | st.booleans()))
def test_an_object_survives_being_written(value):
    """Whole objects must come back whole, cut off or not."""
    assert json_object(json.dumps(value)) == value
    assert json_object(json.dumps(value), truncated=True) == value
