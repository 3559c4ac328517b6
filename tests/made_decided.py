"""Whether undecided pairs are decided at the number of tasks that is named for them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from made_choices import SPREADS, world

from fusion_eval.stats.deciding import tasks_to_decide
from fusion_eval.stats.evidence import by_flips

FLIPS = 599
POINT = 0.01
"""Pairs that truly differ by less are not asked about."""
_COUNTED = 1_000
"""Tasks up to which a pair is decided by the whole procedure; beyond, its mean and SD over so many
tasks are drawn, and the critical value is that of this many."""


def decided(n, recipes, spread, count, seed):
    """One row per pair that n tasks leave undecided and that truly differs by a point or more, of
    `count` tables: the `closest` to a decision, which a report names, and one at random.

    `tasks`: what is named for it; `decided`: whether so many tasks, n among them, decide it.
    """
    rng = np.random.default_rng(seed)
    pairs = list(combinations(range(recipes), 2))
    rows = []
    for _ in range(count):
        score, _, points, _ = world(n, recipes, spread, 0.5, rng)
        draw = _more(points / 100, rng)
        found = _evidence(score, pairs)
        value, se = (np.array([getattr(m, x) for m in found.means]) for x in ("value", "se"))
        needed = tasks_to_decide(value, se, (found.high - found.low) / 2, np.full(len(se), n))
        open_ = np.flatnonzero(~_conclusive(found) & np.isfinite(needed.tasks))
        if not len(open_):
            continue
        closest = open_[(np.abs(value) / (found.high - found.low))[open_].argmax()]
        for k, which in ((closest, "closest"), (int(rng.choice(open_)), "any")):
            gap = points[pairs[k][0]] / 100 - points[pairs[k][1]] / 100
            if abs(gap) >= POINT - 1e-12:
                tasks = int(needed.tasks[k])
                rows.append({
                    "n": n, "recipes": recipes, "spread": 100 * spread, "which": which,
                    "tasks": tasks, "decided": _decided(score, draw, pairs, int(k), tasks, rng),
                })  # fmt: skip
    return pd.DataFrame(rows)


def _more(truth, rng):
    """Further tasks of the same world."""

    def draw(n):
        level = 0.55 + rng.normal(0, 0.10, (n, 1))
        lead = truth - 0.55
        return np.clip(level + lead + rng.normal(0, 0.075, (n, len(truth))), 0, 1)

    return draw


def _evidence(score, pairs):
    d = np.column_stack([score[:, i] - score[:, j] for i, j in pairs])
    return by_flips(d, 0.95, 0, FLIPS)


def _conclusive(found):
    return ((found.low > 0) | (found.high < 0)) & (found.adjusted < 0.05)


def _decided(score, draw, pairs, k, tasks, rng):
    whole = np.vstack([score, draw(min(tasks, _COUNTED) - len(score))])
    found = _evidence(whole, pairs)
    if tasks <= _COUNTED:
        return bool(_conclusive(found)[k])
    i, j = pairs[k]
    sample = draw(200_000)
    gap = sample[:, i] - sample[:, j]
    more, here = tasks - len(score), score[:, i] - score[:, j]
    mean = (here.sum() + more * rng.normal(gap.mean(), gap.std() / np.sqrt(more))) / tasks
    critical = (found.high - found.low)[k] / 2 / found.means[k].se
    return bool(abs(mean) > critical * gap.std() / np.sqrt(tasks))


def table(count, seed, sizes=(8, 30, 100), recipes=(2, 5, 20)):
    """All worlds in which some recipes differ."""
    worlds = [(n, k, spread) for n in sizes for k in recipes for spread in SPREADS if spread]
    return pd.concat([
        decided(n, k, spread, count if k < 20 else max(1, count // 4), seed + 7 * place)
        for place, (n, k, spread) in enumerate(worlds)
    ])  # fmt: skip
