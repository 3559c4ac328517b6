"""Where recipes are cooked: drafts, analyses and texts of one scene, each asked for once.

Equal requests are one: within a run, recipes share drafts, analyses and texts as they do in the
ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from fusion_eval.core import Member
from fusion_eval.simulator.direct import acts, words
from fusion_eval.simulator.direct.answers import NO_RESULT, Answers, Pick
from fusion_eval.simulator.direct.comparing import Notes, compare
from fusion_eval.simulator.direct.scene import Floats, Ints, Scene
from fusion_eval.simulator.direct.shown import shown_words

Choosing = Callable[[Scene, Member, Sequence[Pick]], tuple[Pick, Floats]]
"""(scene, judge, answers shown) -> the chosen answer and what choosing cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Dish:
    """What a recipe serves in each run, and what it costs there in US dollars."""

    pick: Pick
    cost: Floats


@dataclass
class Kitchen:
    """The recipes of one scene, with everything that was asked so far."""

    scene: Scene
    _made: dict[Hashable, Any] = field(default_factory=dict)

    def drafts(self, members: Sequence[Member]) -> tuple[list[Answers], list[Hashable]]:
        """The first answers of some seats; equal seats draw one after another."""
        seen: dict[Hashable, int] = {}
        found: list[Answers] = []
        keys: list[Hashable] = []
        for member in members:
            seat = seat_key(member)
            number = seen[seat] = seen.get(seat, -1) + 1
            keys.append(("draft", seat, number))
            found.append(self.once(keys[-1], partial(acts.draft, self.scene, member)))
        return found, keys

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What was asked before under this key, or the new answer to it."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def written(
        self,
        writer: Member,
        shown: Sequence[Pick],
        keys: Sequence[Hashable],
        judge: Member | None = None,
    ) -> Dish:
        """An answer written from those shown, after a judge's analysis if there is a judge.

        Where the writer's is empty or refused, that of the best member stands in.
        """
        scene, notes = self.scene, None
        group = ("shown", tuple(sorted(keys, key=repr)))
        any_there = np.any([p.there for p in shown], axis=0)
        cost = np.zeros(scene.runs)
        if judge is not None:
            seat = seat_key(judge)
            notes = self.once(("compare", seat, group), lambda: compare(scene, judge, shown))
            cost = cost + notes.cost * any_there
        key = ("write", seat_key(writer), group, judge and seat_key(judge))
        prompt = self._prompt(writer, shown, notes)
        text = self.once(key, lambda: acts.write(scene, writer, shown, notes, prompt))
        best_member = plurality(scene, shown)
        return Dish(
            Pick.of(text).otherwise(best_member).where(any_there), cost + text.cost * any_there
        )

    def chosen(
        self,
        choose: Choosing,
        judge: Member,
        drafts: Sequence[Answers],
        keys: Sequence[Hashable],
    ) -> Dish:
        """One of the drafts, as a judge chooses; equal choices among equal drafts are one."""
        key = (choose.__name__, seat_key(judge), tuple(sorted(keys, key=repr)))
        shown = [Pick.of(d) for d in drafts]
        pick, cost = self.once(key, lambda: choose(self.scene, judge, shown))
        return Dish(pick, cost + total_cost(drafts))

    def _prompt(self, writer: Member, shown: Sequence[Pick], notes: Notes | None) -> Ints:
        """Words of a request to write."""
        size, persona = self.scene.size, len((writer.persona or "").split())
        own = size.conversation + words.SYNTHESIZE + size.format + persona
        analysis = (words.WITH_ANALYSIS + notes.words) * notes.read if notes else 0
        return np.asarray(own + shown_words(shown) + analysis, dtype=np.int64)


def seat_key(member: Member) -> Hashable:
    """Seats with equal keys send equal requests."""
    model = member.model
    assert model is not None
    return repr((model.id, sorted(model.params.items()), model.extra_body, member.persona))


def total_cost(answers: Sequence[Answers]) -> Floats:
    """What several calls cost together, shape (runs,)."""
    return np.asarray(np.sum([a.cost for a in answers], axis=0), dtype=np.float64)


def plurality(scene: Scene, picks: Sequence[Pick]) -> Pick:
    """The earliest text with the most frequent result; the earliest text where there is none."""
    there = np.array([p.there for p in picks])
    results = np.array([p.result for p in picks])
    readable = there & (results != NO_RESULT)
    votes = (
        np.sum([(results == r) & readable & readable[i] for i, r in enumerate(results)], axis=1)
        * readable
    )
    first = np.argmax(there, axis=0)
    winner = np.where(readable.any(axis=0), np.argmax(votes, axis=0), first)
    chosen = picks[0].where(winner == 0)
    for i, pick in enumerate(picks[1:], 1):
        chosen = chosen.otherwise(pick.where(winner == i))
    return chosen.where(np.asarray(there.any(axis=0)))
