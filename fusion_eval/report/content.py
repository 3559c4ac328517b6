"""The sections of a report in their order; every printer prints these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_eval.report.blocks import Look, Section, Text
from fusion_eval.report.notes import gaps
from fusion_eval.report.sections.design import design
from fusion_eval.report.sections.differences import breakdowns, comparisons, ranks
from fusion_eval.report.sections.money import money
from fusion_eval.report.sections.recipes import recipes, seconds
from fusion_eval.report.sections.trust import trust
from fusion_eval.report.sections.worth import worth


def sections(summary: Mapping[str, Any]) -> Iterator[Section]:
    """All that a report says of a run below its first screen, from `summary.json`."""
    look = Look(summary)
    yield recipes(summary, look)
    if (timed := seconds(summary, look)) is not None:
        yield timed
    if (compared := comparisons(summary, look)) is not None:
        yield compared
    if (ranked := ranks(summary, look)) is not None:
        yield ranked
    yield from design(summary, look)
    yield from breakdowns(summary, look)
    yield from worth(summary, look)
    if (graded := trust(summary["grader"], look.below("grader"))) is not None:
        yield graded
    yield money(summary, look)
    yield Section("gaps", "Gaps", (Text("\n\n".join(gaps(summary))),))
