"""Text from outside is cleaned once: what no file can hold, and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_eval.core import clean, clean_json


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("cut \ud83d", "cut \ufffd"),
        ("\udc00 first", "\ufffd first"),
        ("\ud83d\ude00", "😀"),
        ("a\0b", "a\ufffdb"),
        ("naïve 😀", "naïve 😀"),
    ],
)
def test_half_a_character_and_nul_are_replaced(text: str, cleaned: str):
    """One grader that cuts an emoji would end a paid run for good."""
    assert clean(text) == cleaned


@given(st.text(st.characters()))
def test_whatever_comes_in_can_be_written_and_a_good_text_stays_as_it_is(text: str):
    """A text that changes for no reason is another answer."""
    cleaned = clean(text)
    assert cleaned.encode().decode() == cleaned
    assert "\0" not in cleaned
    assert clean(cleaned) == cleaned
    if text.encode("utf-8", "replace").decode() == text and "\0" not in text:
        assert cleaned == text


def test_names_and_strings_of_a_json_value_are_cleaned_and_endless_nesting_is_cut():
    """A name with half a character breaks a table as surely as a text does."""
    deep = json.loads("[" * 900 + "]" * 900)

    value = clean_json({"a\ud83d": ["\0", 1, None, True], "deep": deep})

    assert value["a\ufffd"] == ["\ufffd", 1, None, True]
    assert len(json.dumps(value)) < 400
