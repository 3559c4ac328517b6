"""ResearchRubrics' row: `sample_id, prompt, rubrics`; verdicts may be 0, 0.5 and 1.

The hub's rows name a criterion `criterion, weight, axis`, the project's own tables `title,
weight, category` (and the task `task_name`). Source: scaleapi/researchrubrics (MIT),
arXiv:2511.07685.
"""

from __future__ import annotations

from typing import Any

from fusion_eval.loading.formats.fields import Fields, named

KEYS = ({"sample_id", "rubrics"}, {"task_name", "rubrics"})


def row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys."""
    fields = Fields(row)
    made = {
        "id": fields.identifier("sample_id", "task_name"),
        "prompt": fields.text("prompt"),
        "domain": fields.text("domain", needed=False) or None,
        "criteria": named([_criterion(one) for one in fields.entries("rubrics")]),
        "metadata": fields.rest(),
        "score": "researchrubrics",
    }
    fields.check()
    return made


def _criterion(entry: Fields) -> dict[str, Any]:
    return {
        "requirement": entry.text("criterion", "title"),
        "weight": entry.number("weight"),
        "section": entry.text("axis", "category", needed=False),
        "kind": "ternary",
    }
