"""The section `study:` of a bench file: a question with its hypothesis, its null and its rule.

Written before the run and kept in its manifest, so that the report can say confirmed, refuted or
not decided, and nobody has to choose the comparison after having seen it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from fusion_eval.core.value import Value

Claim = Literal["better", "worse", "equivalent"]


class ContrastEntry(Value):
    """A difference of two means over recipes (a name may stand twice to weigh twice).

    `claim` is what the hypothesis says of it; a contrast without a claim is shown and counts in
    the family, but decides nothing. `by: difficulty` takes the difference on the harder half of
    the tasks less that on the easier half, where the score of `measured_on` in the first repeat
    says which is harder and all other repeats give the difference; `by: domain` takes each domain
    less the rest.
    """

    plus: list[str] = Field(min_length=1)
    minus: list[str] = Field(min_length=1)
    claim: Claim | None = None
    by: Literal["difficulty", "domain"] | None = None
    measured_on: str | None = None

    @model_validator(mode="after")
    def _measured(self) -> ContrastEntry:
        if (self.by == "difficulty") != (self.measured_on is not None):
            raise ValueError("`by: difficulty` needs `measured_on`, and only that does")
        return self

    @property
    def recipes(self) -> list[str]:
        """Every recipe that it needs, each once."""
        more = [self.measured_on] if self.measured_on else []
        return list(dict.fromkeys([*self.plus, *self.minus, *more]))


class StudyEntry(Value):
    """A question, what is claimed, what would be the case if not, and what decides.

    `rule: all`: confirmed when every claim holds, refuted when one is contradicted; `any`:
    confirmed when one holds, refuted when all are contradicted. `margin` in points.
    """

    question: str = Field(min_length=1)
    hypothesis: str = Field(min_length=1)
    null_hypothesis: str = Field(min_length=1)
    rule: Literal["all", "any"] = "all"
    margin: float = Field(default=2.0, gt=0)
    contrasts: dict[str, ContrastEntry] = Field(min_length=1)

    @model_validator(mode="after")
    def _claims(self) -> StudyEntry:
        if all(contrast.claim is None for contrast in self.contrasts.values()):
            raise ValueError("no contrast has a claim, so nothing could decide; give `claim:`")
        return self
