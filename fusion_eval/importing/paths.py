"""Dotted paths into JSON: `response.tokenUsage.prompt`, `stats[name.name=exact_match].mean`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Step = str | tuple[str, str]
"""A key or the place in a list; or (path, text): the first object of a list that has it there."""

_STEP = re.compile(r"\[(?P<path>[^=\]]+)=(?P<text>[^\]]*)\]|(?P<key>[^.\[\]]+)")
UP = "up"
"""Key under which a row has the plain values of the object that its list stands in."""


def steps_of(path: str) -> tuple[Step, ...]:
    """The parts of a path, left to right."""
    found = _STEP.finditer(path)
    return tuple(
        part["key"] if part["key"] is not None else (part["path"], part["text"]) for part in found
    )


def value_at(row: Any, path: str) -> Any:
    """What stands at the end of a path; None where it leads nowhere.

    A key that is spelled like the whole path comes first: `exact_match,none` and `a.b` may be keys.
    """
    if isinstance(row, Mapping) and path in row:
        return row[path]
    return _walk(row, steps_of(path))


def _walk(value: Any, steps: Sequence[Step]) -> Any:
    for at, step in enumerate(steps):
        if isinstance(step, tuple):
            value = _chosen(value, *step)
        elif isinstance(value, Mapping):
            if step not in value and (whole := _long_key(value, steps[at:])) is not None:
                return whole
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            return None
    return value


def _long_key(value: Mapping[str, Any], steps: Sequence[Step]) -> Any:
    """A key that itself holds dots, such as a model's name: `usage.gpt-4.1.input`."""
    names = [step for step in steps if isinstance(step, str)]
    for length in range(len(names), 1, -1):
        key = ".".join(names[:length])
        if key in value:
            return _walk(value[key], steps[length:])
    return None


def _chosen(value: Any, path: str, text: str) -> Any:
    rows = value if isinstance(value, list) else []
    return next((row for row in rows if str(value_at(row, path)) == text), None)


def rows_at(document: Any, path: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The objects that stand at a path of a JSON document, as rows; and what was passed over.

    `*` goes into every item of a list or value of an object; the keys that it passed are columns
    `key1`, `key2`, … of the row. A list at the end of the path is its rows. The plain values of
    the object above are in the row under `up`. A row that is a list has columns `0`, `1`, …; one
    that is a plain value has the column `value`.
    """
    rows: list[dict[str, Any]] = []
    plain: list[dict[str, Any]] = []
    passed: list[str] = []
    steps = path.split(".") if path not in ("", ".") else []
    for keys, above, value in _ends(document, steps, (), {}):
        named = {f"key{place}": str(key) for place, key in enumerate(keys, 1)}
        items = value if isinstance(value, list) and not _plain_list(value, keys) else [value]
        for item in items:
            made = {**named, **_row(item)} | ({UP: above} if above else {})
            (rows if isinstance(item, dict | list) else plain).append(made)
            if not isinstance(item, dict | list):
                passed.append(".".join(map(str, keys)) or path)
    return (rows, passed) if rows else ([row for row in plain if row["value"] is not None], [])


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    return enumerate(value, 1) if isinstance(value, list) else ()


def _ends(
    value: Any, steps: Sequence[str], keys: tuple[Any, ...], above: Mapping[str, Any]
) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any], Any]]:
    if not steps:
        yield keys, above, value
        return
    step, rest = steps[0], steps[1:]
    if isinstance(value, Mapping):
        above = {k: v for k, v in value.items() if not isinstance(v, dict | list)}
    if step == "*":
        for key, item in _items(value):
            yield from _ends(item, rest, (*keys, key), {} if isinstance(value, Mapping) else above)
    elif isinstance(value, list) and not step.isdecimal():
        for item in value:  # a list on the way: each of its items
            yield from _ends(item, steps, keys, above)
    else:
        yield from _ends(value_at(value, step), rest, keys, above)


def _plain_list(value: list[Any], keys: tuple[Any, ...]) -> bool:
    """`[51.4, "gemini"]` behind a `*` is one row; a list of objects is its rows."""
    return bool(keys) and not any(isinstance(item, dict) for item in value)


def _row(item: Any) -> dict[str, Any]:
    if isinstance(item, dict):
        return item
    if isinstance(item, list):
        return {str(place): one for place, one in enumerate(item)}
    return {"value": item}
