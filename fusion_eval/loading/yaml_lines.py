"""YAML with the line of every value, so that an error can point at it.

Doubled keys are errors (PyYAML keeps the last one silently), as are aliases that grow without end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from fusion_eval.decoding import text_of
from fusion_eval.errors import InputError, did_you_mean

Path_ = tuple[str | int, ...]
"""Where a value stands in a document: keys and positions from the top."""

_MAX_BYTES = 64 * 2**20
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Numbers and truth as YAML 1.2 has them: `12:30`, `010`, `no` and `on` stay text.

    YAML 1.1 reads 750, 8, false and true.
    """


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, form)
        for tag, form in kinds
        if not tag.endswith((":int", ":float", ":timestamp", ":bool"))
    ]
    for first, kinds in _Base.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"(?:[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?[1-9][0-9]*[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


class Located:
    """A document as plain values, and the line of each; a value in memory has no lines."""

    def __init__(
        self,
        source: str,
        value: Any,
        lines: Mapping[Path_, int] | None,
        numbers: Mapping[Path_, str] | None = None,
    ) -> None:
        self.source = source
        self.value = value
        self._lines = lines
        self._numbers = numbers or {}

    def written(self, path: Sequence[str | int]) -> str | None:
        """A number as it stands in the file: `1.10` keeps its zero. None for anything else."""
        return self._numbers.get(tuple(path))

    def where(self, path: Sequence[str | int]) -> str:
        """`file:line` of the value at `path`, or of the nearest thing around it."""
        if self._lines is None:
            return ": ".join([self.source, *([".".join(map(str, path))] if path else [])])
        steps = tuple(path)
        while steps and steps not in self._lines:
            steps = steps[:-1]
        return f"{self.source}:{self._lines.get(steps, 1)}"


def read_text(path: Path, error: type[InputError]) -> str:
    """The text of a file of our own kinds, of 64 MB at most; see `decoding.text_of`."""
    return text_of(path, error, _MAX_BYTES)


def read_yaml(path: Path, error: type[InputError]) -> Located:
    """Read one YAML document; raises `error` for bad YAML and for every doubled key."""
    source = str(path)
    text = read_text(path, error)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as problem:
        raise error(_not_yaml(source, problem)) from None
    lines: dict[Path_, int] = {}
    problems: list[str] = []
    if node is None:
        return Located(source, None, lines)
    _walk(node, (), lines, problems, source, 0)
    if problems:
        raise error(list(dict.fromkeys(problems)))
    try:
        return Located(source, yaml.load(text, Loader=_Loader), lines, _numbers(node, ()))
    except (yaml.YAMLError, ValueError, TypeError) as problem:
        raise error(_not_yaml(source, problem)) from None


def _not_yaml(source: str, problem: Exception) -> str:
    mark = getattr(problem, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    what = getattr(problem, "problem", None) or str(problem).splitlines()[0]
    return f"{source}:{line}: not YAML: {_WAYS_OUT.get(what, what)}"


_WAYS_OUT = {
    "found character that cannot start any token": (
        "a tab, or a sign that YAML keeps for itself (`@`, a backtick, `%`); indent with spaces, "
        "and quote a text that begins with such a sign"
    ),
    "mapping values are not allowed in this context": (
        "a colon inside a text; quote the text, or write it below `>-`"
    ),
    "mapping values are not allowed here": (
        "a colon inside a text; quote the text, or write it below `>-`"
    ),
}
"""What the parser says of the most frequent slips -> what they are, and the way out."""


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
            if not isinstance(key, yaml.ScalarNode):
                problems.append(f"{source}:{line}: a key must be a word; quote a text with braces")
                continue
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


_NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}


def _numbers(node: yaml.Node, path: Path_) -> dict[Path_, str]:
    """The text of every number; called after `_walk` has refused documents without end."""
    if isinstance(node, yaml.ScalarNode):
        return {path: str(node.value)} if node.tag in _NUMBERS else {}
    parts: list[tuple[Any, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        parts = [(key.value, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        parts = list(enumerate(node.value))
    return {at: text for step, part in parts for at, text in _numbers(part, (*path, step)).items()}


def explain(error: ValidationError, model: type[BaseModel], where: Any) -> list[str]:
    """A pydantic error as `file:line: what; way out`, one line per problem.

    `where` turns a path into `file:line`. A misspelt key gets the known one that is closest.
    """
    problems = []
    for item in error.errors(include_url=False):
        path = item["loc"]
        place = where(path)
        field = ".".join(str(p) for p in path)
        text = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            known = sorted(_fields(model, path[:-1]))
            text = f"unknown key {path[-1]!r}; {did_you_mean(str(path[-1]), known)}"
        elif item["type"] == "model_type":
            kinds: dict[type, str] = {str: "a text", list: "a list"}
            kind = kinds.get(type(item["input"]), "one value")
            named = "" if not field or place.endswith(f": {field}") else f"{field}: "
            text = f"{named}{kind}, where keys with values belong, as in `id: a`"
        elif item["type"] == "missing":
            text = f"{path[-1]!r} is missing"
        elif field and not item["msg"].startswith("Value error"):
            given = repr(item.get("input"))
            named = "" if place.endswith(f": {field}") else f"{field}: "
            text = f"{named}{text} (given: {given[:60]})"
        problems.append(f"{place}: {text}")
    return problems


def _fields(model: type[BaseModel], path: Sequence[str | int]) -> set[str]:
    """Known keys of the model at `path`, as far as the annotations tell."""
    current: Any = model
    for step in path:
        if _is_model(current):
            field = current.model_fields.get(step)
            current = field.annotation if field else None
        else:  # an index into a list, or a key of a mapping
            inside = [arm for arm in get_args(current) if arm is not Ellipsis]
            current = (None, *inside)[-1]
        if get_origin(current) in {Union, UnionType}:
            current = next((arm for arm in get_args(current) if _is_model(arm)), current)
    return set(current.model_fields) if _is_model(current) else set()


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
