"""From scores of both sides of each pair to the rows of a comparison table, as one family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing
from fusion_eval.stats.caveats import Side, caveat, open_range
from fusion_eval.stats.estimates import Floats
from fusion_eval.stats.multiple import (
    Simultaneous,
    flip_signs,
    max_t_adjusted_p,
    simultaneous_intervals,
)
from fusion_eval.stats.paired import EXACT_UP_TO, sign_flip_p

COLUMNS = (
    "a", "b", "difference", "se", "low", "high", "p", "p_adjusted",
    "conclusion", "n", "estimand", "method", "caveat",
)  # fmt: skip
FEW_TASKS = 15
_SLIGHT = 0.005
"""Half a point: what unread verdicts move by less is no news, unless the conclusion hangs on it."""
_MANY_PAIRS, _EXACT_FOR_MANY = 20, 32
_FAILURES = {
    "as_deployed": "as deployed: a failed answer counts 0",
    "complete": "complete cases: failed answers are left out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a conclusion needs; margin is in points (0 to 100)."""

    margin: float | None
    level: float
    missing: Missing


def rules_of(margin: float | None, level: float, missing: Missing) -> Rules:
    """Rules, checked; raises StatisticsError with the way out."""
    if margin is not None and not margin > 0:
        raise StatisticsError(f"margin is {margin:g}; give points above 0, such as 2")
    if not 0 < level < 1:
        raise StatisticsError(f"level is {level:g}; it must lie between 0 and 1, such as 0.95")
    return Rules(margin=margin, level=level, missing=missing)


def table_of(
    sides: Sequence[tuple[Side, Side]], rules: Rules, seed: int, flips: int
) -> pd.DataFrame:
    """One row per pair of sides, with errors controlled over all of them."""
    rng = np.random.default_rng(seed)
    contrasts = pd.concat(
        [(a.scores - b.scores).rename(i) for i, (a, b) in enumerate(sides)], axis=1
    ).sort_index()
    d = contrasts.dropna(how="all").to_numpy(dtype=np.float64)
    signs = flip_signs(len(d), flips, rng)
    joint = simultaneous_intervals(d, signs, rules.level)
    exact = EXACT_UP_TO if len(sides) <= _MANY_PAIRS else _EXACT_FOR_MANY
    p = np.array([_p(column, rng, flips, exact) for column in d.T])
    adjusted = p if len(sides) == 1 else np.fmax(max_t_adjusted_p(d, signs), p)
    rows = [
        _row(a, b, joint, k, float(p[k]), float(adjusted[k]), rules, _method(d[:, k], exact, flips))
        for k, (a, b) in enumerate(sides)
    ]
    family = f"; step-down max-T over {len(sides)} comparisons" if len(sides) > 1 else ""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["method"] += f"{family}; {'simultaneous ' if family else ''}{rules.level:.0%} interval"
    table.attrs = {"level": rules.level, "critical": joint.critical, "family": len(sides)}
    return table


def _p(column: Floats, rng: np.random.Generator, flips: int, exact: int) -> float:
    d = column[~np.isnan(column)]
    return sign_flip_p(d, rng=rng, flips=flips, exact_up_to=exact) if len(d) >= 2 else float("nan")


def _method(column: Floats, exact: int, flips: int) -> str:
    counted = int((np.nan_to_num(column) != 0).sum()) <= exact
    return f"paired by task; {'exact sign flips' if counted else f'{flips:,} random sign flips'}"


def _row(
    a: Side, b: Side, joint: Simultaneous, k: int, p: float, adjusted: float, rules: Rules,
    method: str,
) -> dict[str, object]:  # fmt: skip
    # scores lie in [0, 1], so no difference can leave [-1, 1] (a few tasks give wild limits)
    low, high = np.clip([joint.low[k], joint.high[k]], -1.0, 1.0).tolist()
    n = int(joint.n[k])
    few = "1 task is" if n == 1 else f"{n} tasks are"
    notes = [f"descriptive: {few} too few to lean on"] if n < FEW_TASKS else []
    if n >= 2 and joint.se[k] == 0:
        notes.append("the difference is the same on every task, so the interval has no width")
    matters = _open_matters(open_range(a, b), float(joint.mean[k]), (low, high), rules)
    notes += caveat(a, b, rules.missing, open_matters=matters)
    return {
        "a": a.label, "b": b.label, "difference": float(joint.mean[k]), "se": float(joint.se[k]),
        "low": low, "high": high, "p": p, "p_adjusted": adjusted,
        "conclusion": _conclusion(low, high, adjusted, n, rules), "n": n,
        "estimand": f"mean score difference for new tasks like these; {_FAILURES[rules.missing]}",
        "method": method, "caveat": "; ".join(notes),
    }  # fmt: skip


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
    margin = float("nan") if rules.margin is None else rules.margin / 100
    return low > 0, high < 0, low > -margin, high < margin


def _conclusion(low: float, high: float, adjusted: float, n: int, rules: Rules) -> str:
    significant = adjusted < 1 - rules.level
    if rules.margin is not None and n >= 2:
        margin = rules.margin / 100
        flat = low == high  # no spread seen: believe it only when the tasks are not few
        if -margin < low and high < margin and not (flat and n < FEW_TASKS):
            return "equivalent"
    if low > 0 and significant:
        return "better"
    return "worse" if high < 0 and significant else "undecided"
