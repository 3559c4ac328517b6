"""What a gate is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fusion_eval.core.value import Value

Word = Literal["pass", "fail", "inconclusive"]
Ground = Literal["prompts", "grader", "protocol", "tasks", "bench", "partial", "filtered"]
"""In what a run may differ from its baseline, or what one may lack, when somebody says so."""

Points = Annotated[float, Field(ge=0, le=100)]
Name = Annotated[str, Field(min_length=1)]


class Quality(Value):
    """Score not worse than the baseline's by the margin (points), whole or in a part."""

    kind: Literal["quality"] = "quality"
    recipe: Name | None = None
    margin: Points | None = None
    section: Name | None = None
    domain: Name | None = None

    @model_validator(mode="after")
    def _one_part(self) -> Quality:
        if self.section and self.domain:
            raise ValueError("give section or domain, not both; write two rules")
        return self


class Factor(Value):
    """Mean cost or latency per answer at most `factor` times the baseline's."""

    kind: Literal["cost", "latency"]
    recipe: Name | None = None
    factor: Annotated[float, Field(ge=1)]


class Failures(Value):
    """Share of answers that failed, beyond chance at most this; tasks are the sampling unit."""

    kind: Literal["failures"] = "failures"
    recipe: Name | None = None
    at_most: Annotated[float, Field(gt=0, le=1)]


class Coverage(Value):
    """Share of the verdicts that were read: a fact of this run, so without interval."""

    kind: Literal["coverage"] = "coverage"
    recipe: Name | None = None
    at_least: Annotated[float, Field(ge=0, le=1)]


class Beats(Value):
    """Within the run the recipe scores above each of these: the panel still beats its members."""

    kind: Literal["beats"] = "beats"
    recipe: Name
    others: Annotated[tuple[Name, ...], Field(min_length=1)]


Rule = Annotated[Quality | Factor | Failures | Coverage | Beats, Field(discriminator="kind")]


class Policy(Value):
    """All rules of a gate. A rule without recipe holds for every recipe of the baseline.

    `margin` (points) is that of quality rules without one. `estimand`: `these tasks` (noise comes
    from repeats) or `new tasks` of the same domains. `alpha` is the error of each test, one-sided.
    `allow` names differences between run and baseline that are meant. Beside the rules, every
    recipe without a `coverage` or `failures` rule is watched for verdicts that cannot be read and
    for more failures than the baseline has.
    """

    margin: Points = 2.0
    estimand: Literal["these tasks", "new tasks"] = "these tasks"
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    inconclusive: Literal["pass", "fail", 3] = 3
    recipes: tuple[Name, ...] | None = None
    allow: tuple[Ground, ...] = ()
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)] = (Quality(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one rule for one recipe.

    `value`, `low`, `high` in the rule's own unit (a difference of scores, a ratio, a share), the
    interval at 1 - 2 alpha, so that each end is a one-sided bound; `limit` is what they are held
    against. `p_pass`: p of "it is worse than the limit". `p_fail`: p of "it is no worse than the
    baseline" (quality, cost, latency), or than the limit (the other kinds). None where nothing is
    known.
    """

    rule: str
    kind: str
    recipe: str
    word: Word
    value: float | None
    low: float | None
    high: float | None
    limit: float
    n: int
    why: str
    needs: str = ""
    p_pass: float | None = None
    p_fail: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What helps to understand an outcome: what changed, what lost most, what the run took.

    `tasks`: (recipe, task, difference of scores), the largest losses first; `criteria` the same
    with the criterion and the share met then and now. Seconds and US dollars of this run alone.
    """

    changes: tuple[str, ...] = ()
    tasks: tuple[tuple[str, str, float], ...] = ()
    criteria: tuple[tuple[str, str, str, float, float, float], ...] = ()
    spent_usd: float | None = None
    seconds: float | None = None
    recipe_seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A gate that was run: outcomes in the order of the rules, and what stands beside them."""

    run_id: str
    baseline_id: str
    simulated: bool
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...]
    floors: dict[str, float | None] = field(default_factory=dict)
    """recipe -> smallest margin (0 to 1) that this design holds with 80 % power; None: unknown."""
    inconclusive: Literal["pass", "fail", 3] = 3
    incomplete: bool = False
    not_measured: tuple[str, ...] = ()
    """Why the run measured nothing of what the gate asks, in sentences; empty where it did."""
    nothing_new: bool = False
    """Whether every answer is one of the baseline's own."""
    context: Context = field(default_factory=Context)

    @property
    def word(self) -> Word:
        """`fail` if any rule failed, else `inconclusive` if any cannot tell, else `pass`.

        Where nothing was measured, no rule says anything: `inconclusive`.
        """
        if self.not_measured:
            return "inconclusive"
        words = {outcome.word for outcome in self.outcomes}
        return "fail" if "fail" in words else "inconclusive" if "inconclusive" in words else "pass"

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 cannot tell (or as the policy says), 5 an incomplete run."""
        if self.word == "fail":
            return 1
        if self.incomplete or self.not_measured:
            return 5
        if self.word == "inconclusive":
            return {"pass": 0, "fail": 1, 3: 3}[self.inconclusive]
        return 0
