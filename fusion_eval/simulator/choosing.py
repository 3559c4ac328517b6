"""Choosing among candidates, or scoring them: what `ranked` and best-of-n ask for.

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


def rate(speaker: Speaker, asked: Asked, known: Known) -> str:
    """A score from 1 to 10 for each candidate, as a JSON array."""
    sees = speaker.truth.world.judging.sees
    worth = _worth(speaker, asked, known)
    return json.dumps([max(1, min(10, round(1 + 9 * w / max(sees, 1.0)))) for w in worth])


def _worth(speaker: Speaker, asked: Asked, known: Known) -> list[float]:
    """What the judge thinks of each candidate, in units of its own noise."""
    world, count = speaker.truth.world, len(asked.candidates)
    skill = world.models[speaker.model].judge * world.judging.sees
    noise = speaker.normals("worth", count)
    worth = [skill * q + z for q, z in zip(_quality(asked, known), noise, strict=True)]
    worth[0] += world.judging.prefers_first
    return worth


def _quality(asked: Asked, known: Known) -> list[float]:
    """Share of right points less share of errors, or of candidates with the same final answer."""
    count, found = len(asked.candidates), asked.candidates
    if found.answered:
        value = dict(found.answered)
        votes = list(value.values())
        return [votes.count(value[i]) / count if i in value else 0.0 for i in range(count)]
    right = max(1, sum(not p.negative for p in known.phrases))
    quality = [0.0] * count
    for i, holders in found.stated.items():
        for holder in holders:
            quality[holder] += (-1 if known.phrases[i].negative else 1) / right
    return quality
