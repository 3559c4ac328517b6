"""Which of several answers say the same, by a stated rule, and the best of a group."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from difflib import SequenceMatcher
from typing import Literal

from fusion_eval.answers.final import final_answer
from fusion_eval.core import Question
from fusion_eval.core.task import COMPARED

Rule = Literal["auto", "final_answer", "last_number", "similar"]
"""What makes two answers one: equal final answers; equal last numbers, else equal last lines (as in
openfusion); words that are alike. `auto`: final answers where they can be compared, else words."""

_COMPARED_WORDS = 1_000
"""Words of each answer that are compared: the time grows with their square, at the worst."""
_NUMBER = re.compile(r"-?\$?\d[\d,]{0,40}(?:\.\d{1,40})?")


def groups_of(
    question: Question, texts: Sequence[str], rule: Rule, similarity: float
) -> list[list[int]]:
    """Indices of answers that say the same, in groups; answers that say nothing are in none.

    Groups and their members are in the order of the seats. Words alone make no group of one.
    """
    if rule == "auto":
        rule = "final_answer" if question.answer_format in COMPARED else "similar"
    if rule == "similar":
        alike = _alike(texts, similarity)
        return [group for group in alike if len(group) > 1 or len(texts) == 1]
    if rule == "last_number":
        return by_key([_last_number(text) for text in texts])
    return by_key([final_answer(text, question.answer_format) for text in texts])


def by_key(keys: Sequence[Hashable | None]) -> list[list[int]]:
    """Indices of equal keys, in groups; None is in none."""
    found: dict[Hashable, list[int]] = {}
    for i, key in enumerate(keys):
        if key is not None:
            found.setdefault(key, []).append(i)
    return list(found.values())


def largest(groups: Sequence[list[int]]) -> list[int]:
    """The group with most answers; of equals the one with the earliest seat. Empty without any."""
    return max(groups, key=len, default=[])


def typical(texts: Sequence[str], group: Sequence[int]) -> int:
    """The answer of a group whose words are most like the others'; the earliest of equals."""
    if len(group) < 3:
        return group[0]
    means = [sum(_ratio(texts[i], texts[j]) for j in group if j != i) for i in group]
    return group[means.index(max(means))]


def _last_number(text: str) -> str | None:
    if numbers := _NUMBER.findall(text):
        return str(numbers[-1]).replace("$", "").replace(",", "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].lower() if lines else None


def _alike(texts: Sequence[str], similarity: float) -> list[list[int]]:
    """Each answer joins the first group all of whose members are alike enough to it."""
    groups: list[list[int]] = []
    for i, text in enumerate(texts):
        fits = (g for g in groups if all(are_alike(texts[j], text, similarity) for j in g))
        if (group := next(fits, None)) is None:
            groups.append([i])
        else:
            group.append(i)
    return groups


def are_alike(one: str, other: str, similarity: float) -> bool:
    """Whether the share of words in common, in their order, is at least so much (0 to 1)."""
    words = _matcher(one, other)
    return words.quick_ratio() >= similarity and words.ratio() >= similarity


def _ratio(one: str, other: str) -> float:
    """Share of words in common, in their order (0 to 1)."""
    return _matcher(one, other).ratio()


def _matcher(one: str, other: str) -> SequenceMatcher[str]:
    """Of the first `_COMPARED_WORDS` words of both."""
    first, second = (text.casefold().split()[:_COMPARED_WORDS] for text in (one, other))
    return SequenceMatcher(None, first, second, autojunk=False)
