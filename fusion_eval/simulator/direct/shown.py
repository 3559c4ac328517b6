"""What stands in a request on arrays: how many answers, how long, who says what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion_eval.core import Member
from fusion_eval.simulator.direct import words
from fusion_eval.simulator.direct.answers import Pick
from fusion_eval.simulator.direct.scene import Flags, Ints, Mind, Scene


def mind_of(scene: Scene, member: Member) -> Mind:
    """What the model in a seat knows of the task."""
    assert member.model is not None
    return scene.mind(member.model.id)


def counted(shown: Sequence[Pick]) -> tuple[Ints, Ints]:
    """How many state each point, shape (runs, criteria), and how many there are, shape (runs,)."""
    return total([p.stated for p in shown]), total([p.there for p in shown])


def total(parts: Sequence[Ints] | Sequence[Flags]) -> Ints:
    """The sum of arrays of one shape, as integers."""
    return np.asarray(np.sum(np.stack(parts), axis=0, dtype=np.int64))


def shown_words(shown: Sequence[Pick]) -> Ints:
    """Words of a list of answers with their headings."""
    each = [p.words + words.PER_ANSWER * p.there for p in shown]
    return np.asarray(np.sum(each, axis=0), dtype=np.int64)


def votes_for(scene: Scene, shown: Sequence[Pick]) -> Ints:
    """How many give each final answer, shape (runs, values)."""
    assert scene.known_targets is not None
    values = np.arange(len(scene.known_targets.values))
    return total([p.result[:, None] == values for p in shown])
