"""Tools that a member may call while it answers: what they are called, what they cost, how often.

A call of a tool is a `Call` like that of a model, so it stands in the ledger, is shared between
recipes and replays. Its key holds the identity of the tool (`Model.id`), the arguments and the
draw; what a tool is called in the bench file is no part of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from fusion_eval.core.model import Endpoint, Model
from fusion_eval.core.price import Price

ROLE = "tool"
LISTING = "list"
"""The tool of an MCP server that is its list of tools."""
Source = Literal["function", "mcp", "world", "python"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One function that is offered to a model, as an OpenAI-compatible endpoint takes it."""

    name: str
    description: str
    parameters: dict[str, Any]
    model: Model

    @property
    def offered(self) -> dict[str, Any]:
        """The entry of a request's `tools`."""
        about = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": about}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSource:
    """Where tools come from, as an entry `tools:` of a bench file says.

    `identity` is what the source is (a dotted name, a command, a world), `usd` what one call
    costs, `only` the names that are offered (all where empty). `tools` are known before a run,
    except those of an MCP server, which lists them: that list is a call too, and is frozen with it.
    """

    name: str
    kind: Source
    identity: str
    usd: float = 0.0
    timeout_s: float = 30.0
    most_characters: int = 20_000
    only: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    how: dict[str, Any] = field(default_factory=dict)

    def model(self, tool: str) -> Model:
        """What stands for one of its tools where a call names its model; its price is per call."""
        usd = 0.0 if tool == LISTING and self.kind == "mcp" else self.usd
        name = f"tool:{self.name}" if tool == self.name else f"tool:{self.name}/{tool}"
        return Model(
            name=name,
            endpoint=Endpoint(
                name=f"tool:{self.name}",
                base_url=f"tool://{self.kind}",
                timeout_s=self.timeout_s,
            ),
            id=f"{self.identity}/{tool}",
            price=Price(input=0.0, output=0.0, request=usd),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """The tools of one member, and how much of them one answer may use.

    calls, usd, seconds : limits of one answer; the last turn is asked without tools
    blocked_hosts : hosts whose pages the guard withholds, beside those of benchmarks
    """

    sources: tuple[ToolSource, ...]
    calls: int = 8
    usd: float | None = None
    seconds: float = 300.0
    blocked_hosts: tuple[str, ...] = ()
