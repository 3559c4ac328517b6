"""What can be answered to a checkable task: the target, and wrong answers that tempt everyone.

The wrong ones follow from the task alone and are shared by all models, in the same popularity: so
a vote can go wrong together, and on hard tasks more votes make it worse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from fusion_eval.core import Task
from fusion_eval.simulator.chance import key, pick, uniforms
from fusion_eval.simulator.text import ANSWER_LINE, RESULT

_OPPOSITES = {"yes": "no", "no": "yes", "true": "false", "false": "true"}
_FAMILIES = (
    ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    ("north", "east", "south", "west"),
)
_NAME = re.compile(r"(?<=[\w,;] )[A-Z][^\W\d_]{2,}")  # capitals inside a sentence
_OPTION = re.compile(r"(?:^|[\s(])([A-Z])[).:]\s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Targets:
    """Values of a task's final answer: the right one first, then wrong ones by popularity."""

    values: tuple[str, ...]
    weights: tuple[float, ...]
    index: dict[str, int]

    def pick(self, right: bool, u: float) -> int:
        """Index of an answer: 0 is right, the others are picked by popularity."""
        return 0 if right or len(self.values) == 1 else 1 + pick(self.weights, u)

    def found(self, text: str) -> list[tuple[int, int]]:
        """(place, index of the value) of each final answer that a text gives."""
        places: list[tuple[int, int]] = []
        for mark in (ANSWER_LINE, RESULT):
            at = text.find(mark)
            while at >= 0:
                end = text.find("\n", at)
                line = text[at + len(mark) : end if end >= 0 else len(text)]
                value = self.index.get(_normal(line))
                if value is not None:
                    places.append((at, value))
                at = text.find(mark, at + 1)
        return sorted(places)


def targets(task: Task, popularity: tuple[float, ...]) -> Targets | None:
    """The possible answers of a task with a target; None for the others."""
    if task.target is None:
        return None
    target = task.target.strip()
    wrong = _ordered(task, _wrong(task, target))[: len(popularity)]
    values = (target, *wrong)
    index: dict[str, int] = {}
    for i, value in enumerate(values):
        index.setdefault(_normal(value), i)
    return Targets(values=values, weights=popularity[: len(wrong)], index=index)


def _normal(value: str) -> str:
    return value.strip(" \t\r.*`\"'").casefold()


def _ordered(task: Task, candidates: list[str]) -> list[str]:
    """Distinct wrong values, the most tempting first: which that is follows from the task."""
    right = _normal(task.target or "")
    distinct = [v for v in dict.fromkeys(candidates) if _normal(v) not in ("", right)]
    chances = uniforms(key("tempting", task.hash), len(distinct))
    return [v for _, v in sorted(zip(chances, distinct, strict=True))]


def _wrong(task: Task, target: str) -> list[str]:
    number = _number(target)
    if task.check == "choice":
        letters = sorted(set(_OPTION.findall(task.question.prompt)))
        return letters if len(letters) > 1 else list("ABCD")
    if number is not None:
        return _near(number)
    return _scrambled(task, target)


def _number(target: str) -> Decimal | None:
    try:
        number = Decimal(target.replace(",", "").replace("_", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def _near(number: Decimal) -> list[str]:
    """Off by one, doubled, halved, digits swapped: how numbers go wrong."""
    unit = Decimal(1).scaleb(min(0, int(number.as_tuple().exponent)))
    near = [number + unit, number - unit, number * 2, number / 2, number * 10]
    digits = f"{number:f}"
    if len(digits) > 1 and digits[-2:].isdigit():
        near.append(Decimal(digits[:-2] + digits[-1] + digits[-2]))
    return [f"{n.normalize():f}" for n in near if n != number]


def _names(task: Task, target: str) -> list[str]:
    """What else of the same kind the task speaks of: other names, days, directions."""
    for family in _FAMILIES:
        if target.casefold() in family:
            return [w.capitalize() if target[:1].isupper() else w for w in family]
    names = _NAME.findall(task.question.prompt)
    if target.casefold() not in {w.casefold() for w in names}:
        return []
    return names[-6:] if target[:1].isupper() else [w.casefold() for w in names[-6:]]


def _scrambled(task: Task, target: str) -> list[str]:
    """The opposite; parts in another order; other names in the prompt; letters astray."""
    opposite = _OPPOSITES.get(target.casefold())
    if opposite:
        return [opposite.capitalize() if target[:1].isupper() else opposite]
    for separator in (", ", " ", "-"):
        parts = target.split(separator)
        if len(parts) > 1:
            orders = (parts[::-1], parts[1:] + parts[:1], parts[:-1], parts[:1])
            return [separator.join(order) for order in orders]
    middle = len(target) // 2
    astray = [
        target[:i] + target[i + 1 : i + 2] + target[i : i + 1] + target[i + 2 :]
        for i in (0, middle)
    ]
    return _names(task, target) or [
        *astray,
        target[:middle] + target[middle + 1 :],
        target + target[-1:],
    ]
