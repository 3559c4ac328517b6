"""Debate on arrays: every debater has its own history, and what is in it is what it reads again."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial

import numpy as np

from fusion_eval.core import Member
from fusion_eval.simulator.direct import acts, words
from fusion_eval.simulator.direct.answers import Pick
from fusion_eval.simulator.direct.cooking import Dish, Kitchen, plurality, seat_key, total_cost
from fusion_eval.simulator.direct.scene import Flags, Floats, Ints
from fusion_eval.simulator.direct.shown import shown_words, total


@dataclass(slots=True)
class _Debater:
    """A debater: its last answer, and every answer in its history with the words around them."""

    member: Member
    last: Pick
    read: list[tuple[Pick, Flags]]
    words: Ints


def debate(
    kitchen: Kitchen,
    *,
    members: tuple[Member, ...],
    rounds: int = 1,
    aggregate: str = "vote",
    synthesizer: Member | None = None,
) -> Dish:
    """Answer, then revise; an debater that fails to revise keeps its answer and its history."""
    scene = kitchen.scene
    drafts, keys = kitchen.drafts(members)
    cost, several = total_cost(drafts), total([d.there for d in drafts]) > 1
    debaters = []
    for member, first in zip(members, drafts, strict=True):
        prompt = scene.size.asked
        debaters.append(_Debater(member, Pick.of(first), [], np.full(scene.runs, prompt)))
    for number in range(rounds):
        cost = cost + _revised(kitchen, debaters, several, (number, tuple(keys)))
    last = [debater.last for debater in debaters]
    if aggregate == "vote":
        return Dish(plurality(scene, last), cost)
    told = [("debate", rounds, i, tuple(keys)) for i in range(len(debaters))]
    dish = kitchen.written(synthesizer or members[0], last, told)
    return Dish(dish.pick, cost + dish.cost)


def _revised(kitchen: Kitchen, debaters: list[_Debater], several: Flags, key: Hashable) -> Floats:
    """One round: all revise at once, each knowing what its own history holds."""
    scene, size = kitchen.scene, kitchen.scene.size
    shown = [debater.last for debater in debaters]
    cost, news = np.zeros(scene.runs), []
    for i, debater in enumerate(debaters):
        asked = several & debater.last.there
        others = [p for j, p in enumerate(shown) if j != i]
        request = debater.words + debater.last.words + words.REVISE + size.quoted + size.format
        request = request + shown_words(others)
        read = [*debater.read, *((p, p.there & asked) for p in shown)]
        persona = len((debater.member.persona or "").split())
        visible = [p.where(mask) for p, mask in read]
        revise = partial(acts.write, scene, debater.member, visible, None, request + persona)
        text = kitchen.once(("revise", key, i, seat_key(debater.member)), revise)
        cost = cost + text.cost * asked
        done = asked & text.there
        history = [*debater.read, *((p, p.there & done) for p in shown)]
        words_now = np.where(done, request, debater.words)
        revised = Pick.of(text).where(done).otherwise(debater.last)
        news.append(_Debater(debater.member, revised, history, words_now))
    debaters[:] = news
    return cost
