"""What a gate says of itself beside its outcome: what it allowed, assumed, and cannot tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fusion_eval.gate import samples
from fusion_eval.gate.rules import Sides
from fusion_eval.gate.values import Outcome

_HIDES = 400
"""Answers of a recipe in the run from which a loss in few of them passes in 6 % or less."""


def notes(
    sides: Sides, recipes: Sequence[str], found: dict[str, list[str]], outcomes: Sequence[Outcome]
) -> Iterator[str]:
    """All of it, one sentence or two each; `found` are the differences that the policy allows."""
    for ground, lines in found.items():
        for line in lines:
            yield f"allowed ({ground}): {line}"
    same = [name for name in recipes if samples.same_answers(sides.new, sides.old, name)]
    if same:
        who = "Every answer" if len(same) == len(recipes) else f"Every answer of {same[0]}"
        yield (
            f"{who} is the one of the baseline, from the same draws: what differs is grading "
            "alone, and where nothing differs that proves nothing about the models. Run with "
            "another --seed to measure them."
        )
    yield from _days(sides, outcomes)
    yield from _hidden(sides, outcomes)
    if sides.policy.estimand == "these tasks":
        yield (
            "The question is about exactly these tasks; the noise comes from repeats. Where the "
            "run has one, its answers are taken to vary like the baseline's."
        )


def _days(sides: Sides, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What the baseline's days can tell of a day that is not the baseline's."""
    count = len(set(sides.old.days.values()))
    if count < 2:
        seen = [o.high - o.value for o in outcomes if o.kind == "quality" and o.high and o.value]
        shift = f" of more than about {100 * max(seen):.1f} points" if seen else ""
        yield (
            f"The baseline is of one day: a shift{shift} that a day brings to the whole run (other "
            "weights behind a model's name, a provider's bad hour) cannot be told from a change. "
            "Where days differ by a point (standard deviation), a loss of the margin passes in 18 "
            "to 29 % of runs, and an unchanged system is clearly worse in 17 to 28 %, not in 5 %. "
            "Add runs of other days with `fusion-eval baseline RUN --add`."
        )
    elif count < 4:
        yield (
            f"The baseline is of {count} days: how much days differ is known badly, so little is "
            "decided; from four days on it is decided nearly as often as with one."
        )


def _hidden(sides: Sides, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What a pass cannot exclude where a recipe gave few answers."""
    passed = {o.recipe for o in outcomes if o.kind == "quality" and o.word == "pass"}
    given = sides.new.trials["recipe"].astype(str).value_counts()
    few = [int(given[name]) for name in passed if given[name] < _HIDES]
    if few:
        yield (
            f"A loss that sits in few answers can hide in {min(few)}: a version that loses the "
            "margin by answers that are worth nothing, the others being as good as before, passes "
            "in 17 % of simulated runs of 30 tasks (8 % of 100 tasks, 9 % of 30 with four "
            "repeats), not in 5 %."
        )
