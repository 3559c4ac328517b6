"""YAML with the line of every value, so that an error can point at it.

Doubled keys are errors (PyYAML keeps the last one silently), as are aliases that grow without end.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from fusion_eval.errors import InputError

Path_ = tuple[str | int, ...]
"""Where a value stands in a document: keys and positions from the top."""

_MAX_BYTES = 64 * 2**20
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Located:
    """A document as plain values, and the line of each."""

    def __init__(self, source: str, value: Any, lines: Mapping[Path_, int]) -> None:
        self.source = source
        self.value = value
        self._lines = lines

    def where(self, path: Sequence[str | int]) -> str:
        """`file:line` of the value at `path`, or of the nearest thing around it."""
        steps = tuple(path)
        while steps and steps not in self._lines:
            steps = steps[:-1]
        return f"{self.source}:{self._lines.get(steps, 1)}"


def read_text(path: Path, error: type[InputError]) -> str:
    """The text of a file; raises `error` with the way out when it is missing or not UTF-8."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise error(f"{path}: larger than {_MAX_BYTES >> 20} MB; give a JSONL or Parquet file")
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise error(f"{path}: no such file{_near(path)}") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path}: byte {problem.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror})") from None


def _near(path: Path) -> str:
    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        return f"; there is no folder {path.parent} either"
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {path.parent / close[0]}?" if close else ""


def read_yaml(path: Path, error: type[InputError]) -> Located:
    """Read one YAML document; raises `error` for bad YAML and for every doubled key."""
    source = str(path)
    text = read_text(path, error)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        what = getattr(problem, "problem", None) or str(problem).splitlines()[0]
        raise error(f"{source}:{line}: not YAML: {what}") from None
    lines: dict[Path_, int] = {}
    problems: list[str] = []
    if node is None:
        return Located(source, None, lines)
    _walk(node, (), lines, problems, source, 0)
    if problems:
        raise error(problems)
    return Located(source, yaml.load(text, Loader=_Loader), lines)


def _walk(
    node: yaml.Node,
    path: Path_,
    lines: dict[Path_, int],
    problems: list[str],
    source: str,
    depth: int,
) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if depth > 40 or len(lines) > 2_000_000:
        problems.append(f"{source}:{node.start_mark.line + 1}: nested too deep, or too large")
    elif isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                problems.append(
                    f"{source}:{line}: {key.value!r} stands here and at line {seen[key.value]}; "
                    "keep one"
                )
            seen.setdefault(key.value, line)
            lines[(*path, key.value)] = line
            _walk(value, (*path, key.value), lines, problems, source, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            _walk(value, (*path, i), lines, problems, source, depth + 1)


def explain(error: ValidationError, model: type[BaseModel], where: Any) -> list[str]:
    """A pydantic error as `file:line: what; way out`, one line per problem.

    `where` turns a path into `file:line`. A misspelt key gets the known one that is closest.
    """
    problems = []
    for item in error.errors(include_url=False):
        path = item["loc"]
        field = ".".join(str(p) for p in path)
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            known = sorted(_fields(model, path[:-1]))
            close = difflib.get_close_matches(str(path[-1]), known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            text = f"unknown key {path[-1]!r}; {hint}"
        elif item["type"] == "missing":
            text = f"{path[-1]!r} is missing"
        elif field and not item["msg"].startswith("Value error"):
            given = repr(item.get("input"))
            text = f"{field}: {text} (given: {given[:60]})"
        problems.append(f"{where(path)}: {text}")
    return problems


def _fields(model: type[BaseModel], path: Sequence[str | int]) -> set[str]:
    """Known keys of the model at `path`, as far as the annotations tell."""
    current: Any = model
    for step in path:
        if isinstance(step, str) and isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(step)
            current = field.annotation if field else None
        current = _inner_model(current)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return set(current.model_fields)
    return set()


def _inner_model(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if (found := _inner_model(inner)) is not None:
            return found
    return None
