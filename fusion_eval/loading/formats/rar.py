"""Rubrics as Rewards: `question, reference_answer, rubric` with `title, description, weight`.

Pitfalls have weights below 0. Source: the data sets RaR-Medicine and RaR-Science,
arXiv:2507.17746.
"""

from __future__ import annotations

from typing import Any

from fusion_eval.core.value import digest
from fusion_eval.loading.formats.fields import Fields, named

KEYS = ({"question", "rubric"}, {"question", "rubrics"})


def row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys; rows have no id, so a hash of the question names them."""
    fields = Fields(row)
    question = fields.text("question")
    made = {
        "id": fields.text("id", needed=False) or digest(question)[:12],
        "prompt": question,
        "domain": fields.text("domain", "question_source", needed=False) or None,
        "criteria": named([_criterion(one) for one in fields.entries("rubric", "rubrics")]),
        "metadata": fields.rest(),
        "score": "rar",
    }
    fields.check()
    return made


def _criterion(entry: Fields) -> dict[str, Any]:
    requirement = entry.text("description")
    title = entry.text("title", needed=False)
    kind = requirement.partition(" Criteria:")[0]
    return {
        "requirement": requirement,
        "weight": entry.number("weight"),
        "section": kind if kind in {"Essential", "Important", "Optional", "Pitfall"} else "",
        "tags": [title] if title else [],
    }
