"""One attempt at a call that brought nothing, as an exception that carries what is known of it."""

from __future__ import annotations

from fusion_eval.core import Attempt

RETRYABLE = frozenset(
    {"timeout", "connection", "rate_limited", "server_error", "bad_reply", "provider_error"}
)
"""Failures that another attempt may mend; a refused request will be refused again."""

ELSEWHERE = "elsewhere"
"""Not sent: another process is waiting for the reply to this very call. Never in a table."""


class AttemptFailedError(Exception):
    """Raised by the client, recorded and perhaps tried again by `retry`."""

    def __init__(self, attempt: Attempt, retry_after_s: float | None = None) -> None:
        self.attempt = attempt
        self.retry_after_s = retry_after_s
        super().__init__(attempt.failure)

    @property
    def retryable(self) -> bool:
        """True where another attempt may succeed."""
        return self.attempt.failure in RETRYABLE
