"""Paired comparisons: all against a reference, all pairs, or one recipe in two runs."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_eval import frames
from fusion_eval.errors import StatisticsError, did_you_mean
from fusion_eval.frames import Missing
from fusion_eval.stats.caveats import Side, sides
from fusion_eval.stats.common import canonical_order
from fusion_eval.stats.design import by_task, groups_of, repeats_of, repeats_on
from fusion_eval.stats.estimand import Estimand
from fusion_eval.stats.evidence import Evidence, by_t, evidence
from fusion_eval.stats.family import COLUMNS, Rules, rules_of, table_of
from fusion_eval.stats.fixed import fixed_difference, fixed_mean
from fusion_eval.stats.headline import note, versions
from fusion_eval.stats.means import Mean
from fusion_eval.stats.protocols import (
    limits_apart,
    refuse_mixed,
    refuse_other_limits,
    with_caveat,
)
from fusion_eval.stats.results import FLIPS
from fusion_eval.stats.tables import notes, tidied
from fusion_eval.store import Run

__all__ = ["COLUMNS", "compare", "compare_runs"]

Pairs = list[tuple[Side, Side]]


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
    estimand: Estimand = "new tasks",
    force: bool = False,
    chosen: bool | None = None,
) -> pd.DataFrame:
    """Compare recipes on the tasks they share, with errors controlled over the whole table.

    Parameters
    ----------
    trials : DataFrame, one row per (task, recipe, repeat), see `frames.trials`; or any table with
        `task`, `recipe` and `score` (0 to 1), see `stats.tables.tidied`
    reference : compare every other recipe (a) with this one (b); without it all pairs, the one
        with the higher mean first. A reference that has the highest mean counts as chosen on these
        data, whoever names it: errors are then controlled over all pairs
    margin : points (0 to 100) within which two recipes count as equal; needed for `equivalent`
    level : joint coverage of the intervals; 1 - level is the family-wise error rate
    seed : seed of the random flips
    second : of all pairs, those with this recipe are written with it second (b); numbers and words
        are then made for that order
    missing : what a failed answer counts as, see `frames.per_task`
    flips : random sign patterns, where there are too many to count all
    estimand : `new tasks` of the same domains; `these tasks` (needs repeats; the question of a
        gate); or `new domains` (domains are a sample too)

    force : compare trials that were graded under different protocols, with a caveat
    chosen : whether the reference was chosen on these data, if that is known; False for one that
        was named before there were any

    Returns
    -------
    DataFrame, one row per pair, columns `COLUMNS`. `difference` (a - b), `se`, `low`, `high` and
    `sd` (of the differences over tasks) are 0 to 1; `low` and `high` are simultaneous over the
    table, as is `p_adjusted` (step-down max-T); `p` is the unadjusted sign-flip p. Where tasks
    share clusters, or for the two other estimands, p is of Student's t, with Holm's adjustment
    and Bonferroni's intervals; the method says so. `conclusion`: `equivalent` when two one-sided
    t tests put the difference inside the margin (`p_equivalent`, Holm over the table), `better`
    or `worse` when interval and adjusted p both say so, else `undecided`; then `tasks_to_decide`
    says how many would do with 80 % power (`stats.deciding`), between `tasks_to_decide_low` and
    `_high`. `p_noninferior` is unadjusted. A task counts as a tie when its
    difference is no larger than what repeats differ by. Each pair uses its common tasks (`n`);
    the caveat names what is missing.

    Raises
    ------
    StatisticsError : unknown reference or estimand, fewer than two recipes, a margin that is not
        positive, two recipes that share no task
    MissingScoresError : a score is NaN and nothing says why

    References
    ----------
    Miller (2024), arXiv:2411.00640; Westfall & Young (1993); Romano & Wolf (2005); Bell &
    McCaffrey (2002); Schuirmann (1987).
    """
    rules = rules_of(margin, level, missing, estimand)
    caveat = refuse_mixed(trials, force=force)
    trials = tidied(trials)
    known = sides(trials, missing)
    named = _pairs(known, reference)
    if chosen is None:
        chosen = reference is not None and len(known) > 2 and _leads(known, reference)
    second = reference if chosen else second
    family = _pairs(known, None) if chosen else named
    pairs = [(known[b], known[a]) if a == second else (known[a], known[b]) for a, b in family]
    _refuse_strangers(pairs)
    table = table_of(pairs, _evidence(trials, trials, pairs, rules, seed, flips), rules)
    if chosen:
        attrs = table.attrs
        table = table[table["b"] == known[str(reference)].label].reset_index(drop=True)
        table.attrs = attrs
    table.attrs |= {**trials.attrs, "simulated": frames.is_simulated(trials)}
    winner = f"{reference} was chosen on these data: controlled over all pairs" if chosen else None
    for text in (caveat, note(trials), winner, *notes(trials)):
        table = with_caveat(table, text)
    return _with_limits(table, trials)


def _with_limits(table: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The comparisons, with a caveat where both recipes answered under different token limits."""
    limits = dict(trials.attrs.get("token_limits") or {})
    apart = [
        limits_apart(limits, limits, [pair]) for pair in zip(table["a"], table["b"], strict=True)
    ]
    known = table["caveat"].fillna("")
    table["caveat"] = [
        "; ".join(filter(None, [t, *more])) for t, more in zip(known, apart, strict=True)
    ]
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
    estimand: Estimand = "new tasks",
    force: bool = False,
) -> pd.DataFrame:
    """Compare each recipe that two runs share, paired by task hash; difference is run_a - run_b.

    Takes runs, their paths, or their trials. Returns what `compare` returns, with the run id
    behind the recipe's name in `a` and `b`, and a column `recipe`. The family is all shared
    recipes. For `these tasks` a side with one repeat borrows the spread of the other side's
    repeats. Raises StatisticsError when the runs share no recipe or no task,
    ProtocolsDifferError when they were graded under different protocols, or a recipe answered under
    different token limits, unless forced.
    """
    rules = rules_of(margin, level, missing, estimand)
    graded = _trials(run_a), _trials(run_b)
    caveat = refuse_mixed(*graded, force=force)
    a, b = (tidied(trials) for trials in graded)
    shared = [name for name in frames.recipes(a) if name in set(frames.recipes(b))]
    if not shared:
        raise StatisticsError(
            f"no recipe is in both runs: {', '.join(frames.recipes(a))} against "
            f"{', '.join(frames.recipes(b))}"
        )
    limited = refuse_other_limits(a, b, shared, force=force)
    tag_a, tag_b = _tags(a, b)
    first, second = sides(a, missing, f"{{}} @ {tag_a}"), sides(b, missing, f"{{}} @ {tag_b}")
    keys = [next(iter(each.values())).index for each in (first, second)]
    if not len(keys[0].intersection(keys[1])):
        raise StatisticsError(
            "the runs share no task: tasks pair by hash, so their text or rubric differ"
            + (f"; {other}" if (other := versions(a, b)) else "")
        )
    index = keys[0].union(keys[1])
    both = [side.on(index).scores for each in (first, second) for side in each.values()]
    index = index[canonical_order(np.column_stack(both))]
    pairs = [(first[name].on(index), second[name].on(index)) for name in shared]
    _refuse_strangers(pairs)
    table = table_of(pairs, _evidence(a, b, pairs, rules, seed, flips), rules)
    table.insert(0, "recipe", shared)
    table.attrs |= {"simulated": any(frames.is_simulated(t) for t in (a, b))}
    for said in (caveat, limited, note(a, b), versions(a, b)):
        table = with_caveat(table, said)
    return table


def _trials(source: Run | str | Path | pd.DataFrame) -> pd.DataFrame:
    return source if isinstance(source, pd.DataFrame) else frames.trials(source)


def _tags(a: pd.DataFrame, b: pd.DataFrame) -> tuple[str, str]:
    tag_a, tag_b = str(a.attrs.get("run_id", "first")), str(b.attrs.get("run_id", "second"))
    return (tag_a, tag_b) if tag_a != tag_b else (f"{tag_a} (first)", f"{tag_b} (second)")


def _evidence(
    a: pd.DataFrame, b: pd.DataFrame, pairs: Pairs, rules: Rules, seed: int, flips: int
) -> Evidence:
    """What the tasks say on each pair, whose sides come from the trials a and b."""
    if rules.estimand == "these tasks":
        return by_t(_on_these_tasks(a, b, pairs, rules.missing), rules.level)
    d = np.column_stack([one.scores - two.scores for one, two in pairs])
    groups = groups_of(a if a is b else pd.concat([a, b]), pairs[0][0].index, rules.estimand)
    return evidence(d, groups, rules.level, seed, flips)


def _on_these_tasks(a: pd.DataFrame, b: pd.DataFrame, pairs: Pairs, missing: Missing) -> list[Mean]:
    """Within one run repeats may share calls, so they pair; two runs drew theirs apart."""
    one, two = repeats_of(a, missing), repeats_of(b, missing)
    if a is b and a.attrs.get("repeats_paired", True):
        return [fixed_mean(list(by_task(one[x.name] - one[y.name]).values())) for x, y in pairs]
    return [
        fixed_difference(*repeats_on([by_task(one[x.name]), by_task(two[y.name])]))
        for x, y in pairs
    ]


def _refuse_strangers(pairs: Pairs) -> None:
    """Raises StatisticsError for two recipes that have no task in common."""
    strangers = [
        f"{a.label} and {b.label}" for a, b in pairs if np.isnan(a.scores - b.scores).all()
    ]
    if strangers:
        more = f" (and {len(strangers) - 3} more pairs)" if len(strangers) > 3 else ""
        raise StatisticsError(
            f"no task in common: {'; '.join(strangers[:3])}{more}; leave one of them out, or run "
            "both on the same tasks"
        )


def _pairs(known: dict[str, Side], reference: str | None) -> list[tuple[str, str]]:
    names = list(known)
    if len(names) < 2:
        raise StatisticsError(
            f"{'one recipe' if names else 'no recipe'} in this run; a comparison needs two"
        )
    if reference is not None and reference not in names:
        way = did_you_mean(reference, names, "this run has")
        raise StatisticsError(f"no recipe {reference!r} in this run; {way}")
    ranked = sorted(names, key=lambda name: -_level(known[name]))
    if reference is None:
        return list(combinations(ranked, 2))
    return [(name, reference) for name in ranked if name != reference]


def _leads(known: dict[str, Side], name: str) -> bool:
    return _level(known[name]) >= max(_level(side) for side in known.values())


def _level(side: Side) -> float:
    known = side.scores[~np.isnan(side.scores)]
    return float(known.mean()) if len(known) else -1.0
