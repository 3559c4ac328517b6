"""HealthBench's row: a conversation in `prompt`, and `rubrics` with points of either sign.

Source: openai/simple-evals `healthbench_eval.py` (MIT) and arXiv:2505.08775.
"""

from __future__ import annotations

from typing import Any

from fusion_eval.loading.formats.fields import Fields, conversation, named

KEYS = ({"prompt_id", "rubrics"},)


def row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys. Section: the criterion's axis; domain: the theme of the example."""
    fields = Fields(row)
    made = {
        "id": fields.identifier("prompt_id"),
        "turns": conversation(fields.entries("prompt")),
        "criteria": named([_criterion(one) for one in fields.entries("rubrics")]),
        "tags": (tags := fields.words("example_tags")),
        "domain": _tagged(tags, "theme") or None,
        "metadata": fields.rest(),
        "score": "healthbench",
    }
    fields.check()
    return made


def _criterion(entry: Fields) -> dict[str, Any]:
    tags = entry.words("tags")
    return {
        "requirement": entry.text("criterion"),
        "weight": entry.number("points"),
        "section": _tagged(tags, "axis"),
        "tags": tags,
    }


def _tagged(tags: list[str], kind: str) -> str:
    """What stands behind `kind:` in the first tag of that kind."""
    return next((tag.partition(":")[2] for tag in tags if tag.startswith(f"{kind}:")), "")
