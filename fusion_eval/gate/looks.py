"""The rules of a policy at a look of a group-sequential plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fusion_eval.gate import samples
from fusion_eval.gate.rules import Sides, title
from fusion_eval.gate.values import Quality
from fusion_eval.stats.sequential import Design, Look, look

Settled = str
"""`pass`, `fail`, `futile`, or `go on`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One quality rule at one look: `up` asks whether it is kept, `down` whether it is broken, and
    `worse` whether anything was lost."""

    rule: str
    recipe: str
    margin: float
    up: Look
    down: Look
    worse: Look | None = None

    @property
    def word(self) -> Settled:
        """What is settled: the bounds are those of O'Brien and Fleming, each side at alpha.

        Where it would hardly pass any more, what is clearly worse than the baseline fails, though
        it may have lost less than the margin.
        """
        if self.up.word == "yes":
            return "pass"
        if self.down.word == "yes":
            return "fail"
        clear = self.worse is not None and self.worse.word == "yes"
        if clear and self.up.word in ("futile", "undecided"):
            return "fail"
        return "futile" if self.up.word == "futile" else "go on"


def seen(plan: Design, sides: Sides, recipes: Sequence[str]) -> Iterator[Seen]:
    """Every quality rule of the policy for every recipe, on the tasks that were run so far.

    Tasks are the sampling unit (`new tasks`), in a random order fixed before the first look; the
    number of common tasks must be that of a look. A rule is `futile` when it would hardly pass by
    the end: that is no failure, and worth no more dollars.
    """
    for rule in sides.policy.rules:
        if not isinstance(rule, Quality):
            continue
        for recipe in [rule.recipe] if rule.recipe else recipes:
            part = {"section": rule.section, "domain": rule.domain}
            new, old = (
                samples.by_task(samples.scores(side, recipe, **part))
                for side in (sides.new, sides.old)
            )
            tasks = samples.common(new, old) if new and old else []
            if len(tasks) not in plan.tasks:
                continue  # a part of the tasks, or some without score: judged at the end
            margin = (sides.policy.margin if rule.margin is None else rule.margin) / 100
            d = np.array([new[t].mean() - old[t].mean() for t in tasks])
            yield Seen(
                rule=title(rule, margin), recipe=recipe, margin=margin,
                up=look(plan, d, margin=margin), down=look(plan, -d, margin=-margin),
                worse=look(plan, -d),
            )  # fmt: skip
