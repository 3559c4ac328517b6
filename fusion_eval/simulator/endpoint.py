"""What can be set in a world about its endpoint; off in all packaged worlds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from fusion_eval.simulator.settings import Share, Size, Value


class Faults(Value):
    """Chance of each fault, drawn for every arrival and not for every request: a retry may pass."""

    error_500: Share = 0.0
    reset: Share = 0.0
    truncated_json: Share = 0.0
    error_200: Share = 0.0
    hang: Share = 0.0

    @model_validator(mode="after")
    def _fit_into_one(self) -> Faults:
        if sum(self.model_dump().values()) > 1:
            raise ValueError("the faults add up to more than 1")
        return self


class Service(Value):
    """What stands before the models: capacity, faults, and what the endpoint can do.

    Above `capacity` requests at a time it answers 429 with `retry_after_s`; None is no limit. A
    hang lasts `hang_s` and ends without a reply.
    """

    capacity: Annotated[int, Field(ge=1)] | None = None
    retry_after_s: Size = 1.0
    hang_s: Size = 600.0
    rate_limit_headers: bool = False
    json_schema: bool = True
    seed: bool = True
    faults: Faults = Faults()
