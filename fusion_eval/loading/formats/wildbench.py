"""WildBench's row: `conversation_input` and a `checklist` that guides one grade from 1 to 10.

Source: allenai/WildBench (Apache-2.0), arXiv:2406.04770.
"""

from __future__ import annotations

from typing import Any

from fusion_eval.loading.formats.fields import Fields, conversation

KEYS = ({"conversation_input", "checklist"},)


def row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys: one ordinal criterion, whose requirement is the checklist."""
    fields = Fields(row)
    checklist = fields.words("checklist")
    if not checklist:
        fields.wrong("'checklist' is missing or empty")
    questions = "\n".join(f"- {question.strip().lstrip('- ')}" for question in checklist)
    made = {
        "id": fields.identifier("id", "session_id"),
        "turns": conversation(fields.entries("conversation_input")),
        "domain": fields.text("primary_tag", needed=False) or None,
        "tags": fields.words("secondary_tags"),
        "criteria": [
            {
                "id": "overall",
                "requirement": "How good is the response as a whole, from 1 (very poor) to 10 "
                f"(perfect)? Consider:\n{questions}",
                "weight": 1.0,
                "kind": "ordinal",
                "scale": [1.0, 10.0],
            }
        ],
        "metadata": fields.rest(),
        "score": "wildbench",
    }
    fields.check()
    return made
