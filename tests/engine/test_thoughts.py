"""Thoughts are told from the text once, by one rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion_eval.answers.thoughts import split_thoughts

TAKEN_OFF = [
    ("<think>ten?</think>\n\nNo, nine.", "No, nine.", "ten?"),
    ("\n\n <THINKING kind='long'>ten?</THINKING>nine", "nine", "ten?"),
    ("<thought>ten?</thought><reasoning>or so</reasoning>nine", "nine", "ten?\n\nor so"),
    ("[THINK]ten?[/THINK]nine", "nine", "ten?"),
    ("<seed:think>ten?</seed:think>nine", "nine", "ten?"),
    ("◁think▷ten?◁/think▷nine", "nine", "ten?"),
    ("<|START_THINKING|>ten?<|END_THINKING|>nine", "nine", "ten?"),
    ("First.\n<think>ten?</think>\nThen.", "First.\n\nThen.", "ten?"),
    ("<think>a <think>b</think> Answer: 10</think> nine", "nine", "a <think>b</think> Answer: 10"),
    ("<think>\n<think>\nten?</think>\nnine", "nine", "<think>\nten?"),
    ("<think>use `</think>` here</think>nine", "nine", "use `</think>` here"),
    ("<think>ten, and then it was cut", "", "ten, and then it was cut"),
    ("ten?\n</think>\n\nnine", "nine", "ten?"),
    ("It may be ten.</think>nine", "nine", "It may be ten."),
    ("ten?\n</think>\n</think>\nnine", "nine", "ten?"),
    ("```python\nten()\n</think>\nnine", "nine", "```python\nten()"),
    ("<|channel|>analysis<|message|>ten?<|end|><|start|>assistant<|channel|>final<|message|>nine"
     "<|return|>", "nine", "ten?"),
    ("<|channel|>analysis<|message|>ten, and then it was cut", "", "ten, and then it was cut"),
    ("analysisIs it ten?assistantfinalnine", "nine", "Is it ten?"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "text", "thoughts"), TAKEN_OFF)
def test_thoughts_are_taken_off_the_text_and_kept(reply, text, thoughts):
    """A grader that reads the thoughts grades what no user ever sees."""
    assert split_thoughts(reply) == (text, thoughts)


@pytest.mark.parametrize(
    "reply",
    [
        "Open it with the <think> tag. Answer: 42",
        "Wrap it in <think>...</think>. Answer: 42",
        "The </think> tag closes it. Answer: 42",
        "`<think>` opens a thought, `</think>` closes it.",
        "Write:\n\n```xml\n<think>\nhm\n</think>\n```\n\nAnswer: 42",
        "> <think>\n> quoted\n> </think>\nAnswer: 42",
        "Answer: 42 <|channel|>analysis<|message|> is what gpt-oss writes",
        "analysis of the assistantfinal marker",
        "I think, and reasoning helps. [sic]",
        "",
    ],
)
def test_a_tag_that_is_mentioned_takes_nothing_away(reply):
    """An answer about language models would lose its second half."""
    assert split_thoughts(reply) == (reply, "")


def test_a_closing_tag_after_text_closes_nothing():
    """The text between a thought and a stray tag is the answer, and would be lost."""
    assert split_thoughts("<think>a</think>Answer: 42\n</think>") == ("Answer: 42", "a")


PLAIN = st.text(st.characters(blacklist_characters="<>[]|◁▷`~", blacklist_categories=["Cs"]))


@given(thought=PLAIN, text=PLAIN, names=st.sampled_from(["think", "Thinking", "thought"]))
def test_whatever_is_thought_the_text_stays_the_same(thought, text, names):
    """A thought that can change the text can change a verdict."""
    reply = f"<{names}>{thought}</{names}>{text}"
    assert split_thoughts(reply) == (text.strip(), thought.strip())


TOKENS = ["<think>", "</think>", "\n", "```", " ", "a", "`", "<|channel|>final<|message|>"]


@given(st.lists(st.sampled_from(TOKENS), max_size=30).map("".join))
def test_text_and_thoughts_are_made_of_the_reply_and_nothing_else(reply):
    """A grader would read words that the model never wrote, or the same ones twice."""
    text, thoughts = split_thoughts(reply)
    assert set(text + thoughts) <= {*reply, "\n"}
    assert (text + thoughts).count("a") <= reply.count("a")


@settings(max_examples=500)
@given(st.lists(st.sampled_from(TOKENS[:-1]), max_size=12).map("".join))
def test_a_text_without_its_thoughts_has_none_left(reply):
    """What is read twice, at the reply and by a check, must be read alike."""
    text, _ = split_thoughts(reply)
    assert split_thoughts(text)[0] == text
