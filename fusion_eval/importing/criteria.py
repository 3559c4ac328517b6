"""The criteria file: which criteria a task has, and what each weighs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from fusion_eval.core import POLICIES, digest
from fusion_eval.importing.columns import CRITERIA_COLUMNS, assign, taken
from fusion_eval.importing.problems import Problems
from fusion_eval.importing.reading import read


@dataclass(frozen=True)
class Criteria:
    """task -> criterion -> (weight, section), in the order of the file; task -> domain.

    `policy` names the score policy of all tasks.
    """

    of: dict[str, dict[str, tuple[float, str]]]
    domains: dict[str, str]
    policy: str = "draco"

    @classmethod
    def none(cls) -> Criteria:
        """No criteria: for tables of scores."""
        return cls({}, {})

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Task -> hash (16 hex digits) of its id, its criteria in any order, and its policy."""
        return {task: _hash(task, criteria, self.policy) for task, criteria in self.of.items()}

    def hash(self, task: str) -> str:
        """Hash of one task, known or not."""
        return self.hashes.get(task) or _hash(task, {}, "draco")


def _hash(task: str, criteria: dict[str, tuple[float, str]], policy: str) -> str:
    content = sorted([name, weight, section] for name, (weight, section) in criteria.items())
    named = [] if policy == "draco" else [policy]
    return digest([task, content, *named])[:16]


def read_criteria(path: Path, problems: Problems, policy: str = "draco") -> Criteria:
    """Read and check a criteria file; what is wrong goes into `problems`."""
    _check_policy(policy, problems)
    sheet = read(path)
    named = assign(sheet, CRITERIA_COLUMNS, {}, problems)
    if absent := [n for n in ("task", "criterion", "weight") if n not in named.used]:
        problems.add(path.name, *named.missing(absent))
        return Criteria.none()
    table = taken(sheet, named)
    weights = pd.to_numeric(table["weight"], errors="coerce")
    _check(table, weights, problems)
    return criteria_in(table, weights, policy)


def criteria_in(table: pd.DataFrame, weights: pd.Series, policy: str) -> Criteria:
    """The criteria of a table that has one row for each."""
    of: dict[str, dict[str, tuple[float, str]]] = {}
    domains: dict[str, str] = {}
    sections = table["section"] if "section" in table else pd.Series("", index=table.index)
    subjects = table["domain"] if "domain" in table else pd.Series("", index=table.index)
    for task, name, weight, section, domain in zip(
        table["task"], table["criterion"], weights, sections, subjects, strict=True
    ):
        of.setdefault(str(task), {})[str(name)] = (float(weight), str(section))
        domains.setdefault(str(task), str(domain))
    return Criteria(of, domains, policy)


def _check_policy(policy: str, problems: Problems) -> None:
    fitting = [p.name for p in POLICIES.values() if p.numerator == "weighted"]
    if policy not in fitting:
        problems.add("--score", f"no score policy {policy!r} for a table", ", ".join(fitting))


def criteria_of(table: pd.DataFrame, problems: Problems, policy: str) -> Criteria:
    """The criteria that a table of verdicts itself has weights for; two weights are a problem."""
    _check_policy(policy, problems)
    weights = pd.to_numeric(table["weight"], errors="coerce")
    rows = table[table["criterion"] != ""]
    once = rows.drop_duplicates(["task", "criterion", *_PARTS.intersection(rows)])
    _check(once, weights[once.index], problems)
    problems.raise_if_any()
    return criteria_in(once, weights[once.index], policy)


_PARTS = frozenset({"weight", "section"})


def _check(table: pd.DataFrame, weights: pd.Series, problems: Problems) -> None:
    for column in ("task", "criterion"):
        empty = table.index[table[column] == ""]
        problems.add_rows(empty, [f"{column} is empty"] * len(empty), "fill it in")
    bad = ~weights.abs().between(0, float("inf"), inclusive="neither")
    whats = [f"weight {text!r} of {name!r}" for text, name in
             zip(table.loc[bad, "weight"], table.loc[bad, "criterion"], strict=True)]  # fmt: skip
    problems.add_rows(table.index[bad], whats, "give a number other than 0")
    double = table.duplicated(["task", "criterion"])
    keys = table.loc[double, ["task", "criterion"]].itertuples(index=False)
    whats = [f"criterion {name!r} of task {task!r} for the second time" for task, name in keys]
    problems.add_rows(table.index[double], whats, "remove one or rename it")
