"""What came back for one request, before anybody has read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Status, headers (names in any case) and bytes; how long it took, and when it was asked.

    `first_token_s`: when the first visible text of a stream came, in seconds after the request.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    took_s: float
    at: float
    first_token_s: float | None = None
