"""From a name or a path to a World: all problems at once, each with its line and the way out."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from fusion_eval.errors import BenchFileError
from fusion_eval.simulator.world import World


def worlds() -> tuple[str, ...]:
    """Names of the worlds that come with the package."""
    folder = resources.files("fusion_eval.simulator") / "worlds"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def load_world(name_or_path: str) -> World:
    """Read a packaged world by its name, or a world file by its path.

    Raises BenchFileError, holding every problem of the file.
    """
    if name_or_path in worlds():
        folder = resources.files("fusion_eval.simulator") / "worlds"
        text = (folder / f"{name_or_path}.yaml").read_text("utf-8")
        return parse_world(text, f"{name_or_path}.yaml")
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        raise BenchFileError(_unknown(name_or_path))
    try:
        return parse_world(path.read_text("utf-8"), name_or_path)
    except (OSError, UnicodeDecodeError) as error:
        raise BenchFileError(f"{name_or_path}: cannot be read as UTF-8 text: {error}") from error


def parse_world(text: str, where: str) -> World:
    """A World from YAML text; `where` is its name in messages."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BenchFileError(f"{where}: not valid YAML: {error}") from error
    doubled = _doubled(node, where)
    try:
        world = World.model_validate(value)
    except ValidationError as error:
        raise BenchFileError([*doubled, *_problems(error, node, where)]) from error
    if doubled:
        raise BenchFileError(doubled)
    return world


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, worlds(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(worlds())}"
    return f"unknown world {name!r}; {hint} Or give the path of a world file (.yaml)."


def _problems(error: ValidationError, node: yaml.Node | None, where: str) -> list[str]:
    """One line per problem: where, what, which value."""
    found = []
    for problem in error.errors(include_url=False):
        place = ".".join(str(part) for part in problem["loc"]) or "the file"
        given = "" if isinstance(problem["input"], dict) else f", not {problem['input']!r:.60}"
        line = _line(node, problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        found.append(f"{where}:{line}: {place}: {message[:1].lower()}{message[1:]}{given}")
    return found


def _line(node: yaml.Node | None, place: tuple[Any, ...]) -> int:
    """Line of the deepest part of `place` that the file has."""
    line = node.start_mark.line if node else 0
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pairs = [(k, v) for k, v in node.value if getattr(k, "value", None) == str(part)]
            if not pairs:
                break
            line, node = pairs[-1][0].start_mark.line, pairs[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line
    return line + 1


def _doubled(node: yaml.Node | None, where: str) -> list[str]:
    """Keys that stand twice in one mapping; YAML would silently keep the last."""
    found, open_nodes, seen = [], [node], set()
    while open_nodes:
        at = open_nodes.pop()
        if id(at) in seen or not isinstance(at, yaml.MappingNode | yaml.SequenceNode):
            continue
        seen.add(id(at))
        if isinstance(at, yaml.SequenceNode):
            open_nodes += at.value
            continue
        names = [getattr(k, "value", None) for k, _ in at.value]
        for i, (k, v) in enumerate(at.value):
            open_nodes.append(v)
            if names[i] in names[:i]:
                found.append(f"{where}:{k.start_mark.line + 1}: key {names[i]!r} stands twice")
    return found
