"""Bench files to plain, checked entries; `bench.configure` settles what the names stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from fusion_eval.core import Bench, Price, Rate
from fusion_eval.core.model import Api, Transport
from fusion_eval.core.price import MOST_USD, STANDARD, tier_of
from fusion_eval.core.protocol import Order, Reading, TooLong
from fusion_eval.core.value import Value
from fusion_eval.core.votes import Combine
from fusion_eval.errors import BenchFileError, did_you_mean
from fusion_eval.loading.controls import ControlsEntry
from fusion_eval.loading.study import StudyEntry
from fusion_eval.loading.tooling import Tooled, ToolEntry
from fusion_eval.loading.urls import check_sent_along, check_url
from fusion_eval.loading.yaml_lines import Located, explain, read_yaml

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


_MOST_TOKENS = 100_000_000  # of one reply, or of a context; a slip of the keys has more


class EndpointEntry(Value):
    """Where requests go: a world of the simulator, or an OpenAI-compatible URL."""

    simulator: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    sends_seed: bool = True
    lists_models: bool = True
    timeout_s: float = Field(default=120.0, gt=0)
    connect_s: float = Field(default=10.0, gt=0)
    silence_s: float | None = Field(default=None, gt=0)
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, str] = Field(default_factory=dict)
    api: Api = "chat"
    stream: bool = False
    tap: str | None = Field(default=None, min_length=1)
    transport: Transport = "direct"
    idempotency_key: bool = False

    @model_validator(mode="after")
    def _one_of_two(self) -> EndpointEntry:
        if (self.simulator is None) == (self.base_url is None):
            raise ValueError("an endpoint has either `simulator` or `base_url`; give one of them")
        if self.base_url is not None:
            check_url(self.base_url)
        check_sent_along("headers", self.headers)
        check_sent_along("query", self.query)
        if self.api_key_env is not None and not _NAME.fullmatch(self.api_key_env):
            raise ValueError(
                "api_key_env is the name of a variable, such as OPENROUTER_API_KEY, never the key"
            )
        return self


_Usd = Annotated[float, Field(ge=0, le=MOST_USD, allow_inf_nan=False)]


class RateEntry(Value):
    """US dollars per million tokens."""

    input: _Usd
    output: _Usd
    cache_read: _Usd | None = None
    cache_write: _Usd | None = None
    cache_write_1h: _Usd | None = None


class PriceEntry(RateEntry):
    """The rates at the service tier that the model asks for, and at others that may serve it."""

    tiers: dict[str, RateEntry] = Field(default_factory=dict)


def price_from(entry: PriceEntry, *, tier: str = STANDARD, source: str = "bench file") -> Price:
    """A price as a file has it; `tier` is what requests ask for."""
    others = tuple(Rate(tier=tier_of(t), **rate.model_dump()) for t, rate in entry.tiers.items())
    own = entry.model_dump(exclude={"tiers"})
    return Price(**own, tier=tier, exceptions=others, source=source)


class Sampling(Value):
    """Sampling parameters. What is absent is not sent."""

    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1, le=_MOST_TOKENS)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=_MOST_TOKENS)
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    reasoning_effort: str | None = None
    stop: list[str] | None = None
    seed: int | None = None


_OWN_FIELDS = (
    "n", "best_of", "num_return_sequences", "stream", "messages", "prompt", "input", "model",
    "models", "fallbacks", "route", "response_format",
)  # fmt: skip
"""Fields of a request that are measured or priced, beside sampling parameters under other names."""
_OUTPUT_CAPS = ("max_output_tokens", "max_new_tokens", "max_length", "num_predict")


class ModelEntry(Sampling):
    """A model id at an endpoint."""

    endpoint: str
    id: str = Field(min_length=1)
    extra_body: dict[str, Any] = Field(default_factory=dict)
    price: PriceEntry | None = None
    context_window: int | None = Field(default=None, ge=1000, le=_MOST_TOKENS)
    tools: Tooled | None = None

    @field_validator("extra_body")
    @classmethod
    def _replaces_nothing(cls, sent: dict[str, Any]) -> dict[str, Any]:
        """What is measured or priced must be what the bench says of it."""
        for name in sent:
            if name in Sampling.model_fields:
                raise ValueError(f"`{name}` stands in the model itself, not in its extra_body")
            if name in _OUTPUT_CAPS:
                raise ValueError(f"`{name}` sets the length that is priced; give `max_tokens`")
            if name in _OWN_FIELDS:
                raise ValueError(f"`{name}` would replace what is measured or priced; take it out")
        tier = sent.get("service_tier")
        if tier is not None and not isinstance(tier, str):
            raise ValueError(f"service_tier is {tier!r}; give a word, such as flex")
        return sent


class SeatEntry(Sampling):
    """A seat: a model or a recipe, perhaps with a persona and sampling parameters of its own."""

    model: str
    persona: str | None = Field(default=None, min_length=1)
    drops_system: bool = False
    count: int = Field(default=1, ge=1, le=64)
    tools: Tooled | None = None


class Temperatures(Value):
    """How the seats of a recipe differ in temperature: one of three policies."""

    fixed: float | None = Field(default=None, ge=0)
    cycled: list[Annotated[float, Field(ge=0)]] | None = Field(default=None, min_length=1)
    spread: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_policy(self) -> Temperatures:
        if sum(value is not None for value in (self.fixed, self.cycled, self.spread)) != 1:
            raise ValueError("temperatures are `fixed: T`, `cycled: [T, …]` or `spread: WIDTH`")
        return self


def _per_call(value: Any) -> Any:
    if value == "all" or (type(value) is int and value >= 1):
        return value
    raise ValueError(f"criteria_per_call is {value!r}; give a whole number from 1 on, or all")


def _by_name(value: Any) -> Any:
    return {"base": value} if isinstance(value, str) else value


PerCall = Annotated[Any, BeforeValidator(_per_call)]
"""Criteria in one request: a number, or `all`."""


class ProtocolEntry(Value):
    """What a request to a grader looks like, as changes to a protocol that is ready."""

    base: str = "draco"
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")
    criteria_per_call: PerCall | None = None
    order: Order | None = None
    shuffled: bool | None = None
    weights_shown: bool | None = None
    explained: bool | None = None
    too_long: TooLong | None = None
    against: str | None = None
    final_answers: Reading | None = None


class GraderEntry(Value):
    """Who grades, one model or a committee, by which protocol, how often, and what then counts."""

    model: str | None = None
    committee: Annotated[list[str], Field(min_length=2)] | None = None
    protocol: Annotated[ProtocolEntry, BeforeValidator(_by_name)] = ProtocolEntry()
    passes: int = Field(default=1, ge=1, le=100)
    heavy_passes: int | None = Field(default=None, ge=1, le=100)
    adaptive: bool = False
    combine: Combine | None = None
    minimum_valid: int = Field(default=1, ge=1, le=100)

    @model_validator(mode="after")
    def _one_of_two(self) -> GraderEntry:
        if (self.model is None) == (self.committee is None):
            raise ValueError("a grader is either a `model` or a `committee` of several; give one")
        return self

    @property
    def names(self) -> list[str]:
        """The models that grade."""
        return self.committee or [self.model or ""]


class LimitsEntry(Value):
    """What one run may use."""

    budget_usd: float | None = Field(default=None, gt=0)
    max_in_flight: int = Field(default=64, ge=1, le=10_000)
    attempts: int = Field(default=4, ge=1, le=20)
    run_code: bool = False
    unusable_share: float = Field(default=0.5, gt=0, le=1)
    wait_s: float = Field(default=600.0, ge=0, le=7 * 86_400)
    outage_s: float = Field(default=180.0, ge=0, le=7 * 86_400)


class BenchFile(Value):
    """A bench file as it stands."""

    name: str | None = None
    endpoints: dict[str, EndpointEntry] = Field(default_factory=dict)
    models: dict[str, ModelEntry] = Field(default_factory=dict)
    tools: dict[str, ToolEntry] | None = None
    recipes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    controls: ControlsEntry | None = None
    study: StudyEntry | None = None
    justified: dict[str, str] = Field(default_factory=dict)
    grader: GraderEntry | None = None
    limits: LimitsEntry = LimitsEntry()
    ledger: str | None = None
    repeats: int = Field(default=1, ge=1, le=1000)
    seed: int = 0


def presets() -> dict[str, Path]:
    """The bench files that come with the package, by name."""
    folder = Path(str(resources.files("fusion_eval") / "presets"))
    files = [*sorted(folder.glob("*.yaml")), *sorted(folder.glob("studies/*.yaml"))]
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in files}


BenchSource = str | Path | Located | Mapping[str, Any] | Bench
"""A bench file or preset, or a bench in memory."""


@dataclass(frozen=True, kw_only=True)
class BenchDocument:
    """A bench file with what is wrong with it so far.

    An entry that cannot be read is left out of `file`, its problem stands in `problems` and its
    name in `broken`, so that the rest can still be checked and nothing has to be found twice.
    """

    file: BenchFile
    document: Located
    problems: tuple[str, ...] = ()
    broken: frozenset[str] = frozenset()


def load_bench_file(source: BenchSource) -> BenchDocument:
    """Read a bench file, or a preset by its name; raises BenchFileError where it is no bench.

    A mapping has the keys of a bench file, and a `Bench` is the file that it was read from.
    """
    if isinstance(source, Bench):
        source = source.resolved
    if isinstance(source, Mapping):
        source = Located("bench", dict(source), None)
    document = source if isinstance(source, Located) else _document(source)
    value = document.value or {}
    if isinstance(value, list) or (
        isinstance(value, dict) and isinstance(value.get("tasks"), list)
    ):
        raise BenchFileError(
            f"{document.source}: a task file; give it without --bench, and a bench file there"
        )
    try:
        return BenchDocument(file=BenchFile.model_validate(value), document=document)
    except ValidationError as error:
        problems = explain(error, BenchFile, document.where)
        if not isinstance(value, dict):
            raise BenchFileError(problems) from None
        rest, broken = _readable(value, [item["loc"] for item in error.errors()])
    try:
        readable = BenchFile.model_validate(rest)
    except ValidationError:  # such as a key that is no text, which no path leads to
        raise BenchFileError(problems) from None
    return BenchDocument(
        file=readable,
        document=document,
        problems=tuple(problems),
        broken=broken,
    )


def _document(source: str | Path) -> Located:
    path = presets().get(str(source), Path(source))
    if not path.exists() and path.suffix not in {".yaml", ".yml"}:
        raise BenchFileError(
            f"{source}: no such bench file or preset; "
            + did_you_mean(str(source), presets(), "presets")
        )
    return read_yaml(path, BenchFileError)


def _readable(
    value: dict[str, Any], places: Sequence[tuple[str | int, ...]]
) -> tuple[dict[str, Any], frozenset[str]]:
    """The document without its unreadable parts, and the names of the entries among them."""
    rest = {k: dict(v) if isinstance(v, dict) else v for k, v in value.items()}
    broken = set()
    for place in places:
        section, *inside = place
        if section in _NAMED and inside:
            rest.get(str(section), {}).pop(inside[0], None)
            broken.add(str(inside[0]))
        else:
            rest.pop(str(section), None)
            broken.add(str(section))
    return rest, frozenset(broken)


_NAMED = ("endpoints", "models", "recipes")


class PriceFile(Value):
    """Other prices for a run that is done, by name or id of the model."""

    prices: dict[str, PriceEntry] = Field(min_length=1)


def load_price_file(source: str | Path) -> PriceFile:
    """Read a file of prices; raises BenchFileError with all problems."""
    document = read_yaml(Path(source), BenchFileError)
    try:
        return PriceFile.model_validate(document.value or {})
    except ValidationError as error:
        raise BenchFileError(explain(error, PriceFile, document.where)) from None
