"""What published claims are worth on the data at hand: supported, contradicted, or neither.

A claim is a row of a table, so that a list of them can be kept beside the data they are about.
All comparisons behind a list are one family: the more is claimed, the more must be shown.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fusion_eval.errors import StatisticsError, did_you_mean
from fusion_eval.frames import Missing, recipes
from fusion_eval.stats.caveats import Side, caveat, sides
from fusion_eval.stats.clusters import score_of
from fusion_eval.stats.design import Labels, groups_of
from fusion_eval.stats.evidence import Evidence, evidence
from fusion_eval.stats.family import check_level
from fusion_eval.stats.results import FLIPS, result
from fusion_eval.stats.tables import tidied

COLUMNS = (
    "claim", "source", "says", "a", "b", "points", "value", "low", "high", "n", "verdict",
    "reason", "caveat",
)  # fmt: skip
SAYS = ("above", "at least", "equal", "best", "score", "untestable")
SUPPORTED, CONTRADICTED, UNDECIDED, UNTESTABLE = (
    "supported", "contradicted", "undecided", "cannot be tested",
)  # fmt: skip
Claim = Mapping[str, Any]
Pair = tuple[str, str]


def claims(
    trials: pd.DataFrame,
    table: pd.DataFrame | Sequence[Mapping[str, Any]],
    level: float = 0.95,
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
    flips: int = FLIPS,
) -> pd.DataFrame:
    """Check a list of claims against graded answers, with errors controlled over the whole list.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat)
    table : one row per claim: `claim` (its words), `says`, `a`, and as that needs `b`, `points`
        (0 to 100), `source`, `why`. What it `says`:
        `above` (a scores more than b), `at least` (more by `points`), `equal` (within `points`),
        `best` (a scores more than each of b, names joined by `;`, or than all others),
        `score` (the mean of a is `points`, rounded or cut to one decimal), `untestable` (`why`
        says what lacks)
    level : joint coverage of all intervals of differences

    Returns
    -------
    DataFrame, one row per claim, columns `COLUMNS`; `value`, `low`, `high` are 0 to 1: a
    difference a - b (for `best` the one to the rival of the lowest limit) or a mean. `verdict`:
    `supported` where the whole interval agrees with the claim, `contradicted` where all of it
    disagrees, else `undecided`; a `score` is arithmetic and is one or the other;
    `cannot be tested` with the reason. Paired by task; simultaneous intervals by sign flips,
    or by t over clusters where tasks share them (CR2, Bonferroni).

    Raises
    ------
    StatisticsError : an unknown recipe or word, a number that lacks; all problems at once
    """
    check_level(level)
    known = tidied(trials)
    listed = [_filled(row) for row in pd.DataFrame(table).to_dict("records")]
    _check(listed, recipes(known))
    every = sides(known, missing)
    pairs = list(dict.fromkeys(pair for row in listed for pair in _pairs(row, list(every))))
    groups = groups_of(known, next(iter(every.values())).index, "new tasks")
    d = [every[a].scores - every[b].scores for a, b in pairs]
    found = evidence(np.column_stack(d), groups, level, seed, flips) if pairs else None
    rows = [_row(row, every, pairs, found, level, missing, groups) for row in listed]
    return result(rows, COLUMNS, trials, level=level, family=len(pairs))


def _filled(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """Every field there, text where text belongs, NaN for a number that is not given."""
    found: dict[str, Any] = dict.fromkeys(("claim", "source", "says", "a", "b", "why"), "")
    found |= {str(k): v for k, v in row.items() if not pd.isna(v)}
    found["points"] = float(found.get("points", math.nan))
    return found


def _check(listed: list[dict[str, Any]], names: list[str]) -> None:
    problems = []
    for k, row in enumerate(listed, 1):
        where = f"claim {k} ({row['claim']!r})"
        if row["says"] not in SAYS:
            problems.append(f"{where}: says {row['says']!r}; use {', '.join(SAYS)}")
            continue
        named = [row["a"], *_rivals(row, [])] if row["says"] != "untestable" else []
        problems += [
            f"{where}: no recipe {name!r}; {did_you_mean(name, names)}"
            for name in named if name not in names
        ]  # fmt: skip
        if row["says"] in {"above", "at least", "equal"} and not row["b"]:
            problems.append(f"{where}: with whom is {row['a']!r} compared? give b")
        if row["says"] in {"at least", "equal", "score"} and math.isnan(row["points"]):
            problems.append(f"{where}: give the number that is claimed, in `points`")
        if row["says"] == "untestable" and not row["why"]:
            problems.append(f"{where}: say in `why` what lacks")
    if problems:
        raise StatisticsError("\n".join(problems))


def _rivals(row: Claim, names: list[str]) -> list[str]:
    given = [name.strip() for name in str(row["b"]).split(";") if name.strip()]
    return given or [name for name in names if name != row["a"]]


def _pairs(row: Claim, names: list[str]) -> list[Pair]:
    if row["says"] in {"score", "untestable"}:
        return []
    return [(row["a"], rival) for rival in _rivals(row, names)]


def _row(
    row: Claim, every: Mapping[str, Side], pairs: list[Pair], found: Evidence | None,
    level: float, missing: Missing, groups: Labels | None,
) -> dict[str, Any]:  # fmt: skip
    head = {name: row[name] for name in ("claim", "source", "says", "a", "b", "points")}
    if row["says"] == "untestable":
        return head | {"verdict": UNTESTABLE, "reason": row["why"]}
    if row["says"] == "score":
        return head | _mean(row, every[row["a"]], level, groups)
    assert found is not None  # every other claim made pairs
    places = [pairs.index(pair) for pair in _pairs(row, list(every))]
    worst = min(places, key=lambda k: np.nan_to_num(found.low[k], nan=-math.inf))
    a, b = (every[name] for name in pairs[worst])
    low, high = float(found.low[worst]), float(found.high[worst])
    value = {"value": found.means[worst].value, "low": low, "high": high, "n": found.means[worst].n}
    verdict = _verdict(row, [(float(found.low[k]), float(found.high[k])) for k in places])
    rival = f" to {b.label}, the nearest" if row["says"] == "best" else ""
    return head | value | {
        "verdict": verdict,
        "reason": f"{100 * value['value']:+.2f} points{rival}, {100 * low:+.2f} to "
        f"{100 * high:+.2f} simultaneously over {len(pairs)} comparisons",
        "caveat": "; ".join(caveat(a, b, missing, open_matters=False)),
    }  # fmt: skip


def _mean(row: Claim, side: Side, level: float, groups: Labels | None) -> dict[str, Any]:
    there = ~np.isnan(side.scores)
    found = score_of(side.scores[there], None if groups is None else groups[there], level)
    printed = [f"{round(1000 * found.value) / 10:.1f}", f"{int(1000 * found.value) / 10:.1f}"]
    same = f"{row['points']:.1f}" in printed
    return {
        "value": found.value, "low": found.low, "high": found.high, "n": found.n,
        "verdict": SUPPORTED if same else CONTRADICTED,
        "reason": f"the mean of {found.n} tasks is {100 * found.value:.2f}",
        "caveat": f"{len(side.index) - found.n} tasks missing" if found.n < len(side.index) else "",
    }  # fmt: skip


def _verdict(row: Claim, limits: list[tuple[float, float]]) -> str:
    points = 0.0 if math.isnan(row["points"]) else row["points"] / 100
    if row["says"] == "equal":
        low, high = limits[0]
        if -points < low and high < points:
            return SUPPORTED
        return CONTRADICTED if low > points or high < -points else UNDECIDED
    least = points if row["says"] == "at least" else 0.0
    if any(high < least for _, high in limits):
        return CONTRADICTED
    return SUPPORTED if all(low > least for low, _ in limits) else UNDECIDED
