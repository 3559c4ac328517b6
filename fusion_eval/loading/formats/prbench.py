"""PRBench's row: `prompt_0, response_0, prompt_1, …`, texts to refer to, and an annotated rubric.

A criterion's weight stands under the name of its weight class. The hub's copy once went from
19,356 to 18,692 criteria with the same tasks: only the hash of a rubric tells them apart.
Source: scaleapi/PRBench `util.py` and `criteria.py`, arXiv:2511.11562.
"""

from __future__ import annotations

from typing import Any

from fusion_eval.loading.formats.fields import Fields

KEYS = ({"task", "rubric", "prompt_0"},)
TURNS = 10


def row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys; reference texts stand before the prompt they belong to."""
    fields = Fields(row)
    made = {
        "id": fields.identifier("task"),
        "turns": _turns(fields),
        "domain": fields.text("field", needed=False) or None,
        "criteria": [_criterion(one) for one in fields.entries("rubric")],
        "metadata": fields.rest(),
        "score": "prbench",
    }
    fields.check()
    return made


def _turns(fields: Fields) -> list[dict[str, str]]:
    turns: list[dict[str, str]] = []
    for i in range(TURNS):
        texts = fields.words(f"reference_texts_{i}")
        prompt = fields.text(f"prompt_{i}", needed=i == 0)
        reply = fields.text(f"response_{i}", needed=False)
        shown = "".join(f"Reference Text {n}:\n{text}\n\n" for n, text in enumerate(texts))
        turns += [{"role": "user", "content": shown + prompt}] if prompt else []
        turns += [{"role": "assistant", "content": reply}] if reply else []
    return turns


def _criterion(entry: Fields) -> dict[str, Any]:
    notes = entry.inside("annotations")
    kind = notes.text("weight_class")
    return {
        "id": entry.identifier("id"),
        "requirement": entry.text("title"),
        "weight": notes.number(f"{kind.replace(' ', '_')}_weight") if kind else 1.0,
        "section": notes.text("criteria_category", needed=False),
        "tags": [kind] if kind else [],
    }
