"""Reading `policy.yaml`: strictly, with all problems at once and their lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from fusion_eval.errors import InputError
from fusion_eval.gate.values import Beats, Coverage, Factor, Failures, Policy, Quality
from fusion_eval.loading.yaml_lines import Located, explain, read_yaml

KINDS: dict[str, type[BaseModel]] = {
    "quality": Quality,
    "cost": Factor,
    "latency": Factor,
    "failures": Failures,
    "coverage": Coverage,
    "beats": Beats,
}
"""How a rule begins in the file: `- quality: {margin: 2}`."""


def read_policy(path: str | Path) -> Policy:
    """The policy of a file. Raises InputError with every problem, each with file and line."""
    found = read_yaml(Path(path), InputError)
    value = found.value
    if not isinstance(value, dict):
        raise InputError(f"{path}:1: a policy is a mapping with `rules:`; see `fusion-eval init`")
    problems: list[str] = []
    rules = _rules(found, value.get("rules"), problems) if "rules" in value else None
    rest = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items() if k != "rules"}
    made: Policy | None = None
    try:
        made = Policy.model_validate(
            rest if rules is None else {**rest, "rules": rules or (Quality(),)}
        )
    except ValidationError as error:
        problems += explain(error, Policy, found.where)
    if problems or made is None:
        raise InputError(problems)
    return made


def _rules(found: Located, rules: Any, problems: list[str]) -> tuple[Any, ...]:
    if not isinstance(rules, list) or not rules:
        problems.append(
            f"{found.where(('rules',))}: rules is a list such as [quality: {{margin: 2}}]"
        )
        return ()
    return tuple(
        rule
        for k, entry in enumerate(rules)
        if (rule := _rule(found, k, entry, problems)) is not None
    )


def _rule(found: Located, k: int, entry: Any, problems: list[str]) -> Any:
    place = found.where(("rules", k))
    if isinstance(entry, str):
        entry = {entry: {}}
    if not isinstance(entry, dict) or len(entry) != 1 or next(iter(entry)) not in KINDS:
        problems.append(
            f"{place}: a rule is one of {', '.join(KINDS)}, as in `- quality: {{margin: 2}}`"
        )
        return None
    kind, content = next(iter(entry.items()))
    if not isinstance(content, Mapping | None):
        problems.append(f"{place}: {kind} takes a mapping, as in `- {kind}: {{…}}`")
        return None
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in (content or {}).items()}
    try:
        return KINDS[kind].model_validate({"kind": kind, **values})
    except ValidationError as error:
        problems += explain(error, KINDS[kind], lambda path: found.where(("rules", k, kind, *path)))
        return None
