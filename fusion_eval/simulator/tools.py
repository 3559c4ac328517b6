"""Tools: a model calls one where it is told to, and of its own accord where its world has pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fusion_eval.simulator.catalogue import Known
from fusion_eval.simulator.evidence import wanted
from fusion_eval.simulator.forms import Content, fill
from fusion_eval.simulator.request import Request
from fusion_eval.simulator.world import World

_ARGUMENT = "something"


def called(request: Request) -> dict[str, Any] | None:
    """The call of a tool that a request demands, with arguments that fit its schema; else None."""
    choice, tools = request.body.get("tool_choice"), request.body.get("tools")
    functions = [_function(tool) for tool in tools] if isinstance(tools, list) else []
    name = _function(choice).get("name")
    if choice == "required":
        name = next((one.get("name") for one in functions), None)
    chosen = next((one for one in functions if name and one.get("name") == name), None)
    if chosen is None:
        return None
    arguments = fill(chosen.get("parameters"), Content(text=_ARGUMENT))
    return _call(request, str(name), arguments if isinstance(arguments, dict) else {})


def researched(world: World, known: Known | None, request: Request) -> dict[str, Any] | None:
    """The call that a model makes of its own accord, where its world has pages; else None."""
    next_call = wanted(world, known.prompt if known else request.text, request.body, request.draw)
    return _call(request, *next_call) if next_call else None


def _call(request: Request, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"id": f"call_{request.draw[:24]}", "type": "function", "function": function}


def _function(tool: object) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function if isinstance(function, dict) else {}
