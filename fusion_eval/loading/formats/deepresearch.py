"""DeepResearch Bench (RACE): weighted dimensions of weighted criteria, graded against a reference.

The criteria and the reference articles are two files whose rows share an id; name both under
`files:`. Source: Ayanami0730/deep_research_bench (Apache-2.0), arXiv:2506.11763.
"""

from __future__ import annotations

from typing import Any

from fusion_eval.loading.formats.fields import Fields, named

KEYS = ({"criterions", "dimension_weight"}, {"prompt", "article"})


def row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys; `article` is the reference that every criterion compares with."""
    fields = Fields(row)
    weights, lists = fields.inside("dimension_weight"), fields.inside("criterions")
    groups = [_dimension(name, weights, lists) for name in lists.row]
    made = {
        "id": fields.identifier("id"),
        "prompt": fields.text("prompt"),
        "domain": fields.text("topic", "language", needed=False) or None,
        "reference": fields.text("article", needed=False) or None,
        "criteria": groups,
        "metadata": fields.rest(),
        "score": "deepresearch-bench",
    }
    if made["reference"] is None:
        fields.wrong("no reference article; name the criteria and the references under `files:`")
    fields.check()
    return made


def _dimension(name: str, weights: Fields, lists: Fields) -> dict[str, Any]:
    criteria = named([_criterion(one, name) for one in lists.entries(name)])
    unique = [{**one, "id": f"{name}-{one['id']}"} for one in criteria]
    return {"id": name, "weight": weights.number(name), "criteria": unique}


def _criterion(entry: Fields, dimension: str) -> dict[str, Any]:
    why = entry.text("explanation", needed=False)
    criterion = entry.text("criterion")
    return {
        "requirement": f"{criterion}\n{why}" if why else criterion,
        "weight": entry.number("weight"),
        "section": dimension,
        "kind": "reference",
        "scale": [0.0, 10.0],
    }
