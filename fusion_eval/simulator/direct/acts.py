"""What models do, for many runs at once: draft and write. The formulas are `mechanism`'s."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion_eval.core import Member
from fusion_eval.simulator import mechanism
from fusion_eval.simulator.chance import logit
from fusion_eval.simulator.direct.answers import NO_RESULT, Answers, Pick, put
from fusion_eval.simulator.direct.comparing import Notes
from fusion_eval.simulator.direct.scene import Flags, Floats, Ints, Mind, Scene
from fusion_eval.simulator.direct.shown import counted, mind_of, votes_for


def draft(scene: Scene, member: Member) -> Answers:
    """A fresh answer: every point and every error that the model comes up with."""
    mind, world = mind_of(scene, member), scene.world
    luck = scene.rng.standard_normal((scene.runs, len(scene.weights)))
    day = scene.rng.normal(0.0, 1.0, scene.runs) * world.spread.answer
    noise = world.spread.draw
    stated = mechanism.comes_up(mind.points, scene.signs, day[:, None], luck, noise)
    prompt = scene.size.asked + len((member.persona or "").split())
    return put(scene, member, stated, own_result(scene, mind, day), prompt)


def own_result(scene: Scene, mind: Mind, day: Floats) -> Ints:
    """The final answer that a model arrives at by itself; 0 is right."""
    if scene.known_targets is None:
        return np.full(scene.runs, NO_RESULT)
    luck, noise = scene.rng.standard_normal(scene.runs), scene.world.spread.draw
    right = mechanism.comes_up(mind.right, 1, day, luck, noise)
    return np.where(right, 0, _wrong(scene))


def _wrong(scene: Scene) -> Ints:
    assert scene.known_targets is not None
    weights = np.array(scene.known_targets.weights)
    if not len(weights):
        return np.zeros(scene.runs, dtype=np.int64)
    return 1 + scene.rng.choice(len(weights), scene.runs, p=weights / weights.sum())


def write(
    scene: Scene,
    member: Member,
    shown: Sequence[Pick],
    notes: Notes | None,
    prompt: Ints,
) -> Answers:
    """One answer from those that stand in the request, as often as they stand there."""
    rules = scene.world.writing
    stated, result = _weighed(scene, member, shown, notes)
    if rules.copies:
        copied, its_result = _copied(scene, shown)
        copies = scene.rng.random(scene.runs) < rules.copies
        stated = np.where(copies[:, None], copied, stated)
        result = np.where(copies, its_result, result)
    return put(scene, member, stated, result, prompt)


def _weighed(
    scene: Scene, member: Member, shown: Sequence[Pick], notes: Notes | None
) -> tuple[Flags, Ints]:
    world, mind, skill = scene.world, mind_of(scene, member), scene.bird(member).writer
    rules, rng = world.writing, scene.rng
    support, there = counted(shown)
    day = rng.normal(0.0, 1.0, scene.runs) * world.spread.answer
    now = rng.logistic(size=support.shape)
    luck = np.where(np.isnan(mind.taste), now, mind.taste)
    remarks = notes.remarks if notes else np.zeros_like(support)
    lift = day * mechanism.LOGISTIC_PER_NORMAL / world.spread.draw
    push = np.array(mechanism.remark_odds(rules))[remarks] + scene.signs * lift[:, None]
    doublings = np.log2(np.maximum(1, support))
    crowd = np.log2(np.maximum(1, there))[:, None]
    odds = mechanism.keep_odds(rules, skill, scene.negative, doublings, crowd, mind.own, push)
    blind = np.maximum(mind.added, logit(rules.blind_spot))
    added = np.where(remarks == mechanism.BLIND, blind, mind.added)
    stated = luck + np.where(support > 0, odds, added) > 0
    return stated, settle(scene, mind, shown, day)


def _copied(scene: Scene, shown: Sequence[Pick]) -> tuple[Flags, Ints]:
    """What one of the answers says, picked at random, less what is lost on the way."""
    rng, drops = scene.rng, scene.world.writing.drops
    there = np.array([p.there for p in shown])
    place = np.floor(rng.random(scene.runs) * there.sum(axis=0))
    chosen = there & (there.cumsum(axis=0) - 1 == place)
    stated = np.any([p.stated & c[:, None] for p, c in zip(shown, chosen, strict=True)], axis=0)
    lost = (rng.random(stated.shape) < drops) & (scene.negative == 0)
    result = np.full(scene.runs, NO_RESULT)
    for pick, mask in zip(shown, chosen, strict=True):
        result = np.where(mask, pick.result, result)
    if scene.known_targets is not None:
        astray = (rng.random(scene.runs) < drops) & (result != NO_RESULT)
        result = np.where(astray, _wrong(scene), result)
    return stated & ~lost, result


def settle(scene: Scene, mind: Mind, shown: Sequence[Pick], day: Floats) -> Ints:
    """The most frequent final answer, with one's own as one voice more; see `writing.settle`."""
    own = own_result(scene, mind, day)
    if scene.known_targets is None:
        return own
    rules, values = scene.world.checkable, np.arange(len(scene.known_targets.values))
    weights = votes_for(scene, shown) + rules.own_weight * (own[:, None] == values)
    leading = weights == weights.max(axis=1, keepdims=True)
    place = np.floor(scene.rng.random(scene.runs) * leading.sum(axis=1))
    agreed = np.argmax(leading & (leading.cumsum(axis=1) - 1 == place[:, None]), axis=1)
    return np.where(scene.rng.random(scene.runs) < rules.slip, own, agreed)
