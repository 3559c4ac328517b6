"""ProfBench's row: `task_id, domain, prompt, rubrics`, with words for weights.

Source: NVlabs/ProfBench (MIT), arXiv:2510.18941. The documents of a task are not in its row:
their paths stay in the metadata, and what the prompt says of them is all that is asked.
"""

from __future__ import annotations

from typing import Any

from fusion_eval.loading.formats.fields import Fields, named

KEYS = ({"task_id", "rubrics", "prompt"},)
WEIGHTS = {"Critical": 4.0, "Major": 3.0, "Minor": 2.0, "Additional": 1.0}


def row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys; the headline is the mean over its domains."""
    fields = Fields(row)
    made = {
        "id": fields.identifier("task_id"),
        "prompt": fields.text("prompt"),
        "domain": fields.text("domain"),
        "criteria": named([_criterion(one) for one in fields.entries("rubrics")]),
        "metadata": fields.rest(),
        "score": "profbench",
    }
    fields.check()
    return made


def _criterion(entry: Fields) -> dict[str, Any]:
    kinds = entry.words("criterion_type")
    return {
        "requirement": entry.text("criterion_description"),
        "weight": entry.word("criterion_weight", WEIGHTS),
        "section": kinds[0] if kinds else "",
        "tags": kinds,
    }
