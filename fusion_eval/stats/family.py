"""From both sides of each pair to the rows of a comparison table, as one family."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing
from fusion_eval.stats.caveats import Side, caveat, few
from fusion_eval.stats.contrasts import Contrasts, contrasts
from fusion_eval.stats.deciding import tasks_to_decide
from fusion_eval.stats.equivalence import equivalence_p, noninferiority_p
from fusion_eval.stats.estimand import Estimand, known, named
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.evidence import Evidence
from fusion_eval.stats.means import Mean, unseen_share
from fusion_eval.stats.multiple import holm
from fusion_eval.stats.results import FEW_TASKS

COLUMNS = (
    "a", "b", "difference", "se", "low", "high", "p", "p_adjusted", "conclusion", "n",
    "sd", "wins", "ties", "losses", "p_noninferior", "p_equivalent", "tasks_to_decide",
    "tasks_to_decide_low", "tasks_to_decide_high", "verdict", "estimand", "method", "caveat",
)  # fmt: skip
_LEAST_MARGIN = 0.1
_SLIGHT = 0.005
"""Half a point: what unread verdicts move by less is no news, unless the conclusion hangs on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a conclusion needs; margin is in points (0 to 100)."""

    margin: float | None
    level: float
    missing: Missing
    estimand: Estimand


def rules_of(margin: float | None, level: float, missing: Missing, estimand: str) -> Rules:
    """Rules, checked; raises StatisticsError with the way out."""
    if margin is not None and not margin > 0:
        raise StatisticsError(f"margin is {margin:g}; give points above 0, such as 2")
    if margin is not None and margin < _LEAST_MARGIN:
        raise StatisticsError(
            f"margin is {margin:g} points of 100, which no benchmark can tell from 0; a share of "
            f"the scale is given in points: margin={100 * margin:g}"
        )
    check_level(level)
    return Rules(margin=margin, level=level, missing=missing, estimand=known(estimand))


def check_level(level: float) -> None:
    """Raises StatisticsError for a level that is none."""
    if not 0 < level < 1:
        raise StatisticsError(f"level is {level:g}; it must lie between 0 and 1, such as 0.95")


def table_of(pairs: Sequence[tuple[Side, Side]], found: Evidence, rules: Rules) -> pd.DataFrame:
    """One row per pair of sides, with errors controlled over all of them."""
    together, seen = _equivalence(found, rules), contrasts(pairs)
    # where scores lie in [0, 1], no difference can leave [-1, 1] (a few tasks give wild limits)
    most = np.where(seen.least >= 0, 1.0, math.inf)
    low, high = np.clip(found.low, -most, most), np.clip(found.high, -most, most)
    needed = _needed(found, rules)
    rows = [
        _row(*pair, found, seen, k, (float(low[k]), float(high[k])), float(together[k]), rules)
        | {name: float(of[k]) for name, of in needed.items()}
        for k, pair in enumerate(pairs)
    ]
    family = f"; {found.family} over {len(pairs)} comparisons" if len(pairs) > 1 else ""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table.loc[table["conclusion"] != "undecided", list(needed)] = math.nan
    table["method"] += f"{family}; {'simultaneous ' if family else ''}{rules.level:.0%} interval"
    if rules.margin is not None:
        table["method"] += f"; equivalence by two one-sided t tests{', Holm' if family else ''}"
    table.attrs = {"level": rules.level, "critical": found.critical, "family": len(pairs)}
    return table


def _needed(found: Evidence, rules: Rules) -> dict[str, Floats]:
    """Tasks that would decide each pair, by the column that they stand in."""
    names = ("tasks_to_decide", "tasks_to_decide_low", "tasks_to_decide_high")
    if rules.estimand == "these tasks":
        return {name: np.full(len(found.means), math.nan) for name in names}
    parts = [[getattr(m, name) for m in found.means] for name in ("value", "se", "n")]
    difference, se, n = (np.array(part, dtype=np.float64) for part in parts)
    half = (found.high - found.low) / 2
    needed = tasks_to_decide(difference, se, half, n, 1 - rules.level)
    return dict(zip(names, (needed.tasks, needed.low, needed.high), strict=True))


def _equivalence(found: Evidence, rules: Rules) -> Floats:
    """Holm's p of "not within the margin" of each pair; NaN without margin or spread."""
    adjusted = np.full(len(found.means), math.nan)
    if rules.margin is not None:
        p = np.array([equivalence_p(mean, rules.margin / 100) for mean in found.means])
        adjusted[~np.isnan(p)] = holm(p[~np.isnan(p)])
    return adjusted


def _row(
    a: Side, b: Side, found: Evidence, seen: Contrasts, k: int,
    interval: tuple[float, float], equal: float, rules: Rules,
) -> dict[str, object]:  # fmt: skip
    mean, (low, high) = found.means[k], interval
    matters = _open_matters((seen.worst[k], seen.best[k]), mean.value, interval, rules)
    notes = [few(mean.n)] if mean.n < FEW_TASKS else []
    notes += _spread_notes(mean.n, mean.se, rules.estimand)
    notes += caveat(a, b, rules.missing, open_matters=matters)
    flat = mean.se == 0 and mean.n < FEW_TASKS
    word = _conclusion(low, high, float(found.adjusted[k]), math.nan if flat else equal, rules)
    if word in ("better", "worse") and rules.estimand == "new tasks":
        ahead = a if word == "better" else b
        notes += _collapses(ahead, a.scores - b.scores, mean, (found.high[k] - found.low[k]) / 2)
    return {
        "a": a.label, "b": b.label, "difference": mean.value, "se": mean.se,
        "low": low, "high": high, "p": found.p[k], "p_adjusted": found.adjusted[k],
        "conclusion": word, "n": mean.n, "sd": seen.sd[k],
        "wins": seen.wins[k], "ties": seen.ties[k], "losses": seen.losses[k],
        "p_noninferior": math.nan if rules.margin is None
        else noninferiority_p(mean, rules.margin / 100),
        "p_equivalent": equal,
        "verdict": word,  # the same under the name that the sketch of the Python API promised
        "estimand": named("mean score difference", rules.estimand, rules.missing),
        "method": found.methods[k], "caveat": "; ".join(notes),
    }  # fmt: skip


def _spread_notes(n: int, se: float, estimand: Estimand) -> list[str]:
    if estimand == "these tasks" and math.isnan(se):
        return ["no second repeat shows how much answers vary on these tasks: run more repeats"]
    if n >= 2 and se == 0:
        return [
            "the difference is the same on every task; its limits are what so many may have missed"
        ]
    return []


def _collapses(ahead: Side, d: Floats, mean: Mean, half: float) -> list[str]:
    """How many collapses of the recipe that is ahead would undo its lead, if that many may be
    unseen: no test sees what a recipe does on one task in thirty (`means.unseen_share`)."""
    there = ~np.isnan(d)
    n, lead, share = mean.n, abs(mean.value), unseen_share(mean.units)
    if not mean.se > 0:
        return []
    score, critical = float(ahead.scores[there].mean()), half / mean.se
    squares = float((d[there] ** 2).sum())
    for more in range(1, int(share * n / (1 - share)) + 1):
        whole = n + more
        value = (n * lead - more * score) / whole
        spread = (squares + more * score**2 - whole * value**2) / (whole - 1) / whole
        if value <= critical * math.sqrt(max(0.0, spread)):
            what = "task" if more == 1 else "tasks"
            return [
                f"{more} more {what} in {whole} on which {ahead.label} scores 0 would undo this; "
                f"up to {share:.1%} of tasks may be like that unseen"
            ]
    return []


def _open_matters(
    ends: tuple[float, float], difference: float, interval: tuple[float, float], rules: Rules
) -> bool:
    """Whether unread verdicts move the difference visibly, or its interval over a limit."""
    shifts = [end - difference for end in ends]
    if any(not abs(shift) < _SLIGHT for shift in shifts):  # also where a shift is NaN
        return True
    where = _place(*interval, rules)
    return any(_place(interval[0] + x, interval[1] + x, rules) != where for x in shifts)


def _place(low: float, high: float, rules: Rules) -> tuple[bool, ...]:
    """On which side of the limits an interval lies."""
    margin = math.nan if rules.margin is None else rules.margin / 100
    return low > 0, high < 0, low > -margin, high < margin


def _conclusion(low: float, high: float, adjusted: float, equal: float, rules: Rules) -> str:
    alpha = 1 - rules.level
    if equal < alpha:
        return "equivalent"
    if low > 0 and adjusted < alpha:
        return "better"
    return "worse" if high < 0 and adjusted < alpha else "undecided"
