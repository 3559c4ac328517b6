"""Cells of the coverage report on whole tables: many recipes, domains, clusters, days, collapses.

Each makes tables of its own in which the truth is known, by a generator alone; see `cover_cells`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from cover_cells import ALARM, CONTROL, Cell
from cover_worlds import Floats

import fusion_eval as fe
from fusion_eval import stats
from fusion_eval.stats.dominance import dominators
from fusion_eval.stats.evidence import evidence
from fusion_eval.stats.gains import gains
from fusion_eval.stats.matched import matched
from fusion_eval.stats.points import Points
from fusion_eval.stats.ratio import positive_ratio
from fusion_eval.stats.study import decide
from fusion_eval.stats.tables import tidied

Rng = np.random.Generator
CLUSTERS = {"[20, 10, 5, 3, 2]": [20, 10, 5, 3, 2], "15 of 4": [4] * 15, "2 of 40": [40, 40]}
DOMAINS = {"2 of 3, 10 of 2": [3, 3] + [2] * 10, "6 of 5": [5] * 6, "4 of 10": [10] * 4}
FLIPS = 499
_WORDS = ("better", "worse")
_STUDY = {
    "rule": "all", "margin": 2.0,
    "contrasts": {"domain": {"plus": ["r1"], "minus": ["r0"], "by": "domain"}},
}  # fmt: skip


def _scores(n: int, recipes: int, rng: Rng, spread: float = 0.075) -> Floats:
    """Equal recipes: shape (n_tasks, n_recipes)."""
    level = rng.normal(0.55, 0.1, (n, 1))
    return np.clip(level + rng.normal(0, spread, (n, recipes)), 0, 1)


def _table(score: Floats, **more: Any) -> pd.DataFrame:
    n, k = score.shape
    rows = pd.DataFrame({
        "task": np.repeat([f"t{i}" for i in range(n)], k), "task_hash": np.repeat(range(n), k),
        "recipe": np.tile([f"r{j}" for j in range(k)], n), "repeat": 0, "score": score.ravel(),
    })  # fmt: skip
    rows["task_hash"] = rows["task_hash"].astype(str)
    return tidied(rows.assign(**{name: np.asarray(v).ravel() for name, v in more.items()}))


def _worded(table: pd.DataFrame) -> bool:
    return bool(table["conclusion"].isin(_WORDS).any())


def _many(n: int, recipes: int) -> Callable[[Rng, Any], bool]:
    """A leaderboard without prices: any word on the others against the observed winner."""

    def made(rng: Rng, _: Any) -> bool:
        score = _scores(n, recipes, rng)
        best = int(score.mean(axis=0).argmax())
        pairs = list(combinations(range(recipes), 2))
        d = np.column_stack([score[:, i] - score[:, j] for i, j in pairs])
        found = evidence(d, None, 0.95, 0, FLIPS)
        mine = np.array([best in pair for pair in pairs])
        return bool((found.adjusted[mine] < 0.05).any())

    return made


def _domains(sizes: list[int]) -> Callable[[Rng, Any], bool]:
    def made(rng: Rng, _: Any) -> bool:
        domain = np.repeat(np.repeat([f"d{k}" for k in range(len(sizes))], sizes), 2)
        table = _table(_scores(sum(sizes), 2, rng), domain=domain)
        rows = decide(table, _STUDY, flips=FLIPS).rows
        return any(row["conclusion"] in _WORDS for row in rows)

    return made


def _equal_dollars(n: int, recipes: int) -> Callable[[Rng, Any], bool]:
    """Two baselines and recipes between them in price, all of one score."""

    def made(rng: Rng, _: Any) -> bool:
        price = np.concatenate([[0.01, 0.05], rng.uniform(0.012, 0.045, recipes - 2)])
        cost = price * rng.lognormal(-0.18, 0.6, (n, recipes))
        strategy = np.tile(["solo", "solo", *["panel"] * (recipes - 2)], n)
        return _worded(matched(_table(_scores(n, recipes, rng), cost_usd=cost, strategy=strategy)))

    return made


def _dominated(n: int, recipes: int) -> Callable[[Rng, Any], bool]:
    """Costs clearly differ, scores do not: nobody is dominated."""

    def made(rng: Rng, _: Any) -> bool:
        price = 0.01 * 1.5 ** np.arange(recipes)
        cost = price * rng.lognormal(-0.02, 0.2, (n, recipes))
        names, known = [f"r{k}" for k in range(recipes)], np.ones(recipes, bool)
        data = Points(names, _scores(n, recipes, rng), cost, known)
        return any(dominators(data, 0.05))

    return made


def _clustered(sizes: list[int], rng: Rng, recipes: int = 3) -> pd.DataFrame:
    """Equal recipes whose differences share .3 of their variance within a cluster."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    shared = rng.normal(0, 0.075 * 0.3**0.5, (len(sizes), recipes))[group]
    own = rng.normal(0, 0.075 * 0.7**0.5, (len(group), recipes))
    score = np.clip(rng.normal(0.55, 0.1, (len(group), 1)) + shared + own, 0, 1)
    return _table(score, cluster=np.repeat(group.astype(str), recipes))


def _claims(table: pd.DataFrame) -> bool:
    pair = pd.DataFrame([{"claim": "c", "says": "above", "a": "r0", "b": "r1"}])
    return bool(fe.claims(table, pair, flips=FLIPS).loc[0, "verdict"] != "undecided")


def _gained(table: pd.DataFrame) -> bool:
    found = gains(table.assign(domain="all"), "r0", "r1")
    row = found[found["by"] == "domain"].iloc[0]
    return not row["low"] <= 0 <= row["high"]


_BY_CLUSTER: dict[str, Callable[[pd.DataFrame], bool]] = {
    "fe.compare: a false word": lambda t: _worded(stats.compare(t, flips=FLIPS)),
    "fe.claims: a false verdict": _claims,
    "fe.ranks: an equal recipe is not first": lambda t: (
        not stats.ranks(t, flips=FLIPS)["maybe_best"].all()
    ),
    "fe.best: an equal recipe is excluded": lambda t: (
        stats.best(t, flips=FLIPS).loc[0, "maybe_best"].count(",") < 2
    ),
    "fe.scaling: a gain that is none": lambda t: bool(
        (fe.scaling(t, {"r0": 1, "r1": 2}, flips=FLIPS)["p_adjusted"] < 0.05).any()
    ),
    "fe.gains: a gain that is none": _gained,
}


def _saturated(n: int) -> Callable[[Rng, Any], bool]:
    """One recipe is always right, the other fails one task in twenty: never equivalent within 2."""

    def made(rng: Rng, _: Any) -> bool:
        score = np.column_stack([np.ones(n), (rng.random(n) > 0.05).astype(float)])
        table = stats.compare(_table(score), margin=2, flips=FLIPS)
        return bool((table["conclusion"] == "equivalent").any())

    return made


def _days(n: int) -> Callable[[Rng, Any], bool]:
    """One system on two days that differ by a common shift (SD one point)."""

    def made(rng: Rng, _: Any) -> bool:
        score = _scores(n, 2, rng) + np.array([[0.0, rng.normal(0, 0.01)]])
        return _worded(stats.compare(_table(np.clip(score, 0, 1)), flips=FLIPS))

    return made


def _collapse(n: int, *, told: bool) -> Callable[[Rng, Any], bool]:
    """Equal means, one recipe at 0 on 3 % of tasks: a false word (that does not tell of it)."""

    def made(rng: Rng, _: Any) -> bool:
        score = _scores(n, 2, rng)
        score[:, 1] = np.where(rng.random(n) < 0.03, 0.0, score[:, 1] + 0.55 * 0.03 / 0.97)
        row = stats.compare(_table(np.clip(score, 0, 1)), flips=FLIPS).iloc[0]
        warned = "scores 0 would undo" in row["caveat"]
        return row["conclusion"] in _WORDS and not (told and warned)

    return made


def _heavy(n: int, log_sd: float) -> Callable[[Rng, Any], bool]:
    """The interval of a ratio of mean costs that are truly equal."""

    def made(rng: Rng, _: Any) -> bool:
        costs = rng.lognormal(0, log_sd, (2, n))
        found = positive_ratio(costs[0], costs[1])
        return bool(found.low <= 1 <= found.high)

    return made


def _rows(
    name: str, world: str, sizes: dict[int, Callable[[Rng, Any], bool]], **more: Any
) -> list[Cell]:
    return [
        Cell(name=name, world=world, n=n, function=function, truth=lambda _: None, alone=True,
             **{"share": 0.1, **more})
        for n, function in sizes.items()
    ]  # fmt: skip


TABLES: tuple[Cell, ...] = (
    *_rows("any word against the winner of equal recipes, all pairs", "42 recipes",
           {n: _many(n, 42) for n in (30, 100)}, **ALARM),
    *[cell for name, sizes in DOMAINS.items() for cell in
      _rows("a study's domain rows: any false word", name, {sum(sizes): _domains(sizes)}, **ALARM)],
    *[cell for k in (8, 20) for cell in
      _rows("fe.matched: any false word at equal dollars", f"{k} recipes",
            {n: _equal_dollars(n, k) for n in (30, 100)}, **ALARM)],
    *[cell for k in (8, 20) for cell in
      _rows("fe.pareto: anybody falsely dominated", f"{k} recipes",
            {n: _dominated(n, k) for n in (30, 100)}, **ALARM)],
    *[cell for world, sizes in CLUSTERS.items() for name, check in _BY_CLUSTER.items() for cell in
      _rows(f"clusters, {name}", world,
            {sum(sizes): lambda rng, _, s=sizes, c=check: c(_clustered(s, rng))}, **ALARM)],
    *_rows("fe.compare: `equivalent` of recipes 5 points apart", "saturated",
           {n: _saturated(n) for n in (10, 30, 100)}, **ALARM),
    *_rows("fe.compare: a false word that does not tell of collapses", "3 % collapse",
           {n: _collapse(n, told=True) for n in (10, 30, 100)}, **ALARM),
    *_rows("control: fe.compare, any false word", "3 % collapse",
           {n: _collapse(n, told=False) for n in (10, 30, 100)}, kind="control", nominal=0.05),
    *_rows("control: one system on two days, a false word", "days differ by a point (SD)",
           {n: _days(n) for n in (30, 100)}, kind="control", nominal=0.05),
    *[cell for log_sd in (0.6, 1.2, 2.0) for cell in
      _rows("control: a ratio of mean costs, log-delta", f"costs of log-SD {log_sd}",
            {n: _heavy(n, log_sd) for n in (10, 30, 100)}, share=1.0, **CONTROL)],
)  # fmt: skip
