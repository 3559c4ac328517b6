"""What members' tools may not bring: pages of benchmark hosts, and fragments of the task's rubric.

Panel models have found rubrics by searching for them. A passage that names a host of benchmarks, or
repeats eight words of a criterion that the prompt does not hold, is withheld from the model and
noted with the call; the ledger keeps the result as it came.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import unquote

from fusion_eval.core import Task

HOSTS = (
    "huggingface.co", "hf.co", "arxiv.org", "alphaxiv.org", "ar5iv.org", "paperswithcode.com",
    "semanticscholar.org", "openrouter.ai", "research.perplexity.ai", "openreview.net",
    "kaggle.com", "raw.githubusercontent.com", "gist.github.com",
)  # fmt: skip
"""Hosts that hold benchmarks, their papers or their results."""
WORDS = 8
"""Words in a row that no page shares with a criterion by chance."""
_FEWEST = 5
WITHHELD = "[a passage was withheld: it is about the benchmark that this question comes from]"
_WORD = re.compile(r"\w+")
_BLOCK = re.compile(r"\n\s*\n")


Fragment = tuple[tuple[str, ...], str]
"""Words of a criterion in a row, and the criterion's id."""


class Guard:
    """What is looked for in results of tools: `hosts`, and fragments of the rubric of `task`."""

    def __init__(
        self, task: Task | None = None, hosts: tuple[str, ...] = HOSTS, like: Guard | None = None
    ) -> None:
        self.hosts = hosts
        self._task = task
        self._like = like

    @cached_property
    def fragments(self) -> tuple[Fragment, ...]:
        """Runs of words of the rubric that the conversation with its user does not hold."""
        if self._like is not None:
            return self._like.fragments
        if self._task is None:
            return ()
        known = _words("\n".join(m.content for m in self._task.question.messages))
        told = {
            tuple(known[i : i + n])
            for n in range(_FEWEST, WORDS + 1)
            for i in range(len(known) - n + 1)
        }
        found: dict[tuple[str, ...], str] = {}
        for criterion in self._task.leaves:
            for run in _runs(_words(criterion.requirement)):
                if run not in told:
                    found.setdefault(run, criterion.id)
        return tuple(found.items())

    def with_hosts(self, more: Iterable[str]) -> Guard:
        """The same with hosts that a bench file names too."""
        return Guard(hosts=tuple(dict.fromkeys((*self.hosts, *more))), like=self)

    def leaks(self, text: str) -> tuple[str, ...]:
        """What of it stands in a text: `host huggingface.co`, `rubric moon`; each once."""
        return tuple(dict.fromkeys(self._found(text)))

    def kept(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The text without the passages that leak, and what leaked.

        A passage is what stands between blank lines; where a fragment runs over several, the text
        as a whole is withheld.
        """
        leaked = self.leaks(text)
        if not leaked:
            return text, ()
        parts = _BLOCK.split(text)
        rest = [WITHHELD if self.leaks(part) else part for part in parts]
        kept = "\n\n".join(part for i, part in enumerate(rest) if not i or part != rest[i - 1])
        return (WITHHELD if self.leaks(kept.replace(WITHHELD, "")) else kept), leaked

    def _found(self, text: str) -> Iterator[str]:
        plain = _plain(text)
        for host in self.hosts:
            if re.search(rf"(?<![\w-]){re.escape(host)}(?![\w-]|\.\w)", plain):
                yield f"host {host}"
        words = _WORD.findall(plain)
        there = {n: {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}
                 for n in {len(run) for run, _ in self.fragments}}  # fmt: skip
        for run, criterion in self.fragments:
            if run in there[len(run)]:
                yield f"rubric {criterion}"


def _plain(text: str) -> str:
    """One spelling of what is meant to be read: no invisible characters, no percent signs."""
    folded = unicodedata.normalize("NFKC", unquote(text)).casefold()
    visible = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    return re.sub(r"\s*[\[(](?:\.|dot)[\])]\s*", ".", visible)


def _words(text: str) -> list[str]:
    return _WORD.findall(_plain(text))


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    if _FEWEST <= len(words) < WORDS:
        yield tuple(words)
    for i in range(len(words) - WORDS + 1):
        yield tuple(words[i : i + WORDS])
