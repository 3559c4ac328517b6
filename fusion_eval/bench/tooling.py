"""From `tools:` of a bench file to the toolboxes of its members, and to what runs them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fusion_eval.core import Bench, Member, TaskSet, Tool, Toolbox, ToolSource, canonical
from fusion_eval.engine import keys
from fusion_eval.engine.masking import masker
from fusion_eval.errors import EndpointError, did_you_mean
from fusion_eval.loading.bench import BenchFile, EndpointEntry
from fusion_eval.loading.tooling import ToolEntry, ToolUse
from fusion_eval.simulator import Archive, load_world
from fusion_eval.simulator.evidence import TOOLS
from fusion_eval.tools import Toolkit
from fusion_eval.tools.functions import function
from fusion_eval.tools.sandboxed import DESCRIPTION, PARAMETERS


def source(
    name: str, entry: ToolEntry, endpoints: Mapping[str, EndpointEntry], tasks_hash: str
) -> ToolSource:
    """What an entry stands for. Raises ValueError with the way out."""
    common: dict[str, Any] = {
        "name": name, "usd": entry.usd, "timeout_s": entry.timeout_s,
        "most_characters": entry.most_characters, "only": tuple(entry.only or ()),
    }  # fmt: skip
    version = f"@{entry.version}" if entry.version else ""
    if entry.mcp is not None:
        how = {"command": entry.mcp.command, "env": entry.mcp.env}
        return ToolSource(
            kind="mcp", identity=f"{canonical(entry.mcp.command)}{version}", how=how, **common
        )
    if entry.function is not None:
        found = function(entry.function)
        made = ToolSource(
            kind="function", identity=f"{entry.function}{version}",
            how={"function": entry.function}, **common,
        )  # fmt: skip
        return _with(made, [(name, found.description, found.parameters)])
    if entry.python:
        made = ToolSource(kind="python", identity=f"python{version}", **common)
        return _with(made, [(name, DESCRIPTION, PARAMETERS)])
    endpoint = endpoints.get(entry.world or "")
    if endpoint is None or endpoint.simulator is None:
        simulators = [n for n, e in endpoints.items() if e.simulator is not None]
        way = did_you_mean(entry.world or "", simulators, "simulators are")
        raise ValueError(f"world {entry.world!r} is no endpoint that is a simulator; {way}")
    world = load_world(endpoint.simulator)
    if world.evidence is None:
        raise ValueError(f"world {endpoint.simulator!r} has no pages; `evidence` is one that has")
    made = ToolSource(
        kind="world", identity=f"{world.digest}/{tasks_hash}{version}",
        how={"world": endpoint.simulator}, **common,
    )  # fmt: skip
    return _with(made, [(t["name"], t["description"], t["parameters"]) for t in TOOLS])


def _with(made: ToolSource, tools: Sequence[tuple[str, str, dict[str, Any]]]) -> ToolSource:
    offered = (
        Tool(name=name, description=about, parameters=parameters, model=made.model(name))
        for name, about, parameters in tools
    )
    return replace(made, tools=tuple(offered))


def sources(
    file: BenchFile, tasks_hash: str, problem: Callable[[Sequence[str], str], None]
) -> dict[str, ToolSource]:
    """Every source of a bench file by name; `problem` hears what is wrong with one."""
    found: dict[str, ToolSource] = {}
    for name, entry in (file.tools or {}).items():
        try:
            found[name] = source(name, entry, file.endpoints, tasks_hash)
        except ValueError as error:
            problem(("tools", name), str(error))
    return found


def toolbox(
    use: ToolUse | None, there: Mapping[str, ToolSource], problem: Callable[[str], None]
) -> Toolbox | None:
    """The tools of one seat or model; `problem` hears of names that the bench does not have."""
    if use is None:
        return None
    for name in use.use:
        if name not in there:
            problem(f"unknown tool {name!r}; {did_you_mean(name, sorted(there))}")
    return Toolbox(
        sources=tuple(there[name] for name in use.use if name in there),
        calls=use.calls, usd=use.usd, seconds=use.seconds,
        blocked_hosts=tuple(host.casefold() for host in use.blocked_hosts or ()),
    )  # fmt: skip


def everyone(members: Sequence[Member]) -> Iterator[Member]:
    """The members of some seats and of the recipes in them."""
    for member in members:
        yield member
        if member.recipe is not None:
            yield from everyone(member.recipe.members)


def sources_of(bench: Bench) -> dict[str, ToolSource]:
    """The sources that some member of a bench may call, by name."""
    return {
        source.name: source
        for recipe in bench.recipes.values()
        for member in everyone(recipe.members)
        for source in (member.tools.sources if member.tools else ())
    }


def toolkit_of(bench: Bench, tasks: TaskSet | None) -> Toolkit:
    """What runs the tools of a bench; `tasks` are what its simulators know."""
    sources = sources_of(bench)
    worlds = {
        name: Archive(load_world(source.how["world"]), tasks.tasks if tasks else ())
        for name, source in sources.items()
        if source.kind == "world"
    }
    return Toolkit(sources.values(), worlds, masker(_secrets(bench, sources.values())))


def _secrets(bench: Bench, sources: Iterable[ToolSource]) -> Iterator[str]:
    """What the environment gives to servers and endpoints: a tool may bring it back."""
    for source in sources:
        yield from (os.environ.get(name, "") for name in source.how.get("env", ()))
    for endpoint in bench.endpoints:
        with contextlib.suppress(EndpointError):  # said where the endpoint is asked
            yield from {keys.api_key(endpoint), *keys.secrets_in(endpoint)}
