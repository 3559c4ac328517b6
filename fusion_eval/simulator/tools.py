"""Tools: a model of a world calls one where it is told to, and never of its own accord."""

from __future__ import annotations

import json
from typing import Any

from fusion_eval.simulator.forms import Content, fill
from fusion_eval.simulator.request import Request

_ARGUMENT = "something"


def called(request: Request) -> dict[str, Any] | None:
    """The call of a tool that a request demands, with arguments that fit its schema; else None."""
    choice, tools = request.body.get("tool_choice"), request.body.get("tools")
    functions = [_function(tool) for tool in tools] if isinstance(tools, list) else []
    wanted = _function(choice).get("name")
    if choice == "required":
        wanted = next((one.get("name") for one in functions), None)
    chosen = next((one for one in functions if wanted and one.get("name") == wanted), None)
    if chosen is None:
        return None
    arguments = fill(chosen.get("parameters"), Content(text=_ARGUMENT))
    function = {
        "name": wanted,
        "arguments": json.dumps(arguments if isinstance(arguments, dict) else {}),
    }
    return {"id": f"call_{request.draw[:24]}", "type": "function", "function": function}


def _function(tool: object) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function if isinstance(function, dict) else {}
