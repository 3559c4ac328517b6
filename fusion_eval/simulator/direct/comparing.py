"""A judge at work for many runs at once: see `judging` for the same on text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion_eval.core import Member
from fusion_eval.simulator import lengths, mechanism
from fusion_eval.simulator.direct import words
from fusion_eval.simulator.direct.answers import Pick, limit, price, reasoning
from fusion_eval.simulator.direct.scene import Flags, Floats, Ints, Scene
from fusion_eval.simulator.direct.shown import counted, mind_of, shown_words, votes_for


@dataclass(frozen=True, slots=True, eq=False)
class Notes:
    """A judge's analysis: a remark on each criterion, its length, and what it costs."""

    remarks: Ints
    words: Ints
    read: Flags
    cost: Floats


def compare(scene: Scene, member: Member, shown: Sequence[Pick]) -> Notes:
    """A judge's analysis of the answers shown."""
    rules, bird, mind = scene.world.judging, scene.bird(member), mind_of(scene, member)
    support, there = counted(shown)
    shape = support.shape
    doubts, lists = scene.rng.random(shape), scene.rng.random(shape)
    flagged = (support > 0) & (doubts < mechanism.flag_chance(rules, bird.judge, scene.negative))
    listed = (support > 0) & ~flagged & (lists < rules.lists)
    blind = (support == 0) & (lists < rules.blind_spots * mind.own * bird.judge)
    field = mechanism.field(support, there[:, None])
    remarks = flagged * mechanism.CONTRADICTIONS + listed * field + blind * mechanism.BLIND
    spaces = scene.statement_words - 1
    length = 1 + (spaces * np.where(flagged, support, listed | blind) + 5 * flagged).sum(axis=1)
    length = length + _results_length(scene, shown)
    thought, cap = reasoning(scene, bird, scene.world.thinking_when_grading), limit(member)
    read, visible = np.ones(scene.runs, dtype=bool), length
    if cap is not None:
        thought = np.minimum(thought, cap // 2)
        visible = np.minimum(length, lengths.room(cap, thought)).astype(np.int64)
        read = visible >= length
    prompt = words.COMPARE + scene.size.quoted + shown_words(shown)
    return Notes(remarks * read[:, None], length, read, price(bird, prompt, visible, thought))


def _results_length(scene: Scene, shown: Sequence[Pick]) -> Ints:
    """Words that the final answers add to an analysis: one agreed, or a stance for each holder."""
    if scene.known_targets is None:
        return np.zeros(scene.runs, dtype=np.int64)
    votes = votes_for(scene, shown)
    spaces = np.array([len(v.split()) for v in scene.known_targets.values])
    differ = (votes > 0).sum(axis=1) > 1
    agreed = ((votes > 0) * spaces).sum(axis=1)
    found = (votes * spaces + 2 * (votes > 0)).sum(axis=1)
    return np.asarray(np.where(differ, found, agreed), dtype=np.int64)
