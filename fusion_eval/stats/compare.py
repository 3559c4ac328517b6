"""Paired comparisons: all against a reference, all pairs, or one recipe in two runs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd

from fusion_eval import frames
from fusion_eval.errors import StatisticsError
from fusion_eval.frames import Missing, per_task
from fusion_eval.stats.caveats import Side
from fusion_eval.stats.family import COLUMNS, rules_of, table_of
from fusion_eval.stats.paired import FLIPS
from fusion_eval.store import Run

__all__ = ["COLUMNS", "compare", "compare_runs"]


def compare(
    trials: pd.DataFrame,
    reference: str | None = None,
    margin: float | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    second: str | None = None,
    missing: Missing = "as_deployed",
    flips: int = FLIPS,
) -> pd.DataFrame:
    """Compare recipes on the tasks they share, with errors controlled over the whole table.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat), see `frames.trials`
    reference : compare every other recipe (a) with this one (b); without it all pairs, the one
        with the higher mean first
    margin : points (0 to 100) within which two recipes count as equal; needed for `equivalent`
    level : joint coverage of the intervals; 1 - level is the family-wise error rate
    seed : seed of the random flips
    second : of all pairs, those with this recipe are written with it second (b); numbers and words
        are then made for that order
    missing : what a failed answer counts as, see `frames.per_task`
    flips : random sign patterns, where there are too many to count all

    Returns
    -------
    DataFrame, one row per pair, columns `COLUMNS`. `difference` (a - b), `se`, `low`, `high` are
    0 to 1; `low` and `high` are simultaneous over the table, as is `p_adjusted` (step-down
    max-T); `p` is the unadjusted sign-flip p. `conclusion`: `better` or `worse` when interval and
    adjusted p both say so, `equivalent` when the interval lies inside the margin, else
    `undecided`. Each pair uses its common tasks (`n`); the caveat names what is missing.

    Raises
    ------
    StatisticsError : unknown reference, fewer than two recipes, or a margin that is not positive

    References
    ----------
    Miller (2024), arXiv:2411.00640; Westfall & Young (1993); Romano & Wolf (2005).
    """
    wide = per_task(trials, "score", missing)
    names = [str(name) for name in wide.columns]
    sides = {name: Side.of(trials, name, wide[name], missing) for name in names}
    pairs = [(b, a) if a == second else (a, b) for a, b in _pairs(wide, names, reference)]
    rules = rules_of(margin, level, missing)
    table = table_of([(sides[a], sides[b]) for a, b in pairs], rules, seed, flips)
    table.attrs |= {**trials.attrs, "simulated": frames.is_simulated(trials)}
    return table


def compare_runs(
    run_a: Run | str | Path | pd.DataFrame,
    run_b: Run | str | Path | pd.DataFrame,
    margin: float | None = None,
    level: float = 0.95,
    seed: int = 0,
    *,
    missing: Missing = "as_deployed",
    flips: int = FLIPS,
) -> pd.DataFrame:
    """Compare each recipe that two runs share, paired by task hash; difference is run_a - run_b.

    Takes runs, their paths, or their trials. Returns what `compare` returns, with the run id
    behind the recipe's name in `a` and `b`, and a column `recipe`. The family is all shared
    recipes. Raises StatisticsError when the runs share no recipe or no task.
    """
    a, b = _trials(run_a), _trials(run_b)
    shared = [name for name in frames.recipes(a) if name in set(frames.recipes(b))]
    if not shared:
        raise StatisticsError(
            f"no recipe is in both runs: {', '.join(frames.recipes(a))} against "
            f"{', '.join(frames.recipes(b))}"
        )
    wide_a, wide_b = per_task(a, "score", missing), per_task(b, "score", missing)
    if not len(wide_a.index.intersection(wide_b.index)):
        raise StatisticsError(
            "the runs share no task: tasks pair by hash, so their text or rubric differ"
        )
    tag_a, tag_b = _tags(a, b)
    sides = [
        (
            Side.of(a, name, wide_a[name], missing, f"{name} @ {tag_a}"),
            Side.of(b, name, wide_b[name], missing, f"{name} @ {tag_b}"),
        )
        for name in shared
    ]
    table = table_of(sides, rules_of(margin, level, missing), seed, flips)
    table.insert(0, "recipe", shared)
    table.attrs |= {"simulated": any(frames.is_simulated(t) for t in (a, b))}
    return table


def _trials(source: Run | str | Path | pd.DataFrame) -> pd.DataFrame:
    return source if isinstance(source, pd.DataFrame) else frames.trials(source)


def _tags(a: pd.DataFrame, b: pd.DataFrame) -> tuple[str, str]:
    tag_a, tag_b = str(a.attrs.get("run_id", "first")), str(b.attrs.get("run_id", "second"))
    return (tag_a, tag_b) if tag_a != tag_b else (f"{tag_a} (first)", f"{tag_b} (second)")


def _pairs(
    wide: pd.DataFrame, names: Sequence[str], reference: str | None
) -> list[tuple[str, str]]:
    if len(names) < 2:
        raise StatisticsError(
            f"{'one recipe' if names else 'no recipe'} in this run; a comparison needs two"
        )
    if reference is not None and reference not in names:
        close = difflib.get_close_matches(reference, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"this run has: {', '.join(names)}"
        raise StatisticsError(f"no recipe {reference!r} in this run; {hint}")
    means = wide.mean().fillna(-1.0)
    ranked = sorted(names, key=lambda name: -float(means[name]))
    if reference is None:
        return list(combinations(ranked, 2))
    return [(name, reference) for name in ranked if name != reference]
