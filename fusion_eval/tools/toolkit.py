"""All tools of a bench, as a `Send`: a call of a tool in, its result as a reply out.

A failure of a tool is a reply too: the model reads it and goes on, and a replay reads the same. So
no tool can stop a run, and an endpoint is never given up for one.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from fusion_eval.core import Attempt, Call, Reply, Send, ToolSource, Usage
from fusion_eval.core.price import MOST_USD
from fusion_eval.core.toolbox import LISTING
from fusion_eval.tools.functions import function
from fusion_eval.tools.mcp import McpServer
from fusion_eval.tools.results import ToolFailedError, ToolResult, readable, text_of
from fusion_eval.tools.sandboxed import python

Local = Callable[[str, dict[str, Any]], Awaitable[str]]
"""(tool, arguments) -> text: a source that this process holds."""


class Toolkit:
    """The sources of a bench; servers are started at their first call and end with the run.

    worlds : for each source of a simulated world (by name), what answers for it
    mask : takes keys out of a text
    """

    def __init__(
        self,
        sources: Iterable[ToolSource],
        worlds: Mapping[str, Local] | None = None,
        mask: Callable[[str], str] = str,
    ) -> None:
        self._mask = mask
        self._sources = {f"tool:{source.name}": source for source in sources}
        self._worlds = worlds or {}
        self._servers: dict[str, McpServer] = {}

    def beside(self, send: Send) -> Send:
        """`send`, with calls of tools going to the tools."""

        async def routed(call: Call) -> Reply:
            return await (self.send(call) if call.purpose == "tool" else send(call))

        return routed

    async def close(self) -> None:
        """End every server."""
        for server in self._servers.values():
            await server.close()

    async def send(self, call: Call) -> Reply:
        """One call of a tool; never raises for what the tool does."""
        source = self._sources[call.model.endpoint.name]
        tool = call.model.id.removeprefix(f"{source.identity}/")
        started = time.perf_counter()
        extra: dict[str, Any] = {}
        reported: float | None = None
        value: Any
        try:
            async with asyncio.timeout(source.timeout_s):
                value = await self._called(source, tool, json.loads(call.messages[-1].content))
            if isinstance(value, ToolResult):
                reported = _dollars(value.usd)
                value = value.text
            text = text_of(value)
            if not (source.kind == "mcp" and tool == LISTING):
                text = readable(text, source.most_characters)
        except TimeoutError:
            text = f"no result within {source.timeout_s:g} s"
            extra = {"tool_failure": "tool_timeout"}
        except ToolFailedError as problem:
            text = readable(problem.detail, 1_000)
            extra = {"tool_failure": problem.word}
        took = time.perf_counter() - started
        simulated = source.kind == "world"
        return Reply(
            text=self._mask(text),
            usage=Usage(),
            latency_s=1.0 if simulated else took,
            cost_reported=reported,
            simulated=simulated,
            attempts=(Attempt(number=1, latency_s=took, usage=Usage(), cost_reported=reported),),
            extra={**extra, "tool_usd": source.usd if reported is None else reported},
            asked_at=time.time(),
        )

    async def _called(self, source: ToolSource, tool: str, arguments: dict[str, Any]) -> Any:
        if source.kind == "function":
            return await function(source.how["function"])(arguments)
        if source.kind == "python":
            return await python(arguments, source.timeout_s)
        if source.kind == "world":
            return await self._worlds[source.name](tool, arguments)
        if source.name not in self._servers:
            env = {k: os.environ[k] for k in source.how.get("env", ()) if k in os.environ}
            self._servers[source.name] = McpServer(source.how["command"], env)
        server = self._servers[source.name]
        return await (server.listed() if tool == LISTING else server.call(tool, arguments))


def _dollars(usd: Any) -> float | None:
    """What a function says of its bill, if that is one."""
    is_number = isinstance(usd, int | float) and not isinstance(usd, bool)
    return float(usd) if is_number and 0 <= usd <= MOST_USD else None
