"""PaperBench's rubric: a tree of `requirements, weight, sub_tasks`; leaves have a category.

The prompt is the row's `prompt` where somebody added one, else the requirement of the root.
Nodes of weight 0 count nothing and are left out. Source: openai/frontier-evals `paperbench`
(MIT), arXiv:2504.01848.
"""

from __future__ import annotations

from typing import Any

from fusion_eval.loading.formats.fields import Fields

KEYS = ({"requirements", "sub_tasks"},)
MOST_LEVELS = 40


def row(row: dict[str, Any]) -> dict[str, Any]:
    """The row with our keys: one task for the whole tree."""
    fields = Fields(row)
    fields.any("weight")  # the root's own weight compares with nothing
    made = {
        "id": fields.identifier("paper_id", "id"),
        "prompt": fields.text("prompt", "requirements"),
        "domain": fields.text("domain", needed=False) or None,
        "criteria": _children(fields, 0),
        "metadata": {k: v for k, v in fields.rest().items() if v is not None},
        "score": "paperbench",
    }
    fields.check()
    return made


def _children(node: Fields, level: int) -> list[dict[str, Any]]:
    if level > MOST_LEVELS:
        node.wrong("nested too deep")
        return []
    return [_node(one, level) for one in node.entries("sub_tasks") if one.row.get("weight") != 0]


def _node(node: Fields, level: int) -> dict[str, Any]:
    made = {
        "id": node.identifier("id"),
        "requirement": node.text("requirements"),
        "weight": node.number("weight"),
    }
    if node.row.get("sub_tasks"):
        return {**made, "criteria": _children(node, level + 1)}
    fine = node.text("finegrained_task_category", needed=False)
    section = node.text("task_category", needed=False)
    return {**made, "section": section, "tags": [fine] if fine else []}
