"""What has a form of its own: a review of one answer, a merged answer, a decision who answers.

A reviewer sees errors and gaps as a judge does; how sure an arbiter is follows from how much the
candidates agree; how hard a question looks to a model follows from how much it knows of it itself.
"""

from __future__ import annotations

import json
from typing import Any

from fusion_eval.simulator.answering import Speaker, own_result
from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.choosing import agreement
from fusion_eval.simulator.forms import Content, fill
from fusion_eval.simulator.mechanism import flag_chance
from fusion_eval.simulator.reading import REVIEW, Asked
from fusion_eval.simulator.text import ANSWER_LINE, statement

_FEW = 1
"""With so many gaps an answer is still accepted."""
_WOBBLE = 0.1
"""Standard deviation of how sure somebody is, and of how hard a question looks."""


def review(speaker: Speaker, asked: Asked, known: Known, schema: object) -> str:
    """What is wrong with the last answer in the text and what it lacks, in the form asked for."""
    bird, rules = speaker.truth.world.models[speaker.model], speaker.truth.world.judging
    own = speaker.truth.standing(speaker.model, known.task).chances()
    count, last = len(known.phrases), len(asked.candidates) - 1
    doubts, lists, frames = (speaker.chances(w, count) for w in ("doubts", "lists", "frames"))
    errors, missing = [], []
    for i, phrase in enumerate(known.phrases):
        said = statement(phrase.body, frames[i])
        if last in asked.candidates.stated.get(i, ()):
            if doubts[i] < flag_chance(rules, bird.judge, phrase.negative):
                errors.append(said)
        elif lists[i] < rules.blind_spots * own[i] * bird.judge:
            missing.append(said)
    errors += _wrong_result(speaker, asked, known, last)
    accept = not errors and len(missing) <= _FEW
    return json.dumps(_reviewed(schema, {"errors": errors, "missing": missing}, accept))


def _wrong_result(speaker: Speaker, asked: Asked, known: Known, last: int) -> list[str]:
    """The final answer, where the reviewer arrives at another one."""
    given = dict(asked.candidates.answered).get(last)
    if known.targets is None or given is None:
        return []
    mine = own_result(speaker, known, speaker.day())
    wrong = f"The final answer is not {ANSWER_LINE}{known.targets.values[given]}"
    return [] if given == mine else [wrong]


def _reviewed(schema: object, lists: dict[str, list[str]], accept: bool) -> dict[str, Any]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict):
        return {**lists, "accept": accept}
    rest = Content(text="A review of the answer.", met=accept)
    return {
        name: lists[name] if name in REVIEW else fill(node, rest, str(name))
        for name, node in properties.items()
    }


def merged(speaker: Speaker, asked: Asked, text: str, schema: object) -> str:
    """An answer and how sure its writer is of it (0 to 1), in the form asked for.

    The first field that takes a text gets the answer.
    """
    means = agreement(asked)
    wobble = speaker.normals("confidence", 1)[0] * _WOBBLE
    sure = round(min(1.0, max(0.0, sum(means) / max(1, len(means)) + wobble)), 2)
    filled = fill(schema, Content(text="What the answers do not settle."))
    if not isinstance(filled, dict):
        return json.dumps(text)
    first = next((n for n, v in filled.items() if isinstance(v, str)), "answer")
    numbers = {n: sure for n, v in filled.items() if type(v) in (int, float)}
    return json.dumps({**filled, **numbers, first: text})


def decide(speaker: Speaker, known: Known, schema: Any) -> str:
    """Decisions before anybody has answered: the harder a question looks, the higher the number."""
    standing = speaker.truth.standing(speaker.model, known.task)
    right = [c for c, sign in zip(standing.chances(), standing.signs, strict=True) if sign > 0]
    ease = sum(right) / len(right) if right else 0.5
    hard = min(1.0, max(0.0, 1 - ease + _WOBBLE * speaker.normals("hard", 1)[0]))
    return json.dumps({n: _choice(node, hard) for n, node in schema["properties"].items()})


def _choice(node: dict[str, Any], hard: float) -> Any:
    options = node.get("enum")
    if isinstance(options, list) and options:
        return options[min(len(options) - 1, int(hard * len(options)))]
    if node.get("type") == "boolean":
        return hard > 0.5
    low, high = node.get("minimum", 0), node.get("maximum", 1)
    value = low + hard * (high - low)
    return round(value) if node.get("type") == "integer" else round(value, 2)
