"""Verdicts and scores of many runs at once, and what a perfect grader would have said."""

from __future__ import annotations

import numpy as np

from fusion_eval.core import POLICIES, Policy, Task
from fusion_eval.core.sums import Sums, cut_scores, raw_scores
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


def refusal(task: Task) -> str | None:
    """Why the score of a task cannot be drawn as arrays; None where it can."""
    policy = POLICIES[task.score]
    if policy.numerator != "weighted" or policy.clip == "section":
        return f"task {task.id!r} is scored by {policy.name!r}"
    kinds = sorted({c.kind for c in task.leaves} - {"binary"})
    return f"task {task.id!r} has criteria of kind {', '.join(kinds)}" if kinds else None


def scores(policy: Policy, weights: Floats, values: Floats) -> Floats:
    """`core.scoring.score` over rows of verdicts, shape (runs, criteria); NaN without a score."""
    raw = _raw(policy, weights, values)
    unread = np.isnan(values)
    if unread.any() and not (policy.denominator == "positive" and policy.clips_tasks):
        ends = (np.where(unread, weights < 0, values), np.where(unread, weights > 0, values))
        low, high = (cut_scores(policy, _raw(policy, weights, end)) for end in ends)
        return np.asarray(np.clip(cut_scores(policy, raw), low, high), dtype=np.float64)
    return cut_scores(policy, raw)


def _raw(policy: Policy, weights: Floats, values: Floats) -> Floats:
    read = ~np.isnan(values)
    total = (np.nan_to_num(values) * weights).sum(axis=1)
    sums = Sums(
        total=total,
        reference=np.zeros_like(total),
        positive=(read * np.maximum(weights, 0.0)).sum(axis=1),
        negative=(read * np.minimum(weights, 0.0)).sum(axis=1),
    )
    countable = read.any(axis=1) & ((sums.positive > 0) | bool((weights < 0).all()))
    return np.where(countable, raw_scores(policy, sums), np.nan)
