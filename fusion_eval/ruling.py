"""From a run to the rule file that `auto` of `serve` routes by.

For each domain the recipe with the largest expected net benefit at the price of a point (see
`stats.decision`), where its tasks are enough for a choice; the choice over all tasks otherwise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_eval import frames
from fusion_eval.errors import InputError, did_you_mean
from fusion_eval.loading.rule import Choice, Expected, Rule, RuleFile, Source, When
from fusion_eval.stats.cost import cost_per_task, mean_cost
from fusion_eval.stats.decision import acceptability
from fusion_eval.stats.results import LEAST_TASKS
from fusion_eval.stats.scores import scores
from fusion_eval.store import Run, read_run


def rule_of(
    run: Run | str | Path, point_usd: float, recipes: Collection[str] | None = None
) -> RuleFile:
    """The rule file of a run, by domain.

    Parameters
    ----------
    run : a run or its path
    point_usd : US dollars that one point of score (of 100) is worth per answer
    recipes : only these may be chosen

    Raises
    ------
    InputError : no domain and not the whole run has tasks enough for a choice
    """
    opened = run if isinstance(run, Run) else read_run(run)
    trials = _only(frames.trials(opened), recipes)
    notes: list[str] = []
    otherwise = _choice(trials, point_usd, "all tasks", notes)
    if otherwise is None:
        raise InputError(f"{opened.path}: nothing can be chosen from this run: {notes[-1]}")
    rules = _by_domain(trials, point_usd, notes)
    return RuleFile(
        run=Source(
            id=opened.id,
            simulated=bool(frames.is_simulated(trials)),
            tasks=int(frames.task_key(trials).nunique()),
            repeats=int(trials["repeat"].nunique()),
        ),
        point_usd=point_usd,
        rules=rules,
        otherwise=otherwise,
        notes=notes,
    )


def _by_domain(trials: pd.DataFrame, point_usd: float, notes: list[str]) -> list[Rule]:
    """A rule for each domain in which there is a choice; the others stand together in one note."""
    domains = trials["domain"].fillna("").astype(str)
    rules, small = list[Rule](), list[str]()
    for domain in sorted(set(domains) - {""}):
        rows = trials[domains == domain]
        tasks = int(frames.task_key(rows).nunique())
        if tasks < LEAST_TASKS:
            small.append(f"{domain} ({tasks})")
        elif (choice := _choice(rows, point_usd, f"domain {domain}", notes)) is not None:
            rules.append(Rule(when=When(domain=domain), **dict(choice)))
    if small:
        notes.append(f"no rule for domains of fewer than {LEAST_TASKS} tasks: {', '.join(small)}")
    return rules


def rule_text(rule: RuleFile) -> str:
    """The rule file as JSON."""
    return json.dumps(rule.model_dump(exclude_none=True), indent=2, ensure_ascii=False) + "\n"


def words(rule: RuleFile) -> str:
    """The rules as lines to read."""
    mark = "SIMULATED " if rule.run and rule.run.simulated else ""
    lines = [f"{mark}rules at ${rule.point_usd:g} per point:"]
    lines += [f"  domain {one.when.domain}: {_text(one)}" for one in rule.rules]
    lines.append(f"  otherwise: {_text(rule.otherwise)}")
    return "\n".join([*lines, *(f"note: {note}" for note in rule.notes)])


def _text(choice: Choice) -> str:
    score, cost = choice.score, choice.cost_usd
    points = f"{100 * score.value:.1f} points" if score and score.value is not None else "no score"
    price = f"${cost.value:.4g}" if cost and cost.value is not None else "cost unknown"
    sure = f", best choice with probability {choice.probability:.2f}" if choice.probability else ""
    return f"{choice.recipe} ({points}, {price} per answer{sure})"


def _only(trials: pd.DataFrame, recipes: Collection[str] | None) -> pd.DataFrame:
    there = frames.recipes(trials)
    for name in recipes or ():
        if name not in there:
            raise InputError(f"--recipes: unknown recipe {name!r}; {did_you_mean(name, there)}")
    return trials if recipes is None else trials[trials["recipe"].isin(list(recipes))]


def _choice(trials: pd.DataFrame, point_usd: float, what: str, notes: list[str]) -> Choice | None:
    """The recipe to take; None where nobody can be chosen, with the reason among the notes."""
    table = acceptability(trials, [point_usd])
    for name in table.attrs.get("left_out", ()):
        notes.append(f"{what}: {name} is left out, as its cost is not known")
    chosen = table[table["chosen"].astype(bool)] if len(table) else table
    if not len(chosen):
        why = table.attrs.get("lacking") or "no recipe has a known cost and a score"
        notes.append(f"{what}: no rule, {why}")
        return None
    row = chosen.iloc[0]
    own = trials[trials["recipe"].astype(str) == row["recipe"]]
    return Choice(
        recipe=str(row["recipe"]),
        score=_score(own),
        cost_usd=_cost(own),
        probability=_number(row["probability"]),
    )


def _score(own: pd.DataFrame) -> Expected:
    row = scores(own).iloc[0]
    return Expected(
        value=_number(row["score"]),
        low=_number(row["low"]),
        high=_number(row["high"]),
        n=int(row["n"]),
    )


def _cost(own: pd.DataFrame) -> Expected:
    """Mean US dollars per answer; unknown where one of them is."""
    costs = cost_per_task(own)
    values = costs.least.to_numpy(dtype=np.float64).ravel()
    if costs.unknown.sum() or not len(values) or not np.isfinite(values).all():
        return Expected(value=None, n=len(values))
    mean = mean_cost(values, rng=np.random.default_rng(0))
    return Expected(value=mean.value, low=_number(mean.low), high=_number(mean.high), n=mean.n)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
