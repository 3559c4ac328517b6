"""Parameters that the bench fills in, and no bench file: what a placebo needs to know.

A strategy that names one in its signature gets it; `bench.trials.run_recipe` hands it over.
"""

from __future__ import annotations

from typing import Annotated

from fusion_eval.core import Question, digest

GIVEN = "given by the bench"

Questions = Annotated[tuple[Question, ...], GIVEN]
"""The questions of all tasks of the files, without their rubrics."""

Seed = Annotated[int, GIVEN]
"""The seed of the bench."""


def place(count: int, seed: int, *content: str) -> int:
    """A place among `count` that looks random and follows from content and seed alone."""
    return int(digest([seed, *content])[:12], 16) % count
