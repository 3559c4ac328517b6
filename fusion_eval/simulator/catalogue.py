"""The tasks that a simulator knows, and how it finds one of them in what it is sent."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property

from fusion_eval.core import Task
from fusion_eval.simulator.targets import Targets, targets
from fusion_eval.simulator.text import Phrase, phrases


class Known:
    """One task with what is needed to recognise it, worked out when it is first met."""

    def __init__(self, task: Task, popularity: tuple[float, ...]) -> None:
        self.task = task
        self.prompt = task.question.prompt.strip()
        self._popularity = popularity

    @cached_property
    def phrases(self) -> tuple[Phrase, ...]:
        """The task's criteria as they appear in text."""
        return phrases(self.task)

    @cached_property
    def targets(self) -> Targets | None:
        """The possible final answers, where the task has a target."""
        return targets(self.task, self._popularity)

    def rank(self, text: str) -> tuple[int, int, str]:
        """Which of several tasks in one text is meant: longest prompt, most turns, then hash."""
        question = self.task.question
        parts = [m.content for m in question.turns] + [question.system or ""]
        return (len(self.prompt), sum(len(p) for p in parts if p and p in text), self.task.hash)


class Finder:
    """Which of many long strings stand in a text, without searching for each of them.

    A string that stands in a text brings its inner words along, so each is looked for only where
    its rarest inner word occurs. The outer two may be glued to a quote mark and are not used.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = strings
        frequency = Counter(word for string in strings for word in set(string.split()))
        self._by_word: dict[str, list[int]] = defaultdict(list)
        self._always: list[int] = []
        for i, string in enumerate(strings):
            inner = string.split()[1:-1]
            if inner:
                rarest = min(inner, key=lambda word: (frequency[word], -len(word), word))
                self._by_word[rarest].append(i)
            elif string:
                self._always.append(i)

    def found(self, text: str) -> list[int]:
        """Indices of the strings that stand in the text."""
        words = self._by_word.keys() & set(text.split())
        near = [i for word in words for i in self._by_word[word]] + self._always
        return sorted(i for i in near if self._strings[i] in text)


class Catalogue:
    """All known tasks."""

    def __init__(self, tasks: Sequence[Task], popularity: tuple[float, ...]) -> None:
        distinct = {task.hash: task for task in tasks}
        self.tasks = [Known(task, popularity) for _, task in sorted(distinct.items())]
        self._prompts = Finder([known.prompt for known in self.tasks])

    def find(self, text: str) -> Known | None:
        """The task whose prompt stands in the text; the longest, if there are several."""
        found = [self.tasks[i] for i in self._prompts.found(text)]
        return max(found, key=lambda k: k.rank(text)) if found else None

    def by_criterion(self, text: str) -> Known | None:
        """The task one of whose requirements stands bare in a text that shows no prompt."""
        owners, finder = self._requirements
        for i in finder.found(text):
            if any(phrase.asked(text) >= 0 for phrase in owners[i].phrases):
                return owners[i]
        return None

    def by_statement(self, text: str) -> Known | None:
        """The task that a text speaks of which shows no prompt: a judge that is not told it."""
        owners, finder = self._statements
        for i in finder.found(text):
            if any(phrase.places(text) for phrase in owners[i].phrases):
                return owners[i]
        return None

    @cached_property
    def _statements(self) -> tuple[list[Known], Finder]:
        pairs = [(known, p.body) for known in self.tasks for p in known.phrases]
        return [known for known, _ in pairs], Finder([body for _, body in pairs])

    @cached_property
    def _requirements(self) -> tuple[list[Known], Finder]:
        pairs = [(known, p.bare) for known in self.tasks for p in known.phrases]
        return [known for known, _ in pairs], Finder([bare for _, bare in pairs])
