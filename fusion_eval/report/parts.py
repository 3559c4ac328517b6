"""Scores by domain of the task and by section of the rubric, as they stand in the summary."""

from __future__ import annotations

from typing import Any

import pandas as pd

Breakdown = dict[str, dict[str, Any]]
"""part -> recipe -> estimate, or None where the recipe has no score there"""
_KEPT = ("value", "low", "high", "level", "n", "method")


def by_part(table: pd.DataFrame) -> Breakdown:
    """The rows of `stats.breakdown`, by part and recipe."""
    found: Breakdown = {}
    for row in table.to_dict("records"):
        estimate = {name: row[name] for name in _KEPT} if row["n"] else None
        found.setdefault(row["part"], {})[row["recipe"]] = estimate
    return found
