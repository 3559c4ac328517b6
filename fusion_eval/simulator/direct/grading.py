"""Verdicts and scores of many runs at once, and what a perfect grader would have said."""

from __future__ import annotations

import numpy as np

from fusion_eval.simulator import mechanism
from fusion_eval.simulator.direct.answers import Answers
from fusion_eval.simulator.direct.scene import Floats, Scene
from fusion_eval.simulator.grading import fondness, rules_of


def verdicts(scene: Scene, grader: str, answers: Answers) -> Floats:
    """1 MET, 0 UNMET, NaN unreadable; shape (runs, criteria). One pass over one text each."""
    world, reading, rng = scene.world, scene.reading(grader), scene.rng
    rules = rules_of(world, grader)
    present = answers.stated
    luck = np.where(present, reading.luck[1], reading.luck[0])
    luck = np.where(np.isnan(luck), rng.standard_normal(present.shape), luck)
    bar = np.where(present, reading.bar[1], reading.bar[0])
    liked = fondness(world, grader, world.maker_of[answers.author])
    about = mechanism.Circumstances(
        fondness=answers.signed * liked, words=np.maximum(1, answers.words)
    )
    lean = np.broadcast_to(mechanism.lenience(rules, about, np.log2), scene.runs)
    met = mechanism.says_met(bar, scene.signs, lean[:, None], luck)
    unread = rng.random(present.shape) < rules.unreadable
    return np.where(unread, np.nan, met.astype(np.float64))


def draco(weights: Floats, values: Floats) -> Floats:
    """The score of `core.rubric.draco` over rows of verdicts; NaN where nothing can be scored."""
    read = ~np.isnan(values)
    met = (np.nan_to_num(values) * weights).sum(axis=1)
    positive = (read * np.maximum(weights, 0.0)).sum(axis=1)
    if (weights < 0).all():
        total = (read * -weights).sum(axis=1)
        raw = 1.0 + met / np.where(total > 0, total, np.nan)
    else:
        raw = met / np.where(positive > 0, positive, np.nan)
    return np.asarray(np.clip(raw, 0.0, 1.0), dtype=np.float64)
