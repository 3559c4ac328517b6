"""One attempt at a call that brought nothing, as an exception that carries what is known of it.

`WORDS` are all the words that stand for a failure: of an attempt, a call or a trial. They are the
same in tables, errors and docs; `docs/failures.md` tells what each means for the user.
"""

from __future__ import annotations

from fusion_eval.core import Attempt

WORDS = {
    "timeout": "no reply within a deadline, or status 408",
    "connection": "no connection, or it broke before the reply was whole",
    "rate_limited": "status 429, or an error that says so; never billed, and waited for",
    "server_error": "status 500 or above, 409 or 425",
    "provider_error": "an error under status 200, also inside a choice",
    "bad_reply": "cut off, no JSON, no choices, or no text where text belongs",
    "bad_request": "status 400 or another refusal of what was asked",
    "not_allowed": "status 401 or 403",
    "no_credit": "status 402, or `insufficient_quota`",
    "not_found": "status 404: no such model, or a wrong URL",
    "interrupted": "in flight when the process ended; possibly paid",
    "superseded": "another process's reply to the same call came first; paid, not used",
    "forgotten": "its reply was thrown away by `ledger forget`; paid",
    "cancelled": "given up by its strategy, or by a second Ctrl-C",
    "empty": "an answer without text",
    "refused": "the model refuses, or a content filter stopped it",
    "no_answer": "every seat of a recipe stayed empty",
}
"""Every word that may stand for a failure, and what it says."""

RETRYABLE = frozenset(
    {"timeout", "connection", "rate_limited", "server_error", "bad_reply", "provider_error"}
)
"""Failures that another attempt may mend; a refused request will be refused again."""

ELSEWHERE = "elsewhere"
"""Not sent: another process is waiting for the reply to this very call. Never in a table."""


class AttemptFailedError(Exception):
    """Raised by the client, recorded and perhaps tried again by `retry`.

    `retry_after_s` is how long the endpoint asks to be left alone. `gone`: nobody is there, or
    nobody behind the gateway. `final`: the same would come again. `held` is set by the gate where
    this attempt does not count, because the endpoint as a whole is waited for; `refused_for_s` how
    long the model has refused everything (429).
    """

    def __init__(
        self,
        attempt: Attempt,
        retry_after_s: float | None = None,
        *,
        gone: bool = False,
        final: bool = False,
    ) -> None:
        self.attempt = attempt
        self.retry_after_s = retry_after_s
        self.gone = gone
        self.final = final
        self.held = False
        self.refused_for_s: float | None = None
        super().__init__(attempt.failure)

    @property
    def retryable(self) -> bool:
        """True where another attempt may succeed."""
        return self.attempt.failure in RETRYABLE and not self.final
