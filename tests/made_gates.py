"""Sides of a gate out of arrays, for simulations: answers of one recipe by task and repeat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusion_eval.gate.baseline import Baseline
from fusion_eval.gate.check import judge
from fusion_eval.gate.rules import Sides
from fusion_eval.gate.values import Outcome, Policy

SECTIONS = pd.DataFrame(columns=["section", "recipe", "task_hash", "repeat", "score"])


def side(
    scores: np.ndarray,
    *,
    cost: np.ndarray | None = None,
    failed: np.ndarray | None = None,
    days: Mapping[int, str] | None = None,
    recipe: str = "solo",
) -> Baseline:
    """Answers of shape (tasks, repeats), each with an own text; a failed one has no score."""
    n, k = scores.shape
    trials = pd.DataFrame({
        "task_hash": np.repeat([f"t{i}" for i in range(n)], k),
        "task": np.repeat([f"t{i}" for i in range(n)], k),
        "recipe": recipe, "repeat": np.tile(np.arange(k), n), "score": scores.ravel(),
        "failure": None, "answer_hash": None, "domain": "", "coverage": 1.0,
        "cost_usd": np.ones(n * k) if cost is None else cost.ravel(),
    })  # fmt: skip
    if failed is not None:
        trials["failure"] = pd.Series(np.where(failed.ravel(), "timeout", None), dtype=object)
        trials["score"] = trials["score"].where(~failed.ravel())
    return Baseline(run_id="r", simulated=True, manifest={}, trials=trials, sections=SECTIONS,
                    days=days or {})  # fmt: skip


def said(new: Baseline, old: Baseline, policy: Policy) -> list[Outcome]:
    """What the gate says, rule by rule, and the guards that went off."""
    return judge(Sides(new=new, old=old, policy=policy))


def word(outcomes: list[Outcome]) -> str:
    """The word of the whole gate."""
    words = {outcome.word for outcome in outcomes}
    return "fail" if "fail" in words else "inconclusive" if "inconclusive" in words else "pass"
