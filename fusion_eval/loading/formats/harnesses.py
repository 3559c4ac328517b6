"""Task files of two fusion harnesses, as their users have them.

fusionHarness: a list of `id, prompt, criteria`, where a criterion has a text and a weight and no
id. openfusion: JSONL with `id, prompt, expected` and how to `match` it (exact, numeric, contains).
"""

from __future__ import annotations

import re
from typing import Any

from fusion_eval.loading.formats.fields import Fields, named

OPENFUSION_KEYS = ({"prompt", "expected"},)
_TEXTS = ("description", "text", "criterion", "requirement", "name")
_CHECKS = {"exact": "exact", "numeric": "numeric", "contains": "regex"}


def is_fusionharness(row: object) -> bool:
    """True for criteria that have a text of another name than ours, and no requirement or id."""
    criteria = row.get("criteria") if isinstance(row, dict) else None
    if not isinstance(criteria, list) or not criteria:
        return False
    return all(
        isinstance(one, dict)
        and not {"requirement", "id"} & one.keys()
        and any(isinstance(one.get(name), str) for name in _TEXTS)
        for one in criteria
    )


def fusionharness(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys; a negative criterion is one that a wrong claim meets."""
    fields = Fields(row)
    made = {
        "id": fields.identifier("id"),
        "prompt": fields.text("prompt"),
        "system": fields.text("system", needed=False) or None,
        "domain": fields.text("domain", "category", needed=False) or None,
        "criteria": named(
            [
                {
                    "requirement": one.text(*_TEXTS),
                    "weight": one.number("weight"),
                    "section": one.text("section", "axis", "category", needed=False),
                }
                for one in fields.entries("criteria")
            ]
        ),
        "metadata": fields.rest(),
        "score": "draco",
    }
    fields.check()
    return made


def openfusion(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys. `contains` becomes a pattern: the same words, any spacing and case."""
    fields = Fields(row)
    expected, match = fields.identifier("expected"), fields.text("match", needed=False) or "exact"
    if match not in _CHECKS:
        fields.wrong(f"match: should be one of {', '.join(_CHECKS)}, not {match!r:.60}")
    words = r"\s+".join(re.escape(word) for word in expected.split())
    made = {
        "id": fields.identifier("id"),
        "prompt": fields.text("prompt"),
        "target": f"(?i){words}" if match == "contains" else expected,
        "check": _CHECKS.get(match, "exact"),
        "metadata": fields.rest(),
    }
    fields.check()
    return made
