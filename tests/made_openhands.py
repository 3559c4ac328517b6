"""Statistics of the public OpenHands results: from the two tables to one JSON document.

The rows carry no licence, so they are not published; what is computed from them is. `statistics`
gives everything that docs/openhands-in-public.md prints; `make reproduce DATA=…` runs it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

import fusion_eval as fe
from fusion_eval.stats import mean_cost
from fusion_eval.stats.multiple import holm
from fusion_eval.stats.ratio import positive_ratio

Floats = NDArray[np.float64]
LEVEL = 0.95
BENCH, AGENT, CODEX = "swe-bench", "openhands", "acp-codex"
SPLITS = 1000
"""Random halves of the tasks for cross-fitting the choice of a cascade."""


def statistics(folder: Path) -> dict[str, Any]:
    """All statistics of the page from `instances.parquet` and `published.csv` in `folder`."""
    rows = pd.read_parquet(folder / "instances.parquet")
    published = pd.read_csv(folder / "published.csv")
    main = _trials(rows[(rows["bench"] == BENCH) & (rows["agent"] == AGENT)])
    return {
        "source": {
            "repository": "OpenHands/openhands-index-results", "commit": "3015ac6",
            "rows": len(rows), "published": len(published),
            "cells": len(rows.groupby(["agent", "model", "bench"])),
            "zero_costs": int((rows["cost"] == 0).sum()),
            "zero_costs_codex": int(((rows["cost"] == 0) & (rows["agent"] == CODEX)).sum()),
            "codex_rows": int((rows["agent"] == CODEX).sum()),
            "unknown_costs": int(rows["cost"].isna().sum()),
            "empty_outcomes": int(rows["resolved"].isna().sum()),
        },
        "systems": systems(main),
        "pairs": pairs(main),
        "zeros": zeros(rows, main),
        "subagents": subagents(rows),
        "cascades": cascades(main),
        "errors": errors(main),
        "published": disagreements(rows, published),
    }  # fmt: skip


def _trials(rows: pd.DataFrame, name: str = "model") -> pd.DataFrame:
    """Trials as `fe.*` takes them; an empty outcome is a failed answer, a zero cost stays."""
    return pd.DataFrame(
        {
            "task": rows["task"],
            "recipe": rows[name],
            "score": rows["resolved"],
            "cost_usd": rows["cost"],
            "failure": np.where(rows["resolved"].isna(), "no outcome", None),
        }
    ).reset_index(drop=True)


def recorded(trials: pd.DataFrame) -> pd.DataFrame:
    """The same trials with costs of exactly 0 as unknown: no agent solves a task for free."""
    return trials.assign(cost_usd=trials["cost_usd"].where(trials["cost_usd"] > 0))


def wide(trials: pd.DataFrame, column: str) -> pd.DataFrame:
    """Tasks by recipes; an answer without outcome scores 0, as deployed."""
    table = trials.pivot(index="task", columns="recipe", values=column)
    return table.fillna(0.0) if column == "score" else table


def systems(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Score, dollars and place on the frontier of each model.

    Costs of 0 are unknown: bounded by 0 and the largest cost that the model has.
    """
    places = fe.pareto(recorded(trials)).set_index("recipe")
    counts = trials.groupby("recipe")
    out = []
    for name, row in places.sort_values("score", ascending=False).iterrows():
        costs = counts.get_group(name)["cost_usd"]
        paid = mean_cost(costs[costs > 0].to_numpy(), rng=np.random.default_rng(0))
        out.append({
            "model": name, "n": int(row["n"]), "empty": int(row["failed"]),
            **rounded_interval(row["score"], row["score_low"], row["score_high"], "score"),
            **rounded_interval(paid.value, paid.low, paid.high, "cost"),
            "cost_n": paid.n, "zero": int((costs == 0).sum()),
            "unknown": int(costs.isna().sum()),
            "on_frontier": None if row["on_frontier"] is None else bool(row["on_frontier"]),
            "p_on_frontier": rounded(row["p_on_frontier"]), "status": str(row["status"]),
        })  # fmt: skip
    return out


def pairs(trials: pd.DataFrame) -> dict[str, Any]:
    """All pairs of models: each test by itself, and what is left of it as a family."""
    table = fe.compare(trials)
    score = wide(trials, "score")
    exact = np.array([mcnemar(score[a], score[b]) for a, b in combinations(score, 2)])
    top = table[(table["a"] == "claude-fable-5") & (table["b"] == "claude-opus-4-8")].iloc[0]
    next_ = table[(table["a"] == "claude-opus-4-8") & (table["b"] == "claude-opus-4-7")].iloc[0]
    points = 100 * table["difference"].abs()
    return {
        "n": int(table["n"].min()), "pairs": len(table),
        "alone_flips": int((table["p"] < 0.05).sum()),
        "family_flips": int(table["conclusion"].isin(["better", "worse"]).sum()),
        "alone_mcnemar": int((exact < 0.05).sum()),
        "holm_mcnemar": int((holm(exact) < 0.05).sum()),
        "expected_null": rounded(0.05 * len(table)),
        "smallest_told_apart": rounded(
            points[table["conclusion"].isin(["better", "worse"])].min()),
        "largest_undecided": rounded(points[table["conclusion"] == "undecided"].max()),
        "top": _difference(top), "second": _difference(next_),
    }  # fmt: skip


def mcnemar(a: pd.Series, b: pd.Series) -> float:
    """Two-sided exact McNemar test (McNemar 1947): the binomial test on the discordant tasks."""
    wins, losses = int((a > b).sum()), int((a < b).sum())
    return float(binomtest(wins, wins + losses, 0.5).pvalue) if wins + losses else 1.0


def _difference(row: pd.Series) -> dict[str, Any]:
    return {
        "a": row["a"], "b": row["b"], "n": int(row["n"]), "conclusion": row["conclusion"],
        **rounded_interval(row["difference"], row["low"], row["high"], "difference"),
    }  # fmt: skip


def zeros(rows: pd.DataFrame, main: pd.DataFrame) -> dict[str, Any]:
    """The frontier with unrecorded costs read as free, and with them as unknown."""
    codex = rows[(rows["bench"] == BENCH) & (rows["agent"] == CODEX)]
    named = codex.assign(model=codex["agent"] + " " + codex["model"])
    both = pd.concat([main, _trials(named)], ignore_index=True)
    mean = both.groupby("recipe")[["score", "cost_usd"]].mean()
    free = _frontier(mean)
    without = both.groupby("recipe")["cost_usd"].transform(lambda c: (c == 0).any())
    paid = _frontier(both[~without].groupby("recipe")[["score", "cost_usd"]].mean())
    glm = main[main["recipe"] == "GLM-5"]
    cost = glm["cost_usd"]
    return {
        "free": free, "paid": paid, "lost": sorted(set(paid) - set(free)),
        "gained": sorted(set(free) - set(paid)), "models": len(mean),
        "glm": {
            "zero": int((cost == 0).sum()), "n": len(cost), "all_rows": rounded(cost.mean()),
            "paid_rows": rounded(cost[cost > 0].mean()), "upper": rounded(
                cost.where(cost > 0, cost.max()).mean()),
            "solved_free": int(((cost == 0) & (glm["score"] == 1)).sum()),
        },
    }  # fmt: skip


def _frontier(mean: pd.DataFrame) -> list[str]:
    """Recipes that no other beats on both means, cheapest first."""
    order = mean.sort_values(["cost_usd", "score"], ascending=[True, False])
    best, kept = -1.0, []
    for name, row in order.iterrows():
        if row["score"] > best:
            best, kept = row["score"], [*kept, str(name)]
    return kept


def subagents(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The same model with and without subagents, by bench, paired by task."""
    out = []
    wanted = rows[rows["agent"].isin([AGENT, "openhands_subagents"])]
    models = set(rows.loc[rows["agent"] == "openhands_subagents", "model"])
    for (model, bench), part in wanted[wanted["model"].isin(models)].groupby(["model", "bench"]):
        trials = _trials(part, "agent")
        row = fe.compare(trials, reference=AGENT).iloc[0]
        cost = recorded(trials).pivot(index="task", columns="recipe", values="cost_usd").dropna()
        ratio = positive_ratio(cost["openhands_subagents"], cost[AGENT])
        out.append({
            "model": model, "bench": bench, **_difference(row), "cost_n": ratio.n,
            **rounded_interval(ratio.value, ratio.low, ratio.high, "ratio"),
        })  # fmt: skip
    family = holm([_alone(rows, r["model"], r["bench"]) for r in out])
    return [r | {"p_holm": rounded(p)} for r, p in zip(out, family, strict=True)]


def _alone(rows: pd.DataFrame, model: str, bench: str) -> float:
    part = rows[(rows["model"] == model) & (rows["bench"] == bench)]
    trials = _trials(part[part["agent"].isin([AGENT, "openhands_subagents"])], "agent")
    return float(fe.compare(trials, reference=AGENT).iloc[0]["p"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascades:
    """Every cascade of two or three models with a perfect verifier.

    solved, dollars : shape (n_cascades, n_tasks); names : the models in the order they are asked
    """

    names: list[tuple[str, ...]]
    solved: Floats
    dollars: Floats


def all_cascades(score: pd.DataFrame, cost: pd.DataFrame) -> Cascades:
    """Cheapest model first; a further one is asked only where those before it failed."""
    order = list(cost.mean().sort_values().index)
    chains = [c for size in (2, 3) for c in combinations(order, size)]
    s = {m: score[m].to_numpy(dtype=np.float64) for m in order}
    c = {m: cost[m].to_numpy(dtype=np.float64) for m in order}
    solved, dollars = (np.empty((len(chains), len(score))) for _ in range(2))
    for i, chain in enumerate(chains):
        open_, paid = np.ones(len(score)), np.zeros(len(score))
        for model in chain:
            paid += open_ * c[model]
            open_ *= 1 - s[model]
        solved[i], dollars[i] = 1 - open_, paid
    return Cascades(names=chains, solved=solved, dollars=dollars)


def cascades(trials: pd.DataFrame) -> dict[str, Any]:
    """What a cascade with a perfect verifier could bring at most, its choice cross-fitted.

    Unknown and zero costs count as the model's mean over its paid tasks, so that no chain is
    cheaper for what was not recorded.
    """
    score = wide(trials, "score")
    cost = wide(recorded(trials), "cost_usd")
    cost = cost.fillna(cost.mean())
    chains = all_cascades(score, cost)
    leader = str(score.mean().idxmax())
    alone = score[leader].to_numpy(), cost[leader].to_numpy()
    everything = np.ones(len(score), dtype=bool)
    best = _cheapest(chains, alone, everything)
    without = [m for m in score if m != leader]
    rest = all_cascades(score[without], cost[without])
    second = str(score[without].mean().idxmax())
    next_ = score[second].to_numpy(), cost[second].to_numpy()
    other = _cheapest(rest, next_, everything)
    return {
        "chains": len(chains.names), "n": len(score), "leader": leader, "second": second,
        "lead": rounded(score[leader].mean() - score[second].mean()),
        "same_rows": _chain(chains, best, alone),
        "cross_fitted": _cross_fitted(chains, alone),
        "without_leader": {
            "same_rows": _chain(rest, other, next_), "cross_fitted": _cross_fitted(rest, next_)},
    }  # fmt: skip


def _cheapest(chains: Cascades, alone: tuple[Floats, Floats], tasks: NDArray[np.bool_]) -> int:
    """The cheapest chain that solves as many of these tasks as the model by itself."""
    enough = chains.solved[:, tasks].sum(axis=1) >= alone[0][tasks].sum()
    dollars = np.where(enough, chains.dollars[:, tasks].sum(axis=1), np.inf)
    return int(dollars.argmin())


def _chain(chains: Cascades, i: int, alone: tuple[Floats, Floats]) -> dict[str, Any]:
    ratio = positive_ratio(chains.dollars[i], alone[1])
    return {
        "models": list(chains.names[i]), "score": rounded(chains.solved[i].mean()),
        "cost": rounded(chains.dollars[i].mean()), "alone_score": rounded(alone[0].mean()),
        "alone_cost": rounded(alone[1].mean()),
        "more_tasks": int(chains.solved[i].sum() - alone[0].sum()),
        **rounded_interval(ratio.value, ratio.low, ratio.high, "ratio"),
    }  # fmt: skip


def _cross_fitted(chains: Cascades, alone: tuple[Floats, Floats]) -> dict[str, Any]:
    """Chosen on a random half of the tasks, measured on the other; middle 95 % over `SPLITS`."""
    rng = np.random.default_rng(0)
    n = len(alone[0])
    differences, ratios, chosen = [], [], []
    for _ in range(SPLITS):
        half = np.zeros(n, dtype=bool)
        half[rng.permutation(n)[: n // 2]] = True
        i = _cheapest(chains, alone, half)
        rest = ~half
        differences.append(chains.solved[i][rest].mean() - alone[0][rest].mean())
        ratios.append(chains.dollars[i][rest].sum() / alone[1][rest].sum())
        chosen.append(i)
    low, high = np.quantile(differences, [0.025, 0.975])
    cheap, dear = np.quantile(ratios, [0.025, 0.975])
    return {
        "splits": SPLITS, "chains_chosen": len(set(chosen)),
        "fewer": rounded(np.mean(np.array(differences) < 0)),
        **rounded_interval(np.mean(differences), low, high, "difference"),
        **rounded_interval(np.mean(ratios), cheap, dear, "ratio"),
    }  # fmt: skip


def errors(trials: pd.DataFrame) -> dict[str, Any]:
    """How alike the failures are: correlations of pairs, and what any selection could gain."""
    score = wide(trials, "score")
    x = score.to_numpy(dtype=np.float64)
    phi = np.corrcoef(x, rowvar=False)[np.triu_indices(x.shape[1], 1)]
    mean = float(phi.mean())
    low, high = _jackknifed(x)
    solved = x.sum(axis=1)
    never = int((solved == 0).sum())
    bound = binomtest(never, len(x)).proportion_ci(LEVEL, method="exact")
    return {
        "models": x.shape[1], "n": len(x), "pairs": len(phi),
        **rounded_interval(mean, low, high, "correlation"),
        "smallest": rounded(phi.min()), "largest": rounded(phi.max()),
        "effective": rounded(x.shape[1] / (1 + (x.shape[1] - 1) * mean)),
        "all_fail": never, "all_solve": int((solved == x.shape[1]).sum()),
        **rounded_interval(never / len(x), bound.low, bound.high, "ceiling_lost"),
        "one_model_only": int((solved == 1).sum()),
        "leader_only": int(((solved == 1) & (score["claude-fable-5"] == 1)).sum()),
    }  # fmt: skip


def _jackknifed(x: Floats) -> tuple[float, float]:
    """Delete-one-task jackknife interval of the mean correlation over pairs, normal quantile."""
    n, k = x.shape
    upper = np.triu_indices(k, 1)
    total, cross = x.sum(axis=0), x.T @ x
    values = []
    for row in x:
        s, c = total - row, cross - np.outer(row, row)
        m = s / (n - 1)
        cov = c / (n - 1) - np.outer(m, m)
        sd = np.sqrt(np.diag(cov))
        values.append((cov / np.outer(sd, sd))[upper].mean())
    spread = np.array(values)
    se = np.sqrt((n - 1) / n * ((spread - spread.mean()) ** 2).sum())
    full = np.corrcoef(x, rowvar=False)[upper].mean()
    return float(full - 1.959964 * se), float(full + 1.959964 * se)


def disagreements(rows: pd.DataFrame, published: pd.DataFrame) -> dict[str, Any]:
    """Published scores and costs against the means of their own rows."""
    key = ["agent", "model", "bench"]
    own = rows.groupby(key).agg(
        n=("task", "size"), empty=("resolved", lambda r: int(r.isna().sum())),
        score=("resolved", "mean"), whole=("resolved", lambda r: r.fillna(0).mean()),
        cost=("cost", "mean"), zero=("cost", lambda c: int((c == 0).sum())),
        unknown=("cost", lambda c: int(c.isna().sum())),
    ).reset_index()  # fmt: skip
    table = published.merge(own, on=key, suffixes=("_published", ""), how="left")
    off = (table["score_published"] - 100 * table["score"]).abs()
    off_whole = (table["score_published"] - 100 * table["whole"]).abs()
    relative = (table["cost_per_instance"] - table["cost"]).abs() / table["cost"]
    unpriced = (table["zero"] == table["n"]) & (table["cost_per_instance"] > 0)
    worst = off.sort_values(ascending=False).head(5).index
    return {
        "cells": len(table), "without_rows": int(table["n"].isna().sum()),
        "scores_off": int((off > 0.15).sum()),
        "scores_off_empty_0": int((off_whole > 0.15).sum()),
        "scores_off_with_empty": int(((off > 0.15) & (table["empty"] > 0)).sum()),
        "costs_off": int((~(relative <= 0.05) & table["n"].notna()).sum()),
        "costs_off_unknown": int((~(relative <= 0.05) & (table["unknown"] > 0)).sum()),
        "costs_off_zero": int((~(relative <= 0.05) & (table["zero"] > 0)).sum()),
        "published_cost_without_rows": int(unpriced.sum()),
        "worst": [
            {"agent": r["agent"], "model": r["model"], "bench": r["bench"],
             "published": rounded(r["score_published"]), "rows": rounded(100 * r["score"]),
             "n": int(r["n"]), "empty": int(r["empty"])}
            for _, r in table.loc[worst].iterrows()
        ],
    }  # fmt: skip


def rounded_interval(value: float, low: float, high: float, name: str) -> dict[str, Any]:
    return {name: rounded(value), f"{name}_low": rounded(low), f"{name}_high": rounded(high)}


def rounded(value: Any, digits: int = 6) -> float | None:
    """Six decimals: more than is printed, fewer than differ between machines."""
    number = float(value)
    return round(number, digits) if np.isfinite(number) else None


def differing(expected: Any, computed: Any, at: str = "") -> Sequence[str]:
    """JSON Pointers at which two documents differ by more than rounding."""
    if isinstance(expected, dict) and isinstance(computed, dict):
        keys = [*expected, *(k for k in computed if k not in expected)]
        return [p for k in keys for p in differing(expected.get(k), computed.get(k), f"{at}/{k}")]
    if isinstance(expected, list) and isinstance(computed, list) and len(expected) == len(computed):
        both = enumerate(zip(expected, computed, strict=True))
        return [p for i, (a, b) in both for p in differing(a, b, f"{at}/{i}")]
    if isinstance(expected, float) and isinstance(computed, int | float):
        return [] if abs(expected - computed) <= 2e-6 * max(1.0, abs(expected)) else [at]
    return [] if expected == computed else [at]
