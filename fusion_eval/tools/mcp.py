"""Tools of a server that speaks the Model Context Protocol over stdio (extra `mcp`).

One process per server, started with the first call that the ledger does not hold. A task of its
own owns it, because whoever opens a connection of the official client must close it. What the
server writes beside the protocol is passed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from fusion_eval.tools.results import ToolFailedError

MOST_TOOLS = 64
_LONGEST_SCHEMA = 10_000
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_START_S = 20.0


class McpServer:
    """A server that is started when it is first needed, and again when it has died."""

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        self._command = command
        self._env = dict(env)
        self._session: asyncio.Future[Any] | None = None
        self._owner: asyncio.Task[None] | None = None
        self._over = asyncio.Event()

    async def listed(self) -> str:
        """Its tools as JSON: name, description and parameters of each."""
        session = await self._open()
        try:
            found = (await session.list_tools()).tools
        except Exception as problem:
            raise await self._broken(problem) from None
        return json.dumps([shown for tool in found[:MOST_TOOLS] if (shown := _shown(tool))])

    async def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """The text of a result. Raises ToolFailedError."""
        session = await self._open()
        try:
            found = await session.call_tool(tool, arguments)
        except Exception as problem:
            raise await self._broken(problem) from None
        parts = [part for part in getattr(found, "content", ()) if part is not None]
        text = "\n".join(_text(part) for part in parts)
        if getattr(found, "is_error", False) or getattr(found, "isError", False):
            gone = "unknown tool" in text.lower() or "not found" in text.lower()
            raise ToolFailedError("tool_gone" if gone else "tool_error", text[:500])
        return text

    async def close(self) -> None:
        """End the process."""
        self._over.set()
        if self._owner is not None:
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(self._owner, 5.0)

    async def _open(self) -> Any:
        if self._owner is None or self._owner.done():
            self._over = asyncio.Event()
            self._session = asyncio.get_running_loop().create_future()
            self._owner = asyncio.create_task(self._own(self._session, self._over))
        assert self._session is not None
        return await asyncio.shield(self._session)

    async def _own(self, session: asyncio.Future[Any], over: asyncio.Event) -> None:
        try:
            await self._serve(session, over)
        except BaseException as problem:
            if not session.done():
                why = f"its server cannot be started ({type(problem).__name__})"
                session.set_exception(ToolFailedError("tool_gone", why))
                session.exception()  # told to whoever waits; nobody may
            if isinstance(problem, asyncio.CancelledError):
                raise

    async def _serve(self, session: asyncio.Future[Any], over: asyncio.Event) -> None:
        try:
            from mcp import ClientSession, StdioServerParameters, stdio_client
        except ImportError:
            raise ToolFailedError("tool_gone", "the package `mcp` is not installed") from None
        program, *rest = self._command
        server = StdioServerParameters(command=program, args=rest, env=self._env or None)
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            async with (
                stdio_client(server, errlog=nowhere) as (reading, writing),
                ClientSession(reading, writing) as opened,
            ):
                async with asyncio.timeout(_START_S):
                    await opened.initialize()
                session.set_result(opened)
                await over.wait()

    async def _broken(self, problem: Exception) -> ToolFailedError:
        """What a problem of the connection means; a server that is gone is started anew next."""
        said = f"{type(problem).__name__}: {problem}"[:300]
        word = "tool_error"
        if "tool" in said.lower() and ("unknown" in said.lower() or "not found" in said.lower()):
            word = "tool_gone"
        if "clos" in said.lower() or isinstance(problem, OSError):
            word = "tool_gone"
            await self.close()
        return ToolFailedError(word, said)


def _shown(tool: Any) -> dict[str, Any] | None:
    """What is offered of a tool; None where its name could not be asked for."""
    schema = getattr(tool, "input_schema", None) or getattr(tool, "inputSchema", None)
    whole = schema if isinstance(schema, dict) else {}
    if len(json.dumps(whole)) > _LONGEST_SCHEMA:
        whole = {}
    if not _NAME.fullmatch(str(tool.name)):
        return None
    parameters = whole or {"type": "object", "properties": {}}
    about = (tool.description or tool.name)[:1_000]
    return {"name": tool.name, "description": about, "parameters": parameters}


def _text(part: Any) -> str:
    text = getattr(part, "text", None)
    if isinstance(text, str):
        return text
    inside = getattr(getattr(part, "resource", None), "text", None)
    return inside if isinstance(inside, str) else f"[{getattr(part, 'type', 'a part')}: no text]"
