"""What is not the same in a run and its baseline: named, and refused unless it is meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from fusion_eval.gate.baseline import Baseline

_SHOWN = 4
_GRADER = ("model", "models", "passes")


def differences(new: Baseline, old: Baseline) -> dict[str, list[str]]:
    """ground -> what differs, in words; empty where everything fits.

    Grounds are those of `values.Ground`. Tasks are compared by hash: a task whose prompt or rubric
    changed is another task.
    """
    found = {
        "prompts": _prompts(new.manifest, old.manifest),
        "grader": _grader(new.manifest, old.manifest),
        "protocol": _protocol(new.manifest, old.manifest),
        "tasks": _tasks(new, old),
        "filtered": _recipes(new, old),
    }
    return {ground: lines for ground, lines in found.items() if lines}


def refusals(found: Mapping[str, list[str]], allow: Collection[str]) -> list[str]:
    """What differs and nobody allowed, each with the way out."""
    return [
        f"{line}; run under the same, make a new baseline, or --allow {ground}"
        for ground, lines in found.items()
        if ground not in allow
        for line in lines
    ]


def _prompts(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    a, b = new.get("prompts") or {}, old.get("prompts") or {}
    changed = sorted(name for name in {*a, *b} if a.get(name) != b.get(name))
    return [f"prompts differ: {_named(changed)}"] if changed else []


def _grader(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    a, b = new.get("grader") or {}, old.get("grader") or {}
    return [
        f"the grader differs: {name} is {a.get(name)!r}, in the baseline {b.get(name)!r}"
        for name in _GRADER
        if a.get(name) != b.get(name)
    ]


def _protocol(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    a, b = new.get("grader") or {}, old.get("grader") or {}
    names = [name for name in ("protocol", "hash") if a.get(name) != b.get(name)]
    if not names or (names == ["hash"] and _grader(new, old)):
        return []  # the hash holds the grader too, and that was said
    said = [f"{m.get('protocol')} ({m.get('hash')})" for m in (a, b)]
    return [f"the grading protocol differs: {said[0]}, in the baseline {said[1]}"]


def _tasks(new: Baseline, old: Baseline) -> list[str]:
    a, b = (dict(zip(x.trials["task_hash"], x.trials["task"], strict=True)) for x in (new, old))
    gone, added = [b[h] for h in b if h not in a], [a[h] for h in a if h not in b]
    changed = sorted({str(t) for t in gone} & {str(t) for t in added})
    lines = [f"tasks changed since the baseline: {_named(changed)}"] if changed else []
    only = [sorted(str(t) for t in side if str(t) not in changed) for side in (gone, added)]
    lines += [f"tasks of the baseline that the run has not: {_named(only[0])}"] if only[0] else []
    lines += [f"tasks of the run that the baseline has not: {_named(only[1])}"] if only[1] else []
    return lines


def _recipes(new: Baseline, old: Baseline) -> list[str]:
    there = set(new.trials["recipe"].astype(str))
    missing = sorted(set(old.trials["recipe"].astype(str)) - there)
    return [f"recipes of the baseline that the run has not: {_named(missing)}"] if missing else []


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
