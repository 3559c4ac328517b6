"""Answering a known task from nothing but what the model knows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.chance import key, normal, normals, uniforms
from fusion_eval.simulator.evidence import RESULT, code
from fusion_eval.simulator.latent import Knowledge, Standing
from fusion_eval.simulator.mechanism import comes_up
from fusion_eval.simulator.text import ANSWER_LINE, compose, final_line, statement

POLITE = (
    "Thank you for your question. It deserves a considered reply, and I would gladly help, "
    "but I have nothing specific to say about it. If you can share more of the background, "
    "I will do my best."
)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A model at work on one request: every draw hangs on `draw`, the digest of the request."""

    truth: Knowledge
    model: str
    draw: str

    def chances(self, what: str, count: int) -> list[float]:
        """Uniforms for one purpose within this request."""
        return uniforms(key(self.truth.world.root, what, self.model, self.draw), count)

    def normals(self, what: str, count: int) -> list[float]:
        """Standard normal numbers for one purpose within this request."""
        return normals(key(self.truth.world.root, what, self.model, self.draw), count)

    def day(self) -> float:
        """How good a day it is, in latent units."""
        world = self.truth.world
        return normal(world.spread.answer, world.root, "day", self.model, self.draw)


def answer(speaker: Speaker, known: Known, rest: str) -> str:
    """A fresh answer: every point and every error that the model comes up with today."""
    standing, day = informed(speaker, known, rest), speaker.day()
    luck = speaker.normals("said", len(standing.points))
    each = enumerate(zip(standing.points, standing.signs, luck, strict=True))
    points = [i for i, (p, sign, z) in each if comes_up(p, sign, day, z, standing.noise)]
    result = own_result(speaker, known, day, standing) if known.targets else None
    return put(speaker, known, points, result, rest)


def informed(speaker: Speaker, known: Known, text: str) -> Standing:
    """The model's standing, with what the pages that stand in the text document."""
    world, standing = speaker.truth.world, speaker.truth.standing(speaker.model, known.task)
    if world.evidence is None or "K-" not in text:
        return standing
    told, task = world.evidence.told, known.task
    points = tuple(
        max(point, told) if sign > 0 and code(world, task, i) in text else point
        for i, (point, sign) in enumerate(zip(standing.points, standing.signs, strict=True))
    )
    right = max(standing.right, told) if code(world, task, RESULT) in text else standing.right
    return replace(standing, points=points, right=right)


def own_result(speaker: Speaker, known: Known, day: float, standing: Standing | None = None) -> int:
    """The final answer that the model arrives at by itself; 0 is right."""
    standing = standing or speaker.truth.standing(speaker.model, known.task)
    right = comes_up(standing.right, 1, day, speaker.normals("result", 1)[0], standing.noise)
    wrong = speaker.chances("wrong result", 1)[0]
    return known.targets.pick(bool(right), wrong) if known.targets else 0


def put(speaker: Speaker, known: Known, points: list[int], result: int | None, rest: str) -> str:
    """Points and result as a text in the model's manner, the result in the form asked for."""
    world = speaker.truth.world
    bird, maker = world.models[speaker.model], world.manner_of[speaker.model]
    frames = speaker.chances("frames", len(points))
    bodies = [known.phrases[i].body for i in points]
    sentences = [statement(b, u) for b, u in zip(bodies, frames, strict=True) if b]
    text = compose(sentences, bird.verbosity, maker, speaker.chances("layout", 3))
    if result is None or known.targets is None:
        return text
    asked = ANSWER_LINE.strip() in rest or ANSWER_LINE.strip() in known.prompt
    line = final_line(known.targets.values[result], asked)
    return f"{text}\n\n{line}"
