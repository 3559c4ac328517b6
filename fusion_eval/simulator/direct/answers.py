"""Answers of many runs at once: what they state, how long they are, what they cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion_eval.core import Member
from fusion_eval.simulator import lengths
from fusion_eval.simulator.birds import Bird
from fusion_eval.simulator.direct import words
from fusion_eval.simulator.direct.scene import Flags, Floats, Ints, Scene
from fusion_eval.simulator.mechanism import CUT, EMPTY, REFUSED, fate, fate_chances

NO_RESULT = -1
_REASONING_SPREAD = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One text per run, of one author. Shapes (runs, criteria) and (runs,).

    `there` is whether there is any text; `signed` whether its closing, the mark of its maker,
    survived; `cost` what the call that wrote it costs, made or not.
    """

    author: str
    stated: Flags
    result: Ints
    words: Ints
    there: Flags
    signed: Flags
    cost: Floats


def put(scene: Scene, member: Member, stated: Flags, result: Ints, prompt: Ints | int) -> Answers:
    """Points and results as texts in the author's manner, at its rates empty, refused or cut."""
    bird, runs, rng = scene.bird(member), scene.runs, scene.rng
    said = stated * scene.statement_words
    rank, so_far = stated.cumsum(axis=1), said.cumsum(axis=1)
    bullets = (rng.random(runs) < lengths.BULLETED).astype(np.int64)
    last = scene.last_line[result]
    count, total = stated.sum(axis=1), said.sum(axis=1)
    whole = lengths.whole(count, total, bullets, bird.verbosity).astype(np.int64) + last
    thought = reasoning(scene, bird, 1.0)
    always = scene.mind(_id(member)).refuses
    end = fate(fate_chances(bird.rates, scene.world.failures, always), rng.random(runs))
    kept = np.where(end == CUT, lengths.left_over(whole, rng.random(runs)), whole)
    cap = limit(member)
    if cap is not None:
        thought = np.minimum(thought, cap // 2)
        kept = np.minimum(kept, lengths.room(cap, thought))
    kept = np.where((end == EMPTY) | (end == REFUSED), 0, kept).astype(np.int64)
    ends = lengths.end_of_statement(rank, so_far, bullets[:, None], bird.verbosity)
    visible = np.where(end == REFUSED, words.REFUSAL, kept)
    return Answers(
        author=_id(member),
        stated=stated & (ends <= kept[:, None]),
        result=np.where(kept >= whole, result, NO_RESULT),
        words=kept,
        there=kept > 0,
        signed=kept >= whole - last,
        cost=price(bird, prompt, visible, thought),
    )


def reasoning(scene: Scene, bird: Bird, share: float) -> Floats:
    """Hidden tokens of a reply, shape (runs,)."""
    if not bird.reasoning_tokens:
        return np.zeros(scene.runs)
    spread = np.exp(scene.rng.normal(0.0, _REASONING_SPREAD, scene.runs))
    return np.round(bird.reasoning_tokens * share * spread)


def price(bird: Bird, prompt: Ints | int, visible: Ints, thought: Floats) -> Floats:
    """US dollars of a call, from the words of its request and reply and its hidden tokens."""
    sent = np.round(np.multiply(prompt, lengths.TOKENS_PER_WORD)) + words.PER_MESSAGE_TOKENS
    received = np.round(visible * lengths.TOKENS_PER_WORD) + thought
    return np.asarray((sent * bird.price_in + received * bird.price_out) / 1e6, dtype=np.float64)


def limit(member: Member) -> int | None:
    """The token limit that a seat sets on its replies."""
    params = member.model.params if member.model else {}
    caps = [params[k] for k in ("max_tokens", "max_completion_tokens") if params.get(k)]
    return min(caps) if caps else None


def _id(member: Member) -> str:
    assert member.model is not None
    return member.model.id


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """In each run one of several answers: `index` into `among`, or -1 for none."""

    among: tuple[Answers, ...]
    index: Ints

    @staticmethod
    def of(answers: Answers) -> Pick:
        """Answers themselves, where there is a text."""
        return Pick((answers,), np.where(answers.there, 0, -1))

    def otherwise(self, fallback: Pick) -> Pick:
        """This pick where it has a text, else the fallback."""
        later = np.where(fallback.index >= 0, fallback.index + len(self.among), -1)
        return Pick(self.among + fallback.among, np.where(self.index >= 0, self.index, later))

    def where(self, mask: Flags) -> Pick:
        """This pick in some runs, none in the others."""
        return Pick(self.among, np.where(mask, self.index, -1))

    @property
    def there(self) -> Flags:
        """Whether there is a text, shape (runs,)."""
        return self.index >= 0

    @property
    def stated(self) -> Flags:
        """What the picked texts state, shape (runs, criteria)."""
        found = np.zeros_like(self.among[0].stated)
        for i, answers in enumerate(self.among):
            found |= answers.stated & (self.index == i)[:, None]
        return found

    @property
    def result(self) -> Ints:
        """The picked results, shape (runs,)."""
        return self._gathered([a.result for a in self.among], NO_RESULT)

    @property
    def words(self) -> Ints:
        """Words of the picked texts, shape (runs,)."""
        return self._gathered([a.words for a in self.among], 0)

    def _gathered(self, values: list[Ints], none: int) -> Ints:
        found = np.full(len(self.index), none)
        for i, value in enumerate(values):
            found = np.where(self.index == i, value, found)
        return found
