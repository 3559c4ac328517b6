"""What came back for one request, before anybody has read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Status, headers (names in any case) and bytes; how long it took, and when it was asked."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    took_s: float
    at: float
