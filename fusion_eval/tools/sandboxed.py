"""Python as a tool: code of a model, in the sandbox of `check: code` and nowhere else."""

from __future__ import annotations

import asyncio
from typing import Any

from fusion_eval.errors import InputError
from fusion_eval.grading.sandbox import run, sandbox
from fusion_eval.tools.results import ToolFailedError

DESCRIPTION = "Run Python without network or files, and get the value of one expression after it."
PARAMETERS = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "statements to run"},
        "expression": {"type": "string", "description": "what to evaluate then"},
    },
    "required": ["code", "expression"],
    "additionalProperties": False,
}


async def python(arguments: dict[str, Any], seconds: float) -> str:
    """The value of the expression, as Python writes it. Raises ToolFailedError."""
    code, expression = arguments.get("code"), arguments.get("expression")
    if not (isinstance(code, str) and isinstance(expression, str)):
        raise ToolFailedError("bad_arguments", "give `code` and `expression`, both as text")
    try:
        ran = await asyncio.to_thread(run, sandbox(), code, [expression], min(seconds, 10.0))
    except InputError as problem:
        raise ToolFailedError("tool_gone", str(problem)) from None
    values = [line["value"] for line in ran.lines if "value" in line]
    if not values:
        told = next((str(line["failed"]) for line in ran.lines if "failed" in line), "")
        raise ToolFailedError("tool_error", ran.stopped or told or "it gave no value")
    return str(values[-1])
