"""Who may come in: names and origins on the loopback, keys everywhere else; and what leaves it."""

from __future__ import annotations

import hashlib
import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from fusion_eval.loopback import stranger
from fusion_eval.serving.refusals import Refused
from fusion_eval.serving.settings import VIA, Settings

OPEN = frozenset({"/health"})
"""Addresses that need no key."""
ANYBODY = "anybody"


class Door:
    """Lets in requests that may ask; `scope["fusion_key"]` says whose they are."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._digests = [_digest(key) for key in settings.keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            scope["fusion_key"] = self._admitted(scope["path"], Headers(scope=scope))
        except Refused as refused:
            await refused.response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admitted(self, path: str, headers: Headers) -> str:
        """Whose request it is. Raises Refused."""
        if self._settings.mark in headers.getlist(VIA):
            problem = "This request comes from this very server: a recipe would ask itself."
            raise Refused(508, problem, code="loop_detected")
        if self._settings.local:
            _check_loopback(headers)
        if not self._digests or path in OPEN:
            return ANYBODY
        scheme, _, given = headers.get("authorization", "").partition(" ")
        digest = _digest(given.strip()) if scheme.lower() == "bearer" else b""
        matches = [hmac.compare_digest(digest, own) for own in self._digests]
        if not any(matches):
            problem = "Give a key of this server: `Authorization: Bearer KEY`."
            wanted = {"WWW-Authenticate": "Bearer"}
            raise Refused(401, problem, code="invalid_api_key", headers=wanted)
        return f"key {matches.index(True) + 1}"


def _digest(key: str) -> bytes:
    """Of equal length for all keys, so that comparing takes as long for each."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _check_loopback(headers: Headers) -> None:
    refused = stranger(headers.getlist("host"), headers.getlist("origin"))
    if refused is not None:
        raise Refused(403, refused.message, code=refused.code)
