"""Answering a known task from nothing but what the model knows."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.chance import key, normal, uniforms
from fusion_eval.simulator.latent import Truth
from fusion_eval.simulator.text import ANSWER_LINE, compose, final_line, statement

POLITE = (
    "Thank you for your question. It deserves a considered reply, and I would gladly help, "
    "but I have nothing specific to say about it. If you can share more of the background, "
    "I will do my best."
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A model at work on one request: every draw hangs on `draw`, the digest of the request."""

    truth: Truth
    model: str
    draw: str

    def chances(self, what: str, count: int) -> list[float]:
        """Uniforms for one purpose within this request."""
        return uniforms(key(self.truth.world.root, what, self.model, self.draw), count)

    def day(self) -> float:
        """How good a day it is, in latent units."""
        world = self.truth.world
        return normal(world.spread.answer, world.root, "day", self.model, self.draw)


def answer(speaker: Speaker, known: Known, rest: str) -> str:
    """A fresh answer: every point and every error that the model comes up with today."""
    standing, day = speaker.truth.standing(speaker.model, known.task), speaker.day()
    chances = standing.chances(day)
    said = speaker.chances("said", len(chances))
    points = [i for i, (u, p) in enumerate(zip(said, chances, strict=True)) if u < p]
    result = None
    if known.targets:
        right, wrong = speaker.chances("result", 2)
        result = known.targets.draw(standing.chance_right(day), right, wrong)
    return put(speaker, known, points, result, rest)


def put(speaker: Speaker, known: Known, points: list[int], result: int | None, rest: str) -> str:
    """Points and result as a text in the model's manner, the result in the form asked for."""
    bird = speaker.truth.world.models[speaker.model]
    frames = speaker.chances("frames", len(points))
    bodies = [known.phrases[i].body for i in points]
    sentences = [statement(b, u) for b, u in zip(bodies, frames, strict=True) if b]
    text = compose(sentences, bird.verbosity, speaker.chances("layout", 4))
    if result is None or known.targets is None:
        return text
    asked = ANSWER_LINE.strip() in rest or ANSWER_LINE.strip() in known.prompt
    line = final_line(known.targets.values[result], asked)
    return f"{text}\n\n{line}"
