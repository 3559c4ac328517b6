"""`summary.json`: everything that the report says, for programs. Scores are 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from fusion_eval import frames, stats
from fusion_eval.errors import StatisticsError
from fusion_eval.frames import per_task
from fusion_eval.report.against import against
from fusion_eval.report.audit import audit
from fusion_eval.report.cleaning import clean
from fusion_eval.report.curves import curves
from fusion_eval.report.design import designed
from fusion_eval.report.final_answers import read_answers
from fusion_eval.report.grader import grader_report
from fusion_eval.report.grid import choice_grid
from fusion_eval.report.kinds import by_kind, same_answers
from fusion_eval.report.measured import losses, sentences
from fusion_eval.report.money import calls_made, money, money_by, money_by_recipe, served_otherwise
from fusion_eval.report.more_tasks import to_decide, worth_deciding
from fusion_eval.report.parts import by_part
from fusion_eval.report.products import apart, product_findings, products
from fusion_eval.report.votes import uncounted
from fusion_eval.report.worth import worth
from fusion_eval.stats.breakdown import breakdown
from fusion_eval.stats.clusters import score_of
from fusion_eval.stats.latency import median
from fusion_eval.stats.points import Points, points
from fusion_eval.store import Run, read_run

LEVEL = 0.95
SEED = 0


def summarize(run: Run | str | Path, table: pd.DataFrame | None = None) -> dict[str, Any]:
    """The content of `summary.json`; its keys stand below, and a test keeps them.

    table : of `stats.pareto`, where it is there already
    """
    opened = run if isinstance(run, Run) else read_run(run)
    trials, calls = frames.trials(opened), frames.calls(opened)
    verdicts = frames.verdicts(opened)
    read = verdicts["value"].notna().groupby(verdicts["recipe"].astype(str)).agg(["size", "sum"])
    table = stats.pareto(trials, LEVEL, SEED) if table is None else table
    missing = missing_tasks(trials, opened.manifest)
    decisions = stats.decisions(trials, SEED)
    shared = points(trials)
    complete = per_task(trials, missing="complete")
    by_recipe = dict(iter(trials.groupby(trials["recipe"].astype(str), sort=False)))
    lost, failed = losses(opened.manifest), _failure_rates(trials)
    summary = {
        "run_id": opened.id,
        "simulated": opened.simulated,
        "status": opened.manifest.get("status", "unknown"),
        "unusable": lost,
        "not_measured": sentences(lost),
        "inputs": _inputs(opened.manifest),
        "tasks": _tasks(trials, opened.manifest),
        "repeats": _repeats(trials),
        "estimand": "mean score over new tasks like these; as deployed: a failed answer counts 0",
        "recipes": {
            row["recipe"]: _recipe(by_recipe[row["recipe"]], row, missing, shared, complete)
            | {"failure_rate": failed.get(row["recipe"])}
            | _verdicts(read, row["recipe"])
            for row in table.to_dict("records")
        },
        **against(trials, table, LEVEL, SEED),
        "token_limits": frames.token_limits(opened.manifest),
        "audit": audit(opened, trials),
        "products": products(trials, LEVEL),
        "decisions": decisions.to_dict("records"),
        "decisions_leave_out": decisions.attrs["left_out"],
        "decisions_bounded": decisions.attrs["bounded"],
        "decisions_beyond": {
            "recipes": decisions.attrs["beyond"],
            "from_usd": decisions.attrs["up_to"],
        },
        "common": {
            "tasks": len(shared.score),
            "lacking": decisions.attrs["lacking"] or None,
            "not_compared": dict(shared.left_out),
        },
        "ranks": _ranks(trials),
        "same_answers": same_answers(trials),
        "kinds": by_kind(trials, LEVEL),
        "acceptable": stats.acceptable(trials, level=LEVEL, seed=SEED).to_dict("records"),
        "never_answered": decisions.attrs["never_answered"],
        **curves(trials, LEVEL, SEED),
        "choice_grid": choice_grid(trials, LEVEL, SEED),
        **worth(trials, verdicts, calls, LEVEL, SEED),
        "domains": by_part(breakdown(trials, level=LEVEL)),
        "sections": by_part(breakdown(trials, verdicts, LEVEL, by="section")),
        **money(trials, opened.manifest.get("money")),
        "money": {
            "by_role": money_by(calls, "role"),
            "by_model": money_by(calls, "model"),
            "by_recipe": money_by_recipe(calls, trials),
            "served_otherwise": served_otherwise(calls),
            "run": opened.manifest.get("money"),
        },
        "grader": grader_report(opened),
        "final_answers": read_answers(verdicts),
        **designed(opened, trials, verdicts),
        "calls": calls_made(calls),
        "seed": opened.manifest.get("seed"),
        "statistics_seed": SEED,
    }
    summary["audit"] += product_findings(summary["products"])
    summary["audit"] += apart(trials, summary["recipes"])
    summary["audit"] += uncounted(trials, summary["recipes"])
    cleaned: dict[str, Any] = clean(summary)
    return cleaned | {
        "to_decide": to_decide(cleaned, trials, SEED),
        "worth_of_tasks": worth_deciding(cleaned),
    }


def _recipe(
    rows: pd.DataFrame,
    row: Mapping[Any, Any],
    missing: Mapping[str, list[str]],
    shared: Points,
    scores: pd.DataFrame,
) -> dict[str, Any]:
    answered = rows[rows["failure"].isna()]
    complete = scores[row["recipe"]].dropna()
    if row["recipe"] in shared.names:
        complete = complete[complete.index.isin(shared.tasks)]
    return {
        "strategy": row["strategy"] or None,
        "score": _score(rows, row, shared),
        "score_by_policy": stats.headline(rows, row["recipe"], LEVEL),
        "score_complete_cases": stats.mean_score(complete, LEVEL) if len(complete) else None,
        "cost_usd": _cost(row, rows),
        "latency_s": _latency(rows, "latency_s"),
        "first_token_s": _latency(rows, "first_token_s"),
        "trials": len(rows),
        "failed": int(row["failed"]),
        "failures": {str(k): int(v) for k, v in rows["failure"].value_counts().items()},
        "degraded": int(answered["degraded"].notna().sum()),
        "degradations": {str(k): int(v) for k, v in answered["degraded"].value_counts().items()},
        "ungraded": int(answered["score"].isna().sum()),
        "coverage": float(answered["coverage"].astype(float).mean()),
        "truncated": int((answered["finish"] == "length").sum()),
        "missing_tasks": missing.get(row["recipe"], []),
        "on_frontier": row["on_frontier"],
        "p_on_frontier": row["p_on_frontier"],
        "frontier": row["status"],
        "dominated_by": row["dominated_by"].split(", ") if row["dominated_by"] else [],
    }


def _verdicts(read: pd.DataFrame, recipe: str) -> dict[str, int]:
    """How many verdicts there are on a recipe, and how many of them nobody could read."""
    size, count = (int(read[name].get(recipe, 0)) for name in ("size", "sum"))
    return {"verdicts": size, "unread_verdicts": size - count}


def _score(rows: pd.DataFrame, row: Mapping[Any, Any], shared: Points) -> Any:
    """The mean over the tasks that all recipes have; over its own where it is not compared."""
    if not row["n"]:
        return None
    if row["recipe"] in shared.names:
        return score_of(shared.score[:, shared.names.index(row["recipe"])], shared.groups, LEVEL)
    return stats.mean_score(per_task(rows)[row["recipe"]].dropna(), LEVEL)


def _cost(row: Mapping[Any, Any], rows: pd.DataFrame) -> dict[str, Any] | None:
    """An estimate, with the number of trials of unknown cost; any makes it a lower bound."""
    if math.isnan(row["cost_usd"]):
        return None
    return {
        "value": row["cost_usd"],
        "low": row["cost_low"],
        "high": row["cost_high"],
        "level": LEVEL,
        "n": int(row["cost_n"]),
        "method": row["cost_method"],
        "unknown": int(row["cost_unknown"]),
        "lower_bound": bool(row["cost_unknown"]),
        **_largest(rows),
    }


def _largest(rows: pd.DataFrame) -> dict[str, Any]:
    """The task that costs most, and its share of the costs of all tasks."""
    costs = rows["cost_usd"].astype(float).groupby(rows["task"].astype(str)).mean().dropna()
    if not costs.sum() > 0:
        return {"largest_task": None, "largest_share": None}
    return {
        "largest_task": str(costs.idxmax()),
        "largest_share": float(costs.max() / costs.sum()),
    }


def _latency(rows: pd.DataFrame, column: str) -> dict[str, Any] | None:
    """Median over tasks with its interval, and the 95th percentile over trials (seconds)."""
    known = rows[rows[column].notna()] if column in rows else rows[:0]
    if not len(known):
        return None
    seconds = known[column].astype(float)
    source = known["latency_source"].dropna()
    return {
        **asdict(median(seconds.groupby(known["task_hash"]).mean(), LEVEL)),
        "p95": float(seconds.quantile(0.95)),
        "source": str(source.iloc[0]) if len(source) else None,
    }


def _failure_rates(trials: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Share of answers that failed, of each recipe, with its interval."""
    table = stats.failures(trials, level=LEVEL) if len(trials) else pd.DataFrame()
    rates = table[table["reading"] == "failure rate"] if len(table) else table
    kept = ("value", "low", "high", "n", "method")
    return {
        row["recipe"]: {**{name: row[name] for name in kept}, "level": LEVEL}
        for row in rates.to_dict("records")
    }


def _ranks(trials: pd.DataFrame) -> list[dict[Any, Any]]:
    """Rows of `stats.ranks`; none where there is nothing to rank."""
    try:
        return stats.ranks(trials, LEVEL, SEED).to_dict("records")
    except StatisticsError:
        return []


def _inputs(manifest: Mapping[str, Any]) -> dict[str, str | None]:
    """What was run, by name: task file (or imported file), bench, and the day."""
    tasks, bench, source = (
        part if isinstance(part := manifest.get(name), Mapping) else {}
        for name in ("tasks", "bench", "source")
    )
    day = manifest.get("started") or manifest.get("imported") or manifest.get("created")
    return {
        "tasks": tasks.get("name") or source.get("file"),
        "bench": bench.get("name"),
        "date": str(day)[:10] if day else None,
    }


def _repeats(trials: pd.DataFrame) -> int:
    """Answers that a recipe has to one task, at most; other tools number theirs from 1."""
    counts = trials.groupby(["recipe", "task_hash"], sort=False)["repeat"].nunique()
    return int(counts.max()) if len(counts) else 0


def _tasks(trials: pd.DataFrame, manifest: Mapping[str, Any]) -> int:
    planned = manifest.get("tasks")
    count = planned.get("count") if isinstance(planned, Mapping) else None
    return max(int(count or 0), int(trials["task_hash"].nunique()))


def missing_tasks(trials: pd.DataFrame, manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """For each recipe, the ids of tasks without a score: of this run, and planned for it."""
    found: dict[str, list[str]] = dict(per_task(trials).attrs["missing"])
    planned = manifest.get("tasks")
    hashes = planned.get("hashes", {}) if isinstance(planned, Mapping) else {}
    seen = set(trials["task_hash"].dropna())
    nowhere = [task for task, key in hashes.items() if key not in seen]
    return {name: sorted({*tasks, *nowhere}) for name, tasks in found.items()}
