"""Choosing among candidates, ranking or scoring them: what `ranked` and best-of-n ask for.

A judge sees how much each candidate gets right, as far as its skill goes, with noise; the first
place is worth something of its own. Where final answers can be compared, it looks for the most
frequent one, as universal self-consistency does (arXiv:2311.17311).
"""

from __future__ import annotations

import json

from fusion_eval.simulator.answering import Speaker
from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.forms import Content, fill
from fusion_eval.simulator.reading import Asked


def choose(speaker: Speaker, asked: Asked, known: Known, schema: object) -> str:
    """The number of the best candidate as the text has it, alone or in the form asked for."""
    worth = _worth(speaker, asked, known)
    best = worth.index(max(worth))
    number = asked.candidates.numbers[best]
    if schema is not None:
        return json.dumps(fill(schema, Content(text=f"Answer {number}", numbers=(number,))))
    return chr(ord("A") + best) if asked.by_letter else str(number)


def rank(speaker: Speaker, asked: Asked, known: Known, schema: object) -> str:
    """The numbers of all candidates, the best first, as an array or in the form asked for."""
    worth = _worth(speaker, asked, known)
    order = sorted(range(len(worth)), key=lambda i: -worth[i])
    numbers = asked.candidates.called(tuple(order))
    if schema is None:
        return json.dumps(numbers)
    best = f"Answer {numbers[0]} is the best."
    return json.dumps(fill(schema, Content(text=best, numbers=numbers)))


def rate(speaker: Speaker, asked: Asked, known: Known, schema: object) -> str:
    """A score from 1 to 10 for each candidate, as an array or in the form asked for."""
    sees = speaker.truth.world.judging.sees
    worth = _worth(speaker, asked, known)
    scores = tuple(max(1, min(10, round(1 + 9 * w / max(sees, 1.0)))) for w in worth)
    if schema is None:
        return json.dumps(scores)
    scored = dict(zip(asked.candidates.numbers, scores, strict=True))
    text = "The scores follow from what each answer gets right."
    return json.dumps(fill(schema, Content(text=text, numbers=scores, scores=scored)))


def _worth(speaker: Speaker, asked: Asked, known: Known) -> list[float]:
    """What the judge thinks of each candidate, in units of its own noise."""
    world, count = speaker.truth.world, len(asked.candidates)
    skill = world.models[speaker.model].judge * world.judging.sees
    noise = speaker.normals("worth", count)
    quality = agreement(asked) if asked.by_agreement else _quality(asked, known)
    worth = [skill * q + z for q, z in zip(quality, noise, strict=True)]
    worth[0] += world.judging.prefers_first
    return worth


def agreement(asked: Asked) -> list[float]:
    """Per candidate: share of the others that make a statement, or give a final answer, too."""
    count, found = len(asked.candidates), asked.candidates
    if found.answered:
        return _votes(asked)
    shared: list[list[float]] = [[] for _ in range(count)]
    for holders in found.stated.values():
        for holder in holders:
            shared[holder].append((len(holders) - 1) / max(1, count - 1))
    return [sum(one) / len(one) if one else 0.0 for one in shared]


def _votes(asked: Asked) -> list[float]:
    value = dict(asked.candidates.answered)
    votes, count = list(value.values()), len(asked.candidates)
    return [votes.count(value[i]) / count if i in value else 0.0 for i in range(count)]


def _quality(asked: Asked, known: Known) -> list[float]:
    """Share of right points less share of errors, or of candidates with the same final answer."""
    count, found = len(asked.candidates), asked.candidates
    if found.answered:
        return _votes(asked)
    right = max(1, sum(not p.negative for p in known.phrases))
    quality = [0.0] * count
    for i, holders in found.stated.items():
        for holder in holders:
            quality[holder] += (-1 if known.phrases[i].negative else 1) / right
    return quality
