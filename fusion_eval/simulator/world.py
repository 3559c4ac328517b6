"""A world: makers with their models, and one content digest for all that was set."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import Field, model_validator

from fusion_eval.core import Price, digest
from fusion_eval.simulator.birds import Bird, Grading
from fusion_eval.simulator.endpoint import Service
from fusion_eval.simulator.settings import (
    Checkable,
    Errors,
    Evidence,
    Judging,
    Share,
    Spread,
    Units,
    Value,
    Writing,
)

MECHANISM = 2
"""Raised whenever the code gives other replies for the same world file."""


class World(Value):
    """Makers with their models, and the numbers of the mechanism that they share."""

    name: str
    seed: int
    spread: Spread
    sections: dict[str, Units]
    errors: Errors
    checkable: Checkable
    writing: Writing
    judging: Judging
    grading: Grading
    thinking_when_grading: Share
    level: Units = 0.0
    """Added to every model's ability."""
    lost: Share = 0.0
    """Share of tasks on which no model knows anything."""
    failures: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Times the models' own rates of empty, refused and cut answers; 0 is none."""
    referee: str
    """Who grades when nobody else is named."""
    service: Service = Service()
    evidence: Evidence | None = None
    makers: dict[str, dict[str, Bird]]

    @model_validator(mode="after")
    def _every_id_once(self) -> World:
        ids = [model for models in self.makers.values() for model in models]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice or not ids:
            raise ValueError(f"model id used twice: {', '.join(twice)}" if twice else "no model")
        return self

    @cached_property
    def models(self) -> dict[str, Bird]:
        """All models by id."""
        return {i: bird for models in self.makers.values() for i, bird in models.items()}

    @cached_property
    def maker_of(self) -> dict[str, str]:
        """Who made a model: what its models share, they get wrong together."""
        return {i: maker for maker, models in self.makers.items() for i in models}

    @cached_property
    def manner_of(self) -> dict[str, int]:
        """Which closing a model's maker uses: the mark by which a grader knows its kin."""
        makers = {maker: number for number, maker in enumerate(sorted(self.makers))}
        return {i: makers[maker] for i, maker in self.maker_of.items()}

    @cached_property
    def digest(self) -> str:
        """16 hex digits of the content: equal digests give equal replies."""
        content = self.model_dump(mode="json")
        if content["evidence"] is None:  # worlds of before had none
            del content["evidence"]
        birds = [bird for models in content["makers"].values() for bird in models.values()]
        for bird in birds:
            if bird["dialect"] is None:  # worlds of before had none
                del bird["dialect"]
        for grading in [content["grading"], *(bird["grading"] for bird in birds)]:
            if grading and not grading["quotes"]:  # likewise
                del grading["quotes"]
        return digest([MECHANISM, content])[:16]

    @cached_property
    def root(self) -> str:
        """What every draw hangs on: the seed, and not the digest.

        So worlds that differ in one number share all draws, and what differs between their
        replies is that number's doing.
        """
        return f"{MECHANISM}/{self.seed}"

    @cached_property
    def prices(self) -> dict[str, Price]:
        """US dollars per million tokens, by model id."""
        return {
            i: Price(input=bird.price_in, output=bird.price_out, source="simulator")
            for i, bird in self.models.items()
        }
