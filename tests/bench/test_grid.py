"""The grid of 26 recipes over three models: what they share is paid once and charged in full."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_kit import rows

import fusion_eval as fe
from fusion_eval.api import plan as planned

REASONING = Path(__file__).parents[2] / "tasks" / "reasoning.yaml"
TASKS = 1


def _grid(results: Path, recipes: list[str] | None = None, replay: bool = False):
    return fe.run(
        REASONING, "grid-26", recipes=recipes, limit=TASKS, output_dir=results, replay=replay
    )


def test_43_calls_serve_26_recipes_that_would_make_123(tmp_path: Path):
    """Without sharing, a grid costs three times as much and compares recipes on other drafts."""
    plan = planned(REASONING, "grid-26", limit=TASKS, output_dir=tmp_path)
    run = _grid(tmp_path)

    charged, shared = 123 * TASKS, 43 * TASKS
    assert (plan.recipes, plan.total("charged"), plan.total("shared")) == (26, charged, shared)
    assert run.manifest["calls"]["charged"] == charged
    assert run.manifest["calls"]["made"] == shared
    assert not [trial for trial in rows(run, "trials") if trial["failure"]]


def test_each_recipe_of_the_grid_is_charged_what_it_costs_alone(tmp_path: Path):
    """A recipe that came last would look free, and whoever deploys it would meet the bill."""
    grid = _grid(tmp_path / "grid")
    shared = {(t["recipe"], t["task"]): t for t in rows(grid, "trials")}
    for recipe in sorted({name for name, _ in shared}):
        alone = _grid(tmp_path / recipe, [recipe])
        for trial in rows(alone, "trials"):
            together = shared[recipe, trial["task"]]
            assert together["cost_usd"] == pytest.approx(trial["cost_usd"], rel=1e-12)
            assert trial["spent_usd"] == pytest.approx(trial["cost_usd"], rel=1e-12)
            for column in ("score", "latency_s", "tokens_in", "tokens_out", "degraded"):
                assert together[column] == trial[column]
    spent, charged = (sum(t[name] for t in shared.values()) for name in ("spent_usd", "cost_usd"))
    assert spent < charged / 2


def test_a_grid_that_is_run_again_from_the_ledger_says_the_same(tmp_path: Path):
    """In another order of trials, or of arrival, nothing may be asked under another key."""
    first = _grid(tmp_path)
    again = _grid(tmp_path, replay=True)
    assert again.manifest["calls"]["made"] == 0
    wanted = ("recipe", "task", "score", "cost_usd", "latency_s", "failure", "degraded")
    before, after = (
        sorted(tuple(str(t[name]) for name in wanted) for t in rows(run, "trials"))
        for run in (first, again)
    )
    assert before == after
