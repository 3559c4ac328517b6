"""What is watched without a rule: answers that fail more often, and verdicts that are not read.

A guard has nothing to prove and says nothing while all is well. It goes off when something is
clearly worse than in the baseline, because a broken grader must not look like good answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import binomtest

from fusion_eval.core.readable import percent
from fusion_eval.gate import samples
from fusion_eval.gate.baseline import Baseline
from fusion_eval.gate.rules import Sides
from fusion_eval.gate.values import Coverage, Failures, Outcome

_UNREAD = 0.05
"""Share of unread verdicts above which a run cannot tell; or twice the baseline's."""


def guards(sides: Sides, recipes: Sequence[str]) -> Iterator[Outcome]:
    """The outcomes of all guards: `pass` where all is well, which nobody needs to read."""
    for recipe in recipes:
        for kind, guard in ((Failures, _failures), (Coverage, _coverage)):
            ruled = {r.recipe for r in sides.policy.rules if isinstance(r, kind)}
            if None not in ruled and recipe not in ruled:
                yield from guard(recipe, sides)


def _failures(recipe: str, sides: Sides) -> Iterator[Outcome]:
    """More tasks with more failures than with fewer: a sign test over tasks.

    As many repeats of either side are taken, so that an unchanged system has either with the same
    probability, whether or not the repeats of a task fail together.
    """
    new, old = (samples.failed(side, recipe) for side in (sides.new, sides.old))
    if not (tasks := samples.common(new, old) if new and old else []):
        return
    both = [(new[t], old[t], min(len(new[t]), len(old[t]))) for t in tasks]
    d = np.array([a[:k].mean() - b[:k].mean() for a, b, k in both])
    worse, better = int((d > 0).sum()), int((d < 0).sum())
    p = float(binomtest(worse, worse + better, 0.5, "greater").pvalue) if worse else 1.0
    share = [float(np.mean(np.concatenate([s[t] for t in tasks]))) for s in (new, old)]
    yield Outcome(
        rule="failures as in the baseline", kind="failures", recipe=recipe, word="pass",
        value=share[0], low=None, high=None, limit=share[1],
        n=sum(len(new[t]) for t in tasks), p_fail=p,
        why=f"{percent(share[1])} in the baseline; {worse} tasks fail more often, {better} less",
    )  # fmt: skip


def _coverage(recipe: str, sides: Sides) -> Iterator[Outcome]:
    """Verdicts read as in the baseline; below that the score says little about the answers."""
    now, before = (_read(side, recipe) for side in (sides.new, sides.old))
    if now is None:
        return
    unread = 1 - (1.0 if before is None else before)
    limit = 1 - max(_UNREAD, 2 * unread)
    yield Outcome(
        rule="verdicts read as in the baseline", kind="coverage", recipe=recipe,
        word="pass" if now >= limit else "inconclusive", value=now, low=None, high=None,
        limit=limit, n=len(sides.new.trials[sides.new.trials["recipe"].astype(str) == recipe]),
        why="the scores are made of the verdicts that could be read, and others may be missing",
        needs="a grader whose verdicts can be read; `explain` shows what it says",
    )  # fmt: skip


def _read(side: Baseline, recipe: str) -> float | None:
    """Share of verdicts that were read, over the answers that have any; None where none tells."""
    if "coverage" not in side.trials:
        return None
    rows = side.trials[side.trials["recipe"].astype(str) == recipe]
    known = rows.loc[rows["failure"].isna(), "coverage"].astype(float).dropna()
    return float(known.mean()) if len(known) else None
