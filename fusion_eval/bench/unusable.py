"""What a run could not use: answers that are missing, verdicts that say nothing, roles that failed.

Counted task by task while the run goes on, so that nothing of a task stays in memory. The manifest
keeps the counts with one sample of what came back; `report.measured` puts them into words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fusion_eval.bench.facts import Fact
from fusion_eval.core import Trial, Use, Verdict

NAMED = 0.05
"""Share of a recipe's answers, verdicts or tasks above which a loss is named first."""
_SAMPLE = 300  # characters of what came back
_SEAT = re.compile(r"(?P<role>.+?)(?: \d+)? \((?P<model>.+)\)")
Text = Callable[[str], str | None]
"""key of a call -> what was replied, if it was"""


@dataclass
class Loss:
    """How much of something was lost, by which words, and what came back the first time."""

    lost: int = 0
    of: int = 0
    answers: int = 0
    """Of a role that failed on `lost` tasks: in how many answers."""
    words: Counter[str] = field(default_factory=Counter)
    who: Counter[str] = field(default_factory=Counter)
    said: str | None = None

    @property
    def share(self) -> float:
        """Lost, as a share of all."""
        return self.lost / self.of if self.of else 0.0

    def add(self, word: str, who: str | None, said: str | None) -> None:
        """Count one that was lost."""
        self.words[word] += 1
        if who:
            self.who[who] += 1
        self.said = self.said or (said or "").strip()[:_SAMPLE] or None


class Unusable:
    """Counts of what a run could not use, by recipe."""

    def __init__(self) -> None:
        self._answers: dict[str, Loss] = {}
        self._verdicts: dict[tuple[str, str], Loss] = {}
        self._roles: dict[tuple[str, str], Loss] = {}
        self._tasks: Counter[str] = Counter()

    def add(
        self, trials: Sequence[Trial], facts: Mapping[str, Fact], text: Text, *, checked: bool
    ) -> None:
        """Count the trials of one task; `checked`: by its target, so without a grader."""
        self._tasks.update({trial.recipe for trial in trials})
        failed: set[tuple[str, str]] = set()
        for trial in trials:
            self._answer(trial, facts)
            failed |= (seats := self._seats(trial, facts, text))
            for at in seats:
                self._roles[at].answers += 1
            for verdict in () if checked else trial.verdicts:
                self._verdict(trial, verdict, facts, text)
        for at in failed:
            self._roles[at].lost += 1

    def _answer(self, trial: Trial, facts: Mapping[str, Fact]) -> None:
        loss = self._answers.setdefault(trial.recipe, Loss())
        if trial.recorded is not None:  # made elsewhere: this run only grades it
            return
        loss.of += 1
        if trial.failure is None:
            return
        loss.lost += 1
        use, fact = _last(trial, facts)
        who = f"{use.role} ({use.model})" if use else None
        loss.add(trial.failure, who, _ending(fact) if fact else trial.detail)

    def _verdict(
        self, trial: Trial, verdict: Verdict, facts: Mapping[str, Fact], text: Text
    ) -> None:
        loss = self._verdicts.setdefault((trial.recipe, verdict.grader), Loss())
        loss.of += 1
        if verdict.value is not None:
            return
        loss.lost += 1
        if verdict.verdict == "unreadable":
            said = text(verdict.call_key) if verdict.call_key else None
            loss.add("unreadable", None, said or verdict.reason)
        else:
            fact = facts.get(verdict.call_key or "")
            loss.add(verdict.reason or verdict.verdict, None, fact.detail if fact else None)

    def _seats(self, trial: Trial, facts: Mapping[str, Fact], text: Text) -> set[tuple[str, str]]:
        """The seats that failed on the way to an answer that was given without them."""
        failed = set()
        for note in trial.degraded:
            who, _, word = note.rpartition(": ")
            if (seat := _SEAT.fullmatch(who)) is None:
                continue
            uses = [u for u in trial.uses if (u.role, u.model) == (seat["role"], seat["model"])]
            each = (_said(facts[use.key], use.key, word, text) for use in uses)
            said = next((words for words in each if words), None)
            at = (trial.recipe, who)
            self._roles.setdefault(at, Loss()).add(word, who, said)
            failed.add(at)
        return failed

    def entries(self, limit: float) -> list[dict[str, Any]]:
        """What goes into the manifest: every loss above NAMED, what passes `limit` first.

        `unusable` is true where more than `limit` of a recipe's answers, or of the verdicts of
        its graders, could not be used, or as many answers came about without one of its roles:
        they are those of another recipe.
        """
        for (recipe, _), loss in self._roles.items():
            loss.of = self._tasks[recipe]
        rows = [*self._rows(limit)]
        return sorted(rows, key=lambda row: (not row["unusable"], _KINDS.index(row["kind"])))

    def _rows(self, limit: float) -> Iterator[dict[str, Any]]:
        whole: dict[str, Loss] = {}
        for (recipe, _), loss in self._verdicts.items():
            both = whole.setdefault(recipe, Loss())
            both.lost, both.of = both.lost + loss.lost, both.of + loss.of
        for (recipe, grader), loss in self._verdicts.items():
            unusable = whole[recipe].share > limit and loss.share > limit
            yield from _row("verdicts", recipe, f"grader {grader}", loss, unusable)
        for recipe, loss in self._answers.items():
            who = next((name for name, _ in loss.who.most_common(1)), None)
            yield from _row("answers", recipe, who, loss, loss.share > limit)
        for (recipe, who), loss in self._roles.items():
            unusable = loss.answers > limit * self._answers[recipe].of
            yield from _row("role", recipe, who, loss, unusable)  # one task may be chance


_KINDS = ("verdicts", "answers", "role")


def _row(
    kind: str, recipe: str, who: str | None, loss: Loss, unusable: bool
) -> Iterator[dict[str, Any]]:
    if loss.share > NAMED and (kind != "role" or loss.lost > 1 or loss.lost == loss.of):
        yield {
            "kind": kind, "recipe": recipe, "who": who, "lost": loss.lost, "of": loss.of,
            "share": loss.share, "words": dict(loss.words.most_common()), "said": loss.said,
            "unusable": unusable,
        }  # fmt: skip


def _last(trial: Trial, facts: Mapping[str, Fact]) -> tuple[Use | None, Fact | None]:
    """The call that left a trial without an answer: the last that failed, or the last at all."""
    uses = [use for use in trial.uses if use.key in facts]
    broken = [use for use in uses if facts[use.key].failure not in (None, "cancelled")]
    use = next(iter([*reversed(broken), *reversed(uses)]), None)
    return use, facts[use.key] if use else None


def _ending(fact: Fact) -> str | None:
    """What an endpoint said of a failure; how a reply without text ended, and what it thought."""
    if fact.failure is not None:
        return fact.detail
    if fact.reply is None:
        return None
    usage = fact.reply.usage
    spent = f", {usage.reasoning:,} tokens of thinking" if usage and usage.reasoning else ""
    return f"no text (finish {fact.reply.finish}{spent})"


def _said(fact: Fact, key: str, word: str, text: Text) -> str | None:
    """What came back from a seat that failed: an error, or the reply that could not be read."""
    if fact.failure is not None:
        return fact.detail
    return text(key) if word.endswith("unreadable") else None
