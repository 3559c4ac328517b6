"""A strategy with its models and parameters, and all that one bench file declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fusion_eval.core.model import Endpoint, Model
from fusion_eval.core.outcome import Trial
from fusion_eval.core.protocol import Protocol, Reading
from fusion_eval.core.task import Question
from fusion_eval.core.toolbox import Toolbox
from fusion_eval.core.value import digest


@dataclass(frozen=True, kw_only=True)
class Member:
    """A seat: a model or another recipe, perhaps with a persona (a system prompt of its own).

    With `drops_system` it does not hear the system prompt of the conversation. `cycle` are the
    models of its seats, one after another, where a strategy seats it several times: the same id at
    several temperatures. `tools` it may call where it answers in free text.
    """

    name: str
    model: Model | None = None
    recipe: Recipe | None = None
    persona: str | None = None
    drops_system: bool = False
    cycle: tuple[Model, ...] = ()
    tools: Toolbox | None = None

    @property
    def reaches(self) -> frozenset[str]:
        """Identities (`Model.identity`) of all models that asking this member can call."""
        if self.recipe is not None:
            return frozenset().union(*(m.reaches for m in self.recipe.members))
        models = (self.model, *self.cycle) if self.model else self.cycle
        return frozenset(model.identity for model in models)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A strategy with its models and parameters; `params` are the strategy's keyword arguments.

    `equal_dollars` is the recipe whose price per answer this one is sized to.
    """

    name: str
    strategy: str
    params: dict[str, Any] = field(default_factory=dict)
    equal_dollars: Recipe | None = None

    def members_of(self, parameter: str) -> tuple[Member, ...]:
        """The members that one parameter seats; none where it is not there."""
        value = self.params.get(parameter, ())
        return tuple(m for m in (value if isinstance(value, tuple) else (value,)) if _seats(m))

    @property
    def members(self) -> tuple[Member, ...]:
        """Every member that a parameter seats, in the order of the parameters."""
        found: list[Member] = []
        for value in self.params.values():
            found += [m for m in (value if isinstance(value, tuple) else (value,)) if _seats(m)]
        return tuple(found)


def _seats(value: object) -> bool:
    return isinstance(value, Member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a recipe was made to cost what another costs, and what both are expected to cost.

    US dollars per answer, without grading; None is unknown. `source` is `plan`, `bench file`, or
    `the run as it began`. An expectation: the realised dollars stand in the tables of the run.
    """

    recipe: str
    of: str
    parameter: str
    value: int
    source: str
    expected_usd: float | None
    low_usd: float | None
    high_usd: float | None
    target_usd: float | None
    target_low_usd: float | None
    target_high_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """Who controls a recipe, by the names of recipes.

    `members` stand for its members alone, `writer` for its writer; `called` are the placebos and
    equal-dollar arms; `computed` needs no call: best-member, oracle, union-oracle.
    """

    members: tuple[str, ...] = ()
    writer: str | None = None
    called: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grader:
    """Who grades, one or several, and by which protocol."""

    members: tuple[Member, ...]
    protocol: Protocol = field(default_factory=Protocol)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use. Without a budget, only the simulator may be called.

    `run_code`: whether code in answers may be run, in a sandbox (`check: code`). `unusable_share`:
    a run is incomplete where more than this share of a recipe's answers or verdicts is unusable.
    `wait_s`: how long a model may refuse everything for too much (429), `outage_s`: how long an
    endpoint may be gone, before the run ends as incomplete.
    """

    budget_usd: float | None = None
    max_in_flight: int = 64
    attempts: int = 4
    run_code: bool = False
    unusable_share: float = 0.5
    wait_s: float = 600.0
    outage_s: float = 180.0


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers that exist already and are only graded: task id -> (recipe, repeat) -> trial.

    `source` is a run id or the name of a file; `asked`: whether its questions asked for the form of
    the final answer, as ours do. With `sample` (a share, 0 to 1) only a random part
    of the criteria is graded, see `core.sampling.chosen`; scores then come from `two_phase`.
    """

    source: str
    simulated: bool
    trials: dict[str, dict[tuple[str, int], Trial]]
    sample: float | None = None
    asked: bool = True

    @cached_property
    def hash(self) -> str:
        """SHA-256 (16 hex digits) of all answers, and of the share that is graded."""
        content = {
            task: sorted([recipe, repeat, t.answer] for (recipe, repeat), t in each.items())
            for task, each in self.trials.items()
        }
        return digest(content if self.sample is None else [content, self.sample])[:16]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A bench file, resolved: every name replaced by what it stands for.

    `questions` are those of all tasks of the files, for placebos that need another one's;
    `controls` say of a recipe who controls it; `sizes` what equal dollars came to;
    `ledger` is the URL of a database that machines share, None for the file in the results;
    `study` is the section of that name, as it stands in the file. With `answers` nothing is
    answered: those are graded.
    """

    name: str
    models: dict[str, Model]
    recipes: dict[str, Recipe]
    grader: Grader | None
    limits: Limits
    ledger: str | None = None
    repeats: int = 1
    seed: int = 0
    resolved: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    justified: dict[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    controls: dict[str, Controls] = field(default_factory=dict)
    sizes: tuple[Size, ...] = ()
    answers: Answers | None = None
    study: dict[str, Any] | None = None

    def where(self, name: str) -> str:
        """`file:line` of a model, or of `limits` or `grader`; the bench's name if it has none."""
        return self.places.get(name, self.places.get("", self.name))

    @property
    def reading(self) -> Reading:
        """The reading of final answers that scores: the protocol's, else as they were asked."""
        chosen = self.grader.protocol.final_answers if self.grader else None
        asked = self.answers is None or self.answers.asked
        return chosen or ("strict" if asked else "flexible")

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints that some model uses, each once."""
        return tuple({m.endpoint.name: m.endpoint for m in self.models.values()}.values())
