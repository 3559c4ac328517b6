"""Choosing one of several answers for many runs at once: see `choosing` for the same on text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion_eval.core import Member
from fusion_eval.simulator import lengths
from fusion_eval.simulator.direct import words
from fusion_eval.simulator.direct.answers import NO_RESULT, Pick, limit, price, reasoning
from fusion_eval.simulator.direct.scene import Flags, Floats, Ints, Scene
from fusion_eval.simulator.direct.shown import shown_words


def choose(scene: Scene, member: Member, shown: Sequence[Pick]) -> tuple[Pick, Floats]:
    """The answer that a ranker names in each run, and what asking it costs.

    The order in which answers are shown follows from their content, so each is first by chance.
    """
    there = np.array([p.there for p in shown])
    worth = _worth(scene, member, shown, there) + _first(scene, there)
    best = np.argmax(np.where(there, worth, -np.inf), axis=0)
    prompt = words.PICK + scene.size.quoted + shown_words(shown)
    return _picked(shown, best), _asking(scene, member, prompt) * there.any(axis=0)


def score_each(scene: Scene, member: Member, shown: Sequence[Pick]) -> tuple[Pick, Floats]:
    """The answer with the highest of the scores that a scorer gives one by one, and what they cost.

    Of equal scores the one shown first wins, which is any of them by chance.
    """
    there, judging = np.array([p.there for p in shown]), scene.world.judging
    worth = _worth(scene, member, shown, there, alone=True) + judging.prefers_first
    scores = np.clip(np.round(1 + 9 * worth / max(judging.sees, 1.0)), 1, 10)
    ties = scene.rng.random(scores.shape)
    best = np.argmax(np.where(there, scores + ties / 2, -np.inf), axis=0)
    prompts = [words.SCORE + scene.size.quoted + shown_words([p]) for p in shown]
    costs = [_asking(scene, member, p) * t for p, t in zip(prompts, there, strict=True)]
    return _picked(shown, best), np.asarray(np.sum(costs, axis=0), dtype=np.float64)


def at_random(scene: Scene, _: Member, shown: Sequence[Pick]) -> tuple[Pick, Floats]:
    """One of the answers, whichever; nobody is asked, so it costs nothing."""
    there = np.array([p.there for p in shown])
    best = np.argmax(np.where(there, scene.rng.random(there.shape), -1.0), axis=0)
    return _picked(shown, best), np.zeros(scene.runs)


def _worth(
    scene: Scene, member: Member, shown: Sequence[Pick], there: Flags, *, alone: bool = False
) -> Floats:
    """What a judge thinks of each answer, in units of its own noise; shape (answers, runs)."""
    skill = scene.bird(member).judge * scene.world.judging.sees
    noise = scene.rng.standard_normal(there.shape)
    return np.asarray(skill * _quality(scene, shown, there, alone) + noise, dtype=np.float64)


def _quality(scene: Scene, shown: Sequence[Pick], there: Flags, alone: bool) -> Floats:
    """Share of right points less errors; of those with the same final answer where there is one."""
    right = max(1, int((scene.signs > 0).sum()))
    points = np.array([(p.stated * scene.signs).sum(axis=1) / right for p in shown])
    if scene.known_targets is None:
        return np.asarray(points, dtype=np.float64)
    results = np.array([p.result for p in shown])
    answered = there & (results != NO_RESULT)
    same = (results[:, None] == results[None]) & answered[:, None] & answered[None]
    votes = answered * 1.0 if alone else same.sum(axis=1) / np.maximum(1, there.sum(axis=0))
    anybody = answered if alone else answered.any(axis=0)
    return np.asarray(np.where(anybody, votes, points), dtype=np.float64)


def _first(scene: Scene, there: Flags) -> Floats:
    """What the first place is worth, at one of the answers in each run."""
    order = np.where(there, scene.rng.random(there.shape), 2.0)
    first = order == order.min(axis=0)
    return np.asarray(first * scene.world.judging.prefers_first, dtype=np.float64)


def _picked(shown: Sequence[Pick], best: Ints) -> Pick:
    chosen = shown[0].where(best == 0)
    for i, pick in enumerate(shown[1:], 1):
        chosen = chosen.otherwise(pick.where(best == i))
    return chosen


def _asking(scene: Scene, member: Member, prompt: Ints) -> Floats:
    """What a short reply in a JSON object costs."""
    bird, cap = scene.bird(member), limit(member)
    thought = reasoning(scene, bird, scene.world.thinking_when_grading)
    visible = np.full(scene.runs, words.CHOICE)
    if cap is not None:
        thought = np.minimum(thought, cap // 2)
        visible = np.minimum(visible, lengths.room(cap, thought)).astype(np.int64)
    return price(bird, prompt, visible, thought)
