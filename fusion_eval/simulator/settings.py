"""Everything that can be set in a world: about its models, and about the mechanism.

Standings are in latent units: a statement is made when standing + noise is above 0, all parts are
normal, and `spread` gives their standard deviations. Odds are in logits. Strict as every file of
ours: an unknown key or a probability of 1.2 is an error.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Size = Annotated[float, Field(ge=0, le=1e6)]
Units = Annotated[float, Field(ge=-20, le=20)]


class Value(BaseModel):
    """Base of everything in a world file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Spread(Value):
    """Standard deviations, in latent units, of everything that differs."""

    task: Size
    criterion: Size
    domain: Size
    maker_task: Size
    model_task: Size
    maker_criterion: Size
    model_criterion: Size
    answer: Size
    draw: Annotated[float, Field(gt=0, le=1e6)]


class Errors(Value):
    """How likely an error is stated: base standing, and how far it differs between errors."""

    base: Units
    criterion: Size


class Checkable(Value):
    """Tasks with one right answer: from ability and difficulty (1 to 5) to the chance of it."""

    base: Units
    per_ability: Units
    per_difficulty: Units
    unknown_difficulty: Size
    tempting: Annotated[tuple[Size, ...], Field(strict=False, min_length=1)]
    own_weight: Size
    slip: Share


class Writing(Value):
    """Writing one answer from several: odds of keeping what candidates say (logits).

    keep = mix(unskilled, right or error; writer's skill) + per_doubling * log2(support)
    - crowd * log2(candidates) + belief * (2 * chance that the writer would say it - 1)

    What no candidate says is added with `adds_…` times the chance that the writer would say it,
    at a standing that is `reminded` units above its own: others' answers jog its memory. For the
    share `common` of the criteria, what decides is the same for all writers in every request, and
    for the share `steady` a writer's own taste is.

    With the chance `copies`, a writer weighs nothing and hands on what one candidate says, picked
    at random; each right point is lost on the way with the chance `drops`.
    """

    right: Units
    error: Units
    unskilled: Units
    per_doubling: Units
    crowd_right: Units
    crowd_error: Units
    belief: Units
    adds_right: Share
    adds_error: Share
    agreed: Units
    partial: Units
    flagged: Units
    insight: Units
    blind_spot: Share
    common: Share
    steady: Share
    reminded: Units = 0.0
    copies: Share = 0.0
    drops: Share = 0.0

    @model_validator(mode="after")
    def _fit_into_one(self) -> Writing:
        if self.common + self.steady > 1:
            raise ValueError("common + steady is above 1")
        return self


class Judging(Value):
    """Comparing answers: chances at judge skill 1, and `unskilled_*` at skill 0."""

    flags_error: Share
    flags_right: Share
    unskilled_flags_error: Share
    unskilled_flags_right: Share
    lists: Share
    blind_spots: Share
    prefers_first: Units = 0.0
    sees: Size = 4.0
    """Asked which answer is best: units that the first place is worth, and how many units of
    utility lie between the worst and the best possible answer, at skill 1; the noise is 1."""


class Evidence(Value):
    """Pages that document what nobody knows by itself, behind the tools `search` and `read`.

    hidden : share of the right points (and right answers) that are known from pages only
    pages, results, reads : pages about a task, hits of one search, pages that a model reads
    told : standing, in latent units, of a point whose page was read
    planted : share of tasks about which there is a page of a benchmark, with a piece of the rubric
    """

    hidden: Share
    pages: Annotated[int, Field(ge=1, le=50)] = 6
    results: Annotated[int, Field(ge=1, le=20)] = 3
    reads: Annotated[int, Field(ge=0, le=20)] = 2
    told: Units = 2.5
    planted: Share = 0.0
