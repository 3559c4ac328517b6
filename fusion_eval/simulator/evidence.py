"""A small searchable world: pages that document what models cannot know by themselves.

Where a world has `evidence`, the share `hidden` of what is right about a task is known to nobody:
a model states it only where a page that documents it stands in its conversation. Pages name facts
by codes and never by the words of a rubric, so that reading them is no leak; some worlds plant one
page of a benchmark, to see whether a guard finds it. Pure functions of world, tasks and arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from fusion_eval.core import Task
from fusion_eval.simulator.chance import key, uniform, uniforms
from fusion_eval.simulator.world import World

SEARCH: dict[str, Any] = {
    "name": "search",
    "description": "Search the archive. Returns the numbers and titles of pages.",
    "parameters": {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "what to look for"}},
        "required": ["query"],
    },
}
READ: dict[str, Any] = {
    "name": "read",
    "description": "Read one page of the archive by its number, as `search` gives it.",
    "parameters": {
        "type": "object",
        "properties": {"page": {"type": "string", "description": "number of the page"}},
        "required": ["page"],
    },
}
TOOLS: tuple[dict[str, Any], ...] = (SEARCH, READ)
NEEDED = 12
"""Units that a point which needs evidence lies below every model's standing."""
_PAGE = re.compile(r"\bP-[0-9a-f]{10}\b")
_PART = re.compile(r"\bpart (\d+)\b")
_OF_QUERY = 14  # words of a prompt that a model searches for
RESULT = "right result"


def code(world: World, task: Task, what: object) -> str:
    """What stands for one fact on a page: a criterion (by its place), or the right answer."""
    return f"K-{_digest(world.root, 'fact', task.hash, str(what))}"


def hidden(world: World, task: Task) -> tuple[tuple[bool, ...], bool]:
    """Which points nobody knows without evidence, and whether the right answer is such a one."""
    rules = world.evidence
    if rules is None:
        return (False,) * len(task.leaves), False
    luck = uniforms(key(world.root, "hidden", task.hash), len(task.leaves))
    points = tuple(
        c.weight > 0 and u < rules.hidden for c, u in zip(task.leaves, luck, strict=True)
    )
    result = task.target is not None and uniform(world.root, RESULT, task.hash) < rules.hidden
    return points, result


class Archive:
    """The pages of a world about some tasks, behind `search` and `read`."""

    def __init__(self, world: World, tasks: Sequence[Task]) -> None:
        self._world = world
        self._tasks = {task.hash: task for task in tasks}
        self._prompts = {h: set(_words(t.question.prompt)) for h, t in self._tasks.items()}
        self._pages = {
            name: text for task in self._tasks.values() for name, text in pages(world, task).items()
        }

    async def __call__(self, tool: str, arguments: dict[str, Any]) -> str:
        """The text of a result; a page that does not exist is said to."""
        if tool == "search":
            return self.search(str(arguments.get("query", "")))
        return self._pages.get(str(arguments.get("page", "")), "There is no such page.")

    def search(self, query: str) -> str:
        """The first pages about the task whose prompt has most of the words of the query."""
        asked, rules = set(_words(query)), self._world.evidence
        near = sorted((-len(asked & words), h) for h, words in self._prompts.items())
        if rules is None or not near or -near[0][0] < min(3, len(asked)):
            return "Nothing was found."
        task = self._tasks[near[0][1]]
        names = list(pages(self._world, task))
        first = _PART.search(query)
        ranked = sorted(names, key=lambda name: _digest(self._world.root, query, name))
        if first:
            ranked.sort(key=lambda name: name != names[int(first[1]) % len(names)])
        return "\n\n".join(f"{n}: {_title(names.index(n))}" for n in ranked[: rules.results])


def pages(world: World, task: Task) -> dict[str, str]:
    """Number -> text of every page about a task."""
    rules = world.evidence
    if rules is None:
        return {}
    points, result = hidden(world, task)
    places = uniforms(key(world.root, "page of", task.hash), len(points) + 1)
    facts: list[list[str]] = [[] for _ in range(rules.pages)]
    for i, (needed, place) in enumerate(zip((*points, result), places, strict=True)):
        if needed:
            what = RESULT if i == len(points) else i
            facts[int(place * rules.pages)].append(code(world, task, what))
    found = {_number(world, task, i): _text(i, page) for i, page in enumerate(facts)}
    if uniform(world.root, "planted", task.hash) < rules.planted and task.leaves:
        shown = " ".join(task.leaves[0].requirement.split())
        found[_number(world, task, -1)] = (
            f"{_title(-1)}\n\nhttps://huggingface.co/datasets/bench\n\nThe rubric says: {shown}"
        )
    return found


def wanted(
    world: World, prompt: str, body: dict[str, Any], draw: str
) -> tuple[str, dict[str, str]] | None:
    """What a model does next that may search and read: a tool with its arguments, or None.

    It searches for a part of the matter that it picks by its draw, reads the first page that it has
    not read, and answers after `reads` pages.
    """
    rules, names = world.evidence, _offered(body.get("tools"))
    if rules is None or not {"search", "read"} <= names or body.get("tool_choice") == "none":
        return None
    told = [m for m in body["messages"] if isinstance(m, dict)]
    read = [a.get("page", "") for n, a in _made(told) if n == "read"]
    if len(read) >= rules.reads:
        return None
    last = str(told[-1].get("content", "")) if told[-1].get("role") == "tool" else ""
    new = [name for name in _PAGE.findall(last) if name not in read]
    if new and _last_called(told) == "search":
        return "read", {"page": new[0]}
    part = int(uniform(world.root, "part", draw) * rules.pages)
    return "search", {"query": f"{' '.join(prompt.split()[:_OF_QUERY])}, part {part}"}


def _offered(tools: object) -> set[str]:
    entries = (
        [t.get("function", t) for t in tools if isinstance(t, dict)]
        if isinstance(tools, list)
        else []
    )
    return {str(e.get("name")) for e in entries if isinstance(e, dict)}


def _made(told: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The calls that stand in a conversation."""
    found = []
    for message in told:
        for call in message.get("tool_calls") or ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                try:
                    arguments = json.loads(function.get("arguments") or "{}")
                except (ValueError, TypeError):
                    arguments = {}
                found.append(
                    (str(function.get("name")), arguments if isinstance(arguments, dict) else {})
                )
    return found


def _last_called(told: list[dict[str, Any]]) -> str:
    made = _made(told)
    return made[-1][0] if made else ""


def _text(number: int, facts: list[str]) -> str:
    held = " ".join(f"It documents {fact}." for fact in facts) or "It documents nothing of it."
    return f"{_title(number)}\n\n{held}"


def _title(number: int) -> str:
    return f"Page {number + 1} of the archive" if number >= 0 else "A page about a benchmark"


def _number(world: World, task: Task, page: int) -> str:
    return f"P-{_digest(world.root, 'page', task.hash, str(page))}"


def _digest(*parts: str) -> str:
    return blake2b("/".join(parts).encode(), digest_size=5).hexdigest()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
