"""Who can be asked, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from fusion_eval.core.price import Price, tier_of
from fusion_eval.core.value import digest

Api = Literal["chat", "responses"]
Transport = Literal["direct", "openai"]
"""Which of OpenAI's two interfaces an endpoint speaks: chat completions, or responses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where requests go: a URL, or a world of the simulator behind the same client.

    `sends_seed` is false for an endpoint that refuses the `seed` field, `lists_models` for one
    whose list of models is not complete. `headers` and `query` go with every request; a value may
    name variables of the environment, as in `${MY_KEY}`. Deadlines of one attempt (seconds):
    `connect_s` until there is a connection, `silence_s` without a byte (before the first one too;
    None for no limit of its own), `timeout_s` for all of it. With `stream` every reply is asked for
    piece by piece, and the time to its first token is measured. `tap` is the file of a tap that
    counts the calls behind a product here. With `transport` openai the official client sends every
    request; with `idempotency_key` each carries one, equal for all attempts at the same request.

    `base_url` is kept in one spelling, so that a slash at its end, capitals in its host or a port
    that goes without saying do not make another endpoint of it.
    """

    name: str
    base_url: str
    api_key_env: str | None = None
    simulator: str | None = None
    sends_seed: bool = True
    lists_models: bool = True
    timeout_s: float = 120.0
    connect_s: float = 10.0
    silence_s: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    api: Api = "chat"
    stream: bool = False
    tap: str | None = None
    transport: Transport = "direct"
    idempotency_key: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", one_spelling(self.base_url))

    @property
    def sent_along(self) -> dict[str, Any]:
        """What can change a reply beside URL and body: headers and query as they are written,
        without the values of variables, and the interface; what is usual is left out."""
        api = None if self.api == "chat" else self.api
        sent = {"headers": self.headers, "query": self.query, "api": api, "stream": self.stream}
        return {name: value for name, value in sent.items() if value}


_PORTS = {"http": 80, "https": 443}


def one_spelling(url: str) -> str:
    """A URL without what goes without saying; as it is where it is none."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return url
    if not host:
        return url.rstrip("/")
    host = f"[{host}]" if ":" in host else host.rstrip(".")
    given = "" if port in (None, _PORTS.get(parts.scheme)) else f":{port}"
    user, at, _ = parts.netloc.rpartition("@")
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    return urlunsplit((parts.scheme, f"{user}{at}{host}{given}", path, parts.query, parts.fragment))


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model as the bench file names it: an id at an endpoint, with sampling parameters.

    `context_window` is in tokens, for question and reply together; None where nobody knows.
    """

    name: str
    endpoint: Endpoint
    id: str
    params: dict[str, Any] = field(default_factory=dict)
    extra_body: dict[str, Any] = field(default_factory=dict)
    price: Price | None = None
    context_window: int | None = None

    @cached_property
    def identity(self) -> str:
        """The model's part of a request: two names for the same model have the same identity."""
        along = self.endpoint.sent_along
        there = [self.endpoint.base_url, along] if along else self.endpoint.base_url
        return digest([there, self.id, self.params, self.extra_body])

    @property
    def tier(self) -> str:
        """The service tier that requests ask for."""
        return tier_of(self.extra_body.get("service_tier"))

    @property
    def maker(self) -> str:
        """Who made it, as far as its id says; see `maker_of`."""
        return maker_of(self.id)


def maker_of(model_id: str) -> str:
    """`google` of `google/gemini-3-flash`; without a maker the first word: `claude` of `claude-4`.

    Only whether two are equal counts. Endpoints that name makers and ones that do not should not
    be mixed where this matters. A leading `~`, by which routers mark an alias, is no part of it.
    """
    maker, slash, _ = model_id.lstrip("~").partition("/")
    return (maker if slash else re.split(r"[-_.:\d]", model_id, maxsplit=1)[0] or model_id).lower()
