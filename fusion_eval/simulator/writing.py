"""Writing one answer from several: synthesis, revision in a debate, refinement of an own draft.

A writer sees statements, not labels. How often candidates say something, what it would say itself,
and a judge's remarks move the odds; skill decides how far right points are told from errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import log2

from fusion_eval.simulator.answering import Speaker, put
from fusion_eval.simulator.candidates import Candidates
from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.chance import expit, key, uniforms
from fusion_eval.simulator.reading import Analysis, Asked
from fusion_eval.simulator.settings import Writing


def write(speaker: Speaker, asked: Asked, known: Known) -> str:
    """The writer's own answer, from the candidates' statements and the analyses in the text."""
    world = speaker.truth.world
    chances = speaker.truth.standing(speaker.model, known.task).chances(speaker.day())
    remarks = _remarks(asked.notes)
    keeps = _Keeping(world.writing, world.models[speaker.model].writer, len(asked.candidates))
    points = []
    for i, u in enumerate(_tastes(speaker, known, world.writing.steady)):
        phrase, support = known.phrases[i], len(asked.candidates.stated.get(i, ()))
        field = remarks and _named(phrase.body, remarks)
        if u < keeps.chance(support, phrase.negative, chances[i], field or ""):
            points.append(i)
    return put(speaker, known, points, settle(speaker, known, asked.candidates), asked.rest)


def _tastes(speaker: Speaker, known: Known, steady: float) -> list[float]:
    """A uniform per criterion: the writer's own for some, of this request for the others."""
    root, count = speaker.truth.world.root, len(known.phrases)
    always = uniforms(key(root, "taste", speaker.model, known.task.hash), 2 * count)
    now = speaker.chances("kept", count)
    return [always[count + i] if always[i] < steady else now[i] for i in range(count)]


class _Keeping:
    """The chance that a statement stands in the written answer."""

    def __init__(self, rules: Writing, skill: float, candidates: int) -> None:
        self.rules = rules
        crowd = log2(max(1, candidates))
        unskilled = (1 - skill) * rules.unskilled
        self.right = skill * rules.right + unskilled - rules.crowd_right * crowd
        self.error = skill * rules.error + unskilled - rules.crowd_error * crowd
        self.remark = {
            "consensus": rules.agreed,
            "partial_coverage": rules.partial,
            "contradictions": rules.flagged,
            "unique_insights": rules.insight,
        }

    def chance(self, support: int, negative: bool, own: float, field: str) -> float:
        """`own` is the chance that the writer would say it unasked, `field` a judge's remark."""
        rules = self.rules
        if not support:
            adds = (rules.adds_error if negative else rules.adds_right) * own
            return max(adds, rules.blind_spot) if field == "blind_spots" else adds
        odds = self.error if negative else self.right
        odds += rules.per_doubling * log2(support) + rules.belief * (2 * own - 1)
        return expit(odds + self.remark.get(field, 0.0))


def settle(speaker: Speaker, known: Known, candidates: Candidates) -> int | None:
    """The final answer: the most frequent one, with one's own as one voice more."""
    if known.targets is None:
        return None
    rules = speaker.truth.world.checkable
    right, wrong, slip, tie = speaker.chances("result", 4)
    standing = speaker.truth.standing(speaker.model, known.task)
    own = known.targets.draw(standing.chance_right(speaker.day()), right, wrong)
    if slip < rules.slip:
        return own
    votes: Counter[int] = Counter(value for _, value in candidates.answered)
    weights = {value: float(count) for value, count in votes.items()}
    weights[own] = weights.get(own, 0.0) + rules.own_weight
    best = max(weights.values())
    leading = sorted(value for value, weight in weights.items() if weight == best)
    return leading[int(tie * len(leading))]


def _remarks(notes: tuple[Analysis, ...]) -> dict[str, str]:
    """Field of an analysis -> everything that it says, as one text."""
    fields = ("contradictions", "unique_insights", "partial_coverage", "consensus", "blind_spots")
    return {f: "\n".join(_texts([n.get(f) for n in notes])) for f in fields} if notes else {}


def _named(body: str, remarks: dict[str, str]) -> str:
    return next((field for field, text in remarks.items() if body and body in text), "")


def _texts(value: object) -> Iterator[str]:
    """All strings inside a JSON value."""
    open_values = [value]
    while open_values:
        at = open_values.pop()
        if isinstance(at, str):
            yield at
        elif isinstance(at, dict):
            open_values += at.values()
        elif isinstance(at, list):
            open_values += at
