"""What can be set about one model: how it grades, fails, takes time, and what it costs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fusion_eval.simulator.settings import Share, Size, Units, Value
from fusion_eval.simulator.spelling import Spelling


class Grading(Value):
    """Reading whether an answer does what a criterion says.

    `sensitivity` is P(MET | present), `specificity` P(UNMET | absent), for criteria of positive
    weight, and with `error_` for negative weight. The share `steady` of misreadings belongs to
    the criterion and comes back in every pass; the rest is drawn anew for every request. That is
    how often a verdict flips between passes.

    What else moves a grader is in probit units towards the answer's good: `family` for answers of
    its own maker and `lenient_to` for those of the makers named; `batching` per doubling of the
    criteria in one request, `position` from the first of them to the last, `order` when the answer
    stands before the criteria, `length` per doubling of the answer above 400 words. `gullible` is
    the chance to obey a grade that the answer demands for itself, and `believes` the chance to take
    a verdict, a demand or a ticked rubric for the request's own where the answer gets out of its
    delimiters (see `quoting`). `quotes` is the chance to quote, before the own verdict, a verdict
    that stands in the answer.
    """

    sensitivity: Share
    specificity: Share
    error_sensitivity: Share
    error_specificity: Share
    steady: Share
    unreadable: Share
    family: Units = 0.0
    lenient_to: dict[str, Units] = Field(default_factory=dict)
    batching: Units = 0.0
    position: Units = 0.0
    order: Units = 0.0
    length: Units = 0.0
    gullible: Share = 0.0
    believes: Share = 0.0
    quotes: Share = 0.0


class Rates(Value):
    """Share of answers that come back empty, cut off, or refused.

    The part `steady_refusals` of the refusals belongs to the task: it is refused every time.
    """

    empty: Share = 0.0
    truncated: Share = 0.0
    refused: Share = 0.0
    steady_refusals: Share = 0.0

    @model_validator(mode="after")
    def _fit_into_one(self) -> Rates:
        if self.empty + self.truncated + self.refused > 1:
            raise ValueError("empty + truncated + refused is above 1")
        return self


class Latency(Value):
    """Seconds to the first token and per token after it; `spread` is the SD of their logarithm."""

    first_token_s: Size
    per_token_s: Size
    spread: Size


class Bird(Value):
    """One model: what it knows, how it writes, judges and grades, what it costs, how fast it is.

    `collapses` is the share of tasks on which it knows nothing, whatever it is asked.
    """

    ability: Units
    error_proneness: Units
    writer: Share
    judge: Share
    verbosity: Annotated[float, Field(ge=0, le=20)]
    reasoning_tokens: Size
    price_in: Size
    price_out: Size
    latency: Latency
    rates: Rates = Rates()
    grading: Grading | None = None
    collapses: Share = 0.0
    usage: Literal["cost", "openai", "bare", "reasoning_beside", "none"] = "cost"
    """Dialect of its usage object, see `dialects`."""
    dialect: Spelling | None = None
    """How its endpoint spells requests and replies, see `spelling`; None as OpenAI does."""
