"""From what a model has to say to the body of a chat completion: faults, tokens, dollars, time."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Any

from fusion_eval.simulator.answering import Speaker
from fusion_eval.simulator.birds import Bird
from fusion_eval.simulator.chance import key as key_of
from fusion_eval.simulator.chance import normals, uniform
from fusion_eval.simulator.lengths import TOKENS_PER_WORD, left_over, room
from fusion_eval.simulator.mechanism import CUT, EMPTY, REFUSED, fate, fate_chances
from fusion_eval.simulator.reading import Asked
from fusion_eval.simulator.request import Request

_PER_MESSAGE = 4
_NO_CAP = 10**9
_REFUSAL = "I'm sorry, but I can't help with that request."
_ANSWERS = frozenset({"answer", "write"})


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply with its price and time. `content` is None where the model refuses."""

    model: str
    draw: str
    content: str | None
    refusal: str | None
    finish: str
    prompt_tokens: int
    visible_tokens: int
    reasoning_tokens: int
    cost: float
    latency_s: float
    world: str

    def usage(self) -> dict[str, Any]:
        """The usage object, with the provider's own figure of what it costs in US dollars."""
        completion = self.visible_tokens + self.reasoning_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
            "cost": self.cost,
        }

    def simulated(self) -> dict[str, Any]:
        """What marks a reply as simulated, on every copy of it."""
        return {"latency_s": self.latency_s, "world": self.world}


def complete(speaker: Speaker, request: Request, asked: Asked, text: str) -> Completion:
    """The reply as the endpoint sends it: at the declared rates empty, cut off or refused."""
    world = speaker.truth.world
    bird = world.models[speaker.model]
    share = 1.0 if asked.kind in _ANSWERS else world.thinking_when_grading
    reasoning = _reasoning(speaker, bird, share)
    if request.cap is not None:
        reasoning = min(reasoning, request.cap // 2)
    content, refusal, finish = _fate(speaker, asked, text)
    if content and request.cap is not None:
        content, cut = shorten(content, request.cap - reasoning)
        finish = "length" if cut else finish
    prompt = tokens(request.words) + _PER_MESSAGE
    visible = tokens(len((content or refusal or "").split()))
    billed = prompt * bird.price_in + (visible + reasoning) * bird.price_out
    return Completion(
        model=speaker.model,
        draw=speaker.draw,
        content=content,
        refusal=refusal,
        finish=finish,
        prompt_tokens=prompt,
        visible_tokens=visible,
        reasoning_tokens=reasoning,
        cost=round(billed / 1e6, 12),
        latency_s=_latency(speaker, bird, visible + reasoning),
        world=world.digest,
    )


def tokens(words: int) -> int:
    """Tokens of a text with so many words."""
    return round(words * TOKENS_PER_WORD)


def shorten(text: str, cap: int) -> tuple[str, bool]:
    """The text cut to so many tokens, and whether anything was cut."""
    kept = _first_words(text, int(room(min(cap, _NO_CAP), 0)))
    return kept, kept != text


def _first_words(text: str, words: int) -> str:
    parts = text.split(None, words)
    return text if len(parts) <= words else text[: len(text) - len(parts[-1])].rstrip()


def _fate(speaker: Speaker, asked: Asked, text: str) -> tuple[str | None, str | None, str]:
    """(content, refusal, finish). Only answers fail; verdicts have their own rate."""
    if asked.kind not in _ANSWERS:
        return text, None, "stop"
    world = speaker.truth.world
    luck, place = speaker.chances("fate", 2)
    always = uniform(
        world.root, "refuses", speaker.model, asked.known.task.hash if asked.known else ""
    )
    end = fate(fate_chances(world.models[speaker.model].rates, world.failures, always), luck)
    if end == REFUSED:
        return None, _REFUSAL, "content_filter"
    if end == CUT:
        return _first_words(text, int(left_over(len(text.split()), place))), None, "length"
    return ("" if end == EMPTY else text), None, "stop"


def _reasoning(speaker: Speaker, bird: Bird, share: float) -> int:
    if not bird.reasoning_tokens:
        return 0
    return round(bird.reasoning_tokens * share * _wobble(speaker, "reasoning", 0.4))


def _latency(speaker: Speaker, bird: Bird, count: int) -> float:
    speed = bird.latency
    first = speed.first_token_s * _wobble(speaker, "first token", speed.spread)
    return round(first + count * speed.per_token_s * _wobble(speaker, "speed", speed.spread), 4)


def _wobble(speaker: Speaker, what: str, sd: float) -> float:
    """A log-normal factor with median 1."""
    name = speaker.truth.world.root
    return exp(normals(key_of(name, what, speaker.model, speaker.draw), 1, sd)[0])
