"""What a number is about: these very tasks, new tasks of the same domains, or new domains.

The same mean has three standard errors, one for each question, and they differ by a factor of two
or more. So every table names its question, and nobody has to guess which one was answered.
"""

from __future__ import annotations

from typing import Literal, get_args

from fusion_eval.errors import StatisticsError, did_you_mean
from fusion_eval.frames import Missing

Estimand = Literal["these tasks", "new tasks", "new domains"]
"""`these tasks`: only answers and grading vary (the question of a gate). `new tasks`: tasks are a
sample from the same domains. `new domains`: the domains are a sample too."""

_ABOUT = {
    "these tasks": "on exactly these tasks",
    "new tasks": "on new tasks of the same domains",
    "new domains": "on new tasks of new domains",
}
FAILURES = {
    "as_deployed": "as deployed: a failed answer counts 0",
    "complete": "complete cases: failed answers are left out",
}


def named(what: str, estimand: Estimand, missing: Missing) -> str:
    """`mean score on new tasks of the same domains; as deployed: a failed answer counts 0`."""
    return f"{what} {_ABOUT[estimand]}; {FAILURES[missing]}"


def known(estimand: str) -> Estimand:
    """The estimand by its name; raises StatisticsError with the names there are."""
    for name in get_args(Estimand):
        if name == estimand:
            return name  # type: ignore[no-any-return]
    way = did_you_mean(estimand, get_args(Estimand))
    raise StatisticsError(f"unknown estimand {estimand!r}; {way}")
