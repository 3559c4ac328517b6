"""A call and what comes back: the two values that the engine moves."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fusion_eval.core.model import Model
from fusion_eval.core.price import MOST_TOKENS
from fusion_eval.core.task import AnswerFormat, Messages
from fusion_eval.core.value import canonical, digest

if TYPE_CHECKING:
    from fusion_eval.core.recipe import Member

Draw = tuple[int, ...]
"""(repeat, which of several equal requests in the trial); `bench.asking` numbers the second."""

Tools = tuple[dict[str, Any], ...]

Listener = Callable[[str], None]
"""Hears the visible text of a reply piece by piece, while it is written."""

Purpose = Literal["answer", "grading", "tool"]
"""What a call is paid for: the answer of a recipe, a tool that it used, or its grading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A JSON object that a reply should be: a name and a JSON Schema."""

    name: str
    json_schema: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request, complete: who, what, how, and which draw. Equal keys mean the same call.

    `purpose`, `role`, `domain` and `answer_format` (of the question) say what it is for. They
    cannot change the reply, so they are not part of the key; they are stored with the reply, and
    later plans learn from them. Who `listen`s has the reply streamed; that does not change it.
    """

    model: Model
    messages: Messages
    output: Schema | None = None
    tools: Tools = ()
    draw: Draw = (0, 0)
    seed: int = 0
    role: str = ""
    domain: str | None = None
    purpose: Purpose = "answer"
    answer_format: AnswerFormat = "text"
    listen: Listener | None = field(default=None, compare=False, repr=False)

    @cached_property
    def content(self) -> str:
        """Canonical JSON of what is asked, without the draw."""
        return canonical(
            {
                "base_url": self.model.endpoint.base_url,
                "model": self.model.id,
                "messages": [m.told for m in self.messages],
                "params": self.model.params,
                "extra_body": self.model.extra_body,
                "output": self.output.json_schema if self.output else None,
                "tools": self.tools,
                **self.model.endpoint.sent_along,
            }
        )

    @cached_property
    def request(self) -> str:
        """SHA-256 of what is asked, without the draw: equal requests are told apart by it."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    @cached_property
    def key(self) -> str:
        """SHA-256 over everything that can change the reply, and nothing else.

        The bench seed is in it because it travels on the wire together with the draw.
        """
        return digest([self.request, self.draw, self.seed])

    @cached_property
    def wire_seed(self) -> int:
        """The `seed` field of the request (31 bits), from the bench seed and the draw."""
        return _wire_seed(self.seed, self.draw)


@lru_cache(maxsize=4096)
def _wire_seed(seed: int, draw: Draw) -> int:
    return int(digest([seed, draw])[:8], 16) & 0x7FFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens in buckets that do not overlap, so that they can be priced one by one.

    `cache_write_1h` was written to the provider's cache for an hour, `cache_write` for less.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    cache_write_1h: int = 0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 <= getattr(self, name) < MOST_TOKENS:
                raise ValueError(f"{name} is {getattr(self, name)}; no call has so many tokens")

    @property
    def tokens_in(self) -> int:
        """All input tokens."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h

    @property
    def tokens_out(self) -> int:
        """All output tokens, visible or not."""
        return self.output + self.reasoning


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request that was really sent.

    `billed` is None where nobody knows (a time-out); `cost_worst` is then the most it can have
    cost (US$), or None where the price is unknown. Of a failed attempt whose body told its bill,
    `cost_worst` is that bill.
    """

    number: int
    failure: str | None = None
    detail: str = ""
    latency_s: float = 0.0
    usage: Usage | None = None
    cost_reported: float | None = None
    billed: bool | None = True
    cost_worst: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model answered. `finish` is stop, length, refusal or tool_calls.

    `latency_s` is that of the last attempt, without waiting for a rate limit. `simulated` is set
    by the reply itself, so that a simulator behind a URL is recognised too. `key` is that of the
    call, once it is known. `asked_at` is when the request was sent (Unix seconds): prices change.
    `service_tier` is the one that the reply names. `thoughts` is what it thought aloud before;
    nobody but `explain` shows them. `raw` is the body as it came, without keys, on its way to the
    ledger. `first_token_s` is when the first visible text of a streamed reply came (seconds after
    the request); None where it did not come piece by piece.
    """

    text: str
    finish: str = "stop"
    usage: Usage | None = None
    latency_s: float = 0.0
    model_served: str | None = None
    cost_reported: float | None = None
    simulated: bool = False
    attempts: tuple[Attempt, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    asked_at: float | None = None
    thoughts: str = ""
    service_tier: str | None = None
    first_token_s: float | None = None
    raw: str | None = field(default=None, compare=False, repr=False)


Send = Callable[[Call], Awaitable[Reply]]
"""Towards the wire. Raises CallFailedError when no attempt brought a reply."""


class Ask(Protocol):
    """Towards strategies and graders: ask a member, get a reply; who pays is settled behind it."""

    async def __call__(
        self,
        member: Member,
        messages: Messages,
        *,
        role: str,
        output: Schema | None = None,
        tools: Tools = (),
    ) -> Reply:
        """Ask `member`. Raises CallFailedError when it has no reply for us."""

    def seats(self, members: Sequence[Member]) -> Sequence[Ask]:
        """One `Ask` for each of several members that are asked at the same time, in seat order."""

    def at_once(self, count: int) -> Sequence[Ask]:
        """Branches for requests to one model that differ: they start together and, unlike seats,
        take no slot, so the draw of each is the same whatever else is asked."""

    def degrade(self, note: str) -> None:
        """Record a step down, to be shown next to the score: `seat 2 empty: timeout`."""
