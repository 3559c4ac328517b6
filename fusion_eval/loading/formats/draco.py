"""DRACO's own row: `id, problem, answer, domain`, where `answer` is a rubric as a JSON string.

Source: the dataset card of perplexity-ai/draco (MIT) and arXiv:2602.11685.
"""

from __future__ import annotations

import json
from typing import Any

KEYS = ({"id", "problem", "answer"},)


def row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys; columns that we do not know go into `metadata`.

    Raises ValueError when the rubric is not the JSON that DRACO has.
    """
    try:
        answer: Any = row.get("answer")
        rubric = answer if isinstance(answer, dict) else json.loads(answer)
        criteria = [
            {**criterion, "weight": _number(criterion["weight"]), "section": section["id"]}
            for section in rubric["sections"]
            for criterion in section["criteria"]
        ]
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise ValueError(
            f"`answer` is not a DRACO rubric ({type(problem).__name__}: {problem}); "
            "it should be a JSON string with sections and criteria"
        ) from None
    rest = {k: v for k, v in row.items() if k not in {"id", "problem", "answer", "domain"}}
    return {
        "id": row.get("id"),
        "prompt": row.get("problem"),
        "domain": row.get("domain"),
        "criteria": criteria,
        "metadata": {**rest, "rubric": rubric.get("id")},
        "score": "draco",
    }


def _number(weight: object) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        raise TypeError(f"weight {weight!r} is not a number")
    return float(weight)
