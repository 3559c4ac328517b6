"""The rule file that `auto` of `serve` routes by: features of a request -> recipe.

The first rule whose conditions all hold decides, else `otherwise`. What is expected of each choice
stands beside it, with the run that it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from fusion_eval.core.value import Value
from fusion_eval.errors import InputError
from fusion_eval.loading.yaml_lines import explain

FORMAT, VERSION = "fusion-eval rule", 1


class Features(Value):
    """What is known of a request before it is answered."""

    text: str
    domain: str = ""

    @property
    def code(self) -> bool:
        """Whether it holds a fenced block of code."""
        return "```" in self.text


class When(Value):
    """Conditions on a request; all that are given must hold."""

    domain: str | None = None
    code: bool | None = None
    min_characters: int | None = Field(default=None, ge=0)
    max_characters: int | None = Field(default=None, ge=0)
    any_words: list[str] | None = Field(default=None, min_length=1)

    def holds(self, asked: Features) -> bool:
        """Whether the conditions hold for a request."""
        length, text = len(asked.text), asked.text.casefold()
        return (
            (self.domain is None or self.domain.casefold() == asked.domain.casefold())
            and (self.code is None or self.code == asked.code)
            and (self.min_characters is None or length >= self.min_characters)
            and (self.max_characters is None or length <= self.max_characters)
            and (self.any_words is None or any(word.casefold() in text for word in self.any_words))
        )


class Expected(Value):
    """An estimate: score from 0 to 1, or US dollars per answer; null is unknown."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=0)


class Choice(Value):
    """A recipe, what is expected of it, and how likely it is the best choice (0 to 1)."""

    recipe: str = Field(min_length=1)
    score: Expected | None = None
    cost_usd: Expected | None = None
    probability: float | None = Field(default=None, ge=0, le=1)


class Rule(Choice):
    """A choice for the requests on which its conditions hold."""

    when: When


class Source(Value):
    """The run that a rule file was made from."""

    id: str
    simulated: bool
    tasks: int = Field(ge=0)
    repeats: int = Field(ge=0)


class RuleFile(Value):
    """A rule file as it stands. `point_usd`: what one point of score is worth per answer."""

    format: Literal["fusion-eval rule"] = "fusion-eval rule"
    version: Literal[1] = 1
    run: Source | None = None
    point_usd: float | None = Field(default=None, ge=0)
    rules: list[Rule] = Field(default_factory=list)
    otherwise: Choice
    notes: list[str] = Field(default_factory=list)

    def choose(self, asked: Features) -> Choice:
        """The choice for a request."""
        return next((rule for rule in self.rules if rule.when.holds(asked)), self.otherwise)

    @property
    def recipes(self) -> list[str]:
        """All recipes that it may choose."""
        return list(dict.fromkeys(one.recipe for one in (*self.rules, self.otherwise)))


def _at(place: Sequence[str | int]) -> list[str]:
    return [".".join(map(str, place))] if place else []


def load_rule_file(path: Path) -> RuleFile:
    """Read a rule file; raises InputError with all problems."""
    try:
        value: Any = json.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise InputError(f"{path}: not JSON: {problem}; `fusion-eval rule RUN` makes one") from None
    if isinstance(value, dict) and value.get("format") == FORMAT and "version" in value:
        version = value["version"]
        if version != VERSION:
            raise InputError(
                f"{path}: a rule file of version {version!r}; this fusion-eval reads version "
                f"{VERSION}: make it again with `fusion-eval rule RUN`"
            )
    try:
        return RuleFile.model_validate(value)
    except ValidationError as error:
        problems = explain(error, RuleFile, lambda loc: ": ".join([str(path), *_at(loc)]))
        raise InputError(problems) from None
