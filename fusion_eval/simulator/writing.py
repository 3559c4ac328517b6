"""Writing one answer from several: synthesis, revision in a debate, refinement of an own draft.

A writer sees statements, not labels. How often candidates say something, what it would say itself,
and a judge's remarks move the odds; skill decides how far right points are told from errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import log2

from fusion_eval.core import Task
from fusion_eval.simulator.answering import Speaker, own_result, put
from fusion_eval.simulator.candidates import Candidates
from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.chance import key, logit, uniforms
from fusion_eval.simulator.latent import Standing
from fusion_eval.simulator.mechanism import (
    BLIND,
    FIELD_OF,
    LOGISTIC_PER_NORMAL,
    NONE,
    keep_odds,
    remark_odds,
)
from fusion_eval.simulator.reading import Analysis, Asked
from fusion_eval.simulator.settings import Writing
from fusion_eval.simulator.world import World


def write(speaker: Speaker, asked: Asked, known: Known) -> str:
    """The writer's own answer, from the candidates' statements and the analyses in the text."""
    rules = speaker.truth.world.writing
    if rules.copies and speaker.chances("copies", 1)[0] < rules.copies:
        points, result = _copied(speaker, asked.candidates, known, rules)
    else:
        points, result = _weighed(speaker, asked, known), settle(speaker, known, asked.candidates)
    return put(speaker, known, points, result, asked.rest)


def _copied(
    speaker: Speaker, found: Candidates, known: Known, rules: Writing
) -> tuple[list[int], int | None]:
    """What one candidate says, picked at random, less what is lost on the way."""
    who = int(speaker.chances("whom", 1)[0] * len(found))
    lost = speaker.chances("lost", len(known.phrases))
    points = [
        i
        for i, holders in found.stated.items()
        if who in holders and (known.phrases[i].negative or lost[i] >= rules.drops)
    ]
    result = dict(found.answered).get(who)
    if result is not None and known.targets and speaker.chances("lost result", 1)[0] < rules.drops:
        result = known.targets.pick(False, speaker.chances("wrong result", 1)[0])
    return sorted(points), result


def _weighed(speaker: Speaker, asked: Asked, known: Known) -> list[int]:
    """The points that the writer keeps or adds."""
    world = speaker.truth.world
    rules, skill = world.writing, world.models[speaker.model].writer
    standing = speaker.truth.standing(speaker.model, known.task)
    own, added = standing.chances(), addition_odds(standing, rules)
    crowd, day = log2(max(1, len(asked.candidates))), speaker.day() * LOGISTIC_PER_NORMAL
    remarks, worth = _remarks(asked.notes), remark_odds(rules)
    points = []
    for i, luck in enumerate(_tastes(speaker, known)):
        phrase, support = known.phrases[i], len(asked.candidates.stated.get(i, ()))
        remark = _named(phrase.body, remarks) if remarks else NONE
        if support:
            push = worth[remark] + standing.signs[i] * day / standing.noise
            odds = keep_odds(rules, skill, phrase.negative, log2(support), crowd, own[i], push)
        else:
            odds = max(added[i], logit(rules.blind_spot)) if remark == BLIND else added[i]
        if luck + odds > 0:
            points.append(i)
    return points


def addition_odds(standing: Standing, rules: Writing) -> list[float]:
    """Logit, per criterion, of adding what no candidate says."""
    plain, reminded = standing.chances(), standing.chances(rules.reminded)
    return [
        logit(rules.adds_right * r if sign > 0 else rules.adds_error * p)
        for sign, p, r in zip(standing.signs, plain, reminded, strict=True)
    ]


def _tastes(speaker: Speaker, known: Known) -> list[float]:
    """Logistic luck per criterion: settled for some, of this request for the others."""
    always = steady_tastes(speaker.truth.world, speaker.model, known.task)
    now = speaker.chances("kept", len(always))
    return [logit(u) if a is None else a for a, u in zip(always, now, strict=True)]


def steady_tastes(world: World, writer: str, task: Task) -> list[float | None]:
    """Logistic luck that a writer has in every request about a task; None where it is loose."""
    rules, count = world.writing, len(task.leaves)
    kinds = uniforms(key(world.root, "kind of taste", task.hash), count)
    shared = uniforms(key(world.root, "taste of all", task.hash), count)
    own = uniforms(key(world.root, "taste", writer, task.hash), count)
    return [
        logit(s) if kind < rules.common else logit(o) if kind < settled else None
        for settled in [rules.common + rules.steady]
        for kind, s, o in zip(kinds, shared, own, strict=True)
    ]


def settle(speaker: Speaker, known: Known, candidates: Candidates) -> int | None:
    """The final answer: the most frequent one, with one's own as one voice more."""
    if known.targets is None:
        return None
    rules = speaker.truth.world.checkable
    slip, tie = speaker.chances("settling", 2)
    own = own_result(speaker, known, speaker.day())
    if slip < rules.slip:
        return own
    votes: Counter[int] = Counter(value for _, value in candidates.answered)
    weights = {value: float(count) for value, count in votes.items()}
    weights[own] = weights.get(own, 0.0) + rules.own_weight
    best = max(weights.values())
    leading = sorted(value for value, weight in weights.items() if weight == best)
    return leading[int(tie * len(leading))]


def _remarks(notes: tuple[Analysis, ...]) -> dict[int, str]:
    """Field of an analysis -> everything that it says, as one text."""
    if not notes:
        return {}
    return {n: "\n".join(_texts([note.get(f) for note in notes])) for f, n in FIELD_OF.items()}


def _named(body: str, remarks: dict[int, str]) -> int:
    return next((field for field, text in remarks.items() if body and body in text), NONE)


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
