"""A rubric: criteria that are graded, and groups of them. The groups make it a tree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from fusion_eval.core.value import Value

Kind = Literal["binary", "ternary", "ordinal", "reference"]
"""binary: met or not; ternary: also half met; ordinal: a grade on `scale`; reference: one grade on
`scale` for the answer and one for the task's reference answer."""

DEFAULT_SCALE = (0.0, 10.0)


class Criterion(Value):
    """One line of a rubric, or a group of lines (`criteria`), which is not graded itself.

    With a negative weight, *met* means that the error is present. `scale` is the lowest and the
    highest grade of an ordinal or reference criterion; verdicts hold grades as 0 to 1.
    """

    id: Annotated[str, Field(min_length=1)]
    requirement: str = ""
    weight: float
    section: str = ""
    tags: Annotated[tuple[str, ...], Field(strict=False)] = ()
    kind: Kind = "binary"
    scale: Annotated[tuple[float, float], Field(strict=False)] = DEFAULT_SCALE
    criteria: Annotated[tuple[Criterion, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _can_be_weighed_and_graded(self) -> Criterion:
        if self.weight == 0 or not math.isfinite(self.weight):
            raise ValueError(f"criterion {self.id!r} has weight {self.weight:g}; give it a weight")
        if not self.criteria and not self.requirement:
            raise ValueError(f"criterion {self.id!r} requires nothing; give it a requirement")
        low, high = self.scale
        if not low < high or not math.isfinite(high - low):
            raise ValueError(f"criterion {self.id!r}: scale must be [lowest, highest] grade")
        return self

    @property
    def content(self) -> dict[str, Any]:
        """What belongs to the hash of a task: tags do not, nor do fields at their defaults."""
        plain: dict[str, Any] = {
            "id": self.id,
            "requirement": self.requirement,
            "weight": self.weight,
            "section": self.section,
        }
        if self.kind != "binary":
            plain["kind"] = self.kind
        if self.kind in {"ordinal", "reference"}:
            plain["scale"] = list(self.scale)
        if self.criteria:
            plain["criteria"] = [one.content for one in self.criteria]
        return plain


def leaves(criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
    """The criteria that are graded, in their order.

    A rubric without groups is returned as it is. In a tree each leaf gets its share as weight: the
    product, from the root down, of each node's weight over the sum of its siblings' (shares sum
    to 1). Their weighted sum is then the recursive weighted mean of the tree. A leaf without a
    section gets the names of the groups around it, joined by `/`.
    """
    if not any(criterion.criteria for criterion in criteria):
        return tuple(criteria)
    return tuple(_shared(criteria, 1.0, ()))


def _shared(
    criteria: Sequence[Criterion], share: float, above: tuple[str, ...]
) -> Iterator[Criterion]:
    total = sum(criterion.weight for criterion in criteria)
    for criterion in criteria:
        own = share * criterion.weight / total
        if criterion.criteria:
            yield from _shared(criterion.criteria, own, (*above, criterion.id))
        else:
            section = criterion.section or "/".join(above)
            yield criterion.model_copy(update={"weight": own, "section": section})


def every(criteria: Sequence[Criterion]) -> Iterator[Criterion]:
    """All nodes of the tree, groups before what is in them."""
    for criterion in criteria:
        yield criterion
        yield from every(criterion.criteria)
