"""The section `tools:` of a bench file, and the tools of a model or seat."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from fusion_eval.core.price import MOST_USD
from fusion_eval.core.value import Value


class McpEntry(Value):
    """A server of the Model Context Protocol over stdio, and the variables that it is given."""

    command: list[str] = Field(min_length=1)
    env: list[str] = Field(default_factory=list)


class ToolEntry(Value):
    """One source of tools: a function, an MCP server, the pages of a world, or Python.

    `usd` is what one call costs (0 where it is free; it must be said), `version` makes calls of
    another age other calls, `only` are the names that are offered of several.
    """

    function: str | None = None
    mcp: McpEntry | None = None
    world: str | None = None
    python: bool = False
    usd: float = Field(ge=0, le=MOST_USD)
    timeout_s: float = Field(default=30.0, gt=0, le=3_600)
    most_characters: int = Field(default=20_000, ge=200, le=1_000_000)
    only: list[str] | None = Field(default=None, min_length=1)
    version: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> ToolEntry:
        given = [
            self.function is not None,
            self.mcp is not None,
            self.world is not None,
            self.python,
        ]
        if sum(given) != 1:
            raise ValueError("a tool is a `function`, an `mcp` server, a `world` or `python: true`")
        return self


def _listed(value: Any) -> Any:
    return {"use": value} if isinstance(value, list) else value


class ToolUse(Value):
    """The tools of a member, and what one answer may use of them."""

    use: list[str] = Field(min_length=1)
    calls: int = Field(default=8, ge=1, le=100)
    usd: float | None = Field(default=None, gt=0)
    seconds: float = Field(default=300.0, gt=0)
    blocked_hosts: list[str] | None = None


Tooled = Annotated[ToolUse, BeforeValidator(_listed)]
"""`[search, read]`, or the same with limits."""
