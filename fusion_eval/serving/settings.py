"""How a server is run: who may ask, how much, and what beside recipes is offered."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fusion_eval.engine.place import Place
from fusion_eval.errors import InputError
from fusion_eval.loading.rule import RuleFile
from fusion_eval.loopback import is_loopback

SHORTEST_KEY = 16
"""Characters of a key of this server; shorter ones can be guessed."""
KEYS = "FUSION_EVAL_SERVE_KEYS"
"""The variable of the environment that holds the keys, separated by commas."""
VIA = "x-fusion-via"
"""The header of requests upstream that holds the server's mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Options of a server.

    keys : bearer keys that may ask; without any, everybody on this machine may
    max_requests : requests at once; the next one gets 503
    per_minute : requests per key and minute (without keys: of all together); the next gets 429
    usd_per_day : US dollars per UTC day, reserved before a call is sent
    max_body : bytes of a request; a longer one gets 413
    ping_s : seconds of silence after which a stream gets a comment
    tools_to : the model that requests with tools, images or a response format are passed to
    members : whether each model of the file is served alone, too
    ledger : where equal requests are answered from; None for nowhere
    record : the file of tasks that served requests are written to
    rule : what `auto` routes by
    mark : goes with every request that this server sends, so that it knows its own
    """

    host: str = "127.0.0.1"
    port: int = 8080
    keys: tuple[str, ...] = ()
    max_requests: int = 64
    per_minute: int | None = None
    usd_per_day: float | None = None
    max_body: int = 4 * 2**20
    ping_s: float = 10.0
    tools_to: str | None = None
    members: bool = False
    ledger: Place | None = None
    record: Path | None = None
    rule: RuleFile | None = None
    mark: str = field(default_factory=partial(secrets.token_hex, 8))

    def __post_init__(self) -> None:
        problems = [
            f"{KEYS}: key {place} has fewer than {SHORTEST_KEY} characters, or some that no key "
            "has; `openssl rand -hex 24` makes a good one"
            for place, key in enumerate(self.keys, 1)
            if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key
        ]
        if not self.local and not self.keys:
            problems.append(
                f"--host {self.host} can be reached from other machines and there are no keys; "
                f"set {KEYS}, or listen on 127.0.0.1"
            )
        if problems:
            raise InputError(problems)

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


def keys_in(text: str) -> tuple[str, ...]:
    """The keys in the value of the variable `KEYS`."""
    return tuple(dict.fromkeys(key.strip() for key in text.split(",") if key.strip()))
